/* check: what the check of a mirror found, row by row: a table for people, JSON for programs. Called by the command
 * check. */
#ifndef PKGMIRROR_WARMER_CHECK_H
#define PKGMIRROR_WARMER_CHECK_H

#include "warmer/warmer.h"

enum check_result {
	CHECK_GOOD,
	CHECK_WARN,   /* allowed, but worth knowing */
	CHECK_FAILED, /* a rule is broken, or there was no answer */
	CHECK_FORGED  /* what came is not what upstream has */
};

struct check {
	struct warmer *warmer;
	int rows, failed, forged;
};

/* Prints one row, at once: what was looked at, how it went, and what was found. */
void check_row(struct check *c, enum check_result result, const char *what, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Prints what it came to. Returns the exit status. */
enum warmer_exit check_end(const struct check *c, const char *url);

#endif
