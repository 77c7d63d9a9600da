/* catalog_keep: the entries one by one, for those who look after the files later: verify, prune, adopt, export and
 * import. Called by the warmer. */
#ifndef PKGMIRROR_CATALOG_KEEP_H
#define PKGMIRROR_CATALOG_KEEP_H

#include "catalog.h"

/* One row of `entry`. */
struct catalog_kept {
	char path[1024], kind[16], class[16], version[256];
	int64_t size;
	char sha256[65], blake2b[129];
	char zig_hash[128], zig_multihash[80]; /* "" = none */
	char verdict[16];
	int64_t stored_at, last_hit_at; /* last_hit_at 0: never */
};

/* The first entry behind `path` in the order of bytes. FAULT_ABSENT when there is none, FAULT_SYSTEM. */
bool catalog_kept_next(struct catalog *c, const char *path, struct catalog_kept *out, struct fault *f)
    __attribute__((warn_unused_result));

/* The entry of a path. FAULT_ABSENT when there is none, FAULT_SYSTEM. */
bool catalog_kept_get(struct catalog *c, const char *path, struct catalog_kept *out, struct fault *f)
    __attribute__((warn_unused_result));

/* Runs `each` with the entries of some classes (a JSON array of names), least recently used first; signatures of files
 * that are here are left out: they go with their file. It must not write; it returns false to end it. FAULT_SYSTEM. */
bool catalog_kept_oldest(struct catalog *c, const char *classes,
    bool (*each)(void *arg, const char *path, int64_t size, int64_t used_at, const char *class), void *arg,
    struct fault *f) __attribute__((warn_unused_result));

/* Bytes of all entries. FAULT_SYSTEM. */
bool catalog_kept_bytes(struct catalog *c, int64_t *out, struct fault *f) __attribute__((warn_unused_result));

/* Where the work `name` goes on: "" at its beginning. catalog_cursor_put with NULL takes it back to that. */
bool catalog_cursor_get(struct catalog *c, const char *name, char *out, size_t cap, struct fault *f)
    __attribute__((warn_unused_result));
bool catalog_cursor_put(struct catalog *c, const char *name, const char *value, int64_t now, struct fault *f)
    __attribute__((warn_unused_result));

/* Notes that a file is bad: a row in the ledger, and one in `want`; in one transaction, which lasts. FAULT_SYSTEM or
 * FAULT_FULL: nothing was written. */
bool catalog_kept_bad(struct catalog *c, const struct catalog_provenance *p, const char *why, int64_t now,
    struct fault *f) __attribute__((warn_unused_result));

/* Notes that a file is gone: there is no entry any more. FAULT_SYSTEM or FAULT_FULL. */
bool catalog_kept_gone(struct catalog *c, const char *path, struct fault *f) __attribute__((warn_unused_result));

/* True when a document that came from an upstream, not out of a bundle, lists the file. */
bool catalog_listed_upstream(struct catalog *c, const char *file);

#endif
