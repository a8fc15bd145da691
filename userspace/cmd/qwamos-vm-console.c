// SPDX-License-Identifier: GPL-2.0-only
/* qwamos-vm console */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cmd/qwamos-vm.h"
#include "vm/console.h"
#include "vm/known.h"

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

static bool show(const char *buf, ssize_t n)
{
	ssize_t done;

	while (n > 0) {
		done = write(STDOUT_FILENO, buf, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return false;
		buf += done;
		n -= done;
	}
	return true;
}

/* Until the VM or the user ends it. After the end of stdin, what the guest writes is shown on. */
static void talk(int sock, bool tty)
{
	struct pollfd p[] = { { .fd = sock, .events = POLLIN },
			      { .fd = STDIN_FILENO, .events = POLLIN } };
	char buf[4096];
	ssize_t n;

	for (;;) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return;
		if (p[0].revents) {
			n = read(sock, buf, sizeof(buf));
			if (n <= 0 || !show(buf, n))
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
			"writes is printed.\n" VM_DIR_USAGE,
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
	sock = qvm_know(argv[at], o.vms_dir, &k, &err);
	if (!sock)
		sock = qconsole_connect(k.name, &err);
	if (sock < 0) {
		qvm_known_free(&k);
		return cmd_fail("%s", err.msg);
	}
	tty = isatty(STDIN_FILENO);
	if (tty) {
		fprintf(stderr, "qwamos-vm: console of VM %s; Ctrl-] ends it\n", k.name);
		tty = qconsole_raw(STDIN_FILENO, &saved);
	}
	qvm_known_free(&k);
	talk(sock, tty);
	if (tty) {
		tcsetattr(STDIN_FILENO, TCSANOW, &saved);
		fputs("\n", stderr);
	}
	close(sock);
	return 0;
}
