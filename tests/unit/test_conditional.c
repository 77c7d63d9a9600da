/* Conditional requests, by tables. */
#include "cgi/conditional.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define DATE "Sun, 06 Nov 1994 08:49:37 GMT"
#define LATER "Sun, 06 Nov 1994 08:49:38 GMT"
#define EARLIER "Sun, 06 Nov 1994 08:49:36 GMT"

enum { MODIFIED = 784111777 };
static const int64_t NOW = 1767225600;
static const char ETAG[] = "\"230-67\"";

static void not_modified_follows_the_table(void **state)
{
	(void)state;
	static const struct {
		const char *match, *since;
		bool fresh;
	} cases[] = {
	    {NULL, NULL, false},
	    {"\"230-67\"", NULL, true},
	    {"W/\"230-67\"", NULL, true},
	    {" \"230-67\" ", NULL, true},
	    {"\"a\", \"230-67\"", NULL, true},
	    {"\"a\",W/\"230-67\",\"b\"", NULL, true},
	    {"\"a\" , , \"230-67\"", NULL, true},
	    {"*", NULL, true},
	    {" * ", NULL, true},
	    {"\"a,b\", \"230-67\"", NULL, true},
	    {"", NULL, false},
	    {"\"230-6\"", NULL, false},
	    {"\"230-678\"", NULL, false},
	    {"230-67", NULL, false},
	    {"\"230-67", NULL, false},
	    {"w/\"230-67\"", NULL, false},
	    {"*x", NULL, false},
	    {"\"x \"230-67\"", NULL, false},
	    {"\"a\"", DATE, false},
	    {"\"230-67\"", EARLIER, true},
	    {NULL, DATE, true},
	    {NULL, LATER, true},
	    {NULL, EARLIER, false},
	    {NULL, "Sunday, 06-Nov-94 08:49:37 GMT", true},
	    {NULL, "Sun Nov  6 08:49:37 1994", true},
	    {NULL, "yesterday", false},
	    {NULL, "", false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		if (conditional_9110_13_2_2(cases[i].match, cases[i].since, ETAG, MODIFIED, NOW) != cases[i].fresh)
			fail_msg("%s / %s", cases[i].match, cases[i].since);
}

static void if_range_wants_the_same_strong_validator(void **state)
{
	(void)state;
	static const struct {
		const char *value;
		bool same;
	} cases[] = {
	    {NULL, true},
	    {"\"230-67\"", true},
	    {"\"230-67\" ", true},
	    {DATE, true},
	    {"W/\"230-67\"", false},
	    {"\"230-6\"", false},
	    {"\"230-67\", \"a\"", false},
	    {"\"230-67", false},
	    {"*", false},
	    {LATER, false},
	    {EARLIER, false},
	    {"", false},
	    {"x", false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		if (conditional_9110_13_1_5(cases[i].value, ETAG, MODIFIED, NOW) != cases[i].same)
			fail_msg("%s", cases[i].value);
	assert_false(conditional_9110_13_1_5(DATE, ETAG, MODIFIED, MODIFIED));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(not_modified_follows_the_table),
	    cmocka_unit_test(if_range_wants_the_same_strong_validator),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
