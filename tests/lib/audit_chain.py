#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Reads the whole audit log and verifies every chain: numbers without a gap, and each
record's hash over the hash before it and its own bytes, from the genesis hash on.

The layout is written down here once more, so that a change of it is found. Prints TAP.
"""

import ctypes
import errno
import fcntl
import hashlib
import os
import struct
import sys

MAGIC = 0xB9
GET_INFO, VM_CREATE, AUDIT_READ, AUDIT_HEAD, VM_SET_POLICY = 0x00, 0x01, 0x06, 0x07, 0x10
NO_CGROUP, F_CHAIN, F_AFTER = 1 << 1, 1 << 0, 1 << 1
HDR = struct.Struct("=IIII")
# chain seq order time last count device asked used limit | event op reason result level
# pid uid flags | vm_name device_name comm reserved | hash
RECORD = struct.Struct("=10Q3Ii4I64s32s16s32s32s")
HASHED = RECORD.size - 32


def ioctl(fd, nr, body):
    """A call with a head; returns the whole answer."""
    arg = bytearray(HDR.pack(HDR.size + len(body[1]), body[0], 0, 0) + body[1])
    fcntl.ioctl(fd, MAGIC << 8 | nr, arg)
    return arg


class Log:
    """The records of the log, and what is known of the module."""

    def __init__(self, fd):
        self.fd = fd
        info = ioctl(fd, GET_INFO, (0, bytes(4 + 4 + 8 + 16 + 4 + 4)))
        self.instance = bytes(info[32:48])

    def read(self, chain=None, after=0):
        room = 512
        records = []
        while True:
            buf = bytearray(room * RECORD.size)
            view = (ctypes.c_char * len(buf)).from_buffer(buf)
            flags = F_AFTER | (F_CHAIN if chain is not None else 0)
            body = struct.pack("=QIIQQIIQ", ctypes.addressof(view), RECORD.size, room, chain or 0, after,
                               0, 0, 0)
            answer = ioctl(self.fd, AUDIT_READ, (flags, body))
            del view
            count = struct.unpack_from("=I", answer, HDR.size + 12)[0]
            lost = struct.unpack_from("=Q", answer, HDR.size + 40)[0]
            for i in range(count):
                records.append(bytes(buf[i * RECORD.size:(i + 1) * RECORD.size]))
            if count < room:
                return records, lost
            after = struct.unpack_from("=Q", records[-1], 16)[0]

    def head(self, chain):
        """Where a chain stands: (seq, first, lost, hash, hash before the first)."""
        answer = ioctl(self.fd, AUDIT_HEAD, (0, struct.pack("=Q104x", chain)))
        return struct.unpack_from("=QQQ32s32s", answer, HDR.size + 24)

    def genesis(self, chain):
        return hashlib.sha256(b"qwamos-gpu audit 1" + self.instance +
                              struct.pack("<Q", chain)).digest()


def verify(log, records, head):
    """What is wrong with the records of one chain, or None."""
    chain, seq = struct.unpack_from("=QQ", records[0])
    last, first, _, last_hash, before = head
    if seq != first or (seq == 1 and before != log.genesis(chain)):
        return f"chain {chain}: begins at {seq}, the head says {first}"
    for r in records:
        c, s = struct.unpack_from("=QQ", r)
        if c != chain or s != seq:
            return f"chain {chain}: record {s} of chain {c} where {seq} should be"
        if hashlib.sha256(before + r[:HASHED]).digest() != r[HASHED:]:
            return f"chain {chain}: the hash of record {s} is wrong"
        before = r[HASHED:]
        seq += 1
    if seq != last + 1 or before != last_hash:
        return f"chain {chain}: ends at {seq - 1}, the head says {last}"
    return None


class Tap:
    """Test points."""

    def __init__(self, plan):
        self.n, self.bad = 0, 0
        print(f"TAP version 13\n1..{plan}")

    def point(self, good, what, why=""):
        self.n += 1
        self.bad += not good
        print(f"{'ok' if good else 'not ok'} {self.n} - {what}", flush=True)
        if why and not good:
            print(f"# {why}", flush=True)


def by_chain(records):
    chains = {}
    for r in records:
        chains.setdefault(struct.unpack_from("=Q", r)[0], []).append(r)
    return chains


def make_events(fd):
    """A VM with a life worth a few records, and refusals that fold."""
    name = b"audit-chain"
    body = struct.pack("=iI64sQii", -1, 0, name, 0, 0, 0)
    answer = ioctl(fd, VM_CREATE, (NO_CGROUP, body))
    vm_id, manage, use = struct.unpack_from("=Qii", answer, HDR.size + 8 + 64)
    for level in (0, 1, 2, 3, 4):
        ioctl(manage, VM_SET_POLICY, (0, struct.pack("=II", 1, level)))
    for i in range(300):
        try:
            ioctl(use, VM_SET_POLICY, (0, struct.pack("=II", 1, i % 5)))
        except OSError as e:
            if e.errno != errno.EACCES:
                raise
    os.close(use)
    os.close(manage)
    return vm_id


def main():
    tap = Tap(8)
    fd = os.open("/dev/qwamos_gpu", os.O_RDWR)
    log = Log(fd)
    tap.point(RECORD.size == 288, "a record has 288 bytes", f"{RECORD.size}")
    tap.point(any(log.instance), "the module has an instance id")
    vm_id = make_events(fd)
    records, _ = log.read()
    chains = by_chain(records)
    wrong = [w for w in (verify(log, v, log.head(c)) for c, v in chains.items()) if w]
    tap.point(len(records) > 6 and not wrong, "every chain's numbers and hashes are right",
              "; ".join(wrong[:3]))
    mine, lost = log.read(chain=vm_id)
    first = struct.unpack_from("=Q", mine[0], 8)[0] if mine else 0
    tap.point(len(mine) >= 9 and lost == 0 and first == 1, "a dead VM's chain is complete",
              f"{len(mine)} records, {lost} lost, the first is {first}")
    orders = [struct.unpack_from("=Q", r, 16)[0] for r in records]
    tap.point(all(a < b for a, b in zip(orders, orders[1:])), "order strictly increases")
    counts = sum(struct.unpack_from("=Q", r, 40)[0] for r in mine
                 if struct.unpack_from("=I", r, 80)[0] == 13)
    tap.point(counts == 300, "no refusal is lost in folding", f"{counts} of 300")
    # This test can fail: a changed byte, a cut and a swap are found.
    forged = list(mine)
    forged[3] = forged[3][:100] + bytes([forged[3][100] ^ 1]) + forged[3][101:]
    swapped = mine[:2] + [mine[3], mine[2]] + mine[4:]
    cut = mine[:2] + mine[3:]
    head = log.head(vm_id)
    tap.point(verify(log, mine, head) is None and
              all(verify(log, x, head) for x in (forged, swapped, cut, mine[1:], mine[:-1])),
              "a forged, swapped or cut chain is told from a true one")
    again, _ = log.read(chain=vm_id)
    tap.point(again == mine, "sealed records do not change")
    os.close(fd)
    return 1 if tap.bad else 0


if __name__ == "__main__":
    sys.exit(main())
