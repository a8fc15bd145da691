# SPDX-License-Identifier: GPL-2.0-only
"""The few calls of VFIO that the demo makes."""

import fcntl
import os
import struct

SET_IOMMU, SET_CONTAINER, GET_DEVICE_FD = 0x3B66, 0x3B68, 0x3B6A
DEVICE_GET_INFO, GET_REGION_INFO = 0x3B6B, 0x3B6C
TYPE1 = 1
CONFIG_REGION = 7


def group_path(address):
    """The device node of a device's IOMMU group."""
    link = os.readlink(f"/sys/bus/pci/devices/{address}/iommu_group")
    return "/dev/vfio/" + os.path.basename(link)


def open_group(address):
    """The group, with an IOMMU container of its own."""
    container = os.open("/dev/vfio/vfio", os.O_RDWR)
    group = os.open(group_path(address), os.O_RDWR)
    fcntl.ioctl(group, SET_CONTAINER, struct.pack("i", container))
    fcntl.ioctl(container, SET_IOMMU, TYPE1)
    return group


def get_device(group, address):
    """A file of the device."""
    # Of a bytearray, ioctl() returns the call's result; of bytes, the buffer.
    return fcntl.ioctl(group, GET_DEVICE_FD, bytearray(address.encode() + b"\0"))


def device_info(device):
    """Flags, number of regions, number of interrupts."""
    info = fcntl.ioctl(device, DEVICE_GET_INFO, struct.pack("IIIIII", 24, 0, 0, 0, 0, 0))
    return struct.unpack("IIIIII", info)[1:4]


def region(device, index):
    """(size, offset in the device's file) of a region."""
    info = fcntl.ioctl(device, GET_REGION_INFO, struct.pack("IIIIQQ", 32, 0, index, 0, 0, 0))
    return struct.unpack("IIIIQQ", info)[4:6]
