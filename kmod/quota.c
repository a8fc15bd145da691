// SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later
/* Promises of GPU time: see quota.h. */
#include "quota.h"

/**
 * qgpu_guarantee_fits() - may a VM be promised a part of a GPU's time?
 * @asked: the part, in percent
 * @others: what other VMs are promised of the same GPU, in percent
 * @cap: most time that the VM may have, in percent
 * @used: out, if not: of @limit, what is taken
 * @limit: out, if not: what it is held against
 *
 * The caller keeps the promises of others as they are meanwhile.
 */
bool qgpu_guarantee_fits(__u32 asked, __u32 others, __u32 cap, __u32 *used, __u32 *limit)
{
	if (asked > cap) {
		*used = 0;
		*limit = cap;
		return false;
	}
	if (others > QGPU_GUARANTEES_PERCENT || asked > QGPU_GUARANTEES_PERCENT - others) {
		*used = others;
		*limit = QGPU_GUARANTEES_PERCENT;
		return false;
	}
	return true;
}
