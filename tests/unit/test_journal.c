// SPDX-License-Identifier: GPL-2.0-only
/* What qwamos-vfio keeps on disk, and what it makes of damaged files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "util/file.h"
#include "util/json.h"
#include "util/mem.h"
#include "vfio/journal.h"
#include "vfio/persist.h"

#define GPU   "0000:01:00.0"
#define AUDIO "0000:01:00.1"

struct fixture {
	char dir[64];
	struct qvfio_state st;
	struct qplan p;
};

static void make_state(struct qvfio_state *st)
{
	static const char *const addrs[] = { GPU, AUDIO };
	struct qvfio_dev *d;
	size_t i;

	memset(st, 0, sizeof(*st));
	for (i = 0; i < 2; i++) {
		d = QMEM_GROW(st->devs, st->n);
		snprintf(d->pci.addr, sizeof(d->pci.addr), "%s", addrs[i]);
		snprintf(d->pci.driver, sizeof(d->pci.driver), "%s",
			 i ? "snd_hda_intel" : "amdgpu");
		d->pci.kind = i ? QPCI_OTHER : QPCI_GPU;
		d->pci.vendor = 0x1002;
		d->pci.device = 0x73bf + i;
		d->pci.group = 9;
		d->pci.vfs = -1;
	}
	st->pci.iommu = true;
	st->modules[QMODULE_TYPE1] = st->modules[QMODULE_DRIVER] = QMODULE_LOADED;
}

static int setup(void **state)
{
	struct fixture *f = qmem_calloc(1, sizeof(*f));
	const char *gpu = GPU;
	const struct qplan_req req = { .addrs = &gpu, .n = 1, .flags = QVFIO_F_NO_WAIT };
	struct qerr e;
	int lock;

	snprintf(f->dir, sizeof(f->dir), "/tmp/test_journal.XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	make_state(&f->st);
	qplan_bind(&f->st, &req, &f->p);
	lock = qjournal_lock(f->dir, 0, &e);
	if (lock < 0)
		return -1;
	close(lock);
	*state = f;
	return 0;
}

static void remove_all(const char *dir)
{
	static const char *const files[] = {
		"journal/run",
		"journal/" GPU ".json",
		"journal/" GPU ".json.damaged",
		"journal/" AUDIO ".json",
		"lock",
		"persist/" GPU ".json",
		"persist/" AUDIO ".json",
		"persist/notes.txt",
		"journal",
		"persist",
		"file",
		"file.new",
		"link",
		"",
	};
	char path[160];
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		remove(path);
	}
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	remove_all(f->dir);
	qplan_free(&f->p);
	qstate_free(&f->st);
	free(f);
	return 0;
}

static char *path_of(const struct fixture *f, const char *name)
{
	return qmem_printf("%s/%s", f->dir, name);
}

static void put(const struct fixture *f, const char *name, const char *text)
{
	char *path = path_of(f, name);

	assert_int_equal(qfile_replace(path, text, strlen(text), 0644), 0);
	free(path);
}

static bool there(const struct fixture *f, const char *name)
{
	char *path = path_of(f, name);
	bool is = qfile_exists(AT_FDCWD, path);

	free(path);
	return is;
}

/* The machine as another process would find it. */
static void reload(const struct fixture *f, struct qvfio_state *st)
{
	size_t i;

	make_state(st);
	/* Records are of devices that are ours, or on the way. */
	for (i = 0; i < st->n; i++)
		snprintf(st->devs[i].pci.override, sizeof(st->devs[i].pci.override), QVFIO_DRIVER);
	qjournal_load(f->dir, st);
}

static void nothing_there(void **state)
{
	struct qvfio_state st;

	make_state(&st);
	qjournal_load("/nonexistent/directory", &st);
	assert_false(st.half.found);
	assert_string_equal(st.records_error, "");
	assert_false(st.devs[0].record.known);
	qstate_free(&st);
}

