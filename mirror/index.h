/* index: index.json in, the index.json of this mirror out.
 *
 * A document is judged, stored as a `source` row and taken apart into `release` and `artifact` rows in one transaction;
 * what this mirror serves is built from them by the same SQL. SQLite's JSON functions do the parsing. Called by the
 * fetch service and the warmer. */
#ifndef PKGMIRROR_INDEX_H
#define PKGMIRROR_INDEX_H

#include "catalog.h"
#include "config.h"

enum { INDEX_BYTES_MAX = 8 * 1024 * 1024 };

struct index_document {
	const char *name; /* "index" (upstream's) or "nominated" */
	const char *url;
	const char *etag, *last_modified; /* as received; NULL: none */
	const char *body;
	size_t len;
	bool bundled; /* it came in a bundle: noted with it (catalog_bundle.h), so that it vouches for nothing */
};

/* Judges and imports a document. A document that is not a JSON object of objects, that index_text refuses, that holds
 * duplicate keys, has no version with a file, is over INDEX_BYTES_MAX, or names fewer than half as many good files of
 * releases as the last one of its URL did is refused whole: FAULT_INTEGRITY, and what was there stays. An entry with a
 * bad field (a URL of another host or scheme, a path with "..", a shasum that is no SHA-256, a size that is no number,
 * a name that is no toolchain file's) is left out and logged by name; so is a release that was there before and is no
 * more. FAULT_SYSTEM or FAULT_FULL: nothing was written. */
bool index_import(struct catalog *db, const struct config *c, const struct index_document *d, int64_t now,
    struct fault *f) __attribute__((warn_unused_result));

/* Builds this mirror's index.json. The caller frees *text with free(). FAULT_ABSENT when nothing was imported yet. */
bool index_build(struct catalog *db, const struct config *c, char **text, size_t *len, struct fault *f)
    __attribute__((warn_unused_result));

#endif
