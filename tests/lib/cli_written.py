#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""qwamos-vfio on machines that were written down: what a bind refuses, and does not. Needs root,
and no guest."""

import ctypes
import os
import signal
import stat
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
# pylint: disable=wrong-import-position
from vfio_cli import main, wait_for             # noqa: E402
from written_sysfs import Machine               # noqa: E402

GPU = "0000:01:00.0"
OTHER = "0000:02:00.0"
NVIDIA = 195
# Holds what it is given: "path FILE..." (without opening it), or "map FILE" (no descriptor stays).
HOLDER = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
if sys.argv[1] == "path":
    for name in sys.argv[2:]:
        os.open(name, os.O_PATH)
else:
    f = os.open(sys.argv[2], os.O_RDONLY)
    at = libc.mmap(None, ctypes.c_size_t(4096), 1, 2, f, ctypes.c_long(0))
    assert at != ctypes.c_void_p(-1).value, os.strerror(ctypes.get_errno())
    os.close(f)
print(flush=True)
sys.stdin.read()
"""


class Hold:
    """A process that holds files."""

    def __init__(self, how, *paths):
        self.process = subprocess.Popen([sys.executable, "-c", HOLDER, how, *paths],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == b"\n"
        self.pid = self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


def machine(folder):
    """A GPU of NVIDIA's under its own driver, without DRM."""
    m = Machine(folder)
    m.function(GPU, 0x030200, "nvidia")
    return m


def make_node(folder, number, name="x"):
    """A node that no path gives away."""
    path = os.path.join(folder, name)
    os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(*number))
    return path


def refused(answer, code, address, *words):
    status, found = answer
    assert status == 1 and (code, address) in found, answer
    for word in words:
        assert word in found[code, address]["text"], (word, found)
    return found[code, address]


def passes(answer):
    status, found = answer
    assert status == 0 and not [f for f in found.values() if f["severity"] == "refusal"], answer


def test_nvidia():
    """who holds a node of NVIDIA's is named, by the node's number alone"""
    with tempfile.TemporaryDirectory() as d:
        m = machine(d)
        passes(m.bind(GPU))
        with Hold("path", make_node(d, (NVIDIA, 0))) as h:
            refused(m.bind(GPU), "held", GPU, str(h.pid), "/dev/nvidia0")
        # nvidiactl and nvidia-modeset are no GPU's.
        with Hold("path", make_node(d, (NVIDIA, 255), "y")), \
                Hold("path", make_node(d, (NVIDIA, 254), "z")):
            passes(m.bind(GPU))


def two_of_nvidia(folder):
    """GPU has minor 3, OTHER has 0; UVM has major 511."""
    m = machine(folder)
    m.function(OTHER, 0x030200, "nvidia")
    for address, minor in ((GPU, 3), (OTHER, 0)):
        os.makedirs(f"{folder}/driver/nvidia/gpus/{address}")
        with open(f"{folder}/driver/nvidia/gpus/{address}/information", "w",
                  encoding="ascii") as f:
            f.write(f"Model: \t\t Test\nIRQ:   \t\t 30\nDevice Minor: \t {minor}\n")
    with open(f"{folder}/devices", "w", encoding="ascii") as f:
        f.write("Character devices:\n  1 mem\n195 nvidia\n511 nvidia-uvm\n\n"
                "Block devices:\n259 blkext\n")
    m.binds += [(f"{folder}/driver", "/proc/driver"), (f"{folder}/devices", "/proc/devices")]
    return m


def test_nvidia_minor():
    """of several GPUs, it is the one that the driver says"""
    with tempfile.TemporaryDirectory() as d:
        m = two_of_nvidia(d)
        with Hold("path", make_node(d, (NVIDIA, 0))) as h:
            passes(m.bind(GPU))
            refused(m.bind(OTHER), "held", OTHER, str(h.pid), "/dev/nvidia0")


