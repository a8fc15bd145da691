// SPDX-License-Identifier: GPL-2.0-only
/* The device filter: a BPF program that knows the nodes of one sandbox. */
#include "sandbox/sandbox.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <linux/bpf.h>

#include "util/mem.h"

/* What the program's verifier has to say if it does not take it. */
#define LOG_SIZE 4096

static struct bpf_insn load(int dst, size_t field)
{
	return (struct bpf_insn){ .code = BPF_LDX | BPF_MEM | BPF_W,
				  .dst_reg = dst,
				  .src_reg = BPF_REG_1,
				  .off = field };
}

/* Over the next @skip instructions if register and @value compare by @op. */
static struct bpf_insn jump(int op, int reg, int value, int skip)
{
	return (struct bpf_insn){
		.code = BPF_JMP32 | op | BPF_K, .dst_reg = reg, .off = skip, .imm = value
	};
}

static struct bpf_insn alu(int op, int dst, int value)
{
	return (struct bpf_insn){ .code = BPF_ALU | op | BPF_K, .dst_reg = dst, .imm = value };
}

static struct bpf_insn leave(void)
{
	return (struct bpf_insn){ .code = BPF_JMP | BPF_EXIT };
}

/*
 * r2: access << 16 | type, r3: major, r4: minor. Nobody may make a node; of character devices those
 * with a number of ours may be opened; all else is refused.
 */
static struct bpf_insn *program(const struct qsandbox *s, size_t *n)
{
	struct bpf_insn *p = qmem_calloc(8 + 4 * s->n_nodes, sizeof(*p));
	size_t i, at = 0;

	p[at++] = load(BPF_REG_2, offsetof(struct bpf_cgroup_dev_ctx, access_type));
	p[at++] = load(BPF_REG_3, offsetof(struct bpf_cgroup_dev_ctx, major));
	p[at++] = load(BPF_REG_4, offsetof(struct bpf_cgroup_dev_ctx, minor));
	p[at++] = alu(BPF_MOV, BPF_REG_0, 0);
	p[at++] = jump(BPF_JSET, BPF_REG_2, BPF_DEVCG_ACC_MKNOD << 16, 2 + 4 * s->n_nodes);
	p[at++] = alu(BPF_AND, BPF_REG_2, 0xffff);
	p[at++] = jump(BPF_JNE, BPF_REG_2, BPF_DEVCG_DEV_CHAR, 4 * s->n_nodes);
	for (i = 0; i < s->n_nodes; i++) {
		p[at++] = jump(BPF_JNE, BPF_REG_3, s->nodes[i].major, 3);
		p[at++] = jump(BPF_JNE, BPF_REG_4, s->nodes[i].minor, 2);
		p[at++] = alu(BPF_MOV, BPF_REG_0, 1);
		p[at++] = leave();
	}
	/* The two jumps that refuse lead here. */
	p[at++] = leave();
	*n = at;
	return p;
}

int qsandbox_filter_devices(const struct qsandbox *s, int cgroup_fd, struct qerr *e)
{
	struct bpf_prog_load_opts opts = { .sz = sizeof(opts) };
	char log[LOG_SIZE] = "";
	struct bpf_insn *p;
	int fd, ret = 0;
	size_t n;

	opts.log_buf = log;
	opts.log_size = sizeof(log);
	opts.log_level = 1;
	p = program(s, &n);
	fd = bpf_prog_load(BPF_PROG_TYPE_CGROUP_DEVICE, NULL, "GPL", p, n, &opts);
	free(p);
	if (fd < 0)
		return qerr_sys(e, -fd, "the device filter can't be loaded%s%s", *log ? ": " : "",
				log);
	if (bpf_prog_attach(fd, cgroup_fd, BPF_CGROUP_DEVICE, 0))
		ret = qerr_sys(e, errno, "the device filter can't be put on the cgroup");
	/* The cgroup holds it now. */
	close(fd);
	return ret;
}
