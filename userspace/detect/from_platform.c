// SPDX-License-Identifier: GPL-2.0-only
/* Detection, the platform bus: GPUs that the device tree tells of. */
#include <fcntl.h>
#include <stdio.h>

#include "detect/platform.h"
#include "detect/source.h"
#include "util/json.h"
#include "util/mem.h"

static void add_gpu(struct qdetect *d, const struct qplat_dev *p)
{
	struct json_object *gpu = qdetect_new_gpu(d, p->name, "platform");

	qvendor_set(gpu, qvendor_compatible(p->compatible));
	qjson_add_str(gpu, "compatible", p->compatible);
	qdetect_set_str(gpu, "driver", p->driver);
	if (p->group >= 0)
		qjson_add_int(gpu, "iommu_group", p->group);
	/*
	 * The group comes with the first driver: without one, the tree still tells whether there is
	 * an IOMMU before it.
	 */
	qjson_add_bool(gpu, "behind_iommu",
		       p->group >= 0 ||
			       qdetect_exists(d, "sys/bus/platform/devices/%s/of_node/iommus",
					      p->name));
}

static int gather(struct qdetect *d, struct qerr *e)
{
	struct qplat_list l;
	size_t i;
	int err;

	err = qplat_gather(d->sys, &l, e);
	if (err)
		return err;
	for (i = 0; i < l.n; i++)
		add_gpu(d, &l.devs[i]);
	qplat_list_free(&l);
	return 0;
}

const struct qdetect_source qdetect_platform = { .name = "platform", .gather = gather };
