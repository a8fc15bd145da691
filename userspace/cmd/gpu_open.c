// SPDX-License-Identifier: GPL-2.0-only
#include "cmd/gpu_open.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "detect/pci.h"
#include "lib/libqwamos-gpu.h"
#include "vm/vm.h"

int gpu_open(void)
{
	int fd = libqg_open();

	if (fd == -ENOENT)
		cmd_fail(QWAMOS_GPU_DEVICE " is missing: load the module: modprobe qwamos_gpu");
	else if (fd < 0)
		cmd_fail(QWAMOS_GPU_DEVICE ": %s%s", strerror(-fd),
			 fd == -EACCES ? "; be root, or in the group qwamos" : "");
	return fd < 0 ? -1 : fd;
}

int gpu_refused(int err, uint32_t reason, const char *fmt, ...)
{
	char what[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return cmd_fail("%s: %s", what, reason ? libqg_reason_text(reason) : strerror(-err));
}

bool gpu_in_vm(void)
{
	return getenv(QVM_ENV) != NULL;
}

int gpu_own_vm(void)
{
	const char *text = getenv(QVM_ENV);
	struct qwamos_gpu_get_info info;
	uint64_t fd;
	int ret;

	if (!text) {
		cmd_fail("this is no VM's process ($" QVM_ENV
			 " is not set): say which VM is meant with --vm NAME");
		return -1;
	}
	if (!cmd_number(text, 0, INT_MAX, &fd)) {
		cmd_fail("$" QVM_ENV ": '%s' found, the number of an open file accepted", text);
		return -1;
	}
	ret = libqg_get_info(fd, &info);
	if (ret) {
		cmd_fail("$" QVM_ENV ": %s is no fd of a VM: %s", text, strerror(-ret));
		return -1;
	}
	return fd;
}

int gpu_open_vm(int ctl, const char *name, uint32_t right)
{
	uint32_t reason = 0;
	uint64_t id;
	int fd;

	fd = libqg_vm_open(ctl, 0, name, right, &reason);
	if (fd == -ENOENT && cmd_number(name, 1, UINT64_MAX, &id))
		fd = libqg_vm_open(ctl, id, NULL, right, &reason);
	if (fd == -ENOENT)
		cmd_fail("there is no VM '%s': qwamos-gpu vm list shows those that there are",
			 name);
	else if (fd == -EINVAL)
		cmd_fail(
			"'%s' is no name of a VM: 1 to %d of the characters A-Z a-z 0-9 _ . - are accepted",
			name, QWAMOS_GPU_NAME_LEN - 1);
	else if (fd < 0)
		gpu_refused(fd, reason, "VM %s can't be opened", name);
	return fd < 0 ? -1 : fd;
}

int gpu_open_vm_or_own(const char *name, uint32_t right)
{
	int ctl, fd;

	if (!name)
		return gpu_own_vm();
	ctl = gpu_open();
	if (ctl < 0)
		return -1;
	fd = gpu_open_vm(ctl, name, right);
	close(ctl);
	return fd;
}

int gpu_device_id(const char *word, const char *address, uint64_t *id)
{
	struct qwamos_gpu_dev *devs;
	char full[QPCI_ADDR_LEN];
	uint32_t reason = 0;
	size_t i, n;
	int ctl, ret;

	*id = 0;
	if (!address)
		return 0;
	if (!qpci_parse_addr(address, full))
		return cmd_fail(
			"%s: '%s' found, an address such as 0000:01:00.0 or 01:00.0 is accepted",
			word, address);
	ctl = gpu_open();
	if (ctl < 0)
		return EXIT_FAILED;
	ret = libqg_dev_list(ctl, &devs, &n, &reason);
	close(ctl);
	if (ret)
		return gpu_refused(ret, reason, "the devices can't be listed");
	for (i = 0; i < n; i++)
		if (!strcmp(devs[i].bus_name, full))
			*id = devs[i].device_id;
	free(devs);
	return *id ? 0
		   : cmd_fail("%s: there is no GPU %s: qwamos-vfio list shows those that there are",
			      word, full);
}
