// SPDX-License-Identifier: GPL-2.0-only
#include "vm/gate.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lib/libqwamos-gpu.h"
#include "util/mem.h"
#include "vfio/modules.h"

#define MODULE "qwamos_gate"

int qvm_gate_open_real(const char *addr, struct qerr *e)
{
	char path[PATH_MAX];
	const char *name;
	glob_t found;
	int fd;

	/* A virtio GPU stands one device below its address. */
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/{,virtio*/}drm/renderD*", addr);
	if (glob(path, GLOB_BRACE, NULL, &found) || !found.gl_pathc) {
		globfree(&found);
		return qerr_set(
			e, ENODEV,
			"%s has no render node: it needs a kernel driver that has one (now: see 'qwamos-gpu detect')",
			addr);
	}
	name = strrchr(found.gl_pathv[0], '/');
	snprintf(path, sizeof(path), "/dev/dri%s", name);
	globfree(&found);
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY);
	return fd < 0 ? qerr_sys(e, errno, "%s, the render node of %s", path, addr) : fd;
}

static int create(int manage, int real, bool any, struct qwamos_gpu_gate_create *req,
		  uint32_t *reason)
{
	memset(req, 0, sizeof(*req));
	req->hdr.flags = any ? QWAMOS_GPU_GATE_CREATE_F_ANY_OPENER : 0;
	req->render_fd = real;
	return libqg_gate_create(manage, req, reason);
}

int qvm_gate_create(int manage, const char *vm, const char *addr, bool any, struct qvm_gate *gate,
		    struct qerr *e)
{
	struct qwamos_gpu_gate_create req;
	uint32_t reason = 0;
	int real, ret;

	real = qvm_gate_open_real(addr, e);
	if (real < 0)
		return real;
	ret = create(manage, real, any, &req, &reason);
	if (ret && reason == QWAMOS_GPU_REASON_NO_GATES) {
		ret = qmodule_load(MODULE, e);
		if (ret)
			goto out;
		ret = create(manage, real, any, &req, &reason);
	}
	if (ret && reason)
		ret = qerr_set(e, -ret, "VM %s can't have a gate to %s: %s: %s", vm, addr,
			       libqg_reason_name(reason), libqg_reason_text(reason));
	else if (ret)
		ret = qerr_sys(e, -ret, "VM %s can't have a gate to %s", vm, addr);
	else
		*gate = (struct qvm_gate){ req.out_gate_id, req.out_major, req.out_minor };
out:
	close(real);
	return ret;
}

void qvm_gate_add_node(const struct qvm_gate *gate, struct qsandbox *s)
{
	struct qsandbox_node *n = QMEM_GROW(s->nodes, s->n_nodes);

	snprintf(n->path, sizeof(n->path), "dri/renderD%u", gate->minor);
	n->major = gate->major;
	n->minor = gate->minor;
}
