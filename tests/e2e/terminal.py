#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""What others have written reaches a terminal as text, never as something it acts on: every command,
with a hostile text in each source that it reads. Arguments, configs, folders and records of VMs,
sysfs, devicetree, names of drivers and devices, processes, saved logs, QEMU's stderr, QMP and
capabilities, drivers of Vulkan, the kernel's answers, a guest's console, and completion in bash.

Each point is one command and one source: in text and as JSON, in UTF-8 and in ASCII; and the text has
to be seen in it, for else nothing would have been tried.
"""
# timeout: 900

import contextlib
import ctypes
import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import threading
import time
import traceback
from xml.etree import ElementTree

sys.dont_write_bytecode = True
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(TOP, os.environ.get("QWAMOS_BUILD", "build"))
BIN = os.path.join(BUILD, "bin")
MACHINES = os.path.join(TOP, "tests/data/machines")

# What is looked for in the output, and what stands around it: OSC, CSI raw and in UTF-8, DEL, U+202E,
# U+2066, U+2028, no UTF-8, and a line of its own.
MARK = "Zq"
HOSTILE = (b"\x1b]0;" + MARK.encode() + b"\x07\x1b[2J\xc2\x9b31m\x9b1m\x7f\xe2\x80\xae\xe2\x81\xa6"
           b"\xe2\x80\xa8\xff\xc3\xa9\r\nFORGED")
SHORT = b"\x1b]" + MARK.encode() + b"\x07\x9b\xc2\x9b\nFORGED"       # fits a process's name, and more
TEXT = HOSTILE.decode("utf-8", "ignore").replace("\xff", "")        # where only UTF-8 is taken
BAD = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e"
                 "\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]")

number = 0      # pylint: disable=invalid-name
failed = 0      # pylint: disable=invalid-name


def point(name, problems):
    global number, failed       # pylint: disable=global-statement
    number += 1
    if not problems:
        print(f"ok {number} - {name}", flush=True)
        return
    failed += 1
    print(f"not ok {number} - {name}", flush=True)
    for text in problems[:4]:
        print("# " + ascii(text)[:600], flush=True)


def problems_of(out, ascii_only):
    """What a terminal would act on, or a reader take for ours."""
    try:
        text = out.decode("utf-8")
    except UnicodeDecodeError as e:
        return [f"no UTF-8: {e}: {out[max(0, e.start - 60):e.start + 20]}"]
    found = [f"{ascii(m.group())}: {text[max(0, m.start() - 60):m.end() + 20]}"
             for m in BAD.finditer(text)][:2]
    found += [f"a line of its own: {line}" for line in text.split("\n") if line.startswith("FORGED")]
    if ascii_only and not text.isascii():
        found.append("not ASCII: " + text[:200])
    return found


def start(argv, env=None, ns=None, **how):
    """ns: {folder: what is mounted there}, for it alone."""
    full = dict(os.environ, PATH=BIN + ":" + os.environ["PATH"], XDG_CACHE_HOME="/dev/null/no",
                TERM="xterm", **(env or {}))
    argv = [os.path.join(BIN, argv[0]) if isinstance(argv[0], str) else argv[0], *argv[1:]]
    if ns:
        mounts = "".join(f"mount --bind '{v}' '{k}' && " for k, v in ns.items())
        argv = ["unshare", "--mount", *([] if not os.geteuid() else ["--map-root-user"]), "sh", "-c", mounts + 'exec "$@"', "sh", *argv]
    return subprocess.Popen(argv, env={k: v for k, v in full.items() if v is not None}, **how)


def run(argv, env=None, ns=None):
    p = start(argv, env, ns, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
              stderr=subprocess.STDOUT)
    try:
        out, _ = p.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        p.kill()
        out, _ = p.communicate()
        return -1, out + b"\ndid not end\n"
    return p.returncode, out


def safe(argv, env=None, ns=None, seen=True):
    """Problems of one command in each encoding."""
    found = []
    for locale in ("C.UTF-8", "C"):
        status, out = run(argv, dict(env or {}, LC_ALL=locale), ns)
        found += problems_of(out, locale == "C")
        if status < 0 or status > 127:
            found.append(f"status {status}: {out[-200:]}")
        if seen and MARK.encode() not in out:
            found.append(f"the text did not come through: {out[:300]}")
    return found


def check(name, argv, env=None, ns=None, seen=True):
    point(f"{name}: {' '.join(x for x in argv if isinstance(x, str) and MARK not in x)}",
          safe(argv, env, ns, seen))


COMMANDS = {
    "qwamos-gpu": ["info", "detect", "topology", "policy", "vm list", "vm show", "vm set", "vm run", "check",
                   "charge", "audit", "audit verify", "audit head", "monitor", "top", "config check",
                   "config show", "qemu-args", "export libvirt"],
    "qwamos-vfio": ["list", "status", "bind", "unbind", "release", "restore"],
    "qwamos-vm": ["start", "stop", "status", "info", "list", "set", "console"],
}
GROUPS = ["vm", "config", "export"]
# Whatever is given to these, they have no use for, or tell only with the module.
VALUES = {
    "qwamos-gpu vm run": ["--level", "--vram", "--cap", "--priority", "--scrub"],
    "qwamos-gpu vm set": ["--level", "--mode", "--guarantee"],
    "qwamos-gpu check": ["--device"],
    "qwamos-gpu audit": ["--event", "--limit"],
    "qwamos-gpu audit verify": ["--head"],
    "qwamos-gpu top": ["--interval"],
    "qwamos-gpu detect": ["--probe-timeout", "--root"],
    "qwamos-gpu qemu-args": ["--arch", "--display"],
    "qwamos-gpu export libvirt": ["--arch"],
    "qwamos-vm start": ["--display", "--grace"],
    "qwamos-vm stop": ["--timeout"],
}


def arguments():
    for program, commands in COMMANDS.items():
        check("a command", [program, HOSTILE])
        check("an option", [program, "info" if program == "qwamos-gpu" else "list", b"--" + HOSTILE])
        for command in commands:
            words = [program, *command.split()]
            check("an option", [*words, b"--" + HOSTILE])
            check("its letter", [*words, b"-\x1b" + HOSTILE], seen=False)
            for option in VALUES.get(f"{program} {command}", []):
                check("a value", [*words, option, HOSTILE, *(["x", "x"] if option != "--root" else [])])
    for group in GROUPS:
        check("a command", ["qwamos-gpu", group, HOSTILE])
    for command in ("bind", "unbind", "status", "restore"):
        check("an address", ["qwamos-vfio", command, HOSTILE])
    check("an address", ["qwamos-vfio", "release", "--accept-leftovers", HOSTILE])
    for command in ("start", "stop", "status", "info", "console"):
        check("a VM", ["qwamos-vm", command, HOSTILE])
        check("a path", ["qwamos-vm", command, b"/" + HOSTILE])
        check("a folder", ["qwamos-vm", command, "--vms-dir", HOSTILE, "x"],
              seen=command not in ("stop", "console"))
    check("a key", ["qwamos-vm", "set", "x", HOSTILE])
    check("a value", ["qwamos-vm", "set", "x", b"level=" + HOSTILE])
    for command in ("audit verify", "audit head", "config check", "config show", "qemu-args",
                    "export libvirt"):
        check("a file", ["qwamos-gpu", *command.split(), HOSTILE])
    check("a level", ["qwamos-gpu", "policy", HOSTILE])
    check("a folder", ["qwamos-vm", "list", "--vms-dir", HOSTILE])


def config(folder, name, **changes):
    """A config file: whole, but for what is changed."""
    doc = {
        "vm": {"name": name, "description": "d", "type": "linux"},
        "machine": {"type": "q35", "accel": "tcg"},
        "hardware": {"cpu": {"cores": 1}, "memory": {"size": 256}},
        "gpu": {"enabled": True, "access_mode": "virtio"},
        "network": {"mode": "airgapped"},
    }
    for path, value in changes.items():
        *at, key = path.split("__")
        where = doc
        for k in at:
            where = where.setdefault(k, {})
        where[key] = value
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "config.yaml")
    with open(path, "w", encoding="utf-8") as f:
        json.dump(doc, f)
    return path


# Texts that a config may have, and those whose values are refused by name.
GOOD = ["vm__description", "vm__type", "hardware__cpu__model", "hardware__disk__primary__path",
        "boot__kernel", "boot__initrd", "boot__cmdline"]
REFUSED = ["vm__name", "machine__type", "machine__accel", "hardware__cpu__cores", "hardware__memory__size",
           "hardware__disk__primary__format", "gpu__access_mode", "gpu__trust_level", "gpu__priority",
           "network__mode", "network__mac", "network__bridge", "network__device", "qemu_extra_args", TEXT, f"gpu__{TEXT}"]


def configs(d):
    caps = os.path.join(TOP, "tests/data/qemu/7.2-x86_64.json")
    for key in GOOD + REFUSED:
        value = ["-" + TEXT] if key == "qemu_extra_args" else "1" if TEXT in key else TEXT
        folder = f"{d}/configs/{GOOD.index(key) if key in GOOD else len(GOOD) + REFUSED.index(key)}"
        changes = {key: value}
        if key in ("boot__initrd", "boot__cmdline"):
            changes["boot__kernel"] = "/vmlinuz"
        path = config(folder, "hostile", **changes)
        name = "a config's " + key.replace("__", ".").replace(TEXT, "key")
        shown = key not in ("vm__description", "vm__type")
        point(f"{name}: config check, show",
              safe(["qwamos-gpu", "config", "check", path], seen=key in REFUSED) +
              safe(["qwamos-gpu", "config", "check", "--json", path], seen=key in REFUSED) +
              safe(["qwamos-gpu", "config", "show", path]) +
              safe(["qwamos-gpu", "config", "show", "--json", path]))
        point(f"{name}: qemu-args, export",
              safe(["qwamos-gpu", "qemu-args", "--caps", caps, path], seen=shown) +
              safe(["qwamos-gpu", "qemu-args", "--json", "--caps", caps, path], seen=shown) +
              safe(["qwamos-gpu", "export", "libvirt", "--caps", caps, path],
                   seen=shown and key != "boot__cmdline"))
        vms = f"{folder}-vms"
        os.makedirs(vms)
        os.rename(folder, f"{vms}/hostile")
        env = {"QWAMOS_VMS_DIR": vms, "QWAMOS_RUN_DIR": f"{d}/none"}
        told = key in REFUSED and TEXT not in key       # an unknown key is a warning
        point(f"{name}: qwamos-vm",
              safe(["qwamos-vm", "list"], env, seen=told or not shown) +
              safe(["qwamos-vm", "list", "--json"], env, seen=told or not shown) +
              sum((safe(["qwamos-vm", c, *j, "hostile"], env, seen=told) for c in ("status", "info")
                   for j in ([], ["--json"])), []) +
              safe(["qwamos-vm", "start", "--dry-run", "hostile"], env, seen=told) +
              safe(["qwamos-vm", "start", "--dry-run", "--json", "hostile"], env, seen=told))


def copies(d):
    copies_mean_the_same(d)
    point("a command line that is copied means the same", [])
    point("so does XML", xml(d))


def copies_mean_the_same(d):
    """What is printed to be copied still means what the config says."""
    path = config(f"{d}/copy", "copy", boot__kernel="/k", boot__cmdline=TEXT + "'\\",
                  hardware__disk__primary__path="/disk\x1b.qcow2")
    caps = os.path.join(TOP, "tests/data/qemu/7.2-x86_64.json")
    _, out = run(["qwamos-gpu", "qemu-args", "--caps", caps, path])
    line = [x for x in out.decode().splitlines() if "-append" in x]
    assert len(line) == 1, out
    words = subprocess.run(["bash", "-c", 'eval "set -- $1"; printf "%s\\0" "$@"', "bash", line[0]],
                           capture_output=True, check=True).stdout.split(b"\0")
    out = run(["qwamos-gpu", "qemu-args", "--json", "--caps", caps, path])[1].decode()
    want = json.loads(out[out.index("{\n"):])["args"]
    assert [x.decode() for x in words[:-1]] == want, (words, want)


def xml(d):
    """XML has what it can hold, whatever a terminal would do with it."""
    caps = os.path.join(TOP, "tests/data/qemu/7.2-x86_64.json")
    text = MARK + "\x9b\u202e\u2028\xe9\n"
    path = config(f"{d}/xml", "xml", vm__description=text)
    argv = ["qwamos-gpu", "export", "libvirt", "--caps", caps, path]
    found = safe(argv)
    out = run(argv, {"LC_ALL": "C"})[1].decode("ascii")
    got = ElementTree.fromstring(out[out.index("<domain"):]).find("description").text
    return found + ([] if got == text else [f"got {got}"])


def records(runs):
    """VMs that run, or did; one whose record nobody could have written so, and one that can be read."""
    os.makedirs(runs)
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as f:
        boot = f.read().strip()
    record = {"pid": 1, "vm_id": 7, "boot_id": boot}
    for name, more in ((HOSTILE, {"cgroup": TEXT, "config": TEXT, "bound": [TEXT]}),
                       (b"plain", {"name": "plain", "cgroup": f"/{TEXT}/qwamos/plain", "config": f"/{TEXT}"})):
        with open(os.path.join(os.fsencode(runs), name + b".json"), "w", encoding="utf-8") as f:
            json.dump(record | more, f)
    return runs


def folders(d):
    """VMs by their folders, and those that run by their records."""
    vms, runs = f"{d}/vms", records(f"{d}/run")
    config(os.path.join(os.fsencode(vms), HOSTILE).decode("utf-8", "surrogateescape"), "inside")
    os.makedirs(f"{d}/empty")
    env = {"QWAMOS_VMS_DIR": vms, "QWAMOS_RUN_DIR": runs}
    for j in ([], ["--json"]):
        check("a folder", ["qwamos-vm", "list", *j], env)
        check("a record", ["qwamos-vm", "list", *j], dict(env, QWAMOS_VMS_DIR=f"{d}/empty"))
        for command in ("status", "info"):
            check("a record", ["qwamos-vm", command, *j, "plain"], env)
            check("a folder", ["qwamos-vm", command, *j, "inside"], env, seen=False)
    check("a record", ["qwamos-vm", "stop", "plain"], env, seen=False)


def tree(d, machine):
    root = f"{d}/{machine}"
    subprocess.run([os.path.join(TOP, "tools/capture"), "--unpack", f"{MACHINES}/{machine}.tree", root],
                   check=True)
    return root


@contextlib.contextmanager
def written(path, data):
    """A file of a tree, with something else in it."""
    with open(path, "rb") as f:
        before = f.read()
    with open(path, "wb") as f:
        f.write(data)
    yield
    with open(path, "wb") as f:
        f.write(before)


@contextlib.contextmanager
def linked(path):
    """A link of a tree that leads to a name of our choice."""
    before = os.readlink(path)
    os.unlink(path)
    os.symlink(os.path.join(os.path.dirname(os.fsencode(before)), HOSTILE), os.fsencode(path))
    yield
    os.unlink(path)
    os.symlink(before, path)


def add_modules(root):
    for name in ("vfio", "vfio_pci_core", "vfio_iommu_type1", "qwamos_gpu", "qwamos_vfio_pci"):
        os.makedirs(f"{root}/sys/module/{name}/parameters")


def each_file(root, ask):
    """ask() with the hostile text in each file, and behind each link; how often it was seen."""
    found, seen = [], 0
    for folder, folders_, files in os.walk(root):
        for name in files + folders_:
            path = os.path.join(folder, name)
            if os.path.islink(path):
                with linked(path):
                    out = ask()
            elif os.path.isfile(path):
                with written(path, HOSTILE):
                    out = ask()
            else:
                continue
            seen += MARK.encode() in out
            found += [f"{path}: {p}" for p in problems_of(out, False)][:1]
    return found + ([] if seen else ["the text never came through"])


def machines(d):
    for machine in ("adreno-kgsl", "adreno-msm", "mali-panthor", "intel-arc", "nvidia-usbc", "amd-apu-dgpu",
                    "sriov-vfs"):
        root = tree(d, machine)
        for j in ([], ["--json"]):
            argv = ["qwamos-gpu", "detect", *j, "--root", root]
            point(f"each file of {machine}: detect {' '.join(j)}",
                  each_file(root, lambda argv=argv: run(argv, {"LC_ALL": "C.UTF-8"})[1]))
    root = tree(f"{d}/own", "sriov-vfs")
    add_modules(root)
    ns = {"/sys": f"{root}/sys"}
    for argv in (["qwamos-vfio", "list"], ["qwamos-vfio", "status"], ["qwamos-vfio", "status", "--json"],
                 ["qwamos-gpu", "topology"], ["qwamos-gpu", "topology", "--dot"],
                 ["qwamos-vfio", "bind", "--dry-run", "--all-gpus"],
                 ["qwamos-vfio", "bind", "--dry-run", "--all-gpus", "--json"]):
        point(f"each file of sriov-vfs: {' '.join(argv)}",
              each_file(f"{root}/sys", lambda argv=argv: run(argv, {"LC_ALL": "C.UTF-8"}, ns)[1]))


def named(name, node):
    """A process of that name, which has a node open."""
    pid = os.fork()
    if not pid:
        os.setsid()
        ctypes.CDLL(None).prctl(15, name, 0, 0, 0)
        os.open(node, os.O_RDWR)
        signal.pause()
    time.sleep(0.2)
    return pid


def processes(d):
    """Who holds a GPU: its node has the number of /dev/full here."""
    root = tree(f"{d}/held", "intel-arc")
    for folder, _, files in os.walk(f"{root}/sys/devices"):
        if "/drm/" in folder and "dev" in files:
            with open(f"{folder}/dev", "w", encoding="ascii") as f:
                f.write("1:7\n")
            with open(f"{folder}/uevent", "wb") as f:
                f.write(b"MAJOR=1\nMINOR=7\nDEVNAME=dri/" + SHORT + b"\n")
    ns = {"/sys": f"{root}/sys"}
    pid = named(SHORT, "/dev/full")
    try:
        for argv in (["qwamos-vfio", "status"], ["qwamos-vfio", "status", "--json"],
                     ["qwamos-vfio", "bind", "0000:03:00.0"], ["qwamos-vfio", "bind", "--json", "0000:03:00.0"]):
            check("a process", argv, ns=ns)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def names(d):
    """Names of devices, by another pci.ids."""
    root = tree(f"{d}/names", "intel-arc")
    os.makedirs(f"{root}/usr/share/misc", exist_ok=True)
    line = HOSTILE.replace(b"\n", b"").replace(b"\r", b"")
    with open(f"{root}/usr/share/misc/pci.ids", "wb") as f:
        f.write(b"8086  " + line + b"\n\t56a0  " + line + b"\n\t4680  " + line + b"\nC 03  " + line + b"\n")
    for j in ([], ["--json"]):
        check("pci.ids", ["qwamos-gpu", "detect", *j, "--root", root])


def drivers(d):
    """A driver of Vulkan that crashes is told by the path of its manifest, and by its own last words."""
    folder = os.path.join(os.fsencode(d), b"icd" + SHORT)
    os.mkdir(folder)
    library = folder + b"/bad.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-DBAD=CRASH", "-o", library,
                    os.path.join(TOP, "tests/data/icd/bad.c")], check=True)
    shutil.copy(library, f"{d}/bad.so")
    with open(folder + b"/x.json", "w", encoding="utf-8") as f:
        json.dump({"file_format_version": "1.0.0",
                   "ICD": {"library_path": f"{d}/bad.so", "api_version": "1.3.0"}}, f)
    for j in ([], ["--json"]):
        check("a driver's manifest", ["qwamos-gpu", "detect", *j],
              env={"VK_DRIVER_FILES": folder + b"/x.json"})


def saved_logs(d):
    """Of logs: what is no log, and one whose texts were changed."""
    good = f"{d}/log"
    header = {"format": "qwamos-gpu audit log", "version": 1, "instance": "0" * 32, "boot_id": "0" * 32,
              "saved_ns": 0, "wall_offset_ns": 0, "order": None, "records": None, "chains": None}
    head = {"head": 7, "vm": "%1B]0;Zq%07%9B%C2%9B", "first": 1, "prev_hash": "0" * 64, "seq": 1,
            "hash": "0" * 64, "lost": 0}
    bodies = {
        "no log": HOSTILE,
        "a format": json.dumps(dict(header, format=TEXT), ensure_ascii=False, separators=(",", ":")).encode(),
        "a number": json.dumps(dict(header, saved_ns=TEXT), ensure_ascii=False, separators=(",", ":")).encode(),
        "digits": json.dumps(dict(header, instance=TEXT), ensure_ascii=False, separators=(",", ":")).encode(),
        "a name": (json.dumps(header, separators=(",", ":")) + "\n" + json.dumps(head, separators=(",", ":"))).encode(),
        "a raw name": json.dumps(header, separators=(",", ":")).encode() + b"\n" +
                      json.dumps(head, separators=(",", ":")).replace("%1B]", "\x9b]").encode("latin-1"),
        "a key": (json.dumps(header, separators=(",", ":")) + "\n" + json.dumps({TEXT: TEXT}, ensure_ascii=False)).encode(),
    }
    seen = ("digits", "a name", "a number")
    for name, body in bodies.items():
        with open(good, "wb") as f:
            f.write(body + b"\n")
        for command in ("verify", "head"):
            for j in ([], ["--json"]):
                point(f"{name} in a saved log: audit {' '.join([command, *j])}",
                      safe(["qwamos-gpu", "audit", command, *j, good],
                           seen=name in seen and not (name == "a number" and j and command == "x")))


QEMU = r'''#!/usr/bin/python3
import json, os, re, socket, sys
hostile = os.environb[b"HOSTILE"]
if b"die" in os.environb[b"HOW"]:
    os.write(2, hostile)
    sys.exit(1)
fd = int(re.search(r"fd=(\d+)", " ".join(sys.argv)).group(1))
s = socket.socket(fileno=fd)
text = hostile.decode("utf-8", "ignore")
def say(o):
    s.sendall((json.dumps(o) + "\n").encode())
say({"QMP": {"version": {"qemu": {"major": 7, "minor": 2, "micro": 0}, "package": text}, "capabilities": []}})
for line in s.makefile():
    m = json.loads(line)
    c = m["execute"]
    name = m.get("arguments", {}).get("typename", "")
    if c == "query-version":
        say({"return": {"qemu": {"major": 7, "minor": 2, "micro": 0}, "package": text}})
    elif c == "query-target":
        say({"return": {"arch": text if b"arch" in os.environb[b"HOW"] else "x86_64"}})
    elif c == "qmp_capabilities":
        say({"return": {}})
    elif c.startswith("q") or c.startswith("d"):
        say({"return": [{"name": text, "type": text, "default": text, "alias": text}]})
    else:
        say({"error": {"class": "GenericError", "desc": text}})
'''


def qemu(d):
    program = f"{d}/qemu"
    with open(program, "w", encoding="ascii") as f:
        f.write(QEMU)
    os.chmod(program, 0o755)
    path = config(f"{d}/q", "q")
    bad = os.path.join(os.fsencode(d), b"caps" + HOSTILE.replace(b"/", b""))
    with open(os.path.join(TOP, "tests/data/qemu/7.2-x86_64.json"), encoding="utf-8") as f:
        caps = json.load(f)
    for how in ("die", "speak", "arch"):
        env = {"HOSTILE": HOSTILE, "HOW": how}
        for j in ([], ["--json"]):
            check(f"a QEMU that would {how}", ["qwamos-gpu", "qemu-args", *j, "--qemu", program, path], env,
                  seen=how == "die")
        check(f"a QEMU that would {how}", ["qwamos-gpu", "export", "libvirt", "--qemu", program, path], env,
              seen=how == "die")
    for key in [k for k in caps if isinstance(caps[k], str)]:
        with open(bad, "w", encoding="utf-8") as f:
            json.dump(dict(caps, **{key: TEXT}), f)
        for j in ([], ["--json"]):
            check(f"capabilities, {key}", ["qwamos-gpu", "qemu-args", *j, "--caps", bad, path],
                  seen=bool(j) and key in ("program", "version"))
    with open(bad, "wb") as f:
        f.write(HOSTILE)
    check("capabilities", ["qwamos-gpu", "qemu-args", "--caps", bad, path])


def kernel(d):
    """The module's answers; qwamos-vfio and all, since it is no static program."""
    shim = f"{d}/kernel.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-w", "-I", os.path.join(TOP, "uapi"), "-o", shim,
                    os.path.join(TOP, "tests/e2e/terminal_kernel.c")], check=True)
    pid = named(SHORT, "/dev/null")
    env = {"LD_PRELOAD": shim, "HOSTILE": HOSTILE[:15], "HOSTILE_PID": str(pid)}
    ns = {"/sys": f"{tree(f'{d}/kernel', 'intel-arc')}/sys"}
    gpu = "0000:03:00.0"
    try:
        for command in ("vm list", "vm show 7", "audit", "audit head", "policy", "top --once"):
            for j in ([], ["--json"]):
                check("the kernel", ["qwamos-gpu", *command.split(), *j], env)
        check("the kernel", ["qwamos-gpu", "info"], env, seen=False)
        check("a fd", ["qwamos-gpu", "info"], dict(env, QWAMOS_GPU_VM_FD=HOSTILE))
        check("a GPU", ["qwamos-gpu", "charge", "--vm", "7", "--device", HOSTILE, "1"], env)
        check("the kernel", ["qwamos-gpu", "check", "--vm", "7", HOSTILE], env)
        check("the kernel", ["qwamos-gpu", "check", "--json", "--vm", "7", HOSTILE], env)
        for words in (["qwamos-vfio", "list"], ["qwamos-vfio", "status"], ["qwamos-gpu", "topology"],
                      ["qwamos-gpu", "topology", "--dot"]):
            check("the kernel", words, dict(env, HOSTILE_GPU=gpu), ns)
        for words in (["qwamos-vfio", "list"], ["qwamos-gpu", "topology"]):
            check("the kernel", [*words, "--json"], dict(env, HOSTILE_GPU=gpu), ns)
        run_dir = records(f"{d}/kernel-run")
        for command in ("status", "info"):
            for j in ([], ["--json"]):
                check("the kernel", ["qwamos-vm", command, *j, "plain"],
                      dict(env, QWAMOS_RUN_DIR=run_dir, QWAMOS_VMS_DIR=f"{d}/none"))
        for command in ("audit --follow", "monitor"):
            for j in ([], ["--json"]):
                point(" ".join(["the kernel:", command, *j]), listen(env, [*command.split(), *j]))
        point("the kernel: top on a screen", screen(env))
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def listen(env, words):
    """What is printed as it happens: the records, and the state of a VM."""
    p = start(["qwamos-gpu", *words], dict(env, LC_ALL="C.UTF-8"), stdin=subprocess.DEVNULL,
              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    out, end = b"", time.monotonic() + 10
    while time.monotonic() < end and out.count(b"\n") < 2:
        if select.select([p.stdout], [], [], 1)[0]:
            data = os.read(p.stdout.fileno(), 65536)
            out += data
            if not data:
                break
        elif out and words[0] == "audit":
            break
    p.kill()
    p.wait()
    p.stdout.close()
    return problems_of(out, False) + ([] if MARK.encode() in out else [f"not seen: {out}"])


def on_terminal(argv, env, type_=b"", seconds=2, stdin=None):
    """What a command writes to a terminal, until it ends or is typed what ends it."""
    master, slave = pty.openpty()
    p = start(argv, env, stdin=slave if stdin is None else stdin, stdout=slave, stderr=slave, start_new_session=True)
    os.close(slave)
    out, end = b"", time.monotonic() + seconds
    while time.monotonic() < end + 3:
        if type_ and time.monotonic() > end:
            os.write(master, type_)
            type_ = b""
        if select.select([master], [], [], 0.1)[0]:
            try:
                data = os.read(master, 65536)
            except OSError:
                break
            if not data:
                break
            out += data
        elif p.poll() is not None:
            break
    p.kill()
    p.wait()
    os.close(master)
    return out


def screen(env):
    """Between control sequences, which are ours, there is text."""
    out = on_terminal(["qwamos-gpu", "top"], dict(env, LC_ALL="C.UTF-8"), b"q")
    ours = rb"\x1b\[(H|K|J|0m|7m|\?1049[hl]|\?25[hl]|\?7[hl])"
    found = problems_of(re.sub(ours, b"", out).replace(b"\r\n", b"\n"), False)
    return found + ([] if MARK.encode() in out else [f"not seen: {out}"])


def console(d):
    """A guest's own bytes go to a terminal that asked for it, to nothing else."""
    run_dir = f"{d}/con"
    config(f"{d}/con-vms/guest", "guest")
    os.makedirs(run_dir)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"{run_dir}/guest.console")
    listener.listen()

    def serve():
        while True:
            try:
                s, _ = listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError):
                for at in range(0, len(HOSTILE), 7):
                    s.sendall(HOSTILE[at:at + 7])
                    time.sleep(0.02)
            s.close()

    threading.Thread(target=serve, daemon=True).start()
    env = {"QWAMOS_RUN_DIR": run_dir, "QWAMOS_VMS_DIR": f"{d}/con-vms", "LC_ALL": "C.UTF-8"}
    _, out = run(["qwamos-vm", "console", "guest"], env)
    # Its lines are its own.
    found = problems_of(out.replace(b"\nFORGED", b""), False)
    point("a guest: console, to a file", found if MARK.encode() in out else [f"not seen: {out}"])
    for stdin, name in ((None, "a terminal"), (subprocess.DEVNULL, "a terminal that can't type")):
        out = on_terminal(["qwamos-vm", "console", "guest"], env, stdin=stdin)
        at = out.replace(b"\r", b"").find(HOSTILE.replace(b"\r", b""))
        point(f"a guest: console, to {name}: raw, and calmed down after it",
              [] if at >= 0 and b"\x1b[!p" in out[at:] and b"\x1b[?1000l" in out[at:] else [f"got {out}"])
    point("a guest: console, to a pipe that nobody reads: the terminal that types is as it was",
          into_nothing(["qwamos-vm", "console", "guest"], env))
    listener.close()


