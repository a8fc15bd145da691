# SPDX-License-Identifier: GPL-2.0-only
"""VM_CHECK, VM_CHARGE and VM_UNCHARGE in a guest (tools/bench/calls.c), and a VM's memory."""

from table import Samples, title, verdict

MANY = 10000
ROWS = (
    ("getppid", "getppid()", None),
    ("enotty", "an ioctl that the fd does not know", None),
    ("check_allowed", "VM_CHECK, allowed", 1.3),
    ("check_allowed_unaudited", "VM_CHECK, allowed, audit_allowed=0", 1.3),
    ("check_denied", "VM_CHECK, denied by the level", 2.2),
    ("check_rate", "VM_CHECK, denied by the rate", 2.2),
    ("check_array", "VM_CHECK of 64, each operation", 0.15),
    ("charge_uncharge", "VM_CHARGE + VM_UNCHARGE", 3),
    ("check_gpu", "VM_CHECK on a GPU, allowed", 1.5),
    ("check_gpu_array", "VM_CHECK of 64 on a GPU, each operation", 0.15),
    ("charge_uncharge_gpu", "VM_CHARGE + VM_UNCHARGE on a GPU", 3),
)


def single(program, run, rounds):
    s = Samples()
    s.read(run(program, "single", str(rounds)))
    title(f"Calls on one VM ({rounds} rounds; ratio: to the ioctl that the fd does not know)")
    for name, text, bar in ROWS:
        s.row(name, "ns", "enotty", bar, text)


def many(program, run, rounds):
    s = Samples()
    slabs = s.read(run(program, "many", str(rounds), str(MANY)))
    title(f"VM_CHECK while {MANY} VMs exist (ratio: to the unknown ioctl of the same round)")
    for when, text in (("before", "one VM, alone"), ("among", f"the same among {MANY}"),
                       ("after", "the same, alone again")):
        s.row(f"{when}.check", "ns", f"{when}.enotty", None, text)
        s.row(f"{when}.check_gpu", "ns", f"{when}.enotty", None, f"{text}, on a GPU")
    s.row("turn.round_robin", "ns", "turn.enotty", None, "each of them in turn")
    s.row("turn.round_robin_unaudited", "ns", "turn.enotty", None,
          "each of them in turn, audit_allowed=0")
    for name, text in (("check", "among them, of alone"),
                       ("check_gpu", "among them, all on the same GPU, of alone")):
        alone = (s.ratio(f"before.{name}", "before.enotty") +
                 s.ratio(f"after.{name}", "after.enotty")) / 2
        ratio = s.ratio(f"among.{name}", "among.enotty") / alone
        print(f"{text:<44} {'':>37} {ratio:>6.2f}  {verdict(ratio, 1.1)}")
    memory({name: int(size) for _, name, size in slabs})


def memory(size):
    """Bytes by VM and slab cache."""
    own = {n: b for n, b in size.items() if n.startswith("qwamos_gpu_")}
    audit = {n: b for n, b in size.items() if n.startswith("kmalloc-")}
    files = {n: b for n, b in size.items() if n not in own and n not in audit}

    def told(caches):
        return ", ".join(f"{n} {b}" for n, b in sorted(caches.items())) or "nothing"

    total = sum(own.values())
    print(f"\nMemory of a VM with a manage and a use fd (of {MANY}, from slabinfo), in bytes\n"
          f"the VM and its two files: {total} ({told(own)}); {verdict(total, 2048)}\n"
          f"its audit chain's head and counters, beside the ring's pages: "
          f"{sum(audit.values())} ({told(audit)})\n"
          f"the kernel's own for two files: {sum(files.values())} ({told(files)})")
