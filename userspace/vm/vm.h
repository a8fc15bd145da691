/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM's life as its supervisor sees it, the same for `qwamos-gpu vm run` and `qwamos-vm start`:
 * qvm_setup() makes the VM and gives it its devices, qvm_spawn() starts its program as the VM's
 * process, qvm_wait() watches it, qvm_end() ends the VM and puts everything back. Whatever kills
 * the supervisor, the kernel ends the VM; qvm_mend() in the next run puts back what the kernel does
 * not know of.
 */
#ifndef QWAMOS_VM_VM_H
#define QWAMOS_VM_VM_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <linux/qwamos_gpu.h>

#include "sandbox/calls.h"
#include "vm/budget.h"
#include "sandbox/sandbox.h"
#include "util/err.h"
#include "vm/cgroup.h"
#include "vm/gate.h"
#include "vm/record.h"
#include "vm/super.h"
#include "vm/user.h"

/** QVM_ENV - the variable by which the VM's program finds its use fd */
#define QVM_ENV "QWAMOS_GPU_VM_FD"

/* Flags of struct qvm_opts. */
#define QVM_F_NO_BIND  (1U << 0) /* do not bind devices that are not on our driver */
#define QVM_F_YES      (1U << 1) /* binding may take companion functions */
#define QVM_F_UNWIPED  (1U << 2) /* companions that nobody knows how to wipe are accepted */
#define QVM_F_SHARED   (1U << 3) /* its disks may be those of VMs that run */
#define QVM_F_GATE_ANY (1U << 4) /* any of its processes may open its gate */

/**
 * struct qvm_words - how limits are called where people set them, for errors ("--vram")
 * @vram: most VRAM, in MiB
 * @cap: most GPU time
 * @guarantee: GPU time that it gets under any contention
 */
struct qvm_words {
	const char *vram;
	const char *cap;
	const char *guarantee;
};

/**
 * qvm_set_policy() - give a VM its policy, or change it: all that is asked, or nothing
 * @manage: its manage fd
 * @name: its name
 * @req: what is asked
 * @words: how that is called
 * @e: error: what was asked, and what would have been accepted
 *
 * Return: 0 or a negative errno
 */
int qvm_set_policy(int manage, const char *name, struct qwamos_gpu_vm_set_policy *req,
		   const struct qvm_words *words, struct qerr *e);

/**
 * struct qvm_opts - what VM to make
 * @name: its name
 * @policy: its policy; must hold a level, or nothing: then it has none. The guarantee is on its
 *     first device, if it has any
 * @words: how @policy is called where people set it
 * @devices: addresses of its devices, in full
 * @n_devices: their number
 * @gate: render node of a GPU that it gets a gate to; NULL: none
 * @scrub: &enum qwamos_gpu_scrub that is demanded of its devices
 * @config: its config file, for the record; NULL: none
 * @config_sha256: digest of what was read of it, in hex; NULL: none
 * @disks: what it is to read and write of the host's files
 * @n_disks: their number
 * @disk_paths: what each is called in errors
 * @flags: QVM_F_*
 * @say: told what is being done and found, one line at a time without a newline; NULL: nobody
 * @say_arg: its argument
 */
struct qvm_opts {
	const char *name;
	struct qwamos_gpu_vm_set_policy policy;
	struct qvm_words words;
	const char *const *devices;
	size_t n_devices;
	const struct qvm_render *gate;
	uint32_t scrub;
	const char *config;
	const char *config_sha256;
	const struct qrecord_disk *disks;
	size_t n_disks;
	const char *const *disk_paths;
	unsigned int flags;
	void (*say)(void *arg, const char *line);
	void *say_arg;
};

/**
 * struct qvm - one VM
 * @opts: as given
 * @ctl: control fd
 * @manage: manage fd; its close ends the VM
 * @use: use fd, -1 once the program has it
 * @id: id in the kernel, 0: there is none
 * @cg: its cgroups
 * @super: where its supervisor stands
 * @rec: its record
 * @held: device ids of all endpoints that it was given
 * @n_held: their number
 * @gate: its gate
 * @refused: why the kernel has not given it a device or gate, &enum qwamos_gpu_reason; 0: it was
 *     not asked or has given all
 * @no_gate: it could not have its gate, for whatever reason
 * @pid: its program, 0: not started
 * @pidfd: of it
 * @calls: those that its sandbox refuses
 * @untold_calls: some of them were not written down yet
 * @told_calls: when that was last done, in ms
 * @calls_cpu: what answering them may take of a CPU's time, in ns
 */
