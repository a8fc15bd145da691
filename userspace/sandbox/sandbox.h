/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a VM's process can see and do of its host: namespaces and a root directory of its own, users
 * that nobody else is, no capabilities, no system call that it has no need of, and of all device
 * nodes only those that are named here. Knows nothing of VMs: who starts one says what it needs.
 */
#ifndef QWAMOS_SANDBOX_SANDBOX_H
#define QWAMOS_SANDBOX_SANDBOX_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/err.h"

/**
 * QSANDBOX_UID - first of the users that VMs run as; above all that systemd and containers take for
 * themselves, see https://systemd.io/UIDS-GIDS
 */
#define QSANDBOX_UID 0x70000000U
/** QSANDBOX_UIDS - how many pairs there are */
#define QSANDBOX_UIDS (1U << 24)

/** QSANDBOX_EXEC_MS - how long execve() may take, once the caller's fds are closed, in ms */
#define QSANDBOX_EXEC_MS 5000

/** QSANDBOX_ROOT - where the root directory is built; nothing is left there */
#define QSANDBOX_ROOT "/run/qwamos-gpu/root"

/**
 * struct qsandbox_node - a device node
 * @path: below /dev ("vfio/vfio")
 * @major: its number
 * @minor: its number
 */
struct qsandbox_node {
	char path[48];
	unsigned int major;
	unsigned int minor;
};

/**
 * struct qsandbox_link - a symbolic link that stands for a part of sysfs
 * @path: its path
 * @target: what it says
 */
struct qsandbox_link {
	char *path;
	char *target;
};

/**
 * struct qsandbox_text - a file that stands for an attribute of sysfs
 * @path: its path
 * @bytes: what it holds
 * @n: their number
 */
struct qsandbox_text {
	char *path;
	void *bytes;
	size_t n;
};

/**
 * struct qsandbox_file - a file of the host
 * @path: its path, there and here
 * @fd: what must be found there; -1: whatever is there
 */
struct qsandbox_file {
	char *path;
	int fd;
};

/**
 * struct qsandbox - what a process gets; free with qsandbox_free()
 * @uid: its user and group; the next number is nobody else's, either
 * @host_net: with the host's network, else none but what it gets by fds
 * @nodes: device nodes
 * @n_nodes: their number
 * @files: files of the host that it can read, at their own paths
 * @n_files: their number
 * @links: links in its /sys
 * @n_links: their number
 * @texts: files in its /sys
 * @n_texts: their number
 * @hugepages: size of its /dev/hugepages, in MiB; 0: none
 * @tmp: directory of the host that is its /var/tmp; "": one in memory
 * @program: what it executes, in full
 */
struct qsandbox {
	uid_t uid;
	bool host_net;
	struct qsandbox_node *nodes;
	size_t n_nodes;
	struct qsandbox_file *files;
	size_t n_files;
	struct qsandbox_link *links;
	size_t n_links;
	struct qsandbox_text *texts;
	size_t n_texts;
	unsigned int hugepages;
	char tmp[PATH_MAX];
	char program[PATH_MAX];
};

/** qsandbox_init() - one with nothing but /dev/null, zero, full, random and urandom */
void qsandbox_init(struct qsandbox *s);

/** qsandbox_free() - free what @s points to */
void qsandbox_free(struct qsandbox *s);

/**
 * qsandbox_number() - give it users of its own
 * @s: the sandbox
 * @id: a number that no other live sandbox has, nor one of the last QSANDBOX_UIDS
 */
void qsandbox_number(struct qsandbox *s, uint64_t id);

/**
 * qsandbox_program() - what it will execute
 * @s: the sandbox
 * @name: looked up on PATH, or a path
 * @e: error, may be NULL
 *
 * Return: 0 or a negative errno (-ENOENT)
 */
int qsandbox_program(struct qsandbox *s, const char *name, struct qerr *e);

/**
 * qsandbox_add_node() - the host's device node of that name, below /dev
 *
 * Return: 0 or a negative errno (-ENOENT; -ENODEV: it is no character device)
 */
int qsandbox_add_node(struct qsandbox *s, const char *path, struct qerr *e);

