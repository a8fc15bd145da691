#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""A process that SIGKILL does not end: one of its threads waits for a FUSE server that is itself.

unkillable.py DIR GROUP: holds an IOMMU group through VFIO; mounts itself on DIR; says "stuck" when
it is.
"""

import ctypes
import fcntl
import os
import struct
import sys
import threading
import time

libc = ctypes.CDLL(None, use_errno=True)
where = sys.argv[1]
group = os.open("/dev/vfio/" + sys.argv[2], os.O_RDWR)
container = os.open("/dev/vfio/vfio", os.O_RDWR)
fcntl.ioctl(group, 0x3b68, struct.pack("i", container))     # VFIO_GROUP_SET_CONTAINER
fcntl.ioctl(container, 0x3b66, 3)                           # VFIO_SET_IOMMU, type 1 v2
fd = os.open("/dev/fuse", os.O_RDWR)
options = f"fd={fd},rootmode=40000,user_id=0,group_id=0"
if libc.mount(b"unkillable", where.encode(), b"fuse", 0, options.encode()):
    sys.exit(f"mount: {os.strerror(ctypes.get_errno())}")
threading.Thread(target=os.stat, args=(where + "/file",), daemon=True).start()
# FUSE_INIT, and then a FUSE_LOOKUP that is never answered.
unique = struct.unpack_from("=IIQ", os.read(fd, 1 << 18))[2]
init = struct.pack("=IIII HHI I 36x", 7, 31, 0, 0, 0, 0, 4096, 1)
os.write(fd, struct.pack("=IiQ", 16 + len(init), 0, unique) + init)
os.read(fd, 1 << 18)
print("stuck", flush=True)
time.sleep(3600)