static void run_broken_off(void **state)
{
	struct fixture *f = *state;
	struct qvfio_state st;
	struct qjournal j;
	struct qerr e;

	assert_int_equal(qjournal_begin(&j, f->dir, &f->st, &f->p, &e), 0);
	reload(f, &st);
	assert_true(st.half.found && st.half.this_boot);
	assert_false(st.half.damaged || st.half.running);
	assert_int_equal(st.half.step, 0);
	assert_int_equal(st.half.steps, f->p.n_steps);
	assert_true(st.devs[0].half_done && st.devs[1].half_done);
	qstate_free(&st);

	assert_int_equal(qjournal_step(&j, 0, &e), 0);
	assert_int_equal(qjournal_step(&j, 1, &e), 0);
	qjournal_leave(&j);
	reload(f, &st);
	assert_int_equal(st.half.step, 2);
	assert_int_equal(st.half.pid, getpid());
	assert_string_equal(st.half.op, "bind");
	assert_string_equal(st.half.text, "0000:01:00.1: reserve for driver qwamos_vfio_pci");
	assert_true(st.devs[0].record.known);
	assert_string_equal(st.devs[0].record.driver, "amdgpu");
	assert_string_equal(st.devs[0].record.override, "");
	assert_string_equal(st.devs[1].record.taken_for, GPU);
	qstate_free(&st);
}

static void run_ended(void **state)
{
	struct fixture *f = *state;
	struct qvfio_state st;
	struct qjournal j;
	struct qerr e;

	assert_int_equal(qjournal_begin(&j, f->dir, &f->st, &f->p, &e), 0);
	assert_int_equal(qjournal_end(&j, &f->st, &f->p, true, &e), 0);
	assert_false(there(f, "journal/run"));
	reload(f, &st);
	assert_false(st.half.found || st.devs[0].half_done);
	assert_true(st.devs[0].record.known && st.devs[1].record.known);
	assert_string_equal(st.devs[1].record.driver, "snd_hda_intel");
	qstate_free(&st);

	/* The same run undone leaves no record. */
	assert_int_equal(qjournal_begin(&j, f->dir, &f->st, &f->p, &e), 0);
	assert_int_equal(qjournal_end(&j, &f->st, &f->p, false, &e), 0);
	assert_false(there(f, "journal/" GPU ".json") || there(f, "journal/" AUDIO ".json"));
	reload(f, &st);
	assert_false(st.half.found || st.devs[0].record.known || st.devs[1].record.known);
	qstate_free(&st);
}

/* Another card in the slot has nothing to do with what was noted of the first. */
static void other_device(void **state)
{
	struct fixture *f = *state;
	struct qvfio_state st;
	struct qjournal j;
	struct qerr e;

	assert_int_equal(qjournal_begin(&j, f->dir, &f->st, &f->p, &e), 0);
	qjournal_leave(&j);
	make_state(&st);
	st.devs[0].pci.subdevice = 1;
	qjournal_load(f->dir, &st);
	assert_true(st.half.found);
	assert_false(st.devs[0].half_done || st.devs[0].record.known);
	assert_true(st.devs[1].half_done);
	qstate_free(&st);
}

static void other_boot(void **state)
{
	struct fixture *f = *state;
	struct qvfio_state st;

	put(f, "journal/run",
	    "{\"op\":\"unbind\",\"boot_id\":\"00000000-0000-0000-0000-000000000000\",\"pid\":1,"
	    "\"targets\":[{\"ids\":\"1002:73bf:0000:0000\",\"known\":true,\"driver\":\"amdgpu\","
	    "\"driver_override\":\"\",\"taken_for\":\"\",\"address\":\"" GPU "\"}],"
	    "\"steps\":[\"a\",\"b\"]}\n1\n");
	put(f, "journal/" GPU ".json",
	    "{\"boot_id\":\"00000000-0000-0000-0000-000000000000\",\"ids\":\"1002:73bf:0000:0000\","
	    "\"known\":true,\"driver\":\"x\",\"driver_override\":\"\",\"taken_for\":\"\"}");
	reload(f, &st);
	assert_true(st.half.found);
	assert_false(st.half.this_boot || st.devs[0].half_done || st.devs[0].record.known);
	assert_int_equal(st.half.step, 1);
	assert_string_equal(st.records_error, "");
	qstate_free(&st);
}

static void damaged(void **state)
{
	static const char *const runs[] = {
		"",
		"\n",
		"{",
		"{}\n",
		"[]\n",
		"null\n3\n",
		"{\"op\":1,\"boot_id\":2}\n",
		"{\"op\":\"bind\"}\n",
		"\xff\xfe\n",
	};
	struct fixture *f = *state;
	struct qvfio_state st;
	size_t i;

	for (i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
		put(f, "journal/run", runs[i]);
		reload(f, &st);
		assert_true(st.half.found && st.half.damaged);
		assert_false(st.devs[0].half_done);
		qstate_free(&st);
	}
}

