/* Path patterns: whether two can meet, decided and tried. */
#include "mirror/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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
	const struct CMUnitTest tests[] = {cmocka_unit_test(pattern_overlap_is_decided),
	    cmocka_unit_test(pattern_that_is_apart_never_matches_a_path_of_the_other)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
