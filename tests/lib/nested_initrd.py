#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""In the lab, an initramfs for a nested guest on the lab's own kernel: nested_initrd.py OUT MODULE...
It has busybox, loads the modules, and runs the shell script that is read from standard input."""

import os
import stat
import subprocess
import sys

sys.dont_write_bytecode = True
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tools/lab"))
# pylint: disable=wrong-import-position
from labkit.kernel import cpio      # noqa: E402

INIT = b"""#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
for m in /mods/*; do insmod $m; done
"""


def files_of(modules):
    """Their files, each after those it needs."""
    files = []
    for m in modules:
        out = subprocess.run(["modprobe", "-d", os.environ["LAB_KERNEL_ROOT"], "-S",
                              os.uname().release, "--show-depends", m],
                             stdout=subprocess.PIPE, text=True, check=True).stdout
        for line in out.splitlines():
            w = line.split()
            if w[0] == "insmod" and w[1] not in files:
                files.append(w[1])
    return files


def main():
    out, *modules = sys.argv[1:]
    entries = [(d, stat.S_IFDIR | 0o755, b"") for d in ("bin", "dev", "mods", "proc", "sys")]
    entries += [("bin/sh", stat.S_IFLNK | 0o777, b"busybox"),
                ("init", stat.S_IFREG | 0o755, INIT + sys.stdin.buffer.read())]
    for name, path in [("bin/busybox", "/bin/busybox")] + \
            [(f"mods/{i:02}-{os.path.basename(p)}", p) for i, p in enumerate(files_of(modules))]:
        with open(path, "rb") as f:
            entries.append((name, stat.S_IFREG | 0o755, f.read()))
    with open(out, "wb") as f:
        f.write(cpio(entries))


if __name__ == "__main__":
    main()
