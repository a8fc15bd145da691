#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""A pool of pages that is far too small for what is written (audit_pool_pages=128): who loses
records, and who keeps which. Prints TAP.
"""

import errno
import os
import struct
import sys
import time

from audit_chain import VM_CREATE, HDR, NO_CGROUP, VM_SET_POLICY, Log, Tap, ioctl, verify

PER_PAGE, POOL = 14, 128
VMS, REFUSALS = 24, 150
CREATED, POLICY_CREATED, REFUSED = 9, 1, 13
CARRIED = 1 << 1


def create(fd, name):
    body = struct.pack("=iI64sQii", -1, 0, name, 0, 0, 0)
    return struct.unpack_from("=Qii", ioctl(fd, VM_CREATE, (NO_CGROUP, body)), HDR.size + 8 + 64)


def set_level(fd, level):
    """VM_SET_POLICY as of its first version; False: refused."""
    try:
        ioctl(fd, VM_SET_POLICY, (0, struct.pack("=II", 1, level)))
    except OSError as e:
        if e.errno != errno.EACCES:
            raise
        return False
    return True


def exists(log, chain):
    try:
        log.head(chain)
    except OSError as e:
        if e.errno != errno.ENOENT:
            raise
        return False
    return True


def field(record, at, form="=I"):
    return struct.unpack_from(form, record, at)[0]


def event(record):
    return field(record, 80)


def main():
    tap = Tap(8)
    fd = os.open("/dev/qwamos_gpu", os.O_RDWR)
    log = Log(fd)
    # Three that die one after the other, each with a page and a half.
    dead = []
    for i in range(3):
        vm, manage, use = create(fd, b"dead-%d" % i)
        for k in range(20):
            set_level(manage, k % 5)
        os.close(use)
        os.close(manage)
        dead.append(vm)
        time.sleep(0.5)
    tap.point(all(len(log.read(chain=c)[0]) == 22 for c in dead), "the dead have all their records")
    # Many that live, each with far more than its share: each refusal is made a record.
    live, order = [], True
    for i in range(VMS):
        vm, manage, use = create(fd, b"live-%d" % i)
        set_level(manage, 1)
        for k in range(REFUSALS):
            set_level(use, 2)
            log.head(vm)
        live.append((vm, manage, use))
        time.sleep(0.1)
        there = [exists(log, c) for c in dead]
        # In the order of their deaths: none is there while a later one is gone.
        order = order and there == sorted(there)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and any(exists(log, c) for c in dead):
        set_level(live[0][1], 1)
        time.sleep(0.3)
    tap.point(order and not any(exists(log, c) for c in dead), "the dead make room, the oldest first")
    wrong, lifecycle, newest, counted, few, carried, total = [], [], [], [], [], 0, 0
    for vm, manage, use in live:
        head = log.head(vm)
        records, lost = log.read(chain=vm)
        total += len(records)
        w = verify(log, records, head)
        wrong += [w] if w else []
        events = [event(r) for r in records]
        if CREATED not in events or POLICY_CREATED not in events:
            lifecycle.append(vm)
        carried += sum(1 for r in records if field(r, 108) & CARRIED)
        refused = [r for r in records if event(r) == REFUSED]
        # The newest that was refused is the youngest record of a process's doing.
        if not refused or max(field(r, 8, "=Q") for r in refused) < head[0] - PER_PAGE:
            newest.append(vm)
        # Lost are refusals alone, each a record of its own.
        if sum(field(r, 40, "=Q") for r in refused) + lost != REFUSALS:
            counted.append((vm, len(refused), lost))
        # Two pages are guaranteed; one of them may just have been begun.
        if len(records) <= PER_PAGE:
            few.append((vm, len(records)))
    tap.point(not wrong, "what is left of each chain is proven by its head", "; ".join(wrong[:3]))
    tap.point(not lifecycle and carried >= 2, "no VM has lost how it came to be",
              f"{lifecycle}, {carried} records carried forward")
    tap.point(not newest, "each VM has its newest refusals", f"{newest}")
    tap.point(not counted, "what is lost is counted, one by one", f"{counted[:4]}")
    tap.point(not few, "each has its share", f"{few}")
    tap.point(total <= (POOL + 2 * (VMS + 1)) * PER_PAGE, "the pool is bounded", f"{total} records")
    for _, manage, use in live:
        os.close(use)
        os.close(manage)
    os.close(fd)
    return 1 if tap.bad else 0


if __name__ == "__main__":
    sys.exit(main())
