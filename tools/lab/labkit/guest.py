# SPDX-License-Identifier: GPL-2.0-only
"""One guest: its QEMU, the channels to it, and how its run ends."""

import ctypes
import json
import os
import selectors
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time

from . import LabError
from .console import Console
from .display import Display
from .kernel import CACHE, GUEST, TREE, cpio, initramfs, module_tree
from .qemu import Qemu
from .userland import Userland

BOOT_TIMEOUT = 240      # s until the command must have started, on the debug kernel, too
DRAIN = 3               # s for the console to show the command's end
LAST_WORDS = 5          # s that an Oops may take to be printed in full
EXIT_TIMEOUT, EXIT_LAB, EXIT_KERNEL = 124, 125, 126
PR_SET_PDEATHSIG = 1


def _die_with_parent():
    """A guest must not outlive a run that was killed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _append(options):
    words = ["panic=-1", "no_timer_check", "slab_nomerge", "loglevel=7"]
    if options.arch == "arm64":
        words.append("console=ttyAMA0")
    else:
        words += ["console=ttyS0", "intel_iommu=on"]
    if options.init == "systemd":
        words += ["systemd.unit=lab.target", "systemd.show_status=no", "systemd.log_level=notice"]
    return " ".join(words + options.append)


def _machine(options, topology):
    """QEMU's options for the machine without its devices."""
    accel = os.environ.get("LAB_ACCEL", "tcg")
    if accel not in ("tcg", "kvm"):
        raise LabError(f"LAB_ACCEL='{accel}': expected 'tcg' or 'kvm'")
    args = ["-nodefaults", "-no-user-config", "-no-reboot", "-vga", "none",
            "-display", "sdl,gl=on" if topology.gl else "none",
            "-m", str(options.mem), "-smp", str(options.smp)]
    if accel == "tcg":
        # Several threads of TCG have crashed nested guests.
        args += ["-accel", "tcg,thread=multi" if options.mttcg else
                 "tcg,thread=single" if options.smp > 1 else "tcg"]
    else:
        args += ["-accel", "kvm"]
    if options.arch == "arm64":
        iommu = ",iommu=smmuv3" if topology.iommu else ""
        return ["-machine", "virt,gic-version=3" + iommu,
                "-cpu", "host" if accel == "kvm" else "cortex-a76"] + args
    machine = "q35,kernel-irqchip=split" if accel == "kvm" else "q35"
    args = ["-machine", machine, "-cpu", "host" if accel == "kvm" else "qemu64"] + args
    if topology.iommu:
        args += ["-device", "intel-iommu,intremap=on"]
    return args


