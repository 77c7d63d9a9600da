/* Signatures made by minisign(1): taken, and refused for each thing that can be wrong with one. */
#include "tests/unit/vectors.h"

#include <stdlib.h>

/* The whole judgement of a signature file over a file's bytes, of either kind. */
static bool verify(const char *text, size_t len, const struct minisign_key *key, const char *file, const void *data,
    size_t data_len, struct minisign_signature *s, struct fault *f)
{
	struct digest_result d = vector_digest(data, data_len);
	if (!minisign_parse(text, len, s, f) || !minisign_check_comment(s, key, file, f))
		return false;
	return s->prehashed ? minisign_verify_prehashed(s, key, d.blake2b, f)
	                    : minisign_verify_legacy(s, key, data, data_len, f);
}

/* --- what is taken -------------------------------------------------------------------------------------------------
 */

static void vector_of_either_kind_is_taken(void **state)
{
	static const struct {
		const char *signature, *file, *name;
		bool prehashed;
	} cases[] = {{"prehashed.minisig", VECTORS_FILE, VECTORS_FILE, true},
	    {"legacy.minisig", VECTORS_FILE, VECTORS_FILE, false}, {"empty-prehashed.minisig", "empty", "empty", true},
	    {"empty-legacy.minisig", "empty", "empty", false},
	    {"other-name.minisig", VECTORS_FILE, "zig-0.14.0.tar.xz", true},
	    {"no-name.minisig", VECTORS_FILE, NULL, true}};
	struct minisign_key key = vector_key("key.pub");
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct vector v = vector_read(cases[i].signature), file = vector_read(cases[i].file);
		struct minisign_signature s;
		struct fault f = {0};
		if (!verify(v.text, v.len, &key, cases[i].name, file.text, file.len, &s, &f))
			fail_msg("%s: %s", cases[i].signature, f.text);
		assert_int_equal(s.prehashed, cases[i].prehashed);
		assert_int_equal(strlen(s.comment), s.comment_len);
	}
}

static void line_ends_may_be_crlf_and_the_last_may_lack(void **state)
{
	struct vector v = vector_read("prehashed.minisig"), file = vector_read(VECTORS_FILE);
	struct minisign_key key = vector_key("key.pub");
	struct minisign_signature s;
	struct fault f = {0};
	char crlf[2 * VECTOR_CAP];
	size_t len = 0;
	(void)state;
	for (size_t i = 0; i < v.len; i++) {
		if (v.text[i] == '\n')
			crlf[len++] = '\r';
		crlf[len++] = v.text[i];
	}
	assert_true(verify(crlf, len, &key, VECTORS_FILE, file.text, file.len, &s, &f));
	assert_true(verify(v.text, v.len - 1, &key, VECTORS_FILE, file.text, file.len, &s, &f));
}

static void name_is_a_whole_field_of_the_comment(void **state)
{
	static const char *const wrong[] = {"zig-0.14.1.tar", "ig-0.14.1.tar.xz", "zig-0.14.1.tar.xz.minisig", "",
	    "hashed", "file:zig-0.14.1.tar.xz", "ZIG-0.14.1.tar.xz", "zig-0.14.1.tar.xz\thashed"};
	struct vector v = vector_read("prehashed.minisig");
	struct minisign_key key = vector_key("key.pub");
	struct minisign_signature s;
	struct fault f = {0};
	(void)state;
	assert_true(minisign_parse(v.text, v.len, &s, &f));
	assert_true(minisign_check_comment(&s, &key, VECTORS_FILE, &f));
	assert_true(minisign_check_comment(&s, &key, NULL, &f));
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		assert_false(minisign_check_comment(&s, &key, wrong[i], &f));
		assert_int_equal(f.class, FAULT_INTEGRITY);
	}
}

/* --- what is refused -----------------------------------------------------------------------------------------------
 */

