/* SPDX-License-Identifier: GPL-2.0-only */
/* qwamos-vm start: what its two halves, deciding and doing, have in common. */
#ifndef QWAMOS_CMD_QWAMOS_VM_START_H
#define QWAMOS_CMD_QWAMOS_VM_START_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "qemu/args.h"
#include "qemu/plan.h"
#include "util/err.h"
#include "vm/confine.h"
#include "vm/files.h"
#include "vm/host.h"

/**
 * struct start - one run of it
 * @dry_run: option
 * @json: option
 * @strict: option
 * @yes: option
 * @foreground: option
 * @grace_s: option: how long the guest has to power off
 * @serial: option: file for its serial console, NULL: none
 * @screen: option: it can be seen by VNC
 * @vms_dir: option: where VMs are, NULL: the usual place
 * @config: the VM
 * @diags: what there is to say of the config
 * @path: of the config
 * @files: those of this computer that it names
 * @host: what this computer has
 * @plan: what of it the VM gets
 * @confine: what its QEMU may see and take
 */
struct start {
	bool dry_run;
	bool json;
	bool strict;
	bool yes;
	bool foreground;
	uint64_t grace_s;
	const char *serial;
	bool screen;
	const char *vms_dir;
	struct qconfig config;
	struct qdiags diags;
	char path[PATH_MAX];
	struct qvm_files files;
	struct qvm_host host;
	struct qemu_plan plan;
	struct qconfine confine;
};

/** start_plan() - decide what the VM gets of @s->host; return: 0 or an exit status */
int start_plan(struct start *s);

/** start_passthrough() - does it get a GPU passed through? */
bool start_passthrough(const struct start *s);

/** start_run() - start it and watch it; return: the exit status */
int start_run(struct start *s);

#endif
