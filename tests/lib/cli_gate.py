#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Gates with unmodified Mesa, in a guest whose virtio-gpu has 3D: what is drawn through one, and what
gets through none."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
# pylint: disable=wrong-import-position
from vfio_cli import devices, main                              # noqa: E402

TREE = os.environ["QWAMOS_TREE"]
SCENES = os.path.join(TREE, "build/tests/gl/scenes")
GPU = devices()["virtio"]
NODE, = ["/dev/dri/" + n for n in os.listdir("/sys/class/drm") if n.startswith("renderD") and
         f"/{GPU}/" in os.path.realpath("/sys/class/drm/" + n)]
WORK = tempfile.mkdtemp(prefix="cli_gate.")
os.environ["QWAMOS_LOG_DIR"] = WORK


def run(*args, status=0):
    p = subprocess.run(args, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                       timeout=200, check=False)
    assert status is None or p.returncode == status, p
    return p


def gated(*command, level="low", options=(), status=0):
    """A command as the process of a VM that has a gate to the GPU."""
    return run("qwamos-gpu", "vm", "run", "artist", "--level", level, "--gate", GPU, "--user",
               "nobody", *options, "--", *command, status=status)


def test_same_pixels():
    """23 scenes look the same through a gate at level low, drawn by Mesa as it is"""
    raw = run(SCENES)
    assert "renderer: virgl" in raw.stderr, raw
    through = gated(SCENES)
    assert "renderer: virgl" in through.stderr, through
    assert len(raw.stdout.splitlines()) == 23, raw
    assert through.stdout == raw.stdout, (raw.stdout, through.stdout)


def test_out_of_memory():
    """at its VRAM's end a program gets GL_OUT_OF_MEMORY, gives some back, and draws on"""
    p = gated(SCENES, "hog", options=("--vram", "64"))
    textures, picture = p.stdout.splitlines()
    n = int(textures.split()[0])
    print(f"# {textures}")
    assert textures.endswith("error 0x505") and 16 < n <= 64, p
    assert picture == run(SCENES, "gradient").stdout.strip(), p


def test_sees_no_other():
    """what is in /dev/dri is the gate alone, under the real node's name; the real one can't be made"""
    p = gated("sh", "-c", "cd /dev/dri; stat -c '%n %t' *; cat /proc/self/status | grep CapEff; "
                          "mknod /tmp/renderD128 c 226 128; true")
    lines = p.stdout.splitlines()
    assert len(lines) == 2 and re.fullmatch(r"renderD\d+ [0-9a-f]+", lines[0]), p
    assert lines[0].split()[1] != "e2", p
    assert lines[1].split()[1].strip("0") == "", p


def test_shows():
    """vm show tells of the gate, who enforces what, and what the driver's calls are that it lacks"""
    p = gated("sh", "-c", f"{SCENES} clear >/dev/null 2>&1; exec qwamos-gpu vm show --json")
    doc = json.loads(p.stdout)
    g, = doc["gates"]
    assert g["driver"] == "virtio_gpu" and g["unknown_calls"] == [], g
    assert g["submissions"] > 0 and g["compute_separable"] is False, g
    for key in ("vram", "vulkan_queues", "rate"):
        assert doc[key]["enforced_by"] == "gate", (key, doc)
    assert doc["compute"]["enforced_by"] == "none", doc
    assert doc["rate"]["submissions_per_second"] == 1000, doc


def test_refused():
    """no gate for a level without 3D, none to a GPU without a render node: nothing is left"""
    p = gated("true", level="untrusted", status=125)
    assert "LEVEL" in p.stderr, p
    bochs = devices()["bochs"]
    p = run("qwamos-gpu", "vm", "run", "artist", "--level", "low", "--gate", bochs, "--user",
            "nobody", "--", "true", status=125)
    assert "has no render node" in p.stderr, p
    p = run("qwamos-gpu", "vm", "run", "artist", "--level", "low", "--gate", "nowhere", "--user",
            "nobody", "--", "true", status=125)
    assert "an address such as" in p.stderr, p
    assert json.loads(run("qwamos-gpu", "vm", "list", "--json").stdout) == []


def test_killed():
    """killed in the middle of drawing, it leaves nothing behind"""
    p = gated("timeout", "-s", "KILL", "4", SCENES, "frames", "100000", status=None)
    assert p.returncode == 137, p
    assert json.loads(run("qwamos-gpu", "vm", "list", "--json").stdout) == []


def test_drawn_slower():
    """at level low it draws, held to 1000 submissions a second, of which it has 500 at once"""
    high = float(gated(SCENES, "frames", "200", level="high").stdout.split()[0])
    # A frame is a submission: of n the last comes (n - 500) ms after the first, or later.
    n = 3000 if high > 500 else 700
    low = float(gated(SCENES, "frames", str(n)).stdout.split()[0])
    print(f"# {low} frames a second at level low, {high} at high")
    assert high > 15 and 15 < low < 1000 * n / (n - 500) + 50, (low, high)


