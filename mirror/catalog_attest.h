/* catalog_attest: what the catalogue says of where a file came from, as JSON: docs/provenance.md has its form. The JSON
 * is made in SQL (sql/statements_attest.sql). Read-only. Called by the responder's page_provenance. */
#ifndef PKGMIRROR_CATALOG_ATTEST_H
#define PKGMIRROR_CATALOG_ATTEST_H

#include "catalog.h"

/* The in-toto statement about the file that is stored at PATH: *out, which the caller frees. `base_url` is the
 * mirror's. FAULT_ABSENT when none is stored there; FAULT_SYSTEM. */
bool catalog_statement(struct catalog *c, const char *path, const char *base_url, char **out, struct fault *f)
    __attribute__((warn_unused_result));

/* What an envelope holds beside its payload. */
struct catalog_signature {
	const char *payload; /* base64 of the statement */
	const char *key_id;
	const char *signature; /* base64 */
};

/* The whole document about PATH: *out, which the caller frees. `statement` NULL: none is stored; `signature` NULL: it
 * is not signed. FAULT_ABSENT when the catalogue has neither a file nor a row of the ledger for it; FAULT_SYSTEM. */
bool catalog_provenance_document(struct catalog *c, const char *path, const char *base_url, const char *statement,
    const struct catalog_signature *signature, char **out, struct fault *f) __attribute__((warn_unused_result));

#endif