static void wrong_key_name_or_file_is_refused_with_its_reason(void **state)
{
	static const struct {
		const char *signature, *key, *file, *reason;
	} cases[] = {{"other-key.minisig", "key.pub", VECTORS_FILE,
	                 "signature: made by key 2777485013D9E233, not by 04EC464CDD94FB11"},
	    {"prehashed.minisig", "other.pub", VECTORS_FILE,
	        "signature: made by key 04EC464CDD94FB11, not by 2777485013D9E233"},
	    {"legacy.minisig", "other.pub", VECTORS_FILE,
	        "signature: made by key 04EC464CDD94FB11, not by 2777485013D9E233"},
	    {"other-name.minisig", "key.pub", VECTORS_FILE,
	        "signature: the trusted comment does not name zig-0.14.1.tar.xz"},
	    {"no-name.minisig", "key.pub", VECTORS_FILE,
	        "signature: the trusted comment does not name zig-0.14.1.tar.xz"},
	    {"prehashed.minisig", "key.pub", "empty", "signature: does not fit the file"},
	    {"legacy.minisig", "key.pub", "empty", "signature: does not fit the file"}};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct vector v = vector_read(cases[i].signature), file = vector_read(cases[i].file);
		struct minisign_key key = vector_key(cases[i].key);
		struct minisign_signature s;
		struct fault f = {0};
		assert_false(verify(v.text, v.len, &key, VECTORS_FILE, file.text, file.len, &s, &f));
		assert_int_equal(f.class, FAULT_INTEGRITY);
		assert_string_equal(f.text, cases[i].reason);
	}
}

static void key_of_the_same_id_is_still_another_key(void **state)
{
	struct vector v = vector_read("prehashed.minisig"), file = vector_read(VECTORS_FILE);
	struct minisign_key key = vector_key("other.pub"), id = vector_key("key.pub");
	struct minisign_signature s;
	struct fault f = {0};
	struct digest_result d = vector_digest(file.text, file.len);
	(void)state;
	memcpy(key.id, id.id, sizeof key.id);
	assert_true(minisign_parse(v.text, v.len, &s, &f));
	assert_false(minisign_check_comment(&s, &key, VECTORS_FILE, &f));
	assert_string_equal(f.text, "signature: the trusted comment is not signed by the key");
	assert_false(minisign_verify_prehashed(&s, &key, d.blake2b, &f));
	assert_string_equal(f.text, "signature: does not fit the file");
	v = vector_read("legacy.minisig");
	assert_true(minisign_parse(v.text, v.len, &s, &f));
	assert_false(minisign_verify_legacy(&s, &key, file.text, file.len, &f));
	assert_string_equal(f.text, "signature: does not fit the file");
}

static void kinds_are_not_taken_for_each_other(void **state)
{
	struct vector hashed = vector_read("prehashed.minisig"), legacy = vector_read("legacy.minisig");
	struct vector file = vector_read(VECTORS_FILE);
	struct minisign_key key = vector_key("key.pub");
	struct digest_result d = vector_digest(file.text, file.len);
	struct minisign_signature s;
	struct fault f = {0};
	(void)state;
	assert_true(minisign_parse(hashed.text, hashed.len, &s, &f));
	assert_false(minisign_verify_legacy(&s, &key, d.blake2b, sizeof d.blake2b, &f));
	assert_int_equal(f.class, FAULT_INTEGRITY);
	assert_true(minisign_parse(legacy.text, legacy.len, &s, &f));
	assert_false(minisign_verify_prehashed(&s, &key, d.blake2b, &f));
	assert_int_equal(f.class, FAULT_INTEGRITY);
}

/* Where a changed byte may go unnoticed: the free text of the untrusted comment, and a line end that became another. */
static bool is_free(const struct vector *v, size_t at, char byte)
{
	const char *lf = memchr(v->text, '\n', v->len);
	size_t end = (size_t)(lf - v->text);
	return (at >= strlen("untrusted comment: ") && at < end && byte != '\n') || (at == v->len - 1 && byte == '\r');
}

static bool same_signature(const struct minisign_signature *a, const struct minisign_signature *b)
{
	return a->prehashed == b->prehashed && memcmp(a->key_id, b->key_id, sizeof a->key_id) == 0 &&
	       memcmp(a->signature, b->signature, sizeof a->signature) == 0 &&
	       memcmp(a->global, b->global, sizeof a->global) == 0 && a->comment_len == b->comment_len &&
	       memcmp(a->comment, b->comment, a->comment_len) == 0;
}

/* A byte as each other byte: no signature, or (where that is harmless) the same one, or one that does not fit. The
 * arithmetic takes long: of the last kind, each eighth is tried. */
static void try_every_byte(const char *name, size_t at, const struct minisign_key *key)
{
	struct vector v = vector_read(name), changed = v, file = vector_read(VECTORS_FILE);
	struct minisign_signature whole, s;
	assert_true(minisign_parse(v.text, v.len, &whole, NULL));
	for (unsigned other = 0; other < 256; other++) {
		struct fault f = {0};
		changed.text[at] = (char)other;
		if (changed.text[at] == v.text[at])
			continue;
		bool ok = minisign_parse(changed.text, v.len, &s, &f), harmless = is_free(&v, at, (char)other);
		if (ok && !same_signature(&s, &whole))
			ok = (other + at) % 8 == 0 &&
			     verify(changed.text, v.len, key, VECTORS_FILE, file.text, file.len, &s, &f);
		if (ok != harmless)
			fail_msg("%s: byte %zu as %02x: %s", name, at, other, ok ? "taken" : f.text);
		if (!ok && f.class != FAULT_NONE)
			assert_int_equal(f.class, FAULT_INTEGRITY);
	}
}

