// SPDX-License-Identifier: GPL-2.0-only
/* qwamos-vm console */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cmd/qwamos-vm.h"
#include "util/term.h"
#include "vm/console.h"
#include "vm/known.h"

/* How much is passed on at once, in bytes. */
#define BUF 4096

/* The typed bytes, as far as the escape; return: false: it was typed, or the VM is gone */
static bool type(int sock, const char *buf, ssize_t n, bool escape)
{
	const char *end = escape ? memchr(buf, QCONSOLE_ESCAPE, n) : NULL;
	ssize_t done, len = end ? end - buf : n;

	while (len > 0) {
		done = write(sock, buf, len);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return false;
		buf += done;
		len -= done;
	}
	return !end;
}

/*
 * A terminal is the guest's, for that is what was asked for. A file or a pipe gets text: who reads
 * it has not asked.
 */
static bool show(struct qterm_stream *s, const char *buf, size_t n)
{
	char text[BUF + 4];

	if (isatty(STDOUT_FILENO))
		return !qterm_raw(STDOUT_FILENO, buf, n);
	n = qterm_stream(s, buf, n, text);
	return !qterm_raw(STDOUT_FILENO, text, n);
}

/* Until the VM or the user ends it. After the end of stdin, what the guest writes is shown on. */
static void talk(int sock, bool tty)
{
	struct pollfd p[] = { { .fd = sock, .events = POLLIN },
			      { .fd = STDIN_FILENO, .events = POLLIN } };
	struct qterm_stream s = { 0 };
	char buf[BUF];
	ssize_t n;

	for (;;) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return;
		if (p[0].revents) {
			n = read(sock, buf, sizeof(buf));
			if (n <= 0 || !show(&s, buf, n))
				return;
		}
		if (p[1].revents) {
			n = read(STDIN_FILENO, buf, sizeof(buf));
			if (n > 0 && !type(sock, buf, n, tty))
				return;
			if (n <= 0)
				p[1].fd = -1;
		}
	}
}

int vm_console(int argc, char **argv)
{
	struct {
		const char *vms_dir;
	} o = { 0 };
	static const struct cmd_opt opts[] = { VM_DIR_OPT(typeof(o), vms_dir), { 0 } };
	const struct cmd_line line = {
		.command = "console",
		.usage =
			"console VM [--vms-dir DIR]\n"
			"Connects this terminal with the serial console of a running VM, until Ctrl-] is\n"
			"typed or the VM ends. Without a terminal, stdin is typed and what the guest\n"
			"writes is printed as text.\n" VM_DIR_USAGE,
		.opts = opts,
		.args = "one VM",
		.min = 1,
		.max = 1,
	};
	struct termios saved;
	struct qvm_known k;
	struct qerr err;
	int at, sock;
	bool tty;

	at = cmd_parse(&line, argc, argv, &o);
	if (at <= 0)
		return -at;
	sock = qvm_know_record(argv[at], o.vms_dir, &k, &err);
	if (!sock)
		sock = qconsole_connect(k.name, &err);
	if (sock < 0) {
		qvm_known_free(&k);
		return cmd_fail("%s", err.msg);
	}
	tty = isatty(STDIN_FILENO);
	/* Where nobody reads what the guest writes, the terminal must not be left raw. */
	signal(SIGPIPE, SIG_IGN);
	if (tty) {
		qterm_fprintf(stderr, "qwamos-vm: console of VM %s; Ctrl-] ends it\n", k.name);
		tty = qconsole_raw(STDIN_FILENO, &saved);
	}
	qvm_known_free(&k);
	talk(sock, tty);
	qconsole_restore(tty ? STDIN_FILENO : -1, isatty(STDOUT_FILENO) ? STDOUT_FILENO : -1,
			 &saved);
	if (tty)
		qterm_fprintf(stderr, "\n");
	close(sock);
	return 0;
}
