// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/modules.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <libkmod.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "util/file.h"
#include "util/mem.h"

/*
 * libkmod is opened only where a module is to be looked up or loaded: with all that it needs
 * (libcrypto, zstd, lzma) it takes longer to link than a bind takes otherwise, and once the modules
 * are there it is not needed.
 */
struct kmod {
	void *lib;
	struct kmod_ctx *ctx;
	__typeof__(kmod_new) *make;
	__typeof__(kmod_unref) *unref;
	__typeof__(kmod_set_log_priority) *set_log_priority;
	__typeof__(kmod_list_next) *list_next;
	__typeof__(kmod_module_new_from_lookup) *lookup;
	__typeof__(kmod_module_get_module) *get_module;
	__typeof__(kmod_module_get_name) *get_name;
	__typeof__(kmod_module_get_path) *get_path;
	__typeof__(kmod_module_get_initstate) *get_initstate;
	__typeof__(kmod_module_probe_insert_module) *insert;
	__typeof__(kmod_module_unref) *module_unref;
	__typeof__(kmod_module_unref_list) *unref_list;
};

static int kmod_open(struct kmod *k, struct qerr *e)
{
	const struct {
		const char *name;
		void **fn;
	} fns[] = {
		{ "kmod_new", (void **)&k->make },
		{ "kmod_unref", (void **)&k->unref },
		{ "kmod_set_log_priority", (void **)&k->set_log_priority },
		{ "kmod_list_next", (void **)&k->list_next },
		{ "kmod_module_new_from_lookup", (void **)&k->lookup },
		{ "kmod_module_get_module", (void **)&k->get_module },
		{ "kmod_module_get_name", (void **)&k->get_name },
		{ "kmod_module_get_path", (void **)&k->get_path },
		{ "kmod_module_get_initstate", (void **)&k->get_initstate },
		{ "kmod_module_probe_insert_module", (void **)&k->insert },
		{ "kmod_module_unref", (void **)&k->module_unref },
		{ "kmod_module_unref_list", (void **)&k->unref_list },
	};
	size_t i;

	k->lib = dlopen("libkmod.so.2", RTLD_NOW | RTLD_LOCAL);
	for (i = 0; k->lib && i < sizeof(fns) / sizeof(fns[0]); i++) {
		*fns[i].fn = dlsym(k->lib, fns[i].name);
		if (*fns[i].fn)
			continue;
		dlclose(k->lib);
		k->lib = NULL;
	}
	if (!k->lib)
		return qerr_set(e, ELIBACC, "libkmod, which loads modules, can't be used: %s",
				dlerror());
	k->ctx = qmem_check(k->make(NULL, NULL));
	/* What goes wrong is told by the errno; the library shall not print. */
	k->set_log_priority(k->ctx, LOG_EMERG);
	return 0;
}

static void kmod_close(struct kmod *k)
{
	k->unref(k->ctx);
	dlclose(k->lib);
}

#define FOR_EACH_MODULE(k, i, list) for (i = list; i; i = (k)->list_next(list, i))

enum qmodule_state qmodule_gather(const char *name)
{
	enum qmodule_state state = QMODULE_MISSING;
	struct kmod_list *list = NULL, *i;
	struct kmod_module *mod;
	struct kmod k;
	char *path;

	path = qmem_printf("/sys/module/%s", name);
	if (qfile_exists(AT_FDCWD, path))
		state = QMODULE_LOADED;
	free(path);
	if (state == QMODULE_LOADED)
		return state;
	if (kmod_open(&k, NULL))
		return QMODULE_UNKNOWN;
	if (k.lookup(k.ctx, name, &list) < 0)
		list = NULL;
	FOR_EACH_MODULE(&k, i, list)
	{
		mod = k.get_module(i);
		switch (k.get_initstate(mod)) {
		case KMOD_MODULE_BUILTIN:
		case KMOD_MODULE_LIVE:
			state = QMODULE_LOADED;
			break;
		default:
			if (state == QMODULE_MISSING && k.get_path(mod))
				state = QMODULE_AVAILABLE;
		}
		k.module_unref(mod);
	}
	k.unref_list(list);
	kmod_close(&k);
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

static int load_list(struct kmod *k, struct kmod_list *list, unsigned int flags, struct qerr *e)
{
	struct kmod_module *mod;
	struct kmod_list *i;
	int err = 0, one;

	FOR_EACH_MODULE(k, i, list)
	{
		mod = k->get_module(i);
		one = k->insert(mod, flags, NULL, NULL, NULL, NULL);
		/* Above zero: blacklisted, and left alone. */
		if (one < 0 && one != -EEXIST && !err)
			err = explain(one, k->get_name(mod), e);
		k->module_unref(mod);
	}
	return err;
}

int qmodule_load(const char *name, struct qerr *e)
{
	struct kmod_list *list = NULL;
	struct kmod k;
	int err;

	err = kmod_open(&k, e);
	if (err)
		return err;
	err = k.lookup(k.ctx, name, &list);
	if (err < 0)
		err = explain(err, name, e);
	else if (!list)
		err = explain(-ENOENT, name, e);
	else
		err = load_list(&k, list, 0, e);
	k.unref_list(list);
	kmod_close(&k);
	return err;
}

int qmodule_load_for(const char *addr, struct qerr *e)
{
	char *path = qmem_printf("/sys/bus/pci/devices/%s/modalias", addr), alias[128];
	struct kmod_list *list = NULL;
	struct kmod k;
	int err;

	err = qfile_read(AT_FDCWD, path, alias, sizeof(alias));
	if (err < 0)
		qerr_sys(e, -err, "%s", path);
	free(path);
	if (err < 0)
		return err;
	err = kmod_open(&k, e);
	if (err)
		return err;
	err = k.lookup(k.ctx, alias, &list);
	err = err < 0 ? explain(err, alias, e)
		      : load_list(&k, list, KMOD_PROBE_APPLY_BLACKLIST_ALL, e);
	k.unref_list(list);
	kmod_close(&k);
	return err;
}
