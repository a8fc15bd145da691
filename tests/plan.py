# SPDX-License-Identifier: GPL-2.0-only
"""What there is to test, on which kernels, and what that needs: read from tests/guest/MANIFEST,
from the heads of scripts ("# needs: WHAT...", "# timeout: SECONDS") and from tools/deps.d/kernels,
without doing any of it."""

import os
import re

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CACHE = os.environ.get("QWAMOS_CACHE") or os.path.join(
    os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "qwamos-gpu")
DEBUG = "debug"         # the kernel of check-debug
GUEST_SECONDS = 60      # for a program of tests/guest that asks for no more
SCRIPT_SECONDS = 300    # for a script that asks for no more
# First column of the MANIFEST: on which kernels 'make check' runs a line, and whether check-debug
# does, too. check-all runs on every kernel what any kernel but debug runs.
WHERE = {"every": (("6.1", "latest"), True), "every+6.12": (("6.1", "latest", "6.12"), True),
         "6.1": (("6.1",), True), "all": ((), False), DEBUG: ((), True)}
DEBIANS = ("bookworm", "trixie")


def host_release():
    """The Debian release that this machine runs; None if it is none."""
    try:
        with open("/etc/os-release", encoding="utf-8") as f:
            words = dict(line.rstrip("\n").split("=", 1) for line in f if "=" in line)
    except OSError:
        return None
    return words.get("VERSION_CODENAME") if words.get("ID") == "debian" else None


def second_userlands():
    """Those of other Debians than this machine's."""
    host = host_release()
    return [d for d in DEBIANS if d != host] if host in DEBIANS else list(DEBIANS[-1:])


def older_userlands():
    """Those in which no program runs that was built here: what their guests run is built there."""
    host = host_release()
    return list(DEBIANS[:DEBIANS.index(host)]) if host in DEBIANS else []


def lab_kernels():
    """Those that tools/deps.d/kernels lists, but newest."""
    with open(os.path.join(TOP, "tools/deps.d/kernels"), encoding="utf-8") as f:
        rows = [line.split() for line in f if line.strip() and not line.startswith("#")]
    return [r[0] for r in rows if r[0] != "newest"]


def lacking(what):
    """Why the archive has no kernel of this name, as tools/deps found; None if it has one."""
    name, _, arch = what.partition("-")
    at = os.path.join(CACHE, "kernel", arch or "amd64", name)
    path = at + ".none"
    if os.path.exists(os.path.join(at, "complete")) or not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as f:
        return f.read().strip() + " ('make check-latest' tries that)"


def _head(path):
    with open(path, encoding="utf-8") as f:
        return f.read(4096)


def script_seconds(path):
    m = re.search(r"^# timeout: (\d+)$", _head(path), re.M)
    return int(m.group(1)) if m else SCRIPT_SECONDS


def script_needs(path, default=("6.1",)):
    """What tools/deps has to have fetched for a script."""
    m = re.search(r"^# needs: (.+)$", _head(path), re.M)
    return m.group(1).split() if m else list(default)


def executables(name, suffix=""):
    """The programs of a folder."""
    d = os.path.join(TOP, name)
    if not os.path.isdir(d):
        return []
    return sorted(os.path.join(d, f) for f in os.listdir(d)
                  if f.endswith(suffix) and os.access(os.path.join(d, f), os.X_OK) and
                  os.path.isfile(os.path.join(d, f)))


class Line:
    """A line of the MANIFEST."""

    def __init__(self, where, boot, name, seconds):
        self.where, self.boot, self.name, self.seconds = where, boot, name, seconds
        script = name.endswith(".sh")
        self.path = os.path.join(TOP, "tests/guest" if script else "build/tests/guest", name)
        self.needs = script_needs(self.path, ()) if script and os.path.exists(self.path) else []


def manifest():
    """The lines of the MANIFEST, and what is wrong with it."""
    lines, wrong = [], []
    path = os.path.join(TOP, "tests/guest/MANIFEST")
    with open(path, encoding="utf-8") as f:
        for number, text in enumerate(f, 1):
            words = text.split("#")[0].split()
            if not words:
                continue
            if len(words) not in (3, 4) or words[0] not in WHERE or \
               not (len(words) == 3 or words[3].isdigit()):
                wrong.append(f"tests/guest/MANIFEST:{number}: expected {'|'.join(WHERE)} BOOT "
                             "PROGRAM [SECONDS]")
                continue
            lines.append(Line(words[0], words[1], words[2],
                              int(words[3]) if len(words) == 4 else GUEST_SECONDS))
    named = {x.name for x in lines}
    for f in sorted(os.listdir(os.path.dirname(path))):
        base = f[:-2] if f.endswith(".c") else f
        if f.endswith((".c", ".sh")) and base not in named:
            wrong.append(f"tests/guest/{f} is not in the MANIFEST: it would never run")
    return lines, wrong


