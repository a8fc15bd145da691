/* SPDX-License-Identifier: GPL-2.0-only */
/* The mock of amdgpu, loaded anew for each test; at the end nothing of it may be left. */
#ifndef MOCK_FIXTURE_H
#define MOCK_FIXTURE_H

#include <unistd.h>

#include "kselftest_harness.h"
#include "mockdrm.h"

FIXTURE(mock)
{
	int fd;
};

FIXTURE_SETUP(mock)
{
	ASSERT_EQ(0, qt_mock_load("vram_mib=8 gtt_mib=64"));
	self->fd = qt_mock_open();
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(mock)
{
	close(self->fd);
	EXPECT_EQ(0, qt_mock_stat("objects"));
	EXPECT_EQ(0, qt_mock_stat("bytes"));
	EXPECT_EQ(0, qt_mock_stat("vram_bytes"));
	EXPECT_EQ(0, qt_mock_stat("contexts"));
	EXPECT_EQ(0, qt_mock_stat("clients"));
	EXPECT_EQ(0, qt_mock_stat("asleep"));
	EXPECT_EQ(0, qt_mock_unload());
}

#endif
