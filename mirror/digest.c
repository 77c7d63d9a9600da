/* digest: see digest.h. */
#include "digest.h"
#include "sha256.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sodium.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_PIECE = 256 * 1024 };

/* OpenSSL's hooks take no argument. */
static bool memory_denied;

static void *take(void *memory, size_t size)
{
	memory_denied = memory_denied || (memory == NULL && size > 0);
	return memory;
}

static void *watched_malloc(size_t size, const char *file, int line)
{
	(void)file, (void)line;
	return take(malloc(size), size);
}

static void *watched_realloc(void *old, size_t size, const char *file, int line)
{
	(void)file, (void)line;
	return take(realloc(old, size), size);
}

static void watched_free(void *memory, const char *file, int line)
{
	(void)file, (void)line;
	free(memory);
}

void digest_watch_memory(void)
{
	CRYPTO_set_mem_functions(watched_malloc, watched_realloc, watched_free);
}

bool digest_memory_denied(void)
{
	return memory_denied;
}

struct digest {
	EVP_MD_CTX *sha256;
	crypto_generichash_state blake2b;
	int64_t bytes;
};

/* A context that has all the memory that it will need: what is done with it later cannot fail. NULL when memory is
 * short. */
static EVP_MD_CTX *sha256_context(void)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	if (context != NULL && EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1) {
		EVP_MD_CTX_free(context);
		context = NULL;
	}
	return context;
}

struct digest *digest_new(void)
{
	struct digest *d = aligned_alloc(_Alignof(struct digest), sizeof *d);
	if (d == NULL)
		return NULL;
	d->sha256 = sha256_context();
	if (d->sha256 == NULL) {
		free(d);
		return NULL;
	}
	digest_reset(d);
	return d;
}

void digest_reset(struct digest *d)
{
	d->bytes = 0;
	EVP_DigestInit_ex(d->sha256, NULL, NULL);
	crypto_generichash_init(&d->blake2b, NULL, 0, DIGEST_BLAKE2B_LEN);
}

void digest_add(struct digest *d, const void *data, size_t len)
{
	if (len == 0)
		return;
	EVP_DigestUpdate(d->sha256, data, len);
	crypto_generichash_update(&d->blake2b, data, len);
	d->bytes += (int64_t)len;
}

void digest_finish(struct digest *d, struct digest_result *out)
{
	EVP_DigestFinal_ex(d->sha256, out->sha256, NULL);
	crypto_generichash_final(&d->blake2b, out->blake2b, DIGEST_BLAKE2B_LEN);
	sodium_bin2hex(out->sha256_hex, sizeof out->sha256_hex, out->sha256, sizeof out->sha256);
	sodium_bin2hex(out->blake2b_hex, sizeof out->blake2b_hex, out->blake2b, sizeof out->blake2b);
	out->bytes = d->bytes;
}

void digest_free(struct digest *d)
{
	if (d == NULL)
		return;
	EVP_MD_CTX_free(d->sha256);
	free(d);
}

bool digest_add_file(struct digest *d, int fd, int64_t end, struct fault *f)
{
	unsigned char *piece = malloc(FILE_PIECE);
	int64_t at = 0;
	ssize_t n = 1;
	if (piece == NULL)
		return fault_errno(f, FAULT_SYSTEM, ENOMEM, "cannot digest a file");
	while (n > 0 && (end < 0 || at < end)) {
		size_t want = end < 0 || end - at > FILE_PIECE ? FILE_PIECE : (size_t)(end - at);
		n = pread(fd, piece, want, at);
		if (n < 0 && errno == EINTR) {
			n = 1;
			continue;
		}
		if (n > 0) {
			digest_add(d, piece, (size_t)n);
			at += n;
		}
	}
	int error = errno;
	free(piece);
	if (n < 0)
		return fault_errno(f, FAULT_SYSTEM, error, "cannot read a file to digest it");
	if (end >= 0 && at < end)
		return fault_set(f, FAULT_SYSTEM, "a file to digest is shorter than %lld bytes", (long long)end);
	return true;
}

void digest_certificate(const char *pem, char out[DIGEST_SHA256_HEX_CAP])
{
	unsigned char hash[DIGEST_SHA256_LEN];
	unsigned len = 0;
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *certificate = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	out[0] = '\0';
	if (certificate != NULL && X509_digest(certificate, EVP_sha256(), hash, &len) == 1 && len == sizeof hash)
		sodium_bin2hex(out, DIGEST_SHA256_HEX_CAP, hash, sizeof hash);
	X509_free(certificate);
	BIO_free(bio);
}

struct sha256 {
	EVP_MD_CTX *context;
};

struct sha256 *sha256_new(void)
{
	struct sha256 *h = malloc(sizeof *h);
	if (h == NULL)
		return NULL;
	h->context = sha256_context();
	if (h->context == NULL) {
		free(h);
		return NULL;
	}
	return h;
}

void sha256_add(struct sha256 *h, const void *data, size_t len)
{
	EVP_DigestUpdate(h->context, data, len);
}

void sha256_finish(struct sha256 *h, unsigned char out[SHA256_LEN])
{
	EVP_DigestFinal_ex(h->context, out, NULL);
	EVP_MD_CTX_free(h->context);
	free(h);
}
