#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""3D in virtio mode, in a lab guest whose virtio-gpu has it: what detect says of this GPU, QEMU's
arguments with its render node, and a nested guest that draws through that QEMU."""

import json
import os
import re
import stat
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
TREE = os.environ["QWAMOS_TREE"]
sys.path.insert(0, os.path.join(TREE, "tools/lab"))
# pylint: disable=wrong-import-position
from labkit.kernel import Kernel, cpio, module_files            # noqa: E402
from vfio_cli import devices, main                              # noqa: E402

D = devices()
DRAW = os.path.join(TREE, "build/tests/nested/draw3d")
CONFIGS = os.path.join(TREE, "tests/data/qemu/configs")
# Debian 12's QEMU 7.2 has no Vulkan by virtio-gpu, Debian 13's 10.0 has.
GOLDEN = os.path.join(TREE, "tests/data/qemu/golden/development-3d.%s-x86_64")
BOOT_SECONDS = 800
# The nested guest's clock counts its instructions: by the wall's, timer interrupts take much of its
# time. It leaves out the crypto tests and the marking of its memory, half of a boot's instructions.
CLOCK = ["-icount", "shift=6"]
CMDLINE = "console=ttyS0 panic=-1 no_timer_check cryptomgr.notests rodata=off"
WORK = tempfile.mkdtemp(prefix="cli_virgl.")


def run(*args, status=0):
    p = subprocess.run(args, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                       timeout=200, check=False)
    assert p.returncode == status, p
    return p


def node(kind):
    """The GPU's card or renderD of /dev/dri."""
    nodes = [n for n in os.listdir("/sys/class/drm") if re.fullmatch(kind + r"\d+", n) and
             f"/{D['virtio']}/" in os.path.realpath("/sys/class/drm/" + n)]
    assert len(nodes) == 1, nodes
    return "/dev/dri/" + nodes[0]


RENDER = node("renderD")


def found(text):
    """The lines '@WORD TEXT' of draw3d, and of the kernel what it says of virtio-gpu's features."""
    said = dict(re.findall(r"^@(\S+) (.*?)\r?$", text, re.M))
    said["features"] = " ".join(re.findall(r"\[drm\] features: (.*?)\r?$", text, re.M))
    return said


def drawn(said):
    return said.get("driver") == "virtio_gpu" and said.get("3d") == "1" and \
        said.get("pixels", "").startswith("4096, 0 wrong")


def qemu_args(file, *options):
    """QEMU's command line for a config, and what was said about it."""
    doc = json.loads(run("qwamos-gpu", "qemu-args", file, "--json", *options).stdout)
    return doc, " ".join(str(d) for d in doc["said"])


def config(name, text):
    path = os.path.join(WORK, name + ".yaml")
    with open(path, "w", encoding="ascii") as f:
        f.write(text)
    return path


def development(memory="size: 512", cores="cores: 2"):
    """The recommended config for development, on a PC."""
    with open(os.path.join(CONFIGS, "development.yaml"), encoding="ascii") as f:
        text = f.read()
    for old, new in (("size: 512", memory), ("cores: 2", cores),
                     ("machine: {", "machine: {type: q35, ")):
        assert old in text, text
        text = text.replace(old, new)
    return text


def test_draws():
    """3D commands are carried out through the render node: this guest's GPU is a real one to it"""
    said = found(run(DRAW, RENDER).stdout)
    assert drawn(said), said


def test_detect():
    """detect: the GPU has OpenGL ES of its own by virgl, and nothing that the CPU does is its"""
    doc = json.loads(run("qwamos-gpu", "detect", "--json", "--probe-timeout", "120").stdout)
    gpus = {g["address"]: g for g in doc["gpus"]}
    assert sorted(gpus) == sorted((D["virtio"], D["bochs"])) and doc["notes"] == [], doc
    g, bochs = gpus[D["virtio"]], gpus[D["bochs"]]
    gles = {d["gpu"]: d for d in doc["gles"]["devices"]}
    assert sorted(gles, key=str) == sorted((D["virtio"], None), key=str), gles
    mine, cpu = gles[D["virtio"]], gles[None]
    assert mine["render"] == RENDER and mine["software"] is False, mine
    assert mine["driver"] == "virtio_gpu" and mine["renderer"].startswith("virgl"), mine
    assert mine["version"].startswith(f"OpenGL ES {mine['gles_version']} "), mine
    assert re.fullmatch(r"3\.\d", mine["gles_version"]), mine
    assert cpu["software"] is True and cpu["renderer"].startswith("llvmpipe"), cpu
    assert g["gles"] == mine["gles_version"] and g["drm"]["renders"] is True, g
    assert g["max_texture_2d"] == {"value": mine["max_texture_2d"], "source": "gles"}, g
    assert g["drm"]["render"] == os.path.basename(RENDER) and g["emulated"] is True, g
    # QEMU has no Vulkan for it, which lavapipe has for the CPU.
    assert g["vulkan"] is None and [d["gpu"] for d in doc["vulkan"]["devices"]] == [None], doc
    assert bochs["gles"] is None and bochs["drm"]["render"] is None, bochs
    text = run("qwamos-gpu", "detect", "--probe-timeout", "120").stdout
    assert re.search(rf"OpenGL ES.*{re.escape(mine['gles_version'])}", text), text


