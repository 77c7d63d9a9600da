/* catalog_bundle: what export takes out of the catalogue, and how import judges an index document that no upstream
 * vouches for. Called by the warmer. */
#ifndef PKGMIRROR_CATALOG_BUNDLE_H
#define PKGMIRROR_CATALOG_BUNDLE_H

#include "catalog.h"

/* Runs `each` with the last good document `name` ("index", "nominated"), once; not at all when there is none. */
bool catalog_bundle_document(struct catalog *c, const char *name, bool (*each)(void *arg, const char *body, size_t len),
    void *arg, struct fault *f) __attribute__((warn_unused_result));

/* Runs `each` with every row that the ledger has of a path, as a JSON object of one line. False when `each` is. */
bool catalog_bundle_ledger(struct catalog *c, const char *path, bool (*each)(void *arg, const char *body, size_t len),
    void *arg, struct fault *f) __attribute__((warn_unused_result));

/* Compares a document with the files that are here by their signature; `prefix` is that of their paths ("zig/").
 * FAULT_INTEGRITY when one is not as the document says, or none of them is listed; FAULT_SYSTEM. */
bool catalog_bundle_witness(struct catalog *c, const char *body, size_t len, const char *prefix, struct fault *f)
    __attribute__((warn_unused_result));

/* Marks a document as one that came in a bundle: its digests prove nothing, and upstream's replaces it. */
bool catalog_bundle_mark(struct catalog *c, const char *name, struct fault *f) __attribute__((warn_unused_result));

/* True when there is a document `name` that came from an upstream, and when that cannot be known. */
bool catalog_bundle_own(struct catalog *c, const char *name);

#endif
