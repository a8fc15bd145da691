// SPDX-License-Identifier: GPL-2.0-only
#include <stddef.h>
#include <libkmod.h>

#include "lazy/lazy.h"

#define SO "libkmod.so.2"

struct kmod_ctx *kmod_new(const char *dirname, const char *const *config_paths)
{
	return QLAZY_HAS(SO, kmod_new) ? QLAZY(SO, kmod_new)(dirname, config_paths) : NULL;
}

struct kmod_ctx *kmod_unref(struct kmod_ctx *ctx)
{
	return QLAZY(SO, kmod_unref)(ctx);
}

void kmod_set_log_fn(struct kmod_ctx *ctx,
		     void (*log_fn)(void *, int, const char *, int, const char *, const char *,
				    va_list),
		     const void *data)
{
	QLAZY(SO, kmod_set_log_fn)(ctx, log_fn, data);
}

struct kmod_list *kmod_list_next(const struct kmod_list *list, const struct kmod_list *curr)
{
	return QLAZY(SO, kmod_list_next)(list, curr);
}

int kmod_module_new_from_lookup(struct kmod_ctx *ctx, const char *given_alias,
				struct kmod_list **list)
{
	return QLAZY(SO, kmod_module_new_from_lookup)(ctx, given_alias, list);
}

struct kmod_module *kmod_module_get_module(const struct kmod_list *entry)
{
	return QLAZY(SO, kmod_module_get_module)(entry);
}

int kmod_module_get_initstate(const struct kmod_module *mod)
{
	return QLAZY(SO, kmod_module_get_initstate)(mod);
}

const char *kmod_module_get_path(const struct kmod_module *mod)
{
	return QLAZY(SO, kmod_module_get_path)(mod);
}

const char *kmod_module_get_name(const struct kmod_module *mod)
{
	return QLAZY(SO, kmod_module_get_name)(mod);
}

struct kmod_module *kmod_module_unref(struct kmod_module *mod)
{
	return QLAZY(SO, kmod_module_unref)(mod);
}

int kmod_module_unref_list(struct kmod_list *list)
{
	return QLAZY(SO, kmod_module_unref_list)(list);
}

int kmod_module_probe_insert_module(struct kmod_module *mod, unsigned int flags,
				    const char *extra_options,
				    int (*run_install)(struct kmod_module *, const char *, void *),
				    const void *data,
				    void (*print_action)(struct kmod_module *, bool, const char *))
{
	return QLAZY(SO, kmod_module_probe_insert_module)(mod, flags, extra_options, run_install,
							  data, print_action);
}
