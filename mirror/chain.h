/* chain: the hash that links one row of the ledger to the next. Pure; libsodium's SHA-256, since the programs that only
 * read the catalogue do not link OpenSSL. */
#ifndef PKGMIRROR_CHAIN_H
#define PKGMIRROR_CHAIN_H

enum { CHAIN_HASH_CAP = 65 };

/* The lower-case hex SHA-256 of PREVIOUS, a line feed, and ROW (the JSON array of the row's columns). */
void chain_hash(const char *previous, const char *row, char out[CHAIN_HASH_CAP]);

#endif
