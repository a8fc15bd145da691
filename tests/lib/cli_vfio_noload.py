#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""qwamos-vfio in a guest without our modules, or without an IOMMU."""

import json
import os
import subprocess
import sys

sys.dont_write_bytecode = True
# pylint: disable=wrong-import-position
from vfio_cli import Run, bound, clean, device, devices, machine, main, status    # noqa: E402

ALONE = devices()["bochs"]
KERNEL_FACTS = ("state", "owner_vm", "scrub", "quarantine", "dirty", "can_reset")


def loaded():
    return [m for m in ("qwamos_gpu", "qwamos_vfio_pci", "vfio_iommu_type1")
            if os.path.exists(f"/sys/module/{m}")]


def test_list():
    """list works without the modules; what only they know is null"""
    assert loaded() == []
    doc = Run("list", "--json").doc
    assert doc["module"]["answers"] is False and "not loaded" in doc["module"]["why_not"]
    d = device(doc, ALONE)
    assert d["driver"] == "bochs-drm" and all(d[k] is None for k in KERNEL_FACTS), d
    assert "not loaded" in Run("list").out
    assert device(status(ALONE), ALONE)["holders"] == []
    assert loaded() == []


def test_dry_run():
    """bind --dry-run plans to load them, and does not"""
    before = machine()
    run = Run("bind", "--dry-run", "--json", ALONE)
    assert run.status == 0, run
    steps = [(s["do"], s["value"]) for s in run.doc["steps"][:2]]
    assert steps == [("load", "vfio_iommu_type1"), ("load", "qwamos_vfio_pci")], steps
    assert loaded() == [] and machine() == before


def test_missing():
    """bind names a module that is not installed, and touches nothing"""
    before = machine()
    # A name space of its own, in which there are no modules.
    done = subprocess.run(["unshare", "--mount", "sh", "-c",
                           "mount -t tmpfs none /lib/modules && exec qwamos-vfio bind --json "
                           + ALONE], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False)
    assert done.returncode == 1 and "qwamos_vfio_pci is not installed" in done.stderr, done
    codes = [f["code"] for f in json.loads(done.stdout)["findings"]]
    # Ours, and the kernel's own.
    assert codes == ["module_missing"] * 2, codes
    assert loaded() == [] and machine() == before


def test_release():
    """release says that there is no module"""
    run = Run("release", ALONE, "--accept-leftovers")
    assert run.status == 1 and "not loaded" in run.err, run


def test_bind():
    """bind loads the modules and binds"""
    run = Run("bind", ALONE)
    assert run.status == 0 and bound(ALONE), run
    assert len(loaded()) == 3
    assert device(status(ALONE), ALONE)["state"] == "free"
    clean()
    assert not bound(ALONE)


def test_no_iommu():
    """bind is refused where no IOMMU is on, and says how to switch it on"""
    before = machine()
    assert Run("list", "--json").doc["iommu"] is False
    assert "No IOMMU" in Run("list").out
    for args in (["bind", ALONE], ["bind", "--yes", "--all-gpus"], ["bind", "-n", ALONE]):
        run = Run(*args)
        assert run.status == 1 and "IOMMU" in run.err and "intel_iommu=on" in run.err, run
        assert run.err.count("no IOMMU is switched on") == 1, run
    assert machine() == before


if __name__ == "__main__":
    if sys.argv[1:] == ["no-iommu"]:
        main([test_no_iommu])
    else:
        main([test_list, test_dry_run, test_missing, test_release, test_bind])
