#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""many_vms.py N NAME: N VMs, one after the other, which nobody joins."""

import fcntl
import os
import struct
import sys
import time

VM_CREATE, NO_CGROUP = 0xb901, 1 << 1


def main():
    ctl = os.open("/dev/qwamos_gpu", os.O_RDWR)
    for _ in range(int(sys.argv[1])):
        body = struct.pack("=iI64sQii", -1, 0, sys.argv[2].encode(), 0, 0, 0)
        arg = bytearray(struct.pack("=IIII", 16 + len(body), NO_CGROUP, 0, 0) + body)
        while True:
            try:
                fcntl.ioctl(ctl, VM_CREATE, arg)
                break
            except FileExistsError:     # the one before has not quite ended
                time.sleep(0.001)
        for fd in struct.unpack_from("=ii", arg, 16 + 4 + 4 + 64 + 8):
            os.close(fd)


if __name__ == "__main__":
    main()
