/* Path patterns: what one is, what it matches, and whether two can meet, decided and tried. */
#include "mirror/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void value_is_checked_by_its_placeholder(void **state)
{
	static const struct {
		enum pattern_field field;
		const char *text;
		bool ok;
	} cases[] = {{PATTERN_REF, "v1.2.3", true}, {PATTERN_REF, "v0.0.0", true}, {PATTERN_REF, "v1.2.3-rc.1", true},
	    {PATTERN_REF, "v1.2.3-0", true}, {PATTERN_REF, "v1.2.3+001", true},
	    {PATTERN_REF, "v1.2.3-a-b.c+d.e-f", true}, {PATTERN_REF, "v99999999999999999999.0.0", true},
	    {PATTERN_REF, "0123456789abcdef0123456789abcdef01234567", true}, {PATTERN_REF, "", false},
	    {PATTERN_REF, "v", false}, {PATTERN_REF, "v1", false}, {PATTERN_REF, "v1.2", false},
	    {PATTERN_REF, "v1.2.", false}, {PATTERN_REF, "v1.2.3.4", false}, {PATTERN_REF, "v01.2.3", false},
	    {PATTERN_REF, "v1.2.3-", false}, {PATTERN_REF, "v1.2.3-01", false}, {PATTERN_REF, "v1.2.3-a..b", false},
	    {PATTERN_REF, "v1.2.3+", false}, {PATTERN_REF, "v1.2.3+a+b", false}, {PATTERN_REF, "v1.2.3-a_b", false},
	    {PATTERN_REF, "V1.2.3", false}, {PATTERN_REF, "1.2.3", false}, {PATTERN_REF, "main", false},
	    {PATTERN_REF, "0123456789ABCDEF0123456789abcdef01234567", false},
	    {PATTERN_REF, "0123456789abcdef0123456789abcdef0123456", false},
	    {PATTERN_REF, "0123456789abcdef0123456789abcdef012345678", false}, {PATTERN_FILE, "a.tar.gz", true},
	    {PATTERN_FILE, "...", true}, {PATTERN_FILE, "-", true}, {PATTERN_FILE, "a+b_c", true},
	    {PATTERN_FILE, "", false}, {PATTERN_FILE, ".", false}, {PATTERN_FILE, "..", false},
	    {PATTERN_FILE, "a/b", false}, {PATTERN_FILE, "a b", false}, {PATTERN_FILE, "a%b", false},
	    {PATTERN_FILE, "a~b", false}, {PATTERN_FILE, "\xc3\xa4", false}, {PATTERN_OWNER, "zig-lang", true},
	    {PATTERN_OWNER, "..", false}, {PATTERN_REPO, "a.b", true}, {PATTERN_VERSION, "2024.1.0-mach", true}};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		if (pattern_value_ok(cases[i].field, cases[i].text, strlen(cases[i].text)) != cases[i].ok)
			fail_msg("%s as %s", cases[i].text, pattern_field_name(cases[i].field));
	assert_false(pattern_value_ok(PATTERN_FILE, "a\0b", 3));
}

