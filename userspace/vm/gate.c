// SPDX-License-Identifier: GPL-2.0-only
#include "vm/gate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/libqwamos-gpu.h"
#include "util/mem.h"
#include "vfio/modules.h"

#define MODULE "qwamos_gate"

static int create(int manage, int real, bool any, struct qwamos_gpu_gate_create *req,
		  uint32_t *reason)
{
	memset(req, 0, sizeof(*req));
	req->hdr.flags = any ? QWAMOS_GPU_GATE_CREATE_F_ANY_OPENER : 0;
	req->render_fd = real;
	return libqg_gate_create(manage, req, reason);
}

int qvm_gate_create(int manage, const char *vm, const struct qvm_render *real, bool any,
		    struct qvm_gate *gate, uint32_t *refused, struct qerr *e)
{
	const char *name = qvm_render_name(real);
	struct qwamos_gpu_gate_create req;
	int fd, ret;

	*refused = 0;
	fd = qvm_render_open(real, "/sys", e);
	if (fd < 0)
		return fd;
	ret = create(manage, fd, any, &req, refused);
	if (ret && *refused == QWAMOS_GPU_REASON_NO_GATES) {
		ret = qmodule_load(MODULE, e);
		if (ret)
			goto out;
		ret = create(manage, fd, any, &req, refused);
	}
	if (ret && *refused)
		ret = qerr_set(e, -ret, "VM %s can't have a gate to %s: %s: %s", vm, name,
			       libqg_reason_name(*refused), libqg_reason_text(*refused));
	else if (ret)
		ret = qerr_sys(e, -ret, "VM %s can't have a gate to %s", vm, name);
	if (!ret)
		*gate = (struct qvm_gate){ req.out_gate_id, req.out_major, req.out_minor };
out:
	close(fd);
	return ret;
}

void qvm_gate_add_node(const struct qvm_gate *gate, struct qsandbox *s)
{
	struct qsandbox_node *n = QMEM_GROW(s->nodes, s->n_nodes);

	snprintf(n->path, sizeof(n->path), "dri/renderD%u", gate->minor);
	n->major = gate->major;
	n->minor = gate->minor;
}

int qvm_gate_show(const struct qvm_gate *gate, const struct qvm_render *real, struct qsandbox *s,
		  struct qerr *e)
{
	qvm_gate_add_node(gate, s);
	return qvm_render_add_sysfs(real, "/sys", &s->nodes[s->n_nodes - 1], s, e);
}
