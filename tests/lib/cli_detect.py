#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""qwamos-gpu detect and topology in a guest with several GPUs: what they say of them is so."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
# pylint: disable=wrong-import-position
from vfio_cli import PCI, device, devices, driver, main, wait_for   # noqa: E402

D = devices()
GPUS = ("boot", "noreset", "bochs", "vga-a", "vga-b", "virtio", "pair-vga", "mf-bochs")
PATIENCE = ("--probe-timeout", "120")


def run(*args, program="qwamos-gpu", **kw):
    p = subprocess.run([program, *args], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                       timeout=300, check=False, **kw)
    assert p.returncode == 0, p
    return p.stdout


def detect(*args, **kw):
    return json.loads(run("detect", "--json", *args, **kw))


def gpus(doc):
    return {g["name"]: g for g in doc["gpus"]}


def test_gpus():
    """every GPU is there, and nothing else, as sysfs has it"""
    doc = detect("--no-probe")
    found = gpus(doc)
    assert sorted(found) == sorted(D[n] for n in GPUS), sorted(found)
    assert D["edu"] not in found and doc["notes"] == [], doc
    for a, g in found.items():
        group = os.path.basename(os.readlink(f"{PCI}/{a}/iommu_group"))
        with open(f"/sys/kernel/iommu_groups/{group}/type", encoding="ascii") as f:
            assert g["iommu_domain"] == f.read().strip(), g
        assert g["driver"] == driver(a) and g["iommu_group"] == int(group), g
        assert {m["address"] for m in g["group_members"]} == \
            set(os.listdir(f"{PCI}/{a}/iommu_group/devices")) - {a}, g
        assert g["boot_vga"] == (a == D["boot"]) and g["emulated"] is True, g
        assert g["vendor"] == ("virtio" if a == D["virtio"] else "qemu"), g
        assert g["vram_bytes"] is None and g["compute_units"] is None, g
        resets = []
        if os.path.exists(f"{PCI}/{a}/reset_method"):
            with open(f"{PCI}/{a}/reset_method", encoding="ascii") as f:
                resets = f.read().split()
        assert g["reset_methods"] == resets, g
    assert [c["address"] for c in found[D["mf-bochs"]]["companions"]] == [D["mf-audio"]]
    assert [m["address"] for m in found[D["pair-vga"]]["group_members"]
            if m["kind"] == "companion"] == [D["pair-edu"]]


def test_nodes():
    """nodes are those of /dev/dri; of all these GPUs only virtio-gpu has a render node"""
    for a, g in gpus(detect("--no-probe")).items():
        nodes = {n for n in (g["drm"]["card"], g["drm"]["render"]) if n}
        assert all(os.path.exists(f"/dev/dri/{n}") for n in nodes), g
        assert (g["drm"]["render"] is not None) == (a == D["virtio"]), g
    text = {g["drm"]["card"] for g in detect("--no-probe")["gpus"]}
    assert len(text) == len(GPUS), text


def test_advice():
    """passthrough for those that are isolated and can be reset, and for no other"""
    doc = detect("--no-probe")
    modes = {a: g["recommendation"] for a, g in gpus(doc).items()}
    assert doc["iommu"]["active"] and doc["iommu"]["units"][0]["kind"] == "Intel VT-d", doc["iommu"]
    for name in ("bochs", "vga-a", "vga-b", "virtio", "pair-vga", "mf-bochs"):
        assert modes[D[name]]["mode"] == "passthrough", (name, modes)
    assert modes[D["boot"]]["mode"] == modes[D["noreset"]]["mode"] == "software", modes
    assert "console" in modes[D["boot"]]["reason"] or "boot VGA" in modes[D["boot"]]["reason"], modes
    assert "no reset" in modes[D["noreset"]]["reason"], modes
    assert D["pair-edu"] in modes[D["pair-vga"]]["reason"], modes


def test_probes():
    """Vulkan by lavapipe, OpenGL ES by llvmpipe; the CPU's drawing is not credited to a GPU"""
    doc = detect(*PATIENCE)
    assert doc["notes"] == [], doc["notes"]
    assert doc["vulkan"]["state"] == doc["gles"]["state"] == "version", doc
    lavapipe = [d for d in doc["vulkan"]["devices"] if d["driver_name"] == "llvmpipe"]
    assert len(lavapipe) == 1 and lavapipe[0]["type"] == "cpu" and lavapipe[0]["gpu"] is None, doc
    assert lavapipe[0]["queue_families"][0]["compute"] is True, lavapipe
    assert any(d["software"] and "llvmpipe" in d["renderer"] for d in doc["gles"]["devices"]), doc
    g = gpus(doc)[D["virtio"]]
    assert g["gles"] is None and g["vulkan"] is None and g["max_texture_2d"] is None, g
    assert g["drm"]["renders"] is False, g
    assert re.search(r"Vulkan: \d+\.\d+\.\d+\n  llvmpipe", run("detect", *PATIENCE))


