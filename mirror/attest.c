/* attest: see attest.h. */
#include "attest.h"

#include <sodium.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 4096, SEED_BYTES = 32, PREAMBLE_CAP = 80 };

static const char BEGIN[] = "-----BEGIN PRIVATE KEY-----";
static const char END[] = "-----END PRIVATE KEY-----";

/* What stands before the key in DER (RFC 8410): the rest is always the same for Ed25519. */
static const unsigned char PRIVATE_DER[] = {
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20};
static const unsigned char PUBLIC_DER[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};

struct public_der {
	unsigned char head[sizeof PUBLIC_DER], key[32];
};

static struct public_der encode_public(const struct attest_key *k)
{
	struct public_der der;
	memcpy(der.head, PUBLIC_DER, sizeof der.head);
	memcpy(der.key, k->public_key, sizeof der.key);
	return der;
}

/* The text between the two lines; NULL when they are not there. */
static const char *find_body(const char *text, size_t len, size_t *body_len)
{
	const char *begin = memmem(text, len, BEGIN, strlen(BEGIN));
	if (begin == NULL)
		return NULL;
	begin += strlen(BEGIN);
	const char *end = memmem(begin, len - (size_t)(begin - text), END, strlen(END));
	*body_len = end != NULL ? (size_t)(end - begin) : 0;
	return end != NULL ? begin : NULL;
}

bool attest_key_parse(const char *text, size_t len, struct attest_key *out, struct fault *f)
{
	unsigned char der[sizeof PRIVATE_DER + SEED_BYTES], hash[crypto_hash_sha256_BYTES];
	size_t body_len = 0, got = 0;
	const char *end = NULL, *body = find_body(text, len, &body_len);
	bool ok = body != NULL &&
	          sodium_base642bin(
	              der, sizeof der, body, body_len, "\r\n", &got, &end, sodium_base64_VARIANT_ORIGINAL) == 0 &&
	          got == sizeof der && end == body + body_len && memcmp(der, PRIVATE_DER, sizeof PRIVATE_DER) == 0;
	if (ok) {
		crypto_sign_seed_keypair(out->public_key, out->secret, der + sizeof PRIVATE_DER);
		const struct public_der public_der = encode_public(out);
		crypto_hash_sha256(hash, (const unsigned char *)&public_der, sizeof public_der);
		sodium_bin2hex(out->id, sizeof out->id, hash, sizeof hash);
	} else {
		fault_set(f, FAULT_SYSTEM, "no Ed25519 key as `openssl genpkey -algorithm ed25519` writes it");
	}
	sodium_memzero(der, sizeof der);
	return ok;
}

bool attest_key_load(const char *file, struct attest_key *out, struct fault *f)
{
	char text[FILE_MAX];
	struct stat st;
	struct fault why = {0};
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return fault_errno(f, FAULT_SYSTEM, errno, "signing_key %s", file);
	bool ok = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	if (!ok)
		fault_set(f, FAULT_SYSTEM, "signing_key %s: is no file", file);
	else if ((st.st_mode & S_IROTH) != 0)
		ok = fault_set(f, FAULT_SYSTEM, "signing_key %s: everybody may read it; chmod o-r", file);
	ssize_t n = ok ? pread(fd, text, sizeof text, 0) : -1;
	if (ok && n < 0)
		ok = fault_errno(f, FAULT_SYSTEM, errno, "signing_key %s", file);
	if (ok && !attest_key_parse(text, (size_t)n, out, &why))
		ok = fault_set(f, FAULT_SYSTEM, "signing_key %s: %s", file, why.text);
	sodium_memzero(text, sizeof text);
	close(fd);
	return ok;
}

void attest_key_forget(struct attest_key *k)
{
	sodium_memzero(k, sizeof *k);
}

void attest_key_pem(const struct attest_key *k, char out[ATTEST_PEM_CAP])
{
	const struct public_der der = encode_public(k);
	char base64[sodium_base64_ENCODED_LEN(sizeof der, sodium_base64_VARIANT_ORIGINAL)];
	sodium_bin2base64(
	    base64, sizeof base64, (const unsigned char *)&der, sizeof der, sodium_base64_VARIANT_ORIGINAL);
	snprintf(out, ATTEST_PEM_CAP, "-----BEGIN PUBLIC KEY-----\n%s\n-----END PUBLIC KEY-----\n", base64);
}

bool attest_sign(
    const struct attest_key *k, const char *payload, size_t len, char out[ATTEST_SIGNATURE_CAP], struct fault *f)
{
	unsigned char signature[crypto_sign_BYTES];
	char preamble[PREAMBLE_CAP];
	/* DSSE: "DSSEv1" SP LEN(type) SP type SP LEN(body) SP body */
	int n = snprintf(
	    preamble, sizeof preamble, "DSSEv1 %zu %s %zu ", strlen(ATTEST_PAYLOAD_TYPE), ATTEST_PAYLOAD_TYPE, len);
	char *message = malloc((size_t)n + len);
	if (message == NULL)
		return fault_errno(f, FAULT_SYSTEM, ENOMEM, "a signature");
	memcpy(message, preamble, (size_t)n);
	memcpy(message + n, payload, len);
	crypto_sign_detached(signature, NULL, (const unsigned char *)message, (size_t)n + len, k->secret);
	sodium_bin2base64(out, ATTEST_SIGNATURE_CAP, signature, sizeof signature, sodium_base64_VARIANT_ORIGINAL);
	free(message);
	return true;
}

char *attest_base64(const char *data, size_t len)
{
	size_t cap = sodium_base64_encoded_len(len, sodium_base64_VARIANT_ORIGINAL);
	char *out = malloc(cap);
	if (out != NULL)
		sodium_bin2base64(out, cap, (const unsigned char *)data, len, sodium_base64_VARIANT_ORIGINAL);
	return out;
}
