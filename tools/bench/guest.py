#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The measuring, inside of a lab guest: every round measures each contender once, so that
what drifts drifts for all of them; the table has medians, and the medians of the rounds'
ratios. See tools/bench/run.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

sys.dont_write_bytecode = True
# pylint: disable=wrong-import-position
import calls                                # noqa: E402
import gates                                # noqa: E402
import vms                                  # noqa: E402
from table import measure, title            # noqa: E402

BIN = os.path.join(os.environ.get("QWAMOS_TREE", "."), "build/bench")
SYS = "/sys/bus/pci"
OURS, STOCK = "qwamos_vfio_pci", "vfio-pci"
CLOCKS = "/sys/devices/system/clocksource/clocksource0"


def read(path):
    with open(path, encoding="ascii", errors="replace") as f:
        return f.read().strip()


def write(path, text):
    with open(path, "w", encoding="ascii") as f:
        f.write(text)


def run(*args):
    r = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if r.returncode:
        sys.exit(f"bench: {' '.join(args)}: status {r.returncode}\n{r.stdout}")
    return r.stdout


def timed(*args):
    """Milliseconds from fork to exit."""
    start = time.perf_counter_ns()
    run(*args)
    return (time.perf_counter_ns() - start) / 1e6


def driver(addr):
    link = f"{SYS}/devices/{addr}/driver"
    return os.path.basename(os.readlink(link)) if os.path.exists(link) else ""


def native(addr):
    """Back to the driver that the kernel would choose; not measured."""
    write(f"{SYS}/devices/{addr}/driver_override", "\n")
    if driver(addr):
        write(f"{SYS}/devices/{addr}/driver/unbind", addr)
    write(f"{SYS}/drivers_probe", addr)
    if driver(addr) in ("", OURS, STOCK):
        sys.exit(f"bench: {addr} is on '{driver(addr)}', not on its native driver")


def bind_to(addr, name):
    write(f"{SYS}/devices/{addr}/driver_override", name)
    if driver(addr) == name:
        return
    if driver(addr):
        write(f"{SYS}/devices/{addr}/driver/unbind", addr)
    write(f"{SYS}/drivers_probe", addr)
    if driver(addr) != name:
        sys.exit(f"bench: {addr} does not go to {name}")
    settle(addr)


def settle(addr):
    """Waits until the kernel has reset and scrubbed what it got."""
    for _ in range(1000):
        time.sleep(0.01)
        if addr not in busy():
            return
    sys.exit(f"bench: {addr} is not free after 10 s")


def busy():
    """The addresses of what is being reset and scrubbed."""
    gpus = json.loads(run("qwamos-vfio", "list", "--json"))["devices"]
    return [d["address"] for d in gpus if d["state"] == "resetting"]


HAND = f"""printf %s {OURS} >{SYS}/devices/$1/driver_override
printf %s "$1" >{SYS}/devices/$1/driver/unbind
printf %s "$1" >{SYS}/drivers_probe"""


def emulated():
    """Is the CPU? Then what is run once, as the linking of a program is, costs many times as much."""
    return "kvm-clock" not in read(f"{CLOCKS}/available_clocksource")


def bench_bind(runs, gpu):
    def tool(*options):
        native(gpu)
        t = timed("qwamos-vfio", "bind", *options, gpu)
        if driver(gpu) != OURS:
            sys.exit("bench: qwamos-vfio bind has not bound")
        settle(gpu)
        return t

    def hand():
        native(gpu)
        t = timed("sh", "-c", HAND, "sh", gpu)
        if driver(gpu) != OURS:
            sys.exit("bench: three writes have not bound")
        settle(gpu)
        return t

    def driverctl():
        native(gpu)
        t = timed("driverctl", "--nosave", "set-override", gpu, STOCK)
        if driver(gpu) != STOCK:
            sys.exit("bench: driverctl has not bound")
        return t

    s = measure(runs, {"three writes by hand": hand,
                       "qwamos-vfio bind --no-wait": lambda: tool("--no-wait"),
                       "qwamos-vfio bind (reset and scrub included)": tool,
                       "driverctl --nosave set-override": driverctl})
    title("Binding one GPU (bochs-display, 16 MiB; by hand: one shell that forks nothing)")
    for name, bar in (("three writes by hand", None), ("qwamos-vfio bind --no-wait", 2.5 if emulated() else 1.5),
                      ("qwamos-vfio bind (reset and scrub included)", 2.5),
                      ("driverctl --nosave set-override", None)):
        s.row(name, "ms", "three writes by hand", bar)
    native(gpu)


