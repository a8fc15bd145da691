// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/persist.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/file.h"
#include "util/json.h"
#include "util/mem.h"

void qpersist_ids(const struct qpci_dev *d, char ids[32])
{
	snprintf(ids, 32, "%04x:%04x:%04x:%04x", d->vendor, d->device, d->subvendor, d->subdevice);
}

static void load_one(const char *path, const char *addr, struct qpersist *b)
{
	struct json_object *o, *list;
	const char *ids, *driver, *s;
	struct qerr e;
	size_t i;

	snprintf(b->addr, sizeof(b->addr), "%s", addr);
	if (qjson_read_file(path, &o, &e)) {
		snprintf(b->error, sizeof(b->error), "%.255s", e.msg);
		return;
	}
	ids = qjson_get_str(o, "ids");
	driver = qjson_get_str(o, "driver");
	if (!ids || !driver || !qjson_get_str(o, "address") ||
	    strcmp(qjson_get_str(o, "address"), addr))
		snprintf(b->error, sizeof(b->error),
			 "%.180s: no 'ids' or 'driver', or an 'address' not its name's", path);
	snprintf(b->ids, sizeof(b->ids), "%s", ids ? ids : "");
	snprintf(b->driver, sizeof(b->driver), "%s", driver ? driver : "");
	b->allow_console = qjson_get_bool(o, "allow_console", false);
	list = qjson_get(o, "take_in_use");
	for (i = 0; i < qjson_len(list); i++) {
		s = json_object_get_string(qjson_at(list, i));
		snprintf(*QMEM_GROW(b->take, b->n_take), sizeof(*b->take), "%s", s ? s : "");
	}
	list = qjson_get(o, "companions");
	for (i = 0; i < qjson_len(list); i++) {
		s = json_object_get_string(qjson_at(list, i));
		snprintf(*QMEM_GROW(b->companions, b->n_companions), sizeof(*b->companions), "%s",
			 s ? s : "");
	}
	json_object_put(o);
}

int qpersist_load(const char *dir, struct qpersist **list, size_t *n, struct qerr *e)
{
	char *path = qmem_printf("%s/persist", dir), *file, name[QPCI_ADDR_LEN],
	     addr[QPCI_ADDR_LEN];
	struct dirent *de;
	size_t len;
	int err = 0;
	DIR *d;

	*list = NULL;
	*n = 0;
	d = opendir(path);
	if (!d) {
		if (errno != ENOENT)
			err = qerr_sys(e, errno, "%s", path);
		free(path);
		return err;
	}
	while ((de = readdir(d))) {
		len = strlen(de->d_name);
		if (len < 6 || len - 5 >= sizeof(name) || strcmp(de->d_name + len - 5, ".json"))
			continue;
		memcpy(name, de->d_name, len - 5);
		name[len - 5] = '\0';
		if (!qpci_parse_addr(name, addr) || strcmp(name, addr))
			continue;
		file = qmem_printf("%s/%s", path, de->d_name);
		load_one(file, addr, QMEM_GROW(*list, *n));
		free(file);
	}
	closedir(d);
	free(path);
	return 0;
}

void qpersist_free(struct qpersist *list, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		free(list[i].companions);
		free(list[i].take);
	}
	free(list);
}

static void mark_original(struct qvfio_dev *d, const char *driver, const char *taken_for)
{
	if (d->record.known || d->pci.driver[0] || d->pci.override[0])
		return;
	d->record.known = true;
	snprintf(d->record.driver, sizeof(d->record.driver), "%s", driver);
	snprintf(d->record.taken_for, sizeof(d->record.taken_for), "%s", taken_for);
}

void qpersist_mark(struct qvfio_state *st, const struct qpersist *list, size_t n)
{
	char addr[QVFIO_ADDR_LEN], ids[32], mine[32], driver[QPCI_DRIVER_LEN];
	struct qvfio_dev *d;
	size_t i, k;

	for (i = 0; i < n; i++) {
		d = qstate_find(st, list[i].addr);
		if (!d) {
			snprintf(*QMEM_GROW(st->lost, st->n_lost), QVFIO_ADDR_LEN, "%s",
				 list[i].addr);
			continue;
		}
		d->persisted = true;
		qpersist_ids(&d->pci, mine);
		if (list[i].error[0] || strcmp(mine, list[i].ids))
			continue;
		mark_original(d, list[i].driver, "");
		for (k = 0; k < list[i].n_companions; k++) {
			if (sscanf(list[i].companions[k], "%31s %31s %63s", addr, ids, driver) != 3)
				continue;
			d = qstate_find(st, addr);
			if (!d)
				continue;
			qpersist_ids(&d->pci, mine);
			if (!strcmp(mine, ids))
				mark_original(d, strcmp(driver, "-") ? driver : "", list[i].addr);
		}
	}
}

