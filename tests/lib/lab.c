// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lab.h"

#define DEVICES "/sys/bus/pci/devices"
#define CGROUPS "/sys/fs/cgroup"

const char *qt_addr(const char *id)
{
	static struct {
		char id[32];
		char addr[32];
	} known[64];
	static int n = -1;
	int i;

	if (n < 0) {
		FILE *f = fopen("/run/lab/devices", "re");

		n = 0;
		if (!f)
			return NULL;
		while (n < 64 && fscanf(f, "%31s %31s", known[n].id, known[n].addr) == 2)
			n++;
		fclose(f);
	}
	for (i = 0; i < n; i++)
		if (!strcmp(known[i].id, id))
			return known[i].addr;
	return NULL;
}

long long qt_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

int qt_patience(int ms)
{
	const char *factor = getenv("QT_SLOWER");

	return factor && atoi(factor) > 1 ? ms * atoi(factor) : ms;
}

void qt_sleep_ms(int ms)
{
	long long end = qt_now_ms() + ms;
	int left;

	/* Not by nanosleep(): not each kernel has that of 32-bit programs. */
	while ((left = end - qt_now_ms()) > 0)
		poll(NULL, 0, left);
}

int qt_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

int qt_read(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	if (n < 0)
		n = -errno;
	close(fd);
	if (n < 0)
		return n;
	buf[n] = 0;
	buf[strcspn(buf, "\n")] = 0;
	return strlen(buf);
}

int qt_run(bool quiet, const char *const argv[])
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		int null = open("/dev/null", O_RDWR);

		if (null >= 0 && quiet) {
			dup2(null, 1);
			dup2(null, 2);
		}
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The last part of where a link points to. */
static int link_name(const char *path, char *name, size_t size)
{
	char to[PATH_MAX];
	ssize_t n = readlink(path, to, sizeof(to) - 1);

	if (n < 0)
		return -errno;
	to[n] = 0;
	snprintf(name, size, "%s", basename(to));
	return 0;
}

#define CORE_PATTERN "/proc/sys/kernel/core_pattern"
#define HELPER	     "/tmp/qt-helper"

static int wait_for(const char *path, int ms)
{
	long long end = qt_now_ms() + qt_patience(ms);

	while (access(path, F_OK)) {
		if (qt_now_ms() > end)
			return -ETIMEDOUT;
		qt_sleep_ms(50);
	}
	return 0;
}

static int write_helper(const char *script)
{
	FILE *f = fopen(HELPER, "we");

	if (!f)
		return -errno;
	fprintf(f,
		"#!/bin/bash\n>" HELPER ".begun\n{\n%s\n} >" HELPER ".out 2>&1\nmv " HELPER
		".out " HELPER ".done\n",
		script);
	fchmod(fileno(f), 0700);
	return fclose(f) ? -EIO : 0;
}

int qt_run_helper(const char *script, char *answer, size_t size, int ms)
{
	const struct rlimit core = { RLIM_INFINITY, RLIM_INFINITY };
	char was[QT_PATH];
	pid_t pid;
	int ret = write_helper(script);

	unlink(HELPER ".begun");
	unlink(HELPER ".done");
	if (!ret)
		ret = qt_read(CORE_PATTERN, was, sizeof(was));
	if (ret > 0)
		ret = qt_write(CORE_PATTERN, "|" HELPER);
	if (ret)
		return ret;
	/* This one waits for what the kernel starts. */
	pid = fork();
	if (!pid) {
		setrlimit(RLIMIT_CORE, &core);
		abort();
	}
	ret = wait_for(HELPER ".begun", 20000);
	qt_write(CORE_PATTERN, was);
	if (!ret)
		ret = wait_for(HELPER ".done", ms);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return ret ? ret : qt_read(HELPER ".done", answer, size);
}

int qt_driver(const char *addr, char *name, size_t size)
{
	char path[QT_PATH];

	if (!qt_exists(addr))
		return -ENODEV;
	snprintf(path, sizeof(path), DEVICES "/%s/driver", addr);
	if (link_name(path, name, size))
		name[0] = 0;
	return 0;
}

int qt_bind(const char *addr, const char *driver)
{
	char path[QT_PATH], now[64];
	int ret;

	snprintf(path, sizeof(path), DEVICES "/%s/driver_override", addr);
	ret = qt_write(path, driver && *driver ? driver : "\n");
	if (ret)
		return ret;
	ret = qt_driver(addr, now, sizeof(now));
	if (ret)
		return ret;
	if (driver && !strcmp(driver, now))
		return 0;
	if (now[0]) {
		snprintf(path, sizeof(path), DEVICES "/%s/driver/unbind", addr);
		ret = qt_write(path, addr);
		if (ret)
			return ret;
	}
	if (driver && !*driver)
		return 0;
	ret = qt_write("/sys/bus/pci/drivers_probe", addr);
	if (ret)
		return ret;
	ret = qt_driver(addr, now, sizeof(now));
	if (ret)
		return ret;
	if (driver ? strcmp(driver, now) : !now[0])
		return -EIO;
	return 0;
}

int qt_remove(const char *addr)
{
	char path[QT_PATH];

	snprintf(path, sizeof(path), DEVICES "/%s/remove", addr);
	return qt_write(path, "1");
}

int qt_rescan(void)
{
	return qt_write("/sys/bus/pci/rescan", "1");
}

bool qt_exists(const char *addr)
{
	char path[QT_PATH];

	snprintf(path, sizeof(path), DEVICES "/%s", addr);
	return !access(path, F_OK);
}

int qt_group(const char *addr)
{
	char path[QT_PATH], name[32];
	int ret;

	snprintf(path, sizeof(path), DEVICES "/%s/iommu_group", addr);
	ret = link_name(path, name, sizeof(name));
	return ret ? ret : atoi(name);
}

int qt_cgroup_new(const char *name, char *path)
{
	int fd;

	snprintf(path, QT_PATH, CGROUPS "/%s", name);
	if (mkdir(path, 0755) && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int qt_cgroup_enter(const char *path)
{
	char file[QT_PATH + 16];

	snprintf(file, sizeof(file), "%s/cgroup.procs", path);
	return qt_write(file, "0");
}

int qt_cgroup_empty(const char *path, int ms)
{
	long long end = qt_now_ms() + qt_patience(ms);
	char file[QT_PATH + 16], line[64];

	snprintf(file, sizeof(file), "%s/cgroup.events", path);
	while (qt_read(file, line, sizeof(line)) >= 0 && strcmp(line, "populated 0")) {
		if (qt_now_ms() > end)
			return -ETIMEDOUT;
		qt_sleep_ms(5);
	}
	return 0;
}

bool qt_dmesg(const char *text)
{
	int size = klogctl(10, NULL, 0);
	bool found = false;
	char *buf;
	int n;

	buf = size > 0 ? malloc(size + 1) : NULL;
	if (!buf)
		return false;
	n = klogctl(3, buf, size);
	if (n > 0) {
		buf[n] = 0;
		found = strstr(buf, text);
	}
	free(buf);
	return found;
}

long qt_param(const char *module, const char *name)
{
	char path[QT_PATH], text[32];
	int ret;

	snprintf(path, sizeof(path), "/sys/module/%s/parameters/%s", module, name);
	ret = qt_read(path, text, sizeof(text));
	return ret < 0 ? ret : atol(text);
}

int qt_set_param(const char *module, const char *name, long value)
{
	char path[QT_PATH], text[32];

	snprintf(path, sizeof(path), "/sys/module/%s/parameters/%s", module, name);
	snprintf(text, sizeof(text), "%ld", value);
	return qt_write(path, text);
}
