/* Tests of mirror/chain: SHA3-256 of texts of every length around a block, against OpenSSL's. */
#include "mirror/chain.h"

#include <openssl/evp.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { BLOCK = 136, TEXT_CAP = 4 * BLOCK };

/* What OpenSSL makes of the same bytes. */
static void other_hash(const char *previous, const char *row, char out[CHAIN_HASH_CAP])
{
	char text[2 * TEXT_CAP];
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	int n = snprintf(text, sizeof text, "%s\n%s", previous, row);
	assert_true(n > 0 && (size_t)n < sizeof text);
	assert_int_equal(EVP_Digest(text, (size_t)n, hash, &len, EVP_sha3_256(), NULL), 1);
	assert_int_equal(len, 32);
	for (unsigned i = 0; i < len; i++)
		snprintf(out + (size_t)2 * i, 3, "%02x", hash[i]);
}

static void hash_is_that_of_openssl_at_every_length(void **state)
{
	char row[TEXT_CAP], ours[CHAIN_HASH_CAP], theirs[CHAIN_HASH_CAP];
	(void)state;
	for (size_t len = 0; len < sizeof row - 1; len++) {
		for (size_t i = 0; i < len; i++)
			row[i] = (char)(1 + (i * 31 + len) % 255);
		row[len] = '\0';
		chain_hash(len % 2 != 0 ? "abc" : "", row, ours);
		other_hash(len % 2 != 0 ? "abc" : "", row, theirs);
		assert_string_equal(ours, theirs);
	}
}

static void hash_depends_on_both_texts(void **state)
{
	char a[CHAIN_HASH_CAP], b[CHAIN_HASH_CAP];
	(void)state;
	chain_hash("", "row", a);
	chain_hash(a, "row", b);
	assert_string_not_equal(a, b);
	chain_hash("", "row ", b);
	assert_string_not_equal(a, b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hash_is_that_of_openssl_at_every_length),
	    cmocka_unit_test(hash_depends_on_both_texts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
