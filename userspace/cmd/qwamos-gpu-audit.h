/* SPDX-License-Identifier: GPL-2.0-only */
/* Commands of qwamos-gpu audit, and what they share. */
#ifndef QWAMOS_CMD_QWAMOS_GPU_AUDIT_H
#define QWAMOS_CMD_QWAMOS_GPU_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "audit/kernel.h"

/* audit verify: nothing is wrong with the log, but neither is it proven as a whole. */
#define EXIT_NOT_ANCHORED 3

/** gpu_audit_verify() - qwamos-gpu audit verify */
int gpu_audit_verify(int argc, char **argv);
/** gpu_audit_head() - qwamos-gpu audit head */
int gpu_audit_head(int argc, char **argv);

/**
 * gpu_audit_follow() - print records as they come, until a signal ends the process
 * @ctl: control fd
 * @w: which
 * @json: as lines of JSON, with a saved log's header
 * @last: order of the last record that is not to be printed
 *
 * Return: exit status, if it can't go on
 */
int gpu_audit_follow(int ctl, const struct qaudit_want *w, bool json, uint64_t last);

/** gpu_audit_event() - for struct cmd_opt: an event's name to a number; @event: uint32_t */
const char *gpu_audit_event(void *event, const char *name);

#endif
