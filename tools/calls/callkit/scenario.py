# SPDX-License-Identifier: GPL-2.0-only
"""What QEMU is put through: configs of VMs, and what each is asked while it runs."""

import ctypes
import fcntl
import json
import os
import shlex
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time

from labkit import LabError
from labkit.qtest_gpu import Gpu, NoAnswer, Qtest

# Numbers of fds in what `qwamos-vm start --dry-run` prints.
QMP, SERIAL, DISK, TAP = 3, 4, 5, 6
QTEST = 9           # by which a scenario without a guest drives the adapter
DISK_READ = 8       # one more of the same disk, as start gives it
DISK_BYTES = 8 << 20
SECONDS = 180       # for the end of one, at most: the machine may be busy
CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x400454ca, 0x0002, 0x1000, 0x4000

_libc = ctypes.CDLL(None)


class Scenario:
    """@config: its lines; @start: options of start; @image: bytes of the disk, None: no disk;
    @asks: (QMP command, arguments) while it runs; @seconds: how long the guest runs before;
    @viewer: somebody looks at its screen; @tap: its network is a tap device, as on a bridge;
    @draws: in place of a guest, a driver that has the adapter make images"""

    def __init__(self, name, config, start=(), disk=None, asks=(), seconds=1.0, viewer=False,
                 tap=False, draws=False):
        self.name, self.config, self.start = name, config, list(start)
        self.disk, self.asks, self.seconds = disk, asks, seconds
        self.viewer, self.tap, self.draws = viewer, tap, draws
        self.root = tap or disk == "loop"


def _io(*commands):
    """The disk used as a guest would, without one."""
    return [("human-monitor-command", {"command-line": f'qemu-io disk0 "{c}"'}) for c in commands]


_DISK = _io("read 0 64k", "write 0 64k", "writev 64k 4k 4k", "write -z 128k 64k",
            "write -z -u 192k 64k", "discard 256k 64k", "flush", "write -f 0 4k")
_ASK = [("query-status", {}), ("query-pci", {}), ("qom-list", {"path": "/machine/peripheral"}),
        ("query-block", {}), ("query-blockstats", {}), ("query-cpus-fast", {}),
        ("human-monitor-command", {"command-line": "info qtree"}),
        ("stop", {}), ("cont", {}), ("system_reset", {}), ("system_powerdown", {})]


def _qcow2(size):
    """An empty image: header, table and block of reference counts, table of tables, a cluster each."""
    cluster = 65536
    head = struct.pack(">4sIQIIQIIQQIIQQQQII", b"QFI\xfb", 3, 0, 0, 16, size, 0, 1, 3 * cluster,
                       cluster, 1, 0, 0, 0, 0, 0, 4, 104)
    return b"".join(x.ljust(cluster, b"\0") for x in (
        head, struct.pack(">Q", 2 * cluster), struct.pack(">4H", 1, 1, 1, 1), b""))


def all_of(arch, kvm):
    """The scenarios for one architecture."""
    machine = {"x86_64": "q35", "aarch64": "virt"}[arch]
    accel = "kvm" if kvm else "tcg"
    cpu = "host" if kvm else {"x86_64": "qemu64", "aarch64": "cortex-a57"}[arch]

    def config(memory, *lines, cores=1):
        return [f"machine: {{type: {machine}, accel: {accel}}}",
                f"hardware: {{cpu: {{model: {cpu}, cores: {cores}}}, memory: {{size: {memory}}}}}",
                *lines]

    gpu = "gpu: {enabled: true}"
    disk = "storage: {disk_image: %s}"
    found = [
        Scenario("bare", config(64), asks=_ASK),
        Scenario("all", config(256, gpu, disk, "network: {mode: nat}", cores=2),
                 ["--display", "vnc"], "raw", _ASK + _DISK, 3.0, viewer=True),
        Scenario("draws", config(64, gpu), seconds=0.5, draws=True),
        Scenario("guest-iommu", config(128, gpu, disk, "security: {smmu: true}"), (), "raw",
                 _ASK[:3] + _DISK),
        Scenario("thrown-away", config(128, disk[:-1] + ", persistent: false}"), (), "raw",
                 _DISK, 1.0),
        Scenario("qcow2", config(128, disk), (), "qcow2", _DISK),
        Scenario("block", config(128, disk), (), "loop", _DISK),
        Scenario("block-direct",
                 config(128)[:1] + [config(128)[1][:-1] +
                                    ", disk: {primary: {path: %s, cache: none}}}"],
                 (), "loop", _DISK),
        Scenario("tap", config(128, "network: {mode: nat}"), asks=_ASK, tap=True),
    ]
    for cache in ("none", "directsync", "writethrough", "unsafe"):
        found.append(Scenario(
            f"cache-{cache}",
            [x if not x.startswith("hardware:") else x[:-1] +
             f", disk: {{primary: {{path: %s, cache: {cache}}}}}}}" for x in config(64)],
            (), "raw", _DISK, 0.2))
    return found