static void changed_byte_is_refused_or_harmless(void **state)
{
	static const char *const names[] = {"prehashed.minisig", "legacy.minisig"};
	struct minisign_key key = vector_key("key.pub");
	(void)state;
	for (size_t n = 0; n < sizeof names / sizeof names[0]; n++)
		for (size_t i = 0; i < vector_read(names[n]).len; i++)
			try_every_byte(names[n], i, &key);
}

static void part_of_a_signature_is_refused(void **state)
{
	static const char *const names[] = {"prehashed.minisig", "legacy.minisig"};
	(void)state;
	for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
		struct vector v = vector_read(names[n]);
		struct minisign_signature s;
		struct fault f = {0};
		for (size_t len = 0; len < v.len - 1; len++) {
			/* A copy of that length: a read behind it is seen. */
			char *copy = malloc(len > 0 ? len : 1);
			assert_non_null(copy);
			memcpy(copy, v.text, len);
			assert_false(minisign_parse(copy, len, &s, &f));
			assert_int_equal(f.class, FAULT_INTEGRITY);
			free(copy);
		}
	}
}

/* The vector with one of its four lines replaced. */
static size_t with_line(const char *name, int line, const char *text, char *out, size_t cap)
{
	struct vector v = vector_read(name);
	size_t len = 0;
	const char *p = v.text;
	for (int i = 0; i < 4; i++) {
		const char *lf = memchr(p, '\n', (size_t)(v.text + v.len - p));
		int n = i == line ? snprintf(out + len, cap - len, "%s\n", text)
		                  : snprintf(out + len, cap - len, "%.*s\n", (int)(lf - p), p);
		assert_true(n > 0 && (size_t)n < cap - len);
		len += (size_t)n;
		p = lf + 1;
	}
	return len;
}

static void malformed_line_is_refused(void **state)
{
	static const struct {
		int line;
		const char *text;
	} cases[] = {{0, ""}, {0, "untrusted comment:"}, {0, "comment: x"}, {0, "untrusted comment: a\nb"}, {1, ""},
	    {1, "not base64"}, {1, "RUQR+5TdTEbsBA=="}, {1, "RWQR+5TdTEbsBKNBsKSd0txH0Wztyujf7hKhdPK+gpQmx8/1XQs7OGSE"},
	    {1, " RUQR+5TdTEbsBDQO7sGtSlaKnipSVWC/jazs2NH1lR1dcPxBb1SNPvUfn1RcZP3BpHSZstrZC7ZlO98DBXS/fXquj+lrgy8qwwE="},
	    {1, "RUQR+5TdTEbsBDQO7sGtSlaKnipSVWC/jazs2NH1lR1dcPxBb1SNPvUfn1RcZP3BpHSZstrZC7ZlO98DBXS/fXquj+lrgy8qwwE"},
	    {1, "RVQR+5TdTEbsBDQO7sGtSlaKnipSVWC/jazs2NH1lR1dcPxBb1SNPvUfn1RcZP3BpHSZstrZC7ZlO98DBXS/fXquj+lrgy8qwwE="},
	    {2, ""}, {2, "trusted comment:"}, {2, "Trusted comment: x"}, {2, "trusted comment: a\x01"},
	    {2, "trusted comment: a\x7f"}, {2, "trusted comment: a\rb"}, {2, "trusted comment: \x1b[2J"}, {3, ""},
	    {3, "AAAA"}, {3, "not base64"}};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char text[2 * VECTOR_CAP];
		struct minisign_signature s;
		struct fault f = {0};
		size_t len = with_line("prehashed.minisig", cases[i].line, cases[i].text, text, sizeof text);
		if (minisign_parse(text, len, &s, &f))
			fail_msg("line %d as '%s' is taken", cases[i].line, cases[i].text);
		assert_int_equal(f.class, FAULT_INTEGRITY);
		assert_true(strncmp(f.text, "signature: ", 11) == 0);
	}
}

