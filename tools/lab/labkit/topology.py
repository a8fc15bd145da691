# SPDX-License-Identifier: GPL-2.0-only
"""Topology files: which devices a guest has, and where.

A line is one of
    ID AT DEVICE[,PROPERTY=VALUE]...    a device; AT is SLOT.FUNCTION on the root
                                        bus, or BRIDGE-ID:SLOT.FUNCTION
    ID - DEVICE[,PROPERTY=VALUE]...     one that stands on no PCI bus, such as nvme-ns
    disk ID MIB                         an empty disk, for drive=ID of a device
    include NAME                        everything that another file says
    set iommu on|off                    whether the guest has an IOMMU (on)
    set gl on|off                       whether QEMU has OpenGL for a virtio-gpu-gl-pci (off)
    set qemu VERSION                    the oldest QEMU that has such devices
"""

import os
import re

from . import LabError

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "topology")
AT = re.compile(r"(?:([a-z][\w.-]*):)?([0-9a-f]{2})\.([0-7])$")


class Topology:
    """The devices of one guest, in the order of the file."""

    def __init__(self, name):
        self.name = name
        self.iommu = True
        self.gl = False
        self.venus = False
        self.qemu = 0
        self.devices = []       # (id, parent id or None, slot or None, function, device)
        self.disks = []         # (id, MiB)
        self._read(name, [])

    def _read(self, name, stack):
        path = os.path.join(HERE, name)
        if name in stack or "/" in name or name.startswith(".") or \
           not os.path.isfile(path):
            known = " ".join(sorted(os.listdir(HERE)))
            raise LabError(f"no topology '{name}'; there are: {known}")
        with open(path, encoding="utf-8") as f:
            for number, line in enumerate(f, 1):
                words = line.split("#")[0].split()
                if not words:
                    continue
                if words[0] == "include" and len(words) == 2:
                    self._read(words[1], stack + [name])
                elif words[0] == "set" and words[1:2] in (["iommu"], ["gl"]) and \
                        words[2:] in (["on"], ["off"]):
                    setattr(self, words[1], words[2] == "on")
                elif words[:2] == ["set", "qemu"] and len(words) == 3 and words[2].isdigit():
                    self.qemu = int(words[2])
                elif words[0] == "disk" and len(words) == 3 and words[2].isdigit():
                    self.disks.append((words[1], int(words[2])))
                elif len(words) == 3 and (words[1] == "-" or AT.match(words[1])):
                    self._add(words, f"{path}:{number}")
                else:
                    raise LabError(f"{path}:{number}: expected 'ID AT DEVICE', "
                                   "'disk ID MIB', 'include NAME', 'set iommu|gl on|off' or "
                                   "'set qemu VERSION'")

    def _add(self, words, where):
        ident, at, device = words
        parent, slot, function = (None, None, None) if at == "-" else AT.match(at).groups()
        ids = [d[0] for d in self.devices]
        if ident in ids:
            raise LabError(f"{where}: '{ident}' is there already")
        if parent and parent not in ids:
            raise LabError(f"{where}: no bridge '{parent}' above")
        self.devices.append((ident, parent, slot, function, device))
        self.venus = self.venus or "venus=on" in device.split(",")

    def qemu_args(self):
        """The devices as QEMU options."""
        args = []
        for chassis, (ident, parent, slot, function, device) in enumerate(self.devices, 1):
            model, _, rest = device.partition(",")
            props = f"{model},id={ident}"
            if slot:
                props += f",bus={parent or 'pcie.0'},addr=0x{slot}.0x{function}"
            if model == "pcie-root-port":
                props += f",chassis={chassis},slot={chassis}"
            args += ["-device", props + ("," + rest if rest else "")]
        return args

    def disk_args(self, folder):
        """Makes the disks' files in a folder; returns QEMU options."""
        args = []
        for ident, size in self.disks:
            path = os.path.join(folder, f"disk-{ident}")
            with open(path, "wb") as f:
                f.truncate(size << 20)
            args += ["-drive", f"if=none,id={ident},file={path},format=raw"]
        return args

    def paths(self):
        """Lines 'ID SLOT.FUNCTION[/SLOT.FUNCTION]...': the way down from the root bus."""
        ways = {}
        for ident, parent, slot, function, _ in self.devices:
            if not slot:
                continue
            ways[ident] = (ways[parent] + "/" if parent else "") + f"{slot}.{function}"
        return "".join(f"{ident} {way}\n" for ident, way in ways.items())
