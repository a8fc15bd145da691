// SPDX-License-Identifier: GPL-2.0-only
/* qwamos-vm stop, list */
#include <errno.h>
#include <getopt.h>
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

static bool seconds(const char *text, int *value)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	if (errno || end == text || *end || n < 1 || n > 86400)
		return false;
	*value = n;
	return true;
}

/* Signals the supervisor, and waits until it has put everything back. */
static int stop(const char *name, int signo, int timeout_s)
{
	struct qrecord r;
	struct pollfd p;
	struct qerr err;
	int ret = 0, fd;

	if (qrecord_find(name, &r, &err))
		return vm_fail("%s", err.msg);
	fd = r.pid > 0 ? pidfd_open(r.pid, 0) : -1;
	/*
	 * Alive after the open: then the fd is the supervisor's, and no later process's of that
	 * number.
	 */
	if (fd < 0 || !qrecord_alive(&r)) {
		ret = vm_fail(
			"the supervisor of VM %s is gone; what it has left is put back when the next VM is started",
			name);
	} else if (pidfd_send_signal(fd, signo, NULL, 0)) {
		ret = vm_fail("process %d: %s", r.pid, strerror(errno));
	} else {
		p = (struct pollfd){ .fd = fd, .events = POLLIN };
		if (poll(&p, 1, timeout_s * 1000) != 1)
			ret = vm_fail(
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
	static const struct option options[] = {
		{ "now", no_argument, NULL, 'n' },
		{ "timeout", required_argument, NULL, 't' },
		{ 0 },
	};
	int c, signo = SIGTERM, timeout_s = 120;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'n')
			signo = SIGQUIT;
		else if (c != 't')
			return EXIT_USAGE;
		else if (!seconds(optarg, &timeout_s))
			return vm_use("--timeout: '%s' found, 1 to 86400 accepted", optarg);
	}
	if (argc - optind != 1)
		return vm_use("stop takes the NAME of one VM");
	if (!qvm_name_ok(argv[optind]))
		return vm_use("'%s' is no name of a VM", argv[optind]);
	return stop(argv[optind], signo, timeout_s);
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
	static const struct option options[] = { { "json", no_argument, NULL, 'j' }, { 0 } };
	struct json_object *list;
	struct qrecord *recs;
	bool json = false;
	struct qerr err;
	int c, ret = 0;
	size_t i, n;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'j')
			return EXIT_USAGE;
		json = true;
	}
	if (optind < argc)
		return vm_use("list takes no '%s'", argv[optind]);
	if (qrecord_list(&recs, &n, &err))
		return vm_fail("%s", err.msg);
	list = qjson_arr();
	for (i = 0; i < n; i++)
		qjson_push(list, to_json(&recs[i]));
	qrecord_list_free(recs, n);
	if (json)
		ret = qjson_print(stdout, list);
	else
		print(list);
	json_object_put(list);
	return ret || fflush(stdout) ? EXIT_FAILED : 0;
}
