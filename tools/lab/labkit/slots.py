# SPDX-License-Identifier: GPL-2.0-only
"""How many guests may run on this machine at once."""

import errno
import fcntl
import os
import sys
import time

from . import LabError

DIR = "/tmp/qwamos-lab-slots"


def _open(path):
    """Opens a lock file that any user may have made."""
    try:
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        fd = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        os.fchmod(fd, 0o666)
        return fd


def take():
    """Waits for a free slot; returns its lock, held until the process ends."""
    try:
        count = int(os.environ.get("LAB_SLOTS", "2"))
        if not 1 <= count <= 64:
            raise ValueError
    except ValueError:
        raise LabError(f"LAB_SLOTS='{os.environ['LAB_SLOTS']}': expected a number "
                       "from 1 to 64") from None
    try:
        os.mkdir(DIR)
        os.chmod(DIR, 0o1777)
    except FileExistsError:
        pass
    told = False
    while True:
        for i in range(count):
            fd = _open(os.path.join(DIR, str(i)))
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return fd
            except OSError as e:
                os.close(fd)
                if e.errno != errno.EWOULDBLOCK:
                    raise LabError(f"{DIR}/{i}: {e.strerror}") from None
        if not told:
            print(f"lab: waiting for one of {count} guest slots", file=sys.stderr, flush=True)
            told = True
        time.sleep(0.2)
