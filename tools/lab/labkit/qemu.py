# SPDX-License-Identifier: GPL-2.0-only
"""The QEMU that runs a guest: this machine's, or one of another Debian, unpacked in the cache.

The latter runs on this machine as it is, by its own ld.so with its own libraries, and needs
neither root nor a namespace. Whatever GPU the machine has, 3D is Mesa's on the CPU.
"""

import glob
import json
import os
import re
import shlex
import shutil
import subprocess

from . import LabError
from .kernel import CACHE
from .userland import RELEASES, root_of

NAMES = ("host",) + RELEASES + ("latest",)
LIB = "usr/lib/x86_64-linux-gnu"
RENDER_SERVER = "usr/libexec/virgl_render_server"


def _root(name):
    if name != "latest":
        return root_of(name)
    top = os.path.join(CACHE, "qemu", name)
    if not os.path.exists(os.path.join(top, "complete")):
        raise LabError(f"no QEMU {name} in {CACHE}: run 'tools/deps qemu-{name}'")
    return os.path.join(top, "root")


class Qemu:
    """One of them, for one kind of guest."""

    def __init__(self, name, arch):
        self.name = name
        self.root = _root(name)
        self.program = "qemu-system-" + ("aarch64" if arch == "arm64" else arch)
        self.foreign = self.root != "/"
        self.lib = os.path.join(self.root, LIB)
        self.env = dict(os.environ)
        self._version = None
        self.deps = "make deps"
        if not self.foreign:
            self.command = [self.program]
            return
        self.deps = "tools/deps " + ("qemu-latest" if name == "latest" else name)
        binary = os.path.join(self.root, "usr/bin", self.program)
        if not os.path.exists(binary):
            raise LabError(f"{self.root} has no {self.program}: run '{self.deps}' again")
        self.command = self._by_loader(binary)
        for d in ("seabios", "qemu"):
            self.command += ["-L", os.path.join(self.root, "usr/share", d)]
        # Else it would bear the name of ld.so.
        self.command += ["-name", f"lab,process={self.program[:15]}"]
        self.env["QEMU_MODULE_DIR"] = os.path.join(self.lib, "qemu")

    def _by_loader(self, binary):
        return [os.path.join(self.root, "usr/lib64/ld-linux-x86-64.so.2"), "--library-path",
                f"{self.lib}:{self.lib}/pulseaudio", binary]

    def version(self):
        """As a string, such as 7.2.22."""
        if not self._version:
            try:
                r = subprocess.run(self.command + ["--version"], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   errors="replace", env=self.env, check=False)
            except FileNotFoundError:
                raise self.not_installed() from None
            m = re.search(r"version (\d+(?:\.\d+)+)", r.stdout)
            if not m:
                raise LabError(f"{self.program} does not tell its version:\n{r.stdout.rstrip()}")
            self._version = m.group(1)
        return self._version

    def not_installed(self):
        """The error to raise when the program can't be run."""
        return LabError(f"{self.command[0]} is not installed: run '{self.deps}'")

    def check(self, topology):
        """Fails if a guest of that topology is too much for it."""
        if topology.qemu and int(self.version().split(".", maxsplit=1)[0]) < topology.qemu:
            raise LabError(f"topology {topology.name} needs QEMU {topology.qemu} or newer, and "
                           f"--qemu {self.name} is {self.version()}; try --qemu latest")

    def lacks(self, topology):
        """What it lacks for the topology's 3D."""
        lacks = []
        if (self.foreign or shutil.which(self.program)) and not self._sdl():
            lacks.append(f"{self.program}'s module for SDL (Debian's package qemu-system-gui)")
        if topology.venus:
            if not os.path.exists(os.path.join(self.root, RENDER_SERVER)):
                lacks.append(f"/{RENDER_SERVER} (Debian's package virgl-server)")
            if not self._lavapipe():
                lacks.append("Vulkan on the CPU (Debian's package mesa-vulkan-drivers)")
        return lacks

    def _sdl(self):
        """Whether this QEMU can show a window; Debian has that in a package of its own."""
        r = subprocess.run(self.command + ["-display", "help"], stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                           env=self.env, check=False)
        return "sdl" in r.stdout.split()

    def _lavapipe(self):
        """Its description of Mesa's Vulkan driver for the CPU, or None."""
        found = glob.glob(os.path.join(self.root, "usr/share/vulkan/icd.d/lvp_icd*.json"))
        return found and found[0]

    def use_gl(self, directory):
        """Sets the variables for OpenGL and Vulkan on the CPU; the directory is for its files."""
        env = self.env
        env["LIBGL_ALWAYS_SOFTWARE"] = "1"
        driver = self._lavapipe()
        if driver:
            env["VK_DRIVER_FILES"] = driver
        if not self.foreign:
            return
        if driver:
            env["VK_DRIVER_FILES"] = self._description(driver, directory)
        env["VK_LOADER_LAYERS_DISABLE"] = "~all~"
        env["LIBGL_DRIVERS_PATH"] = os.path.join(self.lib, "dri")
        env["GBM_BACKENDS_PATH"] = os.path.join(self.lib, "gbm")
        env["__GLX_VENDOR_LIBRARY_NAME"] = "mesa"
        env["__EGL_VENDOR_LIBRARY_FILENAMES"] = self._description(
            os.path.join(self.root, "usr/share/glvnd/egl_vendor.d/50_mesa.json"), directory)
        env["XKB_CONFIG_ROOT"] = os.path.join(self.root, "usr/share/X11/xkb")
        server = os.path.join(directory, "virgl_render_server")
        with open(server, "w", encoding="utf-8") as f:
            command = self._by_loader(os.path.join(self.root, RENDER_SERVER))
            f.write(f"#!/bin/sh\nexec {shlex.join(command)} \"$@\"\n")
        os.chmod(server, 0o755)
        env["RENDER_SERVER_EXEC_PATH"] = server

    def _description(self, path, directory):
        """A copy of a driver's description that names its library by a path of this machine."""
        with open(path, encoding="utf-8") as f:
            d = json.load(f)
        icd = d["ICD"]
        icd["library_path"] = os.path.join(self.lib, os.path.basename(icd["library_path"]))
        copy = os.path.join(directory, os.path.basename(path))
        with open(copy, "w", encoding="utf-8") as f:
            json.dump(d, f)
        return copy
