# SPDX-License-Identifier: GPL-2.0-only
"""Starting and stopping a VM, against the same QEMU started by hand and told to quit."""

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time

from table import measure, title

QUIT = os.path.join(os.environ.get("QWAMOS_TREE", "."), "build/bench/quit")
NAME = "bench"
CONFIG = f"""vm: {{name: {NAME}}}
machine: {{type: q35, accel: tcg}}
hardware: {{cpu: {{model: qemu64}}, memory: {{size: 64}}}}
"""


class Hand:
    """A QEMU with the arguments that qwamos-vm gives it, in no sandbox."""

    def __init__(self, arguments):
        self.arguments = arguments
        self.process = self.socket = self.qmp = self.serial = None

    def _answer(self, key):
        for line in self.qmp:
            if key in json.loads(line):
                return
        sys.exit("bench: QEMU by hand ended before it said " + key)

    def start(self):
        """Milliseconds until its guest runs."""
        ours, theirs = socket.socketpair()
        self.serial, serial = socket.socketpair()
        # The numbers that the dry run has for what is opened later.
        numbers = {"3": str(theirs.fileno()), "4": str(serial.fileno())}
        command = [re.sub(r"\bfd=([34])\b", lambda m: "fd=" + numbers[m[1]], a) for a in self.arguments]
        begin = time.perf_counter_ns()
        self.process = subprocess.Popen(        # pylint: disable=consider-using-with
            command, pass_fds=[theirs.fileno(), serial.fileno()], stdin=subprocess.DEVNULL)
        theirs.close()
        serial.close()
        self.socket = ours
        self.qmp = ours.makefile("rw", encoding="utf-8")
        self._answer("QMP")
        for command in ("qmp_capabilities", "cont"):
            self.say(command)
            self._answer("return")
        return (time.perf_counter_ns() - begin) / 1e6

    def say(self, command):
        self.qmp.write(json.dumps({"execute": command}) + "\n")
        self.qmp.flush()

    def quit(self):
        """Milliseconds from the start of a program that tells it to quit until that has seen it end."""
        pidfd = os.pidfd_open(self.process.pid)
        begin = time.perf_counter_ns()
        subprocess.run([QUIT, str(self.socket.fileno()), str(pidfd)], check=True,
                       pass_fds=[self.socket.fileno(), pidfd])
        took = (time.perf_counter_ns() - begin) / 1e6
        if self.process.wait():
            sys.exit(f"bench: QEMU by hand ended with status {self.process.returncode}")
        os.close(pidfd)
        self.qmp.close()
        self.socket.close()
        self.serial.close()
        return took


def bench(runs, run, timed):
    """@run: a command's output; @timed: its milliseconds from fork to exit."""
    with tempfile.TemporaryDirectory() as folder:
        config = os.path.join(folder, "bench.yaml")
        with open(config, "w", encoding="ascii") as f:
            f.write(CONFIG)
        plan = json.loads(run("qwamos-vm", "start", config, "--dry-run", "--json"))
        hand = Hand(plan["qemu"])
        s = measure(runs, {"QEMU by hand, until its guest runs": hand.start,
                           "a program that says QMP quit": hand.quit,
                           "qwamos-vm start": lambda: timed("qwamos-vm", "start", config),
                           "qwamos-vm stop --now": lambda: timed("qwamos-vm", "stop", NAME, "--now")})
    title("A VM without a GPU (64 MiB, no disk; by hand: the same arguments, in no sandbox)")
    for name, base, bar in (("QEMU by hand, until its guest runs", "QEMU by hand, until its guest runs", None),
                            ("qwamos-vm start", "QEMU by hand, until its guest runs", 1.1),
                            ("a program that says QMP quit", "a program that says QMP quit", None),
                            ("qwamos-vm stop --now", "a program that says QMP quit", 1.5)):
        s.row(name, "ms", base, bar)
