/* SPDX-License-Identifier: GPL-2.0-only */
/* Inside this folder only. */
#ifndef QWAMOS_QEMU_INTERNAL_H
#define QWAMOS_QEMU_INTERNAL_H

#include "qemu/args.h"
#include "qemu/plan.h"

/** qemu_plan_gpu() - decide about the GPU, once @p->sandbox is known; as qemu_plan() */
void qemu_plan_gpu(const struct qconfig *c, const struct qemu_caps *caps, const struct qemu_host *h,
		   struct qemu_plan *p, struct qdiags *d);

/** qemu_plan_net() - decide about the network; as qemu_plan() */
void qemu_plan_net(const struct qconfig *c, const struct qemu_caps *caps, const struct qemu_host *h,
		   struct qemu_plan *p, struct qdiags *d);

/** qemu_add() - a word more; @word is ours to keep */
void qemu_add(struct qemu_args *a, char *word);
/** qemu_add_opt() - an option with its value; @value is ours to keep */
void qemu_add_opt(struct qemu_args *a, const char *option, char *value);
/** qemu_escape() - a value of QEMU's, in which a comma is written twice; return: free() it */
char *qemu_escape(const char *text);

/** qemu_args_net() - the network's words */
void qemu_args_net(const struct qconfig *c, const struct qemu_host *h, const struct qemu_plan *p,
		   struct qemu_args *a);

/** qemu_mac() - address of the network device; return: free() it */
char *qemu_mac(const struct qconfig *c);
/** qemu_window_mib() - how much of a VRAM quota the guest may map at once, in MiB */
unsigned int qemu_window_mib(int mib);

#endif
