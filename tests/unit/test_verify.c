/* What a whole file has proved: signatures, an index's digest, the least that is accepted. */
#include "mirror/verify.h"
#include "tests/unit/vectors.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct fixture {
	struct config *config; /* its key is that of the vectors */
	struct route file, signature;
	struct vector content;
	struct digest_result digest;
	int fd;
};

static void resolve(const struct config *c, const char *path, struct route *r)
{
	struct fault f = {0};
	if (!route_resolve(c, path, strlen(path), r, &f))
		fail_msg("%s: %s", path, f.text);
}

static int set_up(void **state)
{
	static struct fixture x;
	char text[256], key[MINISIGN_KEY_TEXT_CAP];
	struct fault f = {0};
	vector_key_text("key.pub", key);
	snprintf(text, sizeof text, "base_url = \"https://h\"\ntoolchains {\n public_key = \"%s\"\n}\n", key);
	x.config = config_parse(text, strlen(text), "t.conf", &f);
	if (x.config == NULL)
		fail_msg("%s", f.text);
	resolve(x.config, "/zig/" VECTORS_FILE, &x.file);
	resolve(x.config, "/zig/" VECTORS_FILE ".minisig", &x.signature);
	x.content = vector_read(VECTORS_FILE);
	x.digest = vector_digest(x.content.text, x.content.len);
	x.fd = open(VECTORS_DIR VECTORS_FILE, O_RDONLY | O_CLOEXEC);
	*state = &x;
	return x.fd >= 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	struct fixture *x = *state;
	close(x->fd);
	config_free(x->config);
	return 0;
}

/* The case of the vectors' file with nothing that vouches for it. */
static struct verify_case bare(const struct fixture *x)
{
	return (struct verify_case){
	    .route = &x->file, .file = VECTORS_FILE, .fd = x->fd, .digest = &x->digest, .state = SIGNATURE_ABSENT};
}

static struct catalog_artifact listed_as(const char *sha256, int64_t size)
{
	struct catalog_artifact a = {.size = size};
	snprintf(a.sha256, sizeof a.sha256, "%s", sha256);
	return a;
}

static void assert_bad(const struct verify_case *v, enum fault_class class, const char *reason)
{
	struct verify_verdict out;
	struct fault f = {0};
	assert_false(verify_file(v, &out, &f));
	assert_string_equal(out.verdict, "bad");
	assert_int_equal(f.class, class);
	assert_string_equal(f.text, reason);
}

static void assert_good(const struct verify_case *v, const char *verdict)
{
	struct verify_verdict out;
	struct fault f = {0};
	if (!verify_file(v, &out, &f))
		fail_msg("%s", f.text);
	assert_string_equal(out.verdict, verdict);
	assert_string_equal(out.key_id, strcmp(verdict, "signed") == 0 ? "04EC464CDD94FB11" : "");
}

static void signed_file_is_signed(void **state)
{
	static const char *const names[] = {"prehashed.minisig", "legacy.minisig"};
	struct fixture *x = *state;
	for (size_t i = 0; i < 2; i++) {
		struct vector s = vector_read(names[i]);
		struct verify_case v = bare(x);
		struct catalog_artifact a = listed_as(x->digest.sha256_hex, x->digest.bytes);
		v.state = SIGNATURE_PRESENT;
		v.signature = s.text;
		v.signature_len = s.len;
		assert_good(&v, "signed");
		v.flat = true;
		assert_good(&v, "signed");
		v.listed = &a;
		assert_good(&v, "signed");
	}
}

/* After the key was changed: what it signed before counts, and the verdict names it. */
static void signature_by_an_old_key_counts(void **state)
{
	static const char *const names[] = {"prehashed.minisig", "legacy.minisig"};
	struct fixture *x = *state;
	struct minisign_keys keys = {.now = vector_key("other.pub")};
	struct route file = x->file, signature = x->signature;
	file.keys = signature.keys = &keys;
	for (size_t i = 0; i < 2; i++) {
		struct vector s = vector_read(names[i]);
		struct verify_case v = bare(x);
		char path[512];
		v.route = &file;
		v.state = SIGNATURE_PRESENT;
		v.signature = s.text;
		v.signature_len = s.len;
		keys.old_count = 0;
		assert_bad(&v, FAULT_INTEGRITY, "signature: made by key 04EC464CDD94FB11, not by 2777485013D9E233");
		keys.old[0] = keys.now;
		keys.old[1] = vector_key("key.pub");
		keys.old_count = 2;
		assert_good(&v, "signed");
		snprintf(path, sizeof path, VECTORS_DIR "%s", names[i]);
		v = bare(x);
		v.route = &signature;
		v.fd = open(path, O_RDONLY | O_CLOEXEC);
		assert_good(&v, "signed");
		close(v.fd);
	}
}

