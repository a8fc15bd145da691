#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""In the lab, an initramfs for a nested guest: nested_initrd.py [--arm64] OUT MODULE...
It has busybox, loads the modules, and runs the shell script that is read from standard input. It is
for the lab's kernel 6.1, which an emulator in an emulator boots in half the time of newer ones
(some of which panic there); prints that kernel's image."""

import os
import stat
import sys

sys.dont_write_bytecode = True
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tools/lab"))
# The user's cache outside, which is not that of the guest's user: CACHE/kernel/ARCH/VERSION/root.
os.environ["QWAMOS_CACHE"] = os.environ["LAB_KERNEL_ROOT"].rsplit("/", 4)[0]
# pylint: disable=wrong-import-position
from labkit.kernel import Kernel, cpio, module_files      # noqa: E402

INIT = b"""#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
for m in /mods/*; do insmod $m; done
"""


def main():
    arm = sys.argv[1] == "--arm64"
    out, *modules = sys.argv[2 if arm else 1:]
    kernel = Kernel("arm64" if arm else "x86_64", "6.1")
    busybox = os.path.join(kernel.root, "bin/busybox") if arm else "/bin/busybox"
    entries = [(d, stat.S_IFDIR | 0o755, b"") for d in ("bin", "dev", "mods", "proc", "sys")]
    entries += [("bin/sh", stat.S_IFLNK | 0o777, b"busybox"),
                ("init", stat.S_IFREG | 0o755, INIT + sys.stdin.buffer.read())]
    for name, path in [("bin/busybox", busybox)] + \
            [(f"mods/{i:02}-{os.path.basename(p)}", p)
             for i, p in enumerate(module_files(kernel, modules))]:
        with open(path, "rb") as f:
            entries.append((name, stat.S_IFREG | 0o755, f.read()))
    with open(out, "wb") as f:
        f.write(cpio(entries))
    print(kernel.image)


if __name__ == "__main__":
    main()
