# SPDX-License-Identifier: GPL-2.0-only
"""What tests of qwamos-vfio in the lab share: TAP, the devices, running the program."""

import json
import os
import pty
import subprocess
import sys
import time
import traceback

OURS = "qwamos_vfio_pci"
PCI = "/sys/bus/pci/devices"
STATE = "/var/lib/qwamos-gpu"


def devices():
    """{name in the topology: address}"""
    with open("/run/lab/devices", encoding="ascii") as f:
        return dict(line.split() for line in f)


def driver(address):
    """Name of a device's driver, None if it has none."""
    try:
        return os.path.basename(os.readlink(f"{PCI}/{address}/driver"))
    except FileNotFoundError:
        return None


def override(address):
    """A device's driver_override, None if it has none."""
    with open(f"{PCI}/{address}/driver_override", encoding="ascii") as f:
        text = f.read().strip()
    return None if text in ("", "(null)") else text


def machine():
    """Driver and driver_override of every PCI device: what a refusal must not change."""
    return {a: (driver(a), override(a)) for a in sorted(os.listdir(PCI))}


def write(path, text):
    with open(path, "w", encoding="ascii") as f:
        f.write(text)


class Skip(Exception):
    """A test can't run on this kernel, and why."""


def need(*modules):
    """Loads modules. Only the debug kernel, which has but few, may lack one."""
    for name in modules:
        done = subprocess.run(["modprobe", name], stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode and os.environ.get("LAB_KERNEL") == "debug":
            raise Skip(f"the debug kernel has no {name}")
        assert not done.returncode, done.stderr


class Run:
    """One run of qwamos-vfio without a terminal."""

    def __init__(self, *args, env=None, timeout=90):
        done = subprocess.run(["qwamos-vfio", *args], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              env=dict(os.environ, **(env or {})), timeout=timeout, check=False)
        self.args, self.status = args, done.returncode
        self.out, self.err = done.stdout, done.stderr

    @property
    def doc(self):
        return json.loads(self.out)

    def __str__(self):
        return f"qwamos-vfio {' '.join(self.args)}: {self.status}\n{self.out}{self.err}"


def on_terminal(answer, *args):
    """Runs qwamos-vfio on a terminal and answers each of its questions, at once or by a function
    that is called for the answer."""
    pid, fd = pty.fork()
    if not pid:
        os.execvp("qwamos-vfio", ["qwamos-vfio", *args])
    out = b""
    answered = 0
    while True:
        try:
            piece = os.read(fd, 4096)
        except OSError:
            break
        if not piece:
            break
        out += piece
        while out.count(b"[y/N]") > answered:
            os.write(fd, answer() if callable(answer) else answer)
            answered += 1
    os.close(fd)
    assert answered, out
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), out.decode()


def status(*args):
    """The document of `status --json`."""
    run = Run("status", "--json", *args)
    assert run.status == 0, run
    return run.doc


def device(doc, address):
    """A device of a document."""
    found = [d for d in doc["devices"] if d.get("address") == address]
    assert len(found) == 1, (address, doc)
    return found[0]


def bound(address):
    return driver(address) == OURS and override(address) == OURS


def back(address, native):
    return driver(address) == native and override(address) is None


def clean():
    """All devices on their own drivers, no journal, nothing persisted."""
    run = Run("unbind", "--all-gpus", "--no-driver-ok")
    assert run.status == 0, run


def wait_for(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def main(tests):
    """Runs functions as TAP tests; the first line of each one's documentation is its name."""
    print(f"1..{len(tests)}", flush=True)
    bad = 0
    for number, test in enumerate(tests, 1):
        name = test.__doc__.splitlines()[0].rstrip(".")
        try:
            test()
            print(f"ok {number} - {name}", flush=True)
        except Skip as why:
            print(f"ok {number} - {name} # SKIP {why}", flush=True)
        except Exception:       # pylint: disable=broad-except
            bad = 1
            print(f"not ok {number} - {name}", flush=True)
            for line in traceback.format_exc().splitlines():
                print(f"# {line}", flush=True)
            try:
                clean()
            except Exception:   # pylint: disable=broad-except
                print("# and could not be cleaned up", flush=True)
    sys.exit(bad)
