#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Acts for the VM on a tap device, by its VMM's own fd: tap_frames.py PID FD COMMAND [MAC].

  arp | udp | udp6 MAC   sends a frame to MAC, for the addresses below; status 0 if the host answered,
                         or got it, and 1 if not
  persist                has the device outlive its fds

The device's reader must have stopped reading, as that of a VM without a driver has.
"""

import ctypes
import fcntl
import os
import select
import socket
import struct
import sys
import time

PIDFD_OPEN, PIDFD_GETFD = 434, 438
TUNSETPERSIST, TUNGETVNETHDRSZ = 0x400454CB, 0x800454D7
HOST4, VM4 = "192.0.2.1", "192.0.2.2"
HOST6, VM6 = "fd00::1", "fd00::2"
VM_MAC = bytes.fromhex("525400123456")
PORT = 4321
SECONDS = 3     # for what is to arrive


def syscall(*args):
    libc = ctypes.CDLL(None, use_errno=True)
    ret = libc.syscall(*args)
    if ret < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return ret


def fd_of(pid, fd):
    """The same open file as fd of process pid."""
    return syscall(PIDFD_GETFD, syscall(PIDFD_OPEN, pid, 0), fd, 0)


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    s = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return s ^ 0xffff


def udp(text, family):
    """An IP packet with text, from the VM to the host."""
    data = struct.pack("!4H", PORT, PORT, 8 + len(text), 0) + text
    if family == socket.AF_INET:
        ends = socket.inet_aton(VM4) + socket.inet_aton(HOST4)
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(data), 1, 0, 64, 17, 0) + ends
        return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + data
    ends = socket.inet_pton(family, VM6) + socket.inet_pton(family, HOST6)
    check = checksum(ends + struct.pack("!II", len(data), 17) + data)
    data = data[:6] + struct.pack("!H", check) + data[8:]
    return struct.pack("!IHBB", 6 << 28, len(data), 17, 64) + ends + data


class Tap:
    """The device."""

    def __init__(self, fd):
        self.fd = fd
        size = bytearray(4)
        fcntl.ioctl(fd, TUNGETVNETHDRSZ, size)
        self.header = struct.unpack("i", size)[0]

    def send(self, to, kind, data):
        frame = bytes.fromhex(to.replace(":", "")) + VM_MAC + struct.pack("!H", kind) + data
        os.write(self.fd, b"\0" * self.header + frame)

    def frames(self):
        """What comes within SECONDS."""
        until = time.monotonic() + SECONDS
        while True:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                return
            yield os.read(self.fd, 65536)[self.header:]

    def arp(self, to):
        ends = VM_MAC + socket.inet_aton(VM4) + b"\0" * 6 + socket.inet_aton(HOST4)
        self.send(to, 0x806, struct.pack("!HHBBH", 1, 0x800, 6, 4, 1) + ends)
        reply = struct.pack("!HHHBBH", 0x806, 1, 0x800, 6, 4, 2)
        return any(f.startswith(VM_MAC) and f[12:22] == reply and
                   f[28:32] == socket.inet_aton(HOST4) for f in self.frames())

    def udp(self, to, family):
        text = os.urandom(8).hex().encode()
        with socket.socket(family, socket.SOCK_DGRAM) as s:
            s.bind(("", PORT))
            s.settimeout(SECONDS)
            self.send(to, 0x800 if family == socket.AF_INET else 0x86dd, udp(text, family))
            try:
                return s.recv(100) == text
            except socket.timeout:
                return False


def main():
    pid, fd, command, *to = sys.argv[1:]
    fd = fd_of(int(pid), int(fd))
    if command == "persist":
        fcntl.ioctl(fd, TUNSETPERSIST, 1)
        return True
    tap = Tap(fd)
    if command == "arp":
        return tap.arp(*to)
    return tap.udp(*to, {"udp": socket.AF_INET, "udp6": socket.AF_INET6}[command])


if __name__ == "__main__":
    sys.exit(not main())
