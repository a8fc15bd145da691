/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/*
 * What a DRM ioctl does: a table for each driver, and one for the calls of DRM itself. Pure: no
 * allocation, no lock, no kernel service; also built for userspace.
 *
 * A call that stands in no table is refused. A decoder sees the kernel's copy of the argument,
 * which nobody can change any more, at least as long as the table says and zero beyond what the
 * caller gave.
 */
#ifndef QWAMOS_GATE_DECODE_H
#define QWAMOS_GATE_DECODE_H

#include "../pure.h"
#include <linux/qwamos_gpu.h>

/**
 * enum qgate_kind - how the gate carries a call out
 * @QGATE_UNKNOWN: it stands in no table: refused (NOT_DECODED)
 * @QGATE_NEVER: refused, whatever the policy (NOT_OFFERED)
 * @QGATE_PASS: the driver gets the copy
 * @QGATE_ALLOC: likewise, and makes an object that is charged
 * @QGATE_CONTEXT: likewise, and makes the file's context, which may have Vulkan
 * @QGATE_FORWARD: the caller's argument itself is passed on: no verdict and no charge depends on it
 * @QGATE_OURS: a call of DRM itself that the gate carries out
 */
enum qgate_kind {
	QGATE_UNKNOWN,
	QGATE_NEVER,
	QGATE_PASS,
	QGATE_ALLOC,
	QGATE_CONTEXT,
	QGATE_FORWARD,
	QGATE_OURS,
};

/**
 * struct qgate_what - what one call does, as its argument tells
 * @op: &enum qwamos_gpu_op that the policy must allow, or NONE: each VM with a gate may
 * @size: bytes that the object takes at least, %U64_MAX: more than a number holds
 * @kept: how many things more, or less, the driver keeps for the file afterwards
 * @vulkan: the context has Vulkan
 * @paced: it submits work
 * @never: the argument asks for what no gate lets through
 */
struct qgate_what {
	__u32 op;
	__u64 size;
	__s32 kept;
	bool vulkan;
	bool paced;
	bool never;
};

/**
 * struct qgate_nested - memory of the caller's that an argument points to, and that decides
 * @pointer: where the pointer (u64) stands in the argument
 * @count: where the number of elements (u32) stands
 * @size: bytes of an element
 * @most: most elements
 * @judge: what they do, added to what the argument says
 */
struct qgate_nested {
	__u16 pointer;
	__u16 count;
	__u16 size;
	__u16 most;
	void (*judge)(const void *elements, __u32 n, struct qgate_what *what);
};

/**
 * struct qgate_call - a row of a table
 * @name: of the call, as its header has it; NULL: there is no such row
 * @kind: &enum qgate_kind
 * @op: &enum qwamos_gpu_op, unless @look says otherwise
 * @size: bytes of its struct that @look and the rest of the row rely on
 * @handle: of QGATE_ALLOC: where the handle (u32) of the object stands that is made
 * @compat: the argument of a 32-bit program looks the same
 * @paced: it draws on the VM's rate
 * @fix: asks for what the gate insists on (cleared memory), in the copy, or NULL
 * @look: what the argument says beyond that, or NULL
 * @nested: what else has to be read, or NULL
 */
struct qgate_call {
	const char *name;
	__u8 kind;
	__u8 op;
	__u16 size;
	__u16 handle;
	bool compat;
	bool paced;
	void (*fix)(void *arg);
	void (*look)(const void *arg, struct qgate_what *what);
	const struct qgate_nested *nested;
};

/**
 * struct qgate_table - the calls of a driver, or of DRM itself
 * @driver: the driver's name
 * @n: length of @calls
 * @calls: by number, from DRM_COMMAND_BASE on, or, of DRM itself, from 0 on
 * @wakes: the driver's own ioctl() wakes the GPU before it calls DRM's
 * @compute_inseparable: what computes can't be told from what draws
 * @own_mappings: the driver does not look for its mappings, and has all of them at the same offsets
 */
struct qgate_table {
	const char *driver;
	__u32 n;
	const struct qgate_call *calls;
	bool wakes;
	bool compute_inseparable;
	bool own_mappings;
};

extern const struct qgate_table qgate_core;
extern const struct qgate_table qgate_virtio_gpu;
extern const struct qgate_table qgate_amdgpu;

const struct qgate_table *qgate_table(const char *driver);
const struct qgate_call *qgate_call(const struct qgate_table *table, __u32 nr);
void qgate_decode(const struct qgate_call *call, const void *arg, struct qgate_what *what);
__u64 qgate_times(__u64 a, __u64 b);

#endif /* QWAMOS_GATE_DECODE_H */
