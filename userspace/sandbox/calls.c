// SPDX-License-Identifier: GPL-2.0-only
/*
 * The system call filter, by the table of calls. QEMU's own filter comes on top of it, and forbids
 * further programs.
 */
#include "sandbox/calls.h"

#include <errno.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/ioctl.h>

#include "sandbox/sandbox.h"

/* The header that has it can't be included beside libc's. */
#ifndef TIOCLINUX
#define TIOCLINUX 0x541C
#endif

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* A rule for a call of the table. Return: 0 or a negative errno. */
static int add(scmp_filter_ctx f, const struct qsandbox_call *c)
{
	uint32_t action = c->err == QSANDBOX_NOTHING ? SCMP_ACT_ERRNO(0)
			  : c->err		     ? SCMP_ACT_ERRNO(c->err)
						     : SCMP_ACT_ALLOW;
	struct scmp_arg_cmp cmp[QSANDBOX_COMPARES];
	int call = seccomp_syscall_resolve_name(c->name);
	unsigned int n = 0;
	size_t i;

	/* The supervisor is asked. */
	if (c->begin)
		return 0;
	/* Newer than this libseccomp; one that this architecture has not, it passes over. */
	if (call == __NR_SCMP_ERROR)
		return 0;
	for (i = 0; i < QSANDBOX_COMPARES; i++)
		if (c->compare[i].mask)
			cmp[n++] = SCMP_CMP(c->compare[i].arg, SCMP_CMP_MASKED_EQ,
					    c->compare[i].mask, c->compare[i].value);
	return seccomp_rule_add_array(f, action, call, n, cmp);
}

int qsandbox_filter_calls(int *listener, struct qerr *e)
{
	scmp_filter_ctx f;
	int ret;
	size_t i;

	f = seccomp_init(SCMP_ACT_NOTIFY);
	if (!f)
		return qerr_set(e, ENOMEM, "the system call filter");
	/* Calls by the numbers of another architecture. */
	ret = seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_NOTIFY);
	for (i = 0; i < qsandbox_n_calls && !ret; i++)
		ret = add(f, &qsandbox_calls[i]);
	if (!ret)
		ret = seccomp_load(f);
	if (!ret)
		*listener = seccomp_notify_fd(f);
	seccomp_release(f);
	return ret ? qerr_sys(e, -ret, "the system call filter") : 0;
}

int qsandbox_filter_terminal(struct qerr *e)
{
	/* Each that a kernel of ours may run programs of. */
	static const uint32_t archs[] = { SCMP_ARCH_X86_64, SCMP_ARCH_X86, SCMP_ARCH_X32,
					  SCMP_ARCH_AARCH64, SCMP_ARCH_ARM };
	static const unsigned int types[] = { TIOCSTI, TIOCLINUX };
	scmp_filter_ctx f;
	size_t i;
	int ret = 0;

	f = seccomp_init(SCMP_ACT_ALLOW);
	if (!f)
		return qerr_set(e, ENOMEM, "the filter of calls on terminals");
	for (i = 0; i < COUNT(archs) && !ret; i++) {
		ret = seccomp_arch_add(f, archs[i]);
		if (ret == -EEXIST)
			ret = 0;
	}
	for (i = 0; i < COUNT(types) && !ret; i++)
		ret = seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
				       SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, types[i]));
	if (!ret)
		ret = seccomp_load(f);
	seccomp_release(f);
	return ret ? qerr_sys(e, -ret, "the filter of calls on terminals") : 0;
}
