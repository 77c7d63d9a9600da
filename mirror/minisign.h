/* minisign: public keys and signature files of minisign(1), parsed and verified. Pure; libsodium does the arithmetic.
 *
 * Format: https://jedisct1.github.io/minisign/#signature-format. Both kinds are accepted: `ED` (over the BLAKE2b-512 of
 * the file) and the legacy `Ed` (over the file itself, for which the caller must have the bytes). Every length is
 * compared exactly; the trusted comment counts only with its global signature. */
#ifndef PKGMIRROR_MINISIGN_H
#define PKGMIRROR_MINISIGN_H

#include "fault.h"

#include <stdint.h>

enum {
	MINISIGN_COMMENT_CAP = 1024,
	MINISIGN_FILE_MAX = 4096,
	MINISIGN_KEY_ID_HEX_CAP = 17,
	MINISIGN_KEY_TEXT_CAP = 57,
	MINISIGN_OLD_KEYS_MAX = 7
};

struct minisign_key {
	unsigned char id[8];
	unsigned char key[32];
};

/* The key that signs now, and those that did before it was changed. */
struct minisign_keys {
	struct minisign_key now;
	struct minisign_key old[MINISIGN_OLD_KEYS_MAX];
	size_t old_count;
};

struct minisign_signature {
	bool prehashed; /* ED; else the legacy Ed */
	unsigned char key_id[8];
	unsigned char signature[64];
	unsigned char global[64];           /* over signature and trusted comment */
	char comment[MINISIGN_COMMENT_CAP]; /* the trusted comment, without its prefix, NUL-terminated */
	size_t comment_len;
};

/* Writes a public key as minisign(1) does: 56 characters of base64 and a NUL. */
void minisign_key_text(const struct minisign_key *key, char out[MINISIGN_KEY_TEXT_CAP]) __attribute__((nonnull));

/* Parses the base64 line of a public key ("RW…", 56 characters). FAULT_INTEGRITY with a reason when it is none. */
bool minisign_key_parse(const char *text, size_t len, struct minisign_key *out, struct fault *f)
    __attribute__((warn_unused_result));

/* Parses a whole signature file: four lines, LF or CRLF, nothing after them. FAULT_INTEGRITY with a reason. */
bool minisign_parse(const char *text, size_t len, struct minisign_signature *out, struct fault *f)
    __attribute__((warn_unused_result));

/* The key whose id the signature names; the present one when none has that id, which then is told as the mistake.
 * Borrowed from keys. */
const struct minisign_key *minisign_key_of(const struct minisign_keys *keys, const struct minisign_signature *s)
    __attribute__((nonnull));

/* Checks what can be checked without the signed file: the key id, the global signature, and that the trusted comment
 * names `file` in a field `file:` (fields are separated by tabs or spaces). file NULL leaves the name out.
 * FAULT_INTEGRITY with a reason. */
bool minisign_check_comment(const struct minisign_signature *s, const struct minisign_key *key, const char *file,
    struct fault *f) __attribute__((warn_unused_result));

/* Checks a prehashed signature over the 64 bytes BLAKE2b-512 of the file. FAULT_INTEGRITY when it does not fit, or when
 * the signature is a legacy one. Does not look at the comment. */
bool minisign_verify_prehashed(const struct minisign_signature *s, const struct minisign_key *key,
    const unsigned char blake2b[64], struct fault *f) __attribute__((warn_unused_result));

/* Checks a legacy signature over the file's own bytes. FAULT_INTEGRITY when it does not fit, or when the signature is a
 * prehashed one. Does not look at the comment. */
bool minisign_verify_legacy(const struct minisign_signature *s, const struct minisign_key *key, const void *data,
    size_t len, struct fault *f) __attribute__((warn_unused_result));

/* The key id as minisign(1) prints it: 16 upper-case hex digits of the little-endian number, NUL-terminated. */
void minisign_key_id_hex(const unsigned char id[8], char out[MINISIGN_KEY_ID_HEX_CAP]);

#endif
