// SPDX-License-Identifier: GPL-2.0-only
#include "vm/known.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qemu/args.h"
#include "util/mem.h"
#include "vm/find.h"
#include "vm/vm.h"

/*
 * All records of supervisors; those that a VM was found for are marked. @untold: there may be some,
 * which this user may not read, and why.
 */
struct records {
	struct qrecord *v;
	size_t n;
	bool *taken;
	char *untold;
};

static int records_read(struct records *r, struct qerr *e)
{
	struct qerr why;
	int ret = qrecord_list(&r->v, &r->n, &why);

	if (ret == -EACCES) {
		r->untold = qmem_strdup(why.msg);
		ret = 0;
	}
	if (ret)
		qerr_set(e, -ret, "%s", why.msg);
	r->taken = ret ? NULL : qmem_calloc(r->n + 1, sizeof(*r->taken));
	return ret;
}

static void records_free(struct records *r)
{
	qrecord_list_free(r->v, r->n);
	free(r->taken);
	free(r->untold);
}

static void add_note(struct qvm_known *k, char *text)
{
	char *all = k->note ? qmem_printf("%s; %s", k->note, text) : qmem_strdup(text);

	free(k->note);
	free(text);
	k->note = all;
}

static void load(struct qvm_known *k, const char *path)
{
	size_t i;

	k->path = qmem_strdup(path);
	if (!qconfig_load_trusted(path, &k->config, &k->diags))
		qemu_extra_check(&k->config, &k->diags);
	for (i = 0; i < k->diags.n && !k->broken; i++)
		if (k->diags.list[i].kind == QDIAG_ERROR)
			k->broken = qdiag_format(&k->diags, &k->diags.list[i]);
}

/* The record becomes the VM's. */
static void take(struct qvm_known *k, struct records *r, size_t i)
{
	/* So that both may be freed. */
	static const struct qrecord none = { .fd = -1 };

	k->rec = r->v[i];
	r->v[i] = none;
	r->taken[i] = true;
	if (qrecord_alive(&k->rec))
		k->state = QVM_RUNNING;
	else
		k->state = k->rec.damage[0] ? QVM_DAMAGED : QVM_LEFT_OVER;
	snprintf(k->name, sizeof(k->name), "%s", k->rec.name);
}

/* The record of the VM that runs from this config; the one of its name, if there are several. */
static bool take_by_path(struct qvm_known *k, struct records *r)
{
	size_t i, found = r->n;

	for (i = 0; i < r->n; i++)
		if (!r->taken[i] && !strcmp(r->v[i].config, k->path) &&
		    (found == r->n || !strcmp(r->v[i].name, k->name)))
			found = i;
	if (found < r->n)
		take(k, r, found);
	return found < r->n;
}

/* A damaged record does not tell its config, but its file is called as the VM. */
static bool take_damaged(struct qvm_known *k, struct records *r)
{
	size_t i;

	for (i = 0; i < r->n; i++) {
		if (r->taken[i] || !r->v[i].damage[0] || strcmp(r->v[i].name, k->name))
			continue;
		take(k, r, i);
		return true;
	}
	return false;
}

/* What is wrong with its record, and what becomes of that. */
static void note_damage(struct qvm_known *k)
{
	char path[PATH_MAX];

	if (!k->rec.damage[0] || qrecord_path(k->rec.name, path, NULL))
		return;
	if (k->state == QVM_RUNNING)
		add_note(k, qmem_printf("its record %s is damaged (%s): it does not tell the "
					"supervisor, which is the process that has it open (fuser)",
					path, k->rec.damage));
	else
		add_note(k, qmem_printf("its record %s is damaged (%s): the next start of any VM "
					"sets it aside; what was bound for the VM stays bound "
					"(qwamos-vfio list)",
					path, k->rec.damage));
}

/* Another VM that runs under its name. */
static void note_namesake(struct qvm_known *k, const struct records *r)
{
	struct qrecord *o;
	size_t i;

	for (i = 0; i < r->n; i++) {
		o = &r->v[i];
		if (r->taken[i] || strcmp(o->name, k->name) || !qrecord_alive(o))
			continue;
		if (o->config[0])
			add_note(k, qmem_printf("a VM called %s runs, but with the config %s",
						k->name, o->config));
		else
			add_note(k,
				 qmem_printf("a VM called %s runs, but without a config", k->name));
	}
}

