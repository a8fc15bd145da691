#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""qwamos-vfio in a guest that has disks and a network card in the slot of a GPU: what the host uses
is not taken. Topology "disks"."""

import contextlib
import glob
import json
import os
import struct
import subprocess
import sys

sys.dont_write_bytecode = True
# pylint: disable=wrong-import-position
from vfio_cli import (PCI, Run, Skip, bound, clean, devices, driver, machine,  # noqa: E402
                      main, need, on_terminal, wait_for, write)

D = devices()
GPU, NVME, PATH, NIC = D["mf-bochs"], D["mf-nvme"], D["mf-path"], D["mf-nic"]
MNT = "/tmp/mnt"
CONFIGFS = "/sys/kernel/config"


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


def number(name):
    """The number of a block device, as the kernel writes it."""
    with open(f"/sys/class/block/{name}/dev", encoding="ascii") as f:
        return f.read().strip()


def holders(name):
    """What is built upon a block device."""
    return os.listdir(f"/sys/class/block/{name}/holders")


def netif():
    return os.path.basename(glob.glob(f"{PCI}/{NIC}/virtio*/net/*")[0])


def plain():
    """Nothing is in use: a bind would take all."""
    run = Run("bind", "--dry-run", "--yes", "--json", GPU)
    assert run.status == 0, run
    assert {s["address"] for s in run.doc["steps"]} == {GPU, NVME, PATH, NIC, D["mf-audio"]}, run


def would_bind(*options):
    return Run("bind", "--dry-run", "--yes", *options, GPU).status == 0


def in_use(address, *words, taken=(), codes=("companion_in_use",), also=()):
    """The bind is refused for that one alone (and those in also), and touches nothing."""
    before = machine()
    for more in ((), ("--allow-console", "--persist")):
        run = Run("bind", "--yes", "--json", *more, *taken, GPU)
        assert run.status == 1, run
        found = [(f["code"], f["address"], f["text"]) for f in run.doc["findings"]
                 if f["severity"] == "refusal"]
        assert [f[:2] for f in found] == [(c, a) for a in (address, *also) for c in codes], run
        for word in words:
            assert all(any(word in text for _, a, text in found if a == x)
                       for x in (address, *also)), (word, found)
    assert machine() == before


@contextlib.contextmanager
def elsewhere(flag, command, taken=(), free=True):
    """A command in namespaces of its own, which live on with a process. Nothing else is in use,
    if free."""
    with subprocess.Popen(["unshare", flag, "sh", "-c", command + " && echo && exec sleep 100"],
                          stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout.readline() == b"\n"
            yield process.pid
        finally:
            process.kill()
    # What a namespace held is let go by a worker of the kernel.
    if free:
        wait_for(lambda: would_bind(*taken))


@contextlib.contextmanager
def program(code):
    """A program that does something with disks, and lives on."""
    code = f"import os, time\n{code}\nprint(flush=True)\ntime.sleep(100)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout.readline() == b"\n"
            yield
        finally:
            process.kill()


@contextlib.contextmanager
def partition(disk):
    """The first partition of a disk, of 64 MiB."""
    entry = struct.pack("<B3sB3sII", 0, b"\0\2\0", 0x83, b"\0\2\0", 2048, 131072)
    with open(f"/dev/{disk}", "r+b") as f:
        f.write(bytes(446) + entry + bytes(48) + b"\x55\xaa" + bytes(1 << 20))
    sh(f"blockdev --rereadpt /dev/{disk}")
    try:
        yield f"{disk}p1"
    finally:
        sh(f"wipefs -qa /dev/{disk} && blockdev --rereadpt /dev/{disk}")


@contextlib.contextmanager
def volume(part, target="linear", args=" 0"):
    """A volume of the device mapper upon a block device: its name."""
    sh(f"dmsetup create --noudevsync lab --table '0 16384 {target} /dev/{part}{args}'")
    try:
        yield next(n for n in holders(part) if n.startswith("dm-"))
    finally:
        sh("dmsetup remove --noudevsync --retry lab")


@contextlib.contextmanager
def raid(part, run=True):
    """A RAID1 of one part, and without a superblock: its name."""
    need("md-mod", "raid1")
    write("/sys/module/md_mod/parameters/new_array", "md7")
    md = "/sys/block/md7/md"
    try:
        for name, text in (("metadata_version", "none"), ("level", "raid1"), ("raid_disks", "1"),
                           ("component_size", "8192"), ("new_dev", number(part)),
                           (f"dev-{part}/size", "8192"), (f"dev-{part}/slot", "0")):
            write(f"{md}/{name}", text)
        if run:
            write(f"{md}/array_state", "active")
        yield "md7"
    finally:
        write(f"{md}/array_state", "clear")
        wait_for(lambda: not holders(part) and not os.path.exists(md))


def configfs():
    sh(f"mountpoint -q {CONFIGFS} || mount -t configfs none {CONFIGFS}")


@contextlib.contextmanager
def nvme_target(path, buffered="0"):
    """An NVMe target that exports a file or a block device."""
    need("nvmet")
    configfs()
    top = f"{CONFIGFS}/nvmet/subsystems/lab"
    os.makedirs(f"{top}/namespaces/1")
    try:
        write(f"{top}/namespaces/1/device_path", path)
        write(f"{top}/namespaces/1/buffered_io", buffered)
        plain()
        write(f"{top}/namespaces/1/enable", "1")
        yield
        write(f"{top}/namespaces/1/enable", "0")
    finally:
        os.rmdir(f"{top}/namespaces/1")
        os.rmdir(top)


@contextlib.contextmanager
def lio(hba, control):
    """A backstore of a LIO target."""
    configfs()
    top = f"{CONFIGFS}/target/core/{hba}"
    os.makedirs(f"{top}/lab")
    try:
        write(f"{top}/lab/control", control)
        plain()
        write(f"{top}/lab/enable", "1")
        yield
    finally:
        os.rmdir(f"{top}/lab")
        os.rmdir(top)


def crc64(data):
    """CRC-64 (ECMA-182) as bcache has it."""
    crc = 2 ** 64 - 1
    for byte in data:
        crc ^= byte << 56
        for _ in range(8):
            crc = (crc << 1 ^ (0x42f0e1eba9ea3693 if crc >> 63 else 0)) & (2 ** 64 - 1)
    return crc ^ (2 ** 64 - 1)


def bcache_super(disk, version, sectors_or_buckets, block, bucket):
    """Writes a superblock of bcache: version 0 is a cache, 1 what is to be cached."""
    rest = struct.pack("<QQ16s16s16s32s80xQHHHH4xHH", 8, version,
                       bytes.fromhex("c68573f64e1a45ca8265f57f48ba6d81"), b"u" * 16, b"s" * 16,
                       b"lab", sectors_or_buckets, block, bucket, 1, 0, 1, 0)
    with open(f"/dev/{disk}", "r+b") as f:
        f.write(bytes(4096) + struct.pack("<Q", crc64(rest)) + rest + bytes(4096))


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
    with partition(disk) as part:
        sh(f"mkfs.ext4 -q -F /dev/{part}")
        with elsewhere("--mount", f"mount -t ext4 /dev/{part} {MNT}"):
            in_use(NVME, disk)
        plain()


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
    with volume(disk):
        in_use(NVME, disk, "volume dm-")
    plain()


def test_volume_on_part():
    """a volume of the device mapper upon a partition"""
    with partition(disk_of(NVME)) as part:
        with volume(part):
            in_use(NVME, part, "volume dm-")
        plain()


def test_raid():
    """a part of a RAID that runs, and of one that does not"""
    disk = disk_of(NVME)
    with raid(disk, run=False) as md:
        in_use(NVME, disk, f"volume {md}")
    plain()
    with raid(disk) as md:
        in_use(NVME, disk, f"volume {md}")
    plain()


def test_stack():
    """a file system on a volume on a RAID on a partition, mounted in another mount namespace"""
    with partition(disk_of(NVME)) as part, raid(part) as md, volume(md) as dm:
        in_use(NVME, part, f"volume {md}")
        sh(f"mkfs.ext4 -q -F /dev/{dm}")
        with elsewhere("--mount", f"mount -t ext4 /dev/{dm} {MNT}", free=False):
            in_use(NVME, part, f"volume {md}")
    plain()


def test_dm_multipath():
    """a multipath of the device mapper upon a RAID"""
    need("dm-multipath", "dm-round-robin")
    disk = disk_of(NVME)
    # Two words of features, no handler; one group, of one path without arguments.
    with raid(disk) as md, volume(md, "multipath 2 queue_mode bio 0 1 1 round-robin 0 1 0", ""):
        in_use(NVME, disk, f"volume {md}")
    plain()


def test_bcache():
    """what bcache has: a disk to be cached, and a cache that caches nothing"""
    need("bcache")
    disk = disk_of(NVME)
    try:
        bcache_super(disk, 1, 16, 1, 0)
        write("/sys/fs/bcache/register", f"/dev/{disk}")
        wait_for(lambda: holders(disk))
        in_use(NVME, disk, "volume bcache")
        write(glob.glob("/sys/block/bcache*/bcache/stop")[0], "1")
        wait_for(lambda: not holders(disk))
        wait_for(would_bind)
        bcache_super(disk, 0, 2048, 8, 64)
        write("/sys/fs/bcache/register", f"/dev/{disk}")
        wait_for(lambda: glob.glob("/sys/fs/bcache/*/stop"))
        assert not holders(disk)
        in_use(NVME, disk, "claimed")
        write(glob.glob("/sys/fs/bcache/*/stop")[0], "1")
        wait_for(would_bind)
    finally:
        sh(f"wipefs -qa /dev/{disk}")
    plain()


def test_zram():
    """what zram writes pages back to"""
    need("zram")
    disk = disk_of(NVME)
    write("/sys/block/zram0/backing_dev", f"/dev/{disk}")
    in_use(NVME, disk, "claimed")
    write("/sys/block/zram0/reset", "1")
    sh("rmmod zram")
    plain()


def test_held():
    """a program that has a disk, a partition or a controller open, with O_EXCL or without"""
    disk = disk_of(NVME)
    for flags in (os.O_RDWR, os.O_RDONLY):
        with program(f"os.open('/dev/{disk}', {flags})"):
            in_use(NVME, f"holds /dev/{disk}", codes=("held",))
    with program(f"os.open('/dev/{disk}', {os.O_RDWR | os.O_EXCL})"):
        in_use(NVME, f"holds /dev/{disk}", "claimed", codes=("held", "companion_in_use"))
    plain()
    with program(f"os.open('/dev/{disk[:5]}', os.O_RDWR)"):
        in_use(NVME, f"holds /dev/{disk[:5]}", codes=("held",))
    with partition(disk) as part:
        with program(f"os.open('/dev/{part}', os.O_RDWR)"):
            in_use(NVME, f"holds /dev/{part}", codes=("held",))
        plain()


def test_held_elsewhere():
    """a program that has a disk open by a node of its own, in a mount namespace of its own"""
    disk = disk_of(NVME)
    with elsewhere("--mount", f"mount -t tmpfs none {MNT} && mknod {MNT}/x b "
                   f"{number(disk).replace(':', ' ')} && exec 7<>{MNT}/x && rm {MNT}/x"):
        in_use(NVME, f"holds /dev/{disk}", codes=("held",))
    plain()
    # The lab's root is an overlay, as a container's.
    sh(f"mknod /opt/lab-node b {number(disk).replace(':', ' ')}")
    with program("os.open('/opt/lab-node', os.O_RDWR)"):
        in_use(NVME, f"holds /dev/{disk}", codes=("held",))
    with program("""
