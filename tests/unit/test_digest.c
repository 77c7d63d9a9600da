/* SHA-256 and BLAKE2b-512 of streams and files, by published vectors. */
#include "mirror/digest.h"
#include "mirror/sha256.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* FIPS 180-4 and RFC 7693. */
static const struct {
	const char *text, *sha256, *blake2b;
} VECTORS[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "786a02f742015903c6c6fd852552d272912f4740e15847618a86e217f71f5419"
        "d25e1031afee585313896444934eb04b903a685b1448b755d56f701afe9be2ce"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
        "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923"},
};

static void digest_is_the_published_one(void **state)
{
	struct digest *d = digest_new();
	(void)state;
	assert_non_null(d);
	for (size_t i = 0; i < sizeof VECTORS / sizeof VECTORS[0]; i++) {
		struct digest_result r;
		digest_add(d, VECTORS[i].text, strlen(VECTORS[i].text));
		digest_add(d, "", 0);
		digest_finish(d, &r);
		assert_string_equal(r.sha256_hex, VECTORS[i].sha256);
		assert_string_equal(r.blake2b_hex, VECTORS[i].blake2b);
		assert_int_equal(r.bytes, strlen(VECTORS[i].text));
		digest_reset(d);
	}
	digest_free(d);
	digest_free(NULL);
}

/* A struct has holes. */
static void assert_same(const struct digest_result *a, const struct digest_result *b)
{
	assert_string_equal(a->sha256_hex, b->sha256_hex);
	assert_string_equal(a->blake2b_hex, b->blake2b_hex);
	assert_memory_equal(a->sha256, b->sha256, sizeof a->sha256);
	assert_memory_equal(a->blake2b, b->blake2b, sizeof a->blake2b);
	assert_int_equal(a->bytes, b->bytes);
}

static void digest_does_not_depend_on_the_pieces(void **state)
{
	enum { LEN = 1000 };
	unsigned char data[LEN];
	struct digest_result whole, parts;
	struct digest *d = digest_new();
	(void)state;
	assert_non_null(d);
	for (size_t i = 0; i < LEN; i++)
		data[i] = (unsigned char)(i * 7);
	digest_add(d, data, LEN);
	digest_finish(d, &whole);
	for (size_t piece = 1; piece < 200; piece += 31) {
		digest_reset(d);
		for (size_t at = 0; at < LEN; at += piece)
			digest_add(d, data + at, at + piece < LEN ? piece : LEN - at);
		digest_finish(d, &parts);
		assert_same(&whole, &parts);
	}
	digest_free(d);
}

static int temporary(size_t len)
{
	char path[] = "/tmp/pkgmirror.XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(unlink(path), 0);
	for (size_t i = 0; i < len; i++) {
		static unsigned char page[4096];
		page[i % sizeof page] = (unsigned char)(i ^ i >> 8);
		if (i % sizeof page == sizeof page - 1 || i == len - 1)
			assert_int_equal(write(fd, page, i % sizeof page + 1), i % sizeof page + 1);
	}
	return fd;
}

static void file_is_digested_up_to_its_end(void **state)
{
	enum { LEN = 600 * 1024 + 13, PART = 300 * 1024 + 5 };
	struct digest_result whole, counted, part, again;
	struct fault f = {0};
	struct digest *d = digest_new();
	int fd = temporary(LEN);
	(void)state;
	assert_non_null(d);
	assert_true(digest_add_file(d, fd, -1, &f));
	digest_finish(d, &whole);
	assert_int_equal(whole.bytes, LEN);
	digest_reset(d);
	assert_true(digest_add_file(d, fd, LEN, &f));
	digest_finish(d, &counted);
	assert_same(&whole, &counted);
	digest_reset(d);
	assert_true(digest_add_file(d, fd, PART, &f));
	digest_finish(d, &part);
	assert_int_equal(part.bytes, PART);
	/* A part, then the rest by hand, as a resumed transfer has it. */
	digest_reset(d);
	assert_true(digest_add_file(d, fd, PART, &f));
	char *rest = malloc(LEN - PART);
	assert_non_null(rest);
	assert_int_equal(pread(fd, rest, LEN - PART, PART), LEN - PART);
	digest_add(d, rest, LEN - PART);
	free(rest);
	digest_finish(d, &again);
	assert_same(&whole, &again);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), LEN);
	digest_free(d);
	close(fd);
}

