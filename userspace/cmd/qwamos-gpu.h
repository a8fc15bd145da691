/* SPDX-License-Identifier: GPL-2.0-only */
/* Commands of qwamos-gpu: each gets its own name as argv[0], and returns the exit status. */
#ifndef QWAMOS_CMD_QWAMOS_GPU_H
#define QWAMOS_CMD_QWAMOS_GPU_H

/* Exit status of a command that could not do what it was asked to; of wrong use. */
#define EXIT_FAILED 1
#define EXIT_USAGE  2

/*
 * vm run: COMMAND did not come to run; it can't be executed; it was not found. As env(1) and
 * timeout(1) have it.
 */
#define EXIT_NOT_RUN   125
#define EXIT_NO_EXEC   126
#define EXIT_NOT_FOUND 127

/** gpu_info() - qwamos-gpu info */
int gpu_info(int argc, char **argv);
/** gpu_audit() - qwamos-gpu audit */
int gpu_audit(int argc, char **argv);
/** gpu_vm() - qwamos-gpu vm COMMAND */
int gpu_vm(int argc, char **argv);
/** gpu_vm_run() - qwamos-gpu vm run */
int gpu_vm_run(int argc, char **argv);

/**
 * gpu_open() - the control device
 *
 * Return: fd, or -1 after having told why not.
 */
int gpu_open(void);

/** gpu_say() - a line of what is being done, for struct qvm_opts; @arg: not used */
void gpu_say(void *arg, const char *line);

/** gpu_fail() - tell an error on stderr, with the program's name; return: EXIT_FAILED */
int gpu_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