def into_nothing(argv, env):
    """How a terminal is left that types, where what the guest writes ends in a pipe without a reader."""
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    reader, writer = os.pipe()
    os.close(reader)
    p = start(argv, env, stdin=slave, stdout=writer, stderr=subprocess.DEVNULL, start_new_session=True)
    os.close(writer)
    try:
        status = p.wait(timeout=30)
    except subprocess.TimeoutExpired:
        p.kill()
        status = p.wait()
    after = termios.tcgetattr(slave)
    os.close(slave)
    os.close(master)
    return [] if status >= 0 and after == before else [f"status {status}, {before} became {after}"]


COMPLETE = r'''
. "$1"
cd "$2" || exit 1
complete_at()
{
	local COMP_LINE=$1 COMP_POINT=${#1} COMPREPLY=()
	_qwamos "${1%% *}"
	printf '%s\n' "${COMPREPLY[@]}"
	# What becomes of it when the line is entered.
	for w in "${COMPREPLY[@]}"; do eval "set -- $w"; done
}
complete_at "$3"
'''


def completion(d):
    """TAB shows names of files, and runs none."""
    place = os.path.join(os.fsencode(d), b"complete")
    script = os.path.join(TOP, "userspace/install/qwamos.bash-completion")
    code = b"$(touch ran; echo Zq1)"
    os.mkdir(place)
    vms = place + b"/vms"
    for name in (b"Zq-good", b"Zq" + HOSTILE.replace(b"/", b""), b"Zq\xc2\x9b", b"Zq\x9b", b"Zq\xe2\x80\xae",
                 code, b"Zq`touch ran`"):
        os.makedirs(vms + b"/" + name)
        with open(vms + b"/" + name + b"/config.yaml", "wb"):
            pass
        with open(place + b"/" + name, "wb"):
            pass
    for locale in ("C.UTF-8", "C"):
        for line in ("qwamos-vm start Zq", "qwamos-vm start ", "qwamos-gpu audit verify Zq",
                     "qwamos-gpu audit verify ", "qwamos-gpu config check Zq", "qwamos-gpu detect --root Zq",
                     "qwamos-vm list --vms-dir vms/Zq", "qwamos-vm list --vms-dir vms/"):
            p = subprocess.run(["bash", "-c", COMPLETE, "bash", script, place, line], capture_output=True,
                               env=dict(os.environ, LC_ALL=locale, QWAMOS_VMS_DIR=vms,
                                        QWAMOS_RUN_DIR="/dev/null"), check=False)
            found = problems_of(p.stdout + p.stderr, locale == "C")
            if b"Zq-good" not in p.stdout:
                found.append(f"not seen: {p.stdout}")
            if os.path.exists(place + b"/ran"):
                found.append("the name of a file was run")
                os.unlink(place + b"/ran")
            point(f"completion, {locale}: {line}", found)


def main():
    print("TAP version 13")
    d = tempfile.mkdtemp(prefix="terminal.")
    parts = [arguments, configs, copies, folders, machines, processes, names, drivers, saved_logs, qemu, kernel,
             console, completion]
    wanted = sys.argv[1:]
    try:
        for part in parts:
            if wanted and part.__name__ not in wanted:
                continue
            try:
                part(d) if part is not arguments else part()
            except Exception:       # pylint: disable=broad-except
                point(f"{part.__name__} goes through", traceback.format_exc().splitlines()[-4:])
    finally:
        shutil.rmtree(os.fsencode(d), ignore_errors=True)
    print(f"1..{number}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
