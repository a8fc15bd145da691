// SPDX-License-Identifier: GPL-2.0-only
/* Making a VM: cgroup, policy, devices, and binding these where needed. */
#include "vm/vm.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kmod/policy.h"
#include "lib/libqwamos-gpu.h"
#include "util/mem.h"
#include "util/term.h"
#include "vfio/vfio.h"
#include "vm/internal.h"

/* How long a reset and scrub may take, in ms. */
#define RESET_MS 60000
/* How long to wait for another run of qwamos-vfio, in ms. */
#define LOCK_MS 30000

bool qvm_name_ok(const char *name)
{
	static const char ok[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
	size_t len = strlen(name);

	/* These two would be other directories as cgroups. */
	if (!strcmp(name, ".") || !strcmp(name, ".."))
		return false;
	return len > 0 && len < QWAMOS_GPU_NAME_LEN && strspn(name, ok) == len;
}

void qvm_say(const struct qvm_opts *o, const char *fmt, ...)
{
	va_list ap;
	char *line;

	if (!o->say)
		return;
	va_start(ap, fmt);
	line = qterm_vformat(fmt, ap);
	va_end(ap);
	o->say(o->say_arg, line);
	free(line);
}

int64_t qvm_clock_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int64_t qvm_now_ms(void)
{
	return qvm_clock_ns(CLOCK_MONOTONIC) / 1000000;
}

/*
 * What the registry says of a device, by address or (@addr NULL) by id. Return: 0, -ENODEV or
 * another negative errno.
 */
static int find_device(int ctl, const char *addr, uint64_t id, struct qwamos_gpu_dev *dev)
{
	struct qwamos_gpu_dev *devs;
	size_t i, n;
	int ret;

	ret = libqg_dev_list(ctl, &devs, &n, NULL);
	if (ret)
		return ret;
	ret = -ENODEV;
	for (i = 0; i < n && ret; i++) {
		if (addr ? strcmp(devs[i].bus_name, addr) : devs[i].device_id != id)
			continue;
		*dev = devs[i];
		ret = 0;
	}
	free(devs);
	return ret;
}

/* The name of a live or ending VM, "" if there is none of that id. */
static void vm_name(int ctl, uint64_t id, char name[QWAMOS_GPU_NAME_LEN])
{
	struct qwamos_gpu_vm *vms;
	size_t i, n;

	name[0] = '\0';
	if (libqg_vm_list(ctl, &vms, &n, NULL))
		return;
	for (i = 0; i < n; i++)
		if (vms[i].vm_id == id)
			memcpy(name, vms[i].name, QWAMOS_GPU_NAME_LEN);
	free(vms);
}

/* Tells why the kernel refused to give @addr, and what stands in the way. */
static int refused(struct qvm *vm, const char *addr, const struct qwamos_gpu_dev_attach *req,
		   uint32_t reason, int ret, struct qerr *e)
{
	char name[QWAMOS_GPU_NAME_LEN] = "", way[160] = "";
	struct qwamos_gpu_dev dev;

	vm->refused = reason;
	if (!reason)
		return qerr_sys(e, -ret, "%s can't be given to VM %s", addr, vm->opts.name);
	if (req->out_device_id && !find_device(vm->ctl, NULL, req->out_device_id, &dev) &&
	    (strcmp(dev.bus_name, addr) || reason == QWAMOS_GPU_REASON_OTHER_OWNER)) {
		if (dev.owner_vm_id && dev.owner_vm_id != vm->id)
			vm_name(vm->ctl, dev.owner_vm_id, name);
		snprintf(way, sizeof(way), " [in the way: %s, driver %s, %s%s%s]", dev.bus_name,
			 dev.driver[0] ? dev.driver : "none", libqg_dev_state_name(dev.state),
			 name[0] ? ", VM " : "", name);
	}
	return qerr_set(e, -ret, "%s can't be given to VM %s: %s: %s%s", addr, vm->opts.name,
			libqg_reason_name(reason), libqg_reason_text(reason), way);
}

/*
 * Puts a device, with its group, on our driver. What will go back to its own is in the record
 * before it is touched.
 */
static int bind(struct qvm *vm, const struct qwamos_gpu_dev *dev, struct qerr *e)
{
	struct qvfio_opts o = { .flags = vm->opts.flags & QVM_F_YES ? QVFIO_F_YES : 0,
				.lock_wait_ms = LOCK_MS };
	bool theirs = strcmp(dev->driver, QVFIO_DRIVER);
	const char *addr = dev->bus_name;
	enum qvfio_outcome outcome;
	struct qvfio_result r;
	int ret = 0, wret;
	size_t i;

	if (theirs) {
		qrecord_add_bound(&vm->rec, addr);
		ret = qrecord_write(&vm->rec, e);
		if (ret)
			return ret;
	}
	qvm_say(&vm->opts, "binding %s to " QVFIO_DRIVER, addr);
	outcome = qvfio_bind(&addr, 1, &o, &r);
	if (outcome == QVFIO_OK) {
		for (i = 0; i < r.n_changed; i++)
			qrecord_add_bound(&vm->rec, r.changed[i]);
	} else {
		qerr_join(&r.err);
		ret = qerr_set(e, outcome == QVFIO_REFUSED ? EPERM : EIO, "%s can't be bound: %s",
			       addr, r.err.msg);
		/* Then all is as it was, unless it could not be put back. */
		if (theirs && outcome != QVFIO_BROKEN)
			qrecord_drop_bound(&vm->rec, addr);
	}
	qvfio_result_free(&r);
	wret = qrecord_write(&vm->rec, ret ? NULL : e);
	return ret ? ret : wret;
}

/*
 * Whether to bind before asking the kernel. Not if it is going to refuse anyway: nothing is touched
 * then, and the reason is the kernel's. A device that no driver has probed yet may have no IOMMU
 * group for that alone.
 */
static bool bind_first(const struct qvm *vm, const struct qwamos_gpu_dev *dev)
{
	if (vm->opts.flags & QVM_F_NO_BIND ||
	    qgpu_policy_check(vm->opts.policy.level, QWAMOS_GPU_OP_PASSTHROUGH))
		return false;
	if (dev->driver[0] && !(dev->flags & QWAMOS_GPU_DEV_F_IOMMU))
		return false;
	return dev->state == QWAMOS_GPU_DEV_STATE_UNBOUND ||
	       !(dev->flags & QWAMOS_GPU_DEV_F_VIABLE);
}

/* Signals are blocked; one that would end us is heeded all the same. */
static bool interrupted(void)
{
	sigset_t set;

	sigpending(&set);
	return sigismember(&set, SIGINT) || sigismember(&set, SIGTERM) ||
	       sigismember(&set, SIGHUP) || sigismember(&set, SIGQUIT);
}

/*
 * Waits until something in the registry has changed; the poll is on the change since find_device()
 * has last looked.
 */
static void wait_for_change(struct qvm *vm)
{
	struct pollfd p = { .fd = vm->ctl, .events = POLLIN };

	/* With an end of its own: a change may have come before that look. */
	poll(&p, 1, 200);
}

static int attach(struct qvm *vm, const char *addr, struct qerr *e)
{
	struct qwamos_gpu_dev_attach req = { 0 };
	int64_t until = qvm_now_ms() + RESET_MS;
	struct qwamos_gpu_dev dev;
	bool bound = false, told = false;
	uint32_t reason = 0;
	int ret;

	for (;;) {
		ret = find_device(vm->ctl, addr, 0, &dev);
		if (ret == -ENODEV)
			return qerr_set(e, ENODEV, "%s can't be given to VM %s: NO_DEVICE: %s",
					addr, vm->opts.name,
					libqg_reason_text(QWAMOS_GPU_REASON_NO_DEVICE));
		if (ret)
			return qerr_sys(e, -ret, "listing devices");
		if (dev.owner_vm_id == vm->id && dev.state != QWAMOS_GPU_DEV_STATE_RESETTING)
			return 0; /* came with another one's group */
		if (!bound && bind_first(vm, &dev)) {
			ret = bind(vm, &dev, e);
			if (ret)
				return ret;
			bound = true;
			continue;
		}
		memset(&req, 0, sizeof(req));
		req.device_id = dev.device_id;
		req.scrub = vm->opts.scrub;
		if (vm->opts.flags & QVM_F_UNWIPED)
			req.hdr.flags = QWAMOS_GPU_DEV_ATTACH_F_ACCEPT_UNWIPED;
		ret = libqg_dev_attach(vm->manage, &req, &reason);
		if (!ret)
			break;
		if (reason != QWAMOS_GPU_REASON_RESETTING || qvm_now_ms() > until)
			return refused(vm, addr, &req, reason, ret, e);
		if (interrupted())
			return qerr_set(e, EINTR, "interrupted while waiting for the reset of %s",
					addr);
		if (!told)
			qvm_say(&vm->opts, "waiting for the reset of %s", addr);
		told = true;
		wait_for_change(vm);
	}
	qvm_say(&vm->opts, "%s belongs to VM %s (IOMMU group %u, %u device%s)", addr, vm->opts.name,
		req.out_iommu_group, req.out_devices, req.out_devices == 1 ? "" : "s");
	return 0;
}

/* The ids of all that the VM has been given. */
static int note_held(struct qvm *vm, struct qerr *e)
{
	struct qwamos_gpu_dev *devs;
	size_t i, n = 0;
	int ret;

	ret = libqg_dev_list(vm->ctl, &devs, &n, NULL);
	if (ret)
		return qerr_sys(e, -ret, "listing devices");
	for (i = 0; i < n; i++)
		if (devs[i].owner_vm_id == vm->id)
			*QMEM_GROW(vm->held, vm->n_held) = devs[i].device_id;
	free(devs);
	return 0;
}

static int give_policy(struct qvm *vm, struct qerr *e)
{
	struct qwamos_gpu_vm_set_policy *req = &vm->opts.policy;
	struct qwamos_gpu_dev dev;

	if (!req->mask)
		return 0;
	if (vm->opts.n_devices) {
		req->mask |= QWAMOS_GPU_POLICY_MODE;
		req->mode_asked = req->mode_got = QWAMOS_GPU_MODE_PASSTHROUGH;
	}
	/* One that is not there is refused when it is attached. */
	if (req->mask & QWAMOS_GPU_POLICY_GUARANTEE && vm->opts.n_devices &&
	    !find_device(vm->ctl, vm->opts.devices[0], 0, &dev))
		req->device_id = dev.device_id;
	return qvm_set_policy(vm->manage, vm->opts.name, req, &vm->opts.words, e);
}

static int create(struct qvm *vm, struct qerr *e)
{
	uint32_t reason = 0;
	__u64 id = 0;
	int ret;

	ret = libqg_vm_create(vm->ctl, vm->opts.name, vm->cg.fd,
			      QWAMOS_GPU_VM_CREATE_F_END_ON_CLOSE, &vm->manage, &vm->use, &id,
			      &reason);
	if (ret == -EEXIST)
		return qerr_set(e, EEXIST, "a VM called %s exists already: qwamos-gpu vm list",
				vm->opts.name);
	if (ret && reason)
		return qerr_set(e, -ret, "VM %s can't be made: %s: %s", vm->opts.name,
				libqg_reason_name(reason), libqg_reason_text(reason));
	if (ret)
		return qerr_sys(e, -ret, "VM %s can't be made", vm->opts.name);
	vm->id = id;
	return give_policy(vm, e);
}

/* Writes down which disks the VM has, and refuses one that a VM has which runs. */
static int note_disks(struct qvm *vm, struct qerr *e)
{
	const struct qvm_opts *o = &vm->opts;
	struct qrecord_disk *mine;
	char other[64];
	size_t i, at;
	int ret;

	if (o->n_disks > QRECORD_DISKS)
		return qerr_set(e, E2BIG, "VM %s has %zu files; accepted: at most %d", o->name,
				o->n_disks, QRECORD_DISKS);
	for (i = 0; i < o->n_disks; i++)
		qrecord_add_disk(&vm->rec, &o->disks[i]);
	ret = qrecord_write(&vm->rec, e);
	if (ret || o->flags & QVM_F_SHARED)
		return ret;
	ret = qrecord_find_disk(&vm->rec, &at, other, e);
	if (ret || !other[0])
		return ret;
	mine = &vm->rec.disks[at];
	for (i = 0; i < o->n_disks; i++)
		if (o->disks[i].block == mine->block && o->disks[i].dev == mine->dev &&
		    o->disks[i].ino == mine->ino)
			break;
	return qerr_set(
		e, EBUSY,
		"%s is in use by VM %s, which runs; accepted: a disk that no other VM has, or security.accept_disk_in_use: true",
		i < o->n_disks ? o->disk_paths[i] : "a disk", other);
}

int qvm_setup(struct qvm *vm, const struct qvm_opts *o, struct qerr *e)
{
	size_t i;
	int ret;

	memset(vm, 0, sizeof(*vm));
	vm->opts = *o;
	vm->ctl = vm->manage = vm->use = vm->pidfd = vm->cg.fd = vm->rec.fd = -1;
	if (!qvm_name_ok(o->name))
		return qerr_set(
			e, EINVAL,
			"'%s' can't be a VM's name: 1 to %d of the characters A-Z a-z 0-9 _ . - are accepted",
			o->name, QWAMOS_GPU_NAME_LEN - 1);
	vm->ctl = libqg_open();
	if (vm->ctl == -ENOENT)
		return qerr_set(e, ENOENT,
				QWAMOS_GPU_DEVICE
				" is missing: load the module: modprobe qwamos_gpu");
	if (vm->ctl < 0)
		return qerr_sys(e, -vm->ctl, QWAMOS_GPU_DEVICE);
	qvm_mend(vm->ctl, o->say, o->say_arg);
	ret = qrecord_take(o->name, &vm->rec, e);
	if (ret < 0)
		return ret;
	if (vm->rec.damage[0]) {
		/* It stays, for qvm_end() has no part in it. */
		qrecord_drop(&vm->rec);
		return qerr_set(e, EBADMSG,
				"the record of VM %s is damaged (%s) and could not be set aside",
				o->name, vm->rec.damage);
	}
	if (ret)
		return qerr_set(e, EBUSY,
				"what the last VM called %s has left could not be put back",
				o->name);
	if (o->config)
		snprintf(vm->rec.config, sizeof(vm->rec.config), "%s", o->config);
	if (o->config_sha256)
		snprintf(vm->rec.config_sha256, sizeof(vm->rec.config_sha256), "%s",
			 o->config_sha256);
	ret = qcgroup_path(o->name, vm->cg.path, e);
	if (ret)
		return ret;
	ret = note_disks(vm, e);
	if (ret)
		return ret;
	/* The path before the directory: what is made is never unknown. */
	snprintf(vm->rec.cgroup, sizeof(vm->rec.cgroup), "%s", vm->cg.path);
	ret = qrecord_write(&vm->rec, e);
	if (ret)
		return ret;
	ret = qcgroup_create(o->name, &vm->cg, e);
	if (ret) {
		/* It is not ours, so it is not for qvm_end() to kill. */
		vm->rec.cgroup[0] = '\0';
		return ret;
	}
	ret = qsuper_enter(&vm->super, &vm->cg, e);
	if (ret)
		return ret;
	ret = create(vm, e);
	if (ret)
		return ret;
	vm->rec.vm_id = vm->id;
	ret = qrecord_write(&vm->rec, e);
	for (i = 0; !ret && i < o->n_devices; i++)
		ret = attach(vm, o->devices[i], e);
	if (!ret && o->gate) {
		ret = qvm_gate_create(vm->manage, o->name, o->gate, o->flags & QVM_F_GATE_ANY,
				      &vm->gate, &vm->refused, e);
		vm->no_gate = ret;
		if (!ret)
			qvm_say(o, "VM %s has a gate to %s (%u:%u)", o->name,
				qvm_render_name(o->gate), vm->gate.major, vm->gate.minor);
	}
	if (!ret)
		ret = note_held(vm, e);
	return ret;
}