def test_nvidia_uvm():
    """who has nvidia-uvm holds the GPUs whose nodes it has, and all without such a node"""
    with tempfile.TemporaryDirectory() as d:
        m = two_of_nvidia(d)
        uvm = make_node(d, (511, 0), "uvm")
        with Hold("path", uvm) as h:
            for address in (GPU, OTHER):
                refused(m.bind(address), "held", address, str(h.pid), "/dev/nvidia-uvm")
        with Hold("path", uvm, make_node(d, (NVIDIA, 0))) as h:
            passes(m.bind(GPU))
            refused(m.bind(OTHER), "held", OTHER, str(h.pid))


def test_nvidia_stub():
    """a GPU of NVIDIA's that its driver does not have is held by none of them"""
    with tempfile.TemporaryDirectory() as d:
        m = Machine(d)
        m.function(GPU, 0x030200, "vfio-pci")
        with Hold("path", make_node(d, (NVIDIA, 0))):
            passes(m.bind(GPU))


def kfd_machine(folder, gpu_id):
    m = Machine(folder)
    m.function(GPU, 0x030000, "amdgpu", vendor=0x1002)
    m.node("devices/virtual/kfd/kfd", (240, 7), "kfd")
    m.link("class/kfd/kfd", "devices/virtual/kfd/kfd")
    node = "devices/virtual/kfd/kfd/topology/nodes"
    m.put(f"{node}/0/gpu_id", "0\n")
    m.put(f"{node}/0/properties", "location_id 0\ndomain 0\n")
    if gpu_id:
        m.put(f"{node}/1/gpu_id", "4660\n")
        m.put(f"{node}/1/properties", f"vendor_id 4098\nlocation_id {gpu_id}\ndomain 0\n")
    return m


def test_kfd():
    """who has /dev/kfd holds the GPUs that ROCm has, and no other one"""
    with tempfile.TemporaryDirectory() as d:
        m = kfd_machine(d + "/a", 0x100)
        passes(m.bind(GPU))
        with Hold("path", make_node(d, (240, 7))) as h:
            refused(m.bind(GPU), "held", GPU, str(h.pid), "/dev/kfd")
            passes(kfd_machine(d + "/b", 0x200).bind(GPU))
            # Without a topology it can't be told.
            refused(kfd_machine(d + "/c", 0).bind(GPU), "held", GPU, str(h.pid))


def drm_machine(folder):
    """A GPU whose card has the number of /dev/zero, which can be mapped everywhere."""
    m = Machine(folder)
    at = m.function(GPU, 0x030000, "amdgpu", vendor=0x1002)
    m.node(f"{at}/drm/card2", (1, 5), "dri/card2")
    return m


def test_name_is_nothing():
    """a file that is called like a node holds nothing, opened or mapped"""
    with tempfile.TemporaryDirectory() as d:
        m = drm_machine(d)
        os.makedirs(f"{d}/dev/dri")
        with open(f"{d}/dev/dri/card2", "wb") as f:
            f.write(bytes(4096))
        with Hold("map", f"{d}/dev/dri/card2"), Hold("path", f"{d}/dev/dri/card2"):
            passes(m.bind(GPU))


def test_mapped_elsewhere():
    """a node counts under whatever name it was mapped or opened"""
    with tempfile.TemporaryDirectory() as d:
        m = drm_machine(d)
        node = make_node(d, (1, 5), "harmless")
        passes(m.bind(GPU))
        with Hold("map", node) as h:
            refused(m.bind(GPU), "held", GPU, str(h.pid), "/dev/dri/card2 (mapped)")
        with Hold("path", node) as h:
            refused(m.bind(GPU), "held", GPU, str(h.pid), "/dev/dri/card2")


# A thread that shares no descriptors with the others opens a node; then the first one may end.
THREAD = """
import ctypes, os, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
ready = threading.Event()
def hold():
    assert not libc.unshare(0x400)      # CLONE_FILES
    os.open(sys.argv[1], os.O_RDONLY)
    ready.set()
    while True:
        time.sleep(1)
threading.Thread(target=hold).start()
ready.wait()
print(flush=True)
if sys.argv[2] == "end":
    libc.syscall(60, 0)                 # exit, of this thread alone
time.sleep(1000)
"""


