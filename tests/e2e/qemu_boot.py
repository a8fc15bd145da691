#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 900
# needs: 6.1 6.1-arm64
"""The command lines that the tests expect really start QEMU, and a guest's kernel finds the devices.

First each line of tests/data/qemu/golden for QEMU 7.2 is started, halted, and asked by QMP; then
guests are booted on both architectures with what qwamos-gpu qemu-args prints. Lines with vfio-pci
are started in the lab (tests/guest/cli_vm.sh), where there is a GPU to be given.
"""

import glob
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tools/lab"))
# pylint: disable=wrong-import-position
from labkit import slots                                       # noqa: E402
from labkit.kernel import Kernel, cpio, module_files           # noqa: E402

GPU = os.path.join(TOP, "build/bin/qwamos-gpu")
BOOT_SECONDS = 240
# Name, mode, MiB of VRAM, CPUs, MiB of memory, network.
RECOMMENDED = (("development", "virtio", 512, 2, 512, True),
               ("media", "virtio", 1024, 1, 512, True),
               ("untrusted", "software", 128, 1, 256, False))
MODULES = ["virtio_pci", "virtio-gpu", "virtio_net", "bochs"]
INIT = b"""#!/bin/sh
/bin/busybox mkdir -p /proc /sys
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
for m in /mods/*; do /bin/busybox insmod $m; done
/bin/busybox sleep 1
cd /sys/bus/pci/devices
for d in *; do
	g=none
	[ ! -e $d/iommu_group ] || g=yes
	echo "@pci $(/bin/busybox cat $d/vendor) $(/bin/busybox cat $d/device) $(/bin/busybox cat $d/class) $g"
done
for f in /sys/class/drm/card?; do [ ! -e $f ] || echo "@drm $f"; done
for f in /sys/class/drm/card?-*; do [ ! -e $f ] || echo "@output $f"; done
for f in /sys/class/drm/renderD*; do [ ! -e $f ] || echo "@render $f"; done
for f in /sys/class/net/*; do echo "@net ${f##*/}"; done
echo "@done"
/bin/busybox poweroff -f
"""


class Tap:
    """Counts."""

    def __init__(self):
        self.n = 0
        print("TAP version 13", flush=True)

    def check(self, ok, name, why=""):
        self.n += 1
        print(f"{'ok' if ok else 'not ok'} {self.n} - {name}", flush=True)
        if not ok:
            for line in str(why).splitlines():
                print(f"# {line}")
        return ok

    def end(self):
        print(f"1..{self.n}")


tap = Tap()
work = tempfile.mkdtemp(prefix="qemu_boot.")


def qcow2(path, size=1 << 20):
    """An empty image: header, reference counts, one L1 table."""
    head = b"QFI\xfb" + b"".join(n.to_bytes(w, "big") for n, w in (
        (2, 4), (0, 8), (0, 4), (16, 4), (size, 8), (0, 4), (1, 4), (0x30000, 8), (0x10000, 8),
        (1, 4), (0, 4), (0, 8)))
    image = bytearray(0x40000)
    image[:len(head)] = head
    image[0x10000:0x10008] = (0x20000).to_bytes(8, "big")
    for i in range(4):
        image[0x20000 + 2 * i:0x20002 + 2 * i] = b"\0\1"
    with open(path, "wb") as f:
        f.write(image)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def settle(words, arch):
    """The words with files and ports that are here in place of those that are not."""
    here = os.path.join(work, arch)
    out = []
    for w in words:
        if "/data/data/" in w:
            before, path = w.split("/data/data/")
            path, comma, after = path.partition(",")
            w = before + os.path.join(here, os.path.basename(path)) + comma + after
        if "hostfwd=" in w:
            head, *rules = w.split(",hostfwd=")
            for r in rules:
                proto, address, ports = r.split(":", 2)
                head += f",hostfwd={proto}:{address}:{free_port()}-{ports.split('-')[1]}"
            w = head
        out.append(w)
    return out


