/* zon_scan: the tokens of Zig object notation. Pure. Called by zon. */
#ifndef PKGMIRROR_ZON_SCAN_H
#define PKGMIRROR_ZON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

enum { ZON_TEXT_CAP = 4096 };

enum zon_token {
	ZON_END,
	ZON_OPEN, /* .{ */
	ZON_CLOSE,
	ZON_COMMA,
	ZON_EQUAL,
	ZON_LITERAL, /* .name */
	ZON_QUOTED,  /* .@"name" */
	ZON_STRING,  /* "text" */
	ZON_OTHER,   /* a number, a word, a character, a string of several lines */
	ZON_BAD      /* what Zig would refuse, or what is not known here */
};

struct zon_scan {
	const char *p, *end;     /* what is left */
	enum zon_token token;    /* the present one */
	char text[ZON_TEXT_CAP]; /* its text, unescaped, NUL-terminated */
	size_t len;              /* of the text, which may hold a NUL */
};

/* Goes to the next token. */
void zon_next(struct zon_scan *s) __attribute__((nonnull));

/* A letter, a digit or an underscore. */
bool zon_is_word(char c);

#endif
