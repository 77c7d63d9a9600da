/* Tests of mirror/index_text: which bytes may be a document. */
#include "mirror/index_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void assert_judged(const char *text, size_t len, const char *wrong)
{
	/* At the end of its memory, so that a sanitizer sees who reads on. */
	char *copy = test_malloc(len + 1);
	memcpy(copy + 1, text, len);
	const char *found = index_text_judge(copy + 1, len);
	if (wrong == NULL)
		assert_null(found);
	else
		assert_string_equal(found, wrong);
	test_free(copy);
}

static void text_of_unicode_is_good(void **state)
{
	(void)state;
	static const char *const GOOD[] = {"", "{}", "{\"a\":\"\\\"{[\\\\\"}",
	    "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\xa6\x8e\"", "\"\xf4\x8f\xbf\xbf\"", "\"\xed\x9f\xbf\xee\x80\x80\"",
	    "\"\\ud83e\\udd8E\"", "\"\\\\u0000 \\u0001\"", "not JSON at all \\u0000",
	    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[ 32", "\"\\u12", "\"\\"};
	for (size_t i = 0; i < sizeof GOOD / sizeof GOOD[0]; i++)
		assert_judged(GOOD[i], strlen(GOOD[i]), NULL);
}

static void other_bytes_are_no_text(void **state)
{
	(void)state;
	static const char *const BAD[] = {"\x80", "\xc3", "\xc3(", "\xc0\xaf", "\xc1\xbf", "\xe0\x9f\xbf", "\xe2\x82",
	    "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "{\"a\":\"\xfe\"}"};
	for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
		assert_judged(BAD[i], strlen(BAD[i]), "is no UTF-8");
}

static void zeros_and_halves_are_refused(void **state)
{
	(void)state;
	assert_judged("{\0}", 3, "holds a zero byte");
	assert_judged("\"\\u0000\"", 8, "holds a zero character");
	static const char *const HALVES[] = {
	    "\"\\ud800\"", "\"\\udfff\"", "\"\\ud83e\\u0041\"", "\"\\ud83e", "\"\\ud83ex\"", "\"\\udd8e\\ud83e\""};
	for (size_t i = 0; i < sizeof HALVES / sizeof HALVES[0]; i++)
		assert_judged(HALVES[i], strlen(HALVES[i]), "holds half a character");
}

static void depth_is_bounded(void **state)
{
	(void)state;
	static const char DEEP[] = "[[[[[[[[[[[[[[[[{\"a\":[[[[[[[[[[[[[[[[";
	assert_judged(DEEP, strlen(DEEP), "is nested too deep");
	assert_judged("\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"", 47, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(text_of_unicode_is_good),
	    cmocka_unit_test(other_bytes_are_no_text), cmocka_unit_test(zeros_and_halves_are_refused),
	    cmocka_unit_test(depth_is_bounded)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
