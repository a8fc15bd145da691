#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Stands in for QEMU in its sandbox, and tries to get out: as qemu-system-x86_64 on PATH. What it
is asked about itself, the real one answers. Each attempt is one line on stderr, 'NAME: RESULT',
RESULT being the errno's name, or what was found. tests/guest/cli_sandbox.sh knows what to expect.

After the -name guest=eat or =fork it takes memory or makes processes instead, for as long as it
can; after =sleep it does nothing.
"""

import ctypes
import errno
import fcntl
import mmap
import os
import resource
import signal
import socket
import struct
import sys
import time

REAL = "/usr/bin/qemu-system-x86_64"
libc = ctypes.CDLL(None, use_errno=True)

# Numbers of x86-64.
CALLS = {
    "ptrace": (101, 16, 1, 0, 0),               # PTRACE_ATTACH
    "ptrace-traceme": (101, 0, 0, 0, 0),
    "process_vm_readv": (310, 1, 0, 0, 0, 0, 0),
    "process_vm_writev": (311, 1, 0, 0, 0, 0, 0),
    "pidfd_open": (434, 1, 0),
    "pidfd_getfd": (438, 0, 0, 0),
    "kcmp": (312, 1, 1, 0, 0, 0),
    "io_uring_setup": (425, 1, 0),
    "io_uring_enter": (426, 0, 0, 0, 0, 0, 0),
    "mount": (165, 0, b"/tmp", b"tmpfs", 0, 0),
    "umount2": (166, b"/proc", 2),
    "pivot_root": (155, b".", b"."),
    "chroot": (161, b"/tmp"),
    "open_tree": (428, -100, b"/", 1),
    "move_mount": (429, -100, b"/", -100, b"/tmp", 0),
    "fsopen": (430, b"tmpfs", 0),
    "mount_setattr": (442, -100, b"/", 0, 0, 0),
    "bpf": (321, 0, 0, 0),
    "unshare-user": (272, 0x10000000),
    "unshare-mount": (272, 0x00020000),
    "setns": (308, 0, 0),
    "clone-user": (56, 0x10000000 | 17, 0, 0, 0, 0),
    "clone-net": (56, 0x40000000 | 17, 0, 0, 0, 0),
    "clone3": (435, 0, 0),
    "perf_event_open": (298, 0, 0, -1, -1, 0),
    "userfaultfd": (323, 0),
    "keyctl": (250, 0, 0, 0, 0, 0),
    "add_key": (248, b"user", b"x", b"x", 1, -3),
    "open_by_handle_at": (304, -100, 0, 0),
    "mknod": (133, b"/tmp/mem", 0o20600, 0x101),
    "init_module": (175, 0, 0, 0),
    "finit_module": (313, 0, 0, 0),
    "kexec_load": (246, 0, 0, 0, 0),
    "reboot": (169, 0, 0, 0, 0),
    "syslog": (103, 3, 0, 0),
    "iopl": (172, 3),
    "settimeofday": (164, 0, 0),
    "set-dumpable": (157, 4, 1, 0, 0, 0),
    "set-ptracer": (157, 0x59616D61, -1, 0, 0, 0),
    "tiocsti": (16, 0, 0x5412, b"x"),
    # The upper half of a command is nothing that the kernel looks at.
    "tiocsti-high": (16, 0, 0x100005412, b"x"),
    "tunsetpersist": (16, 0, 0x400454CB, 1),
    "siocsifhwaddr": (16, 0, 0x8924, 0),
    "mmap-huge": (9, 0, 1 << 21, 3, 0x40022, -1, 0),
    "memfd-huge": (319, b"x", 4),
    "shmget-huge": (29, 0x51a6, 1 << 21, 0o5600),
    "mkdir": (83, b"/tmp/d", 0o700),
    "linger": (54, 0, 1, 13, struct.pack("=ii", 1, 1000000), 8),
    "setuid": (105, 0),
    "setgid": (106, 0),
    "setgroups": (116, 0, 0),
    "capset": (126, struct.pack("=Ii", 0x20080522, 0), struct.pack("=6I", *[0xFFFFFFFF] * 6)),
    "chown": (92, b"/tmp", 0, 0),
    "sethostname": (170, b"x", 1),
}


def tell(name, result):
    sys.stderr.write(f"{name}: {result}\n")
    sys.stderr.flush()


def name_of(number):
    return errno.errorcode.get(number, str(number)) if number else "done"


def call(number, *args):
    args = [ctypes.c_long(a) if isinstance(a, int) else ctypes.c_char_p(a) for a in args]
    ctypes.set_errno(0)
    r = libc.syscall(ctypes.c_long(number), *args)
    if r == 0 and number == 56:
        os._exit(0)     # the child of a clone() that it should not have been able to make
    return ctypes.get_errno() if r < 0 else 0


def attempt(name, function):
    try:
        result = function()
    except OSError as e:
        result = name_of(e.errno)
    tell(name, "done" if result is None else result)


def opened(path, flags):
    os.close(os.open(path, flags))


def foreign_call():
    """A call by its 32-bit number, which a filter that knows the 64-bit ones alone would miss."""
    pid = os.fork()
    if not pid:
        code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        code.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")    # getpid by int 0x80
        ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()
        os._exit(0)
    status = os.waitpid(pid, 0)[1]
    return signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else "done"


def connect(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.settimeout(5)
        s.connect(address)


def shared_memory():
    key = int(os.environ.get("ESCAPE_SHM_KEY", "0x51a5"), 0)
    ctypes.set_errno(0)
    return "found" if libc.shmget(key, 1, 0) >= 0 else name_of(ctypes.get_errno())


def escape():
    for name, args in CALLS.items():
        tell(name, name_of(call(*args)))
    attempt("int-0x80", foreign_call)
    tell("dumpable", libc.prctl(3, 0, 0, 0, 0))
    tell("real time", resource.getrlimit(resource.RLIMIT_RTPRIO)[1])
    attempt("socketpair", lambda: socket.socketpair(socket.AF_NETLINK, socket.SOCK_RAW) and None)
    tell("core", resource.getrlimit(resource.RLIMIT_CORE)[1])
    others = set(os.getresuid() + os.getresgid()) - {os.getuid()}
    tell("ids", {(): "one", (os.getuid() + 1,): "one and the next"}.get(
        tuple(others), " ".join(str(i) for i in sorted(others))))
    tell("groups", len(os.getgroups()))
    # Others' processes, files, devices, networks.
    tell("processes", sum(d.isdigit() for d in os.listdir("/proc")))
    attempt("kill", lambda: os.kill(int(os.environ.get("ESCAPE_PID", "2")), 0))
    for path in ("/proc/sys/kernel/hostname", "/proc/kcore", "/etc/shadow", "/root", "/home", "/run",
                 "/sys/kernel", "/sys/fs/cgroup", "/dev/mem", "/dev/kmsg", "/dev/qwamos_gpu",
                 "/dev/dri", "/dev/net/tun", "/dev/pts", "/dev/tty", "/dev/shm"):
        attempt(f"see {path}", lambda p=path: os.stat(p) and None)
    for path in ("/x", "/usr/x", "/usr/bin/x", "/dev/x", "/etc/x"):
        attempt(f"write {path}", lambda p=path: opened(p, os.O_WRONLY | os.O_CREAT))
    attempt("write /tmp/x", lambda: opened("/tmp/x", os.O_WRONLY | os.O_CREAT))
    attempt("run /tmp/x", lambda: (os.chmod("/tmp/x", 0o700), os.execv("/tmp/x", ["x"])) and None)
    with open("/proc/self/net/dev", encoding="ascii") as f:
        names = [line.split(":")[0].strip() for line in f if ":" in line]
    # Some kernels put an idle tunnel into each new namespace.
    tell("interfaces", " ".join(n for n in names if n not in ("sit0", "tunl0", "ip6tnl0")))
    for family in ("AF_NETLINK", "AF_PACKET", "AF_ALG", "AF_VSOCK", "AF_KEY"):
        attempt(f"socket {family}", lambda n=getattr(socket, family, 15):
                socket.socket(n, socket.SOCK_RAW if n != socket.AF_VSOCK else socket.SOCK_STREAM).close())
    attempt("abstract socket", lambda: connect(socket.AF_UNIX, "\0escape"))
    attempt("loopback", lambda: connect(socket.AF_INET, ("127.0.0.1", 5151)))
    tell("shared memory", shared_memory())
    tty = os.open("/dev/null", os.O_RDONLY)
    attempt("controlling terminal", lambda: fcntl.ioctl(tty, 0x540E, 0) and None)
    tell("terminals", sum(os.isatty(fd) for fd in range(64)))
    fds = {os.readlink(f"/proc/self/fd/{f}") for f in os.listdir("/proc/self/fd")
           if os.path.islink(f"/proc/self/fd/{f}")}
    tell("manager's fds", " ".join(sorted(t for t in fds if "manage" in t or "qwamos_gpu" in t)) or "none")
    for path in filter(None, os.environ.get("PATH", "").split(":")):
        tell("path", path)


def eat():
    kept = []
    while True:
        kept.append(bytearray(os.urandom(4096) * 256))
        tell("eaten", len(kept))


def fork():
    n = 0
    try:
        while n < 10000:
            if not os.fork():
                time.sleep(600)
                os._exit(0)
            n += 1
    except OSError as e:
        tell("forks", f"{n} {name_of(e.errno)}")


def main():
    words = sys.argv[1:]
    if not any(w.startswith("guest=") for w in words):
        os.execv(REAL, [REAL] + words)
    guest = next(w for w in words if w.startswith("guest="))[6:]
    {"eat": eat, "fork": fork, "sleep": lambda: time.sleep(600)}.get(guest, escape)()
    tell("end", "done")


main()
