# SPDX-License-Identifier: GPL-2.0-only
"""Calls through a gate and on the real node, in a guest (tools/bench/gates.c), and a program that
draws by either."""

import os

from table import Samples, measure, title, verdict

OTHERS = 64
FRAMES = 200
ROWS = (
    ("pass", "a call that is passed on (GET_CAP)", 1.08),
    ("copy", "a call that is copied once (RESOURCE_INFO)", 1.10),
    ("create", "an object made and closed", 1.15),
    ("map", "64 KiB of a mapping, read and written", 1.02),
)


def bench(bin_dir, run, gpu, rounds):
    s = Samples()
    s.read(run(f"{bin_dir}/gates", str(rounds), str(OTHERS)))
    title(f"Through a gate ({rounds} rounds; ratio: to the real node)")
    for name, text, bar in ROWS:
        s.row(f"alone.{name}.raw", "ns", f"alone.{name}.raw", None, f"{text}, real node")
        s.row(f"alone.{name}.gated", "ns", f"alone.{name}.raw", bar, f"{text}, gate")
    for name, text, _ in ROWS:
        ratio = s.ratio(f"among.{name}.gated", f"among.{name}.raw") / \
            s.ratio(f"alone.{name}.gated", f"alone.{name}.raw")
        print(f"{f'among {OTHERS} gates, of alone: {name}':<44} {'':>37} {ratio:>6.2f}  "
              f"{verdict(ratio, 1.05)}")
    if os.access(f"{bin_dir}/scenes", os.X_OK):
        draw(bin_dir, run, gpu, 15)


def draw(bin_dir, run, gpu, rounds):
    scenes = [f"{bin_dir}/scenes", "frames", str(FRAMES)]

    def frames(*before):
        return float(run(*before, *scenes).split("\n")[-2].split()[0])

    s = measure(rounds, {
        "raw": frames,
        "gated": lambda: frames("qwamos-gpu", "vm", "run", "bench", "--level", "high", "--gate", gpu,
                                "--user", "nobody", "--quiet", "--")})
    ratio = s.ratio("gated", "raw")
    print(f"{'frames a second that Mesa draws':<44} {s.median('gated'):>9.1f}    "
          f"{min(s.of['gated']):>8.1f} - {max(s.of['gated']):<8.1f} {ratio:>6.2f}  "
          f"{verdict(ratio, 0.98, least=True)}")
