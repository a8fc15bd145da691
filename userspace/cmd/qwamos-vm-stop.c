// SPDX-License-Identifier: GPL-2.0-only
/* qwamos-vm stop, list */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "cmd/qwamos-vm.h"
#include "util/json.h"
#include "vm/record.h"
#include "vm/vm.h"

/* Signals the supervisor, and waits until it has put everything back. */
static int stop(const char *name, int signo, int timeout_s)
{
	struct qrecord r;
	struct pollfd p;
	struct qerr err;
	int ret = 0, fd;

	if (qrecord_find(name, &r, &err))
		return cmd_fail("%s", err.msg);
	fd = r.pid > 0 ? pidfd_open(r.pid, 0) : -1;
	/*
	 * Alive after the open: then the fd is the supervisor's, and no later process's of that
	 * number.
	 */
	if (fd < 0 || !qrecord_alive(&r)) {
		ret = cmd_fail(
			"the supervisor of VM %s is gone; what it has left is put back when the next VM is started",
			name);
	} else if (pidfd_send_signal(fd, signo, NULL, 0)) {
		ret = cmd_fail("process %d: %s", r.pid, strerror(errno));
	} else {
		p = (struct pollfd){ .fd = fd, .events = POLLIN };
		if (poll(&p, 1, timeout_s * 1000) != 1)
			ret = cmd_fail(
				"VM %s still runs after %d s; qwamos-vm stop --now %s switches it off",
				name, timeout_s, name);
	}
	if (fd >= 0)
		close(fd);
	qrecord_drop(&r);
	return ret;
}

int vm_stop(int argc, char **argv)
{
	struct {
		bool now;
		uint64_t timeout_s;
	} o = { .timeout_s = 120 };
	static const struct cmd_opt opts[] = {
		{ "now", .kind = CMD_FLAG, .at = offsetof(typeof(o), now) },
		{ "timeout", .kind = CMD_NUMBER, .at = offsetof(typeof(o), timeout_s), .min = 1,
		  .max = 86400 },
		{ 0 },
	};
	const struct cmd_line line = {
		.command = "stop",
		.usage = "stop NAME [--now] [--timeout SECONDS]\n"
			 "Lets the guest power off, and waits until the VM is over.\n"
			 "  --now              switch it off\n"
			 "  --timeout SECONDS  how long to wait (120)",
		.opts = opts,
		.args = "the NAME of one VM",
		.min = 1,
		.max = 1,
	};
	int at = cmd_parse(&line, argc, argv, &o);

	if (at <= 0)
		return -at;
	if (!qvm_name_ok(argv[at]))
		return cmd_wrong(&line, "'%s' is no name of a VM", argv[at]);
	return stop(argv[at], o.now ? SIGQUIT : SIGTERM, o.timeout_s);
}

static struct json_object *to_json(const struct qrecord *r)
{
	struct json_object *o = qjson_obj(), *bound;
	size_t i;

	qjson_add_str(o, "name", r->name);
	qjson_add_str(o, "state", qrecord_alive(r) ? "running" : "left over");
	qjson_add_int(o, "supervisor", r->pid);
	qjson_add_int(o, "vm_id", r->vm_id);
	qjson_add_str_or_null(o, "config", r->config);
	bound = qjson_add(o, "bound", qjson_arr());
	for (i = 0; i < r->n_bound; i++)
		qjson_push_str(bound, r->bound[i]);
	return o;
}

static void print(struct json_object *list)
{
	size_t i;

	if (!qjson_len(list)) {
		puts("no VMs");
		return;
	}
	printf("%-20s %-10s %10s  %s\n", "NAME", "STATE", "SUPERVISOR", "CONFIG");
	for (i = 0; i < qjson_len(list); i++) {
		struct json_object *o = qjson_at(list, i);
		const char *config = qjson_get_str(o, "config");

		printf("%-20s %-10s %10lld  %s\n", qjson_get_str(o, "name"),
		       qjson_get_str(o, "state"), (long long)qjson_get_int(o, "supervisor", 0),
		       config ? config : "-");
	}
}

int vm_list(int argc, char **argv)
{
	struct {
		bool json;
	} o = { 0 };
	static const struct cmd_opt opts[] = { CMD_JSON(typeof(o), json), { 0 } };
	const struct cmd_line line = {
		.command = "list",
		.usage = "list [--json]\n"
			 "Lists the VMs that run, and those whose supervisor was killed.\n"
			 "  --json  as JSON",
		.opts = opts,
	};
	struct json_object *list;
	struct qrecord *recs;
	struct qerr err;
	size_t i, n;
	int at;

	at = cmd_parse(&line, argc, argv, &o);
	if (at <= 0)
		return -at;
	if (qrecord_list(&recs, &n, &err))
		return cmd_fail("%s", err.msg);
	list = qjson_arr();
	for (i = 0; i < n; i++)
		qjson_push(list, to_json(&recs[i]));
	qrecord_list_free(recs, n);
	return cmd_print(list, o.json, print);
}
