/* SPDX-License-Identifier: GPL-2.0-only */
/* What the processes of a VM's cgroup use, and the most that they may. */
#ifndef QWAMOS_VM_USAGE_H
#define QWAMOS_VM_USAGE_H

#include <stddef.h>
#include <stdint.h>

/* A figure that nobody tells; a limit that there is not. */
#define QVM_UNKNOWN  (-1)
#define QVM_NO_LIMIT INT64_MAX

/** QVM_USAGE_DISKS - of how many disks limits are told */
#define QVM_USAGE_DISKS 4

/**
 * struct qvm_usage_io - the most that may be read and written of a disk; QVM_NO_LIMIT: no limit
 * @disk: its number ("8:0")
 * @read_bytes: bytes in a second
 * @write_bytes: bytes in a second
 * @read_ops: operations in a second
 * @write_ops: operations in a second
 */
struct qvm_usage_io {
	char disk[24];
	int64_t read_bytes;
	int64_t write_bytes;
	int64_t read_ops;
	int64_t write_ops;
};

/**
 * struct qvm_usage - it; QVM_UNKNOWN where the controller is not switched on for the cgroup
 * @memory: bytes
 * @memory_max: most bytes, or QVM_NO_LIMIT
 * @memory_peak: most bytes that it ever was; kernels before 5.19 don't tell
 * @pids: processes and threads
 * @pids_max: most of them, or QVM_NO_LIMIT
 * @cpu_us: time of all CPUs so far, in us
 * @cpu_max_percent: most time, in percent of one CPU, or QVM_NO_LIMIT
 * @io: disks of which not all may be read and written
 * @n_io: their number
 */
struct qvm_usage {
	int64_t memory;
	int64_t memory_max;
	int64_t memory_peak;
	int64_t pids;
	int64_t pids_max;
	int64_t cpu_us;
	int64_t cpu_max_percent;
	struct qvm_usage_io io[QVM_USAGE_DISKS];
	size_t n_io;
};

/** qvm_usage_read() - read it; @cgroup: path of the cgroup, which may be gone */
void qvm_usage_read(const char *cgroup, struct qvm_usage *u);

#endif
