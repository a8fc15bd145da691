// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lab.h"
#include "mockdrm.h"

#define MODULE "mockdrm"

int qt_mock_load(const char *params)
{
	const char *argv[16] = { "modprobe", MODULE };
	char words[QT_PATH], *at = words, *word;
	int n = 2;

	snprintf(words, sizeof(words), "%s", params);
	while (n < 15 && (word = strsep(&at, " ")))
		if (*word)
			argv[n++] = word;
	return qt_run(false, argv);
}

int qt_mock_unload(void)
{
	long long end = qt_now_ms() + qt_patience(10000);
	int ret;

	do {
		ret = qt_run(true, (const char *const[]){ "rmmod", MODULE, NULL });
		if (ret)
			qt_sleep_ms(50);
	} while (ret && qt_now_ms() < end);
	return ret;
}

int qt_mock_node(char *path)
{
	glob_t g;
	int ret = -ENODEV;

	if (glob("/sys/bus/pci/drivers/amdgpu/*:*/drm/renderD*", 0, NULL, &g))
		return ret;
	if (g.gl_pathc) {
		snprintf(path, QT_PATH, "/dev/dri/%s", basename(g.gl_pathv[0]));
		ret = 0;
	}
	globfree(&g);
	return ret;
}

int qt_mock_open(void)
{
	char path[QT_PATH];
	int fd, ret = qt_mock_node(path);

	if (ret)
		return ret;
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int qt_vgem_open(void)
{
	char path[QT_PATH];
	int fd = -ENODEV;
	glob_t g;

	if (qt_run(false, (const char *const[]){ "modprobe", "vgem", NULL }))
		return fd;
	if (glob("/sys/devices/*/vgem/drm/card*", 0, NULL, &g))
		return fd;
	snprintf(path, sizeof(path), "/dev/dri/%s", basename(g.gl_pathv[0]));
	fd = open(path, O_RDWR | O_CLOEXEC);
	globfree(&g);
	return fd < 0 ? -errno : fd;
}

long qt_mock_stat(const char *name)
{
	return qt_param(MODULE, name);
}

int qt_mock_set(const char *name, const char *value)
{
	char path[QT_PATH];

	snprintf(path, sizeof(path), "/sys/module/" MODULE "/parameters/%s", name);
	return qt_write(path, value);
}

int qt_mock_jobs_take(int ms)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", ms * 1000);
	return qt_mock_set("job_us", text);
}

long qt_mock_live(void)
{
	return qt_mock_stat("objects") + qt_mock_stat("bytes") + qt_mock_stat("fences") +
	       qt_mock_stat("contexts") + qt_mock_stat("clients");
}
