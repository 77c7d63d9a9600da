/* Tests of mirror/attest: keys as OpenSSL writes them, signatures as it verifies them, and files that are no key. */
#include "mirror/attest.h"

#include "scratch.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

enum { TEXT_CAP = 512 };

/* The example of RFC 8410, section 10.3. */
static const char EXAMPLE[] = "-----BEGIN PRIVATE KEY-----\n"
                              "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
                              "-----END PRIVATE KEY-----\n";

static void public_key_is_that_of_the_private_one(void **state)
{
	struct attest_key key;
	struct fault f = {0};
	char pem[ATTEST_PEM_CAP];
	(void)state;
	assert_true(attest_key_parse(EXAMPLE, strlen(EXAMPLE), &key, &f));
	attest_key_pem(&key, pem);
	/* RFC 8410, section 10.1. */
	assert_string_equal(pem, "-----BEGIN PUBLIC KEY-----\n"
	                         "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
	                         "-----END PUBLIC KEY-----\n");
	assert_int_equal(strlen(key.id), 64);
	attest_key_forget(&key);
	for (size_t i = 0; i < sizeof key.secret; i++)
		assert_int_equal(key.secret[i], 0);
}

/* A key as OpenSSL writes it. */
static size_t write_key(EVP_PKEY *key, char out[TEXT_CAP])
{
	BIO *bio = BIO_new(BIO_s_mem());
	assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
	int n = BIO_read(bio, out, TEXT_CAP);
	assert_true(n > 0);
	BIO_free(bio);
	return (size_t)n;
}

static void signature_is_what_openssl_verifies(void **state)
{
	static const char PAYLOAD[] = "{\"_type\":\"x\"}",
	                  SIGNED[] = "DSSEv1 28 application/vnd.in-toto+json 13 {\"_type\":\"x\"}";
	EVP_PKEY *made = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	char text[TEXT_CAP], base64[ATTEST_SIGNATURE_CAP];
	unsigned char raw[ATTEST_SIGNATURE_CAP];
	struct attest_key key;
	struct fault f = {0};
	(void)state;
	assert_true(attest_key_parse(text, write_key(made, text), &key, &f));
	assert_true(attest_sign(&key, PAYLOAD, strlen(PAYLOAD), base64, &f));
	assert_int_equal(strlen(base64), 88);
	assert_int_equal(EVP_DecodeBlock(raw, (const unsigned char *)base64, 88), 66);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	assert_int_equal(EVP_DigestVerifyInit(context, NULL, NULL, NULL, made), 1);
	assert_int_equal(EVP_DigestVerify(context, raw, 64, (const unsigned char *)SIGNED, strlen(SIGNED)), 1);
	EVP_MD_CTX_free(context);
	EVP_PKEY_free(made);
}

static void other_texts_are_no_key(void **state)
{
	static const char *const TEXTS[] = {"", "hello", "-----BEGIN PRIVATE KEY-----\n",
	    "-----BEGIN PRIVATE KEY----------END PRIVATE KEY-----",
	    "-----BEGIN PRIVATE KEY-----\nMC4C\n-----END PRIVATE KEY-----\n",
	    /* one byte more */
	    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhCAA==\n"
	    "-----END PRIVATE KEY-----\n",
	    /* X25519 */
	    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VuBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
	    "-----END PRIVATE KEY-----\n",
	    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06*nwoy/HU++CXqI9EdVhC\n"
	    "-----END PRIVATE KEY-----\n"};
	(void)state;
	for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
		struct attest_key key;
		struct fault f = {0};
		assert_false(attest_key_parse(TEXTS[i], strlen(TEXTS[i]), &key, &f));
		assert_int_equal(f.class, FAULT_SYSTEM);
	}
}

static void key_file_must_be_a_file_that_not_everybody_reads(void **state)
{
	char dir[SCRATCH_CAP], file[SCRATCH_CAP + 16];
	struct attest_key key;
	struct fault f = {0};
	(void)state;
	assert_true(scratch_make(dir));
	snprintf(file, sizeof file, "%s/key", dir);
	assert_false(attest_key_load(file, &key, &f));
	assert_non_null(strstr(f.text, file));
	assert_false(attest_key_load(dir, &key, &f));
	FILE *out = fopen(file, "w");
	assert_non_null(out);
	assert_true(fputs(EXAMPLE, out) >= 0 && fclose(out) == 0);
	assert_int_equal(chmod(file, 0644), 0);
	assert_false(attest_key_load(file, &key, &f));
	assert_non_null(strstr(f.text, "everybody"));
	assert_int_equal(chmod(file, 0640), 0);
	assert_true(attest_key_load(file, &key, &f));
	scratch_remove(dir);
}

static void base64_is_that_of_rfc_4648(void **state)
{
	static const char *const CASES[][2] = {
	    {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"\xff\xfe?>", "//4/Pg=="}};
	(void)state;
	for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
		char *text = attest_base64(CASES[i][0], strlen(CASES[i][0]));
		assert_string_equal(text, CASES[i][1]);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(public_key_is_that_of_the_private_one),
	    cmocka_unit_test(signature_is_what_openssl_verifies),
	    cmocka_unit_test(other_texts_are_no_key),
	    cmocka_unit_test(key_file_must_be_a_file_that_not_everybody_reads),
	    cmocka_unit_test(base64_is_that_of_rfc_4648),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
