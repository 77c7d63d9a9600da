/* Numbers for people, and the platform of a visitor. */
#include "mirror/human.h"
#include "cgi/platform.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void size_has_one_decimal(void **state)
{
	(void)state;
	static const struct {
		int64_t bytes;
		const char *text;
	} cases[] = {{-1, "0 B"}, {0, "0 B"}, {999, "999 B"}, {1000, "1.0 kB"}, {999949, "999.9 kB"},
	    {999950, "1.0 MB"}, {47300000, "47.3 MB"}, {INT64_C(13570000000), "13.6 GB"}, {INT64_MAX, "9.2 EB"}};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char out[HUMAN_CAP];
		human_size(cases[i].bytes, out);
		assert_string_equal(out, cases[i].text);
	}
}

static void duration_is_in_its_largest_unit(void **state)
{
	(void)state;
	static const struct {
		int64_t seconds;
		const char *text;
	} cases[] = {{-5, "0 seconds"}, {1, "1 second"}, {59, "59 seconds"}, {60, "1 minute"}, {3599, "59 minutes"},
	    {3600, "1 hour"}, {86399, "23 hours"}, {86400, "1 day"}, {INT64_C(86400) * 400, "400 days"}};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char out[HUMAN_CAP];
		human_duration(cases[i].seconds, out);
		assert_string_equal(out, cases[i].text);
	}
}

static void platform_is_what_the_browser_tells(void **state)
{
	(void)state;
	static const struct {
		const char *agent, *target;
	} cases[] = {
	    {NULL, ""},
	    {"curl/8.5.0", ""},
	    {"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "x86_64-linux"},
	    {"Mozilla/5.0 (X11; Linux aarch64) AppleWebKit/537.36", "aarch64-linux"},
	    {"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36", "x86_64-windows"},
	    {"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15", "aarch64-macos"},
	    {"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)", ""},
	    {"Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36", ""},
	    {"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0)", "x86_64-linux"},
	    {"Mozilla/5.0 (X11; FreeBSD amd64; rv:140.0)", "x86_64-freebsd"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_string_equal(platform_of(cases[i].agent), cases[i].target);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(size_has_one_decimal),
	    cmocka_unit_test(duration_is_in_its_largest_unit),
	    cmocka_unit_test(platform_is_what_the_browser_tells),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
