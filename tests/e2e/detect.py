#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""qwamos-gpu detect on machines that were written down (tests/data/machines): each document to the
letter, what it says to people, and what tools/capture makes of such a machine.

--update writes the expected documents anew; look at the difference before you keep it.
"""

import glob
import json
import os
import subprocess
import sys
import tempfile
import traceback

sys.dont_write_bytecode = True
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MACHINES = os.path.join(TOP, "tests/data/machines")
CAPTURE = os.path.join(TOP, "tools/capture")
GPU = os.path.join(TOP, os.environ.get("QWAMOS_BUILD", "build"), "bin/qwamos-gpu")
NAMES = sorted(os.path.basename(f)[:-5] for f in glob.glob(MACHINES + "/*.tree"))
TEXTS = ("adreno-kgsl", "nvidia-usbc", "none")


def run(*args, status=0):
    p = subprocess.run(args, capture_output=True, text=True, timeout=60, check=False)
    assert p.returncode == status, (args, p.returncode, p.stdout, p.stderr)
    return p


class Machines:
    """Trees, made once."""

    def __init__(self, folder):
        self.folder = folder
        for name in NAMES:
            run(CAPTURE, "--unpack", f"{MACHINES}/{name}.tree", self.root(name))

    def root(self, name):
        return os.path.join(self.folder, name)

    def detect(self, name, *args):
        return json.loads(run(GPU, "detect", "--json", "--root", self.root(name), *args).stdout)

    def text(self, name):
        return run(GPU, "detect", "--root", self.root(name)).stdout


def same(path, got):
    with open(path, encoding="utf-8") as f:
        want = f.read()
    if want != got:
        diff = subprocess.run(["diff", "-u", path, "-"], input=got, capture_output=True, text=True,
                              check=False).stdout
        raise AssertionError("\n" + diff)


def golden(m, name):
    doc = m.detect(name)
    same(f"{MACHINES}/{name}.json", json.dumps(doc, indent=1) + "\n")
    if name in TEXTS:
        same(f"{MACHINES}/{name}.txt", m.text(name))


def gpus(m, name):
    return {g["name"]: g for g in m.detect(name)["gpus"]}


def test_keys(m):
    """[get_capabilities_summary, the summary] every GPU has the same keys, of which any may be null"""
    keys = {tuple(sorted(set(g) - {"address"})) for n in NAMES for g in gpus(m, n).values()}
    assert len(keys) == 1, keys
    assert {"vendor", "device_name", "vulkan", "recommendation"} <= set(*keys), keys
    docs = {tuple(m.detect(n)) for n in NAMES}
    assert len(docs) == 1, docs


def test_unknown(m):
    """what nobody tells is null: no figure without a source"""
    for n in NAMES:
        for g in gpus(m, n).values():
            for key in ("vram_bytes", "compute_units", "max_texture_2d"):
                assert g[key] is None or (g[key]["value"] > 0 and g[key]["source"]), (n, g)
        assert all(g["vram_bytes"] is None and g["max_texture_2d"] is None
                   for g in m.detect(n, "--no-probe")["gpus"] if g["driver"] != "amdgpu"), n
    assert m.detect("none", "--no-probe")["vulkan"] is None


def test_vendors(m):
    """[GPUManager, a vendor or unknown] Adreno, Mali, NVIDIA, Intel, AMD, by their drivers; an SMMU is no GPU"""
    got = {(n, g["vendor"], g["driver"]) for n in NAMES for g in gpus(m, n).values()}
    for want in (("adreno-kgsl", "adreno", "kgsl-3d"), ("adreno-msm", "adreno", "adreno"),
                 ("mali-panfrost", "mali", "panfrost"), ("mali-panthor", "mali", "panthor"),
                 ("mali-kbase", "mali", "mali"), ("nvidia-usbc", "nvidia", "nvidia"),
                 ("intel-arc", "intel", "i915"), ("amd-apu-dgpu", "amd", "amdgpu")):
        assert want in got, (want, got)
    assert len(gpus(m, "adreno-kgsl")) == len(gpus(m, "adreno-msm")) == 1


def test_no_vendor(m):
    """[a vendor or unknown] a GPU of a vendor that nobody knows is told, without a vendor"""
    root = m.root("no-vendor")
    run(CAPTURE, "--unpack", f"{MACHINES}/intel-arc.tree", root)
    for folder, _, files in os.walk(f"{root}/sys/devices"):
        if "vendor" in files:
            with open(f"{folder}/vendor", "w", encoding="ascii") as f:
                f.write("0x0bad\n")
    found = m.detect("no-vendor")["gpus"]
    assert [(g["vendor"], g["vendor_name"], g["vendor_id"]) for g in found] == \
        [(None, None, "0bad")] * 2, found
    assert "unknown" in m.text("no-vendor").lower(), m.text("no-vendor")


def test_vendor_missing(m):
    """a GPU without a file that tells its vendor has none, not the vendor 0000"""
    root = m.root("vendor-missing")
    run(CAPTURE, "--unpack", f"{MACHINES}/intel-arc.tree", root)
    for folder, _, files in os.walk(f"{root}/sys/devices"):
        if "vendor" in files:
            os.unlink(f"{folder}/vendor")
    found = m.detect("vendor-missing")["gpus"]
    assert [(g["vendor"], g["vendor_name"], g["vendor_id"]) for g in found] == \
        [(None, None, None)] * 2, found


def test_companions(m):
    """companions are the other functions of the slot, but not those of a virtual function"""
    g = gpus(m, "nvidia-usbc")["0000:01:00.0"]
    assert [c["address"][-1] for c in g["companions"]] == ["1", "2", "3"], g
    assert [c["driver"] for c in g["companions"]] == ["snd_hda_intel", "xhci_hcd", "nvidia-gpu"], g
    v = gpus(m, "sriov-vfs")
    assert len(v) == 4 and all(not g["companions"] for g in v.values()), v
    assert v["0000:4d:00.0"]["sriov"]["vfs"] == [f"0000:4d:00.{i}" for i in (1, 2, 3)]
    assert v["0000:4d:00.2"]["sriov"] == {"physical_function": "0000:4d:00.0"}


def test_advice(m):
    """a mode and its reason for each GPU; never a passthrough that can't be"""
    assert len(gpus(m, "server-8-gpus")) == 9
    for n in NAMES:
        doc = m.detect(n)
        assert doc["recommendation"]["reason"], doc["recommendation"]
        for g in doc["gpus"]:
            r = g["recommendation"]
            assert r["mode"] in ("passthrough", "virtio", "software") and r["reason"], g
            if r["mode"] == "passthrough":
                assert doc["iommu"]["active"] and g["bus"] == "pci" and g["reset_methods"] and \
                    not g["boot_vga"] and g["iommu_group"] is not None, g
    assert "0000:cb:00.0" in gpus(m, "server-8-gpus")["0000:ca:00.0"]["recommendation"]["reason"]
    assert "intel_iommu=off" in m.detect("intel-arc")["iommu"]["why_not"]


