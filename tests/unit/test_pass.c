// SPDX-License-Identifier: GPL-2.0-only
/* A fd beside a message: it comes, none comes, and no more than one is ever taken. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/pass.h"

static size_t open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void make_pair(int sock[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock), 0);
}

static void end_pair(const int sock[2])
{
	close(sock[0]);
	close(sock[1]);
}

static void one(void **state)
{
	int sock[2], fd;
	char text[8];

	make_pair(sock);
	assert_int_equal(qpass_send(sock[0], "abc", 3, sock[0], 0), 3);
	assert_int_equal(qpass_receive(sock[1], text, sizeof(text), &fd), 3);
	assert_memory_equal(text, "abc", 3);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
	end_pair(sock);
}

static void none(void **state)
{
	int sock[2], fd;
	char text[8];

	make_pair(sock);
	assert_int_equal(qpass_send(sock[0], "abc", 3, -1, 0), 3);
	assert_int_equal(qpass_receive(sock[1], text, sizeof(text), &fd), 3);
	assert_int_equal(fd, -1);
	close(sock[0]);
	assert_int_equal(qpass_receive(sock[1], text, sizeof(text), &fd), 0);
	assert_int_equal(fd, -1);
	close(sock[1]);
}

static void send_fds(int sock, const int *fds, size_t n)
{
	char room[CMSG_SPACE(8 * sizeof(int))] = { 0 };
	struct iovec iov = { .iov_base = (void *)"abc", .iov_len = 3 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = room,
			      .msg_controllen = CMSG_SPACE(n * sizeof(int)) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	assert_int_equal(sendmsg(sock, &msg, 0), 3);
}

/* Two fit into what the room for one is filled up to. */
static void several(void **state)
{
	int sock[2], fds[8], fd;
	size_t before, i;
	char text[8];

	make_pair(sock);
	for (i = 0; i < 8; i++)
		fds[i] = sock[0];
	before = open_fds();
	for (i = 2; i <= 8; i++) {
		send_fds(sock[0], fds, i);
		fd = 0;
		assert_int_equal(qpass_receive(sock[1], text, sizeof(text), &fd), -EBADMSG);
		assert_int_equal(fd, -1);
		assert_int_equal(open_fds(), before);
	}
	end_pair(sock);
}

/* One that there is no number left for is no message without one. */
static void no_room(void **state)
{
	struct rlimit old, few;
	int sock[2], fd;
	char text[8];

	make_pair(sock);
	assert_int_equal(qpass_send(sock[0], "abc", 3, sock[0], 0), 3);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = (struct rlimit){ 3, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	fd = 0;
	assert_int_equal(qpass_receive(sock[1], text, sizeof(text), &fd), -EBADMSG);
	assert_int_equal(fd, -1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	end_pair(sock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one),
		cmocka_unit_test(none),
		cmocka_unit_test(several),
		cmocka_unit_test(no_room),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("pass", tests, NULL, NULL);
}
