// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vm.h"

#define MAX_DEVICES 64
#define MAX_VMS	    64

int qt_vm_new(struct qt_vm *vm, int ctl, __u32 level, __u32 flags)
{
	struct qwamos_gpu_vm_create c;
	static int serial;
	int ret;

	memset(vm, 0, sizeof(*vm));
	vm->cgroup_fd = vm->manage = vm->use = -1;
	snprintf(vm->name, sizeof(vm->name), "qt-%d-%d", getpid(), serial++);
	if (!(flags & QWAMOS_GPU_VM_CREATE_F_NO_CGROUP)) {
		vm->cgroup_fd = qt_cgroup_new(vm->name, vm->cgroup);
		if (vm->cgroup_fd < 0)
			return vm->cgroup_fd;
	}
	ret = qt_create(ctl, vm->name, vm->cgroup_fd, flags, &c);
	if (ret)
		return ret;
	vm->manage = c.out_manage_fd;
	vm->use = c.out_use_fd;
	vm->id = c.out_vm_id;
	return level == QWAMOS_GPU_LEVEL_NONE ? 0 : qt_set_level(vm->manage, level);
}

static void close_once(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void qt_vm_end(struct qt_vm *vm)
{
	int i;

	if (!vm->name[0])
		return;
	if (vm->manage >= 0)
		qt_destroy(vm->manage);
	close_once(&vm->use);
	close_once(&vm->manage);
	close_once(&vm->cgroup_fd);
	if (vm->cgroup[0]) {
		qt_cgroup_empty(vm->cgroup, 10000);
		for (i = 0; i < 100 && rmdir(vm->cgroup) && errno == EBUSY; i++)
			qt_sleep_ms(10);
	}
	vm->name[0] = 0;
}

int qt_device_at(int ctl, const char *addr, struct qwamos_gpu_dev *d)
{
	struct qwamos_gpu_dev devs[MAX_DEVICES];
	int n = qt_list_devices(ctl, devs, MAX_DEVICES), i;

	if (n < 0)
		return n;
	for (i = 0; i < n; i++) {
		if (!strcmp(devs[i].bus_name, addr)) {
			*d = devs[i];
			return 0;
		}
	}
	return -ENOENT;
}

int qt_device(int ctl, const char *id, struct qwamos_gpu_dev *d)
{
	const char *addr = qt_addr(id);

	return addr ? qt_device_at(ctl, addr, d) : -ENOENT;
}

__u64 qt_id(int ctl, const char *id)
{
	struct qwamos_gpu_dev d;

	return qt_device(ctl, id, &d) ? 0 : d.device_id;
}

int qt_state(int ctl, const char *id)
{
	struct qwamos_gpu_dev d;
	int ret = qt_device(ctl, id, &d);

	return ret ? ret : (int)d.state;
}

int qt_wait_state(int ctl, const char *id, int state, int ms)
{
	long long end = qt_now_ms() + qt_patience(ms);
	int now;

	while ((now = qt_state(ctl, id)) != state) {
		if (qt_now_ms() > end) {
			fprintf(stderr, "# %s: state %d after %d ms, not %d\n", id, now,
				qt_patience(ms), state);
			return -ETIMEDOUT;
		}
		qt_sleep_ms(2);
	}
	return 0;
}

int qt_settle(int ctl, int ms)
{
	struct qwamos_gpu_dev devs[MAX_DEVICES];
	struct qwamos_gpu_vm vms[MAX_VMS];
	long long end = qt_now_ms() + qt_patience(ms);
	int n, i, busy;

	for (;;) {
		busy = 0;
		n = qt_list_devices(ctl, devs, MAX_DEVICES);
		if (n < 0)
			return n;
		for (i = 0; i < n; i++)
			if (devs[i].state == QWAMOS_GPU_DEV_STATE_RESETTING || devs[i].owner_vm_id)
				busy = i + 1;
		n = qt_list_vms(ctl, vms, MAX_VMS);
		if (n < 0)
			return n;
		if (!busy && !n)
			return 0;
		if (qt_now_ms() > end) {
			if (busy)
				fprintf(stderr, "# %s: state %u, owner %llu after %d ms\n",
					devs[busy - 1].bus_name, devs[busy - 1].state,
					devs[busy - 1].owner_vm_id, qt_patience(ms));
			if (n > 0)
				fprintf(stderr, "# VM %s: state %u after %d ms\n", vms[0].name,
					vms[0].state, qt_patience(ms));
			return -ETIMEDOUT;
		}
		qt_sleep_ms(2);
	}
}

int qt_ours(int ctl, ...)
{
	struct qwamos_gpu_dev d;
	const char *id;
	va_list ap;
	int ret = 0;

	va_start(ap, ctl);
	while (!ret && (id = va_arg(ap, const char *))) {
		long long end = qt_now_ms() + qt_patience(15000);

		ret = qt_addr(id) ? qt_bind(qt_addr(id), QT_OURS) : -ENOENT;
		while (!ret) {
			ret = qt_device(ctl, id, &d);
			if (ret || d.state == QWAMOS_GPU_DEV_STATE_FREE ||
			    d.state == QWAMOS_GPU_DEV_STATE_QUARANTINED)
				break;
			if (qt_now_ms() > end)
				ret = -ETIMEDOUT;
			qt_sleep_ms(2);
		}
		if (ret)
			fprintf(stderr, "# binding %s: %s\n", id, strerror(-ret));
	}
	va_end(ap);
	return ret;
}

int qt_theirs(int ctl, ...)
{
	const char *id;
	va_list ap;
	int ret = 0;

	(void)ctl;
	va_start(ap, ctl);
	while (!ret && (id = va_arg(ap, const char *))) {
		char now[64];

		ret = qt_driver(qt_addr(id), now, sizeof(now));
		if (!ret && (!strcmp(now, QT_OURS) || !strcmp(now, QT_STOCK) || !now[0])) {
			ret = qt_bind(qt_addr(id), NULL);
			/* Not every device has a native driver. */
			if (ret == -EIO)
				ret = 0;
		}
		if (ret)
			fprintf(stderr, "# unbinding %s: %s\n", id, strerror(-ret));
	}
	va_end(ap);
	return ret;
}

int qt_quarantine(int ctl, const char *id, struct qt_vm *vm)
{
	int ret = qt_ours(ctl, id, NULL);

	if (ret || qt_state(ctl, id) == QWAMOS_GPU_DEV_STATE_QUARANTINED)
		return ret;
	ret = qt_release(ctl, qt_id(ctl, id), QWAMOS_GPU_DEV_CLEAR_QUARANTINE_F_ACCEPT_LEFTOVERS);
	if (!ret)
		ret = qt_attach(vm->manage, qt_id(ctl, id), QWAMOS_GPU_SCRUB_DEFAULT, NULL);
	if (!ret)
		ret = qt_detach(vm->manage, qt_id(ctl, id), 0);
	return ret ? ret : qt_wait_state(ctl, id, QWAMOS_GPU_DEV_STATE_QUARANTINED, 10000);
}

long qt_do_join(long x, long y, void *data)
{
	int ret = qt_join(x);

	(void)y;
	*(__u32 *)data = qt_reason;
	return ret;
}

int qt_vmm(struct qt_vm *vm, struct qt_actor *a, int *use)
{
	int ret = qt_spawn(a, vm->cgroup[0] ? vm->cgroup : NULL);
	int fd;

	if (ret)
		return ret;
	fd = qt_give_fd(a, vm->use);
	if (fd < 0)
		return fd;
	if (use)
		*use = fd;
	return qt_do(a, qt_do_join, fd, 0);
}
