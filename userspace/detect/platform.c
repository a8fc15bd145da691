// SPDX-License-Identifier: GPL-2.0-only
#include "detect/platform.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/file.h"
#include "util/mem.h"

/*
 * What a device tree calls GPUs (Documentation/devicetree/bindings/gpu and display/msm in the
 * kernel).
 */
static const char *const gpu_compatibles[] = {
	"arm,mali-*", "arm,mali",      "qcom,adreno*", "qcom,kgsl-3d*", "amd,imageon*",
	"brcm,*-v3d", "brcm,2835-v3d", "img,img-*",    "img,powervr-*", "nvidia,g[kmpv][0-9]*",
	"vivante,gc",
};

/* And what it calls what serves one: its IOMMU, its power controller. */
static const char *const no_gpus[] = { "qcom,adreno-smmu*", "qcom,adreno-gmu*" };

static bool is_gpu(const char *compatible)
{
	size_t i;

	for (i = 0; i < sizeof(no_gpus) / sizeof(no_gpus[0]); i++)
		if (!fnmatch(no_gpus[i], compatible, 0))
			return false;
	for (i = 0; i < sizeof(gpu_compatibles) / sizeof(gpu_compatibles[0]); i++)
		if (!fnmatch(gpu_compatibles[i], compatible, 0))
			return true;
	return false;
}

/* The first of a node's compatible strings (each ends in a NUL) that tells of a GPU. */
static bool find_gpu(const char *text, size_t len, struct qplat_dev *d)
{
	size_t at;

	for (at = 0; at < len; at += strlen(text + at) + 1) {
		if (!is_gpu(text + at))
			continue;
		snprintf(d->compatible, sizeof(d->compatible), "%s", text + at);
		return true;
	}
	return false;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct qplat_dev *)a)->name, ((const struct qplat_dev *)b)->name);
}

int qplat_gather(const char *sys, struct qplat_list *l, struct qerr *e)
{
	char *path = qmem_printf("%s/bus/platform/devices", sys);
	char *tree = qmem_printf("%s/firmware/devicetree", sys);
	char file[300], text[1024], group[16];
	ssize_t len;
	struct qplat_dev d;
	struct dirent *de;
	DIR *dir = NULL;
	int err = 0;

	memset(l, 0, sizeof(*l));
	/* Without a device tree no platform device is a GPU: nothing to read. */
	if (qfile_exists(AT_FDCWD, tree)) {
		dir = opendir(path);
		if (!dir && errno != ENOENT)
			err = qerr_sys(e, errno, "%s", path);
	}
	free(tree);
	free(path);
	if (!dir)
		return err;
	while ((de = readdir(dir))) {
		if (de->d_name[0] == '.')
			continue;
		memset(&d, 0, sizeof(d));
		/* Not uevent, which takes the device's lock. */
		snprintf(file, sizeof(file), "%s/of_node/compatible", de->d_name);
		len = qfile_read(dirfd(dir), file, text, sizeof(text));
		if (strlen(de->d_name) >= sizeof(d.name) || len <= 0 || !find_gpu(text, len, &d))
			continue;
		memcpy(d.name, de->d_name, strlen(de->d_name) + 1);
		snprintf(file, sizeof(file), "%s/driver", de->d_name);
		qfile_link_name(dirfd(dir), file, d.driver, sizeof(d.driver));
		snprintf(file, sizeof(file), "%s/iommu_group", de->d_name);
		d.group = qfile_link_name(dirfd(dir), file, group, sizeof(group)) ? -1
										  : atoi(group);
		*QMEM_GROW(l->devs, l->n) = d;
	}
	closedir(dir);
	if (l->n)
		qsort(l->devs, l->n, sizeof(*l->devs), by_name);
	return 0;
}

void qplat_list_free(struct qplat_list *l)
{
	free(l->devs);
	memset(l, 0, sizeof(*l));
}

struct qplat_dev *qplat_find(const struct qplat_list *l, const char *name)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (!strcmp(l->devs[i].name, name))
			return &l->devs[i];
	return NULL;
}