def bench_list(runs):
    s = measure(runs, {"lspci": lambda: timed("lspci"),
                       "qwamos-vfio list": lambda: timed("qwamos-vfio", "list")})
    title("Listing")
    s.row("lspci", "ms", "lspci", None)
    s.row("qwamos-vfio list", "ms", "lspci", 1.5)


def bench_open(runs, gpu):
    def opens(name, who):
        bind_to(gpu, name)
        return [int(x) / 1000 for x in run(f"{BIN}/opens", gpu, "3", who).split()]

    s = measure(runs, {STOCK: lambda: opens(STOCK, "stock"), OURS: lambda: opens(OURS, "ours")})
    title(f"Opening and closing through VFIO (secondary-vga; {runs} rounds of 3)")
    s.row(STOCK, "ms", STOCK, None)
    s.row(OURS, "ms", STOCK, 1.1)


def bench_scrub():
    """From the audit log: what the scrubs of all these rounds took."""
    reset, per_mib = {}, []
    for r in json.loads(run("qwamos-gpu", "audit", "--limit", "4096", "--json")):
        device, when, used = r["device_id"], r["time_ns"], r["used"]
        if r["event"] == "DEVICE_RESET":
            reset[device] = when
        elif r["event"] == "DEVICE_SCRUBBED" and r["count"] == 1 and used and device in reset:
            per_mib.append((when - reset.pop(device)) / 1e3 / (used / (1 << 20)))
    print(f"\nScrub: {statistics.median(per_mib):.0f} us per MiB (median of {len(per_mib)}), "
          "not part of the ratios of open and close")


def bench_devices(runs):
    bochs, vga = (run("lab-dev", d).strip() for d in ("bochs", "vga-a"))
    bench_bind(runs, bochs)
    bench_list(runs)
    bench_open(runs, vga)
    bench_scrub()


def bench_calls(runs):
    # Short ones, so more of them.
    calls.single(f"{BIN}/calls", run, 3 * runs)
    calls.many(f"{BIN}/calls", run, 3 * runs)


def bench_gates(runs):
    gates.bench(BIN, run, run("lab-dev", "virtio").strip(), 3 * runs)


PARTS = {"devices": bench_devices, "vms": lambda runs: vms.bench(runs, run, timed), "calls": bench_calls}
# In a guest with another GPU.
ALONE = {"gates": bench_gates}


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--runs", type=int, default=15)
    p.add_argument("--only", choices=sorted(PARTS | ALONE), help="only this part")
    o = p.parse_args()
    if o.runs < 9:
        p.error("--runs: at least 9, for a median that means something")
    # The lab's own, for programs that are linked with the library in the tree; ours are not.
    os.environ.pop("LD_LIBRARY_PATH", None)
    run("modprobe", "vfio-pci")
    clock = read(f"{CLOCKS}/current_clocksource")
    print(f"Linux {os.uname().release}, clock source {clock}, {os.cpu_count()} CPU, "
          f"medians of {o.runs} interleaved runs, programs from start to exit")
    for name, part in (PARTS | ALONE).items():
        if o.only == name or (o.only is None and name in PARTS):
            part(o.runs)


if __name__ == "__main__":
    main()
