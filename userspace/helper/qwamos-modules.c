// SPDX-License-Identifier: GPL-2.0-only
/* qwamos-modules: looks for kernel modules and loads them, by libkmod. See util/helper.h. */
#include <errno.h>
#include <libkmod.h>
#include <stdio.h>
#include <syslog.h>

#include "util/helper.h"
#include "util/mem.h"

static int state(struct kmod_ctx *ctx, const char *name)
{
	struct kmod_list *list = NULL, *i;
	struct kmod_module *mod;
	int found = 0;

	if (kmod_module_new_from_lookup(ctx, name, &list) < 0)
		return 0;
	kmod_list_foreach(i, list) {
		mod = kmod_module_get_module(i);
		switch (kmod_module_get_initstate(mod)) {
		case KMOD_MODULE_BUILTIN:
		case KMOD_MODULE_LIVE:
			found = 2;
			break;
		default:
			if (!found && kmod_module_get_path(mod))
				found = 1;
		}
		kmod_module_unref(mod);
	}
	kmod_module_unref_list(list);
	return found;
}

static void load(struct kmod_ctx *ctx, const char *name, unsigned int flags,
		 struct qhelper_answer *answer)
{
	struct kmod_list *list = NULL, *i;
	struct kmod_module *mod;
	int err;

	snprintf(answer->text, sizeof(answer->text), "%s", name);
	answer->result = kmod_module_new_from_lookup(ctx, name, &list);
	if (answer->result < 0)
		return;
	answer->result = 0;
	/* By its name there must be one; a device may have none. */
	if (!list && !flags)
		answer->result = -ENOENT;
	kmod_list_foreach(i, list) {
		mod = kmod_module_get_module(i);
		err = kmod_module_probe_insert_module(mod, flags, NULL, NULL, NULL, NULL);
		/* Above zero: blacklisted, and left alone. */
		if (err < 0 && err != -EEXIST && !answer->result) {
			answer->result = err;
			snprintf(answer->text, sizeof(answer->text), "%s",
				 kmod_module_get_name(mod));
		}
		kmod_module_unref(mod);
	}
	kmod_module_unref_list(list);
}

static void do_job(void *arg, const struct qhelper_job *job, struct qhelper_answer *answer)
{
	switch (job->what) {
	case QHELPER_STATE:
		answer->result = state(arg, job->text);
		break;
	case QHELPER_LOAD:
		load(arg, job->text, 0, answer);
		break;
	case QHELPER_LOAD_FOR:
		load(arg, job->text, KMOD_PROBE_APPLY_BLACKLIST_ALL, answer);
		break;
	default:
		answer->result = -EINVAL;
	}
}

int main(void)
{
	struct kmod_ctx *ctx = qmem_check(kmod_new(NULL, NULL));
	int status;

	/* What goes wrong is told by the errno; the library shall not print. */
	kmod_set_log_priority(ctx, LOG_EMERG);
	status = qhelper_serve(do_job, ctx);
	kmod_unref(ctx);
	return status;
}
