// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unmodified Mesa on the mock of amdgpu: it finds the device, makes a context, draws, submits and
 * reads back. What it reads is zero, for nothing is drawn.
 */
#include <fcntl.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "lab.h"
#include "mesa.h"
#include "mockdrm.h"
#include "slower.h"

FIXTURE(gl)
{
	char node[QT_PATH];
	int fd;
};

FIXTURE_SETUP(gl)
{
	mesa_setup();
	ASSERT_EQ(0, qt_mock_load(""));
	ASSERT_EQ(0, qt_mock_node(self->node));
	self->fd = open(self->node, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(gl)
{
	close(self->fd);
	EXPECT_EQ(0, qt_mock_live());
	EXPECT_EQ(0, qt_mock_stat("asleep"));
	EXPECT_EQ(0, qt_mock_unload());
}

static void draws(struct __test_metadata *_metadata, EGLDisplay dpy)
{
	long before = qt_mock_stat("gfx_submitted");
	const char *renderer;
	EGLContext ctx;

	ASSERT_NE(EGL_NO_DISPLAY, dpy);
	ctx = context_of(dpy);
	ASSERT_NE(EGL_NO_CONTEXT, ctx)
	{
		TH_LOG("EGL error %#x", eglGetError());
	}
	renderer = (const char *)glGetString(GL_RENDERER);
	TH_LOG("%s, %s", renderer, (const char *)glGetString(GL_VERSION));
	EXPECT_NE(NULL, strstr(renderer, "Vega"));
	EXPECT_EQ(0, draw());
	EXPECT_EQ(GL_NO_ERROR, glGetError());
	EXPECT_LT(before, qt_mock_stat("gfx_submitted"));
	EXPECT_EQ(qt_mock_stat("gfx_submitted"), qt_mock_stat("gfx_finished"));
	EXPECT_LT(0, qt_mock_stat("vram_bytes"));
	eglMakeCurrent(dpy, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
	eglDestroyContext(dpy, ctx);
	eglTerminate(dpy);
}

TEST_F_TIMEOUT(gl, gbm, 120)
{
	struct gbm_device *gbm;
	EGLDisplay dpy = gbm_display(self->fd, &gbm);

	ASSERT_NE(NULL, gbm);
	draws(_metadata, dpy);
	gbm_end(gbm);
}

/* Without a window system, on the device whose render node is the mock's. */
TEST_F_TIMEOUT(gl, surfaceless, 120)
{
	draws(_metadata, device_display(self->node));
}

TEST_HARNESS_MAIN