def test_bad_root(m):
    """--root of what is no captured tree: an error that names it"""
    for path, words in ((m.folder + "/missing", "No such file"), (GPU, "Not a directory"),
                        (MACHINES, "no captured tree")):
        p = run(GPU, "detect", "--root", path, status=1)
        assert path in p.stderr and words in p.stderr and not p.stdout, p


def test_damaged(m):
    """damaged files cost what they would have told, and no more"""
    root = m.root("damaged")
    run(CAPTURE, "--unpack", f"{MACHINES}/nvidia-usbc.tree", root)
    gpu = root + "/sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0"
    for path, data in ((gpu + "/vendor", b""), (gpu + "/reset_method", b"x" * 5000),
                       (root + "/probe/vulkan", b"{\"device\":{\"queue_families\":[7]}}\n{\"device\":7}\n"),
                       (root + "/probe/egl", b"\xff\0\n"),
                       (root + "/proc/driver/nvidia/gpus/0000:01:00.0/information", b"Model:"),
                       (root + "/sys/class/drm/card0/dev", b"\x1b[31m\n")):
        with open(path, "wb") as f:
            f.write(data)
    os.unlink(gpu + "/driver")
    os.symlink("nowhere/at/all/" + "x" * 200, gpu + "/driver")
    doc = json.loads(run(GPU, "detect", "--json", "--root", root).stdout)
    assert doc["gpus"][0]["driver"] is None and doc["gpus"][0]["companions"], doc["gpus"]
    assert doc["gles"]["state"] == "not_loadable" and len(doc["notes"]) == 2, doc["notes"]
    assert "\x1b" not in run(GPU, "detect", "--root", root).stdout


