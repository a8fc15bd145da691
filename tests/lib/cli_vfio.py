#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""qwamos-vfio in a guest with several GPUs: what it shows, binds, refuses and gives back."""

import fcntl
import mmap
import os
import re
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
# pylint: disable=wrong-import-position
from vfio_cli import (OURS, PCI, STATE, Run, back, bound, clean, device, devices,   # noqa: E402
                      driver, machine, main, on_terminal, override, status, wait_for,
                      write)

D = devices()
ALONE = D["bochs"]
GPU, EDU = D["pair-vga"], D["pair-edu"]
MF, AUDIO = D["mf-bochs"], D["mf-audio"]
GPUS = [D[n] for n in ("boot", "noreset", "bochs", "vga-a", "vga-b", "virtio", "pair-vga",
                       "mf-bochs")]


def refused(run, *words, code=1):
    """Refused, with all of the words in what it says."""
    assert run.status == code, run
    for word in words:
        assert word in run.err, (word, str(run))


def test_list():
    """list shows every GPU and companion, as sysfs does"""
    doc = Run("list", "--json").doc
    assert sorted(d["address"] for d in doc["devices"]) == sorted(GPUS + [EDU, AUDIO])
    assert doc["iommu"] is True and doc["half_done"] is None
    for d in doc["devices"]:
        a = d["address"]
        group = os.path.basename(os.readlink(f"{PCI}/{a}/iommu_group"))
        members = set(os.listdir(f"{PCI}/{a}/iommu_group/devices")) - {a}
        assert d["driver"] == driver(a), d
        assert d["iommu_group"] == int(group), d
        assert {m["address"] for m in d["group_members"]} == members, d
        assert d["kind"] == ("gpu" if a in GPUS else "companion"), d
        assert d["boot_vga"] == (a == D["boot"]), d
        resets = []
        if os.path.exists(f"{PCI}/{a}/reset_method"):
            with open(f"{PCI}/{a}/reset_method", encoding="ascii") as f:
                resets = f.read().split()
        assert [m for m in d["reset_methods"] if m != "set"] == resets, d
    assert device(doc, ALONE)["viable"] is True
    assert device(doc, EDU)["viable"] is False
    text = Run("list").out
    for a in GPUS + [EDU, AUDIO]:
        assert a in text, text


def test_list_kernel():
    """list shows what the kernel module knows"""
    doc = Run("list", "--json").doc
    assert doc["module"]["answers"] is True
    for d in doc["devices"]:
        assert d["state"] == "unbound" and d["owner_vm"] is None, d


def test_plain():
    """a GPU alone in its group is bound, reset, scrubbed, and given back"""
    native = driver(ALONE)
    run = Run("bind", "--json", ALONE)
    assert run.status == 0, run
    assert run.doc["outcome"] == "ok" and all(s["result"] == "done" for s in run.doc["steps"])
    assert bound(ALONE)
    after = device(run.doc, ALONE)
    assert after["state"] == "free" and after["scrub"] == "full", after
    d = device(status(ALONE), ALONE)
    assert d["bound"] and d["before"]["driver"] == native and d["dirty"] is False, d
    again = Run("bind", "--json", ALONE)
    assert again.status == 0 and again.doc["steps"] == [], again
    assert again.doc["findings"][0]["code"] == "already_bound"
    run = Run("unbind", ALONE)
    assert run.status == 0 and back(ALONE, native), run
    assert device(status(ALONE), ALONE)["before"] is None
    run = Run("unbind", ALONE)
    assert run.status == 0 and "not on" in run.out and back(ALONE, native), run


def test_short():
    """addresses may leave the domain out, and be several"""
    short = [a[5:] for a in (ALONE, D["vga-a"])]
    run = Run("bind", "--no-wait", *short)
    assert run.status == 0 and bound(ALONE) and bound(D["vga-a"]), run
    run = Run("unbind", *short)
    assert run.status == 0 and back(ALONE, "bochs-drm") and back(D["vga-a"], "bochs-drm"), run