static bool is_companion(const struct qpersist *b, const struct qpci_dev *d)
{
	char ids[32], *start;
	bool is = false;
	size_t i;

	qpersist_ids(d, ids);
	start = qmem_printf("%s %s ", d->addr, ids);
	for (i = 0; !is && i < b->n_companions; i++)
		is = !strncmp(b->companions[i], start, strlen(start));
	free(start);
	return is;
}

char *qpersist_mismatch(const struct qvfio_state *st, const struct qpersist *b)
{
	const struct qvfio_dev *d = qstate_find(st, b->addr), *other;
	char ids[32];
	size_t i;

	if (b->error[0])
		return qmem_strdup(b->error);
	if (!d)
		return qmem_strdup("there is no GPU at that address now");
	qpersist_ids(&d->pci, ids);
	if (strcmp(ids, b->ids))
		return qmem_printf("another device is at that address now (ids %s, persisted %s)",
				   ids, b->ids);
	for (i = 0; i < st->n; i++) {
		other = &st->devs[i];
		if (other == d || other->pci.kind == QPCI_BRIDGE || !qstate_together(d, other) ||
		    qstate_ours(other))
			continue;
		/* A second GPU of the group may be persisted by itself. */
		if (!is_companion(b, &other->pci) && !other->persisted)
			return qmem_printf(
				"%s shares its slot or IOMMU group now, and did not when the "
				"binding was persisted",
				other->pci.addr);
	}
	return NULL;
}

/* Of a bind of several GPUs, each binding names what goes with its own. */
static bool taken_with(const struct qvfio_state *st, const struct qvfio_dev *gpu, const char *addr)
{
	const struct qvfio_dev *d = qstate_find(st, addr);

	return d && qstate_together(gpu, d);
}

int qpersist_save(const char *dir, const struct qvfio_state *st, const struct qplan *p,
		  const char *addr, bool allow_console, struct qerr *e)
{
	char *path = qmem_printf("%s/persist", dir), *file, *line, ids[32];
	const struct qvfio_dev *d = qstate_find(st, addr);
	struct json_object *o = qjson_obj(), *list;
	const struct qtarget *t;
	size_t i;
	int err;

	t = qplan_target(p, addr);
	qpersist_ids(&d->pci, ids);
	qjson_add_str(o, "address", addr);
	qjson_add_str(o, "ids", ids);
	qjson_add_str(o, "driver", t ? t->orig.driver : d->record.driver);
	qjson_add_bool(o, "allow_console", allow_console);
	list = qjson_add(o, "take_in_use", qjson_arr());
	for (i = 0; i < p->n_targets; i++)
		if (p->targets[i].take && taken_with(st, d, p->targets[i].addr))
			qjson_push_str(list, p->targets[i].addr);
	list = qjson_add(o, "companions", qjson_arr());
	for (i = 0; i < st->n; i++) {
		const struct qvfio_dev *c = &st->devs[i];
		const char *driver;

		if (c == d || c->pci.kind == QPCI_BRIDGE || !qstate_together(d, c))
			continue;
		t = qplan_target(p, c->pci.addr);
		driver = t ? t->orig.driver : c->record.driver;
		qpersist_ids(&c->pci, ids);
		line = qmem_printf("%s %s %s", c->pci.addr, ids, *driver ? driver : "-");
		qjson_push_str(list, line);
		free(line);
	}
	file = qmem_printf("%s/%s.json", path, addr);
	err = qfile_mkdirs(path, 0755);
	if (!err)
		err = qjson_replace_file(file, o, 0644);
	if (err)
		qerr_sys(e, -err, "%s", file);
	free(file);
	free(path);
	json_object_put(o);
	return err;
}

char *qpersist_read(const char *dir, const char *addr)
{
	char *file = qmem_printf("%s/persist/%s.json", dir, addr), *text;

	qfile_read_plain(file, 1 << 20, &text);
	free(file);
	return text;
}

int qpersist_write(const char *dir, const char *addr, const char *text, struct qerr *e)
{
	char *file = qmem_printf("%s/persist/%s.json", dir, addr);
	int err = qfile_replace(file, text, strlen(text), 0644);

	if (err)
		qerr_sys(e, -err, "%s", file);
	free(file);
	return err;
}

int qpersist_forget(const char *dir, const char *addr, struct qerr *e)
{
	char *file = qmem_printf("%s/persist/%s.json", dir, addr);
	int err = qfile_remove(file);

	if (err == -ENOTDIR)
		err = 0;
	if (err)
		qerr_sys(e, -err, "%s", file);
	free(file);
	return err;
}