class Qmp:
    """One QEMU's monitor."""

    def __init__(self, sock):
        sock.settimeout(60)
        self.file = sock.makefile("rw")
        json.loads(self.file.readline())
        self.ask("qmp_capabilities")

    def ask(self, command, **arguments):
        self.file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.file.flush()
        while True:
            m = json.loads(self.file.readline())
            if "error" in m:
                raise RuntimeError(m["error"]["desc"])
            if "return" in m:
                return m["return"]


def pci_classes(buses):
    """Class codes (16 bits) of all devices, those behind bridges too."""
    out = []
    for bus in buses:
        for d in bus["devices"]:
            out.append(d["class_info"]["class"])
            if "bus" in d.get("pci_bridge", {}):
                out += pci_classes([{"devices": d["pci_bridge"].get("devices", [])}])
    return out


def start_halted(name, words):
    ours, theirs = socket.socketpair()
    words = words + ["-S", "-chardev", f"socket,id=test,fd={theirs.fileno()}",
                     "-mon", "chardev=test,mode=control"]
    with open(os.path.join(work, "log"), "w+b") as log:
        with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                              pass_fds=[theirs.fileno()]) as q:
            theirs.close()
            try:
                m = Qmp(ours)
                classes = pci_classes(m.ask("query-pci"))
                nics = m.ask("query-rx-filter")
                m.ask("quit")
                q.wait(60)
            except (OSError, ValueError, RuntimeError, subprocess.TimeoutExpired) as e:
                q.kill()
                q.wait()
                log.seek(0)
                tap.check(False, f"{name}: QEMU starts", f"{e!r}\n{log.read().decode()}")
                return
            finally:
                ours.close()
        log.seek(0)
        said = log.read().decode()
    text = " ".join(words)
    # A hub with one port is what an isolated VM has.
    said = said.replace("warning: hub 0 is not connected to host network", "")
    tap.check(q.returncode == 0 and "warning" not in said, f"{name}: QEMU starts", said)
    gpus = sum(1 for c in classes if c >> 8 == 3)
    want = sum(1 for d in ("virtio-gpu", "virtio-vga", "bochs-display") if f"-device {d}" in text)
    tap.check(gpus == want, f"{name}: {want} adapter", classes)
    want = "netdev=net0" in text
    tap.check((0x200 in classes) == want and (want or not nics),
              f"{name}: {'a' if want else 'no'} network device, by QMP", f"{classes} {nics}")


def golden():
    files = sorted(glob.glob(os.path.join(TOP, "tests/data/qemu/golden/*.7.2-*")))
    tap.check(len(files) > 20, "there are lines to be started", files)
    for f in files:
        with open(f, encoding="utf-8") as g:
            words = [w for w in g.read().splitlines() if not w.startswith("# ")]
        name = os.path.basename(f)
        if any("vfio-pci" in w for w in words):
            continue
        if any(w.startswith("tap,") for w in words) and not os.access("/dev/net/tun", os.W_OK):
            tap.n += 1
            print(f"ok {tap.n} - {name} # SKIP /dev/net/tun is not for this user")
            continue
        start_halted(name, settle(words, name.rsplit("-", 1)[1]))


def initrd(kernel, busybox):
    files = module_files(kernel, MODULES)
    entries = [(d, stat.S_IFDIR | 0o755, b"") for d in ("bin", "dev", "mods")]
    entries += [("bin/sh", stat.S_IFLNK | 0o777, b"busybox"),
                ("init", stat.S_IFREG | 0o755, INIT)]
    for name, path in [("bin/busybox", busybox)] + \
            [(f"mods/{i:02}-{os.path.basename(p)}", p) for i, p in enumerate(files)]:
        with open(path, "rb") as f:
            entries.append((name, stat.S_IFREG | 0o755, f.read()))
    path = os.path.join(work, "initrd-" + kernel.arch)
    with open(path, "wb") as f:
        f.write(cpio(entries))
    return path


