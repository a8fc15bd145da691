#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Stands in for QEMU in its sandbox, and tries to get out: as qemu-system-x86_64 on PATH. What it
is asked about itself, the real one answers. Each attempt is one line on stderr, 'NAME: RESULT',
RESULT being the errno's name, or what was found. tests/guest/cli_sandbox.sh knows what to expect.

After the -name guest=eat or =threads it takes memory or makes threads instead, for as long as it
can; after =ask it makes calls that it may not and then nothing, as after =sleep; after =flood it
writes to its supervisor in all ways that it has, and makes such calls, as fast as it can; after
=other it is the real one, with a device that nobody has planned.
"""

import ctypes
import errno
import fcntl
import mmap
import os
import re
import resource
import socket
import struct
import sys
import threading
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
    "fork": (57,),
    "vfork-by-clone": (56, 0x4111, 0, 0, 0, 0),
    "io_setup": (206, 65536, 0),
    "memfd_secret": (447, 0),
    "inotify_init1": (294, 0),
    "flock": (73, 0, 2),
    "setlk": (72, 0, 6, 0),
    "setlkw": (72, 0, 38, 0),                   # F_OFD_SETLKW
    "setlease": (72, 0, 1024, 0),
    "dnotify": (72, 0, 1026, 1),
    "mq_open": (240, b"x", 0o102, 0o600, 0),
    "msgget": (68, 0, 0o1600),
    "semget": (64, 0, 1, 0o1600),
    "tunsetdebug": (16, 0, 0x400454C9, 1),
    "tunsetnocsum": (16, 0, 0x400454C8, 1),
    "execveat": (322, -100, b"/bin/true", 0, 0, 0),
    "sync": (162,),
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
    if r == 0 and number in (56, 57):
        os._exit(0)     # the child that it should not have been able to make
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
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")        # getpid by int 0x80
    r = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()
    return name_of(-r) if r < 0 else "done"


def status(key):
    """Words of a line of /proc/self/status."""
    with open("/proc/self/status", encoding="ascii") as f:
        return next(line for line in f if line.startswith(key + ":")).split()[1:]


def connect(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.settimeout(5)
        s.connect(address)


def shared_memory():
    key = int(os.environ.get("ESCAPE_SHM_KEY", "0x51a5"), 0)
    ctypes.set_errno(0)
    return "found" if libc.shmget(key, 1, 0) >= 0 else name_of(ctypes.get_errno())


def locks():
    """How many locks of a file of the host's it holds, of those that it asked for."""
    fd = os.open("/usr/bin/env", os.O_RDONLY)
    for byte in range(0, 2000, 2):
        call(72, fd, 37, struct.pack("hhqqi4x", fcntl.F_RDLCK, 0, byte, 1, 0))      # F_OFD_SETLK
    with open(f"/proc/self/fdinfo/{fd}", encoding="ascii") as f:
        return sum(line.startswith("lock:") for line in f)


def escape():
    for name, args in CALLS.items():
        tell(name, name_of(call(*args)))
    attempt("int-0x80", foreign_call)
    # Of a process that can be dumped, they are its own.
    tell("dumpable", int(os.stat("/proc/self/stat").st_uid != 0))
    tell("real time", resource.getrlimit(resource.RLIMIT_RTPRIO)[1])
    attempt("socketpair", lambda: socket.socketpair(socket.AF_NETLINK, socket.SOCK_RAW) and None)
    tell("open files", " ".join(str(n) for n in resource.getrlimit(resource.RLIMIT_NOFILE)))
    tell("core", resource.getrlimit(resource.RLIMIT_CORE)[1])
    ids = [int(i) for i in status("Uid") + status("Gid")]
    others = set(ids) - {ids[0]}
    tell("ids", {(): "one", (ids[0] + 1,): "one and the next"}.get(
        tuple(others), " ".join(str(i) for i in sorted(others))))
    tell("groups", len(status("Groups")))
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
    attempt("run /tmp/x", lambda: os.execv("/tmp/x", ["x"]))
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
    tell("locks", locks())
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


def threads():
    thread, n = ctypes.c_ulong(), 0
    while n < 10000:
        error = libc.pthread_create(ctypes.byref(thread), None, ctypes.cast(libc.sleep, ctypes.c_void_p),
                                    ctypes.c_void_p(600))
        if error:
            break
        n += 1
    tell("threads", f"{n} {name_of(error)}")


def ask():
    for name in ("memfd_secret", "tunsetdebug", "tunsetdebug"):
        tell(name, name_of(call(*CALLS[name])))
    time.sleep(600)


def call_all_the_time():
    while True:
        call(*CALLS["memfd_secret"])


def pour(fd, text):
    at = 0
    while True:
        at = (at + os.write(fd, text[at:])) % len(text)


def flood():
    fds = {m[1]: int(m[2]) for m in (re.match(r"socket,id=(\w+),fd=(\d+)", w) for w in sys.argv) if m}
    os.write(fds["qmp0"], b'{"QMP": {}}\n')
    event = b'{"event": "RTC_CHANGE", "data": {"offset": 1}}\n'
    for fd, text in ((2, b"\n" * 4096), (fds["serial0"], b"x" * 65536), (fds["qmp0"], event * 64)):
        threading.Thread(target=pour, args=(fd, text)).start()
    threading.Thread(target=call_all_the_time).start()


def main():
    words = sys.argv[1:]
    if not any(w.startswith("guest=") for w in words):
        os.execv(REAL, [REAL] + words)
    if "guest=other" in words:
        os.execv(REAL, [REAL] + words + ["-device", "edu"])
    guest = next(w for w in words if w.startswith("guest="))[6:]
    {"eat": eat, "threads": threads, "ask": ask, "flood": flood,
     "sleep": lambda: time.sleep(600)}.get(guest, escape)()
    tell("end", "done")


main()