class Plan:
    """What one run of tests/run is to do."""

    def __init__(self, mode, kernel, patterns, newcomer=False):
        """mode: check, all, debug or kernel (that one kernel's programs in guests)."""
        self.mode, self.patterns = mode, patterns
        lines, self.wrong = manifest()
        self.boots = {}         # (kernel, userland, boot): [Line]
        for line in lines:
            for k, u in self._places(line, kernel):
                title = self.title(k, u, line.boot)
                if self.wanted(title) or self.wanted(line.name):
                    self.boots.setdefault((k, u, line.boot), []).append(line)
        folders = {"check": ["e2e"], "all": ["e2e", "all"], "debug": ["debug"], "kernel": []}[mode]
        self.scripts = [(f"{d} {os.path.basename(x)}", x) for d in folders
                        for x in executables("tests/" + d, (".sh", ".py"))
                        if self.wanted(f"{d} {os.path.basename(x)}")]
        if newcomer:
            self.scripts.append(("newcomer", os.path.join(TOP, "tests/newcomer/run")))
        self.unit = mode in ("check", "all")
        # Not a part of it, but the whole: what no test asks for is built and held against.
        self.whole = not patterns

    def _places(self, line, kernel):
        kernels, debug = WHERE[line.where]
        if self.mode == "debug":
            return [(DEBUG, "host")] if debug else []
        if line.where == DEBUG or (self.mode == "check" and not kernels):
            return []
        if self.mode == "kernel":
            return [(kernel, "host")]
        if self.mode == "all":
            return [(k, u) for u in ["host"] + second_userlands()[-1:] for k in lab_kernels()]
        return [(k, "host") for k in kernels]

    @staticmethod
    def title(kernel, userland, boot):
        return f"{kernel} {boot}" if userland == "host" else f"{kernel} {userland} {boot}"

    def unmatched(self):
        """Patterns that are in no name of what may run in this mode."""
        lines, _ = manifest()
        names = {x.name for x in lines} | {self.title(k, u, b) for k, u, b in self.boots} | \
            {n for n, _ in self.scripts}
        if self.unit:
            names |= {f"unit {f}" for f in os.listdir(os.path.join(TOP, "tests/unit"))}
        return [p for p in self.patterns if not any(p in n for n in names)]

    def wanted(self, name):
        return not self.patterns or any(x in name for x in self.patterns)

    def loaded(self):
        """Kernels whose modules some test loads."""
        found = {k for k, _, _ in self.boots}
        for _, path in self.scripts:
            found |= {w for w in script_needs(path) if w.partition("-")[0] in lab_kernels()}
        return sorted(found)

    def kernels(self):
        """Kernels that modules are to be built for."""
        found = set(self.loaded())
        if self.whole and self.mode in ("check", "all"):
            found |= {"6.1", "latest", "6.1-arm64", "latest-arm64"}
            found |= {f"{k}{a}" for k in lab_kernels() for a in ("", "-arm64")} \
                if self.mode == "all" else {"6.12"}
        return sorted(found)

    def guest_userlands(self):
        """Other Debians than this machine's that guests run."""
        return sorted({u for _, u, _ in self.boots if u != "host"})

    def userlands(self):
        """Other Debians than this machine's: in those of boots, and a newer one's compiler."""
        found = set(self.guest_userlands())
        if self.whole and self.mode in ("check", "all"):
            found |= {DEBIANS[-1]} & set(second_userlands())
        return sorted(found)

    def needs(self):
        """The words for tools/deps."""
        # DRM's interface, which tests are built with, comes with the kernel 6.1.
        words = {"packages", "kselftest", "6.1"} | set(self.kernels()) | set(self.userlands())
        words |= {n for lines in self.boots.values() for x in lines for n in x.needs}
        for _, path in self.scripts:
            words |= set(script_needs(path))
        return sorted(words)
