// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <bpf/bpf.h>
#include <bpf/libbpf_version.h>

#include "lazy/lazy.h"

#define SO "libbpf.so.1"

/* Since 1.2 it writes to them, too. */
#if LIBBPF_MAJOR_VERSION == 1 && LIBBPF_MINOR_VERSION < 2
typedef const struct bpf_prog_load_opts load_opts;
#else
typedef struct bpf_prog_load_opts load_opts;
#endif

int bpf_prog_load(enum bpf_prog_type type, const char *name, const char *license,
		  const struct bpf_insn *insns, size_t n, load_opts *opts)
{
	return QLAZY_HAS(SO, bpf_prog_load)
		       ? QLAZY(SO, bpf_prog_load)(type, name, license, insns, n, opts)
		       : -ELIBACC;
}

int bpf_prog_attach(int prog_fd, int attachable_fd, enum bpf_attach_type type, unsigned int flags)
{
	return QLAZY(SO, bpf_prog_attach)(prog_fd, attachable_fd, type, flags);
}