static void signature_that_does_not_fit_is_bad(void **state)
{
	static const struct {
		const char *signature, *reason;
	} cases[] = {{"other-key.minisig", "signature: made by key 2777485013D9E233, not by 04EC464CDD94FB11"},
	    {"other-name.minisig", "signature: the trusted comment does not name " VECTORS_FILE},
	    {"no-name.minisig", "signature: the trusted comment does not name " VECTORS_FILE},
	    {"empty-prehashed.minisig", "signature: the trusted comment does not name " VECTORS_FILE},
	    {"key.pub", "signature: four lines are expected"}, {"empty", "signature: four lines are expected"}};
	struct fixture *x = *state;
	struct catalog_artifact a = listed_as(x->digest.sha256_hex, x->digest.bytes);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct vector s = vector_read(cases[i].signature);
		struct verify_case v = bare(x);
		v.state = SIGNATURE_PRESENT;
		v.signature = s.text;
		v.signature_len = s.len;
		/* Whatever an index says. */
		v.listed = &a;
		assert_bad(&v, FAULT_INTEGRITY, cases[i].reason);
	}
}

static void flipped_bit_is_bad_by_either_kind(void **state)
{
	static const char *const names[] = {"prehashed.minisig", "legacy.minisig"};
	struct fixture *x = *state;
	char path[] = "/tmp/pkgmirror.XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0 && unlink(path) == 0);
	struct vector flipped = x->content;
	flipped.text[3] ^= 0x10;
	assert_int_equal(write(fd, flipped.text, flipped.len), flipped.len);
	struct digest_result digest = vector_digest(flipped.text, flipped.len);
	for (size_t i = 0; i < 2; i++) {
		struct vector s = vector_read(names[i]);
		struct verify_case v = bare(x);
		v.fd = fd;
		v.digest = &digest;
		v.state = SIGNATURE_PRESENT;
		v.signature = s.text;
		v.signature_len = s.len;
		assert_bad(&v, FAULT_INTEGRITY, "signature: does not fit the file");
	}
	close(fd);
}

static void index_that_says_otherwise_outweighs_a_signature(void **state)
{
	struct fixture *x = *state;
	struct vector s = vector_read("prehashed.minisig");
	struct verify_case v = bare(x);
	char other[65], reason[FAULT_TEXT_CAP];
	memset(other, 'a', 64);
	other[64] = '\0';
	struct catalog_artifact a = listed_as(other, x->digest.bytes);
	v.state = SIGNATURE_PRESENT;
	v.signature = s.text;
	v.signature_len = s.len;
	v.listed = &a;
	snprintf(
	    reason, sizeof reason, VECTORS_FILE ": has SHA-256 %s, the index says %s", x->digest.sha256_hex, other);
	assert_bad(&v, FAULT_INTEGRITY, reason);
	a = listed_as(x->digest.sha256_hex, x->digest.bytes + 1);
	assert_bad(&v, FAULT_INTEGRITY, VECTORS_FILE ": has 26 bytes, the index says 27");
	a = listed_as("", -1);
	assert_good(&v, "signed");
}