/**
 * qsandbox_add_file() - a file that it can read
 * @s: the sandbox
 * @path: its real path
 * @fd: the file, which must stay open as long as @s; what has its path by then must be the same
 * one. -1: whatever has
 */
void qsandbox_add_file(struct qsandbox *s, const char *path, int fd);

/** qsandbox_add_link() - a link in its /sys */
void qsandbox_add_link(struct qsandbox *s, const char *path, const char *target);

/** qsandbox_add_text() - a file in its /sys with these @n bytes, which are copied */
void qsandbox_add_text(struct qsandbox *s, const char *path, const void *bytes, size_t n);

/**
 * qsandbox_clone() - fork() into namespaces of its own
 * @s: the sandbox; NULL: no other namespaces, as fork() does
 *
 * Return: as fork(); -1 and errno
 */
pid_t qsandbox_clone(const struct qsandbox *s);

/**
 * qsandbox_root() - in the new process: build its root directory and move there
 * @s: the sandbox
 * @e: error
 *
 * Must come before the device filter's cgroup is entered: that allows no new nodes.
 *
 * Return: 0 or a negative errno
 */
int qsandbox_root(const struct qsandbox *s, struct qerr *e);

/**
 * qsandbox_copied() - how much of files qsandbox_root() copies into memory, in bytes
 *
 * It is paid by the cgroup that the new process is in then.
 */
uint64_t qsandbox_copied(const struct qsandbox *s);

/**
 * qsandbox_drop() - in the new process: become its user, give up all capabilities, and take the
 * system call filter
 *
 * Until execve() its effective user is the number after @s->uid. Because it is another than the
 * real one, the kernel makes what is executed undumpable; and, before 6.16, because of
 * no_new_privs, makes the real one the only one.
 * @s: the sandbox
 * @listener: out: an fd that calls come to which the filter refuses, for qsandbox_refused_init();
 *     close-on-exec
 * @e: error
 *
 * Only what hands @listener on, and execve(), may come after it: nobody answers yet.
 *
 * Return: 0 or a negative errno
 */
int qsandbox_drop(const struct qsandbox *s, int *listener, struct qerr *e);

/**
 * qsandbox_exec() - execute @s->program; returns only if that fails
 * @s: the sandbox
 * @argv: its arguments
 * @env: one variable more ("NAME=value") beside PATH, HOME and Mesa's without a cache of files
 */
void qsandbox_exec(const struct qsandbox *s, char *const *argv, char *env);

/**
 * qsandbox_holds() - from outside: is the process what it should be?
 * @s: the sandbox
 * @pid: a process that has come to execve()
 * @e: error: what does not hold
 *
 * Asks the kernel for what it has of its users, capabilities, filter, namespaces and dumpability.
 * Waits for the rest of execve(), for at most QSANDBOX_EXEC_MS.
 *
 * Return: 0 or a negative errno
 */
int qsandbox_holds(const struct qsandbox *s, pid_t pid, struct qerr *e);

/**
 * qsandbox_filter_devices() - let the processes of a cgroup open no other nodes than these
 * @s: the sandbox
 * @cgroup_fd: the cgroup's directory
 * @e: error, may be NULL
 *
 * The filter stays as long as the cgroup; one below can't allow more.
 *
 * Return: 0 or a negative errno
 */
int qsandbox_filter_devices(const struct qsandbox *s, int cgroup_fd, struct qerr *e);

/**
 * qsandbox_own_nodes() - in a new process that has no sandbox: hide a directory of /dev behind one
 * that has the nodes of @s alone, which are a user's
 * @s: the nodes, all of them in @dir
 * @dir: the directory, in full
 * @uid: the user
 * @gid: its group
 * @e: error
 *
 * It is in a mount namespace that is the process's own, and ends with the last process in it.
 *
 * Return: 0 or a negative errno
 */
int qsandbox_own_nodes(const struct qsandbox *s, const char *dir, uid_t uid, gid_t gid,
		       struct qerr *e);

/**
 * qsandbox_filter_terminal() - refuse the calls that type on a terminal, for a process that shares
 * one with another user; demands no_new_privs
 *
 * Return: 0 or a negative errno
 */
int qsandbox_filter_terminal(struct qerr *e);

#endif