/* Whatever stands in the lines of a run, it is no more than its steps. */
static void odd_progress(void **state)
{
	struct fixture *f = *state;
	struct qvfio_state st;
	struct qjournal j;
	struct qerr e;
	char *path;
	int fd;

	assert_int_equal(qjournal_begin(&j, f->dir, &f->st, &f->p, &e), 0);
	qjournal_leave(&j);
	path = path_of(f, "journal/run");
	fd = open(path, O_WRONLY | O_APPEND);
	free(path);
	assert_int_equal(write(fd, "2\n99999999999\nx", 15), 15);
	close(fd);
	reload(f, &st);
	assert_false(st.half.damaged);
	assert_true(st.half.step <= st.half.steps);
	assert_true(st.devs[0].half_done);
	qstate_free(&st);
}

static void damaged_records(void **state)
{
	struct fixture *f = *state;
	struct qvfio_state st;
	struct qjournal j;
	struct qerr e;

	put(f, "journal/" GPU ".json", "{\"boot_id\": tru");
	reload(f, &st);
	assert_non_null(strstr(st.records_error, GPU ".json"));
	assert_true(st.devs[0].record_damaged);
	assert_false(st.devs[0].record.known || st.devs[1].record_damaged);
	/* The next run keeps it aside, and goes on with a new one. */
	assert_int_equal(qjournal_begin(&j, f->dir, &st, &f->p, &e), 0);
	assert_int_equal(qjournal_end(&j, &st, &f->p, true, &e), 0);
	qstate_free(&st);
	assert_true(there(f, "journal/" GPU ".json.damaged"));
	assert_false(there(f, "journal/" AUDIO ".json.damaged"));
	reload(f, &st);
	assert_string_equal(st.records_error, "");
	assert_true(st.devs[0].record.known);
	qstate_free(&st);
}

