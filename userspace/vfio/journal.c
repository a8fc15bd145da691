// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "util/file.h"
#include "util/json.h"
#include "util/mem.h"

#define MAX_RUN (1 << 20)

const char *qjournal_dir(const char *given)
{
	const char *env = getenv("QWAMOS_STATE_DIR");

	if (given)
		return given;
	return env && *env ? env : QVFIO_STATE_DIR;
}

static char *in_dir(const char *dir, const char *name)
{
	return qmem_printf("%s/%s", dir, name);
}

int qjournal_lock(const char *dir, unsigned int wait_ms, struct qerr *e)
{
	char *journal = in_dir(dir, "journal"), *lock = in_dir(dir, "lock");
	int fd;

	fd = qfile_mkdirs(journal, 0755);
	if (fd)
		qerr_sys(e, -fd, "%s", journal);
	else
		fd = qfile_lock(lock, wait_ms, e);
	free(journal);
	free(lock);
	return fd;
}

static void add_ids(struct json_object *o, const struct qpci_dev *d)
{
	qjson_add_fmt(o, "ids", "%04x:%04x:%04x:%04x", d->vendor, d->device, d->subvendor,
		      d->subdevice);
}

static bool same_ids(const struct json_object *o, const struct qpci_dev *d)
{
	const char *ids = qjson_get_str(o, "ids");
	char mine[32];

	snprintf(mine, sizeof(mine), "%04x:%04x:%04x:%04x", d->vendor, d->device, d->subvendor,
		 d->subdevice);
	return ids && !strcmp(ids, mine);
}

static struct json_object *record_json(const struct qvfio_record *r, const struct qpci_dev *d)
{
	struct json_object *o = qjson_obj();

	add_ids(o, d);
	qjson_add_bool(o, "known", r->known);
	qjson_add_str(o, "driver", r->driver);
	qjson_add_str(o, "driver_override", r->override);
	qjson_add_str(o, "taken_for", r->taken_for);
	return o;
}

static void record_from_json(const struct json_object *o, struct qvfio_record *r)
{
	const char *driver = qjson_get_str(o, "driver"),
		   *override = qjson_get_str(o, "driver_override");
	const char *taken_for = qjson_get_str(o, "taken_for");

	memset(r, 0, sizeof(*r));
	r->known = driver && override && qjson_get_bool(o, "known", false);
	snprintf(r->driver, sizeof(r->driver), "%s", driver ? driver : "");
	snprintf(r->override, sizeof(r->override), "%s", override ? override : "");
	snprintf(r->taken_for, sizeof(r->taken_for), "%s", taken_for ? taken_for : "");
}

int qjournal_begin(struct qjournal *j, const char *dir, const struct qvfio_state *st,
		   const struct qplan *p, struct qerr *e)
{
	struct json_object *run = qjson_obj(), *list, *o;
	char *path = in_dir(dir, "journal/run"), *text;
	size_t i;
	int err;

	j->dir = dir;
	j->fd = -1;
	err = qfile_boot_id(j->boot);
	if (err) {
		qerr_sys(e, -err, "the boot's id");
		goto out;
	}
	qjson_add_str(run, "op", p->bind ? "bind" : "unbind");
	qjson_add_str(run, "boot_id", j->boot);
	qjson_add_int(run, "pid", getpid());
	list = qjson_add(run, "targets", qjson_arr());
	for (i = 0; i < p->n_targets; i++) {
		o = qjson_push(list, record_json(&p->targets[i].orig,
						 &qstate_find(st, p->targets[i].addr)->pci));
		qjson_add_str(o, "address", p->targets[i].addr);
	}
	list = qjson_add(run, "steps", qjson_arr());
	for (i = 0; i < p->n_steps; i++) {
		text = qstep_text(&p->steps[i]);
		qjson_push_str(list, text);
		free(text);
	}
	text = qmem_printf("%s\n", json_object_to_json_string_ext(run, JSON_C_TO_STRING_PLAIN));
	err = qfile_replace(path, text, strlen(text), 0644);
	free(text);
	if (!err) {
		j->fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
		if (j->fd < 0)
			err = -errno;
	}
	if (err)
		qerr_sys(e, -err, "%s", path);
out:
	json_object_put(run);
	free(path);
	return err;
}

int qjournal_step(struct qjournal *j, size_t i, struct qerr *e)
{
	char line[32];
	int len = snprintf(line, sizeof(line), "%zu\n", i + 1);

	if (write(j->fd, line, len) != len)
		return qerr_sys(e, errno ? errno : EIO, "%s/journal/run", j->dir);
	return 0;
}

/* A device's record: a file of its own, so that a run reads and writes no other device's. */
static char *record_path(const char *dir, const char *addr)
{
	return qmem_printf("%s/journal/%s.json", dir, addr);
}

static int save_record(struct qjournal *j, const struct qvfio_dev *d, const struct qvfio_record *r,
		       struct qerr *e)
{
	char *path = record_path(j->dir, d->pci.addr), *aside;
	struct json_object *o = record_json(r, &d->pci);
	int err = 0;

	qjson_add_str(o, "boot_id", j->boot);
	/* What can't be read is kept aside before it is written anew. */
	if (d->record_damaged) {
		aside = qmem_printf("%s.damaged", path);
		err = rename(path, aside) ? -errno : 0;
		free(aside);
	}
	if (!err)
		err = qjson_replace_file(path, o, 0644);
	if (err)
		qerr_sys(e, -err, "%s", path);
	json_object_put(o);
	free(path);
	return err;
}

static int drop_record(struct qjournal *j, const char *addr, struct qerr *e)
{
	char *path = record_path(j->dir, addr);
	int err = qfile_remove(path);

	if (err)
		qerr_sys(e, -err, "%s", path);
	free(path);
	return err;
}

