// SPDX-License-Identifier: GPL-2.0-only
#include "detect/probe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "util/file.h"
#include "util/json.h"
#include "util/mem.h"

/* More than any sound report, and more than drivers print by chance, in bytes. */
#define MAX_REPORT  (256 << 10)
#define MAX_PRINTED (1 << 20)
/* Probes that are waited for at once, and the most drivers that are tried one by one. */
#define MAX_PROBES 32
/* How long the end of a killed process is waited for. */
#define KILL_MS 500
/* Where probes are, seen from the folder of the running program. */
#define LIBEXEC "../libexec/qwamos-gpu"
/* The last line of a report. */
#define DONE "{\"done\":true}\n"

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000) + t.tv_nsec / 1000000;
}

static struct qprobe *new_probe(const char *what)
{
	struct qprobe *p = qmem_calloc(1, sizeof(*p));

	p->what = what;
	p->report = -1;
	p->chatter = -1;
	p->lines = qjson_arr();
	return p;
}

/* Beside the program itself, so that it is the one of the same build. */
static char *find_helper(const char *name)
{
	char self[PATH_MAX], *slash;
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (len <= 0)
		return NULL;
	self[len] = '\0';
	slash = strrchr(self, '/');
	return slash ? qmem_printf("%.*s/" LIBEXEC "/%s", (int)(slash - self), self, name) : NULL;
}

/* The report goes to its fd 3, all else that is printed to 1 and 2; a group of its own. */
static int spawn(struct qprobe *p, const char *path, const char *driver, int report, int chatter)
{
	char *argv[] = { (char *)path, (char *)driver, NULL };
	posix_spawn_file_actions_t acts;
	posix_spawnattr_t attr;
	sigset_t none;
	int err;

	qmem_check(posix_spawn_file_actions_init(&acts) ? NULL : &acts);
	qmem_check(posix_spawnattr_init(&attr) ? NULL : &attr);
	sigemptyset(&none);
	err = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
	if (!err)
		err = posix_spawnattr_setsigmask(&attr, &none);
	if (!err)
		err = posix_spawn_file_actions_addopen(&acts, STDIN_FILENO, "/dev/null", O_RDONLY,
						       0);
	if (!err)
		err = posix_spawn_file_actions_adddup2(&acts, chatter, STDOUT_FILENO);
	if (!err)
		err = posix_spawn_file_actions_adddup2(&acts, chatter, STDERR_FILENO);
	if (!err)
		err = posix_spawn_file_actions_adddup2(&acts, report, 3);
	if (!err)
		err = posix_spawn(&p->pid, path, &acts, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&acts);
	return err;
}

/* A pipe whose write end is no low number, which the child's dup2() could overwrite. */
static int make_pipe(int fds[2])
{
	int high;

	if (pipe2(fds, O_CLOEXEC))
		return errno;
	high = fcntl(fds[1], F_DUPFD_CLOEXEC, 10);
	if (high >= 0) {
		close(fds[1]);
		fds[1] = high;
	}
	return high < 0 ? errno : 0;
}

struct qprobe *qprobe_start(const char *helper, const char *what, const char *driver,
			    unsigned int limit_ms)
{
	struct qprobe *p = new_probe(what);
	int report[2] = { -1, -1 }, chatter[2] = { -1, -1 };
	char *path = find_helper(helper);
	int err = path ? 0 : ENOENT;

	if (!err)
		err = make_pipe(report);
	if (!err)
		err = make_pipe(chatter);
	if (!err)
		err = spawn(p, path, driver, report[1], chatter[1]);
	free(path);
	if (report[1] >= 0)
		close(report[1]);
	if (chatter[1] >= 0)
		close(chatter[1]);
	p->report = report[0];
	p->chatter = chatter[0];
	p->limit_ms = limit_ms;
	p->deadline_ms = now_ms() + limit_ms;
	if (err) {
		p->pid = 0;
		p->end = QPROBE_NOT_STARTED;
		p->status = err;
	}
	return p;
}

