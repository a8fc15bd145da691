// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a VM says to its supervisor: budgets, and floods of each input by threads that stand for a
 * captured QEMU. The supervisor's own time is measured, and what is in its logs.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "qemu/qmp.h"
#include "vm/budget.h"
#include "vm/console.h"
#include "vm/counts.h"
#include "vm/inputs.h"
#include "vm/log.h"

#define SECOND 1000000000LL
/* How long each flood lasts, in ms. */
#define FLOOD_MS 3000

static void saves_up(void **state)
{
	struct qbudget b;

	qbudget_init(&b, 1000, 50, 5 * SECOND);
	assert_true(qbudget_open(&b, 5 * SECOND));
	assert_int_equal(qbudget_wait(&b, 5 * SECOND), 0);
	qbudget_spend(&b, 50);
	assert_false(qbudget_open(&b, 5 * SECOND));
	assert_int_equal(qbudget_wait(&b, 5 * SECOND), SECOND / 1000);
	/* Half a unit is none yet, but is not forgotten. */
	assert_false(qbudget_open(&b, 5 * SECOND + SECOND / 2000));
	assert_int_equal(qbudget_wait(&b, 5 * SECOND + SECOND / 2000), SECOND / 2000);
	assert_true(qbudget_open(&b, 5 * SECOND + SECOND / 1000));
	assert_int_equal(b.left, 1);
	/* No more than the burst, however long it takes. */
	assert_true(qbudget_open(&b, 10 * SECOND));
	assert_int_equal(b.left, 50);
	assert_true(qbudget_open(&b, INT64_MAX));
	assert_int_equal(b.left, 50);
}

static void pays_debts(void **state)
{
	struct qbudget b;

	qbudget_init(&b, 3, 10, 0);
	qbudget_spend(&b, 25);
	assert_int_equal(b.left, -15);
	/* 16 units at 3 in a second, rounded up. */
	assert_int_equal(qbudget_wait(&b, 0), 5 * SECOND + SECOND / 3 + 1);
	assert_false(qbudget_open(&b, 5 * SECOND));
	assert_true(qbudget_open(&b, qbudget_wait(&b, 5 * SECOND) + 5 * SECOND));
}

/* However often it is asked, it earns the same. */
static void often_asked(void **state)
{
	struct qbudget b;
	int64_t t;

	qbudget_init(&b, 7, 1000, 0);
	qbudget_spend(&b, 1000);
	for (t = 0; t <= 10 * SECOND; t += 999983)
		qbudget_open(&b, t);
	qbudget_open(&b, 10 * SECOND);
	assert_in_range(b.left, 69, 70);
}

/* What is lent is there until it is spent or called in, and is not earned again. */
static void lent(void **state)
{
	static const struct qinput_share share = { .cpu_us = 1000, .cpu_burst_us = 10 };
	struct qinputs s = { .n = 0 };
	struct qinput *in = qinputs_add(&s, "x", &share, -1, NULL, NULL);

	qinput_lend(in, 90);
	assert_true(qbudget_open(&in->cpu, in->cpu.at + SECOND));
	assert_int_equal(in->cpu.left, 100000);
	qbudget_spend(&in->cpu, 60000);
	assert_true(qbudget_open(&in->cpu, in->cpu.at + SECOND));
	assert_int_equal(in->cpu.left, 40000);
	qinput_call_in(in);
	assert_int_equal(in->cpu.left, 10000);
	qbudget_spend(&in->cpu, 10000);
	assert_false(qbudget_open(&in->cpu, in->cpu.at));
	qinput_call_in(in);
	assert_int_equal(in->cpu.left, 0);
}

/* The supervisor's side of a VM whose QEMU is whoever holds the other ends. */
struct super {
	char dir[64];
	struct qlog log;
	struct qconsole console;
	struct qmp *qmp;
	struct qinputs in;
	int out[2];
	int serial;
	int monitor;
	int other[2];
	bool stop;
};

static ssize_t take_out(void *arg)
{
	struct super *s = arg;

	return qlog_take(&s->log, s->out[0], NULL, NULL);
}

static ssize_t take_console(void *arg)
{
	struct super *s = arg;

	return qconsole_take(&s->console);
}

static ssize_t take_qmp(void *arg)
{
	struct super *s = arg;

	return qmp_read(s->qmp, NULL, NULL);
}

/* As whoever answers a system call for the VM has it: one byte is one question. */
static ssize_t take_other(void *arg)
{
	struct super *s = arg;
	char c;

	return read(s->other[0], &c, 1);
}

