// SPDX-License-Identifier: LGPL-2.1-or-later
#include "util/term.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/mem.h"

#define NO_CHAR 0xfffd

/* What is not shown, in order. */
static const struct {
	uint32_t first, last;
} hidden[] = {
	{ 0x0000, 0x001f }, /* C0 */
	{ 0x007f, 0x009f }, /* DEL, C1 */
	{ 0x00ad, 0x00ad }, /* soft hyphen */
	{ 0x061c, 0x061c }, /* Arabic letter mark */
	{ 0x180e, 0x180e }, /* Mongolian vowel separator */
	{ 0x200b,
	  0x200b }, /* zero-width space; the joiners beside it are part of how words are written */
	{ 0x200e, 0x200f }, /* marks of direction */
	{ 0x2028,
	  0x202e }, /* line and paragraph separators, embeddings and overrides of direction */
	{ 0x2060, 0x206f }, /* word joiner, invisible operators, isolates of direction */
	{ 0xfeff, 0xfeff }, /* byte order mark */
	{ 0xfff9, 0xfffb }, /* interlinear annotations */
	{ 0xe0000, 0xe007f }, /* tags */
};

bool qterm_utf8(void)
{
	/* -1: not asked yet. It does not change, so who asks twice at once gets the same. */
	static int is = -1;
	locale_t l;

	if (is >= 0)
		return is;
	l = newlocale(LC_CTYPE_MASK, "", NULL);
	is = l && !strcmp(nl_langinfo_l(CODESET, l), "UTF-8");
	if (l)
		freelocale(l);
	return is;
}

static bool is_hidden(uint32_t cp)
{
	size_t i;

	for (i = 0; i < sizeof(hidden) / sizeof(hidden[0]) && cp >= hidden[i].first; i++)
		if (cp <= hidden[i].last)
			return true;
	return false;
}

/*
 * The least and the most that the second byte of a sequence may be, by the first: neither longer
 * than it need be, nor a surrogate, nor above U+10FFFF. Return: length of the sequence, 0: none
 */
static size_t sequence(unsigned char c, unsigned char *least, unsigned char *most)
{
	*least = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
	*most = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
	if (c >= 0xc2 && c <= 0xdf)
		return 2;
	if (c >= 0xe0 && c <= 0xef)
		return 3;
	return c >= 0xf0 && c <= 0xf4 ? 4 : 0;
}

size_t qterm_char(const char *text, size_t len, uint32_t *cp, bool *shown)
{
	const unsigned char *p = (const unsigned char *)text;
	unsigned char least, most;
	size_t i, n;

	*cp = p[0];
	*shown = p[0] >= ' ' && p[0] < 0x7f;
	if (p[0] < 0x80)
		return 1;
	n = sequence(p[0], &least, &most);
	*cp = p[0] & (0x7f >> n);
	for (i = 1; i < n && i < len && p[i] >= least && p[i] <= most; i++) {
		*cp = *cp << 6 | (p[i] & 0x3f);
		least = 0x80;
		most = 0xbf;
	}
	if (n && i == n) {
		*shown = !is_hidden(*cp) && qterm_utf8();
		return n;
	}
	*cp = NO_CHAR;
	return n && i == len ? 0 : 1;
}

/* A growing text. */
struct text {
	char *s;
	size_t len, room;
};

static void put(struct text *t, const char *s, size_t len)
{
	if (t->len + len + 1 > t->room) {
		t->room = 2 * (t->len + len + 1);
		t->s = qmem_realloc(t->s, t->room, 1);
	}
	memcpy(t->s + t->len, s, len);
	t->len += len;
	t->s[t->len] = '\0';
}

static void pad(struct text *t, long n)
{
	for (; n > 0; n--)
		put(t, " ", 1);
}

/* The next character, the end of which is the text's, if it comes to that. */
static size_t next(const char *s, size_t len, uint32_t *cp, bool *shown)
{
	size_t n = qterm_char(s, len, cp, shown);

	return n ? n : 1;
}

/* A conversion: %[-...][width][.precision][length]letter. @width, @precision: -1: none */
struct conversion {
	const char *begin;
	bool left;
	int width, precision;
	char length, letter; /* length: 'H' for hh, 'q' for ll */
};

struct args {
	va_list ap;
};

