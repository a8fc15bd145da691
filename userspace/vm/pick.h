/* SPDX-License-Identifier: GPL-2.0-only */
/* Which devices a VM gets: the GPU that nobody else needs, and all that comes with one. */
#ifndef QWAMOS_VM_PICK_H
#define QWAMOS_VM_PICK_H

#include <stddef.h>

#include "detect/pci.h"
#include "util/err.h"

/**
 * qvm_pick_gpu() - the only free GPU that is neither the boot VGA nor the console
 * @addr: out
 * @e: error: none, or several, which are listed
 *
 * Return: 0 or a negative errno (-ENODEV: none; -ENOTUNIQ: several)
 */
int qvm_pick_gpu(char addr[QPCI_ADDR_LEN], struct qerr *e);

/**
 * qvm_endpoints() - all endpoints of the IOMMU groups of these devices, bridges left out
 * @addrs: addresses, in full
 * @n: their number
 * @list: out: addresses in order; free() it
 * @n_list: out: their number
 * @together: out: two of them are in one group
 * @e: error, may be NULL
 *
 * Return: 0 or a negative errno (-ENODEV: one is no GPU nor near one)
 */
int qvm_endpoints(const char *const *addrs, size_t n, char (**list)[QPCI_ADDR_LEN], size_t *n_list,
		  bool *together, struct qerr *e);

#endif
