/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Helpers: small programs beside ours, each linked with one library that takes long to link and is
 * seldom needed (libkmod, libpci). So a program that does not need it does not pay for it, and can
 * be linked statically. A helper reads jobs from its standard input, a socket, and answers each.
 */
#ifndef QWAMOS_UTIL_HELPER_H
#define QWAMOS_UTIL_HELPER_H

#include <stdint.h>
#include <sys/types.h>

/**
 * QHELPER_DIR - where helpers are, seen from the folder of the running program
 */
#define QHELPER_DIR "../libexec/qwamos-gpu"

/** enum qhelper_modules - jobs of qwamos-modules */
enum qhelper_modules {
	QHELPER_STATE, /* text: a module's name; result: 0 missing, 1 available, 2 loaded */
	QHELPER_LOAD, /* text: a module's name; answer's text, on failure: which one failed */
	QHELPER_LOAD_FOR, /* text: a device's modalias */
};

/** enum qhelper_names - jobs of qwamos-pci-names; the answer's text is the name, "" if none */
enum qhelper_names {
	QHELPER_VENDOR, /* id[0]: vendor */
	QHELPER_DEVICE, /* id[0]: vendor, id[1]: device */
	QHELPER_CLASS, /* id[0]: class, without its programming interface */
	QHELPER_LIST, /* text: a file with names, instead of the machine's; before all others */
};

/**
 * struct qhelper_job - what a helper is to do
 * @what: one of the enums above
 * @id: see there
 * @text: see there; ends in a NUL
 */
struct qhelper_job {
	uint32_t what;
	uint32_t id[2];
	char text[244];
};

/**
 * struct qhelper_answer - what came of it
 * @result: 0 or as the job says, or a negative errno
 * @text: as the job says; ends in a NUL
 */
struct qhelper_answer {
	int32_t result;
	char text[252];
};

/**
 * struct qhelper - a helper that runs
 * @pid: its process
 * @fd: our end of the socket
 */
struct qhelper {
	pid_t pid;
	int fd;
};

/**
 * qhelper_start() - start a helper
 * @h: out
 * @name: its file's name
 *
 * Return: 0 or a negative errno
 */
int qhelper_start(struct qhelper *h, const char *name);

/**
 * qhelper_ask() - have a job done, however long it takes
 * @h: the helper
 * @job: the job
 * @answer: out, if 0 is returned
 *
 * Return: 0; -EPIPE: the helper has died
 */
int qhelper_ask(struct qhelper *h, const struct qhelper_job *job, struct qhelper_answer *answer);

/** qhelper_end() - end a helper */
void qhelper_end(struct qhelper *h);

/**
 * qhelper_serve() - the helper's side: do jobs until nobody is there any more
 * @fn: does one; @answer is all zero when it is called
 * @arg: its first argument
 *
 * Return: exit status; 2: not started by one of our programs
 */
int qhelper_serve(void (*fn)(void *arg, const struct qhelper_job *job,
			     struct qhelper_answer *answer),
		  void *arg);

#endif
