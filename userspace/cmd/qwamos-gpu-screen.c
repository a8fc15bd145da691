// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nothing but what every terminal since the VT100 does, and xterm's second screen: no terminfo is
 * needed, and a screen is one write(), as ssh likes it.
 */
#include "cmd/qwamos-gpu-screen.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "util/mem.h"
#include "util/term.h"

#define ENTER "\033[?1049h\033[?25l\033[?7l"
#define LEAVE "\033[0m\033[?7h\033[?25h\033[?1049l"

static struct {
	atomic_int taken; /* also by a signal handler */
	bool keys;
	struct termios before;
	sigset_t mask;
	int signals;
} screen = { .signals = -1 };

/* Safe in a signal handler. */
static void leave(void)
{
	if (!screen.taken)
		return;
	screen.taken = 0;
	qterm_raw(STDOUT_FILENO, LEAVE, sizeof(LEAVE) - 1);
	if (screen.keys)
		tcsetattr(STDIN_FILENO, TCSANOW, &screen.before);
}

static void enter(void)
{
	struct termios raw = screen.before;

	screen.taken = 1;
	qterm_raw(STDOUT_FILENO, ENTER, sizeof(ENTER) - 1);
	if (!screen.keys)
		return;
	raw.c_lflag &= ~(ICANON | ECHO);
	raw.c_cc[VMIN] = 0;
	raw.c_cc[VTIME] = 0;
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}

/* A fault of ours must not cost the user the terminal. */
static void on_fault(int signal)
{
	leave();
	raise(signal);
}

static void catch_faults(void)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };
	struct sigaction sa = { .sa_handler = on_fault, .sa_flags = SA_RESETHAND | SA_NODEFER };
	size_t i;

	for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sigaction(faults[i], &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
}

int screen_open(void)
{
	static const int asked[] = { SIGWINCH, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };
	const char *term = getenv("TERM");
	sigset_t set;
	size_t i;

	if (!isatty(STDOUT_FILENO) || !term || !*term || !strcmp(term, "dumb"))
		return -ENOTTY;
	screen.keys = isatty(STDIN_FILENO) && !tcgetattr(STDIN_FILENO, &screen.before);
	sigemptyset(&set);
	for (i = 0; i < sizeof(asked) / sizeof(asked[0]); i++)
		sigaddset(&set, asked[i]);
	screen.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (screen.signals < 0)
		return -errno;
	sigprocmask(SIG_BLOCK, &set, &screen.mask);
	catch_faults();
	atexit(leave);
	enter();
	return 0;
}

void screen_close(void)
{
	leave();
	if (screen.signals < 0)
		return;
	close(screen.signals);
	screen.signals = -1;
	sigprocmask(SIG_SETMASK, &screen.mask, NULL);
}

void screen_size(int *columns, int *rows)
{
	struct winsize size;

	*columns = 80;
	*rows = 24;
	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col && size.ws_row) {
		*columns = size.ws_col;
		*rows = size.ws_row;
	}
}

int screen_show(const char *text)
{
	int columns, rows, row, err;
	char *out = NULL;
	size_t len = 0;
	FILE *f;

	screen_size(&columns, &rows);
	f = qmem_check(open_memstream(&out, &len));
	qterm_fprintf(f, "\033[H");
	for (row = 0; row < rows && *text; row++) {
		size_t n = strcspn(text, "\n");
		bool inverse = *text == '\t';

		if (row)
			qterm_fprintf(f, "\n");
		if (inverse)
			qterm_fprintf(f, "\033[7m%-*.*s\033[0m", columns,
				      (int)n - 1 < columns ? (int)n - 1 : columns, text + 1);
		else
			qterm_fprintf(f, "%.*s\033[K", (int)n < columns ? (int)n : columns, text);
		text += n + (text[n] == '\n');
	}
	qterm_fprintf(f, "\033[J");
	if (fclose(f))
		qmem_check(NULL);
	err = qterm_raw(STDOUT_FILENO, out, len);
	free(out);
	return err;
}

static void stop(void)
{
	leave();
	raise(SIGSTOP);
	enter();
}

/* Return: 0 or SCREEN_*. */
static int take_signal(void)
{
	struct signalfd_siginfo info;

	if (read(screen.signals, &info, sizeof(info)) != sizeof(info))
		return 0;
	if (info.ssi_signo == SIGWINCH)
		return SCREEN_RESIZED;
	if (info.ssi_signo != SIGTSTP)
		return SCREEN_SIGNAL + info.ssi_signo;
	stop();
	return SCREEN_RESIZED;
}

static int take_key(void)
{
	char keys[16];
	ssize_t n = read(STDIN_FILENO, keys, sizeof(keys));

	if (n >= 3 && keys[0] == '\033' && (keys[1] == '[' || keys[1] == 'O')) {
		if (keys[2] == 'A')
			return SCREEN_UP;
		if (keys[2] == 'B')
			return SCREEN_DOWN;
	}
	/* The terminal is gone: a signal will say so, if not before. */
	if (n <= 0)
		screen.keys = false;
	return n > 0 ? keys[0] : 0;
}

int screen_wait(int ms)
{
	struct pollfd fds[2] = { { .fd = screen.signals, .events = POLLIN },
				 { .fd = screen.keys ? STDIN_FILENO : -1, .events = POLLIN } };

	if (poll(fds, 2, ms) <= 0)
		return SCREEN_TIMEOUT;
	if (fds[0].revents)
		return take_signal();
	return fds[1].revents ? take_key() : 0;
}
