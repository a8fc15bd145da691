// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls of a sandbox. Lines without a source were made by a QEMU that tools/calls/record has
 * recorded; the others stand in the source that they name, and were not run here. Never: what
 * reaches another process, file or part of the kernel than a VM's own, what lets it hold more of
 * the kernel's memory than its cgroup pays, or what changes the host's behaviour to others.
 */
#include "sandbox/calls.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <asm/ioctls.h>
#include <linux/fs.h>
#include <linux/if_tun.h>
#include <linux/seccomp.h>
#include <linux/vhost.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

/* Of newer headers; and x86's, which arm64 has no such call for. */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#define ARCH_SET_FS		  0x1002
#define ARCH_GET_XCOMP_SUPP	  0x1021
#define ARCH_GET_XCOMP_GUEST_PERM 0x1024
#define ARCH_REQ_XCOMP_GUEST_PERM 0x1025
/* Of XFS: what O_DIRECT demands. */
#define XFS_IOC_DIOINFO 0x800c581e

/* What goes with a socket's type. */
#define TYPE_FLAGS (SOCK_CLOEXEC | SOCK_NONBLOCK)

/* A call with any arguments. */
#define CALL(n, ...)                        \
	{                                   \
		.name = (n), ##__VA_ARGS__, \
	}
/* One of which the bits @m of the argument @a are @v. */
#define BITS(n, a, m, v, ...)                                                 \
	{                                                                     \
		.name = (n), .compare = { { (a), (m), (v) } }, ##__VA_ARGS__, \
	}
/* One whose argument @a is @v. */
#define ARG(n, a, v, ...) BITS(n, a, 0xffffffff, (uint32_t)(v), ##__VA_ARGS__)
#define ARGS(n, a, v, b, w, ...)                                                                \
	{                                                                                       \
		.name = (n), .compare = { { (a), 0xffffffff, (v) }, { (b), 0xffffffff, (w) } }, \
		##__VA_ARGS__,                                                                  \
	}
#define IOCTL(c, ...)	   ARG("ioctl", 1, c, ##__VA_ARGS__)
#define FCNTL(c, ...)	   ARG("fcntl", 1, c, ##__VA_ARGS__)
#define PRCTL(c, ...)	   ARG("prctl", 0, c, ##__VA_ARGS__)
#define MADVISE(c, ...)	   ARG("madvise", 2, c, ##__VA_ARGS__)
#define SOCKOPT(l, o, ...) ARGS("setsockopt", 1, l, 2, o, ##__VA_ARGS__)
#define SOCKET(f, t, p, ...)                                       \
	{                                                          \
		.name = "socket",                                  \
		.compare = { { 0, 0xffffffff, (f) },               \
			     { 1, 0xffffffff & ~TYPE_FLAGS, (t) }, \
			     { 2, 0xffffffff, (p) } },             \
		##__VA_ARGS__,                                     \
	}
#define SECCOMP(o, ...) ARG("seccomp", 0, o, ##__VA_ARGS__)
/* Where lines are from that were not recorded. */
#define FROM(text)   .source = (text)
#define FAILS(with)  .err = (with)
#define BEGIN	     .begin = true
#define DOES_NOTHING .err = QSANDBOX_NOTHING

/* The same by the calls that arm64 has, which has the newer ones alone. */
#define ARM64  FROM("arm64 has this one of those recorded on x86-64")
#define SIGNAL FROM("what the kernel or libc enters a call by, or leaves a signal handler by")
#define VDSO   FROM("what the vDSO falls back to, with a clock that it can't read")
#define LIBC   FROM("glibc, musl: what a recorded call is on other versions")
#define SLIRP  FROM("libslirp: src/misc.c, socket.c, udp.c, udp6.c, ip_icmp.c: network.mode nat")
#define BLOCK  FROM("QEMU: block/file-posix.c")
#define ENGINE \
	FROM("QEMU: util/fdmon-*.c, util/qemu-coroutine, util/thread-pool.c, util/oslib-posix.c")
#define TAP   FROM("QEMU: net/tap-linux.c")
#define KVM   FROM("QEMU: accel/kvm, target/*/kvm: KVM does not run a guest where it was recorded")
#define VHOST FROM("QEMU: hw/virtio/vhost-backend.c, vhost-net; not run here")
#define VFIO  FROM("QEMU: hw/vfio, backends/iommufd.c; run in the lab alone")
#define GATE  FROM("libdrm, Mesa: 3D by a gate; run in the lab alone")

