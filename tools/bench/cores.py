#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The table of tools/bench/cores.c: the pure cores on this machine. cores.py PROGRAM ROUNDS"""

import subprocess
import sys

sys.dont_write_bytecode = True
# pylint: disable=wrong-import-position
from table import Samples, title, verdict           # noqa: E402

ROWS = (("policy", "policy: a verdict", 1.7), ("rate", "rate: one that may come", 1.7),
        ("quota", "quota: charge and give back", 1.7), ("chain", "audit chain: a record's hash", 1.7),
        ("quota_shared", "quota, the same one from both threads", None))


def main():
    program, rounds = sys.argv[1:]
    s = Samples()
    s.read(subprocess.run([program, rounds], stdout=subprocess.PIPE, text=True, check=True).stdout)
    title("The module's pure cores, natively: CPU time by operation on one thread, and how many\n"
          f"times as much two threads get done in the same CPU time each ({rounds} rounds)")
    for name, text, bar in ROWS:
        if f"{name}.2" not in s.of:
            print("there is one CPU only: nothing to compare")
            return
        # Two threads, each as fast as one by itself: 2.
        times = 2 * s.ratio(f"{name}.1", f"{name}.2")
        values = s.of[f"{name}.1"]
        print(f"{text:<44} {s.median(name + '.1'):>9.1f} ns {min(values):>8.1f} - "
              f"{max(values):<8.1f} {times:>6.2f}  {verdict(times, bar, least=True)}")


if __name__ == "__main__":
    main()
