/* catalog_warm: what the warmer plans from (the imported indexes, the `want` queue) and what it writes down of files
 * that could not be had. Called by the warmer. */
#ifndef PKGMIRROR_CATALOG_WARM_H
#define PKGMIRROR_CATALOG_WARM_H

#include "catalog.h"

enum { CATALOG_PRIORITY_WARM = 1000 }; /* of a file that nobody asked for */

/* A file that an index lists now. Strings live during the call. */
struct catalog_warm_file {
	const char *file;
	int64_t size;
	bool nominated; /* an index nominates its version */
	bool rare;      /* source or bootstrap */
};

/* Runs `each` with every listed file once, in no order; it returns false to end it. FAULT_SYSTEM. */
bool catalog_warm_files(struct catalog *c, bool (*each)(void *arg, const struct catalog_warm_file *file), void *arg,
    struct fault *f) __attribute__((warn_unused_result));

/* A row of `want`. */
struct catalog_want_row {
	const char *path, *why;
	int priority; /* lower goes first */
	int64_t added_at;
	int attempts;     /* that failed */
	int64_t next_try; /* not before */
};

/* Runs `each` with every row of `want`, in no order; it returns false to end it. FAULT_SYSTEM. */
bool catalog_wants(struct catalog *c, bool (*each)(void *arg, const struct catalog_want_row *row), void *arg,
    struct fault *f) __attribute__((warn_unused_result));

/* Notes that PATH could not be had: one attempt more, not again before next_try. FAULT_SYSTEM or FAULT_FULL. */
bool catalog_want_failed(struct catalog *c, const char *path, int64_t next_try, const char *reason, int64_t now,
    struct fault *f) __attribute__((warn_unused_result));

/* Removes PATH from `want`. Absence is fine. */
bool catalog_want_remove(struct catalog *c, const char *path, struct fault *f) __attribute__((warn_unused_result));

/* Adds up the sizes of all stored files, and of the development builds among them. Reads every row. FAULT_SYSTEM. */
bool catalog_used_bytes(struct catalog *c, int64_t *all, int64_t *dev, struct fault *f)
    __attribute__((warn_unused_result));

/* One of these changes when somebody wants something new. */
struct catalog_wants_state {
	int64_t count, newest;
	uint64_t ends; /* a hash of the first and the last path */
};

/* Reads them. FAULT_SYSTEM. */
bool catalog_wants_state(struct catalog *c, struct catalog_wants_state *out, struct fault *f)
    __attribute__((warn_unused_result));

#endif
