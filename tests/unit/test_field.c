/* Header fields of an upstream's answer. */
#include "fetch/field.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void value_is_taken_without_the_space_around_it(void **state)
{
	static const struct {
		const char *line, *value; /* value NULL: another field */
	} cases[] = {{"ETag: \"abc\"\r\n", "\"abc\""}, {"etag:\"abc\"", "\"abc\""},
	    {"ETAG: \t \"a b\" \t\r\n", "\"a b\""}, {"ETag:", ""}, {"ETag:\r\n", ""}, {"ETag: \r\n", ""},
	    {"ETag", NULL}, {"ETag \"a\"", NULL}, {"ETag : \"a\"", NULL}, {"ETags: \"a\"", NULL},
	    {"X-ETag: \"a\"", NULL}, {" ETag: \"a\"", NULL}, {"", NULL}, {"ETag: a: b", "a: b"}};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char out[32] = "before";
		bool found = field_value(cases[i].line, strlen(cases[i].line), "ETag", out, sizeof out);
		if (found != (cases[i].value != NULL))
			fail_msg("'%s'", cases[i].line);
		assert_string_equal(out, found ? cases[i].value : "before");
	}
}

static void value_that_does_not_fit_is_none(void **state)
{
	char out[8];
	(void)state;
	assert_true(field_value("ETag: 1234567", 13, "ETag", out, sizeof out));
	assert_string_equal(out, "1234567");
	assert_true(field_value("ETag: 12345678", 14, "ETag", out, sizeof out));
	assert_string_equal(out, "");
	assert_true(field_value("ETag: a\0b", 9, "ETag", out, sizeof out));
	assert_string_equal(out, "");
}

static void content_range_is_taken_apart(void **state)
{
	static const struct {
		const char *text;
		int64_t first, total;
	} cases[] = {{"bytes 0-0/1", 0, 1}, {"bytes 5-9/10", 5, 10}, {"BYTES 5-9/10", 5, 10}, {"bytes 5-9/*", 5, -1},
	    {"bytes */10", -1, 10}, {"bytes */0", -1, 0},
	    {"bytes 9223372036854775805-9223372036854775806/9223372036854775807", INT64_MAX - 2, INT64_MAX}};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int64_t first = -7, total = -7;
		if (!field_content_range(cases[i].text, &first, &total))
			fail_msg("%s", cases[i].text);
		assert_int_equal(first, cases[i].first);
		assert_int_equal(total, cases[i].total);
	}
}

static void content_range_of_another_form_changes_nothing(void **state)
{
	static const char *const cases[] = {"", "bytes", "bytes ", "bytes 0-0", "bytes 0-0/", "bytes 0-0/0",
	    "bytes 1-0/5", "bytes 0-5/5", "bytes 0-4/5 ", "bytes  0-4/5", "bytes 0 - 4/5", "bytes -4/5", "bytes 0-/5",
	    "bytes */*", "bytes *", "bytes *-4/5", "bytes +0-4/5", "bytes 0-+4/5", "bytes 0--4/5", "bytes 0-4/-5",
	    "bytes 0-4/5,6-7/8", "items 0-4/5", "bytes=0-4", "bytes 0x0-4/5", "bytes 0-9223372036854775808/*",
	    "bytes 99999999999999999999-1/*", "bytes 0-1/9223372036854775808"};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int64_t first = -7, total = -8;
		if (field_content_range(cases[i], &first, &total))
			fail_msg("%s", cases[i]);
		assert_int_equal(first, -7);
		assert_int_equal(total, -8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(value_is_taken_without_the_space_around_it),
	    cmocka_unit_test(value_that_does_not_fit_is_none),
	    cmocka_unit_test(content_range_is_taken_apart),
	    cmocka_unit_test(content_range_of_another_form_changes_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
