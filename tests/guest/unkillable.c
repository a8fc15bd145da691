// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VMM without any right that can't be killed: one of its threads waits for a FUSE server that is
 * itself. It keeps its device open; the device does no DMA all the same once its VM is over.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/fuse.h>
#include <linux/pci_regs.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "kselftest_harness.h"
#include "call.h"
#include "vfio.h"
#include "vm.h"

#define SOON	2000 /* ms: bounded, whatever the process does */
#define NOBODY	65534
#define MOUNT	"/tmp/fuse"
#define ABORTED "/sys/fs/fuse/connections"

static struct qt_vfio v = { -1, -1, -1, NULL };

static long do_open(long x, long y, void *data)
{
	int ret = qt_vfio_open(&v, data);

	return ret ? ret : qt_vfio_enable(v.device);
}

static void *touch(void *unused)
{
	struct stat st;

	stat(MOUNT "/file", &st);
	return NULL;
}

/* From here on SIGKILL does not end it: the answer that a thread waits for never comes. */
static long do_trap(long x, long y, void *data)
{
	struct {
		struct fuse_out_header head;
		struct fuse_init_out init;
	} out = {};
	static char buf[1 << 18];
	struct fuse_in_header *in = (void *)buf;
	char opts[128];
	pthread_t t;
	int fd;

	if (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
	    setresuid(NOBODY, NOBODY, NOBODY))
		return -errno;
	prctl(PR_SET_DUMPABLE, 1);
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS))
		return -1000 - errno;
	qt_write("/proc/self/setgroups", "deny");
	if (qt_write("/proc/self/uid_map", "0 65534 1") ||
	    qt_write("/proc/self/gid_map", "0 65534 1"))
		return -2000;
	fd = open("/dev/fuse", O_RDWR);
	snprintf(opts, sizeof(opts), "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
	if (fd < 0 || mount("x", MOUNT, "fuse", 0, opts))
		return -3000 - errno;
	pthread_create(&t, NULL, touch, NULL);
	if (read(fd, buf, sizeof(buf)) < 0)
		return -4000 - errno;
	out.head.len = sizeof(out);
	out.head.unique = in->unique;
	out.init.major = 7;
	out.init.minor = 31;
	out.init.max_write = 4096;
	if (write(fd, &out, sizeof(out)) < 0 || read(fd, buf, sizeof(buf)) < 0)
		return -5000 - errno;
	return in->opcode;
}

static __u16 command(const char *addr)
{
	__u16 word = 0xffff;
	char path[96];
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", addr);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || pread(fd, &word, sizeof(word), PCI_COMMAND) != sizeof(word))
		word = 0xffff;
	close(fd);
	return word;
}

/* Let go of what waits for FUSE. */
static void abort_all(void)
{
	char path[300];
	struct dirent *e;
	DIR *d = opendir(ABORTED);

	while (d && (e = readdir(d))) {
		snprintf(path, sizeof(path), ABORTED "/%s/abort", e->d_name);
		if (e->d_name[0] != '.')
			qt_write(path, "1");
	}
	if (d)
		closedir(d);
}

FIXTURE(unkillable)
{
	int ctl;
	struct qt_vm vm;
	struct qt_actor a;
};

FIXTURE_SETUP(unkillable)
{
	self->ctl = qt_open_control();
	ASSERT_LE(0, self->ctl);
	ASSERT_EQ(0, qt_settle(self->ctl, 20000));
	qt_run(true, (const char *const[]){ "modprobe", "fuse", NULL });
	mount("none", ABORTED, "fusectl", 0, NULL);
	ASSERT_EQ(0, chmod("/dev/fuse", 0666)); /* as udev's rules do */
	mkdir(MOUNT, 0777);
	chmod(MOUNT, 0777);
	ASSERT_EQ(0, qt_ours(self->ctl, "vga-a", NULL));
	ASSERT_EQ(0, qt_vm_new(&self->vm, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0));
	ASSERT_EQ(0, qt_attach(self->vm.manage, qt_id(self->ctl, "vga-a"), 0, NULL));
	ASSERT_EQ(0, qt_vmm(&self->vm, &self->a, NULL));
	snprintf(self->a.data, QT_SHARED, "%s", qt_addr("vga-a"));
	ASSERT_EQ(0, qt_do(&self->a, do_open, 0, 0));
	ASSERT_EQ(FUSE_LOOKUP, qt_do(&self->a, do_trap, 0, 0));
	ASSERT_EQ(PCI_COMMAND_MASTER, command(qt_addr("vga-a")) & PCI_COMMAND_MASTER);
}

FIXTURE_TEARDOWN(unkillable)
{
	abort_all();
	qt_end(&self->a);
	qt_vm_end(&self->vm);
	EXPECT_EQ(0, qt_set_param("qwamos_gpu", "revoke_timeout_s", 30));
	EXPECT_EQ(0, qt_settle(self->ctl, 20000));
	close(self->ctl);
}

/* Within the bound and for as long as it is open: no DMA, no interrupt by a pin. */
static void expect_cut_off(struct __test_metadata *_metadata, int ctl, int ms)
{
	long long end = qt_now_ms() + qt_patience(ms);
	__u16 word;

	while (command(qt_addr("vga-a")) & PCI_COMMAND_MASTER && qt_now_ms() < end)
		qt_sleep_ms(10);
	qt_sleep_ms(1000);
	word = command(qt_addr("vga-a"));
	EXPECT_EQ(0, word & PCI_COMMAND_MASTER) TH_LOG("COMMAND is 0x%04x", word);
	EXPECT_EQ(PCI_COMMAND_INTX_DISABLE, word & PCI_COMMAND_INTX_DISABLE);
	/* It really was not killed. */
	EXPECT_EQ(QWAMOS_GPU_DEV_STATE_OPEN, qt_state(ctl, "vga-a"));
}

TEST_F_TIMEOUT(unkillable, destroyed, 60)
{
	ASSERT_EQ(0, qt_destroy(self->vm.manage));
	expect_cut_off(_metadata, self->ctl, SOON);
}

TEST_F_TIMEOUT(unkillable, asked_for, 60)
{
	char path[64];
	pid_t pid;

	ASSERT_EQ(0, qt_set_param("qwamos_gpu", "revoke_timeout_s", 1));
	pid = fork();
	if (!pid) {
		snprintf(path, sizeof(path), "/sys/bus/pci/drivers/%s/unbind", QT_OURS);
		_exit(-qt_write(path, qt_addr("vga-a")));
	}
	expect_cut_off(_metadata, self->ctl, 1000 + SOON);
	abort_all();
	EXPECT_EQ(pid, waitpid(pid, NULL, 0));
}

TEST_HARNESS_MAIN
