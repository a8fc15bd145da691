/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one way out to a terminal. Names of processes, devices, drivers and events, configs, and what
 * QEMU says are written by others, and a terminal acts on what it is sent; so whatever leaves a
 * program passes here, and tools/lint finds what does not.
 *
 * Not shown are: C0 with DEL, C1 (U+0080 to U+009F), what turns the direction of writing, the line
 * and paragraph separators, other characters that can't be seen, bytes that are no UTF-8, and,
 * where the locale's encoding is not UTF-8, all that is not ASCII, for there the bytes mean
 * something else. In text each of them becomes a '?', in JSON an escape.
 */
#ifndef QWAMOS_UTIL_TERM_H
#define QWAMOS_UTIL_TERM_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/** qterm_utf8() - is the locale's encoding UTF-8? */
bool qterm_utf8(void);

/**
 * qterm_char() - the first character of a text
 * @text: not empty
 * @len: its length in bytes
 * @cp: out: its code point, 0xfffd if it is no UTF-8
 * @shown: out: may a terminal see it as it is?
 *
 * Return: its length in bytes, 1 if it is no UTF-8; 0: it may be UTF-8, and is cut off
 */
size_t qterm_char(const char *text, size_t len, uint32_t *cp, bool *shown);

/**
 * qterm_format() - a text in which others have no more than their place
 * @fmt: printf format, ours: what it says itself stands as it is. What %s and %c bring in stays on
 * its line; NULL is an empty text. The width of a %s counts characters; its precision counts bytes,
 * and cuts no character in two
 *
 * Return: the text; free() it
 */
char *qterm_format(const char *fmt, ...) __attribute__((format(printf, 1, 2), malloc));

/** qterm_vformat() - as qterm_format() */
char *qterm_vformat(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0), malloc));

/** qterm_printf() - qterm_format() to stdout */
void qterm_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** qterm_fprintf() - qterm_format() to @f */
void qterm_fprintf(FILE *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** qterm_vfprintf() - qterm_format() to @f */
void qterm_vfprintf(FILE *f, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

/** qterm_lines() - a text of several lines, whose line feeds and tabs are ours, to @f */
void qterm_lines(FILE *f, const char *text);

/**
 * qterm_json() - a JSON text to @f, with the same meaning to who reads JSON
 *
 * Return: 0 or a negative errno, also when an earlier write to @f has failed
 */
int qterm_json(FILE *f, const char *text);

/**
 * struct qterm_stream - bytes that come in pieces: all zero before the first
 * @kept: beginning of a character whose end has not come yet
 * @n: its length
 * @cr: a carriage return was the last
 */
struct qterm_stream {
	char kept[4];
	unsigned char n;
	bool cr;
};

/**
 * qterm_stream() - as much of a stream as is known by now
 * @s: the stream
 * @bytes: its next bytes
 * @len: their number
 * @out: what of it may be shown; room for @len + 4 bytes. Line feeds and tabs stay; carriage
 * returns end a line
 *
 * Return: how much of @out was written, in bytes
 */
size_t qterm_stream(struct qterm_stream *s, const char *bytes, size_t len, char *out);

/**
 * qterm_raw() - bytes that a terminal is to act on: our own control sequences, and those of a guest
 * whose console people asked for
 *
 * Return: 0 or a negative errno
 */
int qterm_raw(int fd, const char *bytes, size_t len);

#endif
