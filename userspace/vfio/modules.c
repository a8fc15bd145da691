// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/modules.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/file.h"
#include "util/helper.h"
#include "util/mem.h"

#define HELPER "qwamos-modules"

/* Return: 0, and what the helper said; or a negative errno, if it could not be asked */
static int ask(enum qhelper_modules what, const char *text, struct qhelper_answer *answer,
	       struct qerr *e)
{
	struct qhelper_job job = { .what = what };
	struct qhelper h;
	int err;

	if ((size_t)snprintf(job.text, sizeof(job.text), "%s", text) >= sizeof(job.text))
		return qerr_sys(e, ENAMETOOLONG, "%s", text);
	err = qhelper_start(&h, HELPER);
	if (err)
		return qerr_sys(e, -err,
				HELPER ", which loads modules (and stands in " QHELPER_DIR
				       " beside this program)");
	err = qhelper_ask(&h, &job, answer);
	qhelper_end(&h);
	return err ? qerr_set(e, -err, HELPER ", which loads modules, has died") : 0;
}

enum qmodule_state qmodule_gather(const char *name)
{
	static const enum qmodule_state states[] = { QMODULE_MISSING, QMODULE_AVAILABLE,
						     QMODULE_LOADED };
	char *path = qmem_printf("/sys/module/%s", name);
	bool loaded = qfile_exists(AT_FDCWD, path);
	struct qhelper_answer answer;

	free(path);
	if (loaded)
		return QMODULE_LOADED;
	if (ask(QHELPER_STATE, name, &answer, NULL) || answer.result < 0 || answer.result > 2)
		return QMODULE_UNKNOWN;
	return states[answer.result];
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

static int load(enum qhelper_modules what, const char *text, struct qerr *e)
{
	struct qhelper_answer answer;
	int err = ask(what, text, &answer, e);

	if (!err && answer.result)
		err = explain(answer.result, answer.text, e);
	return err;
}

int qmodule_load(const char *name, struct qerr *e)
{
	return load(QHELPER_LOAD, name, e);
}

int qmodule_load_for(const char *addr, struct qerr *e)
{
	char *path = qmem_printf("/sys/bus/pci/devices/%s/modalias", addr), alias[128];
	int err = qfile_read(AT_FDCWD, path, alias, sizeof(alias));

	if (err < 0)
		qerr_sys(e, -err, "%s", path);
	free(path);
	return err < 0 ? err : load(QHELPER_LOAD_FOR, alias, e);
}
