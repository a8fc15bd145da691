// SPDX-License-Identifier: GPL-2.0-only
#include "vm/confine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/file.h"
#include "util/mem.h"
#include "vm/words.h"

#define MIB (1ULL << 20)

/*
 * What QEMU takes beside the guest's memory, in MiB: itself and its libraries, tables of what is
 * mapped for DMA, queues of devices. Measured with QEMU 7.2, see Documentation/security.md.
 */
#define QEMU_MIB 256
/* For each GiB of the guest's. */
#define TABLES_MIB 16
/* Translated code, of which QEMU keeps at most so much, or an eighth of the computer's memory. */
#define TCG_MIB 1024
/* Threads beside the CPUs': 64 for disks, and QEMU's own. */
#define THREADS 128

static int absolute(char **path, struct qerr *e)
{
	char full[PATH_MAX];

	if (!*path)
		return 0;
	if (!realpath(*path, full))
		return qerr_sys(e, errno, "%s", *path);
	free(*path);
	*path = qmem_strdup(full);
	return 0;
}

int qconfine_absolute(struct qconfig *c, struct qerr *e)
{
	int ret = absolute(&c->kernel, e);

	if (!ret)
		ret = absolute(&c->initrd, e);
	/* Not the disk's: it is opened here, and its name tells its format. */
	return ret;
}

static uint64_t memory(const struct qconfig *c, const struct qemu_plan *p)
{
	uint64_t mib = c->memory_mib + QEMU_MIB + (uint64_t)c->memory_mib * TABLES_MIB / 1024;
	uint64_t host = (uint64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE) / MIB;

	if (!p->kvm)
		mib += host / 8 < TCG_MIB ? host / 8 : TCG_MIB;
	if (p->gpu.vram_mib > 0)
		mib += p->gpu.vram_mib;
	return mib * MIB;
}

/* A file that an argument of qemu_extra_args names: it can read it. */
static void add_named_file(void *arg, const char *path)
{
	struct stat st;

	if (*path == '/' && !stat(path, &st) && S_ISREG(st.st_mode))
		qsandbox_add_file(arg, path);
}

int qconfine_plan(struct qconfine *x, const struct qconfig *c, const struct qemu_plan *p,
		  const struct qemu_host *h, struct qerr *e)
{
	struct qsandbox *s = &x->sandbox;
	size_t i;
	int ret;

	memset(x, 0, sizeof(*x));
	x->disk[0] = x->disk[1] = x->tmp = -1;
	qsandbox_init(s);
	ret = qsandbox_program(s, h->program ? h->program : qemu_program(c), e);
	if (ret)
		return ret;
	qsandbox_add_file(s, s->program);
	if (c->kernel)
		qsandbox_add_file(s, c->kernel);
	if (c->kernel && c->initrd)
		qsandbox_add_file(s, c->initrd);
	if (h->firmware)
		qsandbox_add_file(s, h->firmware);
	for (i = 0; i < c->extra_args.n; i++)
		qvm_words_paths(c->extra_args.v[i].text, add_named_file, s);
	/* Its user-mode network is the host's; all other has fds, or leads nowhere. */
	s->host_net = p->nic && c->net == QNET_NAT;
	s->hugepages = c->hugepages ? c->memory_mib : 0;
	if (c->disk && (c->disk_snapshot || !c->persistent) &&
	    snprintf(s->tmp, sizeof(s->tmp), QCONFINE_TMP "/%s", c->name) >= (int)sizeof(s->tmp))
		return qerr_set(e, ENAMETOOLONG, QCONFINE_TMP "/%s", c->name);
	x->limits.memory = memory(c, p);
	x->limits.pids = c->cores + THREADS;
	x->limits.cpu_percent = 100 * (c->cores + 1);
	return p->kvm ? qsandbox_add_node(s, "kvm", e) : 0;
}

/*
 * Does an image name another one behind it? QEMU would have to open that by its name, and who has
 * been able to write to the image may have written any.
 */
static bool has_backing(int fd)
{
	unsigned char head[16];

	return pread(fd, head, sizeof(head), 0) == sizeof(head) && !memcmp(head, "QFI\xfb", 4) &&
	       memcmp(head + 8, "\0\0\0\0\0\0\0\0", 8);
}

/* What stood there when the config was looked at may be something else by now. */
static int open_disk(const char *path, int flags, struct qerr *e)
{
	int fd = qfile_open_plain(path, flags, true);

	if (fd == -ENOTSUP || fd == -EISDIR)
		return qerr_set(e, -fd,
				"%s is no regular file; accepted: a regular file or a block device",
				path);
	return fd < 0 ? qerr_sys(e, -fd, "%s", path) : fd;
}

int qconfine_open(struct qconfine *x, const struct qconfig *c, struct qerr *e)
{
	bool keep = !c->disk_snapshot && c->persistent;

	if (!c->disk)
		return 0;
	x->disk[1] = open_disk(c->disk, O_RDONLY, e);
	if (x->disk[1] < 0)
		return x->disk[1];
	if (strcmp(qemu_disk_format(c), "raw") && has_backing(x->disk[1]))
		return qerr_set(
			e, EINVAL,
			"%s has a backing file, which the VM's sandbox does not: make it one image (qemu-img rebase -b '' %s)",
			c->disk, c->disk);
	/* One that it does not keep it need not be able to write to. */
	if (keep) {
		x->disk[0] = open_disk(c->disk, O_RDWR, e);
		if (x->disk[0] < 0)
			return x->disk[0];
	}
	return 0;
}