/* Takes the lines of the report, each a document; a line that was broken off is left out. */
static void take_lines(struct qprobe *p)
{
	struct json_object *line, *device;
	char *at = p->text, *end;
	const char *stage;
	bool done = false;

	for (; (end = memchr(at, '\n', p->text + p->len - at)); at = end + 1) {
		*end = '\0';
		line = json_tokener_parse(at);
		device = qjson_get(line, "device");
		if (!json_object_is_type(line, json_type_object) ||
		    (device && !json_object_is_type(device, json_type_object))) {
			json_object_put(line);
			p->end = QPROBE_GARBAGE;
			return;
		}
		stage = qjson_get_str(line, "stage");
		if (stage)
			snprintf(p->stage, sizeof(p->stage), "%s", stage);
		done |= qjson_get_bool(line, "done", false);
		qjson_push(p->lines, line);
	}
	if (done && (p->end == QPROBE_EXITED || p->end == QPROBE_RUNNING))
		p->end = QPROBE_DONE;
}

static void stop(struct qprobe *p, enum qprobe_end end)
{
	int i, status;

	if (!p->pid)
		return;
	kill(-p->pid, SIGKILL);
	kill(p->pid, SIGKILL);
	/* One that a driver holds in the kernel does not even end then; nobody waits for it. */
	for (i = 0; i < KILL_MS && waitpid(p->pid, &status, WNOHANG) != p->pid; i++)
		poll(NULL, 0, 1);
	p->pid = 0;
	p->end = end;
}

