/* SPDX-License-Identifier: GPL-2.0-only */
/* Commands of qwamos-vm: each gets its own name as argv[0], and returns the exit status. */
#ifndef QWAMOS_CMD_QWAMOS_VM_H
#define QWAMOS_CMD_QWAMOS_VM_H

/* Exit status of a command that could not do what it was asked to; of wrong use. */
#define EXIT_FAILED 1
#define EXIT_USAGE  2

/** vm_start() - qwamos-vm start */
int vm_start(int argc, char **argv);
/** vm_stop() - qwamos-vm stop */
int vm_stop(int argc, char **argv);
/** vm_list() - qwamos-vm list */
int vm_list(int argc, char **argv);

/** vm_say() - a line of what is being done, for struct qvm_opts; @arg: not used */
void vm_say(void *arg, const char *line);

/** vm_fail() - tell an error on stderr, with the program's name; return: EXIT_FAILED */
int vm_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** vm_use() - tell wrong use on stderr; return: EXIT_USAGE */
int vm_use(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