CONFIG = """
vm: {name: painter}
hardware: {cpu: {cores: 1}, memory: {size: 64}}
network: {mode: airgapped}
machine: {type: q35, accel: tcg}
gpu: {enabled: true, access_mode: virtio, trust_level: %s}
"""


def config(level):
    path = os.path.join(WORK, level + ".yaml")
    with open(path, "w", encoding="ascii") as f:
        f.write(CONFIG % level)
    return path


def test_start():
    """qwamos-vm start gives QEMU a gate in the real node's place, and info says what holds it"""
    file = config("low")
    p = run("qwamos-vm", "start", file, "--dry-run", "--json")
    doc = json.loads(p.stdout)
    assert doc["sandbox"]["gate"] == GPU and "2D only" not in p.stderr, p
    p = run("qwamos-vm", "info", file, "--json")
    assert json.loads(p.stdout)["gpu"]["vram"]["enforced_by"] == "gate", p
    p = run("qwamos-vm", "start", file)
    print("# " + p.stderr.replace("\n", "\n# "))
    assert "has a gate to " + GPU in p.stderr and "not enforced" not in p.stderr, p
    try:
        pid = json.loads(run("qwamos-gpu", "vm", "show", "painter", "--json").stdout)["pid"]
        nodes = os.listdir(f"/proc/{pid}/root/dev/dri")
        assert nodes == [os.path.basename(NODE)], nodes
        st = os.stat(f"/proc/{pid}/root/dev/dri/{nodes[0]}")
        assert os.major(st.st_rdev) != 226 and os.minor(st.st_rdev) == os.minor(
            os.stat(NODE).st_rdev), st
        doc = json.loads(run("qwamos-vm", "info", "painter", "--json").stdout)["gpu"]
        assert doc["mode"]["got"] == "virtio" and doc["adapter"] == "virtio-gpu-gl-pci", doc
        assert doc["vram"]["enforced_by"] == "gate" and doc["vram"]["used_bytes"] > 0, doc
        assert doc["device"]["address"] == GPU and doc["opengl"]["state"] == "version", doc
        p = run("qwamos-vm", "status", "painter", "--json")
        print("# status: " + p.stdout.replace("\n", " "))
        g, = json.loads(run("qwamos-gpu", "vm", "show", "painter", "--json").stdout)["gates"]
        print(f"# {g}")
        assert g["driver"] == "virtio_gpu", g
    finally:
        with open(os.path.join(WORK, "painter.log"), encoding="utf-8") as f:
            print("# log: " + f.read().replace("\n", "\n# "))
        run("qwamos-vm", "stop", "painter", "--now")
    assert json.loads(run("qwamos-gpu", "vm", "list", "--json").stdout) == []


def test_start_without():
    """a VM whose level has no 3D, or that can't have a gate, starts in 2D, and is told why"""
    p = run("qwamos-vm", "start", config("untrusted"))
    assert "2D only, no 3D: the trust level does not allow it" in p.stderr, p
    run("qwamos-vm", "stop", "painter", "--now")
    # Another device has the node's name: no gate to that one, and no reason of the kernel's.
    run("mount", "--bind", "/dev/null", NODE)
    try:
        p = run("qwamos-vm", "start", config("low"))
        assert "2D only, no 3D: " + NODE + " is no longer the render node of " + GPU in p.stderr, p
        run("qwamos-vm", "stop", "painter", "--now")
    finally:
        run("umount", NODE)
    first = subprocess.Popen(
        ["qwamos-gpu", "vm", "run", "alone", "--level", "low", "--exclusive", "--gate", GPU,
         "--user", "nobody", "--", "sleep", "60"], stdin=subprocess.DEVNULL)
    try:
        for _ in range(100):
            if json.loads(run("qwamos-gpu", "vm", "list", "--json").stdout):
                break
            time.sleep(0.1)
        time.sleep(1)
        p = run("qwamos-vm", "start", config("low"))
        print("# " + p.stderr.replace("\n", "\n# "))
        assert re.search(r"2D only, no 3D: VM painter can't have a gate to \S+: SHARING: ", p.stderr), p
        doc = json.loads(run("qwamos-vm", "info", "painter", "--json").stdout)["gpu"]
        assert doc["device_why"].startswith("2D only, no 3D: "), doc
        assert doc["vram"]["enforced_by"] == "none", doc
        run("qwamos-vm", "stop", "painter", "--now")
    finally:
        first.terminate()
        first.wait()


main([f for name, f in list(globals().items()) if name.startswith("test_")])