struct qvm {
	struct qvm_opts opts;
	int ctl;
	int manage;
	int use;
	uint64_t id;
	struct qcgroup cg;
	struct qsuper super;
	struct qrecord rec;
	uint64_t *held;
	size_t n_held;
	struct qvm_gate gate;
	uint32_t refused;
	bool no_gate;
	pid_t pid;
	int pidfd;
	struct qsandbox_refused calls;
	bool untold_calls;
	int64_t told_calls;
	struct qbudget calls_cpu;
};

/**
 * qvm_setup() - make the VM: cgroup, policy, devices
 * @vm: out; qvm_end() it, also after a failure
 * @o: what to make; must live as long as @vm
 * @e: error: what was refused, why, and what stands in the way
 *
 * Devices that are not on our driver are bound, unless QVM_F_NO_BIND is given, but only once the
 * kernel has nothing else against giving them.
 *
 * Return: 0 or a negative errno
 */
int qvm_setup(struct qvm *vm, const struct qvm_opts *o, struct qerr *e);

/**
 * struct qvm_program - what the VM's process runs
 * @argv: its arguments, NULL at the end; argv[0] is looked up on PATH
 * @keep: fds that it gets beside 0, 1, 2 and the use fd, under the same numbers
 * @n_keep: their number
 * @memlock: RLIMIT_MEMLOCK in bytes, 0: as it is
 * @sandbox: where it runs; NULL: as the supervisor does, with its environment
 * @user: whom it runs as, without @sandbox; NULL: as the supervisor does. Of /dev/vfio it sees what
 *     the VM's devices need, as that user's; if it has any, all memory may be locked for DMA. With
 *     a gate it sees nothing but that in /dev/dri
 * @out_fd: its stdout and stderr, its stdin being empty; <= 0: those of the supervisor
 */
struct qvm_program {
	char *const *argv;
	const int *keep;
	size_t n_keep;
	rlim_t memlock;
	const struct qsandbox *sandbox;
	const struct qvm_user *user;
	int out_fd;
};

/**
 * qvm_spawn() - start the VM's program: in its cgroup, joined, with no other fd than those it is to
 * have
 * @vm: the VM
 * @p: the program
 * @e: error, may be NULL
 *
 * Return: 0; -ENOENT or another negative errno of execvp() with @e->err set to it; or the errno of
 * what failed before.
 */
int qvm_spawn(struct qvm *vm, const struct qvm_program *p, struct qerr *e);

/** QVM_WATCH_FDS - how many fds a struct qvm_watch may have */
#define QVM_WATCH_FDS 16

/**
 * struct qvm_watch - what to do while the program runs; all may be NULL
 * @arg: argument of the functions
 * @fds: asked each time which further fds to poll: fills @p, returns their number
 * @ready: these fds, polled; with @fds only
 * @on_signal: a signal came for the supervisor; return: true: taken care of, else it goes to the
 * program
 * @tick: called at least every @tick_ms; return: nothing
 * @tick_ms: in ms, -1: never
 * @timeout: how long may be waited for @fds, in ms; gets @tick_ms, and may shorten it
 */
struct qvm_watch {
	void *arg;
	size_t (*fds)(void *arg, struct pollfd p[QVM_WATCH_FDS]);
	void (*ready)(void *arg, const struct pollfd *p, size_t n);
	bool (*on_signal)(void *arg, int signo);
	void (*tick)(void *arg);
	int tick_ms;
	int (*timeout)(void *arg, int tick_ms);
};

/**
 * qvm_signals() - block the signals that qvm_wait() passes on; call before qvm_setup(), so that
 * none ends the supervisor half-way
 */
void qvm_signals(void);

/**
 * qvm_wait() - pass signals on until the program has ended
 * @vm: the VM
 * @w: what else to do, may be NULL
 * @status: out: its exit status, or 128 + the number of the signal that ended it
 * @e: error, may be NULL
 *
 * Return: 0 or a negative errno
 */
int qvm_wait(struct qvm *vm, const struct qvm_watch *w, int *status, struct qerr *e);

/**
 * qvm_end() - end the VM, wait until its processes are gone and its devices reset, unbind what was
 * bound for it, remove its cgroup
 * @vm: the VM, however far it came
 * @e: error, may be NULL; what could not be put back stays in the record, for the next run
 *
 * Return: 0 or a negative errno
 */
int qvm_end(struct qvm *vm, struct qerr *e);

/**
 * qvm_mend() - put back what supervisors that were killed have left: cgroups, bindings
 * @ctl: control fd, -1: the module is not loaded
 * @say: as in struct qvm_opts
 * @say_arg: its argument
 *
 * VMs that can't be put back are told through @say and stay for the next time.
 */
void qvm_mend(int ctl, void (*say)(void *arg, const char *line), void *say_arg);

/** qvm_name_ok() - is it a name that a VM may have? */
bool qvm_name_ok(const char *name);

#endif
