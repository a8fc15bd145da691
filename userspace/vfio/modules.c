// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/modules.h"

#include <errno.h>
#include <fcntl.h>
#include <libkmod.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "util/file.h"
#include "util/mem.h"

static struct kmod_ctx *context(void)
{
	struct kmod_ctx *ctx = qmem_check(kmod_new(NULL, NULL));

	/* What goes wrong is told by the errno; the library shall not print. */
	kmod_set_log_priority(ctx, LOG_EMERG);
	return ctx;
}

enum qmodule_state qmodule_gather(const char *name)
{
	enum qmodule_state state = QMODULE_MISSING;
	struct kmod_list *list = NULL, *i;
	struct kmod_ctx *ctx;
	char *path;

	path = qmem_printf("/sys/module/%s", name);
	if (qfile_exists(AT_FDCWD, path))
		state = QMODULE_LOADED;
	free(path);
	if (state == QMODULE_LOADED)
		return state;
	ctx = context();
	if (!kmod_module_new_from_lookup(ctx, name, &list)) {
		kmod_list_foreach(i, list) {
			struct kmod_module *mod = kmod_module_get_module(i);

			switch (kmod_module_get_initstate(mod)) {
			case KMOD_MODULE_BUILTIN:
			case KMOD_MODULE_LIVE:
				state = QMODULE_LOADED;
				break;
			default:
				if (state == QMODULE_MISSING && kmod_module_get_path(mod))
					state = QMODULE_AVAILABLE;
			}
			kmod_module_unref(mod);
		}
		kmod_module_unref_list(list);
	}
	kmod_unref(ctx);
	return state;
}

static int explain(int err, const char *name, struct qerr *e)
{
	switch (-err) {
	case ENOENT:
		return qerr_set(e, ENOENT, "module %s, or one that it needs, is not installed for the running "
				"kernel (or depmod has not been run)", name);
	case EKEYREJECTED:
		return qerr_set(e, EKEYREJECTED, "the kernel takes no module %s that is not signed with a key it "
				"knows: make modules_sign KEY= CERT=", name);
	case EPERM:
		return qerr_set(e, EPERM, "may not load module %s: run this as root (and not in lockdown, "
				"which takes signed modules only)", name);
	case ENOEXEC:
		return qerr_set(e, ENOEXEC, "module %s was built for another kernel: build it for the running one",
				name);
	default:
		return qerr_sys(e, -err, "can't load module %s", name);
	}
}

static int load_list(struct kmod_list *list, unsigned int flags, struct qerr *e)
{
	struct kmod_list *i;
	int err = 0;

	kmod_list_foreach(i, list) {
		struct kmod_module *mod = kmod_module_get_module(i);
		int one;

		one = kmod_module_probe_insert_module(mod, flags, NULL, NULL, NULL, NULL);
		/* Above zero: blacklisted, and left alone. */
		if (one < 0 && one != -EEXIST && !err)
			err = explain(one, kmod_module_get_name(mod), e);
		kmod_module_unref(mod);
	}
	return err;
}

int qmodule_load(const char *name, struct qerr *e)
{
	struct kmod_ctx *ctx = context();
	struct kmod_list *list = NULL;
	int err;

	err = kmod_module_new_from_lookup(ctx, name, &list);
	if (err < 0)
		err = explain(err, name, e);
	else if (!list)
		err = explain(-ENOENT, name, e);
	else
		err = load_list(list, 0, e);
	kmod_module_unref_list(list);
	kmod_unref(ctx);
	return err;
}

int qmodule_load_for(const char *addr, struct qerr *e)
{
	char *path = qmem_printf("/sys/bus/pci/devices/%s/modalias", addr), alias[128];
	struct kmod_list *list = NULL;
	struct kmod_ctx *ctx;
	int err;

	err = qfile_read(AT_FDCWD, path, alias, sizeof(alias));
	if (err < 0)
		qerr_sys(e, -err, "%s", path);
	free(path);
	if (err < 0)
		return err;
	ctx = context();
	err = kmod_module_new_from_lookup(ctx, alias, &list);
	err = err < 0 ? explain(err, alias, e) :
			load_list(list, KMOD_PROBE_APPLY_BLACKLIST_ALL, e);
	kmod_module_unref_list(list);
	kmod_unref(ctx);
	return err;
}
