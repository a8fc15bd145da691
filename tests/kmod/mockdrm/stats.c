// SPDX-License-Identifier: GPL-2.0-only
/* What tests read: a counter is a parameter of the module. */
#include <linux/bug.h>
#include <linux/moduleparam.h>
#include <linux/sysfs.h>
#include "mockdrm.h"

atomic64_t mock_stats[MOCK_STATS];

static int mock_stat_get(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%lld\n", atomic64_read(kp->arg));
}

static const struct kernel_param_ops mock_stat_ops = { .get = mock_stat_get };

#define MOCK_STAT_PARAM(name, stat) \
	module_param_cb(name, &mock_stat_ops, &mock_stats[MOCK_STAT_##stat], 0444)

MOCK_STAT_PARAM(objects, OBJECTS);
MODULE_PARM_DESC(objects, "live objects");
MOCK_STAT_PARAM(bytes, BYTES);
MODULE_PARM_DESC(bytes, "bytes of live objects");
MOCK_STAT_PARAM(vram_bytes, VRAM);
MODULE_PARM_DESC(vram_bytes, "bytes in VRAM");
MOCK_STAT_PARAM(evictions, EVICTIONS);
MODULE_PARM_DESC(evictions, "objects moved out of VRAM");
MOCK_STAT_PARAM(faults, FAULTS);
MODULE_PARM_DESC(faults, "page faults served");
MOCK_STAT_PARAM(gfx_submitted, GFX_SUBMITTED);
MODULE_PARM_DESC(gfx_submitted, "jobs given to the graphics ring");
MOCK_STAT_PARAM(gfx_finished, GFX_FINISHED);
MODULE_PARM_DESC(gfx_finished, "jobs that the graphics ring has ended");
MOCK_STAT_PARAM(compute_submitted, COMPUTE_SUBMITTED);
MODULE_PARM_DESC(compute_submitted, "jobs given to the compute ring");
MOCK_STAT_PARAM(compute_finished, COMPUTE_FINISHED);
MODULE_PARM_DESC(compute_finished, "jobs that the compute ring has ended");
MOCK_STAT_PARAM(fences, FENCES);
MODULE_PARM_DESC(fences, "live fences");
MOCK_STAT_PARAM(contexts, CONTEXTS);
MODULE_PARM_DESC(contexts, "live contexts");
MOCK_STAT_PARAM(clients, CLIENTS);
MODULE_PARM_DESC(clients, "open files");
MOCK_STAT_PARAM(opens, OPENS);
MODULE_PARM_DESC(opens, "opens since the module was loaded");
MOCK_STAT_PARAM(asleep, ASLEEP);
MODULE_PARM_DESC(asleep, "objects made and jobs submitted while the device was suspended");

/**
 * mock_stats_check() - Warn of what is left when the module goes
 */
void mock_stats_check(void)
{
	static const enum mock_stat live[] = { MOCK_STAT_OBJECTS,  MOCK_STAT_BYTES,
					       MOCK_STAT_VRAM,	   MOCK_STAT_FENCES,
					       MOCK_STAT_CONTEXTS, MOCK_STAT_CLIENTS };
	int i;

	for (i = 0; i < ARRAY_SIZE(live); i++)
		WARN(atomic64_read(&mock_stats[live[i]]), "mockdrm: counter %d is %lld, not 0\n",
		     live[i], atomic64_read(&mock_stats[live[i]]));
}
