# SPDX-License-Identifier: GPL-2.0-only
"""Names of system calls, by libseccomp, and those of their arguments that the sandbox looks at."""

import ctypes

_lib = ctypes.CDLL("libseccomp.so.2")
_lib.seccomp_arch_native.restype = ctypes.c_uint32
_lib.seccomp_syscall_resolve_num_arch.restype = ctypes.c_void_p
_lib.seccomp_syscall_resolve_num_arch.argtypes = [ctypes.c_uint32, ctypes.c_int]
_libc = ctypes.CDLL(None)
_libc.free.argtypes = [ctypes.c_void_p]
NATIVE = _lib.seccomp_arch_native()

# Which arguments tell calls of one name apart.
DETAIL = {"arch_prctl": (0,), "clone": (0,), "fcntl": (1,), "ioctl": (1,), "madvise": (2,),
          "memfd_create": (1,), "mmap": (3,), "prctl": (0,), "seccomp": (0,),
          "setsockopt": (1, 2), "socket": (0,), "socketpair": (0,)}


def name(number):
    """Of a call, on this machine; its number if it has none."""
    p = _lib.seccomp_syscall_resolve_num_arch(NATIVE, number)
    if not p:
        return str(number)
    text = ctypes.string_at(p).decode("ascii")
    _libc.free(p)
    return text


def word(call, args):
    """A call as a line of a record: its name, and what it is about."""
    return " ".join([call] + [f"{args[i] & 0xffffffff:#x}" for i in DETAIL.get(call, ())])
