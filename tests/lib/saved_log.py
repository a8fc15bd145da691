#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""saved_log.py LOG [--rewrite FILE [--instance HEX]]: recomputes every hash of a saved log.

The records' bytes and the hashes are computed after the manual page, by other code than the
program's. With --rewrite, the log is written anew instead, with a user changed in each record
and hashes and heads that fit: what nobody can tell who has only the file.
"""

import argparse
import hashlib
import json
import os
import re
import struct
import sys
import urllib.parse

RECORD = struct.Struct("=10Q3Ii4I64s32s16s32s")
LEVELS = ["untrusted", "low", "medium", "high", "system"]


def enums(top):
    """{name: number} of events, operations and reasons, as the headers have them."""
    found = {}
    for part in ("", "_audit", "_policy"):
        with open(f"{top}/uapi/linux/qwamos_gpu{part}.h", encoding="ascii") as f:
            for kind, name, value in re.findall(r"QWAMOS_GPU_(EV|OP|REASON)_(\w+) = (\d+)", f.read()):
                found[kind, name.lower() if kind == "OP" else name] = int(value)
    return found


def number(numbers, kind, value):
    return 0 if value is None else value if isinstance(value, int) else numbers[kind, value]


def level(value):
    return 0xffffffff if value is None else value if isinstance(value, int) else LEVELS.index(value)


def name(value, size):
    raw = urllib.parse.unquote_to_bytes(value or "")
    assert len(raw) <= size
    return raw.ljust(size, b"\0")


def record(r, numbers):
    """The bytes of a record before its hash."""
    raw = RECORD.pack(
        r["chain"], r["seq"], r["order"], r["time_ns"], r["last_ns"], r["count"], r["device_id"],
        r["asked"], r["used"], r["limit"], number(numbers, "EV", r["event"]),
        number(numbers, "OP", r["operation"]), number(numbers, "REASON", r["reason"]), r["result"],
        level(r["level"]), r["pid"], r["uid"], r["flags"], name(r["vm"], 64), name(r["device"], 32),
        name(r["comm"], 16), bytes.fromhex(r.get("reserved", "")).ljust(32, b"\0"))
    assert len(raw) == 256
    return raw


def genesis(instance, chain):
    return hashlib.sha256(b"qwamos-gpu audit 1" + bytes.fromhex(instance) +
                          struct.pack("<Q", chain)).digest()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("log")
    p.add_argument("--rewrite")
    p.add_argument("--instance")
    o = p.parse_args()
    numbers = enums(os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__)))))
    with open(o.log, encoding="ascii") as f:
        head, *lines = [json.loads(x) for x in f]
    if o.instance:
        head["instance"] = o.instance
    before = {x["head"]: bytes.fromhex(x["prev_hash"]) for x in lines if "head" in x}
    proven = 0
    for x in lines:
        chain = x.get("chain", x.get("head"))
        if "head" in x and x["first"] == 1:
            x["prev_hash"] = genesis(head["instance"], chain).hex()
        if "head" in x and x["seq"]:
            if o.rewrite:
                x["hash"] = before[chain].hex()
            assert x["hash"] == before[chain].hex(), x
        if "head" in x:
            continue
        if x["seq"] == 1:
            before[chain] = genesis(head["instance"], chain)
        if o.rewrite:
            x["uid"] = 4321
        before[chain] = hashlib.sha256(before[chain] + record(x, numbers)).digest()
        if o.rewrite:
            x["hash"] = before[chain].hex()
        assert before[chain].hex() == x["hash"], x
        proven += 1
    assert proven == head["records"] and proven
    if o.rewrite:
        with open(o.rewrite, "w", encoding="ascii") as f:
            for x in [head] + lines:
                f.write(json.dumps(x, separators=(",", ":")) + "\n")
    print(f"{proven} records")


if __name__ == "__main__":
    sys.exit(main())
