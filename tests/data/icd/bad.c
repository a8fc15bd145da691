// SPDX-License-Identifier: GPL-2.0-only
/* A driver that does what no driver should as soon as it is loaded: BAD tells what. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CRASH  1
#define HANG   2
#define PRINT  3
#define EXIT   4
#define SPOIL  5
#define HOARD  6
#define BRANCH 7

static void hang(void)
{
	signal(SIGTERM, SIG_IGN);
	for (;;)
		pause();
}

static void __attribute__((constructor)) loaded(void)
{
	volatile char *p;

	switch (BAD) {
	case CRASH:
		abort();
	case HANG:
		hang();
		break;
	case PRINT:
		for (;;)
			printf("a driver that has much to say\n");
	case EXIT:
		_exit(0);
	case SPOIL:
		/* As a driver would that closes what is not its own. */
		while (write(3, "no JSON\n", 8) == 8)
			;
		break;
	case HOARD:
		for (;;) {
			p = malloc(64 << 20);
			*p = 1;
		}
	case BRANCH:
		if (!fork()) {
			setsid();
			alarm(20);
			hang();
		}
	}
}
