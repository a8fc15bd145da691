// SPDX-License-Identifier: GPL-2.0-only
/*
 * The system call filter: what a VM monitor has no need of, and what leads out of a sandbox. QEMU's
 * own filter comes on top of it, and forbids further programs.
 */
#include "sandbox/sandbox.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>

/* The header that has it can't be included beside libc's. */
#ifndef TIOCLINUX
#define TIOCLINUX 0x541C
#endif

static const int refused[] = {
	/* other processes */
	SCMP_SYS(ptrace),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev),
	SCMP_SYS(process_madvise),
	SCMP_SYS(process_mrelease),
	SCMP_SYS(pidfd_open),
	SCMP_SYS(pidfd_getfd),
	SCMP_SYS(pidfd_send_signal),
	SCMP_SYS(kcmp),
	SCMP_SYS(migrate_pages),
	SCMP_SYS(move_pages),
	/* a way around all of this file */
	SCMP_SYS(io_uring_setup),
	SCMP_SYS(io_uring_enter),
	SCMP_SYS(io_uring_register),
	/* mounts and namespaces */
	SCMP_SYS(mount),
	SCMP_SYS(umount2),
	SCMP_SYS(pivot_root),
	SCMP_SYS(chroot),
	SCMP_SYS(move_mount),
	SCMP_SYS(open_tree),
	SCMP_SYS(fsopen),
	SCMP_SYS(fsconfig),
	SCMP_SYS(fsmount),
	SCMP_SYS(fspick),
	SCMP_SYS(mount_setattr),
	SCMP_SYS(unshare),
	SCMP_SYS(setns),
	SCMP_SYS(open_by_handle_at),
	SCMP_SYS(name_to_handle_at),
	/* directories, which would be left in its /var/tmp */
	SCMP_SYS(mkdir),
	SCMP_SYS(mkdirat),
	SCMP_SYS(mknod),
	SCMP_SYS(mknodat),
	/* large parts of the kernel */
	SCMP_SYS(bpf),
	SCMP_SYS(perf_event_open),
	SCMP_SYS(userfaultfd),
	SCMP_SYS(fanotify_init),
	SCMP_SYS(fanotify_mark),
	SCMP_SYS(add_key),
	SCMP_SYS(request_key),
	SCMP_SYS(keyctl),
	SCMP_SYS(landlock_create_ruleset),
	SCMP_SYS(modify_ldt),
	SCMP_SYS(vmsplice),
	/* the machine */
	SCMP_SYS(init_module),
	SCMP_SYS(finit_module),
	SCMP_SYS(delete_module),
	SCMP_SYS(kexec_load),
	SCMP_SYS(kexec_file_load),
	SCMP_SYS(reboot),
	SCMP_SYS(swapon),
	SCMP_SYS(swapoff),
	SCMP_SYS(acct),
	SCMP_SYS(quotactl),
	SCMP_SYS(quotactl_fd),
	SCMP_SYS(syslog),
	SCMP_SYS(settimeofday),
	SCMP_SYS(clock_settime),
	SCMP_SYS(clock_adjtime),
	SCMP_SYS(adjtimex),
	SCMP_SYS(sethostname),
	SCMP_SYS(setdomainname),
	SCMP_SYS(iopl),
	SCMP_SYS(ioperm),
	SCMP_SYS(nfsservctl),
	SCMP_SYS(lookup_dcookie),
	SCMP_SYS(personality),
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* A call is refused if the bits @mask of its argument @arg are @value. */
static const struct {
	int call;
	unsigned int arg;
	unsigned int mask;
	unsigned int value;
	int err;
} bits[] = {
	{ SCMP_SYS(clone), 0, CLONE_NEWNS, CLONE_NEWNS, EPERM },
	{ SCMP_SYS(clone), 0, CLONE_NEWUSER, CLONE_NEWUSER, EPERM },
	{ SCMP_SYS(clone), 0, CLONE_NEWPID, CLONE_NEWPID, EPERM },
	{ SCMP_SYS(clone), 0, CLONE_NEWNET, CLONE_NEWNET, EPERM },
	{ SCMP_SYS(clone), 0, CLONE_NEWIPC, CLONE_NEWIPC, EPERM },
	{ SCMP_SYS(clone), 0, CLONE_NEWUTS, CLONE_NEWUTS, EPERM },
	{ SCMP_SYS(clone), 0, CLONE_NEWCGROUP, CLONE_NEWCGROUP, EPERM },
	{ SCMP_SYS(prctl), 0, ~0U, PR_SET_DUMPABLE, EPERM },
	{ SCMP_SYS(prctl), 0, ~0U, PR_SET_PTRACER, EPERM },
	/* What types on a terminal. */
	{ SCMP_SYS(ioctl), 1, ~0U, TIOCSTI, EPERM },
	{ SCMP_SYS(ioctl), 1, ~0U, TIOCLINUX, EPERM },
	/* What makes a tap device outlive its fd, or changes its address. */
	{ SCMP_SYS(ioctl), 1, ~0U, TUNSETPERSIST, EPERM },
	{ SCMP_SYS(ioctl), 1, ~0U, SIOCSIFHWADDR, EPERM },
	/* Huge pages are the host's, and in no limit: only those of its own hugetlbfs. */
	{ SCMP_SYS(mmap), 3, MAP_HUGETLB, MAP_HUGETLB, EPERM },
	{ SCMP_SYS(memfd_create), 1, MFD_HUGETLB, MFD_HUGETLB, EPERM },
	{ SCMP_SYS(shmget), 2, SHM_HUGETLB, SHM_HUGETLB, EPERM },
};

static int add(scmp_filter_ctx f)
{
	size_t i;
	int ret = 0;

	/* Some are not there on each architecture; libseccomp passes over these. */
	for (i = 0; i < COUNT(refused) && !ret; i++)
		ret = seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), refused[i], 0);
	for (i = 0; i < COUNT(bits) && !ret; i++)
		ret = seccomp_rule_add(f, SCMP_ACT_ERRNO(bits[i].err), bits[i].call, 1,
				       SCMP_CMP(bits[i].arg, SCMP_CMP_MASKED_EQ, bits[i].mask,
						bits[i].value));
	/* Its flags are in memory, where a filter can't look: libc tries clone() then. */
	if (!ret)
		ret = seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	/* Of sockets those of files, and of IP: not packets, routes, ciphers, VMs. */
	for (i = AF_INET + 1; i < AF_INET6 && !ret; i++)
		ret = seccomp_rule_add(f, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
				       SCMP_A0(SCMP_CMP_MASKED_EQ, 0xffffffff, i));
	if (!ret)
		ret = seccomp_rule_add(f, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
				       SCMP_A0(SCMP_CMP_GT, AF_INET6));
	if (!ret)
		ret = seccomp_rule_add(f, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socketpair), 1,
				       SCMP_A0(SCMP_CMP_NE, AF_UNIX));
	/* The last close of such a socket waits, and may be the supervisor's: it can be sent. */
	if (!ret)
		ret = seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(setsockopt), 2,
				       SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, SOL_SOCKET),
				       SCMP_A2(SCMP_CMP_MASKED_EQ, 0xffffffff, SO_LINGER));
	return ret;
}

int qsandbox_filter_calls(struct qerr *e)
{
	scmp_filter_ctx f;
	int ret;

	f = seccomp_init(SCMP_ACT_ALLOW);
	if (!f)
		return qerr_set(e, ENOMEM, "the system call filter");
	/* Calls by the numbers of another architecture. */
	ret = seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (!ret)
		ret = add(f);
	if (!ret)
		ret = seccomp_load(f);
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