static void pattern_that_is_none_is_refused_with_its_reason(void **state)
{
	static const struct {
		const char *pattern, *reason;
	} cases[] = {{"", "does not begin with a slash"}, {"a", "does not begin with a slash"},
	    {"/", "has an empty segment"}, {"//a", "has an empty segment"}, {"/a/", "has an empty segment"},
	    {"/a//b", "has an empty segment"}, {"/.", "has a segment of dots"}, {"/a/../b", "has a segment of dots"},
	    {"/a b", "has a character outside [A-Za-z0-9._~+@-]"},
	    {"/a%2f", "has a character outside [A-Za-z0-9._~+@-]"},
	    {"/a?b", "has a character outside [A-Za-z0-9._~+@-]"}, {"/{name}", "unknown placeholder {name}"},
	    {"/{file", "unknown placeholder {file"}, {"/{}", "unknown placeholder {}"}, {"/file}", "a } without {"},
	    {"/{file}/{file}", "has twice the placeholder {file}"},
	    {"/{owner}{repo}", "has two placeholders side by side"},
	    {"/{owner}-{repo}-{ref}", "has more than two placeholders in a segment"}};
	char reason[PATTERN_REASON_CAP], pattern[PATTERN_CAP + 2];
	unsigned fields;
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		if (pattern_check_path(cases[i].pattern, &fields, reason))
			fail_msg("%s is taken", cases[i].pattern);
		assert_string_equal(reason, cases[i].reason);
	}
	memset(pattern, 'a', sizeof pattern);
	pattern[0] = '/';
	pattern[PATTERN_SEGMENT_MAX + 1] = '\0';
	assert_true(pattern_check_path(pattern, &fields, reason));
	pattern[PATTERN_SEGMENT_MAX + 1] = 'a';
	pattern[PATTERN_SEGMENT_MAX + 2] = '\0';
	assert_false(pattern_check_path(pattern, &fields, reason));
	pattern[PATTERN_SEGMENT_MAX + 2] = 'a';
	pattern[PATTERN_CAP] = '\0';
	assert_false(pattern_check_path(pattern, &fields, reason));
	assert_string_equal(reason, "longer than 511 bytes");
}

static void pattern_has_the_placeholders_that_it_names(void **state)
{
	unsigned fields = 0;
	char reason[PATTERN_REASON_CAP];
	(void)state;
	assert_true(pattern_check_path("/a/{owner}-{repo}/{ref}.tar.gz", &fields, reason));
	assert_int_equal(fields, 1U << PATTERN_OWNER | 1U << PATTERN_REPO | 1U << PATTERN_REF);
	assert_true(pattern_check_template("https://h/{file}?v={version}&f={file}", &fields, reason));
	assert_int_equal(fields, 1U << PATTERN_VERSION | 1U << PATTERN_FILE);
	assert_true(pattern_check_path("/a", &fields, reason));
	assert_int_equal(fields, 0);
}

static void path_is_matched_or_its_bad_value_named(void **state)
{
	static const struct {
		const char *pattern, *path;
		enum pattern_verdict verdict;
		enum pattern_field field; /* of value, or that failed */
		const char *value;
	} cases[] = {{"/a/{file}", "/a/x.gz", PATTERN_MATCH, PATTERN_FILE, "x.gz"},
	    {"/{repo}-{version}.zip", "/a-b-1.zip", PATTERN_MATCH, PATTERN_REPO, "a-b"},
	    {"/{repo}-{version}.zip", "/a-b-1.zip", PATTERN_MATCH, PATTERN_VERSION, "1"},
	    {"/{ref}.tar.gz", "/v1.0.0.tar.gz", PATTERN_MATCH, PATTERN_REF, "v1.0.0"},
	    {"/{ref}.tar.gz", "/v1.0.0-a.tar.gz.tar.gz", PATTERN_MATCH, PATTERN_REF, "v1.0.0-a.tar.gz"},
	    {"/{ref}.tar.gz", "/main.tar.gz", PATTERN_NEAR, PATTERN_REF, NULL},
	    {"/{owner}/{repo}", "/a/..", PATTERN_NEAR, PATTERN_REPO, NULL},
	    {"/{owner}/{repo}", "/a b/c", PATTERN_NEAR, PATTERN_OWNER, NULL},
	    {"/{ref}.tar.gz", "/.tar.gz", PATTERN_APART, 0, NULL}, {"/{file}", "/", PATTERN_APART, 0, NULL},
	    {"/{file}", "/a/b", PATTERN_APART, 0, NULL}, {"/a/{file}", "/a", PATTERN_APART, 0, NULL},
	    {"/a/{file}", "/b/c", PATTERN_APART, 0, NULL}, {"/a", "/a/", PATTERN_APART, 0, NULL},
	    {"/a", "/A", PATTERN_APART, 0, NULL}, {"/a", "", PATTERN_APART, 0, NULL}};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct pattern_values v;
		enum pattern_field failed = PATTERN_FIELDS;
		enum pattern_verdict got =
		    pattern_match(cases[i].pattern, cases[i].path, strlen(cases[i].path), &v, &failed);
		if (got != cases[i].verdict)
			fail_msg("%s of %s: %d", cases[i].path, cases[i].pattern, (int)got);
		if (got == PATTERN_MATCH)
			assert_string_equal(v.text[cases[i].field], cases[i].value);
		if (got == PATTERN_NEAR)
			assert_int_equal(failed, cases[i].field);
	}
}

