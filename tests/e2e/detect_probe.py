#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""qwamos-gpu detect with drivers: Mesa's on the CPU, and some that crash, hang, print without end or
spoil what they can (tests/data/icd/bad.c). The report is complete in each case.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import traceback

sys.dont_write_bytecode = True
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(TOP, os.environ.get("QWAMOS_BUILD", "build"))
GPU = os.path.join(BUILD, "bin/qwamos-gpu")
LIBEXEC = os.path.join(BUILD, "libexec/qwamos-gpu")
LAVAPIPE = "/usr/share/vulkan/icd.d/lvp_icd.x86_64.json"
# What the driver does, and what is told of it.
BAD = {"CRASH": "crashed (SIGABRT)", "HANG": "did not come back within 10 s",
       "PRINT": "printed without end", "EXIT": "ended its process (status 0)",
       "SPOIL": ("spoilt the probe's report", "printed without end"), "HOARD": "crashed (SIGSEGV)"}


def detect(*args, env=None, gpu=GPU, seconds=60):
    """The document, and how long it took."""
    start = time.monotonic()
    p = subprocess.run([gpu, "detect", "--json", *args], capture_output=True, text=True, check=False,
                       timeout=120, env=dict(os.environ, **(env or {})))
    took = time.monotonic() - start
    assert p.returncode == 0 and took < seconds, (p.returncode, took, p.stderr)
    assert p.stderr == "", p.stderr
    return json.loads(p.stdout)


class Drivers:
    """Bad drivers, built once, each with the manifests that loaders look for."""

    def __init__(self, folder):
        self.folder = folder
        for name in list(BAD) + ["BRANCH"]:
            subprocess.run(["gcc", "-shared", "-fPIC", "-O1", f"-DBAD={name}", "-o",
                            f"{folder}/{name}.so", os.path.join(TOP, "tests/data/icd/bad.c")],
                           check=True)
            for kind, version in (("vulkan", "1.0.0"), ("egl", "1.0.0")):
                icd = {"library_path": f"{folder}/{name}.so"}
                if kind == "vulkan":
                    icd["api_version"] = "1.3.0"
                with open(self.manifest(name, kind), "w", encoding="ascii") as f:
                    json.dump({"file_format_version": version, "ICD": icd}, f)

    def manifest(self, name, kind="vulkan"):
        return f"{self.folder}/{name}.{kind}.json"


def complete(doc):
    """All that does not depend on the driver is there."""
    for key in ("host", "iommu", "vfio", "gpus", "vulkan", "gles", "recommendation"):
        assert key in doc, doc
    assert doc["recommendation"]["mode"] and doc["vulkan"]["state"] and doc["gles"]["state"], doc


def patience(name):
    """Seconds: time enough for Mesa on a busy machine, which a driver that hangs is then given, too."""
    return "10" if name == "HANG" else "60"


def bad_vulkan(d, name):
    """Alone, and beside one that is sound."""
    told = BAD[name] if isinstance(BAD[name], tuple) else (BAD[name],)
    path = d.manifest(name)
    timeout = patience(name)
    doc = detect("--probe-timeout", timeout, env={"VK_DRIVER_FILES": path})
    complete(doc)
    assert doc["vulkan"]["state"] == "not_loadable" and not doc["vulkan"]["devices"], doc["vulkan"]
    assert any(t in doc["vulkan"]["why"] for t in told), doc["vulkan"]
    assert len(doc["notes"]) == 1 and path in doc["notes"][0], doc["notes"]
    assert any(t in doc["notes"][0] for t in told), doc["notes"]
    assert doc["gles"]["state"] == "version", doc["gles"]

    doc = detect("--probe-timeout", timeout, env={"VK_DRIVER_FILES": f"{path}:{LAVAPIPE}"})
    complete(doc)
    assert doc["vulkan"]["state"] == "version", doc["vulkan"]
    assert [x["driver_name"] for x in doc["vulkan"]["devices"]] == ["llvmpipe"], doc["vulkan"]
    assert len(doc["notes"]) == 1 and path in doc["notes"][0], doc["notes"]


def bad_egl(d, name):
    told = BAD[name] if isinstance(BAD[name], tuple) else (BAD[name],)
    path = d.manifest(name, "egl")
    doc = detect("--probe-timeout", patience(name), env={"__EGL_VENDOR_LIBRARY_FILENAMES": path})
    assert doc["gles"]["state"] == "not_loadable", doc["gles"]
    assert any(t in doc["gles"]["why"] for t in told), doc["gles"]
    assert len(doc["notes"]) == 1 and path in doc["notes"][0], doc["notes"]
    assert "state" in doc["vulkan"], doc