static void drop(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Its report has ended, and so does it, or it is told to. */
static void finish(struct qprobe *p)
{
	int status;
	pid_t ret;

	do {
		ret = waitpid(p->pid, &status, WNOHANG);
		if (!ret)
			poll(NULL, 0, 2);
	} while ((ret < 0 && errno == EINTR) || (!ret && now_ms() < p->deadline_ms));
	if (ret != p->pid) {
		stop(p, QPROBE_HUNG);
		return;
	}
	/* What it may have started. */
	kill(-p->pid, SIGKILL);
	p->pid = 0;
	p->end = WIFSIGNALED(status) ? QPROBE_CRASHED : QPROBE_EXITED;
	p->status = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

static void take_report(struct qprobe *p)
{
	ssize_t n;

	p->text = qmem_realloc(p->text, p->len + 4096, 1);
	n = read(p->report, p->text + p->len, 4096);
	if (n < 0 && errno == EINTR)
		return;
	if (n <= 0) {
		drop(&p->report);
		finish(p);
		return;
	}
	p->len += n;
	if (p->len > MAX_REPORT)
		stop(p, QPROBE_FLOOD);
	/* A process that a driver has left behind may hold the pipe: its end is not waited for. */
	else if (memmem(p->text, p->len, DONE, strlen(DONE)))
		stop(p, QPROBE_DONE);
}

static void take_chatter(struct qprobe *p)
{
	char buf[16384];
	ssize_t n = read(p->chatter, buf, sizeof(buf));

	if (n < 0 && errno == EINTR)
		return;
	if (n <= 0) {
		drop(&p->chatter);
		return;
	}
	p->printed += n;
	if (p->printed > MAX_PRINTED)
		stop(p, QPROBE_FLOOD);
}

static void end_probe(struct qprobe *p)
{
	drop(&p->report);
	drop(&p->chatter);
	if (p->text)
		take_lines(p);
}

/* One round: waits for whatever comes first. Return: are there any that run still? */
static bool wait_once(struct qprobe *const *probes, size_t n)
{
	struct pollfd fds[2 * MAX_PROBES];
	int64_t now = now_ms(), left, next = INT_MAX;
	bool running = false;
	size_t i;

	for (i = 0; i < n && i < MAX_PROBES; i++) {
		struct qprobe *p = probes[i];

		fds[2 * i] =
			(struct pollfd){ .fd = p && p->pid ? p->report : -1, .events = POLLIN };
		fds[2 * i + 1] =
			(struct pollfd){ .fd = p && p->pid ? p->chatter : -1, .events = POLLIN };
		if (!p || !p->pid)
			continue;
		running = true;
		left = p->deadline_ms - now;
		next = left < next ? left : next;
	}
	if (!running)
		return false;
	poll(fds, 2 * i, next < 0 ? 0 : (int)next);
	for (i = 0; i < n && i < MAX_PROBES; i++) {
		struct qprobe *p = probes[i];

		if (p && p->pid && fds[2 * i + 1].revents)
			take_chatter(p);
		if (p && p->pid && fds[2 * i].revents)
			take_report(p);
		if (p && p->pid && now_ms() >= p->deadline_ms)
			stop(p, QPROBE_HUNG);
		if (p && !p->pid && (p->report >= 0 || p->chatter >= 0 || !p->end))
			end_probe(p);
	}
	return true;
}

void qprobe_wait(struct qprobe *const *probes, size_t n)
{
	size_t i;

	while (wait_once(probes, n))
		;
	for (i = 0; i < n; i++)
		if (probes[i] && (probes[i]->report >= 0 || probes[i]->chatter >= 0))
			end_probe(probes[i]);
}

struct qprobe *qprobe_read(const char *path, const char *what)
{
	struct qprobe *p = new_probe(what);
	ssize_t len = qfile_read_all(AT_FDCWD, path, MAX_REPORT, &p->text);

	if (len < 0) {
		qprobe_free(p);
		return NULL;
	}
	p->len = len;
	p->end = QPROBE_EXITED;
	take_lines(p);
	return p;
}

char *qprobe_why(const struct qprobe *p)
{
	const char *in = p->stage[0] ? " in " : "", *sig;
	char name[16];

	switch (p->end) {
	case QPROBE_CRASHED:
		sig = sigabbrev_np(p->status);
		if (!sig)
			snprintf(name, sizeof(name), "%d", p->status);
		return qmem_printf("crashed (%s%s)%s%s", sig ? "SIG" : "signal ", sig ? sig : name,
				   in, p->stage);
	case QPROBE_EXITED:
		return qmem_printf("ended its process (status %d)%s%s", p->status, in, p->stage);
	case QPROBE_HUNG:
		return qmem_printf("did not come back within %g s%s%s", p->limit_ms / 1000.0, in,
				   p->stage);
	case QPROBE_FLOOD:
		return qmem_printf("printed without end%s%s", in, p->stage);
	case QPROBE_GARBAGE:
		return qmem_printf("spoilt the probe's report%s%s", in, p->stage);
	case QPROBE_NOT_STARTED:
		return qmem_printf("was not tried: the probe can't be started: %s",
				   strerror(p->status));
	case QPROBE_RUNNING:
	case QPROBE_DONE:
		break;
	}
	return qmem_strdup("came to its end");
}

void qprobe_free(struct qprobe *p)
{
	if (!p)
		return;
	stop(p, QPROBE_HUNG);
	drop(&p->report);
	drop(&p->chatter);
	json_object_put(p->lines);
	free(p->text);
	free(p);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* NAME.json of a folder; of names that two folders have, a loader takes the first one. */
static void add_folder(char ***list, size_t *n, const char *dir)
{
	size_t first = *n, len;
	struct dirent *de;
	DIR *d = opendir(dir);

	while (d && (de = readdir(d)) && *n < MAX_PROBES) {
		len = strlen(de->d_name);
		if (len > 5 && !strcmp(de->d_name + len - 5, ".json"))
			*QMEM_GROW(*list, *n) = qmem_printf("%s/%s", dir, de->d_name);
	}
	if (d)
		closedir(d);
	if (*n > first)
		qsort(*list + first, *n - first, sizeof(**list), by_name);
}

char **qprobe_manifests(const char *env, const char *dirs, size_t *n)
{
	char *copy = qmem_strdup(env ? env : dirs), *save, *word, **list = NULL;

	*n = 0;
	for (word = strtok_r(copy, ":", &save); word; word = strtok_r(NULL, ":", &save)) {
		if (!env)
			add_folder(&list, n, word);
		else if (*n < MAX_PROBES)
			*QMEM_GROW(list, *n) = qmem_strdup(word);
	}
	free(copy);
	return list;
}