def test_nobody():
    """without root, the same is told of each GPU, but for names of nodes it may not open"""
    here = os.path.realpath(shutil.which("qwamos-gpu"))
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        shutil.copytree(os.path.dirname(here), folder + "/bin")
        shutil.copytree(os.path.join(os.path.dirname(here), "../libexec"), folder + "/libexec")
        doc = detect("--no-probe", program=folder + "/bin/qwamos-gpu", user=65534, group=65534,
                     extra_groups=[], cwd="/")
    mine = detect("--no-probe")
    for d in (doc, mine):
        for g in d["gpus"]:
            g["console"] = None         # asked of /dev/fb0
            g["recommendation"] = None  # which rests on that
        d["recommendation"] = None
    assert doc == mine


def topology():
    return json.loads(run("topology", "--json"))


def members(doc):
    return {d["name"]: (g, d) for g in doc["groups"] for d in g["devices"]}


def test_topology():
    """groups, bridges in them, companions and reset sets"""
    doc = topology()
    found = members(doc)
    assert doc["module"]["answers"] is True and doc["vms"] == [], doc
    for name in GPUS + ("pair-edu", "mf-audio"):
        g, d = found[D[name]]
        group = os.path.basename(os.readlink(f"{PCI}/{D[name]}/iommu_group"))
        assert g["group"] == int(group) and d["driver"] == driver(D[name]), (name, g)
        assert {x["name"] for x in g["devices"]} == \
            set(os.listdir(f"{PCI}/{D[name]}/iommu_group/devices")), (name, g)
    assert found[D["pair-vga"]][1]["reset_with"] == [D["pair-edu"]], found[D["pair-vga"]]
    assert found[D["mf-audio"]][1]["reset_with"] == [D["mf-bochs"]], found[D["mf-audio"]]
    assert found[D["br-pair"]][1]["kind"] == "bridge", found[D["br-pair"]]
    text = run("topology", env=dict(os.environ, LC_ALL="C.UTF-8"))
    assert all(D[n] in text for n in GPUS) and "\u2514\u2500" in text, text
    assert run("topology", env=dict(os.environ, LC_ALL="C")).isascii()


def test_owner():
    """a VM that has a GPU stands beside it, and is gone when it has ended"""
    with subprocess.Popen(["qwamos-gpu", "vm", "run", "work", "--as-root", "--level", "system",
                           "--device", D["vga-a"], "--", "sleep", "600"], stdin=subprocess.DEVNULL) as vm:
        try:
            wait_for(lambda: vm.poll() is not None or topology()["vms"], 60)
            doc = topology()
            assert [(v["name"], v["devices"]) for v in doc["vms"]] == [("work", [D["vga-a"]])], doc
            d = members(doc)[D["vga-a"]][1]
            assert d["owner_vm"]["name"] == "work" and d["driver"] == "qwamos_vfio_pci", d
            assert "VM work" in run("topology"), run("topology")
            assert f'"VM work" -- "{D["vga-a"]}"' in run("topology", "--dot")
            g = gpus(detect("--no-probe"))[D["vga-a"]]
            assert g["driver"] == "qwamos_vfio_pci" and g["drm"] is None, g
        finally:
            vm.terminate()
            vm.wait(60)
    wait_for(lambda: driver(D["vga-a"]) == "bochs-drm" and not topology()["vms"], 60)


def test_dot():
    """Graphviz draws the graph: a node for each device, an edge for each reset set"""
    dot = run("topology", "--dot")
    p = subprocess.run(["dot", "-Tplain"], input=dot, capture_output=True, text=True, timeout=120,
                       check=False)
    assert p.returncode == 0 and p.stderr == "", p
    nodes = set(re.findall(r'^node "([^"]+)"', p.stdout, re.M))
    assert nodes == set(members(topology())), nodes
    edges = {frozenset(e) for e in re.findall(r'^edge "([^"]+)" "([^"]+)"', p.stdout, re.M)}
    assert edges == {frozenset((D["pair-vga"], D["pair-edu"])),
                     frozenset((D["mf-bochs"], D["mf-audio"]))}, edges
    p = subprocess.run(["qwamos-gpu", "topology", "--dot", "--json"], capture_output=True, text=True,
                       check=False)
    assert p.returncode == 2 and "not both" in p.stderr, p


def test_agrees():
    """detect, topology and qwamos-vfio list agree"""
    listed = json.loads(run("list", "--json", program="qwamos-vfio"))
    for a, g in gpus(detect("--no-probe")).items():
        d = device(listed, a)
        for key in ("driver", "iommu_group", "boot_vga", "console"):
            assert d[key] == g[key] == (g[key] if key == "iommu_group" else
                                        members(topology())[a][1][key]), (key, d, g)


main([f for name, f in list(globals().items()) if name.startswith("test_")])
