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

#include "qemu/args.h"
#include "util/file.h"
#include "util/mem.h"
#include "vm/disk_lock.h"

#define MIB (1ULL << 20)

/*
 * What QEMU takes beside the guest's memory, in MiB: itself and its libraries, tables of what is
 * mapped for DMA, queues of devices. Measured with QEMU 7.2, see Documentation/security.md.
 */
#define QEMU_MIB 256
/* More for 3D: Mesa, its compilers, and what it keeps of buffers. */
#define GL_MIB 512
/* For each GiB of the guest's. */
#define TABLES_MIB 16
/* Translated code, of which QEMU keeps at most so much, or an eighth of the computer's memory. */
#define TCG_MIB 1024
/* Threads beside the CPUs': 64 for disks, and QEMU's own. */
#define THREADS 128

static uint64_t memory(const struct qconfig *c, const struct qemu_plan *p)
{
	uint64_t mib = c->memory_mib + QEMU_MIB + (uint64_t)c->memory_mib * TABLES_MIB / 1024;
	uint64_t host = (uint64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE) / MIB;

	if (!p->kvm)
		mib += host / 8 < TCG_MIB ? host / 8 : TCG_MIB;
	if (p->gpu.vram_mib > 0)
		mib += p->gpu.vram_mib;
	if (p->gpu.gl)
		mib += GL_MIB;
	return mib * MIB;
}

int qconfine_plan(struct qconfine *x, const struct qconfig *c, const struct qvm_files *f,
		  const struct qemu_plan *p, const struct qemu_host *h, struct qerr *e)
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
	qsandbox_add_file(s, s->program, -1);
	for (i = 0; i < f->n; i++)
		qsandbox_add_file(s, f->v[i].path, f->v[i].fd);
	if (h->firmware)
		qsandbox_add_file(s, h->firmware, -1);
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

/*
 * Past the page cache, if the config says so: QEMU 10 and newer refuse an fd that is not, where
 * they would open the disk so by its name. Once all is read here that needs no whole sectors.
 */
static int set_direct(int fd, const struct qconfig *c, struct qerr *e)
{
	int flags;

	if (!c->disk_cache ||
	    (strcmp(c->disk_cache, "none") && strcmp(c->disk_cache, "directsync")))
		return 0;
	flags = fcntl(fd, F_GETFL);
	if (flags >= 0 && !fcntl(fd, F_SETFL, flags | O_DIRECT))
		return 0;
	return qerr_sys(
		e, errno,
		"%s can't be had past the page cache, as cache '%s' says; writeback, writethrough and unsafe do without",
		c->disk, c->disk_cache);
}

int qconfine_open(struct qconfine *x, const struct qconfig *c, const struct qvm_files *f,
		  struct qerr *e)
{
	bool keep = !c->disk_snapshot && c->persistent;
	int claim = 0, fd, ret;

	if (!c->disk)
		return 0;
	/* From here on until the VM's end nobody else mounts it. */
	if (S_ISBLK(f->disk.st.st_mode) && !c->accept_disk_in_use)
		claim = O_EXCL;
	fd = qtrust_reopen(&f->disk, O_RDONLY | (keep ? 0 : claim));
	x->disk[1] = fd < 0 ? -1 : fd;
	if (fd >= 0 && strcmp(qemu_disk_format(c), "raw") && has_backing(fd))
		return qerr_set(
			e, EINVAL,
			"%s has a backing file, which the VM's sandbox does not: make it one image (qemu-img rebase -b '' %s)",
			c->disk, c->disk);
	ret = fd < 0 ? 0 : set_direct(fd, c, e);
	/* One that it does not keep it need not be able to write to. */
	if (fd >= 0 && !ret && keep) {
		fd = qtrust_reopen(&f->disk, O_RDWR | claim);
		x->disk[0] = fd < 0 ? -1 : fd;
		ret = fd < 0 ? 0 : set_direct(fd, c, e);
	}
	if (fd == -EBUSY)
		return qerr_set(e, EBUSY, "%s is in use on this computer", c->disk);
	if (fd < 0)
		return qerr_sys(e, -fd, "%s", c->disk);
	/* Other VMs of ours are in their records. */
	if (!ret && !c->accept_disk_in_use)
		ret = qdisk_lock_check(&f->disk, keep, e);
	if (!ret)
		qdisk_lock_take(&f->disk, keep);
	/* A QEMU that has come in between has not seen ours: it asks once it has its own. */
	if (!ret && !c->accept_disk_in_use)
		ret = qdisk_lock_check(&f->disk, keep, e);
	return ret;
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

/* How deep a path can be. */
#define MAX_DEPTH (PATH_MAX / 2)

/*
 * Removes what is in a directory. QEMU can make files there, but no directories; those that lead to
 * a kernel or another file below /var/tmp, which it gets at its own path, are the sandbox's.
 */
static void empty(int fd, int depth)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3), below;
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *de;

	/* Its copy stands where it does, which may be the end. */
	if (dir)
		rewinddir(dir);
	while (dir && (de = readdir(dir))) {
		if (!strcmp(de->d_name, ".") || !strcmp(de->d_name, ".."))
			continue;
		if (!unlinkat(fd, de->d_name, 0) || errno != EISDIR || depth == MAX_DEPTH)
			continue;
		below = openat(fd, de->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (below < 0)
			continue;
		empty(below, depth + 1);
		close(below);
		unlinkat(fd, de->d_name, AT_REMOVEDIR);
	}
	if (dir)
		closedir(dir);
	else if (copy >= 0)
		close(copy);
}

