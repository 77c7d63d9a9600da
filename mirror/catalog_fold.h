/* catalog_fold: hits into the catalogue, and how far each log was read. Called by the warmer's fold, within a
 * transaction of its own (catalog_begin), so that a line counts exactly when the place behind it is noted. */
#ifndef PKGMIRROR_CATALOG_FOLD_H
#define PKGMIRROR_CATALOG_FOLD_H

#include "catalog.h"

enum { CATALOG_DAY_CAP = 16, CATALOG_DIGEST_CAP = 65 };

/* One answer that handed out a file. */
struct catalog_hit {
	const char *path, *source;
	int64_t at; /* UTC seconds, 0 to the year 9999 */
	int64_t bytes;
	int status;
	bool journal; /* from the journal, else from an access log */
	bool bot;     /* to a robot; of an access log */
};

/* Adds it to the rows of its day and to its entry, if there is one. FAULT_SYSTEM or FAULT_FULL. */
bool catalog_hit_add(struct catalog *c, const struct catalog_hit *hit, struct fault *f)
    __attribute__((warn_unused_result));

/* Counts an answer of an access log that was an error. */
bool catalog_hit_error(struct catalog *c, int64_t at, int status, int64_t bytes, struct fault *f)
    __attribute__((warn_unused_result));

/* How far a log was read. */
struct catalog_place {
	const char *head; /* SHA-256 of its first line */
	int64_t device, inode;
	int64_t place;    /* bytes that were folded */
	const char *tail; /* SHA-256 of what stands before the place */
	const char *name; /* for people */
};

/* Runs `fits` with each place of a log that began with this line, the furthest first, until it returns true. *place is
 * that one, or 0. The string lives during the call. FAULT_SYSTEM. */
bool catalog_place_get(struct catalog *c, const char *head, bool (*fits)(void *arg, int64_t place, const char *tail),
    void *arg, int64_t *place, struct fault *f) __attribute__((warn_unused_result));

/* Notes it, and forgets logs that nobody folded since `keep_from` (UTC seconds). */
bool catalog_place_put(struct catalog *c, const struct catalog_place *p, int64_t now, int64_t keep_from,
    struct fault *f) __attribute__((warn_unused_result));

#endif
