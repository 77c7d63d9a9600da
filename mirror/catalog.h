/* catalog: the only door to SQLite. It runs the named statements of sql/ and knows nothing else of SQL.
 *
 * The files are the truth, the catalogue describes them: no failure here may fail a download that the files can answer,
 * so every caller of a write may go on after logging its fault. One handle belongs to one thread. WAL, synchronous
 * NORMAL, busy_timeout 5 s, BEGIN IMMEDIATE for writes; on a network file system the journal mode is TRUNCATE. Called
 * by the fetch service (read and write), the warmer (read and write) and the responder's pages (read); a hit never
 * comes here. */
#ifndef PKGMIRROR_CATALOG_H
#define PKGMIRROR_CATALOG_H

#include "fault.h"

#include <stdint.h>

struct catalog;

enum catalog_mode {
	CATALOG_READ,  /* read-only; FAULT_ABSENT when there is none yet */
	CATALOG_WRITE, /* made and migrated when needed */
};

/* Opens state_dir/catalog.db. The caller closes it with catalog_close. NULL with FAULT_SYSTEM when it cannot be opened,
 * is broken, or is of a newer version than this program knows ("catalog.db has version 9, this program knows 1"). A
 * broken or foreign file is never touched. May wait for other writers as long as the busy timeout. */
struct catalog *catalog_open(const char *state_dir, enum catalog_mode mode, bool network_fs, struct fault *f)
    __attribute__((warn_unused_result));

/* Sees to it that a program which may write nothing beside the catalogue can read it later on: opens it once for
 * reading when the shared memory of its write-ahead log is missing, which makes that. Where there is no catalogue yet
 * it makes an empty one of these: a reader that may not write it fails whenever another process has just begun it. */
void catalog_prepare(const char *state_dir, bool network_fs);

/* True when its file was deleted or replaced since it was opened. One stat(2). */
bool catalog_is_gone(struct catalog *c) __attribute__((warn_unused_result));

/* Closes it, finalising every statement. NULL is fine. */
void catalog_close(struct catalog *c);

/* One row of `entry`: a stored file. Strings are borrowed from the caller; NULL is SQL NULL. */
struct catalog_entry {
	const char *path;    /* route.path */
	const char *kind;    /* toolchain | package | artifact */
	const char *class;   /* stable | nominated | dev | package | artifact */
	const char *version; /* of a toolchain or artifact, the ref of a package */
	int64_t size;
	const char *sha256, *blake2b; /* lower-case hex */
	const char *zig_hash;         /* "name-version-…"; NULL: not a Zig package, or none */
	const char *zig_multihash;    /* "1220…", the older form; NULL likewise */
	const char *verdict;          /* signed | digest | pinned | tls */
	int64_t stored_at;
};

/* One row of `provenance`: a transfer that brought a whole file, published or refused. */
struct catalog_provenance {
	const char *path, *requested_url, *effective_url, *remote_address;
	const char *tls_issuer, *tls_sha256; /* of the leaf certificate; NULL without TLS */
	int http_status;
	const char *etag, *last_modified; /* as received; NULL: none */
	int64_t started_at, finished_at, bytes;
	const char *sha256;
	const char *content; /* what the path is known by, see catalog_trust.h; NULL: not by its content */
	const char *key_id, *trusted_comment; /* NULL without a signature */
	const char *verdict;                  /* signed | digest | pinned | tls | changed | bad */
	const char *reason;                   /* of a refusal; NULL */
};

/* Adds the provenance row, chained to its predecessor by hash, and, when entry is not NULL, inserts or replaces the
 * entry and forgets that the file was wanted or in flight, in one transaction. FAULT_SYSTEM or FAULT_FULL: nothing was
 * written. */
bool catalog_record(struct catalog *c, const struct catalog_entry *entry, const struct catalog_provenance *p,
    struct fault *f) __attribute__((warn_unused_result));

/* Removes the entry (its file is gone). The ledger keeps what it has. */
bool catalog_entry_remove(struct catalog *c, const char *path, struct fault *f) __attribute__((warn_unused_result));

/* What is known of a transfer that did not end: enough to resume it. */
struct catalog_fetch {
	char url[2048];
	char etag[256];         /* "" = none */
	char last_modified[64]; /* "" = none */
	int64_t size;           /* -1: unknown */
	char state[16];         /* running | failed */
	char class[16];         /* of a failure: a fault class name */
	char reason[240];
	int64_t until; /* a failure is remembered until then; 0 = not */
};

/* Notes that PATH is being fetched from url with these validators (state running). etag, last_modified may be NULL. */
bool catalog_fetch_started(struct catalog *c, const char *path, const char *url, const char *etag,
    const char *last_modified, int64_t size, int64_t now, struct fault *f) __attribute__((warn_unused_result));

/* Notes that the fetch of PATH failed; keeps the validators, so that it can be resumed; remembered until `until` (0 =
 * only for people to read). Forgotten failures of others are removed on the way, at most 64 at once, and the table is
 * kept under 10,000 rows. */
bool catalog_fetch_failed(struct catalog *c, const char *path, const char *url, enum fault_class class,
    const char *reason, int64_t now, int64_t until, struct fault *f) __attribute__((warn_unused_result));

/* Reads the row of PATH. FAULT_ABSENT when there is none. */
bool catalog_fetch_get(struct catalog *c, const char *path, struct catalog_fetch *out, struct fault *f)
    __attribute__((warn_unused_result));

/* Puts a path into `want` (or raises its priority). Lower goes first. */
bool catalog_want(struct catalog *c, const char *path, const char *why, int priority, int64_t now, struct fault *f)
    __attribute__((warn_unused_result));

/* What the imported index says of a file name. */
struct catalog_artifact {
	char url[2048];
	char sha256[65]; /* "" = not listed */
	int64_t size;    /* -1 = not listed */
	bool nominated;  /* only the nominated index names its version */
};

/* Looks up a file name (without .minisig). A release wins over master where both name it. FAULT_ABSENT when no index
 * names it. */
bool catalog_artifact_get(struct catalog *c, const char *file, struct catalog_artifact *out, struct fault *f)
    __attribute__((warn_unused_result));

/* Runs `each` with the file names of a version that an index lists (for completing it). The string lives during the
 * call. */
bool catalog_version_files(struct catalog *c, const char *version, void (*each)(void *arg, const char *file), void *arg,
    struct fault *f) __attribute__((warn_unused_result));

/* One row of `source`: an index document. */
struct catalog_source {
	char url[2048];                    /* of the last good document; before the first, of the last try */
	char etag[256], last_modified[64]; /* "" = none */
	int64_t fetched_at;                /* last success; a 304 is noted once an hour */
	int failures;                      /* in a row since */
	int64_t next_try;                  /* do not ask again before */
};

/* Reads the row of a document ("index", "nominated", "mirrors"). FAULT_ABSENT when it was never fetched nor tried. */
bool catalog_source_get(struct catalog *c, const char *name, struct catalog_source *out, struct fault *f)
    __attribute__((warn_unused_result));

/* Notes a success without an import (a 304, or a document that is no index): failures 0, fetched_at now. An empty
 * validator leaves the one that is there. */
bool catalog_source_checked(struct catalog *c, const char *name, const char *url, const char *etag,
    const char *last_modified, int64_t now, struct fault *f) __attribute__((warn_unused_result));

/* Notes a failed try. */
bool catalog_source_failed(struct catalog *c, const char *name, const char *url, int failures, int64_t next_try,
    struct fault *f) __attribute__((warn_unused_result));

/* The transaction and the raw statements that the rooms index and (in the warmer) its own need; see catalog_sql.h. */

#endif
