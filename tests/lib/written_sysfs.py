# SPDX-License-Identifier: GPL-2.0-only
"""A machine's sysfs, written down, and qwamos-vfio looking at it in a mount namespace of its own."""

import json
import os
import subprocess

PORT = "devices/pci0000:00/0000:00:01.0"


class Machine:
    """A sysfs with a root port and what is put behind it."""

    def __init__(self, folder):
        self.root = os.path.join(folder, "sys")
        self.binds = [(self.root, "/sys")]
        self.groups = 0
        for d in ("bus/pci/devices", "class/iommu/dmar0", "module/qwamos_vfio_pci",
                  "module/vfio_iommu_type1", "module/vfio_pci_core"):
            os.makedirs(os.path.join(self.root, d))
        self.function("0000:00:01.0", 0x060400, "pcieport", where=PORT, header=1)

    def put(self, path, text):
        """Writes a file of sysfs."""
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb" if isinstance(text, bytes) else "w") as f:
            f.write(text)

    def link(self, path, target):
        """Makes a link to another path of sysfs."""
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.makedirs(os.path.join(self.root, target), exist_ok=True)
        os.symlink(os.path.relpath(os.path.join(self.root, target), os.path.dirname(path)), path)

    def function(self, address, code, driver=None, vendor=0x10de, where=None, header=0):
        """Puts a PCI function, in an IOMMU group of its own; returns its folder in sysfs."""
        at = where or f"{PORT}/{address}"
        group = f"kernel/iommu_groups/{self.groups}"
        self.groups += 1
        for name, text in (("class", f"0x{code:06x}\n"), ("vendor", f"0x{vendor:04x}\n"),
                           ("device", "0x20b5\n"), ("driver_override", "(null)\n"),
                           ("boot_vga", "0\n"), ("reset_method", "flr bus\n"),
                           ("config", bytes(14) + bytes([header]) + bytes(49))):
            self.put(f"{at}/{name}", text)
        self.link(f"bus/pci/devices/{address}", at)
        self.link(f"{group}/devices/{address}", at)
        self.link(f"{at}/iommu_group", group)
        if driver:
            self.link(f"{at}/driver", f"bus/pci/drivers/{driver}")
        return at

    def node(self, path, number, name, kind=""):
        """Puts a device with a node: path in sysfs, number, name below /dev."""
        major, minor = number
        self.put(f"{path}/dev", f"{major}:{minor}\n")
        self.put(f"{path}/uevent", f"MAJOR={major}\nMINOR={minor}\nDEVNAME={name}\n" +
                 (f"DEVTYPE={kind}\n" if kind else ""))

    def run(self, *command):
        """Runs a command on the machine: (status, document)."""
        mounts = "".join(f"mount --bind '{a}' '{b}' && " for a, b in self.binds)
        done = subprocess.run(["unshare", "--mount", "sh", "-c", mounts + 'exec "$@"', "sh",
                               *command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=60, check=False)
        assert done.stdout, done
        return done.returncode, json.loads(done.stdout)

    def bind(self, *args):
        """What 'bind --dry-run --yes ARGS' says: (status, {(code, address): finding})."""
        status, doc = self.run("qwamos-vfio", "bind", "--dry-run", "--yes", "--json", *args)
        return status, {(f["code"], f["address"]): f for f in doc["findings"]}
