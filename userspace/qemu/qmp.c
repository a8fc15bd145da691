// SPDX-License-Identifier: GPL-2.0-only
#include "qemu/qmp.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/json.h"
#include "util/mem.h"
#include "util/pass.h"

/* What the supervisor asks for has a few ten KiB of answer. */
#define MAX_MESSAGE (256 << 10)
#define MAX_WAITING 8
/* QEMU itself reads no more than 8 ahead; more wait in the socket. */
#define MAX_ASKED 256

/* A command that has not been answered. @answer: NULL: nobody waits for that. */
struct asked {
	void (*answer)(void *arg, struct json_object *ret, const char *error);
	void *arg;
};

struct qmp {
	int fd;
	bool greeted;
	bool ready;
	char *waiting[MAX_WAITING]; /* commands from before QEMU was ready */
	size_t n_waiting;
	char *text; /* a line that has not ended yet */
	size_t len;
	char *error;
	struct asked asked[MAX_ASKED]; /* a ring */
	uint64_t first; /* the oldest in it */
	uint64_t next;
};

int qmp_pair(struct qmp **q, int *qemu_fd, struct qerr *e)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		return qerr_sys(e, errno, "socketpair");
	*q = qmem_calloc(1, sizeof(**q));
	(*q)->fd = fds[0];
	*qemu_fd = fds[1];
	return 0;
}

int qmp_fd(const struct qmp *q)
{
	return q->fd;
}

/* Takes over @text; @fd: goes along, -1: none. */
static int send_text(struct qmp *q, char *text, int fd)
{
	size_t len = strlen(text);
	ssize_t n;

	/* The socket takes far more than these few bytes; if it does not, QEMU does not read. */
	n = qpass_send(q->fd, text, len, fd, MSG_DONTWAIT);
	free(text);
	if (n < 0)
		return n;
	return (size_t)n == len ? 0 : -EAGAIN;
}

/*
 * Short, for QEMU reads byte by byte, with a turn of its loop for each. No ids: it answers in
 * order. Takes over @args; @fd: goes along, -1: none.
 */
static int send_command(struct qmp *q, const char *command, struct json_object *args, int fd,
			const struct asked *a)
{
	const int style = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE;
	char *text;
	int ret = -EAGAIN;

	if (q->next - q->first < MAX_ASKED) {
		text = args ? qmem_printf("{\"execute\":\"%s\",\"arguments\":%s}\n", command,
					  json_object_to_json_string_ext(args, style))
			    : qmem_printf("{\"execute\":\"%s\"}\n", command);
		ret = send_text(q, text, fd);
	}
	json_object_put(args);
	if (!ret)
		q->asked[q->next++ % MAX_ASKED] = *a;
	return ret;
}

static int send_now(struct qmp *q, const char *command)
{
	return send_command(q, command, NULL, -1, &(struct asked){ 0 });
}

int qmp_ask(struct qmp *q, const char *command, struct json_object *args,
	    void (*answer)(void *arg, struct json_object *ret, const char *error), void *arg)
{
	return send_command(q, command, args, -1, &(struct asked){ answer, arg });
}

/* An answer, which is to the oldest command. @error: its text; NULL: it is none */
static int answer(struct qmp *q, struct json_object *m, const char *error)
{
	struct json_object *ret = NULL;
	struct asked one;

	/* Any other answer is to nothing that was asked. */
	if (q->first == q->next || json_object_object_get_ex(m, "id", NULL))
		return -EBADMSG;
	one = q->asked[q->first++ % MAX_ASKED];
	if (!error && !json_object_object_get_ex(m, "return", &ret))
		return -EBADMSG;
	if (one.answer)
		one.answer(one.arg, error ? NULL : ret, error);
	return 0;
}

int qmp_add_client(struct qmp *q, const char *protocol, int fd)
{
	struct json_object *args = qjson_obj();
	int ret;

	qjson_add_str(args, "fdname", "client");
	ret = send_command(q, "getfd", args, fd, &(struct asked){ 0 });
	if (ret)
		return ret;
	args = qjson_obj();
	qjson_add_str(args, "protocol", protocol);
	qjson_add_str(args, "fdname", "client");
	qjson_add_bool(args, "skipauth", true);
	return qmp_ask(q, "add_client", args, NULL, NULL);
}

int qmp_send(struct qmp *q, const char *command)
{
	if (q->ready)
		return send_now(q, command);
	if (q->n_waiting == MAX_WAITING)
		return -EAGAIN;
	q->waiting[q->n_waiting++] = qmem_strdup(command);
	return 0;
}

static int got_ready(struct qmp *q)
{
	int ret = 0;
	size_t i;

	q->ready = true;
	for (i = 0; i < q->n_waiting; i++) {
		if (!ret)
			ret = send_now(q, q->waiting[i]);
		free(q->waiting[i]);
	}
	q->n_waiting = 0;
	return ret;
}

static int message(struct qmp *q, struct json_object *m,
		   void (*on_event)(void *, const char *, struct json_object *), void *arg)
{
	const char *event = qjson_get_str(m, "event");
	const char *desc;
	int ret;

	if (qjson_get(m, "QMP")) {
		if (q->greeted)
			return -EBADMSG;
		q->greeted = true;
		return send_now(q, "qmp_capabilities");
	}
	if (!q->greeted)
		return -EBADMSG;
	if (event) {
		if (on_event)
			on_event(arg, event, m);
		return 0;
	}
	desc = qjson_get_str(qjson_get(m, "error"), "desc");
	if (desc) {
		free(q->error);
		q->error = qmem_strdup(desc);
	}
	ret = answer(q, m, desc);
	if (ret || q->ready || desc)
		return ret;
	/* That was to qmp_capabilities, before which nothing is sent. */
	return got_ready(q);
}

static int line(struct qmp *q, const char *text,
		void (*on_event)(void *, const char *, struct json_object *), void *arg)
{
	struct json_object *m;
	int ret;

	if (!text[strspn(text, " \r\t")])
		return 0;
	m = json_tokener_parse(text);
	if (!json_object_is_type(m, json_type_object)) {
		json_object_put(m);
		return -EBADMSG;
	}
	ret = message(q, m, on_event, arg);
	json_object_put(m);
	return ret;
}

/* QEMU writes each message as one line. */
ssize_t qmp_read(struct qmp *q,
		 void (*on_event)(void *arg, const char *name, struct json_object *event),
		 void *arg)
{
	char buf[4096];
	ssize_t n, i;
	int ret = 0;

	n = recv(q->fd, buf, sizeof(buf), MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (!n)
		return -EPIPE;
	for (i = 0; i < n && !ret; i++) {
		if (!(q->len & (q->len - 1)))
			q->text = qmem_realloc(q->text, q->len ? 2 * q->len : 1, 1);
		q->text[q->len] = buf[i] == '\n' ? '\0' : buf[i];
		if (++q->len > MAX_MESSAGE)
			return -EBADMSG;
		if (buf[i] == '\n') {
			q->len = 0;
			ret = line(q, q->text, on_event, arg);
			free(q->text);
			q->text = NULL;
		}
	}
	return ret ? ret : n;
}

bool qmp_ready(const struct qmp *q)
{
	return q->ready;
}

const char *qmp_error(const struct qmp *q)
{
	return q->error;
}

void qmp_close(struct qmp *q)
{
	size_t i;

	if (!q)
		return;
	close(q->fd);
	for (i = 0; i < q->n_waiting; i++)
		free(q->waiting[i]);
	free(q->text);
	free(q->error);
	free(q);
}
