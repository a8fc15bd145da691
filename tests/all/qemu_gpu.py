#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 300
# needs: trixie qemu-latest
"""QEMU 7.2, 10 and the newest start with the arguments that we make for a VM with 3D, on a CPU's
OpenGL, and their adapter answers: asked halted, by QMP and as a driver would ask.

A VM that was given Vulkan in QEMU's sandbox had no GPU at all; that this would be seen is shown,
too.
"""

import glob
import json
import os
import shlex
import socket
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tools/lab"))
# pylint: disable=wrong-import-position
from labkit import LabError                                    # noqa: E402
from labkit.qemu import Qemu                                   # noqa: E402
from labkit.qtest_gpu import Gpu, NoAnswer, Qtest              # noqa: E402

PROGRAM = os.path.join(TOP, "build/bin/qwamos-gpu")
CONFIG = os.path.join(TOP, "tests/data/qemu/configs/development.yaml")
VERSIONS = {"host": 7, "trixie": 10, "latest": 11}      # the least that each is
SECONDS = 30


class Tap:
    """Counts."""

    def __init__(self):
        self.n, self.bad = 0, 0
        print("TAP version 13", flush=True)

    def check(self, ok, name, why=""):
        self.n += 1
        self.bad += not ok
        print(f"{'ok' if ok else 'not ok'} {self.n} - {name}", flush=True)
        if not ok:
            for line in str(why).splitlines():
                print(f"# {line}")
        return ok


def arguments(qemu, work, name):
    """What qwamos-gpu writes for it: (words, what was said). With the render node of another
    computer, for this one may have none."""
    wrapper = os.path.join(work, name, "qemu")
    os.makedirs(os.path.dirname(wrapper))
    env = {k: v for k, v in qemu.env.items() if os.environ.get(k) != v}
    with open(wrapper, "w", encoding="utf-8") as f:
        f.write("#!/bin/sh\n" + "".join(f"export {k}={shlex.quote(v)}\n" for k, v in env.items()))
        f.write(f"exec {shlex.join(qemu.command)} \"$@\"\n")
    os.chmod(wrapper, 0o755)
    env = dict(os.environ, XDG_CACHE_HOME=os.path.join(work, name))
    ask = [PROGRAM, "qemu-args", CONFIG, "--arch", "x86_64", "--json"]
    subprocess.run(ask + ["--qemu", wrapper], env=env, stdout=subprocess.PIPE,
                   stderr=subprocess.PIPE, check=True)
    caps = glob.glob(os.path.join(work, name, "qwamos-gpu/qemu/*.json"))[0]
    r = subprocess.run(ask + ["--caps", caps, "--render-node", "/dev/dri/renderD128", "--display",
                              "sdl"], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       text=True, check=True)
    return json.loads(r.stdout)["args"][1:], r.stderr


class Halted:
    """A QEMU that has started and does nothing."""

    def __init__(self, qemu, words, work):
        self.said = tempfile.TemporaryFile("w+", dir=work)
        self.qmp, theirs = socket.socketpair()
        self.qtest, driver = socket.socketpair()
        self.qmp.settimeout(SECONDS)
        words = words + ["-S", "-chardev", f"socket,id=q,fd={theirs.fileno()}", "-mon",
                         "chardev=q,mode=control", "-chardev",
                         f"socket,id=qtest,fd={driver.fileno()}", "-qtest", "chardev:qtest",
                         "-qtest-log", "none"]
        env = dict(qemu.env, SDL_VIDEODRIVER="offscreen")
        self.process = subprocess.Popen(qemu.command + words, env=env, stdin=subprocess.DEVNULL,
                                        stdout=self.said, stderr=self.said,
                                        pass_fds=(theirs.fileno(), driver.fileno()))
        theirs.close()
        driver.close()
        self.file = self.qmp.makefile("rw", encoding="utf-8")

    def __enter__(self):
        try:
            self.file.readline()
            self.ask("qmp_capabilities")
        except OSError:
            self.process.wait(SECONDS)
            raise OSError(f"it ended with {self.process.returncode}: {self.text()}") from None
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.qmp.close()
        self.qtest.close()

    def ask(self, command, **arguments):
        self.file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.file.flush()
        while True:
            line = self.file.readline()
            if not line:
                raise OSError(self.text())
            m = json.loads(line)
            if "error" in m:
                raise OSError(m["error"]["desc"])
            if "return" in m:
                return m["return"]

    def text(self):
        self.said.seek(0)
        return self.said.read()


def capset(qemu, words, work, seconds=SECONDS):
    """(what the adapter's first set of capabilities is, None: it does not answer; what was said)"""
    with Halted(qemu, words, work) as q:
        try:
            return Gpu(Qtest(q.qtest)).capset(seconds), q.text()
        except (NoAnswer, OSError) as e:
            return None, f"{e}\n{q.text()}"


def one(tap, name, work):
    qemu = Qemu(name, "x86_64")
    version = qemu.version()
    major = int(version.split(".")[0])
    tap.check(major >= VERSIONS[name], f"--qemu {name} is {VERSIONS[name]} or newer: {version}")
    directory = os.path.join(work, "gl-" + name)
    os.mkdir(directory)
    qemu.use_gl(directory)
    words, said = arguments(qemu, work, name)
    device = next(i for i, w in enumerate(words) if w.startswith("virtio-gpu-gl-pci,"))
    sandbox = next((w for i, w in enumerate(words) if words[i - 1] == "-sandbox"), "")
    tap.check("spawn=deny" in sandbox and "venus" not in words[device],
              f"{version}: a sandbox, and no Vulkan beside it", " ".join(words))
    tap.check("no Vulkan: " in said, f"{version}: which is told, with the reason", said)
    with Halted(qemu, words, work) as q:
        found = [d for bus in q.ask("query-pci") for d in bus["devices"]
                 if (d["id"]["vendor"], d["id"]["device"]) == (0x1af4, 0x1050)]
        tap.check(len(found) == 1, f"{version}: query-pci has the GPU", found)
        objects = q.ask("qom-list", path="/machine/peripheral")
        tap.check({"name": "gpu0", "type": "child<virtio-gpu-gl-pci>"} in objects,
                  f"{version}: qom-list has it as gpu0", objects)
    got, why = capset(qemu, words, work)
    tap.check(got in (1, 2), f"{version}: it answers a driver, with virgl", why)
    if major < 10:
        return
    words[device] += ",blob=on,venus=on,hostmem=256M"
    got, why = capset(qemu, words, work, 8)
    tap.check(got is None and "virgl could not be initialized" in why,
              f"{version}: with venus in that sandbox it would not, and this test sees it",
              f"capset {got}\n{why}")


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="qemu_gpu.") as work:
        for name in VERSIONS:
            try:
                one(tap, name, work)
            except (LabError, OSError, subprocess.CalledProcessError) as e:
                tap.check(False, f"--qemu {name}", getattr(e, "stderr", None) or e)
    print(f"1..{tap.n}")
    return 1 if tap.bad else 0


sys.exit(main())
