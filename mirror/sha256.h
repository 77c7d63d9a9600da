/* sha256: SHA-256 of a stream of bytes. Pure; part of the digest room, for those who need no BLAKE2b beside it. */
#ifndef PKGMIRROR_SHA256_H
#define PKGMIRROR_SHA256_H

#include <stddef.h>

enum { SHA256_LEN = 32 };

struct sha256; /* a running computation */

/* A new one; sha256_finish frees it. NULL when memory is short. */
struct sha256 *sha256_new(void);

/* Adds len bytes. len may be 0. */
void sha256_add(struct sha256 *h, const void *data, size_t len) __attribute__((nonnull(1)));

/* The digest of all that was added; frees h. */
void sha256_finish(struct sha256 *h, unsigned char out[SHA256_LEN]) __attribute__((nonnull));

#endif