/* The group's node, and the link by which QEMU finds it; of sysfs it gets nothing else. */
static int add_group(struct qsandbox *s, const char *addr, struct qerr *e)
{
	char path[128], group[32], node[48];
	size_t i;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group", addr);
	if (qfile_link_name(AT_FDCWD, path, group, sizeof(group)) < 0)
		return qerr_sys(e, errno, "%s", path);
	snprintf(node, sizeof(node), "../../../../kernel/iommu_groups/%s", group);
	qsandbox_add_link(s, path, node);
	snprintf(node, sizeof(node), "vfio/%s", group);
	for (i = 0; i < s->n_nodes; i++)
		if (!strcmp(s->nodes[i].path, node))
			return 0;
	return qsandbox_add_node(s, node, e);
}

int qconfine_add_vfio(struct qsandbox *s, const char *const *addrs, size_t n, struct qerr *e)
{
	int ret = qsandbox_add_node(s, "vfio/vfio", e);
	size_t i;

	for (i = 0; i < n && !ret; i++)
		ret = add_group(s, addrs[i], e);
	return ret;
}

static int open_tmp(const char *path)
{
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

/* Removes what is in a directory: QEMU can make files there, but no directories. */
static void empty(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *de;

	/* Its copy stands where it does, which may be the end. */
	if (dir)
		rewinddir(dir);
	while (dir && (de = readdir(dir)))
		unlinkat(fd, de->d_name, 0);
	if (dir)
		closedir(dir);
	else if (copy >= 0)
		close(copy);
}

/* Whoever makes or removes such directories does so one at a time; return: an fd to close. */
static int lock_tmp(struct qerr *e)
{
	int ret = qfile_mkdirs(QCONFINE_TMP, 0700), fd;

	if (ret)
		return qerr_sys(e, -ret, "mkdir " QCONFINE_TMP);
	fd = open_tmp(QCONFINE_TMP);
	if (fd < 0 || flock(fd, LOCK_EX)) {
		ret = qerr_sys(e, errno, QCONFINE_TMP);
		if (fd >= 0)
			close(fd);
		return ret;
	}
	return fd;
}

/*
 * An empty directory of its own, whatever one of that name held. It stays locked, so that nobody
 * takes it for left over.
 */
static int make_tmp(struct qconfine *x, struct qerr *e)
{
	const struct qsandbox *s = &x->sandbox;
	int all = lock_tmp(e), ret = 0;

	if (all < 0)
		return all;
	if (mkdir(s->tmp, 0700) && errno != EEXIST) {
		ret = qerr_sys(e, errno, "mkdir %s", s->tmp);
		goto out;
	}
	x->tmp = open_tmp(s->tmp);
	if (x->tmp < 0) {
		ret = qerr_sys(e, errno, "%s", s->tmp);
		goto out;
	}
	if (flock(x->tmp, LOCK_EX | LOCK_NB)) {
		ret = qerr_set(e, EBUSY, "%s is another supervisor's, of a VM of that name",
			       s->tmp);
		close(x->tmp);
		x->tmp = -1;
		goto out;
	}
	empty(x->tmp);
	if (fchown(x->tmp, s->uid, s->uid) || fchmod(x->tmp, 0770))
		ret = qerr_sys(e, errno, "%s", s->tmp);
out:
	close(all);
	return ret;
}

void qconfine_remove_tmp(struct qconfine *x)
{
	int all;

	if (x->tmp < 0)
		return;
	all = lock_tmp(NULL);
	empty(x->tmp);
	/* It is ours, and nobody but who holds the lock of all removes one. */
	if (all >= 0) {
		rmdir(x->sandbox.tmp);
		close(all);
	}
	close(x->tmp);
	x->tmp = -1;
}

void qconfine_mend_tmp(void)
{
	struct dirent *de;
	char path[PATH_MAX];
	int all, fd;
	DIR *dir;

	if (access(QCONFINE_TMP, F_OK))
		return;
	all = lock_tmp(NULL);
	dir = all < 0 ? NULL : opendir(QCONFINE_TMP);
	while (dir && (de = readdir(dir))) {
		if (!strcmp(de->d_name, ".") || !strcmp(de->d_name, ".."))
			continue;
		snprintf(path, sizeof(path), QCONFINE_TMP "/%s", de->d_name);
		fd = open_tmp(path);
		if (fd < 0)
			continue;
		if (!flock(fd, LOCK_EX | LOCK_NB)) {
			empty(fd);
			rmdir(path);
		}
		close(fd);
	}
	if (dir)
		closedir(dir);
	if (all >= 0)
		close(all);
}

int qconfine_apply(struct qconfine *x, const struct qvm *vm, const struct qemu_plan *p,
		   const struct qemu_host *h, struct qerr *e)
{
	struct qsandbox *s = &x->sandbox;
	int ret = 0;

	qsandbox_number(s, vm->id);
	/* These come with the binding. */
	if (p->gpu.got == QACCESS_PASSTHROUGH)
		ret = qconfine_add_vfio(s, h->devices, h->n_devices, e);
	if (!ret && s->tmp[0])
		ret = make_tmp(x, e);
	if (!ret)
		ret = qcgroup_limit(&vm->cg, &x->limits, e);
	return ret ? ret : qsandbox_filter_devices(s, vm->cg.fd, e);
}

void qconfine_free(struct qconfine *x)
{
	if (x->disk[0] >= 0)
		close(x->disk[0]);
	if (x->disk[1] >= 0)
		close(x->disk[1]);
	qconfine_remove_tmp(x);
	qsandbox_free(&x->sandbox);
	x->disk[0] = x->disk[1] = x->tmp = -1;
}
