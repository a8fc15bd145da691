#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""top_pty.py VM: qwamos-gpu top in a terminal: what it shows, another size, and that it gives
the terminal back as it was however it ends.
"""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?1049l"


class Top:
    """A run in a terminal of its own."""

    def __init__(self, columns, rows, *args):
        self.master, slave = pty.openpty()
        self.slave = slave
        self.resize(columns, rows)
        self.before = termios.tcgetattr(slave)
        self.seen = b""
        self.pid = os.fork()
        if not self.pid:
            self.take(slave)
            os.environ["TERM"] = "xterm"
            os.execvp("qwamos-gpu", ["qwamos-gpu", "top", *args])

    @staticmethod
    def take(slave):
        """login_tty(3)"""
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        for fd in range(3):
            os.dup2(slave, fd)

    def resize(self, columns, rows):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def until(self, what, seconds=20):
        """Reads until all that was seen since the last clear() matches; returns it."""
        end = time.monotonic() + seconds
        while not re.search(what, self.seen):
            left = end - time.monotonic()
            assert left > 0, (what, self.seen)
            if select.select([self.master], [], [], left)[0]:
                self.seen += os.read(self.master, 65536)
        return self.seen

    def clear(self):
        self.seen = b""

    def frame(self):
        """The lines of one whole screen that begins after now."""
        self.clear()
        text = self.until(rb"\x1b\[H[^\x00]*?\x1b\[J")
        text = re.search(rb"\x1b\[H(.*?)\x1b\[J", text, re.S).group(1)
        return [re.sub(rb"\x1b\[[0-9;?]*[a-zA-Z]", b"", x).decode() for x in text.split(b"\r\n")]

    def end(self):
        """Its status, once it has ended; the terminal must be as before."""
        end = time.monotonic() + 20
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                break
            assert time.monotonic() < end, "top does not end"
            if select.select([self.master], [], [], 0.05)[0]:
                self.seen += os.read(self.master, 65536)
        self.until(re.escape(LEAVE))
        assert b"\x1b[?25h" in self.seen, "the cursor is gone"
        assert termios.tcgetattr(self.slave) == self.before, "the terminal is not as before"
        os.close(self.master)
        os.close(self.slave)
        return os.waitstatus_to_exitcode(status)


def stopped(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        return f.read().rsplit(")", 1)[1].split()[0] == "T"


def main():
    name = sys.argv[1]
    top = Top(100, 24)
    top.until(re.escape(ENTER))
    lines = top.frame()
    assert lines[0].startswith("qwamos-gpu top - "), lines
    assert lines[1].split()[:3] == ["ID", "NAME", "LEVEL"] and "ENFORCED BY" in lines[1], lines
    assert len(lines[1]) == 100, lines
    assert lines[2].split()[1:3] == [name, "medium"] and "0/512" in lines[2], lines
    assert not termios.tcgetattr(top.slave)[3] & termios.ECHO, "keys are echoed"
    # Another size is drawn at once.
    for columns, rows in ((140, 10), (60, 3), (20, 2), (80, 1), (200, 50)):
        top.resize(columns, rows)
        os.kill(top.pid, signal.SIGWINCH)
        end = time.monotonic() + 20
        while True:
            lines = top.frame()
            if all(len(x) <= columns for x in lines) and len(lines) <= rows and \
               (rows < 2 or (len(lines) > 1 and len(lines[1]) == columns)):
                break
            assert time.monotonic() < end, (columns, rows, lines)
    # Stopped, it gives the terminal back, and takes it again.
    top.clear()
    os.kill(top.pid, signal.SIGTSTP)
    top.until(re.escape(LEAVE))
    end = time.monotonic() + 20
    while not stopped(top.pid):
        assert time.monotonic() < end, "not stopped"
        time.sleep(0.02)
    assert termios.tcgetattr(top.slave) == top.before
    os.kill(top.pid, signal.SIGCONT)
    top.until(re.escape(ENTER))
    top.frame()
    os.write(top.master, b"q")
    assert top.end() == 0
    # Ended in other ways.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        top = Top(80, 24)
        top.until(re.escape(name.encode()))
        os.kill(top.pid, number)
        assert top.end() == 128 + number, number
    for number in (signal.SIGSEGV, signal.SIGABRT):
        top = Top(80, 24)
        top.until(re.escape(name.encode()))
        os.kill(top.pid, number)
        assert top.end() == -number, number
    # Control C, as typed.
    top = Top(80, 24)
    top.until(re.escape(name.encode()))
    os.write(top.master, b"\x03")
    assert top.end() == 130
    print("all well")


if __name__ == "__main__":
    main()
