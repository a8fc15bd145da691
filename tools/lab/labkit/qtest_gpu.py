# SPDX-License-Identifier: GPL-2.0-only
"""A virtio-gpu driver of a few lines, that speaks to a halted QEMU by its qtest protocol: whether
the adapter answers is known in a second, without a guest that boots."""

import struct
import time

VIRTIO_GPU = 0x10501af4
BAR = 0xe0000000            # where no memory of a small q35 is
RING = 0x100000             # in the guest's memory: descriptors, and what stands behind them
AVAIL, USED, COMMAND, ANSWER = RING + 0x1000, RING + 0x2000, RING + 0x3000, RING + 0x4000
GET_CAPSET_INFO, OK_CAPSET_INFO = 0x108, 0x1102
CREATE_2D, OK_NODATA, BGRA = 0x101, 0x1100, 1
FEATURES_VIRGL, FEATURES_VERSION_1 = 1 << 0, 1 << 0     # of the words 0 and 1
SECONDS = 20


class NoAnswer(Exception):
    """The adapter is there, and does nothing."""


class Qtest:
    """The protocol."""

    def __init__(self, sock):
        sock.settimeout(SECONDS)
        self.file = sock.makefile("rw", encoding="ascii")

    def ask(self, *words):
        self.file.write(" ".join(w if isinstance(w, str) else hex(w) for w in words) + "\n")
        self.file.flush()
        answer = self.file.readline().split()
        if answer[:1] != ["OK"]:
            raise NoAnswer(f"qtest: {words}: {answer}")
        return int(answer[1], 16) if len(answer) == 2 else None

    def write(self, address, data):
        self.ask("write", address, len(data), "0x" + data.hex())

    def read(self, address, size):
        self.file.write(f"read {address:#x} {size:#x}\n")
        self.file.flush()
        return bytes.fromhex(self.file.readline().split()[1][2:])

    def config(self, slot, register, value=None):
        """A dword of a device's configuration on bus 0."""
        self.ask("outl", 0xcf8, 0x80000000 | slot << 11 | register & 0xfc)
        return self.ask("inl", 0xcfc) if value is None else self.ask("outl", 0xcfc, value)


class Gpu:
    """The first virtio-gpu on bus 0, brought up as far as its control queue."""

    def __init__(self, qtest):
        self.q = qtest
        self.n = 0              # commands so far
        slot = next((s for s in range(32) if qtest.config(s, 0) == VIRTIO_GPU), None)
        if slot is None:
            raise NoAnswer("there is no virtio-gpu on bus 0")
        self.slot = slot
        self.parts = {}         # of the capabilities: {type: (BAR, offset, register)}
        at = qtest.config(slot, 0x34) & 0xfc
        while at:
            head = qtest.config(slot, at)
            if head & 0xff == 9:
                self.parts.setdefault(head >> 24, (qtest.config(slot, at + 4) & 0xff,
                                                   qtest.config(slot, at + 8), at))
            at = head >> 8 & 0xfc
        bar = self.parts[1][0]
        qtest.config(slot, 0x10 + 4 * bar, BAR)
        qtest.config(slot, 0x14 + 4 * bar, 0)
        qtest.config(slot, 4, 0x6)      # memory, bus master
        self.common = BAR + self.parts[1][1]
        self._begin()

    def _begin(self):
        q, c = self.q, self.common
        for status in (0, 1, 3):
            q.ask("writeb", c + 20, status)
        for word, features in ((0, FEATURES_VIRGL), (1, FEATURES_VERSION_1)):
            q.ask("writel", c, word)
            offered = q.ask("readl", c + 4)
            q.ask("writel", c + 8, word)
            q.ask("writel", c + 12, offered & features)
        q.ask("writeb", c + 20, 0xb)
        if not q.ask("readb", c + 20) & 8:
            raise NoAnswer("the features are not taken")
        q.ask("writew", c + 22, 0)
        q.ask("writew", c + 24, 16)
        for register, address in ((32, RING), (40, AVAIL), (48, USED)):
            q.ask("writel", c + register, address)
            q.ask("writel", c + register + 4, 0)
        q.ask("writew", c + 28, 1)
        notify = BAR + self.parts[2][1]
        multiplier = q.config(self.slot, self.parts[2][2] + 16)
        self.notify = notify + multiplier * q.ask("readw", c + 30)
        q.ask("writeb", c + 20, 0xf)

    def command(self, data, size, seconds):
        """The answer to a command, of at most size bytes; NoAnswer: there is none in that time."""
        q = self.q
        q.write(COMMAND, data)
        q.write(ANSWER, bytes(size))
        q.write(RING, struct.pack("<QIHHQIHH", COMMAND, len(data), 1, 1, ANSWER, size, 2, 0))
        # Always the same two descriptors, behind each of the ring's places.
        self.n += 1
        q.write(AVAIL, struct.pack("<HH16H", 0, self.n, *[0] * 16))
        q.ask("writew", self.notify, 0)
        until = time.monotonic() + seconds
        while struct.unpack("<HH", q.read(USED, 4))[1] != self.n:
            if time.monotonic() > until:
                raise NoAnswer(f"no answer within {seconds} s")
            time.sleep(0.05)
        return q.read(ANSWER, size)

    def capset(self, seconds=SECONDS):
        """The id of its first set of capabilities: 1 or 2 is virgl's; NoAnswer: it can't do 3D."""
        answer = self.command(struct.pack("<IIQIIII", GET_CAPSET_INFO, 0, 0, 0, 0, 0, 0), 40,
                              seconds)
        kind, _, _, _, _, capset = struct.unpack("<IIQIII", answer[:28])
        if kind != OK_CAPSET_INFO:
            raise NoAnswer(f"the answer is {kind:#x}")
        return capset

    def image(self, number, width, height):
        """Makes an image of 2D, which the host keeps."""
        answer = self.command(struct.pack("<IIQIIIIII", CREATE_2D, 0, 0, 0, 0, number, BGRA, width,
                                          height), 24, SECONDS)
        if struct.unpack("<I", answer[:4])[0] != OK_NODATA:
            raise NoAnswer(f"the answer is {answer[:4].hex()}")