/* What vouches for an unsigned file, by the least that is accepted. */
static void unsigned_file_is_judged_by_what_is_required(void **state)
{
	static const char none[] = VECTORS_FILE ": has no signature, and no index lists its digest";
	static const char only[] = VECTORS_FILE ": has no signature";
	static const struct {
		enum config_require require;
		bool listed, flat;
		const char *verdict, *reason;
	} cases[] = {{REQUIRE_TLS, false, false, "tls", NULL}, {REQUIRE_TLS, true, false, "digest", NULL},
	    {REQUIRE_DIGEST, true, false, "digest", NULL}, {REQUIRE_DIGEST, false, false, NULL, none},
	    {REQUIRE_SIGNED, true, false, NULL, only}, {REQUIRE_SIGNED, false, false, NULL, none},
	    {REQUIRE_TLS, true, true, NULL, VECTORS_FILE ": has no signature, and comes from a flat mirror"},
	    {REQUIRE_DIGEST, true, true, NULL, VECTORS_FILE ": has no signature, and comes from a flat mirror"}};
	static const enum verify_signature states[] = {SIGNATURE_ABSENT, SIGNATURE_NONE};
	struct fixture *x = *state;
	struct catalog_artifact a = listed_as(x->digest.sha256_hex, x->digest.bytes);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		for (size_t k = 0; k < 2; k++) {
			struct verify_case v = bare(x);
			struct route r = x->file;
			r.require = cases[i].require;
			v.route = &r;
			v.state = states[k];
			v.flat = cases[i].flat;
			v.listed = cases[i].listed ? &a : NULL;
			if (cases[i].verdict != NULL)
				assert_good(&v, cases[i].verdict);
			else
				assert_bad(&v, FAULT_INTEGRITY, cases[i].reason);
		}
	}
}

static void signature_that_could_not_be_had_is_no_proof_against_the_file(void **state)
{
	struct fixture *x = *state;
	struct fault late = {FAULT_UPSTREAM, "timed out"}, forged = {FAULT_INTEGRITY, "signature: forged"};
	struct catalog_artifact a = listed_as(x->digest.sha256_hex, x->digest.bytes);
	struct route r = x->file;
	struct verify_case v = bare(x);
	v.route = &r;
	v.state = SIGNATURE_FAILED;
	v.signature_fault = &late;
	r.require = REQUIRE_SIGNED;
	assert_bad(&v, FAULT_UPSTREAM, "timed out");
	r.require = REQUIRE_DIGEST;
	v.listed = &a;
	assert_good(&v, "digest");
	/* One that is there and wrong is one. */
	v.signature_fault = &forged;
	assert_bad(&v, FAULT_INTEGRITY, "signature: forged");
	r.require = REQUIRE_TLS;
	assert_bad(&v, FAULT_INTEGRITY, "signature: forged");
}

static void signature_file_proves_itself(void **state)
{
	static const struct {
		const char *name, *reason;
	} cases[] = {{"prehashed.minisig", NULL}, {"legacy.minisig", NULL},
	    {"other-key.minisig", "signature: made by key 2777485013D9E233, not by 04EC464CDD94FB11"},
	    {"other-name.minisig", "signature: the trusted comment does not name " VECTORS_FILE},
	    {"key.pub", "signature: four lines are expected"}, {"empty", "signature: four lines are expected"},
	    {"../upstream/files.tsv", "signature: over 4096 bytes"}};
	struct fixture *x = *state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char path[512];
		struct verify_case v = bare(x);
		snprintf(path, sizeof path, VECTORS_DIR "%s", cases[i].name);
		v.route = &x->signature;
		v.fd = open(path, O_RDONLY | O_CLOEXEC);
		assert_true(v.fd >= 0);
		if (cases[i].reason == NULL)
			assert_good(&v, "signed");
		else
			assert_bad(&v, FAULT_INTEGRITY, cases[i].reason);
		close(v.fd);
	}
	struct verify_case v = bare(x);
	v.route = &x->signature;
	v.fd = -1;
	assert_bad(&v, FAULT_SYSTEM, "cannot read the signature of " VECTORS_FILE ": Bad file descriptor");
}

#define WITH_FILE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH_FILE(signed_file_is_signed),
	    WITH_FILE(signature_by_an_old_key_counts),
	    WITH_FILE(signature_that_does_not_fit_is_bad),
	    WITH_FILE(flipped_bit_is_bad_by_either_kind),
	    WITH_FILE(index_that_says_otherwise_outweighs_a_signature),
	    WITH_FILE(unsigned_file_is_judged_by_what_is_required),
	    WITH_FILE(signature_that_could_not_be_had_is_no_proof_against_the_file),
	    WITH_FILE(signature_file_proves_itself),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