static int number(const char **fmt, struct args *a)
{
	int n = 0;

	if (**fmt == '*') {
		(*fmt)++;
		return va_arg(a->ap, int);
	}
	for (; **fmt >= '0' && **fmt <= '9'; (*fmt)++)
		n = 10 * n + **fmt - '0';
	return n;
}

/* Return: what follows it */
static const char *read_conversion(const char *fmt, struct conversion *c, struct args *a)
{
	*c = (struct conversion){ .begin = fmt++, .width = -1, .precision = -1 };
	for (; *fmt && strchr("-+ #0", *fmt); fmt++)
		c->left |= *fmt == '-';
	if (*fmt == '*' || (*fmt >= '1' && *fmt <= '9')) {
		c->width = number(&fmt, a);
		if (c->width < 0) {
			c->left = true;
			c->width = -c->width;
		}
	}
	if (*fmt == '.') {
		fmt++;
		c->precision = number(&fmt, a);
	}
	for (; *fmt && strchr("hljztL", *fmt); fmt++)
		c->length = c->length != *fmt ? *fmt : *fmt == 'h' ? 'H' : 'q';
	c->letter = *fmt;
	return *fmt ? fmt + 1 : fmt;
}

static void put_string(struct text *t, const struct conversion *c, const char *s)
{
	/* With a precision it need not end, nor does its last character. */
	size_t len = !s ? 0 : c->precision < 0 ? strlen(s) : strnlen(s, c->precision);
	struct text clean = { 0 };
	long chars = 0;
	uint32_t cp;
	bool shown;
	size_t n;

	for (; len; s += n, len -= n, chars++) {
		n = qterm_char(s, len, &cp, &shown);
		if (!n && c->precision >= 0)
			break;
		n = n ? n : 1;
		put(&clean, shown ? s : "?", shown ? n : 1);
	}
	if (!c->left)
		pad(t, c->width - chars);
	if (clean.s)
		put(t, clean.s, clean.len);
	if (c->left)
		pad(t, c->width - chars);
	free(clean.s);
}

/* Integers are brought to the widest type, which holds any of them. */
static long long signed_arg(char length, struct args *a)
{
	switch (length) {
	case 'H':
		return (signed char)va_arg(a->ap, int);
	case 'h':
		return (short)va_arg(a->ap, int);
	case 'l':
		return va_arg(a->ap, long);
	case 'q':
		return va_arg(a->ap, long long);
	case 'j':
		return va_arg(a->ap, intmax_t);
	case 'z':
		return va_arg(a->ap, ssize_t);
	case 't':
		return va_arg(a->ap, ptrdiff_t);
	default:
		return va_arg(a->ap, int);
	}
}

static unsigned long long unsigned_arg(char length, struct args *a)
{
	switch (length) {
	case 'H':
		return (unsigned char)va_arg(a->ap, int);
	case 'h':
		return (unsigned short)va_arg(a->ap, int);
	case 'l':
		return va_arg(a->ap, unsigned long);
	case 'q':
		return va_arg(a->ap, unsigned long long);
	case 'j':
		return va_arg(a->ap, uintmax_t);
	case 'z':
		return va_arg(a->ap, size_t);
	case 't':
		return va_arg(a->ap, ptrdiff_t);
	default:
		return va_arg(a->ap, unsigned int);
	}
}

