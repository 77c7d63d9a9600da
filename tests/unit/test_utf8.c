/* Tests of mirror/utf8: the bounds of RFC 3629, and what is mended. */
#include "mirror/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void character_has_its_length(void **state)
{
	static const struct {
		const char *text;
		size_t len;
	} CASES[] = {{"", 0}, {"a", 1}, {"\x7f", 1}, {"\x80", 0}, {"\xc1\xbf", 0}, {"\xc2\x80", 2}, {"\xc2", 0},
	    {"\xdf\xbf", 2}, {"\xe0\x9f\xbf", 0}, {"\xe0\xa0\x80", 3}, {"\xe2\x82", 0}, {"\xed\x9f\xbf", 3},
	    {"\xed\xa0\x80", 0}, {"\xef\xbf\xbf", 3}, {"\xf0\x8f\xbf\xbf", 0}, {"\xf0\x90\x80\x80", 4},
	    {"\xf4\x8f\xbf\xbf", 4}, {"\xf4\x90\x80\x80", 0}, {"\xf5\x80\x80\x80", 0}, {"\xff", 0}, {"\xf0\x90\x80", 0},
	    {"\xf0\x90\x80z", 0}};
	(void)state;
	for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++)
		assert_int_equal(utf8_character(CASES[i].text), CASES[i].len);
}

static void mending_replaces_what_is_no_character(void **state)
{
	char text[] = "caf\xc3\xa9 \xe2\x82 \xff\xc0\xaf\xf0\x9f\x92\xa9.\xc3";
	(void)state;
	utf8_mend(text);
	assert_string_equal(text, "caf\xc3\xa9 ?? ???\xf0\x9f\x92\xa9.?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(character_has_its_length),
	    cmocka_unit_test(mending_replaces_what_is_no_character),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