/* Records after a run: a device on our driver has one, any other has none. */
static int save_records(struct qjournal *j, const struct qvfio_state *st, const struct qplan *p,
			bool done, struct qerr *e)
{
	const struct qtarget *t;
	size_t i;
	int err = 0;

	for (i = 0; i < p->n_targets && !err; i++) {
		t = &p->targets[i];
		if (!t->mend && (done ? t->bind : t->was_ours))
			err = save_record(j, qstate_find(st, t->addr), &t->orig, e);
		else
			err = drop_record(j, t->addr, e);
	}
	return err;
}

int qjournal_end(struct qjournal *j, const struct qvfio_state *st, const struct qplan *p, bool done,
		 struct qerr *e)
{
	char *path = in_dir(j->dir, "journal/run");
	int err;

	qjournal_leave(j);
	/*
	 * In this order: a record too many does no harm, and the run tells it, too, until it is
	 * gone.
	 */
	err = save_records(j, st, p, done, e);
	if (!err) {
		err = qfile_remove(path);
		if (err)
			qerr_sys(e, -err, "%s", path);
	}
	free(path);
	return err;
}

void qjournal_leave(struct qjournal *j)
{
	if (j->fd >= 0)
		close(j->fd);
	j->fd = -1;
}

bool qjournal_found(const char *dir)
{
	char *path = in_dir(dir, "journal/run");
	bool found = qfile_exists(AT_FDCWD, path);

	free(path);
	return found;
}

/*
 * Is some process at work, so that the run is not broken off? @pid: it; as it was if that is not
 * for this user to know, who can't open the lock.
 */
static bool locked(const char *dir, pid_t *pid)
{
	char *path = in_dir(dir, "lock"), text[64];
	bool is = false;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		is = flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK;
		close(fd);
	} else if (errno == EACCES) {
		is = true;
	}
	if (is && qfile_read(AT_FDCWD, path, text, sizeof(text)) > 0)
		*pid = atoi(text);
	free(path);
	return is;
}

static void load_run(const char *dir, struct qvfio_state *st)
{
	char *path = in_dir(dir, "journal/run"), *text, *tail, *save, boot[37];
	struct qhalf_done *h = &st->half;
	struct json_object *run = NULL, *list, *o;
	const char *op, *addr;
	struct qvfio_dev *d;
	pid_t other = -1;
	ssize_t len;
	size_t i;

	len = qfile_read_plain(path, MAX_RUN, &text);
	free(path);
	if (len == -ENOENT || len == -ENOTDIR)
		return;
	h->found = true;
	h->damaged = true;
	if (len < 0)
		return;
	/* This process may be the one that holds the lock; then the run is another, dead one's. */
	tail = strchr(text, '\n');
	if (tail) {
		*tail++ = '\0';
		run = json_tokener_parse(text);
	}
	op = qjson_get_str(run, "op");
	if (!op || !qjson_get_str(run, "boot_id") || qfile_boot_id(boot))
		goto out;
	h->damaged = false;
	h->this_boot = !strcmp(qjson_get_str(run, "boot_id"), boot);
	snprintf(h->op, sizeof(h->op), "%s", op);
	h->pid = qjson_get_int(run, "pid", 0);
	/* With its process gone, a write that is stuck in the kernel keeps the lock. */
	h->running = locked(dir, &other) && (other == h->pid || other < 0) && h->pid != getpid() &&
		     (!kill(h->pid, 0) || errno == EPERM);
	list = qjson_get(run, "steps");
	h->steps = qjson_len(list);
	for (tail = strtok_r(tail, "\n", &save); tail; tail = strtok_r(NULL, "\n", &save))
		h->step = strtoul(tail, NULL, 10);
	if (h->step > h->steps)
		h->step = h->steps;
	if (h->step)
		snprintf(h->text, sizeof(h->text), "%s",
			 json_object_get_string(qjson_at(list, h->step - 1)));
	list = qjson_get(run, "targets");
	for (i = 0; h->this_boot && !h->running && i < qjson_len(list); i++) {
		o = qjson_at(list, i);
		addr = qjson_get_str(o, "address");
		d = addr ? qstate_find(st, addr) : NULL;
		/* Another device at that address by now is none of that run's business. */
		if (!d || !same_ids(o, &d->pci))
			continue;
		d->half_done = true;
		record_from_json(o, &d->record);
	}
out:
	json_object_put(run);
	free(text);
}

/* Records are of devices that are on our driver, or on the way. */
static void load_record(const char *dir, struct qvfio_state *st, struct qvfio_dev *d)
{
	char boot[37], *path;
	struct json_object *o;
	struct qerr e;
	int err;

	if (!qstate_ours(d) && strcmp(d->pci.override, QVFIO_DRIVER))
		return;
	path = record_path(dir, d->pci.addr);
	err = qjson_read_file(path, &o, &e);
	free(path);
	if (err && err != -ENOENT && err != -ENOTDIR) {
		d->record_damaged = true;
		snprintf(st->records_error, sizeof(st->records_error), "%.*s",
			 (int)sizeof(st->records_error) - 1, e.msg);
	}
	if (err)
		return;
	/* Another boot's record tells what the driver was before that boot: nothing of worth. */
	if (!qfile_boot_id(boot) && qjson_get_str(o, "boot_id") &&
	    !strcmp(qjson_get_str(o, "boot_id"), boot) && same_ids(o, &d->pci))
		record_from_json(o, &d->record);
	json_object_put(o);
}

void qjournal_load(const char *dir, struct qvfio_state *st)
{
	size_t i;

	for (i = 0; i < st->n; i++)
		load_record(dir, st, &st->devs[i]);
	/* After the records: what a run has noted of a device is newer, and made from them. */
	load_run(dir, st);
}