def test_dry_run():
    """--dry-run shows the plan and touches nothing"""
    before = machine()
    run = Run("bind", "--dry-run", "--json", "--persist", ALONE)
    assert run.status == 0, run
    assert [s["do"] for s in run.doc["steps"]] == ["driver_override", "unbind", "drivers_probe",
                                                   "wait", "persist"]
    assert all(s["result"] == "not done" for s in run.doc["steps"])
    assert machine() == before
    assert not os.path.exists(f"{STATE}/persist/{ALONE}.json")


def test_companions_refused():
    """without a terminal companions are taken only with --yes"""
    before = machine()
    run = Run("bind", GPU)
    refused(run, EDU, "IOMMU group", "--yes")
    assert machine() == before
    run = Run("bind", MF)
    refused(run, AUDIO, "slot", "--yes")
    assert machine() == before


def test_companions():
    """companions come along, and go back to what they had"""
    natives = {a: driver(a) for a in (GPU, EDU, MF, AUDIO)}
    assert natives[EDU] is None
    run = Run("bind", "--yes", "--json", GPU, MF)
    assert run.status == 0, run
    for a in natives:
        assert bound(a), a
    doc = status()
    assert device(doc, EDU)["before"] == {"driver": None, "driver_override": None,
                                          "taken_for": GPU}
    assert device(doc, GPU)["viable"] is True
    run = Run("unbind", GPU)
    assert run.status == 0 and back(GPU, natives[GPU]) and back(EDU, None), run
    assert bound(MF) and bound(AUDIO)
    run = Run("unbind", MF)
    assert run.status == 0, run
    for a, native in natives.items():
        assert back(a, native), (a, driver(a), override(a))


def test_terminal():
    """on a terminal it asks, and does nothing unless the answer is yes"""
    before = machine()
    for answer in (b"n\n", b"\n", b"\x04"):
        code, out = on_terminal(answer, "bind", "--no-wait", GPU)
        assert code == 1 and "you said no" in out, (code, out)
        assert machine() == before
    code, out = on_terminal(b"y\n", "bind", "--no-wait", GPU)
    assert code == 0 and bound(GPU) and bound(EDU), out
    assert Run("unbind", GPU).status == 0
    assert machine() == before


def test_stock_vfio():
    """a companion on stock vfio-pci is taken from it, and given back to it"""
    subprocess.run(["modprobe", "vfio-pci"], check=True)
    write(f"{PCI}/{EDU}/driver_override", "vfio-pci")
    write("/sys/bus/pci/drivers_probe", EDU)
    assert driver(EDU) == "vfio-pci"
    try:
        assert device(status(), GPU)["viable"] is False
        run = Run("bind", "--yes", "--no-wait", GPU)
        assert run.status == 0 and bound(GPU) and bound(EDU), run
        run = Run("unbind", GPU)
        assert run.status == 0 and driver(EDU) == override(EDU) == "vfio-pci", run
    finally:
        write(f"{PCI}/{EDU}/driver_override", "\n")
        write("/sys/bus/pci/drivers/vfio-pci/unbind", EDU)


def test_all_gpus():
    """--all-gpus leaves the console's GPU out"""
    before = machine()
    run = Run("bind", "--all-gpus", "--yes", "--json")
    assert run.status == 0, run
    for a in GPUS + [EDU, AUDIO]:
        assert bound(a) == (a != D["boot"]), a
    assert ("left_out", D["boot"]) in [(f["code"], f["address"]) for f in run.doc["findings"]]
    assert [w for w in run.doc["afterwards"] if w.startswith(D["noreset"])], run
    run = Run("unbind", "--all-gpus")
    assert run.status == 0 and machine() == before, run


def test_console():
    """the boot VGA is refused, and taken with --allow-console"""
    before = machine()
    refused(Run("bind", "--yes", D["boot"]), D["boot"], "--allow-console")
    assert machine() == before
    run = Run("bind", "--yes", "--no-wait", "--allow-console", D["boot"])
    assert run.status == 0 and bound(D["boot"]), run
    run = Run("unbind", D["boot"])
    assert run.status == 0 and machine() == before, run


