# SPDX-License-Identifier: GPL-2.0-only
"""Runs a program under a filter that hands each of its calls over, and lets them go on."""

import array
import ctypes
import errno
import fcntl
import os
import select
import signal
import socket
import struct
import threading

from . import names

_libc = ctypes.CDLL(None, use_errno=True)
SYS_SECCOMP = {"x86_64": 317, "aarch64": 277}[os.uname().machine]
SYS_SENDMSG = {"x86_64": 46, "aarch64": 211}[os.uname().machine]
PR_SET_NO_NEW_PRIVS = 38
SET_MODE_FILTER, NEW_LISTENER = 1, 1 << 3
USER_NOTIF, ALLOW = 0x7fc00000, 0x7fff0000
RECV, SEND = 0xc0502100, 0xc0182101
CONTINUE = 1
# The one call of the child that nobody is there yet to answer: on this fd.
HANDOVER_FD = 1000


class _Filter(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint16), ("jt", ctypes.c_uint8), ("jf", ctypes.c_uint8),
                ("k", ctypes.c_uint32)]


class _Program(ctypes.Structure):
    _fields_ = [("len", ctypes.c_uint16), ("filter", ctypes.POINTER(_Filter))]


def _install():
    """In the child; returns the listener."""
    load, jump, ret = 0x20, 0x15, 0x06
    code = (_Filter * 6)(_Filter(load, 0, 0, 0), _Filter(jump, 0, 3, SYS_SENDMSG),
                         _Filter(load, 0, 0, 16), _Filter(jump, 0, 1, HANDOVER_FD),
                         _Filter(ret, 0, 0, ALLOW), _Filter(ret, 0, 0, USER_NOTIF))
    program = _Program(6, code)
    if _libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no_new_privs")
    fd = _libc.syscall(SYS_SECCOMP, SET_MODE_FILTER, NEW_LISTENER, ctypes.byref(program))
    if fd < 0:
        raise OSError(ctypes.get_errno(), "seccomp")
    return fd


class Tracer:
    """One program. @refusal: the errno that a call is to fail with, 0: none; @calls: what it has called
    since its execve()."""

    def __init__(self, refusal):
        self.calls = set()
        self.refusal = refusal
        self.pid = 0
        self._begun = False
        self._thread = None

    def start(self, command, env, fds):
        """@fds: {number in the child: fd here}"""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.pid = os.fork()
        if not self.pid:
            try:
                # First out of the way of the numbers that they are to have.
                high = {n: fcntl.fcntl(fd, fcntl.F_DUPFD, 500) for n, fd in fds.items()}
                handover = os.dup2(theirs.fileno(), HANDOVER_FD, inheritable=False)
                for n, fd in high.items():
                    os.dup2(fd, n)
                    os.close(fd)
                sock = socket.socket(fileno=handover)
                sock.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                                       array.array("i", [_install()]))])
                os.execvpe(command[0], command, env)
            except OSError as e:
                os.write(2, f"record: {e}\n".encode())
            os._exit(127)
        theirs.close()
        _, control, _, _ = ours.recvmsg(1, socket.CMSG_SPACE(4))
        ours.close()
        listener = struct.unpack("i", control[0][2][:4])[0]
        self._thread = threading.Thread(target=self._serve, args=(listener,), daemon=True)
        self._thread.start()

    def _serve(self, listener):
        poll = select.poll()
        poll.register(listener, select.POLLIN)
        while True:
            if poll.poll()[0][1] & (select.POLLHUP | select.POLLERR):
                break
            note = bytearray(80)
            try:
                fcntl.ioctl(listener, RECV, note)
            except OSError as e:
                if e.errno == errno.ENOENT:
                    continue
                raise
            ident, _pid, _flags, number, _arch, _ip, *args = struct.unpack("=QIIiIQ6Q", note)
            call = names.name(number)
            error = 0
            if self._begun:
                word = names.word(call, args)
                self.calls.add(word)
                error = self.refusal(word)
            self._begun = self._begun or call == "execve"
            try:
                fcntl.ioctl(listener, SEND, bytearray(struct.pack(
                    "=QqiI", ident, 0, -max(error, 0), 0 if error else CONTINUE)))
            except OSError as e:
                if e.errno != errno.ENOENT:
                    raise
        os.close(listener)

    def end(self, seconds):
        """Waits for its end, and brings it about after a while; returns the exit status."""
        timer = threading.Timer(seconds, os.kill, (self.pid, signal.SIGKILL))
        timer.start()
        status = os.waitpid(self.pid, 0)[1]
        timer.cancel()
        self._thread.join()
        return os.waitstatus_to_exitcode(status)
