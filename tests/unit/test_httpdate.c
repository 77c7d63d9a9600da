/* HTTP dates: the three forms of RFC 9110 section 5.6.7, and what is none. */
#include "mirror/httpdate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define NOV_1994 INT64_C(784111777) /* the example of the RFC */
#define NOW_2026 INT64_C(1795500000)

static void date_is_written_as_imf_fixdate(void **state)
{
	static const struct {
		int64_t when;
		const char *text;
	} cases[] = {{NOV_1994, "Sun, 06 Nov 1994 08:49:37 GMT"}, {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
	    {-1, "Wed, 31 Dec 1969 23:59:59 GMT"}, {951782400, "Tue, 29 Feb 2000 00:00:00 GMT"},
	    {INT64_C(253402300799), "Fri, 31 Dec 9999 23:59:59 GMT"},
	    {INT64_C(253402300800), "Fri, 31 Dec 9999 23:59:59 GMT"}, {INT64_MAX, "Fri, 31 Dec 9999 23:59:59 GMT"},
	    {INT64_C(-62135596800), "Mon, 01 Jan 0001 00:00:00 GMT"}, {INT64_MIN, "Mon, 01 Jan 0001 00:00:00 GMT"}};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char out[HTTPDATE_CAP];
		httpdate_format(cases[i].when, out);
		assert_string_equal(out, cases[i].text);
	}
}

static void every_day_is_what_the_library_says(void **state)
{
	(void)state;
	for (int64_t when = INT64_C(-62135596800); when <= INT64_C(253402300799); when += 86400 * 3 + 12345) {
		char out[HTTPDATE_CAP], wanted[64];
		struct tm tm;
		time_t t = (time_t)when;
		gmtime_r(&t, &tm);
		/* strftime(3) writes years before 1000 without zeros. */
		size_t n = strftime(wanted, sizeof wanted, "%a, %d %b ", &tm);
		snprintf(wanted + n, sizeof wanted - n, "%04d %02d:%02d:%02d GMT", tm.tm_year + 1900, tm.tm_hour,
		    tm.tm_min, tm.tm_sec);
		httpdate_format(when, out);
		if (strcmp(out, wanted) != 0)
			fail_msg("%s is written as %s", wanted, out);
	}
}

static void date_is_read_in_three_forms(void **state)
{
	static const struct {
		const char *text;
		int64_t when;
	} cases[] = {{"Sun, 06 Nov 1994 08:49:37 GMT", NOV_1994}, {"Sunday, 06-Nov-94 08:49:37 GMT", NOV_1994},
	    {"Sun Nov  6 08:49:37 1994", NOV_1994}, {"Sun Nov 06 08:49:37 1994", NOV_1994},
	    {"Wed, 29 Feb 2024 23:59:60 GMT", 1709251200}, {"Mon, 01 Jan 0001 00:00:00 GMT", INT64_C(-62135596800)},
	    {"Fri, 31 Dec 9999 23:59:59 GMT", INT64_C(253402300799)}};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int64_t when = -7;
		if (!httpdate_parse(cases[i].text, strlen(cases[i].text), NOW_2026, &when))
			fail_msg("%s is refused", cases[i].text);
		assert_int_equal(when, cases[i].when);
	}
}

static void year_of_two_digits_is_at_most_fifty_years_ahead(void **state)
{
	static const struct {
		const char *text, *same;
	} cases[] = {{"Sunday, 06-Nov-26 08:49:37 GMT", "Fri, 06 Nov 2026 08:49:37 GMT"},
	    {"Sunday, 06-Nov-76 08:49:37 GMT", "Fri, 06 Nov 2076 08:49:37 GMT"},
	    {"Sunday, 06-Nov-77 08:49:37 GMT", "Sun, 06 Nov 1977 08:49:37 GMT"},
	    {"Sunday, 06-Nov-00 08:49:37 GMT", "Mon, 06 Nov 2000 08:49:37 GMT"}};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int64_t a = 0, b = 1;
		assert_true(httpdate_parse(cases[i].text, strlen(cases[i].text), NOW_2026, &a));
		assert_true(httpdate_parse(cases[i].same, strlen(cases[i].same), NOW_2026, &b));
		assert_int_equal(a, b);
	}
}

static void text_that_is_no_date_is_refused(void **state)
{
	static const char *const cases[] = {"", "0", "Sun", "Sun, 06 Nov 1994 08:49:37",
	    "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 06 Nov 1994 08:49:37 GMT ", " Sun, 06 Nov 1994 08:49:37 GMT",
	    "Sun, 6 Nov 1994 08:49:37 GMT", "sun, 06 nov 1994 08:49:37 gmt", "Sun, 06 Nov 94 08:49:37 GMT",
	    "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 31 Nov 1994 08:49:37 GMT", "Sun, 29 Feb 2023 08:49:37 GMT",
	    "Sun, 32 Jan 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1994 08:60:00 GMT",
	    "Sun, 06 Nov 1994 08:49:61 GMT", "Sun, 06 Nov 0000 08:49:37 GMT", "Sun, 06 Nov -001 08:49:37 GMT",
	    "Sun, 06 Nov 1994 08:49:3x GMT", "Sun,  6 Nov 1994 08:49:37 GMT", "Sun, 06-Nov-94 08:49:37 GMT",
	    "Sunday, 06-Nov-1994 08:49:37 GMT", "Sunday, 06 Nov 1994 08:49:37 GMT", "Sun Nov 6 08:49:37 1994",
	    "Sun Nov  6 08:49:37 1994 GMT", "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
	    "1994-11-06T08:49:37Z"};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int64_t when;
		if (httpdate_parse(cases[i], strlen(cases[i]), NOW_2026, &when))
			fail_msg("%s is taken", cases[i]);
	}
}

static void length_is_respected(void **state)
{
	static const char text[] = "Sun, 06 Nov 1994 08:49:37 GMT";
	int64_t when;
	(void)state;
	for (size_t len = 0; len < sizeof text - 1; len++) {
		/* A copy of that length: a read behind it is seen. */
		char *copy = malloc(len > 0 ? len : 1);
		assert_non_null(copy);
		memcpy(copy, text, len);
		assert_false(httpdate_parse(copy, len, NOW_2026, &when));
		free(copy);
	}
	assert_false(httpdate_parse("Sun, 06 Nov 1994 08:49:37 GMT", sizeof text, NOW_2026, &when));
}

static void date_is_read_back_as_it_was_written(void **state)
{
	(void)state;
	for (int64_t when = -62135596800; when < INT64_C(253402300799); when += INT64_C(86399) * 9973) {
		char out[HTTPDATE_CAP];
		int64_t again = 0;
		httpdate_format(when, out);
		assert_true(httpdate_parse(out, strlen(out), NOW_2026, &again));
		assert_int_equal(again, when);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(date_is_written_as_imf_fixdate),
	    cmocka_unit_test(every_day_is_what_the_library_says),
	    cmocka_unit_test(date_is_read_in_three_forms),
	    cmocka_unit_test(year_of_two_digits_is_at_most_fifty_years_ahead),
	    cmocka_unit_test(text_that_is_no_date_is_refused),
	    cmocka_unit_test(length_is_respected),
	    cmocka_unit_test(date_is_read_back_as_it_was_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
