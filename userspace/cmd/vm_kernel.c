// SPDX-License-Identifier: GPL-2.0-only
#include "cmd/vm_kernel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/libqwamos-gpu.h"

void vm_kernel_ask(const struct qvm_known *k, struct vm_kernel *q)
{
	struct qwamos_gpu_vm *vms;
	uint32_t reason = 0;
	size_t i, n;
	int ret;

	memset(q, 0, sizeof(*q));
	q->ctl = -1;
	if (!k->rec.vm_id) {
		snprintf(q->why, sizeof(q->why), "%s",
			 k->rec.damage[0] ? "its record is damaged" : "it does not run");
		return;
	}
	q->ctl = libqg_open();
	ret = q->ctl < 0 ? q->ctl : libqg_vm_list(q->ctl, &vms, &n, &reason);
	if (ret) {
		snprintf(q->why, sizeof(q->why), "the kernel can't be asked: %s",
			 reason ? libqg_reason_text(reason) : strerror(-ret));
		return;
	}
	for (i = 0; i < n; i++) {
		if (vms[i].vm_id != k->rec.vm_id || strcmp(vms[i].name, k->name))
			continue;
		q->found = true;
		q->vm = vms[i];
	}
	free(vms);
	if (!q->found)
		snprintf(q->why, sizeof(q->why), "the kernel has no such VM any more");
}

int64_t vm_kernel_uptime(const struct qwamos_gpu_vm *vm)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return t.tv_sec - (int64_t)(vm->created_ns / 1000000000);
}

void vm_kernel_close(struct vm_kernel *q)
{
	if (q->ctl >= 0)
		close(q->ctl);
	q->ctl = -1;
}