static int begin(void **state)
{
	static const struct qinput_share other = { .cpu_us = 1000, .cpu_burst_us = 4000 };
	struct super *s = calloc(1, sizeof(*s));
	char path[128];

	snprintf(s->dir, sizeof(s->dir), "/tmp/test_inputs.XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	setenv("QWAMOS_RUN_DIR", s->dir, 1);
	snprintf(path, sizeof(path), "%s/vm.log", s->dir);
	assert_int_equal(qlog_open(&s->log, path, NULL), 0);
	snprintf(path, sizeof(path), "%s/vm.serial", s->dir);
	assert_int_equal(qconsole_open(&s->console, "vm", path, false, &s->serial, NULL), 0);
	assert_int_equal(qmp_pair(&s->qmp, &s->monitor, NULL), 0);
	assert_int_equal(pipe2(s->out, O_CLOEXEC), 0);
	assert_int_equal(fcntl(s->out[0], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(pipe2(s->other, O_CLOEXEC), 0);
	qinputs_add(&s->in, "output", &QINPUT_OUTPUT, s->out[0], take_out, s);
	qinputs_add(&s->in, "console", &QINPUT_CONSOLE, s->console.guest, take_console, s);
	qinputs_add(&s->in, "qmp", &QINPUT_QMP, qmp_fd(s->qmp), take_qmp, s);
	qinputs_add(&s->in, "other", &other, s->other[0], take_other, s);
	signal(SIGPIPE, SIG_IGN);
	*state = s;
	return 0;
}

static int end(void **state)
{
	static const char *const files[] = { "vm.log", "vm.log.1", "vm.serial", "vm.serial.1",
					     "vm.inputs" };
	struct super *s = *state;
	char path[128];
	size_t i;

	qmp_close(s->qmp);
	qconsole_close(&s->console);
	qlog_close(&s->log);
	close(s->serial);
	close(s->monitor);
	for (i = 0; i < 2; i++) {
		close(s->out[i]);
		close(s->other[i]);
	}
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", s->dir, files[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(s->dir), 0);
	free(s);
	return 0;
}

static int64_t clock_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return t.tv_sec * SECOND + t.tv_nsec;
}

struct flood {
	struct super *s;
	int fd;
	const char *text;
	size_t len;
	uint64_t written;
};

/* As fast as it can, until nobody reads any more. */
static void *flood(void *arg)
{
	struct flood *f = arg;
	struct pollfd p = { .fd = f->fd, .events = POLLOUT };
	size_t at = 0;
	ssize_t n;

	fcntl(f->fd, F_SETFL, O_NONBLOCK);
	while (!__atomic_load_n(&f->s->stop, __ATOMIC_RELAXED)) {
		n = write(f->fd, f->text + at, f->len - at);
		if (n > 0) {
			f->written += n;
			at = (at + n) % f->len;
		} else if (errno == EAGAIN) {
			poll(&p, 1, 10);
		} else {
			break;
		}
	}
	return NULL;
}

/* Return: the supervisor's own time, in ns. */
static int64_t supervise(struct super *s, int64_t ms)
{
	int64_t until = clock_ns(CLOCK_MONOTONIC) + ms * 1000000,
		before = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	struct pollfd p[QINPUTS_MAX];
	size_t n;

	while (clock_ns(CLOCK_MONOTONIC) < until) {
		n = qinputs_fds(&s->in, p);
		if (poll(p, n, qinputs_timeout(&s->in, 100)) > 0)
			qinputs_ready(&s->in, p, n);
	}
	return clock_ns(CLOCK_THREAD_CPUTIME_ID) - before;
}

static off_t logged(const struct super *s)
{
	static const char *const files[] = { "vm.log", "vm.log.1", "vm.serial", "vm.serial.1" };
	char path[128];
	struct stat st;
	off_t sum = 0;
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", s->dir, files[i]);
		if (!stat(path, &st))
			sum += st.st_size;
	}
	return sum;
}

/*
 * What it may cost beside its burst: one percent of a CPU. Whatever is read is read by then, so
 * the longest portion may be on top once.
 */
static void floods(struct super *s, struct flood *f, size_t n)
{
	int64_t most = FLOOD_MS * 1000000LL / 100 + 60 * 1000000LL, spent;
	pthread_t t[8];
	size_t i;

	for (i = 0; i < n; i++) {
		f[i].s = s;
		assert_int_equal(pthread_create(&t[i], NULL, flood, &f[i]), 0);
	}
	spent = supervise(s, FLOOD_MS);
	__atomic_store_n(&s->stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < n; i++)
		pthread_join(t[i], NULL);
	print_message("# %d ms of flood: %lld us of the supervisor's time, %lld KiB logged\n",
		      FLOOD_MS, (long long)spent / 1000, (long long)logged(s) >> 10);
	assert_true(spent < most);
	/* The bursts, and 272 KiB a second; each line of one byte may have become one of 26. */
	assert_true(logged(s) < (26LL << 20));
}

static const struct qinput *input(const struct super *s, const char *name)
{
	size_t i;

	for (i = 0; i < s->in.n; i++)
		if (!strcmp(s->in.in[i].name, name))
			return &s->in.in[i];
	fail();
	return NULL;
}

#define GREETING "{\"QMP\": {}}\n"

static void flood_qmp(void **state)
{
	static const char event[] = "{\"timestamp\": {\"seconds\": 1, \"microseconds\": 2}, "
				    "\"event\": \"RTC_CHANGE\", \"data\": {\"offset\": 1}}\n";
	struct super *s = *state;
	struct flood f = { .fd = s->monitor, .text = event, .len = sizeof(event) - 1 };

	assert_int_equal(write(s->monitor, GREETING, strlen(GREETING)), strlen(GREETING));
	floods(s, &f, 1);
	assert_true(input(s, "qmp")->waits > 0);
	/* It is still the same connection: nothing of it was thrown away. */
	assert_true(input(s, "qmp")->fd >= 0);
	assert_true(f.written - input(s, "qmp")->taken < 1 << 20);
	assert_int_equal(input(s, "console")->waits, 0);
}

/* The longest message that is taken, and the worst to parse, again and again. */
static void flood_qmp_large(void **state)
{
	size_t len = 250 << 10, i;
	struct super *s = *state;
	char *text = malloc(len + 64);
	struct flood f = { .fd = s->monitor, .text = text };

	snprintf(text, len, "{\"event\": \"X\", \"data\": [1");
	for (i = strlen(text); i < len; i += 2)
		memcpy(text + i, ",1", 2);
	snprintf(text + i, len + 64 - i, "]}\n");
	f.len = strlen(text);
	assert_int_equal(write(s->monitor, GREETING, strlen(GREETING)), strlen(GREETING));
	floods(s, &f, 1);
	assert_true(input(s, "qmp")->waits > 0);
	free(text);
}

static void flood_console(void **state)
{
	static char text[65536];
	struct super *s = *state;
	struct flood f = { .fd = s->serial, .text = text, .len = sizeof(text) };

	memset(text, 'x', sizeof(text));
	floods(s, &f, 1);
	assert_true(input(s, "console")->waits > 0);
	/* All that was read is in the log. */
	assert_int_equal(logged(s), input(s, "console")->taken);
	assert_int_equal(s->console.log.lost, 0);
	assert_true(f.written - input(s, "console")->taken < 4 << 20);
}

static void flood_output(void **state)
{
	static char text[4096];
	struct super *s = *state;
	struct flood f = { .fd = s->out[1], .text = text, .len = sizeof(text) };

	memset(text, '\n', sizeof(text));
	floods(s, &f, 1);
	assert_true(input(s, "output")->waits > 0);
}

static void flood_other(void **state)
{
	struct super *s = *state;
	struct flood f = { .fd = s->other[1], .text = "xxxxxxxx", .len = 8 };

	floods(s, &f, 1);
	assert_true(input(s, "other")->waits > 0);
}

/* All at once; and who says little is heard all the same. */
static void flood_all(void **state)
{
	static const char event[] = "{\"event\": \"X\"}\n";
	static char text[65536];
	struct super *s = *state;
	struct flood f[] = { { .fd = s->serial, .text = text, .len = sizeof(text) },
			     { .fd = s->out[1], .text = "\n\n\n\n\n\n\n\n", .len = 8 },
			     { .fd = s->monitor, .text = event, .len = sizeof(event) - 1 },
			     { .fd = s->other[1], .text = "xxxxxxxx", .len = 8 } };
	struct qcounts c, read;
	char line[256];
	size_t i;

	assert_int_equal(write(s->monitor, GREETING, strlen(GREETING)), strlen(GREETING));
	floods(s, f, 4);
	qcounts_take(&c, &s->in);
	assert_int_equal(c.n, 4);
	for (i = 0; i < 4; i++)
		assert_true(c.v[i].waits > 0 && c.v[i].taken > 0);
	/* What is told to others is the same. */
	c.v[1].lost = 5;
	c.v[1].unseen = 7;
	assert_int_equal(qcounts_write("vm", &c, NULL), 0);
	assert_int_equal(qcounts_read("vm", &read), 0);
	assert_memory_equal(&c, &read, sizeof(c));
	qcounts_text(&read.v[1], line, sizeof(line));
	assert_non_null(strstr(line, "console: "));
	assert_non_null(strstr(line, "; 5 bytes lost, 7 not shown"));
	qcounts_remove("vm");
	assert_int_equal(qcounts_read("vm", &read), -ENOENT);
}

/* One that floods takes nothing from another, which is read at once. */
static void quiet_neighbour(void **state)
{
	struct super *s = *state;
	struct flood f = { .s = s, .fd = s->out[1], .text = "\n\n\n\n\n\n\n\n", .len = 8 };
	uint64_t before;
	pthread_t t;
	int i;

	assert_int_equal(pthread_create(&t, NULL, flood, &f), 0);
	supervise(s, 1500);
	for (i = 0; i < 20; i++) {
		before = input(s, "console")->taken;
		assert_int_equal(write(s->serial, "hello\n", 6), 6);
		supervise(s, 30);
		assert_int_equal(input(s, "console")->taken - before, 6);
	}
	__atomic_store_n(&s->stop, true, __ATOMIC_RELAXED);
	pthread_join(t, NULL);
	assert_true(input(s, "output")->waits > 0);
	assert_int_equal(input(s, "console")->waits, 0);
}

/* Who has nothing to say costs nothing, and an end is an end. */
static void ends(void **state)
{
	struct super *s = *state;
	struct pollfd p[QINPUTS_MAX];

	assert_int_equal(qinputs_fds(&s->in, p), 4);
	assert_int_equal(qinputs_timeout(&s->in, -1), -1);
	assert_int_equal(qinputs_timeout(&s->in, 77), 77);
	shutdown(s->serial, SHUT_RDWR);
	supervise(s, 20);
	assert_int_equal(input(s, "console")->fd, -1);
	assert_int_equal(qinputs_fds(&s->in, p), 3);
	assert_int_equal(qinputs_waits(&s->in), 0);
}

/* What has to make room in a log is counted. */
static void lost(void **state)
{
	static char block[1 << 20];
	struct super *s = *state;
	int i;

	for (i = 0; i < 16; i++)
		qlog_write(&s->log, block, sizeof(block));
	assert_int_equal(s->log.lost, 0);
	qlog_write(&s->log, block, sizeof(block));
	assert_int_equal(s->log.lost, QLOG_MAX);
	close(s->log.fd);
	s->log.fd = -1;
	qlog_write(&s->log, block, 10);
	assert_int_equal(s->log.lost, QLOG_MAX + 10);
}

/* Take 20 ms of a CPU, as slow tellers do. */
static void tell_slowly(void *arg)
{
	int64_t until = clock_ns(CLOCK_THREAD_CPUTIME_ID) + SECOND / 50;

	while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < until)
		;
	++*(int *)arg;
}