static void file_that_is_too_short_or_cannot_be_read_is_a_fault(void **state)
{
	struct fault f = {0};
	struct digest *d = digest_new();
	int fd = temporary(10);
	(void)state;
	assert_non_null(d);
	assert_true(digest_add_file(d, fd, 0, &f));
	assert_false(digest_add_file(d, fd, 11, &f));
	assert_int_equal(f.class, FAULT_SYSTEM);
	assert_string_equal(f.text, "a file to digest is shorter than 11 bytes");
	close(fd);
	f = (struct fault){0};
	assert_false(digest_add_file(d, -1, -1, &f));
	assert_int_equal(f.class, FAULT_SYSTEM);
	assert_string_equal(f.text, "cannot read a file to digest it: Bad file descriptor");
	digest_free(d);
}

static void certificate_is_digested_as_der(void **state)
{
	/* openssl x509 -fingerprint -sha256 prints the same. */
	static const char pem[] = "-----BEGIN CERTIFICATE-----\n"
	                          "MIIBdjCCARugAwIBAgIUYK99dlKk1XsXJDK+9jeUd2jzrX4wCgYIKoZIzj0EAwIw\n"
	                          "DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjQxMjI4NTJaGA8yMTI2MTAzMTEyMjg1\n"
	                          "MlowDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABOYB\n"
	                          "qEK8cpT9Jz6CWNOUf8lJs2ErXaS17TMtIqW7fp3L+Y0xznNj9pkQKGG54F84QasJ\n"
	                          "cARUTNxTODeujyog+pujUzBRMB0GA1UdDgQWBBQHpFHjt76WCN83DC27mhIosFSA\n"
	                          "iDAfBgNVHSMEGDAWgBQHpFHjt76WCN83DC27mhIosFSAiDAPBgNVHRMBAf8EBTAD\n"
	                          "AQH/MAoGCCqGSM49BAMCA0kAMEYCIQCRWAaDBC+nwGRG3E5jJDLBtPrIXWQiiqtk\n"
	                          "UBnLKO+HMwIhAPEoyJUKAz0KlqTwcp8PbOknPvk7XpVQwjwcEfe7oSEi\n"
	                          "-----END CERTIFICATE-----\n";
	char out[DIGEST_SHA256_HEX_CAP];
	(void)state;
	digest_certificate(pem, out);
	assert_string_equal(out, "da34886d91412c279ade51bd6a540427d9f4a71c722cece99edc2a0d036456e9");
	digest_certificate("", out);
	assert_string_equal(out, "");
	digest_certificate("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", out);
	assert_string_equal(out, "");
	digest_certificate("no certificate", out);
	assert_string_equal(out, "");
}

static void sha256_is_the_published_one(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof VECTORS / sizeof VECTORS[0]; i++) {
		unsigned char out[SHA256_LEN];
		char hex[2 * SHA256_LEN + 1];
		struct sha256 *h = sha256_new();
		assert_non_null(h);
		for (const char *p = VECTORS[i].text; *p != '\0'; p++)
			sha256_add(h, p, 1);
		sha256_add(h, NULL, 0);
		sha256_finish(h, out);
		for (size_t k = 0; k < sizeof out; k++)
			snprintf(hex + 2 * k, 3, "%02x", out[k]);
		assert_string_equal(hex, VECTORS[i].sha256);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(digest_is_the_published_one),
	    cmocka_unit_test(digest_does_not_depend_on_the_pieces),
	    cmocka_unit_test(file_is_digested_up_to_its_end),
	    cmocka_unit_test(file_that_is_too_short_or_cannot_be_read_is_a_fault),
	    cmocka_unit_test(certificate_is_digested_as_der),
	    cmocka_unit_test(sha256_is_the_published_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
