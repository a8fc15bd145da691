#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The measuring, inside of a lab guest: every round measures each contender once, so that
what drifts drifts for all of them; the table has medians, and the medians of the rounds'
ratios. See tools/bench/run.
"""

import argparse
import os
import statistics
import struct
import subprocess
import sys
import time

sys.dont_write_bytecode = True
# pylint: disable=wrong-import-position
import calls                                # noqa: E402
from table import measure, title            # noqa: E402

BIN = os.path.join(os.environ.get("QWAMOS_TREE", "."), "build/bench")
SYS = "/sys/bus/pci"
OURS, STOCK = "qwamos_vfio_pci", "vfio-pci"


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
        if f'"{addr}"' not in busy():
            return
    sys.exit(f"bench: {addr} is not free after 10 s")


def busy():
    """What is being reset, as DEV_LIST tells it."""
    import array
    import fcntl
    fd = os.open("/dev/qwamos_gpu", os.O_RDWR)
    try:
        size = struct.calcsize("=3Q14I32s32s4Q")
        room = array.array("B", bytes(size * 64))
        arg = bytearray(struct.pack("=4IQII", 32, 0, 0, 0, room.buffer_info()[0], size, 64))
        fcntl.ioctl(fd, 0xB904, arg)
        count = struct.unpack_from("=I", arg, 28)[0]
        found = []
        for i in range(count):
            entry = struct.unpack_from("=3Q14I32s32s4Q", room, i * size)
            if entry[3] == 5:
                found.append('"' + entry[17].split(b"\0")[0].decode() + '"')
        return found
    finally:
        os.close(fd)


HAND = f"""printf %s {OURS} >{SYS}/devices/$1/driver_override
printf %s "$1" >{SYS}/devices/$1/driver/unbind
printf %s "$1" >{SYS}/drivers_probe"""


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
    for name, bar in (("three writes by hand", None), ("qwamos-vfio bind --no-wait", 1.5),
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
    import array
    import fcntl
    record = struct.Struct("=10Q3Ii4I64s32s16s32s32s")
    fd = os.open("/dev/qwamos_gpu", os.O_RDWR)
    room = array.array("B", bytes(record.size * 4096))
    arg = bytearray(struct.pack("=4IQIIQQIIQ", 64, 1, 0, 0, room.buffer_info()[0], record.size, 4096,
                                0, 0, 0, 0, 0))
    fcntl.ioctl(fd, 0xB906, arg)
    os.close(fd)
    reset, per_mib = {}, []
    for i in range(struct.unpack_from("=I", arg, 28)[0]):
        r = record.unpack_from(room, i * record.size)
        device, event, when, used, count = r[6], r[10], r[3], r[8], r[5]
        if event == 23:
            reset[device] = when
        elif event == 24 and count == 1 and used and device in reset:
            per_mib.append((when - reset.pop(device)) / 1e3 / (used / (1 << 20)))
    print(f"\nScrub: {statistics.median(per_mib):.0f} us per MiB (median of {len(per_mib)}), "
          "not part of the ratios of open and close")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--runs", type=int, default=15)
    o = p.parse_args()
    if o.runs < 9:
        p.error("--runs: at least 9, for a median that means something")
    # The lab's own, for programs that are linked with the library in the tree; ours are not.
    os.environ.pop("LD_LIBRARY_PATH", None)
    run("modprobe", "vfio-pci")
    clock = read("/sys/devices/system/clocksource/clocksource0/current_clocksource")
    print(f"Linux {os.uname().release}, clock source {clock}, {os.cpu_count()} CPU, "
          f"medians of {o.runs} interleaved runs, programs from start to exit")
    bochs, vga = (run("lab-dev", d).strip() for d in ("bochs", "vga-a"))
    bench_bind(o.runs, bochs)
    bench_list(o.runs)
    bench_open(o.runs, vga)
    bench_scrub()
    # Short ones, so more of them.
    calls.single(f"{BIN}/calls", run, 3 * o.runs)
    calls.many(f"{BIN}/calls", run, 3 * o.runs)


if __name__ == "__main__":
    main()