/* Whoever makes or removes such directories does so one at a time; return: an fd to close. */
static int lock_tmp(struct qerr *e)
{
	int ret = qfile_private_dir(QCONFINE_TMP, e), fd;

	if (ret)
		return ret;
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
	}
out:
	close(all);
	if (ret)
		return ret;
	empty(x->tmp, 0);
	if (fchown(x->tmp, s->uid, s->uid) || fchmod(x->tmp, 0770))
		return qerr_sys(e, errno, "%s", s->tmp);
	return 0;
}

void qconfine_remove_tmp(struct qconfine *x)
{
	int all;

	if (x->tmp < 0)
		return;
	/* It may be full of files: nobody else waits for that, for it is locked by itself. */
	empty(x->tmp, 0);
	all = lock_tmp(NULL);
	/* It is ours, and nobody but who holds the lock of all removes one. */
	if (all >= 0) {
		rmdir(x->sandbox.tmp);
		close(all);
	}
	close(x->tmp);
	x->tmp = -1;
}

/* What ends a name that no VM can have: what was left of one and is being removed. */
#define GONE "~"

/* Leftovers: each locked, and under a name of GONE. */
struct left {
	int fd;
	char path[PATH_MAX];
};

/* Takes what nobody has, by a name that no VM comes for; called with the lock of all. */
static void take_left(const char *name, struct left **left, size_t *n)
{
	char path[PATH_MAX];
	struct left l;

	snprintf(path, sizeof(path), QCONFINE_TMP "/%s", name);
	snprintf(l.path, sizeof(l.path), "%.*s%s", PATH_MAX - 2, path,
		 strchr(name, GONE[0]) ? "" : GONE);
	l.fd = open_tmp(path);
	if (l.fd < 0)
		return;
	if (flock(l.fd, LOCK_EX | LOCK_NB) || (strcmp(path, l.path) && rename(path, l.path)))
		close(l.fd);
	else
		*QMEM_GROW(*left, *n) = l;
}

void qconfine_mend_tmp(void)
{
	struct left *left = NULL;
	struct dirent *de;
	size_t i, n = 0;
	int all;
	DIR *dir;

	if (access(QCONFINE_TMP, F_OK))
		return;
	all = lock_tmp(NULL);
	dir = all < 0 ? NULL : opendir(QCONFINE_TMP);
	while (dir && (de = readdir(dir)))
		if (strcmp(de->d_name, ".") && strcmp(de->d_name, ".."))
			take_left(de->d_name, &left, &n);
	if (dir)
		closedir(dir);
	if (all >= 0)
		close(all);
	/* They may be full of files: nobody else waits for that. */
	for (i = 0; i < n; i++) {
		empty(left[i].fd, 0);
		rmdir(left[i].path);
		close(left[i].fd);
	}
	free(left);
}

int qconfine_apply(struct qconfine *x, const struct qvm *vm, const struct qemu_plan *p,
		   const struct qemu_host *h, struct qerr *e)
{
	struct qsandbox *s = &x->sandbox;
	int ret = 0;

	qsandbox_number(s, vm->id);
	/* These come with the binding, and with the gate. */
	if (p->gpu.got == QACCESS_PASSTHROUGH)
		ret = qconfine_add_vfio(s, h->devices, h->n_devices, e);
	else if (vm->gate.id)
		ret = qvm_gate_show(&vm->gate, vm->opts.gate, s, e);
	if (!ret && s->tmp[0])
		ret = make_tmp(x, e);
	x->limits.files = qsandbox_copied(s);
	if (!ret)
		ret = qcgroup_limit(&vm->cg, &x->limits, e);
	return ret ? ret : qsandbox_filter_devices(s, vm->cg.fd, e);
}

/* 0: no limit. */
static uint64_t most(int value, uint64_t unit)
{
	return value > 0 ? value * unit : 0;
}

int qconfine_limit_io(const struct qconfine *x, const struct qvm *vm, const struct qconfig *c,
		      struct qerr *e)
{
	struct qcgroup_io io = {
		.read_bytes = most(c->io.read_kib, 1024),
		.write_bytes = most(c->io.write_kib, 1024),
		.read_ops = most(c->io.read_ops, 1),
		.write_ops = most(c->io.write_ops, 1),
	};
	int ret;

	if (x->disk[1] < 0 || !qconfig_limits_io(&c->io))
		return 0;
	ret = qcgroup_add_disk(&io, x->disk[1], c->disk, e);
	/* Where it writes if it does not keep it. */
	if (!ret && x->tmp >= 0)
		ret = qcgroup_add_disk(&io, x->tmp, x->sandbox.tmp, e);
	return ret ? ret : qcgroup_limit_io(&vm->cg, &io, e);
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
