// SPDX-License-Identifier: GPL-2.0-only
/* What 'qwamos-vm stop --now' is held against: a program that tells a QEMU to quit, and waits. */
#include <err.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static const char quit[] = "{\"execute\": \"quit\"}\n";
	struct pollfd over = { .events = POLLIN };

	if (argc != 3)
		errx(2, "usage: quit QMP PIDFD, numbers of open fds");
	over.fd = atoi(argv[2]);
	if (write(atoi(argv[1]), quit, strlen(quit)) < 0)
		err(1, "QMP");
	return poll(&over, 1, -1) == 1 ? 0 : 1;
}