def test_sound(_d):
    """[Vulkan is never a guess] lavapipe and llvmpipe: versions, driver, queue families, limits, as they say themselves"""
    doc = detect("--probe-timeout", "60", env={"VK_DRIVER_FILES": LAVAPIPE})
    complete(doc)
    assert doc["notes"] == [], doc["notes"]
    vk = doc["vulkan"]
    assert vk["state"] == "version" and vk["why"] is None, vk
    dev = vk["devices"][0]
    assert dev["driver_name"] == "llvmpipe" and dev["type"] == "cpu" and dev["gpu"] is None, dev
    assert dev["max_texture_2d"] >= 4096 and dev["pci"] is None and dev["compute_units"] is None, dev
    q = dev["queue_families"][0]
    assert q["queues"] >= 1 and q["graphics"] and q["compute"] and not q["video_decode"], q
    gl = doc["gles"]
    assert gl["state"] == "version" and gl["devices"], gl
    dev = [x for x in gl["devices"] if x["software"]][0]
    assert "llvmpipe" in dev["renderer"] and dev["gles_version"] in dev["version"], dev
    assert float(dev["gles_version"]) >= 3.0 and dev["max_texture_2d"] >= 4096, dev


def test_versions(_d):
    """the versions are those that vulkaninfo prints"""
    env = dict(os.environ, VK_DRIVER_FILES=LAVAPIPE)
    out = subprocess.run(["vulkaninfo", "--summary"], capture_output=True, text=True, env=env,
                         timeout=120, check=True).stdout
    vk = detect("--probe-timeout", "60", env={"VK_DRIVER_FILES": LAVAPIPE})["vulkan"]
    assert f"Vulkan Instance Version: {vk['instance_version']}" in out, (vk, out)
    words = out.split()
    for key, text in (("apiVersion", vk["devices"][0]["api_version"]),
                      ("driverName", vk["devices"][0]["driver_name"])):
        assert words[words.index(key) + 2] == text, (key, text, out)


def test_no_driver(_d):
    """[Vulkan is never a guess] a library without a driver: no device"""
    doc = detect(env={"VK_DRIVER_FILES": "/nonexistent.json"})
    assert doc["vulkan"]["state"] == "no_device" and doc["vulkan"]["why"], doc["vulkan"]
    assert doc["vulkan"]["instance_version"].count(".") == 2 and doc["notes"] == [], doc


def test_not_loadable(d):
    """[Vulkan is never a guess] a library that is damaged, or lacks what it needs: not loadable, and why"""
    libs = d.folder + "/libs"
    os.makedirs(libs)
    for name in ("libvulkan.so.1", "libEGL.so.1"):
        with open(f"{libs}/{name}", "w", encoding="ascii") as f:
            f.write("no library\n")
    doc = detect(env={"LD_LIBRARY_PATH": libs})
    for key, name in (("vulkan", "libvulkan.so.1"), ("gles", "libEGL.so.1")):
        assert doc[key]["state"] == "not_loadable" and name in doc[key]["why"], doc[key]
    assert doc["notes"] == [], doc
    # One that was linked with a library that is gone.
    source = d.folder + "/x.c"
    with open(source, "w", encoding="ascii") as f:
        f.write("int x(void) { return 0; }\n")
    subprocess.run(["gcc", "-shared", "-o", f"{libs}/libgone.so", source], check=True)
    subprocess.run(["gcc", "-shared", "-Wl,--no-as-needed", "-o", f"{libs}/libvulkan.so.1", source,
                    f"-L{libs}", "-lgone"], check=True)
    os.unlink(f"{libs}/libgone.so")
    doc = detect(env={"LD_LIBRARY_PATH": libs})
    assert doc["vulkan"]["state"] == "not_loadable" and "libgone.so" in doc["vulkan"]["why"], doc
    # One that is no Vulkan at all.
    subprocess.run(["gcc", "-shared", "-o", f"{libs}/libvulkan.so.1", source], check=True)
    doc = detect(env={"LD_LIBRARY_PATH": libs})
    assert doc["vulkan"]["state"] == "not_loadable" and "vkGetInstanceProcAddr" in \
        doc["vulkan"]["why"], doc


def elsewhere(d, name):
    """The program in a folder of its own, with what it starts."""
    root = f"{d.folder}/{name}"
    os.makedirs(root + "/bin")
    shutil.copy(GPU, root + "/bin")
    shutil.copytree(LIBEXEC, root + "/libexec/qwamos-gpu")
    return root + "/bin/qwamos-gpu", root + "/libexec/qwamos-gpu"


