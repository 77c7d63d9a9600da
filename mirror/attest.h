/* attest: the mirror's own Ed25519 key, and what it signs: in-toto statements in a DSSE envelope (DSSE 1.0.2). What is
 * said in a statement is the catalogue's business (catalog_attest); here it is bytes.
 *
 * The key is a PKCS #8 file as `openssl genpkey -algorithm ed25519` writes it. Nobody else reads it; it is read anew
 * for each signature, so that no process keeps it in memory. Called by the responder. */
#ifndef PKGMIRROR_ATTEST_H
#define PKGMIRROR_ATTEST_H

#include "fault.h"

#include <stddef.h>

enum { ATTEST_ID_CAP = 65, ATTEST_PEM_CAP = 128, ATTEST_SIGNATURE_CAP = 89 };

/* The media type of what is signed: the envelope says it, and the signature covers it. */
#define ATTEST_PAYLOAD_TYPE "application/vnd.in-toto+json"

struct attest_key {
	unsigned char secret[64], public_key[32];
	char id[ATTEST_ID_CAP]; /* hex SHA-256 of the public key in DER (SubjectPublicKeyInfo) */
};

/* Reads the key. The caller clears it with attest_key_forget. FAULT_SYSTEM with the reason when the file cannot be
 * read, is no such key, or may be read by everybody. Blocks on reading the file. */
bool attest_key_load(const char *file, struct attest_key *out, struct fault *f)
    __attribute__((warn_unused_result, nonnull(1, 2)));

/* As attest_key_load, from len bytes of text; no faults but FAULT_SYSTEM for what is no key. */
bool attest_key_parse(const char *text, size_t len, struct attest_key *out, struct fault *f)
    __attribute__((warn_unused_result, nonnull(1, 3)));

/* Overwrites it. */
void attest_key_forget(struct attest_key *k) __attribute__((nonnull));

/* The public key as PEM (SubjectPublicKeyInfo), with a line feed at its end. */
void attest_key_pem(const struct attest_key *k, char out[ATTEST_PEM_CAP]) __attribute__((nonnull));

/* The signature over the pre-authentication encoding of ATTEST_PAYLOAD_TYPE and the len bytes of payload, in base64.
 * FAULT_SYSTEM when memory is short. */
bool attest_sign(const struct attest_key *k, const char *payload, size_t len, char out[ATTEST_SIGNATURE_CAP],
    struct fault *f) __attribute__((warn_unused_result, nonnull(1, 2, 4)));

/* The len bytes in base64. The caller frees it; NULL when memory is short. */
char *attest_base64(const char *data, size_t len) __attribute__((warn_unused_result, nonnull));

#endif
