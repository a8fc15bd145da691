# SPDX-License-Identifier: GPL-2.0-only
"""Kernels of the cache, module trees and initramfs images made from them."""

import fcntl
import glob
import hashlib
import os
import shutil
import stat
import subprocess
import tempfile
import time

from . import LabError

TREE = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../.."))
GUEST = os.path.join(TREE, "tools/lab/guest")
CACHE = os.path.realpath(
    os.environ.get("QWAMOS_CACHE") or
    os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"),
                 "qwamos-gpu"))
DEBARCH = {"x86_64": "amd64", "arm64": "arm64"}
# What the initramfs needs to reach the host's files and to speak with the lab.
BOOT_MODULES = {
    "x86_64": ["virtio_pci", "virtio_console", "9p", "9pnet_virtio", "overlay"],
    "arm64": ["virtio_pci", "virtio_console", "9p", "9pnet_virtio", "bochs", "virtio-gpu",
              "vfio_iommu_type1", "vfio-pci"],
}


def _source(name, arch):
    """Where a kernel of that name comes from."""
    try:
        with open(os.path.join(TREE, "tools/deps.d/kernels"), encoding="utf-8") as f:
            known = [line.split()[0] for line in f if line.split("#")[0].strip()]
    except OSError:
        known = []
    if name in known:
        return f"run 'tools/deps {name}{'-arm64' if arch == 'arm64' else ''}'"
    if name == "debug":
        return "'make debug-kernel' builds it"
    return f"tools/deps knows {', '.join(known) or 'none'}; tools/lab/add-kernel adds others"


class Kernel:
    """One kernel of the cache."""

    def __init__(self, arch, series):
        link = os.path.join(CACHE, "kernel", DEBARCH[arch], series)
        self.arch = arch
        self.dir = os.path.realpath(link)
        self.version = os.path.basename(self.dir)
        self.root = os.path.join(self.dir, "root")
        unpacked = os.path.join(self.root, "boot/vmlinux")
        self.image = unpacked if os.path.exists(unpacked) else \
            os.path.join(self.root, "boot/vmlinuz-" + self.version)
        if not os.path.exists(os.path.join(self.dir, "complete")):
            raise LabError(f"no kernel {series} for {arch} in {CACHE}: " +
                           _source(series, arch))

    def built_modules(self):
        """Our modules, as built for this kernel."""
        return self._built(self.version)

    def test_modules(self):
        """Those that only tests load, by modprobe."""
        return self._built(self.version + "-tests")

    @staticmethod
    def _built(name):
        top = os.path.join(TREE, "build/kmod", name)
        return sorted(glob.glob(os.path.join(top, "**", "*.ko"), recursive=True))


def _digest(files, *more):
    h = hashlib.sha256()
    for f in files:
        s = os.stat(f)
        h.update(f"{f} {s.st_mtime_ns} {s.st_size} {s.st_ino}\n".encode())
    for m in more:
        h.update(m.encode())
    return h.hexdigest()[:16]


def _build_once(parent, name, make):
    """Makes parent/name by make(temporary directory) unless it is there; returns it."""
    path = os.path.join(parent, name)
    if os.path.exists(path):
        os.utime(path)
        return path
    os.makedirs(parent, exist_ok=True)
    with open(os.path.join(parent, ".lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.exists(path):
            return path
        for old in os.listdir(parent):
            p = os.path.join(parent, old)
            # What no run of the last six hours has asked for is no longer in use.
            if old != ".lock" and os.stat(p).st_mtime < time.time() - 6 * 3600:
                shutil.rmtree(p, ignore_errors=True)
        tmp = tempfile.mkdtemp(prefix=".new.", dir=parent)
        try:
            make(tmp)
            os.chmod(tmp, 0o755)
            os.rename(tmp, path)
        except BaseException:
            shutil.rmtree(tmp, ignore_errors=True)
            raise
    return path


def _run(args):
    r = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                       check=False)
    if r.returncode:
        raise LabError(f"{' '.join(args)}: {r.stderr.strip() or r.returncode}")
    return r.stdout


def module_tree(kernel):
    """/lib/modules/VERSION for a guest: the kernel's modules, ours below updates/.

    Ours are copies, so that a build does not change the files of a running guest.
    """
    ours = kernel.built_modules() + kernel.test_modules()
    source = os.path.join(kernel.root, "lib/modules", kernel.version)

    def make(tmp):
        d = os.path.join(tmp, "lib/modules", kernel.version)
        os.makedirs(os.path.join(d, "updates"))
        os.symlink(os.path.join(source, "kernel"), os.path.join(d, "kernel"))
        for f in glob.glob(os.path.join(source, "modules.*")):
            if os.path.basename(f) in ("modules.builtin", "modules.order",
                                       "modules.builtin.modinfo"):
                shutil.copy(f, d)
        for f in ours:
            shutil.copy(f, os.path.join(d, "updates"))
        _run(["/sbin/depmod", "-b", tmp, kernel.version])

    key = kernel.version + "-" + _digest(ours, source)
    tree = _build_once(os.path.join(TREE, "build/lab/modules"), key, make)
    return os.path.join(tree, "lib/modules", kernel.version)


def cpio(entries):
    """A newc archive of (name, mode, content) entries, for an initramfs."""
    out = bytearray()
    for number, (name, mode, data) in enumerate(list(entries) + [("TRAILER!!!", 0, b"")], 1):
        n = name.encode() + b"\0"
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(n), 0)
        out += b"070701" + b"".join(b"%08X" % f for f in fields) + n
        out += b"\0" * (-len(out) % 4) + data
        out += b"\0" * (-len(out) % 4)
    return bytes(out)


def module_files(kernel, names):
    """The files of modules, for an initramfs, each after those it needs."""
    files = []
    for m in names:
        for line in _run(["/sbin/modprobe", "-d", kernel.root, "-S", kernel.version,
                          "--show-depends", m]).splitlines():
            words = line.split()
            if words[0] == "insmod" and words[1] not in files:
                files.append(words[1])
    return files


def initramfs(kernel):
    """The initramfs for a kernel; a run adds its own files behind it."""
    busybox = "/bin/busybox"
    if kernel.arch != "x86_64":
        places = [os.path.join(kernel.root, d, "busybox") for d in ("bin", "usr/bin")]
        busybox = next(filter(os.path.exists, places), places[0])
    init = os.path.join(GUEST, "init")

    def make(tmp):
        entries = [(d, stat.S_IFDIR | 0o755, b"") for d in
                   ("bin", "dev", "proc", "sys", "mods", "lower", "upper", "new", "lab")]
        entries.append(("dev/console", stat.S_IFREG | 0o600, b""))
        entries.append(("bin/sh", stat.S_IFLNK | 0o777, b"busybox"))
        for name, path in (("bin/busybox", busybox), ("init", init)):
            with open(path, "rb") as f:
                entries.append((name, stat.S_IFREG | 0o755, f.read()))
        for i, path in enumerate(module_files(kernel, BOOT_MODULES[kernel.arch])):
            with open(path, "rb") as f:
                entries.append((f"mods/{i:02}-{os.path.basename(path)}",
                                stat.S_IFREG | 0o644, f.read()))
        with open(os.path.join(tmp, "initrd"), "wb") as f:
            f.write(cpio(entries))

    if not os.path.exists(busybox):
        raise LabError(f"{busybox} is missing: run 'make deps'")
    key = kernel.version + "-" + _digest([busybox, init, __file__], kernel.dir)
    return os.path.join(_build_once(os.path.join(TREE, "build/lab/initrd"), key, make), "initrd")
