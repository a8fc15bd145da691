# SPDX-License-Identifier: GPL-2.0-only
"""The Debian that a guest, or its QEMU, runs on: this machine's, or one of the cache."""

import os
import re
import sys

from . import LabError
from .kernel import CACHE, TREE

RELEASES = ("bookworm", "trixie")


def host_release():
    """The codename of this machine's Debian, or None."""
    try:
        with open("/etc/os-release", encoding="utf-8", errors="replace") as f:
            m = re.search(r'^VERSION_CODENAME="?([\w-]+)', f.read(), re.M)
            return m and m.group(1)
    except OSError:
        return None


def root_of(name):
    """The root of the Debian of that name; / if it is this machine's own."""
    if name in ("host", host_release()):
        return "/"
    top = os.path.join(CACHE, "userland", name)
    if not os.path.exists(os.path.join(top, "complete")):
        raise LabError(f"no userland {name} in {CACHE}: run 'tools/deps {name}'")
    return os.path.join(top, "root")


class Userland:
    """The userland of a guest."""

    def __init__(self, name, init):
        self.root = root_of(name)
        self.host = self.root == "/"
        self.built = self._built(name)
        if init == "systemd" and \
                not os.path.exists(os.path.join(self.root, "usr/lib/systemd/systemd")):
            raise LabError("this machine has no systemd for --init systemd: install Debian's "
                           "packages systemd and udev, or take another --userland" if self.host
                           else f"userland {name} has no systemd: run 'tools/deps {name}' again")

    @staticmethod
    def _built(name):
        """Where what a guest runs was built, if not here: what a newer Debian's compiler made does
        not run on an older one."""
        ours = host_release()
        if ours not in RELEASES or name not in RELEASES[:RELEASES.index(ours)]:
            return ""
        built = os.path.join(TREE, "build", name)
        if not os.path.isdir(os.path.join(built, "bin")):
            print(f"lab: our programs are built for {ours} alone and can't run on {name}: "
                  f"'make tests USERLAND={name}' builds them for it", file=sys.stderr)
            return ""
        return built

    def kept(self, paths):
        """Which of the paths a guest would not see, or see empty, without our doing."""
        kept = []
        for p in sorted(set(paths)):
            if any(p.startswith(k + "/") for k in kept) or not self._hidden(p):
                continue
            if any(c in p for c in " \t\n'\"\\*?[$`"):
                raise LabError(f"{p}: the lab can't show a guest a folder whose name has blanks "
                               "or quotes" + (", below /tmp" if self.host else ""))
            kept.append(p)
        return kept

    def _hidden(self, path):
        if self.host:
            return path.startswith(("/tmp/", "/var/tmp/", "/run/"))
        # Folders such as /usr are the userland's own.
        own = os.path.join(self.root, path[1:])
        return path.count("/") > 1 or (path != "/" and not (os.path.isdir(own) and
                                                            os.listdir(own)))
