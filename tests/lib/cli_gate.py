#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Gates with unmodified Mesa, in a guest whose virtio-gpu has 3D: what is drawn through one, and what
gets through none."""

import json
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
# pylint: disable=wrong-import-position
from vfio_cli import devices, main                              # noqa: E402

TREE = os.environ["QWAMOS_TREE"]
SCENES = os.path.join(TREE, "build/tests/gl/scenes")
GPU = devices()["virtio"]


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
    """at level low it draws, held to 1000 submissions a second; at high it is not held"""
    low = float(gated(SCENES, "frames", "200").stdout.split()[0])
    high = float(gated(SCENES, "frames", "200", level="high").stdout.split()[0])
    print(f"# {low} frames a second at level low, {high} at high")
    assert low > 15 and high > 15, (low, high)


main([f for name, f in list(globals().items()) if name.startswith("test_")])