def test_threads():
    """a thread with descriptors of its own, and a process whose first thread has ended"""
    with tempfile.TemporaryDirectory() as d:
        m = drm_machine(d)
        node = make_node(d, (1, 5))
        for end in ("stay", "end"):
            with subprocess.Popen([sys.executable, "-c", THREAD, node, end],
                                  stdout=subprocess.PIPE) as h:
                try:
                    assert h.stdout.readline() == b"\n"
                    if end == "end":
                        wait_for(lambda pid=h.pid: not zombie_exe(pid))
                    refused(m.bind(GPU), "held", GPU, str(h.pid), "/dev/dri/card2")
                finally:
                    h.kill()


def zombie_exe(pid):
    """The program of a process, None once its first thread has ended."""
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except FileNotFoundError:
        return None


def test_in_use():
    """companions of which nothing is known are in use; --take-in-use takes the one it names"""
    psp, audio = "0000:01:00.2", "0000:01:00.6"
    with tempfile.TemporaryDirectory() as d:
        m = machine(d)
        m.function(psp, 0x108000, "ccp", vendor=0x1022)
        m.function(audio, 0x040300, "snd_hda_intel", vendor=0x1022)
        for args in ((), ("--allow-console",), ("--persist",)):
            found = refused(m.bind(GPU, *args), "companion_in_use", psp, "ccp", "108000")
            assert "another slot" not in found["remedy"], found
            assert f"--take-in-use {psp}" in found["remedy"], found
        status, findings = m.bind(GPU, "--take-in-use", psp)
        assert status == 0 and ("taken_in_use", psp) in findings, findings
        assert ("companion", audio) in findings, findings
        refused(m.bind(GPU, "--take-in-use", audio), "take_not_in_use", audio)
        refused(m.bind(GPU, "--take-in-use", OTHER), "take_not_planned", OTHER)
        refused(m.bind(GPU, "--take-in-use", "all"), "bad_address", None, "'all'")


def test_disk_without_node():
    """a disk that has no node in /dev, or another one's, counts as used"""
    nvme = "0000:01:00.2"
    with tempfile.TemporaryDirectory() as d:
        m = machine(d)
        at = m.function(nvme, 0x010802, "nvme", vendor=0x144d)
        passes(m.bind(GPU))
        m.node(f"{at}/nvme/nvme9/nvme9n1", (259, 4000), "nvme9n1", "disk")
        refused(m.bind(GPU), "companion_in_use", nvme, "nvme9n1", "no node in /dev")
        # The node has the name, but not the number.
        m.node(f"{at}/nvme/nvme9/nvme9n1", (259, 4000), "null", "disk")
        refused(m.bind(GPU), "companion_in_use", nvme, "null", "no node of it")


def test_multipath():
    """the disk of a controller with native multipath is found at its subsystem"""
    nvme = "0000:01:00.2"
    with tempfile.TemporaryDirectory() as d:
        m = machine(d)
        at = m.function(nvme, 0x010802, "nvme", vendor=0x144d)
        m.put(f"{at}/nvme/nvme3/nvme5c3n1/hidden", "1\n")
        refused(m.bind(GPU), "companion_in_use", nvme, "nvme5c3n1")
        subsystem = "devices/virtual/nvme-subsystem/nvme-subsys5"
        m.link("class/nvme-subsystem/nvme-subsys5", subsystem)
        m.link(f"{subsystem}/nvme3", f"{at}/nvme/nvme3")
        m.node(f"{subsystem}/nvme5n1", (259, 4001), "nvme5n1", "disk")
        refused(m.bind(GPU), "companion_in_use", nvme, "nvme5n1", "no node in /dev")


