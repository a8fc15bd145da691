/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The terminal as a screen: taken over by qwamos-gpu top, and given back as it was at whatever end
 * of the process but SIGKILL. There is one terminal, so there is one screen.
 */
#ifndef QWAMOS_CMD_QWAMOS_GPU_SCREEN_H
#define QWAMOS_CMD_QWAMOS_GPU_SCREEN_H

#include <stdbool.h>
#include <stdio.h>

/* What screen_wait() returns beside keys, which are their characters. */
#define SCREEN_TIMEOUT 0
#define SCREEN_RESIZED 0x100
#define SCREEN_UP      0x101
#define SCREEN_DOWN    0x102
/* A signal asks for the end; its number is added. */
#define SCREEN_SIGNAL 0x200

/**
 * screen_open() - take the terminal over
 *
 * Return: 0; -ENOTTY: standard output is no terminal, or one that can do nothing; or another
 * negative errno.
 */
int screen_open(void);

/** screen_close() - give it back; also without screen_open(), and twice */
void screen_close(void);

/** screen_size() - columns and rows, 80 and 24 where the terminal does not know */
void screen_size(int *columns, int *rows);

/**
 * screen_show() - show a text in place of what is there
 * @text: lines; each is cut off at the right border, and so are lines below the last row. A line
 *     that begins with a TAB is shown inverse, without it
 *
 * Return: 0 or a negative errno.
 */
int screen_show(const char *text);

/**
 * screen_wait() - wait for a key, another size, a signal
 * @ms: no longer than that
 *
 * Stopped (SIGTSTP), it gives the terminal back and takes it over again when it goes on. Return:
 * SCREEN_*, or a key.
 */
int screen_wait(int ms);

#endif