def carry_out(words):
    """Runs a QEMU until its guest powers off; returns what the guest printed, whether it did power
    off, and what QEMU says of the adapter gpu0: {property: value}."""
    ours, theirs = socket.socketpair()
    words = words + ["-S", "-chardev", f"socket,id=test,fd={theirs.fileno()}",
                     "-mon", "chardev=test,mode=control"]
    adapter, status = {}, None
    with open(os.path.join(work, "log"), "w+b") as log:
        with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                              pass_fds=[theirs.fileno()]) as q:
            theirs.close()
            try:
                m = Qmp(ours)
                for p in ("type", "max_hostmem", "max_outputs"):
                    adapter[p] = m.ask("qom-get", path="/machine/peripheral/gpu0", property=p)
                adapter["MiB"] = m.ask("query-memory-size-summary")["base-memory"] >> 20
                adapter["CPUs"] = len(m.ask("query-cpus-fast"))
                m.ask("cont")
                status = q.wait(BOOT_SECONDS)
            except (OSError, ValueError, RuntimeError, subprocess.TimeoutExpired) as e:
                print(f"# {e!r}")
            finally:
                q.kill()
                ours.close()
        log.seek(0)
        return log.read().decode(errors="replace"), status == 0, adapter


def boot(name, arch, kernel, ramdisk, section):
    """Boots a config; returns what its kernel has found, as {word: [rest, ...]}, what qemu-args
    said, and what QEMU says of its adapter."""
    console = "ttyAMA0" if arch == "aarch64" else "ttyS0"
    cpu = "cortex-a57" if arch == "aarch64" else "qemu64"
    machine = f"machine: {{type: {'virt' if arch == 'aarch64' else 'q35'}, accel: tcg}}"
    text = section.replace("machine: {accel: tcg}", machine)
    if text == section:
        text = f"vm: {{name: {name}}}\n{machine}\n{section}" \
               f"hardware: {{memory: {{size: 320}}, cpu: {{model: {cpu}}}}}\n"
    config = os.path.join(work, name + ".yaml")
    with open(config, "w", encoding="ascii") as f:
        f.write(text + f"boot: {{kernel: {kernel.image}, initrd: {ramdisk}, cmdline: \"console="
                f"{console} panic=-1 no_timer_check intel_iommu=on\"}}\n")
    made = subprocess.run([GPU, "qemu-args", config, "--json"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False)
    if made.returncode:
        tap.check(False, f"{arch} {name}: qemu-args", made.stderr)
        return {}, {}, {}
    doc = json.loads(made.stdout)
    start = time.monotonic()
    out, ended, adapter = carry_out(settle(doc["args"], arch))
    found = {}
    for line in out.splitlines():
        if line.startswith("@"):
            word, _, rest = line[1:].strip().partition(" ")
            found.setdefault(word, []).append(rest)
    tap.check(ended and "done" in found, f"{arch} {name}: a guest boots and powers off",
              "\n".join(out.splitlines()[-30:]))
    print(f"# {arch} {name}: {time.monotonic() - start:.0f} s", flush=True)
    return found, doc, adapter


def virtio_gpus(found):
    return [p for p in found.get("pci", []) if p.startswith("0x1af4 0x1050 ")]


def guests(arch, kernel, ramdisk):
    found, doc, _ = boot("virtio", arch, kernel, ramdisk,
                      "gpu: {enabled: true, vram_limit_mb: 64}\n"
                      "network: {mode: nat}\nsecurity: {smmu: true}\n")
    where = f"{arch} virtio"
    tap.check(len(virtio_gpus(found)) == 1, f"{where}: its kernel sees the adapter", found)
    tap.check(len(found.get("drm", [])) == 1 and len(found.get("output", [])) == 1,
              f"{where}: and drives it, with one output", found)
    tap.check("eth0" in found.get("net", []), f"{where}: and the network device", found)
    tap.check(all(p.endswith(" yes") for p in virtio_gpus(found)) and virtio_gpus(found),
              f"{where}: behind the guest's IOMMU", found)
    tap.check(doc.get("gpu", {}).get("got") == "virtio" and not doc["gpu"]["3d"],
              f"{where}: as was told: 2D", doc)
    found, _, _ = boot("airgapped", arch, kernel, ramdisk,
                    "gpu: {enabled: true, access_mode: software, trust_level: untrusted}\n"
                    "network: {mode: airgapped, device: none}\n"
                    "qemu_extra_args: [\"-device\", \"usb-ehci,id=usb\"]\n")
    where = f"{arch} airgapped, software"
    tap.check(len(virtio_gpus(found)) == 1, f"{where}: its kernel sees the adapter", found)
    tap.check(not any(p.split()[2].startswith("0x02") for p in found.get("pci", [])) and
              found.get("net") == ["lo"], f"{where}: and no network device", found)
    tap.check(any(p.split()[2].startswith("0x0c03") for p in found.get("pci", [])),
              f"{where}: and what qemu_extra_args name", found)
    tap.check(all(p.endswith(" none") for p in found.get("pci", [])) and "pci" in found,
              f"{where}: and no IOMMU, for none was asked for", found)


def recommended(arch, kernel, ramdisk):
    """The three recommended configs, with nothing changed but what there is to be booted."""
    for name, mode, quota, cpus, memory, net in RECOMMENDED:
        with open(os.path.join(TOP, f"tests/data/qemu/configs/{name}.yaml"), encoding="ascii") as f:
            found, doc, adapter = boot(name, arch, kernel, ramdisk, f.read())
        where = f"{arch} {name}"
        gpu = doc.get("gpu", {})
        tap.check((gpu.get("asked"), gpu.get("got")) == (mode, mode), f"{where}: mode {mode}", gpu)
        tap.check(adapter.get("max_hostmem") == quota << 20, f"{where}: {quota} MiB of VRAM, by QMP",
                  adapter)
        tap.check((adapter.get("CPUs"), adapter.get("MiB")) == (cpus, memory),
                  f"{where}: its CPUs and memory, by QMP", adapter)
        tap.check(adapter.get("type") == "virtio-gpu-pci" and adapter.get("max_outputs") == 1 and
                  "rendernode" not in " ".join(doc.get("args", [])),
                  f"{where}: a 2D adapter, and no GPU of the host", f"{adapter} {doc.get('args')}")
        tap.check(len(virtio_gpus(found)) == 1 and len(found.get("drm", [])) == 1 and
                  len(found.get("output", [])) == 1, f"{where}: its kernel drives it, and no other",
                  found)
        tap.check(found.get("net") == (["eth0", "lo"] if net else ["lo"]),
                  f"{where}: {'a' if net else 'no'} network device", found)


def main():
    lock = slots.take()
    try:
        kernels = {"x86_64": Kernel("x86_64", "6.1"), "aarch64": Kernel("arm64", "6.1")}
        for arch, kernel in kernels.items():
            here = os.path.join(work, arch)
            os.mkdir(here)
            qcow2(os.path.join(here, "disk.qcow2"))
            for name in ("Image", "vmlinuz"):
                os.symlink(kernel.image, os.path.join(here, name))
            for name in ("initramfs_static.cpio.gz", "initrd.img"):
                shutil.copy(__file__, os.path.join(here, name))
        golden()
        for arch, kernel in kernels.items():
            busybox = "/bin/busybox" if arch == "x86_64" else \
                os.path.join(kernel.root, "bin/busybox")
            ramdisk = initrd(kernel, busybox)
            guests(arch, kernel, ramdisk)
            recommended(arch, kernel, ramdisk)
    finally:
        os.close(lock)
        shutil.rmtree(work, ignore_errors=True)
    tap.end()


if __name__ == "__main__":
    main()
