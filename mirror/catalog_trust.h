/* catalog_trust: trust on first use, as the ledger has it: which content a path is known by, what came with another,
 * and what an operator accepted.
 *
 * The content of a package is its Zig hash, else the digest of its unpacked tree; that of an artifact which no key
 * signs is its SHA-256. Nothing here is stored apart from the ledger: a path is known by the content of its newest row
 * that was published or accepted, and an acceptance is a row like any other, so that it can be neither undone nor
 * hidden. Called by the fetch service (catalog_trusted_content) and by `pkgmirror-warm accept` (the others). */
#ifndef PKGMIRROR_CATALOG_TRUST_H
#define PKGMIRROR_CATALOG_TRUST_H

#include "catalog.h"

enum { CATALOG_CONTENT_CAP = 112 };

/* A file that was refused since its content is another than what its path is known by. */
struct catalog_changed {
	char content[CATALOG_CONTENT_CAP]; /* what came */
	char known[CATALOG_CONTENT_CAP];   /* what the path is known by */
	char sha256[65];
	char url[2048]; /* as requested */
	int64_t bytes;
	int64_t finished_at; /* UTC seconds */
};

/* The content that a path is known by: "" when it has none yet. False with FAULT_SYSTEM. */
bool catalog_trusted_content(struct catalog *c, const char *path, char out[CATALOG_CONTENT_CAP], struct fault *f)
    __attribute__((warn_unused_result));

/* The newest file that was refused as changed at a path and that nothing was published or accepted after. FAULT_ABSENT
 * when there is none, FAULT_SYSTEM. */
bool catalog_changed_get(struct catalog *c, const char *path, struct catalog_changed *out, struct fault *f)
    __attribute__((warn_unused_result));

/* Accepts what catalog_changed_get gave: appends a row to the ledger (verdict pinned, HTTP status 0, the reason
 * "accepted: " and `by`, a few words that say who), so that the path is known by that content from now on and the next
 * fetch of it is published. Neither fetches nor moves a file. FAULT_ABSENT when what waits at the path has another
 * content by now (or nothing waits), FAULT_SYSTEM, FAULT_FULL: nothing was written. */
bool catalog_accept(struct catalog *c, const char *path, const char *content, const char *by, int64_t now,
    struct fault *f) __attribute__((warn_unused_result));

#endif