/* "%+-*.*" and @end: the flags of @c, which may be given twice, and what a number is. */
static void number_format(char buf[24], const struct conversion *c, const char *end)
{
	size_t flags = strspn(c->begin + 1, "-+ #0");

	snprintf(buf, 24, "%%%.*s%s*.*%s", (int)(flags < 8 ? flags : 8), c->begin + 1,
		 c->left ? "-" : "", end);
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static void put_number(struct text *t, const struct conversion *c, struct args *a)
{
	char format[24], end[4] = { 'l', 'l', c->letter }, buf[512];
	int width = c->width < 0 ? 0 : c->width, n;

	if (strchr("di", c->letter)) {
		number_format(format, c, end);
		n = snprintf(buf, sizeof(buf), format, width, c->precision,
			     signed_arg(c->length, a));
	} else if (strchr("uxXo", c->letter)) {
		number_format(format, c, end);
		n = snprintf(buf, sizeof(buf), format, width, c->precision,
			     unsigned_arg(c->length, a));
	} else if (c->letter == 'p') {
		n = snprintf(buf, sizeof(buf), "%p", va_arg(a->ap, void *));
	} else {
		number_format(format, c, end + 2);
		n = snprintf(buf, sizeof(buf), format, width, c->precision, va_arg(a->ap, double));
	}
	if (n > 0)
		put(t, buf, (size_t)n < sizeof(buf) ? (size_t)n : sizeof(buf) - 1);
}
#pragma GCC diagnostic pop

char *qterm_vformat(const char *fmt, va_list ap)
{
	struct text t = { 0 };
	struct conversion c;
	struct args a;
	size_t n;
	char one;

	va_copy(a.ap, ap);
	put(&t, "", 0);
	while (*fmt) {
		n = strcspn(fmt, "%");
		put(&t, fmt, n);
		fmt += n;
		if (!*fmt)
			break;
		fmt = read_conversion(fmt, &c, &a);
		if (c.letter == '%') {
			put(&t, "%", 1);
		} else if (c.letter == 's') {
			put_string(&t, &c, va_arg(a.ap, const char *));
		} else if (c.letter == 'c') {
			one = va_arg(a.ap, int);
			c.precision = 1;
			put_string(&t, &c, &one);
		} else if (c.letter && strchr("diuxXopfFeEgG", c.letter)) {
			put_number(&t, &c, &a);
		} else {
			/* One that the compiler knows and we don't: not a matter of data. */
			abort();
		}
	}
	va_end(a.ap);
	return t.s;
}

char *qterm_format(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = qterm_vformat(fmt, ap);
	va_end(ap);
	return s;
}

void qterm_vfprintf(FILE *f, const char *fmt, va_list ap)
{
	char *s = qterm_vformat(fmt, ap);

	fputs(s, f);
	free(s);
}

void qterm_fprintf(FILE *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	qterm_vfprintf(f, fmt, ap);
	va_end(ap);
}

void qterm_printf(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	qterm_vfprintf(stdout, fmt, ap);
	va_end(ap);
}

void qterm_lines(FILE *f, const char *text)
{
	size_t len = strlen(text), n;
	uint32_t cp;
	bool shown;

	for (; len; text += n, len -= n) {
		n = next(text, len, &cp, &shown);
		if (shown || cp == '\n' || cp == '\t')
			fwrite(text, 1, n, f);
		else
			fputc('?', f);
	}
}

int qterm_json(FILE *f, const char *text)
{
	size_t len = strlen(text), n;
	uint32_t cp;
	bool shown;

	errno = 0;
	for (; len; text += n, len -= n) {
		n = next(text, len, &cp, &shown);
		if (shown || cp == '\n' || cp == '\t')
			fwrite(text, 1, n, f);
		else if (cp < 0x10000)
			fprintf(f, "\\u%04x", cp);
		else
			fprintf(f, "\\u%04x\\u%04x", 0xd7c0 + (cp >> 10), 0xdc00 + (cp & 0x3ff));
	}
	return ferror(f) ? -(errno ? errno : EIO) : 0;
}

static char *show(struct qterm_stream *s, uint32_t cp, bool shown, size_t n, char *to)
{
	if (s->cr && cp != '\r' && cp != '\n')
		*to++ = '\n';
	s->cr = cp == '\r';
	if (s->cr)
		return to;
	if (shown || cp == '\n' || cp == '\t') {
		memcpy(to, s->kept, n);
		return to + n;
	}
	*to++ = '?';
	return to;
}

size_t qterm_stream(struct qterm_stream *s, const char *bytes, size_t len, char *out)
{
	char *to = out;
	uint32_t cp;
	bool shown;
	size_t i, n;

	for (i = 0; i < len; i++) {
		s->kept[s->n++] = bytes[i];
		while (s->n && (n = qterm_char(s->kept, s->n, &cp, &shown))) {
			to = show(s, cp, shown, n, to);
			s->n -= n;
			memmove(s->kept, s->kept + n, s->n);
		}
	}
	return to - out;
}

int qterm_raw(int fd, const char *bytes, size_t len)
{
	ssize_t n;

	while (len) {
		n = write(fd, bytes, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		bytes += n;
		len -= n;
	}
	return 0;
}