static void template_is_expanded_and_escaped_by_need(void **state)
{
	struct pattern_values v = {.text = {[PATTERN_VERSION] = "1+2", [PATTERN_FILE] = "a+b.gz"}};
	char out[64];
	(void)state;
	assert_true(pattern_expand("https://h/{version}/{file}?f={file}&v={version}", &v, out, sizeof out));
	assert_string_equal(out, "https://h/1+2/a+b.gz?f=a%2Bb.gz&v=1%2B2");
	/* To the last byte. */
	for (size_t cap = 0; cap < sizeof out; cap++) {
		memset(out, '#', sizeof out);
		bool fits = pattern_expand("/{file}?{version}", &v, out, cap);
		assert_int_equal(fits, cap >= sizeof "/a+b.gz?1%2B2");
		assert_true(cap == sizeof out || out[cap] == '#');
	}
}

static void pattern_overlap_is_decided(void **state)
{
	static const struct {
		const char *a, *b;
		enum pattern_overlap overlap;
	} cases[] = {{"/a", "/a", PATTERN_SAME_PATH}, {"/a", "/b", PATTERN_NO_OVERLAP},
	    {"/a", "/a/b", PATTERN_FIRST_FOLDER}, {"/a/b", "/{file}", PATTERN_SECOND_FOLDER},
	    {"/{file}", "/{repo}", PATTERN_SAME_PATH}, {"/{file}", "/a~", PATTERN_NO_OVERLAP},
	    {"/{file}", "/a@b", PATTERN_NO_OVERLAP}, {"/x{file}", "/{file}y", PATTERN_SAME_PATH},
	    {"/x{file}", "/y{file}", PATTERN_NO_OVERLAP}, {"/{file}", "/x", PATTERN_SAME_PATH},
	    {"/x{file}", "/x", PATTERN_NO_OVERLAP}, {"/{repo}-{version}", "/a-b", PATTERN_SAME_PATH},
	    {"/{repo}-{version}", "/ab-", PATTERN_NO_OVERLAP}, {"/{repo}-{version}", "/-", PATTERN_NO_OVERLAP},
	    {"/{ref}", "/v1.0.0", PATTERN_SAME_PATH}, {"/{ref}", "/v1.0", PATTERN_NO_OVERLAP},
	    {"/{ref}", "/1.0.0", PATTERN_NO_OVERLAP}, {"/{ref}", "/v1.0.0-a", PATTERN_SAME_PATH},
	    {"/{ref}", "/v1.0.0+a-b.c", PATTERN_SAME_PATH}, {"/{ref}", "/v1.0.0_a", PATTERN_NO_OVERLAP},
	    {"/{ref}", "/main", PATTERN_NO_OVERLAP}, {"/{ref}", "/{file}", PATTERN_SAME_PATH},
	    {"/{ref}", "/v{file}", PATTERN_SAME_PATH}, {"/{ref}", "/w{file}", PATTERN_NO_OVERLAP},
	    {"/{ref}", "/0123456789abcdef0123456789abcdef01234567", PATTERN_SAME_PATH},
	    {"/{ref}", "/0123456789abcdef0123456789abcdef0123456", PATTERN_NO_OVERLAP},
	    {"/{ref}", "/a{file}", PATTERN_SAME_PATH}, {"/{ref}", "/g{file}", PATTERN_NO_OVERLAP},
	    {"/{ref}.zip", "/{ref}.tar", PATTERN_NO_OVERLAP}, {"/{ref}.tar", "/{ref}", PATTERN_SAME_PATH},
	    {"/a/{ref}.gz", "/a/{file}.gz", PATTERN_SAME_PATH}, {"/a/{ref}", "/{file}/b", PATTERN_NO_OVERLAP},
	    {"/{owner}/{repo}/a", "/a/b/{file}", PATTERN_SAME_PATH}};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		if (pattern_overlap(cases[i].a, cases[i].b) != cases[i].overlap)
			fail_msg("%s %s", cases[i].a, cases[i].b);
		enum pattern_overlap turned = pattern_overlap(cases[i].b, cases[i].a);
		assert_int_equal(turned == PATTERN_NO_OVERLAP, cases[i].overlap == PATTERN_NO_OVERLAP);
		assert_int_equal(turned == PATTERN_SAME_PATH, cases[i].overlap == PATTERN_SAME_PATH);
	}
}