def test_absent(d):
    """[Vulkan is never a guess] no library at all: absent"""
    gpu, helpers = elsewhere(d, "absent")
    for name, lib in (("vulkan", b"libvulkan.so"), ("egl", b"libEGL.so")):
        path = f"{helpers}/qwamos-probe-{name}"
        with open(path, "rb") as f:
            code = f.read()
        assert code.count(lib) == 2, code.count(lib)
        with open(path, "wb") as f:
            f.write(code.replace(lib, b"libXXXXXXXXXXXX"[:len(lib) - 3] + b".so"))
    doc = detect(gpu=gpu)
    for key in ("vulkan", "gles"):
        assert doc[key]["state"] == "absent" and ".so.1" in doc[key]["why"], doc[key]
        assert doc[key]["devices"] == [], doc[key]
    assert doc["notes"] == [], doc


def test_no_helper(d):
    """without its helpers detect says that nothing is known, and --no-probe does not miss them"""
    gpu, helpers = elsewhere(d, "helpless")
    shutil.rmtree(helpers)
    doc = detect(gpu=gpu)
    for key in ("vulkan", "gles"):
        assert doc[key]["state"] is None and "can't be started" in doc[key]["why"], doc[key]
    doc = detect("--no-probe", gpu=gpu)
    assert doc["vulkan"] is None and doc["gles"] is None and doc["notes"] == [], doc


def test_branch(d):
    """a driver that leaves a process behind, which holds all pipes, does not hold up the report"""
    doc = detect("--probe-timeout", "60", env={"VK_DRIVER_FILES": d.manifest("BRANCH")}, seconds=18)
    assert doc["vulkan"]["state"] == "no_device" and doc["notes"] == [], doc


def test_two(d):
    """two bad ones beside a sound one: a line for each"""
    bad = [d.manifest(n) for n in ("CRASH", "PRINT")]
    doc = detect("--probe-timeout", "30", env={"VK_DRIVER_FILES": ":".join([bad[0], LAVAPIPE, bad[1]])})
    assert [x["driver_name"] for x in doc["vulkan"]["devices"]] == ["llvmpipe"], doc["vulkan"]
    assert len(doc["notes"]) == 2 and all(b in n for b, n in zip(bad, doc["notes"])), doc["notes"]


def test_side_by_side(d):
    """probes run side by side: two that hang take as long as one"""
    start = time.monotonic()
    doc = detect("--probe-timeout", "6", env={
        "VK_DRIVER_FILES": d.manifest("HANG"),
        "__EGL_VENDOR_LIBRARY_FILENAMES": d.manifest("HANG", "egl")})
    took = time.monotonic() - start
    assert len(doc["notes"]) == 2 and 6 <= took < 11, (took, doc["notes"])


def test_nothing_left(d):
    """no process of a driver is left when detect has ended"""
    tag = f"QWAMOS_TEST_{os.getpid()}"
    detect("--probe-timeout", "2", env={"VK_DRIVER_FILES": d.manifest("HANG"), tag: "1"})
    left = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as f:
                if tag.encode() in f.read():
                    left.append(pid)
        except OSError:
            pass
    assert not left, left


def test_libraries(_d):
    """no program is linked with libvulkan or libEGL, nor loads them: only the probes do"""
    for name in ("qwamos-gpu", "qwamos-vfio", "qwamos-vm"):
        with open(os.path.join(BUILD, "bin", name), "rb") as f:
            code = f.read()
        assert b"libvulkan.so" not in code and b"libEGL.so" not in code, name


def main():
    with tempfile.TemporaryDirectory() as folder:
        d = Drivers(folder)
        tests = [(f"a Vulkan driver: {n.lower()}", lambda d, n=n: bad_vulkan(d, n)) for n in BAD]
        tests += [(f"an EGL driver: {n.lower()}", lambda d, n=n: bad_egl(d, n))
                  for n in ("CRASH", "HANG", "PRINT")]
        tests += [(f.__doc__, f) for name, f in globals().items() if name.startswith("test_")]
        print(f"1..{len(tests)}", flush=True)
        bad = 0
        for number, (title, f) in enumerate(tests, 1):
            try:
                f(d)
                print(f"ok {number} - {title}", flush=True)
            except Exception:   # pylint: disable=broad-except
                bad = 1
                print(f"not ok {number} - {title}")
                print("\n".join("# " + l for l in traceback.format_exc().split("\n")), flush=True)
        return bad


if __name__ == "__main__":
    sys.exit(main())