def test_refused():
    """--render-node takes a render node: no card, no other device"""
    file = os.path.join(CONFIGS, "development.yaml")
    for path in (node("card"), "/dev/null", "/dev/vfio/vfio", "/dev/dri"):
        p = run("qwamos-gpu", "qemu-args", file, "--render-node", path, status=1)
        assert f"--render-node {path}: no render node of a GPU" in p.stderr, p


def test_levels():
    """a level without 3D gets 2D in spite of a render node, and is told why; one with it gets 3D"""
    for level, allowed in (("untrusted", False), ("low", True), ("medium", True), ("high", True)):
        file = config(level, "vm: {name: a}\nmachine: {type: q35, accel: tcg}\n"
                      f"gpu: {{enabled: true, access_mode: virtio, trust_level: {level}}}\n")
        doc, said = qemu_args(file, "--render-node", RENDER)
        args = " ".join(doc["args"])
        assert doc["gpu"]["got"] == "virtio" and doc["gpu"]["3d"] is allowed, (level, doc)
        assert ("-device virtio-gpu-gl-pci," in args) is allowed, (level, args)
        assert (f"egl-headless,rendernode={RENDER}" in args) is allowed, (level, args)
        assert ("-display none" in args) is not allowed, (level, args)
        assert ("2D only, no 3D: the trust level does not allow it" in said) is not allowed, said
    doc, _ = qemu_args(os.path.join(CONFIGS, "untrusted.yaml"), "--render-node", RENDER,
                       "--arch", "x86_64")
    assert doc["gpu"]["got"] == "software" and "rendernode" not in " ".join(doc["args"]), doc


def test_start():
    """start takes no node from people: what it gives is a gate in the real one's place"""
    file = config("development", development())
    p = run("qwamos-vm", "start", file, "--dry-run")
    assert "2D only" not in p.stdout + p.stderr and "not enforced" not in p.stderr, p
    assert "virtio-gpu-gl-pci," in p.stdout and "rendernode=" + RENDER in p.stdout, p
    assert "a gate to the GPU " + D["virtio"] in p.stdout, p
    run("qwamos-vm", "start", file, "--render-node", RENDER, status=2)


def initrd(kernel):
    """draw3d as all of a guest's userland, with the modules that it needs."""
    entries = [(d, stat.S_IFDIR | 0o755, b"") for d in ("dev", "mods")]
    files = [("init", DRAW)] + [(f"mods/{i:02}-{os.path.basename(p)}", p) for i, p in
                                enumerate(module_files(kernel, ["virtio_pci", "virtio-gpu"]))]
    for name, path in files:
        with open(path, "rb") as f:
            entries.append((name, stat.S_IFREG | 0o755, f.read()))
    path = os.path.join(WORK, "initrd")
    with open(path, "wb") as f:
        f.write(cpio(entries))
    return path


def gate():
    """What the kernel tells of the VM's gate; None once the VM is gone."""
    p = subprocess.run(["qwamos-gpu", "vm", "show", "development", "--json"],
                       stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=200,
                       check=False)
    return json.loads(p.stdout)["gates"][0] if not p.returncode else None


def test_vm():
    """a VM of the development config has virgl by its gate, and draws, in its sandbox"""
    # Its guest's; newer ones take twice as long to boot.
    kernel = Kernel("x86_64", "6.1")
    file = config("vm", development("size: 224", "cores: 1, model: qemu64") +
                  f"boot: {{kernel: {kernel.image}, initrd: {initrd(kernel)}, "
                  f"cmdline: \"{CMDLINE}\"}}\nsecurity: {{accept_host_files: true}}\n"
                  f"qemu_extra_args: {json.dumps(CLOCK)}\n")
    doc, said = qemu_args(file, "--render-node", RENDER)
    assert doc["gpu"]["3d"] and "2D only" not in said, doc
    old = doc["qemu"]["version"].startswith("7.")
    with open(GOLDEN % ("7.2gui" if old else "10.0"), encoding="utf-8") as f:
        words = f.read().splitlines()
    # The unit tests expect these words for this config; here they are carried out.
    assert doc["args"][doc["args"].index("-display"):] == \
        words[words.index("-display"):] + ["-icount", "6"], doc
    log = os.path.join(WORK, "serial")
    begin, last, refused = time.monotonic(), None, None
    with subprocess.Popen(["qwamos-vm", "start", file, "--foreground", "--serial", log],
                          stdin=subprocess.DEVNULL, stdout=sys.stdout, stderr=sys.stdout) as vm:
        try:
            while vm.poll() is None and time.monotonic() < begin + BOOT_SECONDS:
                last = gate() or last
                p = subprocess.run(["qwamos-vm", "status", "development", "--json"], text=True,
                                   stdin=subprocess.DEVNULL, capture_output=True, check=False)
                refused = json.loads(p.stdout).get("refused_calls") or refused \
                    if not p.returncode else refused
                time.sleep(2)
        finally:
            subprocess.run(["qwamos-vm", "stop", "development", "--now"], check=False,
                           stdin=subprocess.DEVNULL, capture_output=True)
    with open(log, encoding="utf-8", errors="replace") as f:
        text = f.read()
    print(f"# the nested guest took {time.monotonic() - begin:.0f} s; {last}; {refused}", flush=True)
    end = "\n".join(text.splitlines()[-40:])
    said = found(text)
    assert "+virgl" in said["features"].split(), end
    assert drawn(said) and said.get("done") == "0", end
    assert last and last["submissions"] > 0 and last["objects"] > 1, last
    assert last["denied"] == 0, last


main([f for name, f in list(globals().items()) if name.startswith("test_")])