import mmap
fd = os.open('/opt/lab-node', os.O_RDWR)
mapped = mmap.mmap(fd, 4096)
os.close(fd)
os.closerange(3, 100)"""):
        in_use(NVME, f"holds /dev/{disk}", codes=("held",))
    os.unlink("/opt/lab-node")
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


def test_loop_no_node():
    """a loop device upon a disk, whose node somebody took away, or put another one in its place"""
    disk = disk_of(NVME)
    loop = subprocess.run(["losetup", "-f", "--show", f"/dev/{disk}"], check=True, text=True,
                          stdout=subprocess.PIPE).stdout.strip()
    os.rename(loop, "/dev/lab-away")
    try:
        in_use(NVME, disk, os.path.basename(loop))
        os.symlink(f"/dev/{disk_of(PATH)}", loop)
        in_use(NVME, disk, os.path.basename(loop))
        os.unlink(loop)
    finally:
        os.rename("/dev/lab-away", loop)
        sh(f"losetup -d {loop}")
    plain()


def no_vm_gets(disk, *words):
    """Nor does a VM get it as its disk."""
    config = {"vm": {"name": "lab"}, "hardware": {"cpu": {"model": "qemu64"}},
              "machine": {"accel": "tcg"}, "storage": {"disk_image": disk, "persistent": True}}
    with open("/run/lab.yaml", "w", encoding="ascii") as f:
        json.dump(config, f)
    done = subprocess.run(["qwamos-vm", "start", "/run/lab.yaml", "--dry-run"], check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    os.unlink("/run/lab.yaml")
    assert done.returncode, done
    for word in ("is in use on this computer",) + words:
        assert word in done.stdout, (word, done)


def test_export():
    """an NVMe target that exports a disk, which claims nothing of it either"""
    disk = disk_of(NVME)
    for buffered in "0", "1":
        with nvme_target(f"/dev/{disk}", buffered):
            in_use(NVME, disk, "exported by NVMe as lab")
            no_vm_gets(f"/dev/{disk}", "exported by NVMe as lab")
    plain()


def test_export_no_node():
    """an NVMe target that exports a disk by another node, which goes away; a target out of sight"""
    disk = disk_of(NVME)
    sh(f"mknod /run/lab-node b {number(disk).replace(':', ' ')}")
    with nvme_target("/run/lab-node"):
        in_use(NVME, disk, "exported by NVMe as lab")
        os.unlink("/run/lab-node")
        in_use(NVME, "NVMe exports as lab", also=(PATH,))
        sh(f"umount {CONFIGFS}")
        try:
            in_use(NVME, "without configfs", also=(PATH,))
        finally:
            configfs()
    plain()
    with open("/run/lab-file", "wb") as f:
        f.truncate(1 << 20)
    with nvme_target("/run/lab-file", "1"):
        plain()
        no_vm_gets("/run/lab-file", "exported by NVMe as lab")
    os.unlink("/run/lab-file")


def test_passthru():
    """an NVMe target that exports a whole controller, of which nothing is opened"""
    need("nvmet")
    configfs()
    controller = disk_of(NVME)[:5]
    top = f"{CONFIGFS}/nvmet/subsystems/lab"
    os.makedirs(top)
    try:
        if not os.path.exists(f"{top}/passthru"):
            raise Skip("this kernel's NVMe target exports no controllers")
        write(f"{top}/passthru/device_path", f"/dev/{controller}")
        plain()
        write(f"{top}/passthru/enable", "1")
        in_use(NVME, f"{controller} is exported by NVMe as lab")
        write(f"{top}/passthru/enable", "0")
    finally:
        os.rmdir(top)
    plain()


def test_lio():
    """a LIO target, by a backstore that claims a disk, and by one that does not"""
    need("target_core_mod", "target_core_iblock", "target_core_file")
    disk = disk_of(NVME)
    with lio("iblock_0", f"udev_path=/dev/{disk}"):
        in_use(NVME, disk, "claimed")
    plain()
    with lio("fileio_0", f"fd_dev_name=/dev/{disk},fd_dev_size=1048576"):
        in_use(NVME, disk, "exported by LIO as lab")
    plain()


def test_gadget():
    """a USB gadget that is a stick, and has a disk for it"""
    need("libcomposite", "usb_f_mass_storage")
    configfs()
    disk = disk_of(NVME)
    top = f"{CONFIGFS}/usb_gadget/lab"
    os.makedirs(f"{top}/functions/mass_storage.0")
    try:
        plain()
        write(f"{top}/functions/mass_storage.0/lun.0/file", f"/dev/{disk}")
        in_use(NVME, disk, "exported by USB as lab")
    finally:
        os.rmdir(f"{top}/functions/mass_storage.0")
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