def test_no_reset():
    """a GPU that can't be reset needs a yes, and is told about"""
    before = machine()
    refused(Run("bind", D["noreset"]), "can't be reset", "release")
    assert machine() == before
    run = Run("bind", "--yes", D["noreset"])
    assert run.status == 0 and "can't be reset" in run.out, run
    run = Run("release", "--json", D["noreset"], "--accept-leftovers")
    assert run.status == 0, run
    assert device(status(), D["noreset"])["leftovers_accepted"] is True
    refused(Run("release", ALONE, "--accept-leftovers"), ALONE, "nothing to accept")
    refused(Run("release", D["noreset"]), "--accept-leftovers", code=2)
    refused(Run("release", "--accept-leftovers", "zz"), "zz")
    clean()


def test_bad_arguments():
    """each wrong argument is named, with what would be right"""
    before = machine()
    refused(Run("bind", "0000:7f:00.0"), "0000:7f:00.0", "no PCI device", ALONE)
    refused(Run("bind", "gpu0"), "'gpu0'", "0000:01:00.0 or 01:00.0")
    refused(Run("bind", D["rp-bochs"]), D["rp-bochs"], "no GPU")
    refused(Run("bind", "0000:06:00.0"), "bridge")
    refused(Run("bind", D["edu"]), "no GPU")
    refused(Run("bind", EDU), EDU, "companion", f"bind {GPU}")
    refused(Run("bind", ALONE, "gpu0"), "'gpu0'")
    refused(Run("status", "gpu0"), "gpu0")
    refused(Run("restore", "gpu0"), "'gpu0'")
    for args in ([], ["frob"], ["bind"], ["bind", "--all-gpus", ALONE], ["list", ALONE],
                 ["unbind", "--persist", ALONE], ["bind", "--frob", ALONE], ["release"],
                 ["status", ALONE, GPU]):
        run = Run(*args)
        assert run.status == 2 and run.err and not run.out, run
    assert machine() == before


def card_of(address):
    return "/dev/dri/" + [n for n in os.listdir(f"{PCI}/{address}/drm") if n[:4] == "card"][0]


def test_held_open():
    """a process that has the card open is named, and nothing is touched"""
    card = card_of(ALONE)
    with subprocess.Popen(["sleep", "100"], stdin=open(card, "rb")) as holder:   # noqa: SIM115
        try:
            before = machine()
            refused(Run("bind", ALONE), str(holder.pid), "sleep", card)
            assert machine() == before
            held = device(status(ALONE), ALONE)["holders"]
            assert held == [{"pid": holder.pid, "comm": "sleep", "node": card}], held
        finally:
            holder.kill()
    assert Run("bind", "--no-wait", ALONE).status == 0
    clean()


# A buffer of the card, mapped; Python's own mmap would keep a descriptor.
HOLD_MAPPED = """
import ctypes, fcntl, os, struct, sys
f = os.open(sys.argv[1], os.O_RDWR)
buf = bytearray(struct.pack("=IIIIIIQ", 32, 32, 32, 0, 0, 0, 0))
fcntl.ioctl(f, 0xc02064b2, buf)     # MODE_CREATE_DUMB
handle, size = struct.unpack("=16xI4xQ", buf)
buf = bytearray(struct.pack("=IIQ", handle, 0, 0))
fcntl.ioctl(f, 0xc01064b3, buf)     # MODE_MAP_DUMB
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
at = libc.mmap(None, ctypes.c_size_t(size), 3, 1, f, ctypes.c_long(struct.unpack("=8xQ", buf)[0]))
if at == ctypes.c_void_p(-1).value:
    sys.exit(os.strerror(ctypes.get_errno()))
os.close(f)
print(flush=True)
sys.stdin.read()
"""


