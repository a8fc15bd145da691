// SPDX-License-Identifier: GPL-2.0-only
#include "vm/find.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "util/mem.h"
#include "vm/vm.h"

/* Only for a hint: what stands in the current folder never decides what a name means. */
static bool is_file(const char *path)
{
	struct stat st;

	return !stat(path, &st) && !S_ISDIR(st.st_mode);
}

bool qvm_is_path(const char *vm)
{
	return strchr(vm, '/');
}

const char *qvm_dir(const char *vms_dir)
{
	const char *env = getenv("QWAMOS_VMS_DIR");

	return vms_dir ? vms_dir : env && *env ? env : QVM_DIR;
}

static int real_config(const char *config, char path[PATH_MAX], struct qerr *e)
{
	struct stat st;

	if (!realpath(config, path) || stat(path, &st))
		return qerr_sys(e, errno, "%s", config);
	if (S_ISDIR(st.st_mode))
		return qerr_set(e, EISDIR,
				"%s is a folder; accepted: the path of a config file, or a NAME",
				config);
	return 0;
}

int qvm_find_config(const char *vm, const char *vms_dir, char path[PATH_MAX], struct qerr *e)
{
	const char *dir = qvm_dir(vms_dir);
	char *config;
	int ret;

	if (qvm_is_path(vm))
		return real_config(vm, path, e);
	if (!qvm_name_ok(vm))
		return qerr_set(
			e, EINVAL,
			"'%s' is no name of a VM; accepted: the path of a config file, which has a slash, or a NAME for %s/NAME/" QVM_CONFIG,
			vm, dir);
	config = qmem_printf("%s/%s/" QVM_CONFIG, dir, vm);
	ret = real_config(config, path, e);
	if (ret == -ENOENT || ret == -ENOTDIR)
		ret = qerr_set(
			e, ENOENT,
			"no VM '%s': there is no %s; accepted: the path of a config file, which has a slash%s%s%s, or the name of a folder of %s (--vms-dir, $QWAMOS_VMS_DIR) that has a " QVM_CONFIG,
			vm, config, is_file(vm) ? " (./" : "", is_file(vm) ? vm : "",
			is_file(vm) ? ")" : "", dir);
	free(config);
	return ret;
}

/* Also one that can't be read; whoever reads it tells why. */
static bool has_config(const char *config)
{
	struct stat st;

	return !lstat(config, &st) || (errno != ENOENT && errno != ENOTDIR);
}

int qvm_list_configs(const char *vms_dir, struct qvm_config **list, size_t *n, struct qerr *e)
{
	const char *dir = qvm_dir(vms_dir);
	struct qvm_config *c;
	struct dirent **names;
	char real[PATH_MAX];
	char *config;
	int i, count;

	*list = NULL;
	*n = 0;
	count = scandir(dir, &names, NULL, alphasort);
	if (count < 0 && errno == ENOENT && !strcmp(dir, QVM_DIR))
		return 0;
	if (count < 0)
		return qerr_sys(e, errno, "%s", dir);
	for (i = 0; i < count; i++) {
		config = qmem_printf("%s/%s/" QVM_CONFIG, dir, names[i]->d_name);
		if (names[i]->d_name[0] != '.' && has_config(config)) {
			c = QMEM_GROW(*list, *n);
			c->dir = qmem_strdup(names[i]->d_name);
			c->path = qmem_strdup(realpath(config, real) ? real : config);
		}
		free(config);
		free(names[i]);
	}
	free(names);
	return 0;
}

void qvm_configs_free(struct qvm_config *list, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		free(list[i].dir);
		free(list[i].path);
	}
	free(list);
}