class Guest:
    """A guest for one command."""

    def __init__(self, options, kernel, topology):
        self.options = options
        self.topology = topology
        self.kernel = kernel
        self.userland = Userland(options.userland, options.init)
        self.qemu = Qemu(options.qemu, options.arch)
        self.qemu.check(topology)
        self.args = self.qemu.command + _machine(options, topology)
        self.display = Display(self.qemu, topology) if topology.gl else None
        self.dir = tempfile.mkdtemp(prefix="qwlab.")
        self.process = None
        self.streams = {}
        self.console = None
        self.started = 0.0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.display:
            self.display.stop()
        shutil.rmtree(self.dir, ignore_errors=True)

    def _path(self, name):
        return os.path.join(self.dir, name)

    def _initrd(self, modules, load):
        o = self.options
        x86 = o.arch == "x86_64"
        quote = shlex.quote
        config = {
            "LAB_ARCH": o.arch, "LAB_SHARE": "1" if o.share else "0", "LAB_MODULES": modules,
            "LAB_LOAD": " ".join(load), "LAB_INIT": o.init,
            "LAB_KEEP": " ".join(self.userland.kept([TREE, CACHE, os.getcwd()])),
            "LAB_KEEP_FROM": "/new" if self.userland.host else "/host",
            "LAB_TREE": TREE, "LAB_BUILT": self.userland.built,
            "LAB_PATH": ":".join([os.path.join(TREE, "build/bin"),
                                  os.path.join(TREE, "tools/lab/guest/bin"),
                                  "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
                                 if x86 else ["/bin"]),
        }
        env = {"LAB_KERNEL": o.kernel, "LAB_ARCH": o.arch, "LAB_TOPOLOGY": self.topology.name,
               "LAB_USERLAND": o.userland, "LAB_INIT": o.init,
               "LAB_KERNEL_ROOT": self.kernel.root, "LAB_KERNEL_IMAGE": self.kernel.image,
               "QWAMOS_TREE": TREE, "QWAMOS_CACHE": CACHE}
        if x86:
            env["LD_LIBRARY_PATH"] = os.path.join(TREE, "build/lib")
        env.update(e.split("=", 1) for e in o.env)
        command = "".join(f"export {k}={quote(v)}\n" for k, v in env.items())
        if x86:
            command += f"cd {quote(os.getcwd())} 2>/dev/null || cd {quote(TREE)}\n"
        command += "exec " + " ".join(quote(w) for w in o.command) + "\n"
        entries = [("lab", stat.S_IFDIR | 0o755, b"")]

        def add(name, text):
            data = text if isinstance(text, bytes) else text.encode()
            entries.append(("lab/" + name, stat.S_IFREG | 0o644, data))

        add("config", "".join(f"{k}={quote(v)}\n" for k, v in config.items()))
        add("command", command)
        add("topology", self.topology.paths())
        add("qmp-devices", self._qmp_devices())
        for name in ("stage2", "systemd"):
            with open(os.path.join(GUEST, name), "rb") as f:
                add(name, f.read())
        if not x86:
            for path in self.kernel.built_modules():
                with open(path, "rb") as f:
                    add(os.path.basename(path), f.read())
        path = self._path("initrd")
        shutil.copy(initramfs(self.kernel), path)
        with open(path, "ab") as f:
            f.write(cpio(entries))
        return path

    def _qmp_devices(self):
        """device_add's arguments for each device of the topology."""
        lines = []
        args = self.topology.qemu_args()[1::2]
        for arg in args:
            model, *props = arg.split(",")
            d = {"driver": model}
            for p in props:
                k, _, v = p.partition("=")
                d[k] = {"on": True, "off": False}.get(v, v)
                if k in ("chassis", "slot"):
                    d[k] = int(v)
            lines.append(f"{d['id']} {json.dumps(d)}\n")
        return "".join(lines)

    def _modules(self):
        """The guest's /lib/modules/VERSION, and what it loads from there."""
        o = self.options
        load = []
        if o.load:
            ours = [os.path.basename(f)[:-3] for f in self.kernel.built_modules()]
            if not ours:
                make = o.kernel + ("-arm64" if o.arch == "arm64" else "")
                raise LabError(f"no modules are built for {self.kernel.version}: run "
                               f"'make modules KERNEL={make}', or use --no-load")
            first = [m for m in ("qwamos_gpu", "qwamos_vfio_pci", "qwamos_gate") if m in ours]
            load = first + ["vfio_iommu_type1"] + o.modparam
        if o.arch == "arm64":
            # There is no DRM for gates to stand on.
            return "", [f"/lab/{m}.ko" for m in load
                        if m.startswith("qwamos") and m != "qwamos_gate"]
        return module_tree(self.kernel), ["bochs", "virtio-gpu"] + load

    def _listen(self, name):
        s = socket.socket(socket.AF_UNIX)
        s.bind(self._path(name))
        s.listen(1)
        return s

    def start(self, lock):
        """Starts QEMU, which holds the slot's lock as long as it lives."""
        o = self.options
        modules, load = self._modules()
        listeners = {n: self._listen(n) for n in ("out", "err", "ctl")}
        open(self._path("console"), "wb").close()
        args = self.args + self.topology.disk_args(self.dir) + self.topology.qemu_args()
        args += ["-kernel", self.kernel.image, "-initrd", self._initrd(modules, load),
                 "-append", _append(o),
                 "-chardev", f"file,id=console,path={self._path('console')}",
                 "-serial", "chardev:console",
                 "-device", "virtio-serial-pci,id=lab-serial,bus=pcie.0,addr=0x1d"]
        for n in listeners:
            args += ["-chardev", f"socket,id={n},path={self._path(n)},server=off",
                     "-device", f"virtserialport,bus=lab-serial.0,chardev={n},name=lab.{n}"]
        # QEMU's monitor, looped back into the guest.
        args += ["-chardev", f"socket,id=qmp,path={self._path('qmp')},server=on,wait=off",
                 "-mon", "chardev=qmp,mode=control",
                 "-chardev", f"socket,id=qmpport,path={self._path('qmp')},server=off",
                 "-device", "virtserialport,bus=lab-serial.0,chardev=qmpport,name=qmp"]
        args += self._folders()
        if self.display:
            self.display.start(self.dir)
            self.qemu.use_gl(self.dir)
            self.qemu.env.update(self.display.env())
        if o.verbose:
            print(f"lab: QEMU {self.qemu.version()} ({o.qemu})", file=sys.stderr)
        self.started = time.monotonic()
        with open(self._path("qemu"), "wb") as log:
            try:
                self.process = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=log,
                                                stderr=log, pass_fds=[lock],
                                                env=self.qemu.env,
                                                preexec_fn=_die_with_parent)
            except FileNotFoundError:
                raise self.qemu.not_installed() from None
        self.console = Console(self._path("console"))
        for n, s in listeners.items():
            s.settimeout(0.2)
            while n not in self.streams:
                try:
                    self.streams[n] = s.accept()[0]
                except socket.timeout:
                    if self.process.poll() is not None:
                        raise LabError("QEMU did not start:\n" + self._qemu_log()) from None
                    if time.monotonic() - self.started > BOOT_TIMEOUT:
                        raise LabError("QEMU hangs") from None
            s.close()

    def _folders(self):
        """The folders that the guest mounts, as QEMU options."""
        o = self.options
        folders = [("share", o.share, "", "1c")] if o.share else []
        if o.arch == "x86_64":
            folders.append(("root", self.userland.root, "readonly=on,", "1e"))
            if not self.userland.host:
                folders.append(("host", "/", "readonly=on,", "1b"))
        args = []
        for name, path, readonly, slot in folders:
            args += ["-fsdev", f"local,id={name},path={path.replace(',', ',,')},{readonly}"
                     "security_model=none,multidevs=remap",
                     "-device", f"virtio-9p-pci,fsdev={name},mount_tag=lab{name},bus=pcie.0,"
                     f"addr=0x{slot}"]
        return args

    def _qemu_log(self):
        with open(self._path("qemu"), encoding="utf-8", errors="replace") as f:
            return f.read().rstrip()

    def run(self):
        """Passes on the command's output until it ends; returns the run's exit code."""
        sel = selectors.DefaultSelector()
        sinks = {"out": sys.stdout.buffer, "err": sys.stderr.buffer}
        for n, s in self.streams.items():
            s.setblocking(False)
            sel.register(s, selectors.EVENT_READ, n)
        control, status, ready = "", None, False
        now = time.monotonic()
        limit = now + min(BOOT_TIMEOUT, self.options.timeout)
        ends = None
        while True:
            for key, _ in sel.select(0.1):
                try:
                    data = key.fileobj.recv(65536)
                except BlockingIOError:
                    continue
                if not data:
                    sel.unregister(key.fileobj)
                elif key.data == "ctl":
                    control += data.decode(errors="replace")
                else:
                    sinks[key.data].write(data)
                    sinks[key.data].flush()
            self.console.poll()
            now = time.monotonic()
            *lines, control = control.split("\n")
            for line in lines:
                word, _, rest = line.partition(" ")
                if word == "ready":
                    ready = True
                    limit = self.started + self.options.timeout
                    if self.options.verbose:
                        print(f"lab: {self.kernel.version} ready after "
                              f"{now - self.started:.1f} s", file=sys.stderr)
                elif word == "exit":
                    status = int(rest)
                    ends = now + DRAIN
                elif word == "error":
                    return self._over(EXIT_LAB, rest)
            if status is not None:
                if (self.console.command_ended or now > ends) and not sel.select(0):
                    return self._over(status, None)
            elif self.process.poll() is not None:
                self.console.poll()
                return self._over(EXIT_LAB, "the guest ended before the command did\n" +
                                  self._qemu_log())
            elif self.console.fatal:
                ends = ends or now + LAST_WORDS
                if now > ends:
                    return self._over(EXIT_KERNEL, None)
            if now > limit and status is None:
                self.console.poll()
                if ready or self.options.timeout < BOOT_TIMEOUT:
                    return self._over(EXIT_TIMEOUT, f"no end within {self.options.timeout} s"
                                      if ready else "the timeout came before the command")
                return self._over(EXIT_LAB, f"the guest did not come up in {BOOT_TIMEOUT} s")

    def _over(self, code, problem):
        """Ends the run: tells problems, keeps the log of a failed one."""
        self.process.kill()
        self.process.wait()
        self.console.poll()
        if self.console.bad and code != EXIT_TIMEOUT:
            code = EXIT_KERNEL
        lab_failed = problem is not None or self.console.bad
        log = self.options.log
        if not log and lab_failed:
            logs = os.path.join(TREE, "build/lab/log")
            os.makedirs(logs, exist_ok=True)
            log = os.path.join(logs, time.strftime("%H%M%S") + f"-{os.getpid()}.log")
        if log:
            shutil.copy(self._path("console"), log)
        if lab_failed:
            say = [f"lab: {problem}"] if problem else []
            if self.console.bad:
                say.append("lab: the guest's kernel complained:")
                say += ["    " + line for line in self.console.bad[:20]]
                say += ["lab: the first of them:", self.console.complaint(60)]
            say += [f"lab: the end of its console (all of it: {log}):", self.console.tail(25)]
            sys.stdout.flush()
            print("\n".join(say), file=sys.stderr, flush=True)
        return code
