#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""qwamos-vfio in a guest that has disks and a network card in the slot of a GPU: what the host uses
is not taken. Topology "disks"."""

import contextlib
import glob
import os
import struct
import subprocess
import sys

sys.dont_write_bytecode = True
# pylint: disable=wrong-import-position
from vfio_cli import (PCI, Run, bound, clean, devices, driver, machine, main,  # noqa: E402
                      on_terminal, wait_for, write)

D = devices()
GPU, NVME, PATH, NIC = D["mf-bochs"], D["mf-nvme"], D["mf-path"], D["mf-nic"]
MNT = "/tmp/mnt"


def sh(command):
    subprocess.run(command, shell=True, check=True, stdout=subprocess.DEVNULL)


def disk_of(address):
    """The disk of a controller: below it, or below its subsystem."""
    found = glob.glob(f"{PCI}/{address}/nvme/nvme*/nvme*n*/dev")
    if not found:
        name = os.path.basename(glob.glob(f"{PCI}/{address}/nvme/nvme*")[0])
        link = glob.glob(f"/sys/class/nvme-subsystem/*/{name}")[0]
        found = glob.glob(os.path.dirname(link) + "/nvme*n*/dev")
    return os.path.basename(os.path.dirname(found[0]))


def netif():
    return os.path.basename(glob.glob(f"{PCI}/{NIC}/virtio*/net/*")[0])


def plain():
    """Nothing is in use: a bind would take all."""
    run = Run("bind", "--dry-run", "--yes", "--json", GPU)
    assert run.status == 0, run
    assert {s["address"] for s in run.doc["steps"]} == {GPU, NVME, PATH, NIC, D["mf-audio"]}, run


def in_use(address, *words, taken=()):
    """The bind is refused for that one alone, and touches nothing."""
    before = machine()
    for more in ((), ("--allow-console", "--persist")):
        run = Run("bind", "--yes", "--json", *more, *taken, GPU)
        assert run.status == 1, run
        found = [(f["code"], f["address"], f["text"]) for f in run.doc["findings"]
                 if f["severity"] == "refusal"]
        assert [f[:2] for f in found] == [("companion_in_use", address)], run
        for word in words:
            assert word in found[0][2], (word, found)
    assert machine() == before


@contextlib.contextmanager
def elsewhere(flag, command, taken=()):
    """A command in namespaces of its own, which live on with a process."""
    with subprocess.Popen(["unshare", flag, "sh", "-c", command + " && echo && exec sleep 100"],
                          stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout.readline() == b"\n"
            yield process.pid
        finally:
            process.kill()
    # What a namespace held is let go by a worker of the kernel.
    wait_for(lambda: Run("bind", "--dry-run", "--yes", *taken, GPU).status == 0)


def test_idle():
    """without anything that is used, disks and a network card go along, and come back"""
    plain()
    before = machine()
    run = Run("bind", "--yes", "--no-wait", GPU)
    assert run.status == 0 and all(bound(a) for a in (GPU, NVME, PATH, NIC)), run
    clean()
    assert machine() == before
    wait_for(lambda: os.path.exists(f"/dev/{disk_of(NVME)}"))
    wait_for(lambda: os.path.exists(f"/dev/{disk_of(PATH)}"))


def test_btrfs():
    """a mounted btrfs, whose device number mountinfo does not have"""
    disk = disk_of(NVME)
    sh(f"mkfs.btrfs -q -f /dev/{disk} && mount -t btrfs /dev/{disk} {MNT}")
    try:
        in_use(NVME, disk, f"mounted on {MNT}")
        write(f"{MNT}/x", "still there")
        sh("sync")
    finally:
        sh(f"umount {MNT}")
    plain()


def test_elsewhere():
    """a file system that is mounted in another mount namespace"""
    disk = disk_of(NVME)
    sh(f"mkfs.ext4 -q -F /dev/{disk}")
    with elsewhere("--mount", f"mount -t ext4 /dev/{disk} {MNT}"):
        in_use(NVME, disk)
    plain()


def test_partition():
    """a partition that is mounted in another mount namespace"""
    disk = disk_of(NVME)
    entry = struct.pack("<B3sB3sII", 0, b"\0\2\0", 0x83, b"\0\2\0", 2048, 131072)
    with open(f"/dev/{disk}", "r+b") as f:
        f.write(bytes(446) + entry + bytes(48) + b"\x55\xaa" + bytes(1 << 20))
    sh(f"blockdev --rereadpt /dev/{disk} && mkfs.ext4 -q -F /dev/{disk}p1")
    with elsewhere("--mount", f"mount -t ext4 /dev/{disk}p1 {MNT}"):
        in_use(NVME, disk)
    plain()
    sh(f"wipefs -qa /dev/{disk} && blockdev --rereadpt /dev/{disk}")


def test_meanwhile():
    """what comes into use while a question waits for its answer"""
    disk = disk_of(NVME)
    sh(f"mkfs.ext4 -q -F /dev/{disk}")
    before = machine()

    def mount_and_agree():
        sh(f"mountpoint -q {MNT} || mount -t ext4 /dev/{disk} {MNT}")
        return b"y\n"
    try:
        code, out = on_terminal(mount_and_agree, "bind", "--no-wait", GPU)
        assert code == 1 and f"mounted on {MNT}" in out, (code, out)
        assert machine() == before
    finally:
        sh(f"umount {MNT}")
    plain()


def test_swap():
    """swap space"""
    disk = disk_of(NVME)
    sh(f"mkswap /dev/{disk} && swapon /dev/{disk}")
    try:
        in_use(NVME, disk, "swap")
    finally:
        sh(f"swapoff /dev/{disk}")
    plain()


def test_volume():
    """a part of a volume of the device mapper, which nobody uses"""
    disk = disk_of(NVME)
    sh(f"dmsetup create --noudevsync lab --table '0 2048 linear /dev/{disk} 0'")
    try:
        in_use(NVME, disk, "volume dm-")
    finally:
        sh("dmsetup remove --noudevsync lab")
    plain()


def test_loop():
    """a loop device upon a disk, which claims nothing of it"""
    disk = disk_of(NVME)
    sh(f"mkfs.ext4 -q -F /dev/{disk}")
    loop = subprocess.run(["losetup", "-f", "--show", f"/dev/{disk}"], check=True, text=True,
                          stdout=subprocess.PIPE).stdout.strip()
    try:
        in_use(NVME, disk, os.path.basename(loop))
    finally:
        sh(f"losetup -d {loop}")
    plain()


def test_export():
    """an NVMe target that exports a disk, which claims nothing of it either"""
    disk = disk_of(NVME)
    sh("modprobe nvmet && mountpoint -q /sys/kernel/config || "
       "mount -t configfs none /sys/kernel/config")
    top = "/sys/kernel/config/nvmet/subsystems/lab"
    os.makedirs(f"{top}/namespaces/1")
    try:
        write(f"{top}/namespaces/1/device_path", f"/dev/{disk}")
        plain()
        write(f"{top}/namespaces/1/enable", "1")
        in_use(NVME, disk, "exported by NVMe as lab")
        write(f"{top}/namespaces/1/enable", "0")
    finally:
        os.rmdir(f"{top}/namespaces/1")
        os.rmdir(top)
    plain()


def test_multipath():
    """the disk of a controller with native multipath"""
    disk = disk_of(PATH)
    assert not os.path.exists(f"{PCI}/{PATH}/nvme/{disk[:5]}/{disk}"), "no multipath here"
    sh(f"mkfs.ext4 -q -F /dev/{disk}")
    with elsewhere("--mount", f"mount -t ext4 /dev/{disk} {MNT}"):
        in_use(PATH, disk)
    plain()


def test_no_node():
    """a disk whose node somebody took away, or put another one in its place"""
    disk = disk_of(NVME)
    os.rename(f"/dev/{disk}", "/dev/lab-away")
    try:
        in_use(NVME, disk, "no node in /dev")
        os.symlink(disk_of(PATH), f"/dev/{disk}")
        in_use(NVME, disk, "no node of it")
        os.unlink(f"/dev/{disk}")
    finally:
        os.rename("/dev/lab-away", f"/dev/{disk}")
    plain()


def test_network():
    """an interface that is up, or in another network namespace, or has none at all"""
    name = netif()
    sh(f"ip link set {name} up")
    in_use(NIC, name, "is up")
    sh(f"ip link set {name} down")
    plain()
    with subprocess.Popen(["unshare", "--net", "sleep", "100"]) as other:
        wait_for(lambda: os.readlink(f"/proc/{other.pid}/ns/net") !=
                 os.readlink("/proc/self/ns/net"))
        sh(f"ip link set {name} netns {other.pid}")
        try:
            in_use(NIC, "another network namespace")
        finally:
            other.kill()
    wait_for(lambda: glob.glob(f"{PCI}/{NIC}/virtio*/net/*"))
    plain()


def test_take():
    """--take-in-use takes the device that it names, and no other one"""
    name, disk = netif(), disk_of(NVME)
    sh(f"ip link set {name} up")
    in_use(NIC, name)
    taken = ("--take-in-use", NIC)
    with elsewhere("--mount", f"mount -t ext4 /dev/{disk} {MNT}", taken):
        in_use(NVME, disk, taken=taken)
    run = Run("bind", "--yes", "--take-in-use", NVME, "--take-in-use", NIC, GPU)
    assert run.status == 1 and "does not use" in run.err and NVME in run.err, run
    run = Run("bind", "--yes", "--no-wait", "--persist", "--take-in-use", NIC[5:], GPU)
    assert run.status == 0 and bound(NIC) and bound(GPU), run
    # What was said once holds for the boots to come.
    run = Run("unbind", "--keep-persist", GPU)
    assert run.status == 0 and driver(NIC) == "virtio-pci", run
    wait_for(lambda: glob.glob(f"{PCI}/{NIC}/virtio*/net/*"))
    sh(f"ip link set {netif()} up")
    assert Run("bind", "--yes", GPU).status == 1
    run = Run("restore", "--no-wait")
    assert run.status == 0 and bound(NIC) and bound(GPU), run
    clean()


if __name__ == "__main__":
    os.makedirs(MNT, exist_ok=True)
    sh("modprobe -a nvme virtio_net btrfs ext4 loop dm-mod")
    wait_for(lambda: glob.glob("/sys/class/nvme-subsystem/*/nvme*n1/dev"), 30)
    wait_for(lambda: glob.glob(f"{PCI}/{NVME}/nvme/nvme*/nvme*n1/dev"), 30)
    main([v for k, v in list(globals().items()) if k.startswith("test_")])