def test_network():
    """interfaces count wherever they stand below the function"""
    nic = "0000:01:00.1"
    with tempfile.TemporaryDirectory() as d:
        m = machine(d)
        at = m.function(nic, 0x020000, "virtio-pci", vendor=0x1af4)
        refused(m.bind(GPU), "companion_in_use", nic, "no network interface")
        m.put(f"{at}/virtio7/net/eth7/flags", "0x1002\n")
        passes(m.bind(GPU))
        m.put(f"{at}/virtio7/net/eth7/upper_br0", "")
        refused(m.bind(GPU), "companion_in_use", nic, "part of br0")
        os.unlink(f"{m.root}/{at}/virtio7/net/eth7/upper_br0")
        m.put(f"{at}/virtio7/net/eth7/flags", "0x1003\n")
        refused(m.bind(GPU), "companion_in_use", nic, "eth7 is up")


def test_mdev():
    """an active mediated device keeps the GPU itself"""
    uuid = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"
    with tempfile.TemporaryDirectory() as d:
        m = Machine(d)
        at = m.function(GPU, 0x030000, "i915", vendor=0x8086)
        m.put(f"{at}/mdev_supported_types/i915-GVTg_V5_4/name", "GVTg_V5_4\n")
        passes(m.bind(GPU))
        m.link(f"{at}/{uuid}/mdev_type", f"{at}/mdev_supported_types/i915-GVTg_V5_4")
        refused(m.bind(GPU), "in_use", GPU, uuid)


def test_serial_console():
    """a serial port that the kernel's console is on is in use"""
    port = "0000:01:00.3"
    with tempfile.TemporaryDirectory() as d:
        m = machine(d)
        at = m.function(port, 0x070002, "serial", vendor=0x8086)
        m.node(f"{at}/0000:01:00.3:0/tty/ttyS4", (4, 68), "ttyS4")
        m.put("class/tty/console/active", "tty0 ttyS0\n")
        passes(m.bind(GPU))
        m.put("class/tty/console/active", "tty0 ttyS4\n")
        refused(m.bind(GPU), "companion_in_use", port, "ttyS4")


def fw_machine(folder, driver):
    """A GPU on a driver, with the firmware's framebuffer in its memory."""
    m = Machine(folder)
    at = m.function(GPU, 0x030000, driver)
    m.put(f"{at}/resource", "0x00000000e0000000 0x00000000e1ffffff 0x0000000000042208\n")
    m.function(OTHER, 0x030000, "amdgpu", vendor=0x1002)
    with open(f"{folder}/iomem", "w", encoding="ascii") as f:
        f.write(f"e0000000-e1ffffff : {GPU}\n  e0000000-e02fffff : BOOTFB\n"
                "    e0000000-e02fffff : simpledrm\n")
    m.binds.append((f"{folder}/iomem", "/proc/iomem"))
    return m


def test_firmware():
    """a stand-in does not put the firmware's framebuffer out; detect says so, too"""
    # NVIDIA's driver without DRM does not either.
    for driver in (None, "vfio-pci", "pci-stub", "nvgrace-gpu-vfio-pci", "nvidia"):
        with tempfile.TemporaryDirectory() as d:
            m = fw_machine(d, driver)
            refused(m.bind(GPU, "--allow-console"), "firmware_framebuffer", GPU, "simpledrm")
            passes(m.bind(OTHER))
            gpus = m.run("qwamos-gpu", "detect", "--json", "--no-probe")[1]["gpus"]
            assert [g["firmware_framebuffer"] for g in gpus] == ["simpledrm", None], gpus
            reasons = [g["recommendation"]["reason"] for g in gpus]
            assert ["simpledrm holds the firmware's framebuffer" in r for r in reasons] == \
                [True, False], reasons
            listed = m.run("qwamos-vfio", "list", "--json")[1]["devices"]
            assert [g["firmware_framebuffer"] for g in listed] == ["simpledrm", None], listed


if __name__ == "__main__":
    assert ctypes.sizeof(ctypes.c_long) == 8
    main([v for k, v in list(globals().items()) if k.startswith("test_")])
