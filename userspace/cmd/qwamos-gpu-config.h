/* SPDX-License-Identifier: GPL-2.0-only */
/* Commands of qwamos-gpu that read configs of VMs; they need neither the module nor root. */
#ifndef QWAMOS_CMD_QWAMOS_GPU_CONFIG_H
#define QWAMOS_CMD_QWAMOS_GPU_CONFIG_H

#include <stddef.h>

#include "config/diag.h"

/** gpu_config() - qwamos-gpu config COMMAND */
int gpu_config(int argc, char **argv);
/** gpu_qemu_args() - qwamos-gpu qemu-args */
int gpu_qemu_args(int argc, char **argv);
/** gpu_export() - qwamos-gpu export FORMAT */
int gpu_export(int argc, char **argv);

/** gpu_tell() - what is said about a config, from the number @from on, on stderr */
void gpu_tell(const struct qdiags *d, size_t from);

#endif