def test_capture(m):
    """a manifest that is captured from a tree makes the same machine again"""
    for name in NAMES:
        text = run(CAPTURE, "--root", m.root(name)).stdout
        path, root = f"{m.folder}/{name}.captured", m.root(name + ".again")
        with open(path, "w", encoding="ascii") as f:
            f.write(text)
        run(CAPTURE, "--unpack", path, root)
        again = json.loads(run(GPU, "detect", "--json", "--no-probe", "--root", root).stdout)
        assert again == m.detect(name, "--no-probe"), name


def test_here(m):
    """this machine, captured with what its drivers say, is detected as it is live"""
    helpers = os.path.join(os.path.dirname(os.path.dirname(GPU)), "libexec/qwamos-gpu")
    path, root = m.folder + "/here.tree", m.root("here")
    with open(path, "w", encoding="ascii") as f:
        f.write(run(CAPTURE, "--helpers", helpers).stdout)
    run(CAPTURE, "--unpack", path, root)
    live = json.loads(run(GPU, "detect", "--json", "--probe-timeout", "60").stdout)
    for g in live["gpus"]:
        g["console"] = None     # of a captured machine nobody can ask that
    assert json.loads(run(GPU, "detect", "--json", "--root", root).stdout) == live


def test_private(m):
    """serial numbers, UUIDs and MAC addresses do not get into a manifest"""
    root = m.root("private")
    run(CAPTURE, "--unpack", f"{MACHINES}/nvidia-usbc.tree", root)
    uuid, mac, serial = "6f1c3b52-9a44-4a5c-8f0e-0c1d2e3f4a5b", "52:54:00:12:34:56", "SN0815"
    gpu = root + "/sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0"
    for path, data in ((root + "/sys/class/dmi/id/product_name", f"Box {uuid}\n"),
                       (root + "/sys/class/dmi/id/product_serial", serial + "\n"),
                       (root + "/sys/class/dmi/id/product_uuid", uuid + "\n"),
                       (root + "/proc/cmdline", f"root=UUID={uuid} ip={mac} iommu=pt\n"),
                       (root + "/proc/driver/nvidia/gpus/0000:01:00.0/information",
                        f"Model: \t\t GPU {mac}\nGPU UUID: \t GPU-{uuid}\n"),
                       (gpu + "/serial_number", serial + "\n"),
                       (gpu + "/unique_id", "1234567890abcdef\n")):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="ascii") as f:
            f.write(data)
    text = run(CAPTURE, "--root", root).stdout
    for secret in (uuid, mac, serial, "1234567890abcdef"):
        assert secret not in text, text
    assert "proc/cmdline = iommu=pt" in text and "Model:" in text, text


def test_unpack(m):
    """a manifest that would leave its tree, or is none, is refused by its line, and nothing is made"""
    bad = ("../x = y", "/etc/x = y", "a -> /etc/passwd", "a/b -> ../../c", "x", "x = \\q",
           "a/../../b = c")
    for number, line in enumerate(bad):
        path, root = f"{m.folder}/bad{number}", f"{m.folder}/bad{number}.d"
        with open(path, "w", encoding="ascii") as f:
            f.write("good = 1\n" + line + "\n")
        p = run(CAPTURE, "--unpack", path, root, status=1)
        assert f"{path}:2:" in p.stderr and not os.path.exists(root), (line, p)


def update(m):
    for name in NAMES:
        with open(f"{MACHINES}/{name}.json", "w", encoding="utf-8") as f:
            f.write(json.dumps(m.detect(name), indent=1) + "\n")
        if name in TEXTS:
            with open(f"{MACHINES}/{name}.txt", "w", encoding="utf-8") as f:
                f.write(m.text(name))


def main():
    with tempfile.TemporaryDirectory() as folder:
        m = Machines(folder)
        if sys.argv[1:] == ["--update"]:
            update(m)
            return 0
        tests = [(f"the document of {n}", lambda m, n=n: golden(m, n)) for n in NAMES]
        tests += [(f.__doc__, f) for name, f in globals().items() if name.startswith("test_")]
        print(f"1..{len(tests)}", flush=True)
        bad = 0
        for number, (title, f) in enumerate(tests, 1):
            try:
                f(m)
                print(f"ok {number} - {title}", flush=True)
            except Exception:   # pylint: disable=broad-except
                bad = 1
                print(f"not ok {number} - {title}")
                print("\n".join("# " + l for l in traceback.format_exc().split("\n")), flush=True)
        return bad


if __name__ == "__main__":
    sys.exit(main())
