/* chain: the hash that links one row of the ledger to the next. Pure, no outside library.
 *
 * It is SHA3-256 (FIPS 202), since that is the one that sqlite3(1) computes too: an operator verifies the ledger with
 * nothing of ours. The programs that only read the catalogue do not link OpenSSL, and libsodium has no SHA-3. Called by
 * catalog_sql. */
#ifndef PKGMIRROR_CHAIN_H
#define PKGMIRROR_CHAIN_H

enum { CHAIN_HASH_CAP = 65 };

/* The lower-case hex SHA3-256 of PREVIOUS, a line feed, and ROW (the columns of the row as SQL literals with commas
 * between them; the statement provenance_add makes it). Both end with a NUL. */
void chain_hash(const char *previous, const char *row, char out[CHAIN_HASH_CAP]);

#endif