static void comment_and_file_are_bounded(void **state)
{
	char text[2 * VECTOR_CAP], line[MINISIGN_COMMENT_CAP + 32] = "trusted comment: ", untrusted[VECTOR_CAP];
	struct minisign_signature s;
	struct fault f = {0};
	(void)state;
	memset(line + 17, 'c', MINISIGN_COMMENT_CAP);
	line[17 + MINISIGN_COMMENT_CAP - 1] = '\0';
	assert_true(minisign_parse(text, with_line("prehashed.minisig", 2, line, text, sizeof text), &s, &f));
	assert_int_equal(s.comment_len, MINISIGN_COMMENT_CAP - 1);
	line[17 + MINISIGN_COMMENT_CAP - 1] = 'c';
	assert_false(minisign_parse(text, with_line("prehashed.minisig", 2, line, text, sizeof text), &s, &f));
	assert_string_equal(f.text, "signature: the trusted comment is too long");
	memset(untrusted, 'u', sizeof untrusted - 1);
	untrusted[sizeof untrusted - 1] = '\0';
	memcpy(untrusted, "untrusted comment: ", 19);
	assert_false(minisign_parse(text, with_line("prehashed.minisig", 0, untrusted, text, sizeof text), &s, &f));
	assert_string_equal(f.text, "signature: over 4096 bytes");
}

static void text_behind_the_signature_is_refused(void **state)
{
	static const char *const more[] = {"\n", "x", "\r\n", "untrusted comment: y\n"};
	(void)state;
	for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
		struct vector v = vector_read("prehashed.minisig");
		struct minisign_signature s;
		struct fault f = {0};
		memcpy(v.text + v.len, more[i], strlen(more[i]));
		assert_false(minisign_parse(v.text, v.len + strlen(more[i]), &s, &f));
		assert_string_equal(f.text, "signature: four lines are expected");
	}
}

/* --- keys ----------------------------------------------------------------------------------------------------------
 */

static void key_is_written_as_it_was_read(void **state)
{
	char text[MINISIGN_KEY_TEXT_CAP], again[MINISIGN_KEY_TEXT_CAP], id[MINISIGN_KEY_ID_HEX_CAP];
	struct minisign_key key = vector_key("key.pub");
	(void)state;
	vector_key_text("key.pub", text);
	minisign_key_text(&key, again);
	assert_string_equal(again, text);
	/* minisign(1) leaves the leading zero out. */
	minisign_key_id_hex(key.id, id);
	assert_string_equal(id, "04EC464CDD94FB11");
}

static void key_of_another_form_is_refused(void **state)
{
	static const char *const cases[] = {"", "RWQR+5TdTEbsBKNBsKSd0txH0Wztyujf7hKhdPK+gpQmx8/1XQs7OGS",
	    "RWQR+5TdTEbsBKNBsKSd0txH0Wztyujf7hKhdPK+gpQmx8/1XQs7OGSEE",
	    "RWQR+5TdTEbsBKNBsKSd0txH0Wztyujf7hKhdPK+gpQmx8/1XQs7OGS=",
	    "RUQR+5TdTEbsBKNBsKSd0txH0Wztyujf7hKhdPK+gpQmx8/1XQs7OGSE",
	    "RWQR-5TdTEbsBKNBsKSd0txH0Wztyujf7hKhdPK_gpQmx8_1XQs7OGSE",
	    "RWQR+5TdTEbsBKNBsKSd0txH0Wztyujf7hKhdPK+gpQmx8/1XQs7OGS\n"};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct minisign_key key;
		struct fault f = {0};
		assert_false(minisign_key_parse(cases[i], strlen(cases[i]), &key, &f));
		assert_int_equal(f.class, FAULT_INTEGRITY);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(vector_of_either_kind_is_taken),
	    cmocka_unit_test(line_ends_may_be_crlf_and_the_last_may_lack),
	    cmocka_unit_test(name_is_a_whole_field_of_the_comment),
	    cmocka_unit_test(wrong_key_name_or_file_is_refused_with_its_reason),
	    cmocka_unit_test(key_of_the_same_id_is_still_another_key),
	    cmocka_unit_test(kinds_are_not_taken_for_each_other),
	    cmocka_unit_test(changed_byte_is_refused_or_harmless),
	    cmocka_unit_test(part_of_a_signature_is_refused),
	    cmocka_unit_test(malformed_line_is_refused),
	    cmocka_unit_test(comment_and_file_are_bounded),
	    cmocka_unit_test(text_behind_the_signature_is_refused),
	    cmocka_unit_test(key_is_written_as_it_was_read),
	    cmocka_unit_test(key_of_another_form_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
