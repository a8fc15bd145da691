#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""vnc.py SOCKET: a VNC viewer: prints the name and size of the screen, and how many of its pixels
are not black."""

import socket
import struct
import sys


def main():
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(60)
    s.connect(sys.argv[1])

    def take(n):
        data = b""
        while len(data) < n:
            more = s.recv(n - len(data))
            if not more:
                sys.exit("the server has closed the connection")
            data += more
        return data

    version = take(12)
    s.sendall(version)
    kinds = take(take(1)[0])
    if 1 not in kinds:
        sys.exit(f"no access without a password: {list(kinds)}")
    s.sendall(b"\1")
    if take(4) != b"\0\0\0\0":
        sys.exit("refused")
    s.sendall(b"\1")                                    # others may look on
    width, height = struct.unpack(">HH", take(4))
    depth = take(16)[0] // 8
    name = take(struct.unpack(">I", take(4))[0]).decode()
    s.sendall(struct.pack(">BxHi", 2, 1, 0))            # raw pixels only
    s.sendall(struct.pack(">BBHHHH", 3, 0, 0, 0, width, height))
    if take(1) != b"\0":
        sys.exit("not an update")
    lit = 0
    for _ in range(struct.unpack(">xH", take(3))[0]):
        _, _, w, h, kind = struct.unpack(">HHHHi", take(12))
        if kind:
            sys.exit(f"encoding {kind}")
        pixels = take(w * h * depth)
        lit += sum(1 for i in range(0, len(pixels), depth) if any(pixels[i:i + 3]))
    print(f"{name} {width}x{height} {lit}")


if __name__ == "__main__":
    main()