class Run:
    """One scenario in one QEMU."""

    def __init__(self, scenario, qemu, bin_dir, tracer, kvm):
        self.s, self.qemu, self.bin, self.tracer = scenario, qemu, bin_dir, tracer
        self.kvm = kvm
        self.dir = tempfile.TemporaryDirectory(prefix="record.")
        self.fds = {}
        self.keep = []
        self.loop = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for fd in self.fds.values():
            os.close(fd)
        for s in self.keep:
            s.close()
        if self.loop:
            subprocess.run(["losetup", "--detach", self.loop], check=True)
        self.dir.cleanup()

    def _program(self):
        """The QEMU under its usual name, for start looks it up on PATH and asks it what it has."""
        path = os.path.join(self.dir.name, "bin", self.qemu.program)
        os.mkdir(os.path.dirname(path))
        env = {k: v for k, v in self.qemu.env.items() if os.environ.get(k) != v}
        with open(path, "w", encoding="utf-8") as f:
            f.write("#!/bin/sh\n" + "".join(f"export {k}={shlex.quote(v)}\n"
                                            for k, v in env.items()))
            f.write(f"exec {shlex.join(self._command())} \"$@\"\n")
        os.chmod(path, 0o755)

    def _command(self):
        """Without what is the lab's alone."""
        c = list(self.qemu.command)
        if "-name" in c:
            at = c.index("-name")
            del c[at:at + 2]
        return [shutil.which(c[0]) or c[0]] + c[1:]

    def _disk(self):
        path = os.path.join(self.dir.name, "disk." + ("qcow2" if self.s.disk == "qcow2" else "img"))
        with open(path, "wb") as f:
            f.write(_qcow2(DISK_BYTES) if self.s.disk == "qcow2" else b"")
            f.truncate(DISK_BYTES)
        if self.s.disk != "loop":
            return path
        r = subprocess.run(["losetup", "--find", "--show", path], stdout=subprocess.PIPE, text=True,
                           check=True)
        self.loop = r.stdout.strip()
        return self.loop

    def _arguments(self, disk):
        """As start would give them."""
        # What stands beside a config.yaml is the VM's own; a disk of this computer is not.
        config = os.path.join(self.dir.name, "config.yaml")
        lines = [x % disk if "%s" in x else x for x in self.s.config]
        if self.s.disk == "loop":
            lines.append("security: {accept_host_files: true}")
        with open(config, "w", encoding="utf-8") as f:
            f.write("\n".join(["vm: {name: record}"] + lines) + "\n")
        env = dict(os.environ, PATH=os.path.join(self.dir.name, "bin") + ":" + os.environ["PATH"],
                   XDG_CACHE_HOME=self.dir.name)
        r = subprocess.run([os.path.join(self.bin, "qwamos-vm"), "start", config, "--dry-run",
                            "--json"] + self.s.start, env=env, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True, check=False)
        if r.returncode:
            raise LabError(f"qwamos-vm start --dry-run: {r.stderr}")
        return json.loads(r.stdout)["qemu"][1:]

    def _open_disk(self, path, args):
        """What start opens as the manager; one that is not kept can be read alone."""
        if f"fd={DISK},set=1" not in args:
            return
        if self.loop:
            at = next(i for i, a in enumerate(args) if "file=/dev/fdset/1" in a)
            args[at] = args[at].replace("file=", "file.driver=host_device,file.filename=")
        direct = os.O_DIRECT if any("cache=none" in a or "cache=directsync" in a
                                    for a in args) else 0
        kept = not any("snapshot=on" in a for a in args)
        self.fds[DISK] = os.open(path, (os.O_RDWR if kept else os.O_RDONLY) | direct)
        if kept:
            self.fds[DISK_READ] = os.open(path, os.O_RDONLY | direct)
            at = args.index(f"fd={DISK},set=1")
            args[at + 1:at + 1] = ["-add-fd", f"fd={DISK_READ},set=1"]

    def _open_tap(self, args):
        """In a network of its own, so that nothing is left of it. start asks for a bridge there."""
        if not self.s.tap:
            return
        args[args.index("user,id=net0")] = f"tap,id=net0,fd={TAP},vhost=off"
        done = threading.Event()

        def make():
            if _libc.unshare(CLONE_NEWNET):
                return
            fd = os.open("/dev/net/tun", os.O_RDWR)
            fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", b"record",
                                                   IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
            os.set_blocking(fd, False)
            self.fds[TAP] = fd
            done.set()

        t = threading.Thread(target=make)
        t.start()
        t.join()
        if not done.is_set():
            raise LabError("no tap device could be made")

    def _pair(self, number):
        ours, theirs = socket.socketpair()
        self.fds[number] = os.dup(theirs.fileno())
        theirs.close()
        self.keep.append(ours)
        return ours

    def _viewer(self, args):
        """Its VNC socket, which is at the end of what start prints, in a place of ours."""
        path = os.path.join(self.dir.name, "vnc")
        at = args.index("-vnc") + 1
        args[at] = f"unix:{path}"
        return path

    def play(self):
        """From its start to its end, which must be a good one."""
        self._program()
        disk = self._disk() if self.s.disk else None
        args = self._arguments(disk)
        if self.kvm and "kvm" not in args:
            raise LabError("KVM does not run a guest on this machine")
        self._open_disk(disk, args)
        self._open_tap(args)
        qmp, serial = self._pair(QMP), self._pair(SERIAL)
        qtest = self._pair(QTEST) if self.s.draws else None
        if qtest:
            args += ["-S", "-chardev", f"socket,id=qtest,fd={QTEST}", "-qtest", "chardev:qtest",
                     "-qtest-log", "none"]
        vnc = self._viewer(args) if self.s.viewer else None
        env = dict(self.qemu.env, TMPDIR=self.dir.name)
        said = os.path.join(self.dir.name, "said")
        with open(said, "wb") as f:
            self.tracer.start(self._command() + args, env,
                              {1: f.fileno(), 2: f.fileno(), **self.fds})
        monitor = Monitor(qmp)
        try:
            serial.sendall(b"x\n")
            time.sleep(self.s.seconds)
            if vnc:
                self._see(vnc)
            if qtest and "q35" in args:
                gpu = Gpu(Qtest(qtest))
                gpu.image(1, 640, 480)
                gpu.image(2, 64, 64)
            for command, arguments in self.s.asks:
                monitor.ask(command, arguments)
            monitor.ask("quit", {})
        except (OSError, NoAnswer) as e:
            monitor.lost = e
        finally:
            status = self.tracer.end(SECONDS)
        if status or monitor.lost:
            with open(said, encoding="utf-8", errors="replace") as f:
                raise LabError(f"{self.s.name}: QEMU ended with status {status} "
                               f"({monitor.lost}):\n{f.read()}")

    def _see(self, path):
        """As a viewer that asks for the whole screen once."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(SECONDS)
            s.connect(path)
            s.recv(12)
            s.sendall(b"RFB 003.008\n")
            s.recv(2)
            s.sendall(b"\1")
            s.recv(4)
            s.sendall(b"\1")
            s.recv(4096)
            s.sendall(struct.pack(">BBHHHH", 3, 0, 0, 0, 640, 480))
            s.recv(65536)


class Monitor:
    """QMP."""

    def __init__(self, sock):
        sock.settimeout(SECONDS)
        self.file = sock.makefile("rw", encoding="utf-8")
        self._begun = False
        self.lost = None

    def ask(self, command, arguments):
        """A word about what QEMU refuses to do; an OSError if it is gone."""
        if not self._begun:
            self._begun = True
            self._read("QMP")
            self.ask("qmp_capabilities", {})
        self.file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.file.flush()
        answer = self._read("return", "error")
        if "error" in answer:
            raise LabError(f"{command}: {answer['error']['desc']}")
        return answer["return"]

    def _read(self, *keys):
        while True:
            line = self.file.readline()
            if not line:
                raise OSError("QEMU has closed it")
            answer = json.loads(line)
            if any(k in answer for k in keys):
                return answer