def test_held_mapped():
    """so is one that only has a mapping left"""
    card = card_of(ALONE)
    with subprocess.Popen([sys.executable, "-c", HOLD_MAPPED, card], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"\n"
        fds = f"/proc/{holder.pid}/fd"
        assert card not in [os.readlink(f"{fds}/{n}") for n in os.listdir(fds)]
        before = machine()
        refused(Run("bind", ALONE), str(holder.pid), card)
        assert machine() == before
        holder.stdin.close()


def test_held_companion():
    """who holds the companion is in the way as well"""
    subprocess.run(["modprobe", "snd-hda-intel"], check=True)
    wait_for(lambda: driver(AUDIO) == "snd_hda_intel")
    wait_for(lambda: os.path.isdir(f"{PCI}/{AUDIO}/sound"))
    card = os.listdir(f"{PCI}/{AUDIO}/sound")[0]
    node = f"/dev/snd/controlC{card[4:]}"
    wait_for(lambda: os.path.exists(node))
    with subprocess.Popen(["sleep", "100"], stdin=open(node, "rb")) as holder:   # noqa: SIM115
        try:
            refused(Run("bind", "--yes", MF), AUDIO, str(holder.pid), node)
        finally:
            holder.kill()
    run = Run("bind", "--yes", "--no-wait", MF)
    assert run.status == 0 and bound(AUDIO), run
    run = Run("unbind", MF)
    assert run.status == 0 and driver(AUDIO) == "snd_hda_intel", run


def test_owned():
    """unbind of a VM's GPU is refused and names the VM; bind of it is done already"""
    assert Run("bind", "--no-wait", ALONE).status == 0
    with subprocess.Popen(["qwamos-gpu", "vm", "run", "games", "--as-root", "--level", "system",
                           "--device", ALONE, "--", "sleep", "100"]) as vm:
        try:
            wait_for(lambda: device(Run("list", "--json").doc, ALONE)["owner_vm"], 30)
            d = device(status(ALONE), ALONE)
            assert d["owner_vm"]["name"] == "games" and d["state"] == "attached", d
            assert "games" in Run("list").out
            refused(Run("unbind", ALONE), ALONE, "games", "stop")
            assert bound(ALONE)
            assert Run("bind", ALONE).status == 0
            refused(Run("release", ALONE, "--accept-leftovers"), ALONE)
        finally:
            vm.send_signal(signal.SIGTERM)
    wait_for(lambda: device(Run("list", "--json").doc, ALONE)["state"] == "free", 30)
    clean()


def test_native_driver_lost():
    """unbind that a native driver foils is undone; --no-driver-ok goes through"""
    subprocess.run(["modprobe", "snd-hda-intel"], check=True)
    wait_for(lambda: driver(AUDIO) == "snd_hda_intel")
    assert Run("bind", "--yes", "--no-wait", MF).status == 0
    conf = "/etc/modprobe.d/qwamos-test.conf"
    subprocess.run(["modprobe", "-r", "snd-hda-intel"], check=True)
    write(conf, "blacklist snd_hda_intel\ninstall snd_hda_intel /bin/false\n")
    try:
        before = machine()
        run = Run("unbind", "--json", MF)
        refused(run, AUDIO, "snd_hda_intel", "All is as it was before", "--no-driver-ok", code=3)
        assert [s["result"] for s in run.doc["steps"]].count("failed") == 1
        assert machine() == before
        doc = status()
        assert doc["half_done"] is None
        assert device(doc, AUDIO)["before"]["driver"] == "snd_hda_intel"
        run = Run("unbind", "--no-driver-ok", MF)
        assert run.status == 0 and back(MF, "bochs-drm") and back(AUDIO, None), run
    finally:
        os.unlink(conf)


def test_driver_refuses():
    """bind whose driver does not take the device is undone"""
    assert subprocess.run(["modprobe", "-r", OURS], check=False).returncode == 0
    conf = "/etc/modprobe.d/qwamos-test.conf"
    before = machine()
    try:
        write(conf, f"install {OURS} /bin/false\n")
        run = Run("bind", ALONE)
        refused(run, "step 1 of", OURS, "All is as it was before", code=3)
        assert machine() == before
        # The load seems to work, but there is no driver then.
        write(conf, f"install {OURS} /bin/true\n")
        run = Run("bind", "--yes", GPU, MF)
        refused(run, "does not take it", "All is as it was before", code=3)
        assert machine() == before
        assert status()["half_done"] is None
    finally:
        os.unlink(conf)
    # And with the module in its place, libkmod loads it.
    assert driver(ALONE) == "bochs-drm" and not os.path.exists(f"/sys/module/{OURS}")
    run = Run("bind", "--json", ALONE)
    assert run.status == 0 and bound(ALONE), run
    assert run.doc["steps"][0]["do"] == "load", run
    clean()


def test_interrupt():
    """SIGTERM during a bind undoes it"""
    before = machine()
    with subprocess.Popen(["qwamos-vfio", "bind", "--all-gpus", "--yes"],
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as run:
        wait_for(lambda: os.path.exists(f"{STATE}/journal/run"))
        run.send_signal(signal.SIGTERM)
        err = run.stderr.read()
        run.wait()
    assert run.returncode == 3 and "interrupted" in err, (run.returncode, err)
    assert machine() == before
    assert status()["half_done"] is None


def test_one_at_a_time():
    """a second run waits a little, then names the first"""
    before = machine()
    with open(f"{STATE}/lock", "r+", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        start = time.monotonic()
        refused(Run("bind", ALONE), f"process {os.getpid()}", "another run")
        assert 2 < time.monotonic() - start < 30
        assert Run("bind", "--dry-run", ALONE).status == 0
        assert machine() == before


def test_persist():
    """--persist, restore, and unbind that forgets"""
    path = f"{STATE}/persist/{GPU}.json"
    run = Run("bind", "--yes", "--persist", "--no-wait", GPU)
    assert run.status == 0 and os.path.exists(path), run
    assert device(status(), GPU)["persisted"] is True
    run = Run("unbind", "--keep-persist", GPU)
    assert run.status == 0 and back(GPU, "bochs-drm") and os.path.exists(path), run
    run = Run("restore", "--json")
    assert run.status == 0 and bound(GPU) and bound(EDU), run
    run = Run("restore", GPU)
    assert run.status == 0 and "nothing to do" in run.out, run
    assert Run("restore", ALONE).status == 0 and driver(ALONE) == "bochs-drm"
    run = Run("unbind", GPU)
    assert run.status == 0 and back(GPU, "bochs-drm") and not os.path.exists(path), run


def test_persist_identity():
    """a persisted binding is not made of another device, nor with a new companion"""
    path = f"{STATE}/persist/{GPU}.json"
    assert Run("bind", "--yes", "--persist", "--no-wait", GPU).status == 0
    assert Run("unbind", "--keep-persist", GPU).status == 0
    with open(path, encoding="ascii") as f:
        good = f.read()
    before = machine()
    ids = re.search(r'"ids": *"([^"]*)"', good).group(1)
    changed = {
        "another device": good.replace(f'"{ids}"', '"10de:1eb8:0000:0000"'),
        EDU: good.replace(f'"{EDU} ', '"0000:7f:00.0 '),
        "not a JSON object": good[:40],
    }
    for word, text in changed.items():
        assert text != good
        write(path, text)
        refused(Run("restore"), GPU, word)
        assert machine() == before, word
        problem = [p for p in status()["persisted"] if p["address"] == GPU][0]["problem"]
        assert word in problem, problem
    os.rename(path, path.replace(GPU, "0000:7f:00.0"))
    write(path.replace(GPU, "0000:7f:00.0"), good.replace(GPU, "0000:7f:00.0"))
    refused(Run("restore"), "0000:7f:00.0", "no GPU at that address")
    run = Run("unbind", "0000:7f:00.0")
    assert run.status == 0 and os.listdir(f"{STATE}/persist") == [], run
    assert machine() == before


VFIO_HOLDER = """
import fcntl, os, sys
c = os.open("/dev/vfio/vfio", os.O_RDWR)
g = os.open(sys.argv[1], os.O_RDWR)
t = lambda nr: ord(";") << 8 | 100 + nr
fcntl.ioctl(g, t(4), c.to_bytes(4, "little"))
fcntl.ioctl(c, t(2), 1)
d = fcntl.ioctl(g, t(6), sys.argv[2].encode() + b"\\0")
print(flush=True)
sys.stdin.readline()
os.close(g)
print(flush=True)
sys.stdin.readline()
"""


def test_unbind_never_hangs():
    """an unbind that the kernel does not come back from is given up and mended later"""
    subprocess.run(["modprobe", "vfio-pci"], check=True)
    write(f"{PCI}/{ALONE}/driver_override", "vfio-pci")
    write("/sys/bus/pci/drivers/bochs-drm/unbind", ALONE)
    write("/sys/bus/pci/drivers_probe", ALONE)
    group = os.path.basename(os.readlink(f"{PCI}/{ALONE}/iommu_group"))
    with subprocess.Popen([sys.executable, "-c", VFIO_HOLDER, f"/dev/vfio/{group}", ALONE],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        try:
            assert holder.stdout.readline() == b"\n"
            refused(Run("bind", ALONE), str(holder.pid), f"/dev/vfio/{group}")
            # Without the group's node nobody can be seen to hold it.
            holder.stdin.write(b"\n")
            holder.stdin.flush()
            assert holder.stdout.readline() == b"\n"
            start = time.monotonic()
            run = Run("bind", "--no-wait", ALONE)
            assert 14 < time.monotonic() - start < 40
            refused(run, ALONE, "has not come back", str(holder.pid), code=4)
            doc = status()
            half = doc["half_done"]
            assert half["operation"] == "bind" and "take off" in half["step_text"], half
            d = device(doc, ALONE)
            # Newer kernels tell driver_override without the device's lock.
            assert d["stuck"] or d["driver_override"] == OURS, d
            assert d["half_done"] is True
            assert device(Run("list", "--json").doc, ALONE)["address"] == ALONE
        finally:
            holder.kill()
    # With its holder gone the kernel ends the unbind, and the next run goes on.
    wait_for(lambda: driver(ALONE) is None, 30)
    run = Run("bind", "--no-wait", ALONE)
    assert run.status == 0 and bound(ALONE), run
    assert status()["half_done"] is None
    run = Run("unbind", ALONE)
    assert run.status == 0 and driver(ALONE) == override(ALONE) == "vfio-pci", run
    write(f"{PCI}/{ALONE}/driver_override", "\n")
    write("/sys/bus/pci/drivers/vfio-pci/unbind", ALONE)
    write("/sys/bus/pci/drivers_probe", ALONE)
    assert driver(ALONE) == "bochs-drm"


def test_not_root():
    """without root it shows and plans, and refuses the rest"""
    before = machine()
    user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    for args, code in ((["list"], 0), (["status"], 0), (["bind", "-n", ALONE], 0),
                       (["bind", ALONE], 1), (["unbind", ALONE], 1)):
        done = subprocess.run([*user, "qwamos-vfio", *args], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False)
        assert done.returncode == code, (args, done)
        assert code == 0 or "root" in done.stderr, done
    assert machine() == before


def test_output_lost():
    """a list that can't be written is no success"""
    with open("/dev/full", "wb") as full:
        for args in (["list"], ["list", "--json"], ["status"]):
            done = subprocess.run(["qwamos-vfio", *args], stdout=full, stderr=subprocess.PIPE,
                                  check=False)
            assert done.returncode == 1 and b"write" in done.stderr, done


if __name__ == "__main__":
    assert mmap.PAGESIZE == 4096
    main([v for k, v in list(globals().items()) if k.startswith("test_")])