/* @dir: name of its folder, NULL: it was given by its path */
static void from_config(struct qvm_known *k, const char *path, const char *dir, struct records *r)
{
	load(k, path);
	snprintf(k->name, sizeof(k->name), "%s",
		 k->config.name ? k->config.name
		 : dir		? dir
				: path);
	k->state = k->broken ? QVM_BROKEN : QVM_STOPPED;
	if (dir && k->config.name && strcmp(dir, k->config.name))
		add_note(k, qmem_printf("the folder of VM %s is called %s", k->config.name, dir));
	if (r->untold) {
		k->state = QVM_UNTOLD;
		add_note(k, qmem_printf("whether it runs is not known: %s", r->untold));
	} else if (!take_by_path(k, r) && !take_damaged(k, r)) {
		note_namesake(k, r);
	} else if (k->config.name && strcmp(k->config.name, k->name)) {
		add_note(k, qmem_printf("it runs as %s; its config calls it %s by now", k->name,
					k->config.name));
	}
	note_damage(k);
}

/* @config: whether it is read */
static void from_record(struct qvm_known *k, struct records *r, size_t i, bool config)
{
	take(k, r, i);
	if (k->rec.config[0] && config)
		load(k, k->rec.config);
	else if (k->rec.config[0])
		k->path = qmem_strdup(k->rec.config);
	note_damage(k);
}

static void init(struct qvm_known *k)
{
	memset(k, 0, sizeof(*k));
	k->rec.fd = -1;
}

/* @config: whether that of a VM that has a record is read */
static int know(const char *vm, const char *vms_dir, bool config, struct qvm_known *k,
		struct qerr *e)
{
	bool is_path = qvm_is_path(vm);
	struct records r = { 0 };
	char path[PATH_MAX];
	size_t i;
	int ret;

	init(k);
	ret = records_read(&r, e);
	if (ret)
		return ret;
	for (i = 0; i < r.n && !is_path; i++) {
		if (strcmp(r.v[i].name, vm))
			continue;
		if (r.v[i].damage[0] && !qvm_find_config(vm, vms_dir, path, NULL))
			break;
		from_record(k, &r, i, config);
		records_free(&r);
		return 0;
	}
	ret = qvm_find_config(vm, vms_dir, path, e);
	if (!ret)
		from_config(k, path, is_path ? NULL : vm, &r);
	records_free(&r);
	return ret;
}

int qvm_know(const char *vm, const char *vms_dir, struct qvm_known *k, struct qerr *e)
{
	return know(vm, vms_dir, true, k, e);
}

int qvm_know_record(const char *vm, const char *vms_dir, struct qvm_known *k, struct qerr *e)
{
	return know(vm, vms_dir, false, k, e);
}

static int by_name(const void *a, const void *b)
{
	const struct qvm_known *x = a, *y = b;
	int ret = strcmp(x->name, y->name);

	return ret ? ret : strcmp(x->path ? x->path : "", y->path ? y->path : "");
}

/* Configs that give their VMs the same name, of which one can run at a time. */
static void note_twins(struct qvm_known *list, size_t n)
{
	size_t i, j;

	for (i = 0; i < n; i++)
		for (j = 0; j < n; j++)
			if (i != j && list[i].config.name && list[j].config.name &&
			    !strcmp(list[i].config.name, list[j].config.name))
				add_note(&list[i], qmem_printf("%s calls its VM %s, too",
							       list[j].path, list[i].config.name));
}

int qvm_know_all(const char *vms_dir, struct qvm_known **list, size_t *n, struct qerr *e)
{
	struct qvm_config *configs;
	struct records r = { 0 };
	size_t i, n_configs;
	int ret;

	*list = NULL;
	*n = 0;
	ret = qvm_list_configs(vms_dir, &configs, &n_configs, e);
	if (ret)
		return ret;
	ret = records_read(&r, e);
	for (i = 0; i < n_configs && !ret; i++) {
		init(QMEM_GROW(*list, *n));
		from_config(&(*list)[*n - 1], configs[i].path, configs[i].dir, &r);
	}
	note_twins(*list, *n);
	for (i = 0; i < r.n; i++) {
		if (r.taken[i])
			continue;
		init(QMEM_GROW(*list, *n));
		from_record(&(*list)[*n - 1], &r, i, true);
	}
	if (*n)
		qsort(*list, *n, sizeof(**list), by_name);
	qvm_configs_free(configs, n_configs);
	records_free(&r);
	return ret;
}

const char *qvm_known_state_name(int state)
{
	static const char *const names[] = { "stopped",	      "running",	"left over",
					     "broken config", "damaged record", "unknown" };

	return names[state];
}

void qvm_known_free(struct qvm_known *k)
{
	qconfig_free(&k->config);
	qdiags_free(&k->diags);
	qrecord_drop(&k->rec);
	free(k->path);
	free(k->broken);
	free(k->note);
	init(k);
}

void qvm_known_free_all(struct qvm_known *list, size_t n)
{
	while (n)
		qvm_known_free(&list[--n]);
	free(list);
}
