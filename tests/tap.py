# SPDX-License-Identifier: GPL-2.0-only
"""Reads what test programs print (TAP, as kselftest and cmocka write it) and adds it up."""

import re
import threading

POINT = re.compile(r"^(not )?ok(?![^\s])\s*(\d+)?\s*(?:-\s*)?([^#]*?)\s*(?:#\s*(.*))?$")
PLAN = re.compile(r"^1\.\.(\d+)(?:\s*#\s*SKIP\s*(.*))?", re.I)
SKIP = re.compile(r"SKIP\b\S*\s*(.*)", re.I)

SKIPPED = re.compile(r"# skipped: (.+)")


class Total:
    """The sum of everything; prints each point under one numbering."""

    def __init__(self, verbose):
        self.passed = self.failed = self.skipped = 0
        self.failures = {}      # name: lines that tell why
        self.verbose = verbose
        self.lock = threading.Lock()

    def point(self, ok, name, skip=None):
        """One test: skip is the reason for skipping it."""
        with self.lock:
            if skip is not None and not skip.strip():
                ok, skip, name = False, None, name + " (skipped without a reason)"
            number = self.passed + self.failed + self.skipped + 1
            if skip is not None:
                self.skipped += 1
                print(f"ok {number} - {name} # SKIP {skip}", flush=True)
            elif ok:
                self.passed += 1
                print(f"ok {number} - {name}", flush=True)
            else:
                self.failed += 1
                self.failures[name] = []
                print(f"not ok {number} - {name}", flush=True)

    def note(self, text):
        """Lines that are no tests."""
        with self.lock:
            for line in text.splitlines():
                print("# " + line, flush=True)

    def note_failures(self):
        """All that failed once more, shortly, where whoever sees the end alone sees it."""
        for name, why in self.failures.items():
            self.note("\n".join(["failed: " + name] + ["    " + line[:300] for line in why]))

    def summary(self):
        line = f"{self.passed} passed, {self.failed} failed"
        return line + (f", {self.skipped} skipped" if self.skipped else "")


class Program:
    """The output of one test program, line by line."""

    def __init__(self, total, name):
        self.total = total
        self.name = name
        self.planned = None
        self.points = self.bad = self.skips = 0
        self.lines = []
        self.marks = []         # where in it the points stand, and the names of failed ones

    def _point(self, ok, name, skip=None):
        self.points += 1
        self.marks.append((len(self.lines), None if ok else f"{self.name}: {name}"))
        self.bad += not ok and skip is None
        self.skips += skip is not None
        self.total.point(ok, f"{self.name}: {name}", skip)

    def line(self, text):
        text = text.rstrip("\r\n")
        self.lines.append(text)
        if self.total.verbose:
            self.total.note(f"{self.name}: {text}")
        plan = PLAN.match(text)
        if plan:
            # Several groups of one program plan one after another.
            self.planned = (self.planned or 0) + int(plan.group(1))
            if plan.group(1) == "0":
                self._point(True, "all of it", plan.group(2) or "")
                self.planned += 1
            return
        point = POINT.match(text)
        if point:
            no, number, name, directive = point.groups()
            skip = SKIP.match(directive) if directive else None
            reason = skip.group(1) if skip else None
            if skip and not name and re.fullmatch(r"\w+", reason):
                # cmocka has the name in the reason's place, and the reason is told before it.
                told = SKIPPED.match(self.lines[-2]) if len(self.lines) > 1 else None
                name, reason = reason, told.group(1) if told else ""
            self._point(not no, name or f"test {number}", reason)
        elif text.startswith("Bail out!"):
            self._point(False, text)

    def _reasons(self):
        """What stands around each failed point: some programs tell before it, some after."""
        places = [0] + [at for at, _ in self.marks] + [len(self.lines) + 1]
        for i, (at, name) in enumerate(self.marks):
            if name in self.total.failures:
                told = [[line for line in lines if line.startswith("#") and
                         not line.startswith(("#  RUN", "#            OK"))]
                        for lines in (self.lines[places[i]:at], self.lines[at:places[i + 2] - 1])]
                self.total.failures[name] = told[0][-6:] + told[1][-6:]

    def end(self, status):
        """The program is over; says what its points alone do not."""
        before = self.bad
        if self.planned is None:
            self._point(False, f"no plan in its output (status {status})")
        elif self.points != self.planned:
            self._point(False, f"{self.planned} tests planned, {self.points} done "
                        f"(status {status})")
        elif status == 124 or status > 128:
            self._point(False, "killed, or out of time" + f" (status {status})")
        elif status and not before and not (status == 4 and self.skips):
            self._point(False, f"status {status} though no test failed")
        self._reasons()
        if self.bad and not self.total.verbose:
            self.total.note("\n".join([f"---- all of {self.name}'s output:"] +
                                      self.lines[-200:] + ["----"]))