/* Telling has its share, too: who has taken too long for it is not called until it is paid off. */
static void told(void **state)
{
	struct qinputs s = { .n = 0 };
	int times = 0, i;

	assert_false(qinputs_tell(&s, tell_slowly, &times));
	qinputs_add(&s, "x", &QINPUT_QMP, -1, NULL, NULL);
	qinputs_add(&s, "y", &QINPUT_QMP, -1, NULL, NULL);
	assert_true(qinputs_tell(&s, tell_slowly, &times));
	for (i = 0; i < 100; i++)
		assert_false(qinputs_tell(&s, tell_slowly, &times));
	assert_int_equal(times, 1);
	/* 10 ms were saved up; the others are a debt, at 1 ms per second. */
	s.tell.at -= 9 * SECOND;
	assert_false(qinputs_tell(&s, tell_slowly, &times));
	s.tell.at -= 4 * SECOND;
	assert_true(qinputs_tell(&s, tell_slowly, &times));
	assert_int_equal(times, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(saves_up),
		cmocka_unit_test(pays_debts),
		cmocka_unit_test(often_asked),
		cmocka_unit_test(lent),
		cmocka_unit_test_setup_teardown(flood_qmp, begin, end),
		cmocka_unit_test_setup_teardown(flood_qmp_large, begin, end),
		cmocka_unit_test_setup_teardown(flood_console, begin, end),
		cmocka_unit_test_setup_teardown(flood_output, begin, end),
		cmocka_unit_test_setup_teardown(flood_other, begin, end),
		cmocka_unit_test_setup_teardown(flood_all, begin, end),
		cmocka_unit_test_setup_teardown(quiet_neighbour, begin, end),
		cmocka_unit_test_setup_teardown(ends, begin, end),
		cmocka_unit_test_setup_teardown(lost, begin, end),
		cmocka_unit_test(told),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("inputs", tests, NULL, NULL);
}