const struct qsandbox_call qsandbox_calls[] = {
	/* itself */
	CALL("exit"),
	CALL("exit_group"),
	CALL("execve", BEGIN, FROM("the sandbox: the program itself, and a script in its place")),
	CALL("uname", LIBC),
	CALL("sysinfo"),
	CALL("getpid", LIBC),
	CALL("gettid"),
	CALL("getuid", LIBC),
	CALL("geteuid", LIBC),
	CALL("getgid", LIBC),
	CALL("getegid", LIBC),
	CALL("getrlimit", LIBC),
	CALL("prlimit64"),
	CALL("getrusage", FROM("QEMU: util/getauxval, qemu-coroutine-lock: figures of its own")),
	CALL("getrandom"),
	CALL("getcpu", VDSO),
	ARG("arch_prctl", 0, ARCH_SET_FS),
	ARG("arch_prctl", 0, ARCH_GET_XCOMP_SUPP, KVM),
	ARG("arch_prctl", 0, ARCH_GET_XCOMP_GUEST_PERM, KVM),
	ARG("arch_prctl", 0, ARCH_REQ_XCOMP_GUEST_PERM, KVM),
	PRCTL(PR_CAPBSET_READ),
	PRCTL(PR_SET_NAME, FROM("QEMU: util/qemu-thread-posix.c, with debug-threads")),
	PRCTL(PR_SET_TIMERSLACK),
	PRCTL(PR_MCE_KILL),
	PRCTL(PR_SET_NO_NEW_PRIVS),
	/*
	 * Its own sandbox, on top of this one. What that does with a call is in memory, where a
	 * filter can't look, and may write to the host's log each time.
	 */
	SECCOMP(SECCOMP_SET_MODE_STRICT),
	SECCOMP(SECCOMP_GET_ACTION_AVAIL),
	SECCOMP(SECCOMP_GET_NOTIF_SIZES),
	SECCOMP(SECCOMP_SET_MODE_FILTER, BEGIN),
	{
		.name = "seccomp",
		.compare = { { 0, 0xffffffff, SECCOMP_SET_MODE_FILTER }, { 2, UINT64_MAX, 0 } },
		FROM("libseccomp: whether the kernel knows a flag, asked without a filter"),
	},

	/* threads: no processes, and no second table of fds, which would have a limit of its own */
	BITS("clone", 0,
	     CLONE_VM | CLONE_THREAD | CLONE_SIGHAND | CLONE_FILES | CLONE_NEWNS | CLONE_NEWUSER |
		     CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP,
	     CLONE_VM | CLONE_THREAD | CLONE_SIGHAND | CLONE_FILES),
	/* Its flags are in memory, where a filter can't look: libc takes clone() then. */
	CALL("clone3", FAILS(ENOSYS)),
	CALL("set_tid_address"),
	CALL("set_robust_list"),
	CALL("rseq"),
	CALL("futex"),
	CALL("membarrier", ENGINE),
	CALL("sched_yield", ENGINE),
	CALL("sched_getaffinity"),
	CALL("tgkill", FROM("libc: pthread_kill(), abort(); QEMU: system/cpus.c, to wake a CPU")),

	/* signals */
	CALL("rt_sigaction"),
	CALL("rt_sigprocmask"),
	CALL("rt_sigreturn", SIGNAL),
	CALL("restart_syscall", SIGNAL),
	CALL("rt_sigpending", ENGINE),
	CALL("rt_sigsuspend", ENGINE),
	CALL("rt_sigtimedwait", ENGINE),
	CALL("sigaltstack", ENGINE),
	CALL("signalfd4"),

	/* time */
	CALL("clock_nanosleep"),
	CALL("nanosleep", LIBC),
	CALL("clock_gettime", VDSO),
	CALL("clock_getres", VDSO),
	CALL("gettimeofday", VDSO),
	CALL("time", VDSO),

	/* memory; huge pages only by files of its own hugetlbfs, for the others are in no limit */
	CALL("brk"),
	BITS("mmap", 3, MAP_HUGETLB, 0),
	CALL("mprotect"),
	CALL("munmap"),
	CALL("mremap"),
	MADVISE(MADV_DONTNEED),
	MADVISE(MADV_DONTFORK),
	MADVISE(MADV_MERGEABLE),
	MADVISE(MADV_HUGEPAGE),
	MADVISE(MADV_NOHUGEPAGE, FROM("QEMU: system/physmem.c, hw/virtio/virtio-balloon.c")),
	MADVISE(MADV_DONTDUMP, FROM("QEMU: system/physmem.c, with dump-guest-core=off")),
	MADVISE(MADV_REMOVE, FROM("QEMU: system/physmem.c: a balloon's pages")),
	MADVISE(MADV_FREE, FROM("jemalloc, mimalloc: a libc's or library's allocator")),
	MADVISE(MADV_WILLNEED, FROM("QEMU: system/physmem.c: a balloon's pages")),
	MADVISE(MADV_POPULATE_WRITE, FROM("QEMU: util/oslib-posix.c: memory that is preallocated")),
	CALL("get_mempolicy"),
	CALL("set_mempolicy"),
	ARG("memfd_create", 1, MFD_CLOEXEC | MFD_ALLOW_SEALING),
	ARG("memfd_create", 1, MFD_CLOEXEC, FROM("QEMU: util/memfd.c, without seals")),
	/* Whether it could have huge pages, each time. */
	BITS("memfd_create", 1, MFD_HUGETLB, MFD_HUGETLB, FAILS(EPERM)),

	/* files */
	CALL("openat"),
	CALL("open", LIBC),
	CALL("close"),
	CALL("read"),
	CALL("write"),
	CALL("readv", ENGINE),
	CALL("writev", ENGINE),
	CALL("pread64"),
	CALL("pwrite64"),
	CALL("preadv", BLOCK),
	CALL("pwritev"),
	CALL("preadv2", BLOCK),
	CALL("pwritev2", BLOCK),
	CALL("lseek"),
	CALL("newfstatat"),
	CALL("fstat", LIBC),
	CALL("stat", LIBC),
	CALL("lstat", LIBC),
	CALL("statx", LIBC),
	CALL("statfs"),
	CALL("fstatfs"),
	CALL("access"),
	CALL("faccessat", ARM64),
	CALL("faccessat2", LIBC),
	CALL("readlink"),
	CALL("readlinkat", ARM64),
	CALL("unlink"),
	CALL("unlinkat", ARM64),
	CALL("getdents64"),
	CALL("getcwd", LIBC),
	CALL("chdir", LIBC),
	CALL("fchdir"),
	CALL("ftruncate"),
	CALL("fallocate"),
	CALL("fdatasync"),
	CALL("fsync", BLOCK),
	CALL("sync_file_range", BLOCK),
	CALL("fadvise64", BLOCK),
	CALL("dup", ENGINE),
	CALL("dup2", ENGINE),
	CALL("dup3", ENGINE),
	CALL("pipe2", ENGINE),
	CALL("eventfd2"),
	/*
	 * Of an fd, and of a memfd; no leases, no watches. And no locks: the kernel's memory for
	 * one is charged to nobody. QEMU locks what it makes for a disk that is thrown away,
	 * whatever it is told, and looks whether anybody else has: it hears that it has done so.
	 */
	FCNTL(F_DUPFD, LIBC),
	FCNTL(F_DUPFD_CLOEXEC),
	FCNTL(F_GETFD),
	FCNTL(F_SETFD, LIBC),
	FCNTL(F_GETFL),
	FCNTL(F_SETFL),
	FCNTL(F_OFD_GETLK),
	FCNTL(F_OFD_SETLK, DOES_NOTHING),
	FCNTL(F_ADD_SEALS, FROM("QEMU: util/memfd.c")),
	FCNTL(F_GET_SEALS, FROM("QEMU: util/memfd.c")),

	/* waiting */
	CALL("poll"),
	CALL("ppoll"),
	CALL("select", ENGINE),
	CALL("pselect6", ENGINE),
	CALL("epoll_create1", ENGINE),
	CALL("epoll_ctl", ENGINE),
	CALL("epoll_wait", ENGINE),
	CALL("epoll_pwait", ENGINE),
	CALL("epoll_pwait2", ENGINE),
	/* It waits without, and its queues would be around this table. It tries at each start. */
	CALL("io_uring_setup", FAILS(ENOSYS)),

	/* sockets: of files, and of IP; no linger: the last close of such a one waits */
	ARG("socket", 0, AF_UNIX),
	/* Of IP's protocols those alone: the kernel loads modules for all that are named. */
	SOCKET(AF_INET, SOCK_STREAM, 0, SLIRP),
	SOCKET(AF_INET, SOCK_STREAM, IPPROTO_TCP, SLIRP),
	SOCKET(AF_INET, SOCK_DGRAM, 0, SLIRP),
	SOCKET(AF_INET, SOCK_DGRAM, IPPROTO_UDP, SLIRP),
	SOCKET(AF_INET, SOCK_DGRAM, IPPROTO_ICMP, SLIRP),
	SOCKET(AF_INET6, SOCK_STREAM, 0, SLIRP),
	SOCKET(AF_INET6, SOCK_STREAM, IPPROTO_TCP, SLIRP),
	SOCKET(AF_INET6, SOCK_DGRAM, 0, SLIRP),
	SOCKET(AF_INET6, SOCK_DGRAM, IPPROTO_UDP, SLIRP),
	SOCKET(AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6, SLIRP),
	ARG("socketpair", 0, AF_UNIX, FROM("QEMU: util/oslib-posix.c")),
	CALL("accept4"),
	CALL("accept", SLIRP),
	CALL("bind"),
	CALL("listen"),
	CALL("connect", SLIRP),
	CALL("shutdown", SLIRP),
	CALL("getsockname"),
	CALL("getpeername"),
	CALL("getsockopt"),
	CALL("sendto", SLIRP),
	CALL("recvfrom", SLIRP),
	CALL("sendmsg"),
	CALL("recvmsg"),
	SOCKOPT(SOL_SOCKET, SO_REUSEADDR, SLIRP),
	SOCKOPT(SOL_SOCKET, SO_BROADCAST, SLIRP),
	/* What waits in a socket of UDP is charged to nobody: not more of it than in any. */
	SOCKOPT(SOL_SOCKET, SO_SNDBUF, DOES_NOTHING, SLIRP),
	SOCKOPT(SOL_SOCKET, SO_RCVBUF, DOES_NOTHING, SLIRP),
	SOCKOPT(SOL_SOCKET, SO_KEEPALIVE, FROM("QEMU: io/channel-socket.c")),
	SOCKOPT(SOL_SOCKET, SO_OOBINLINE, SLIRP),
	SOCKOPT(SOL_SOCKET, SO_ZEROCOPY),
	SOCKOPT(IPPROTO_TCP, TCP_NODELAY),
	SOCKOPT(IPPROTO_IP, IP_TTL, SLIRP),
	SOCKOPT(IPPROTO_IPV6, IPV6_V6ONLY, SLIRP),
	SOCKOPT(IPPROTO_IPV6, IPV6_UNICAST_HOPS, SLIRP),

	/* ioctls of files, terminals, disks */
	IOCTL(FIONBIO, SLIRP),
	IOCTL(FIOCLEX, FROM("CPython: open(); what stands in QEMU's place in tests")),
	IOCTL(FIONREAD, SLIRP),
	IOCTL(TCGETS, FROM("libc: isatty()")),
	IOCTL(BLKROGET),
	IOCTL(BLKSSZGET),
	IOCTL(BLKPBSZGET, BLOCK),
	IOCTL(BLKGETSIZE64, BLOCK),
	IOCTL(BLKSECTGET),
	IOCTL(BLKROTATIONAL, BLOCK),
	IOCTL(BLKDISCARD, BLOCK),
	IOCTL(BLKZEROOUT),
	IOCTL(XFS_IOC_DIOINFO),
	/* A hint for a file of its own; with it go quotas of others. */
	IOCTL(FS_IOC_FSGETXATTR),
	IOCTL(FS_IOC_FSSETXATTR, FAILS(EPERM)),

	/* its tap device, as one that has been made; what it is, where it is, who has it: no */
	IOCTL(TUNGETIFF),
	IOCTL(TUNGETFEATURES, TAP),
	IOCTL(TUNGETVNETHDRSZ),
	IOCTL(TUNSETVNETHDRSZ),
	IOCTL(TUNSETOFFLOAD),
	IOCTL(TUNSETSNDBUF),
	IOCTL(TUNSETVNETLE, TAP),
	IOCTL(TUNSETVNETBE, TAP),

	/* vhost-net */
	IOCTL(VHOST_GET_FEATURES, VHOST),
	IOCTL(VHOST_SET_FEATURES, VHOST),
	IOCTL(VHOST_GET_BACKEND_FEATURES, VHOST),
	IOCTL(VHOST_SET_BACKEND_FEATURES, VHOST),
	IOCTL(VHOST_SET_OWNER, VHOST),
	IOCTL(VHOST_RESET_OWNER, VHOST),
	IOCTL(VHOST_SET_MEM_TABLE, VHOST),
	IOCTL(VHOST_SET_LOG_BASE, VHOST),
	IOCTL(VHOST_SET_LOG_FD, VHOST),
	IOCTL(VHOST_SET_VRING_NUM, VHOST),
	IOCTL(VHOST_SET_VRING_ADDR, VHOST),
	IOCTL(VHOST_SET_VRING_BASE, VHOST),
	IOCTL(VHOST_GET_VRING_BASE, VHOST),
	IOCTL(VHOST_SET_VRING_ENDIAN, VHOST),
	IOCTL(VHOST_SET_VRING_KICK, VHOST),
	IOCTL(VHOST_SET_VRING_CALL, VHOST),
	IOCTL(VHOST_SET_VRING_ERR, VHOST),
	IOCTL(VHOST_SET_VRING_BUSYLOOP_TIMEOUT, VHOST),
	IOCTL(VHOST_NET_SET_BACKEND, VHOST),

	/* All of the type that is KVM's, and of VFIO's and iommufd's: their nodes are its own. */
	BITS("ioctl", 1, 0xff00, 0xae00, KVM),
	BITS("ioctl", 1, 0xff00, 0x3b00, VFIO),
	/* All of DRM's: the only node is the VM's gate, which holds each to the VM's limits. */
	BITS("ioctl", 1, 0xff00, 0x6400, GATE),
};

const size_t qsandbox_n_calls = sizeof(qsandbox_calls) / sizeof(qsandbox_calls[0]);
