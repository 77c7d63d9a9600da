/* digest: SHA-256 and BLAKE2b-512 of a stream of bytes in one pass.
 *
 * SHA-256 (OpenSSL) is what indexes list; BLAKE2b-512 (libsodium) is what minisign signs. Used by whoever writes or
 * re-reads a file. Only programs that use it link OpenSSL. */
#ifndef PKGMIRROR_DIGEST_H
#define PKGMIRROR_DIGEST_H

#include "fault.h"

#include <stdint.h>

enum { DIGEST_SHA256_LEN = 32, DIGEST_BLAKE2B_LEN = 64, DIGEST_SHA256_HEX_CAP = 65, DIGEST_BLAKE2B_HEX_CAP = 129 };

struct digest; /* a running computation */

struct digest_result {
	unsigned char sha256[DIGEST_SHA256_LEN];
	unsigned char blake2b[DIGEST_BLAKE2B_LEN];
	char sha256_hex[DIGEST_SHA256_HEX_CAP]; /* lower case, NUL-terminated */
	char blake2b_hex[DIGEST_BLAKE2B_HEX_CAP];
	int64_t bytes; /* how many were digested */
};

/* A new computation over no bytes; the caller frees it with digest_free. NULL when memory is short. */
struct digest *digest_new(void);

/* Adds len bytes. len may be 0. */
void digest_add(struct digest *d, const void *data, size_t len) __attribute__((nonnull(1)));

/* Back to no bytes. */
void digest_reset(struct digest *d) __attribute__((nonnull));

/* The digests of all that was added. The computation must be reset or freed afterwards. */
void digest_finish(struct digest *d, struct digest_result *out) __attribute__((nonnull));

/* Frees d. NULL is fine. */
void digest_free(struct digest *d);

/* Digests the bytes [0, end) of fd with pread (the file position stays), or the whole file when end is -1, adding them
 * to d. Blocks for as long as the disk takes. Fails with FAULT_SYSTEM when the file cannot be read or is shorter than
 * end. */
bool digest_add_file(struct digest *d, int fd, int64_t end, struct fault *f) __attribute__((warn_unused_result));

/* Keeps an eye on OpenSSL's memory, for digest_memory_denied. To be called before anything else has used OpenSSL. */
void digest_watch_memory(void);

/* Whether OpenSSL was ever denied memory since digest_watch_memory. What it sets up once it does not set up again: a
 * process in which that failed may never again be able to compute a digest or to speak TLS. */
bool digest_memory_denied(void);

/* The lower-case hex SHA-256 of the DER form of a PEM certificate, "" when `pem` is none. */
void digest_certificate(const char *pem, char out[DIGEST_SHA256_HEX_CAP]);

#endif