/* A run that holds the lock is at work, and not broken off. */
static void running(void **state)
{
	struct fixture *f = *state;
	struct qvfio_state st;
	struct qjournal j;
	struct qerr e;
	int ready[2], status;
	pid_t pid;
	char c;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		if (qjournal_lock(f->dir, 0, &e) < 0 ||
		    qjournal_begin(&j, f->dir, &f->st, &f->p, &e) || write(ready[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	reload(f, &st);
	assert_true(st.half.found && st.half.running);
	assert_int_equal(st.half.pid, pid);
	assert_false(st.devs[0].half_done);
	qstate_free(&st);
	/* And no second run gets in; the error names the first. */
	assert_int_equal(qjournal_lock(f->dir, 100, &e), -EBUSY);
	{
		char *who = qmem_printf("process %d", (int)pid);

		assert_non_null(strstr(e.msg, who));
		free(who);
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	reload(f, &st);
	assert_true(st.half.found && st.devs[0].half_done);
	assert_false(st.half.running);
	qstate_free(&st);
	close(ready[0]);
	close(ready[1]);
}

static void persist_and_back(void **state)
{
	struct fixture *f = *state;
	struct qpersist *list;
	struct qvfio_state st;
	struct qerr e;
	size_t n;
	char *why;

	assert_int_equal(qpersist_load(f->dir, &list, &n, &e), 0);
	assert_int_equal(n, 0);
	qpersist_free(list, n);
	for (n = 0; n < f->p.n_targets; n++)
		f->p.targets[n].take = !strcmp(f->p.targets[n].addr, AUDIO);
	assert_int_equal(qpersist_save(f->dir, &f->st, &f->p, GPU, true, &e), 0);
	put(f, "persist/notes.txt", "not one of ours");
	assert_int_equal(qpersist_load(f->dir, &list, &n, &e), 0);
	assert_int_equal(n, 1);
	assert_string_equal(list[0].addr, GPU);
	assert_string_equal(list[0].ids, "1002:73bf:0000:0000");
	assert_string_equal(list[0].driver, "amdgpu");
	assert_string_equal(list[0].error, "");
	assert_true(list[0].allow_console);
	assert_int_equal(list[0].n_take, 1);
	assert_string_equal(list[0].take[0], AUDIO);
	assert_int_equal(list[0].n_companions, 1);
	assert_string_equal(list[0].companions[0], AUDIO " 1002:73c0:0000:0000 snd_hda_intel");

	/* At the next boot no driver has come yet: what was persisted tells which one it was. */
	make_state(&st);
	st.devs[0].pci.driver[0] = st.devs[1].pci.driver[0] = '\0';
	qpersist_mark(&st, list, n);
	assert_true(st.devs[0].persisted && st.devs[0].record.known);
	assert_string_equal(st.devs[0].record.driver, "amdgpu");
	assert_string_equal(st.devs[1].record.driver, "snd_hda_intel");
	assert_string_equal(st.devs[1].record.taken_for, GPU);
	assert_null(qpersist_mismatch(&st, &list[0]));

	/* Not so for another card, a new neighbour, or an empty slot. */
	st.devs[0].pci.subvendor = 0x1043;
	why = qpersist_mismatch(&st, &list[0]);
	assert_non_null(strstr(why, "another device"));
	free(why);
	st.devs[0].pci.subvendor = 0;
	st.devs[1].pci.device = 0x1234;
	why = qpersist_mismatch(&st, &list[0]);
	assert_non_null(strstr(why, AUDIO));
	free(why);
	st.devs[0].pci.addr[5] = 'f';
	why = qpersist_mismatch(&st, &list[0]);
	assert_non_null(strstr(why, "no GPU"));
	free(why);
	qstate_free(&st);

	make_state(&st);
	st.n = 1;
	snprintf(st.devs[0].pci.addr, sizeof(st.devs[0].pci.addr), "0000:05:00.0");
	qpersist_mark(&st, list, n);
	assert_int_equal(st.n_lost, 1);
	assert_string_equal(st.lost[0], GPU);
	qstate_free(&st);

	qpersist_free(list, n);
	assert_int_equal(qpersist_forget(f->dir, GPU, &e), 0);
	assert_int_equal(qpersist_forget(f->dir, GPU, &e), 0);
	assert_false(there(f, "persist/" GPU ".json"));
}

static void persist_damaged(void **state)
{
	static const char *const texts[] = {
		"",
		"{",
		"[]",
		"{}",
		"{\"address\":\"" GPU "\",\"ids\":\"x\"}",
		"{\"address\":\"0000:09:00.0\",\"ids\":\"x\",\"driver\":\"\"}",
	};
	struct fixture *f = *state;
	struct qpersist *list;
	struct qvfio_state st;
	struct qerr e;
	size_t i, n;
	char *why, *dir = path_of(f, "persist");

	assert_int_equal(qfile_mkdirs(dir, 0755), 0);
	free(dir);
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		put(f, "persist/" GPU ".json", texts[i]);
		assert_int_equal(qpersist_load(f->dir, &list, &n, &e), 0);
		assert_int_equal(n, 1);
		assert_non_null(strstr(list[0].error, GPU));
		make_state(&st);
		qpersist_mark(&st, list, n);
		assert_true(st.devs[0].persisted);
		assert_false(st.devs[0].record.known);
		why = qpersist_mismatch(&st, &list[0]);
		assert_non_null(why);
		free(why);
		qstate_free(&st);
		qpersist_free(list, n);
	}
}

/* A file is the old one or the new one. */
static void replace_file(void **state)
{
	struct fixture *f = *state;
	char *path = path_of(f, "file"), *tmp = path_of(f, "file.new"), buf[16];

	assert_int_equal(qfile_replace(path, "old", 3, 0600), 0);
	assert_int_equal(mkdir(tmp, 0700), 0);
	assert_int_equal(qfile_replace(path, "new", 3, 0600), -EISDIR);
	assert_int_equal(qfile_read(AT_FDCWD, path, buf, sizeof(buf)), 3);
	assert_string_equal(buf, "old");
	rmdir(tmp);
	assert_int_equal(symlink(path, tmp), 0);
	assert_int_equal(qfile_replace(path, "new", 3, 0600), -ELOOP);
	assert_int_equal(qfile_read(AT_FDCWD, path, buf, sizeof(buf)), 3);
	assert_string_equal(buf, "old");
	unlink(tmp);
	assert_int_equal(qfile_replace(path, "new", 3, 0600), 0);
	assert_int_equal(qfile_read(AT_FDCWD, path, buf, sizeof(buf)), 3);
	assert_string_equal(buf, "new");
	/* Room for the text and its NUL, or nothing. */
	memset(buf, 0xcc, sizeof(buf));
	assert_int_equal(qfile_read(AT_FDCWD, path, buf, 3), -EFBIG);
	assert_string_equal(buf, "");
	assert_int_equal(qfile_read(AT_FDCWD, path, buf, 4), 3);
	free(path);
	free(tmp);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(nothing_there), T(run_broken_off),   T(run_ended),	   T(other_device),
		T(other_boot),	  T(damaged),	       T(odd_progress),	   T(damaged_records),
		T(running),	  T(persist_and_back), T(persist_damaged), T(replace_file),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
