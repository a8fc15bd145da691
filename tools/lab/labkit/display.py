# SPDX-License-Identifier: GPL-2.0-only
"""An X server in memory, on which QEMU draws what a guest's virtio-gpu with 3D asks for."""

import ctypes
import os
import secrets
import select
import shutil
import signal
import subprocess
import time

from . import LabError

START = 60      # s until the server must answer, on a busy machine
FAMILY_WILD = 0xffff
PR_SET_PDEATHSIG = 1


def _die_with_parent():
    """By SIGTERM, on which it removes its socket and its lock."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Display:
    """The server of one run."""

    def __init__(self, qemu, topology):
        lacks = [] if shutil.which("Xvfb") else ["Xvfb (Debian's package xvfb)"]
        deps = "make deps" if lacks else qemu.deps
        lacks += qemu.lacks(topology)
        if lacks:
            raise LabError(f"3D for a guest needs {' and '.join(lacks)}: run '{deps}'")
        self.auth = None
        self.number = None
        self.process = None

    def start(self, directory):
        """Starts it, with its files in the directory."""
        self.auth = os.path.join(directory, "xauth")
        self._cookie()
        log_path = os.path.join(directory, "xlog")
        ours, theirs = os.pipe()
        with open(log_path, "wb") as log:
            # pylint: disable-next=consider-using-with,subprocess-popen-preexec-fn
            self.process = subprocess.Popen(
                ["Xvfb", "-displayfd", str(theirs), "-auth", self.auth, "-nolisten", "tcp",
                 "-noreset", "-screen", "0", "1280x1024x24"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=[theirs],
                preexec_fn=_die_with_parent)
        os.close(theirs)
        self.number = self._number(ours)
        if not self.number:
            with open(log_path, encoding="utf-8", errors="replace") as f:
                raise LabError("Xvfb did not start:\n" + f.read().rstrip())

    @staticmethod
    def _number(ours):
        """The display's number, as the server tells it once it answers; None: it does not."""
        told, until = b"", time.monotonic() + START
        # Number and newline come one by one, and who closes the pipe between them ends the server.
        while not told.endswith(b"\n") and \
                select.select([ours], [], [], max(0, until - time.monotonic()))[0]:
            data = os.read(ours, 16)
            if not data:
                break
            told += data
        os.close(ours)
        return told.decode().strip() if told.endswith(b"\n") else None

    def _cookie(self):
        """The server is for this run alone, and not for other users of the machine."""
        fields = (b"", b"", b"MIT-MAGIC-COOKIE-1", secrets.token_bytes(16))
        with open(self.auth, "wb") as f:
            f.write(FAMILY_WILD.to_bytes(2, "big") +
                    b"".join(len(x).to_bytes(2, "big") + x for x in fields))

    def env(self):
        """QEMU's variables for this server."""
        return {"DISPLAY": ":" + self.number, "XAUTHORITY": self.auth, "SDL_VIDEODRIVER": "x11"}

    def stop(self):
        """Ends it."""
        if not self.process:
            return
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