/* A small generator whose runs are all alike. */
static unsigned next(unsigned *seed)
{
	*seed = *seed * 1664525U + 1013904223U;
	return *seed >> 16;
}

/* A random pattern of few letters, so that many pairs meet. */
static void make_pattern(unsigned *seed, char *out, size_t cap)
{
	static const char *const parts[] = {"a", "v", "1", ".", "-", "{ref}", "{file}", "{version}", "/b", "/"};
	unsigned fields = 0;
	char reason[PATTERN_REASON_CAP];
	do {
		size_t n = (size_t)snprintf(out, cap, "/");
		for (unsigned parts_left = 1 + next(seed) % 6; parts_left > 0; parts_left--)
			n += (size_t)snprintf(out + n, cap - n, "%s", parts[next(seed) % 10]);
	} while (!pattern_check_path(out, &fields, reason));
}

static void make_values(unsigned *seed, struct pattern_values *v)
{
	static const char *const refs[] = {"v1.0.0", "v1.1.1-a", "v1.0.0+v1.-", "v11.0.1-a.1",
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "1111111111111111111111111111111111111111"};
	memset(v, 0, sizeof *v);
	for (int i = 0; i < PATTERN_FIELDS; i++) {
		size_t len = 1 + next(seed) % 6;
		for (size_t k = 0; k < len; k++)
			v->text[i][k] = "av1.-b"[next(seed) % 6];
	}
	snprintf(v->text[PATTERN_REF], sizeof v->text[0], "%s", refs[next(seed) % 6]);
}

static void pattern_that_is_apart_never_matches_a_path_of_the_other(void **state)
{
	unsigned seed = 1;
	int met = 0, matched = 0;
	(void)state;
	for (int round = 0; round < 4000; round++) {
		char a[64], b[64], path[512];
		struct pattern_values v, got;
		enum pattern_field failed;
		make_pattern(&seed, a, sizeof a);
		make_pattern(&seed, b, sizeof b);
		bool same = pattern_overlap(a, b) == PATTERN_SAME_PATH;
		met += same;
		for (int i = 0; i < 20; i++) {
			make_values(&seed, &v);
			assert_true(pattern_expand(a, &v, path, sizeof path));
			if (strchr(path, '%') != NULL ||
			    pattern_match(a, path, strlen(path), &got, &failed) != PATTERN_MATCH)
				continue;
			matched++;
			if (!same && pattern_match(b, path, strlen(path), &got, &failed) == PATTERN_MATCH)
				fail_msg("%s is of %s and of %s", path, a, b);
		}
	}
	assert_true(met > 100 && matched > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(value_is_checked_by_its_placeholder),
	    cmocka_unit_test(pattern_that_is_none_is_refused_with_its_reason),
	    cmocka_unit_test(pattern_has_the_placeholders_that_it_names),
	    cmocka_unit_test(path_is_matched_or_its_bad_value_named),
	    cmocka_unit_test(template_is_expanded_and_escaped_by_need),
	    cmocka_unit_test(pattern_overlap_is_decided),
	    cmocka_unit_test(pattern_that_is_apart_never_matches_a_path_of_the_other),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
