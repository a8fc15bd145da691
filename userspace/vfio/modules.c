// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/modules.h"

#include <errno.h>
#include <fcntl.h>
#include <libkmod.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/file.h"
#include "util/mem.h"

/* What goes wrong is told by the errno: the library shall not print. */
static void quiet(void *data, int priority, const char *file, int line, const char *fn,
		  const char *format, va_list args)
{
}

/*
 * It looks at the folder of the kernel's modules, so it is only made where one is missing; return:
 * NULL if libkmod can't be used.
 */
static struct kmod_ctx *open_ctx(void)
{
	struct kmod_ctx *ctx = kmod_new(NULL, NULL);

	if (ctx)
		kmod_set_log_fn(ctx, quiet, NULL);
	return ctx;
}

enum qmodule_state qmodule_gather(const char *name)
{
	char *path = qmem_printf("/sys/module/%s", name);
	bool loaded = qfile_exists(AT_FDCWD, path);
	enum qmodule_state state = QMODULE_MISSING;
	struct kmod_list *list = NULL, *i;
	struct kmod_module *mod;
	struct kmod_ctx *ctx;
	int is;

	free(path);
	if (loaded)
		return QMODULE_LOADED;
	ctx = open_ctx();
	/* Whoever loads it is told why that can't be. */
	if (!ctx)
		return QMODULE_AVAILABLE;
	if (kmod_module_new_from_lookup(ctx, name, &list) < 0)
		list = NULL;
	kmod_list_foreach(i, list) {
		mod = kmod_module_get_module(i);
		is = kmod_module_get_initstate(mod);
		if (is == KMOD_MODULE_BUILTIN || is == KMOD_MODULE_LIVE)
			state = QMODULE_LOADED;
		else if (state == QMODULE_MISSING && kmod_module_get_path(mod))
			state = QMODULE_AVAILABLE;
		kmod_module_unref(mod);
	}
	kmod_module_unref_list(list);
	kmod_unref(ctx);
	return state;
}

static int explain(int err, const char *name, struct qerr *e)
{
	switch (-err) {
	case ENOENT:
		return qerr_set(e, ENOENT,
				"module %s, or one that it needs, is not installed for the running "
				"kernel (or depmod has not been run)",
				name);
	case EKEYREJECTED:
		return qerr_set(e, EKEYREJECTED,
				"the kernel takes no module %s that is not signed with a key it "
				"knows: make modules_sign KEY= CERT=",
				name);
	case EPERM:
		return qerr_set(e, EPERM,
				"may not load module %s: run this as root (and not in lockdown, "
				"which takes signed modules only)",
				name);
	case ENOEXEC:
		return qerr_set(
			e, ENOEXEC,
			"module %s was built for another kernel: build it for the running one",
			name);
	default:
		return qerr_sys(e, -err, "can't load module %s", name);
	}
}

/* @name: a module's name or a device's modalias; @flags: of kmod_module_probe_insert_module() */
static int load(const char *name, unsigned int flags, struct qerr *e)
{
	struct kmod_list *list = NULL, *i;
	struct kmod_ctx *ctx = open_ctx();
	struct kmod_module *mod;
	int err, ret;

	if (!ctx)
		return qerr_set(e, ELIBACC,
				"libkmod, which loads modules, can't be used: is it installed?");
	ret = kmod_module_new_from_lookup(ctx, name, &list);
	/* By its name there must be one; a device may have none. */
	if (!ret && !list && !flags)
		ret = -ENOENT;
	if (ret < 0)
		explain(ret, name, e);
	kmod_list_foreach(i, list) {
		mod = kmod_module_get_module(i);
		err = kmod_module_probe_insert_module(mod, flags, NULL, NULL, NULL, NULL);
		/* Above zero: blacklisted, and left alone. */
		if (err < 0 && err != -EEXIST && ret >= 0)
			ret = explain(err, kmod_module_get_name(mod), e);
		kmod_module_unref(mod);
	}
	kmod_module_unref_list(list);
	kmod_unref(ctx);
	return ret < 0 ? ret : 0;
}

int qmodule_load(const char *name, struct qerr *e)
{
	return load(name, 0, e);
}

int qmodule_load_for(const char *addr, struct qerr *e)
{
	char *path = qmem_printf("/sys/bus/pci/devices/%s/modalias", addr), alias[128];
	int err = qfile_read(AT_FDCWD, path, alias, sizeof(alias));

	if (err < 0)
		qerr_sys(e, -err, "%s", path);
	free(path);
	return err < 0 ? err : load(alias, KMOD_PROBE_APPLY_BLACKLIST_ALL, e);
}
