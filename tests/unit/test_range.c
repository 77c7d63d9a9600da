/* The Range field, by a table. */
#include "cgi/range.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const struct {
	const char *value;
	int64_t size;
	enum range_kind kind;
	int64_t first, last;
} RANGES[] = {
    {NULL, 10, RANGE_WHOLE, 0, 0},
    {"", 10, RANGE_WHOLE, 0, 0},
    {"bytes=0-", 10, RANGE_PART, 0, 9},
    {"bytes=0-0", 10, RANGE_PART, 0, 0},
    {"bytes=3-5", 10, RANGE_PART, 3, 5},
    {"BYTES=3-5", 10, RANGE_PART, 3, 5},
    {"bytes= 3-5 ", 10, RANGE_PART, 3, 5},
    {"bytes=9-", 10, RANGE_PART, 9, 9},
    {"bytes=5-100", 10, RANGE_PART, 5, 9},
    {"bytes=-3", 10, RANGE_PART, 7, 9},
    {"bytes=-10", 10, RANGE_PART, 0, 9},
    {"bytes=-100", 10, RANGE_PART, 0, 9},
    {"bytes=0-99999999999999999999999", 10, RANGE_PART, 0, 9},
    {"bytes=0-9223372036854775807", 10, RANGE_PART, 0, 9},
    {"bytes=10-", 10, RANGE_UNSATISFIED, 0, 0},
    {"bytes=10-20", 10, RANGE_UNSATISFIED, 0, 0},
    {"bytes=99999999999999999999999-", 10, RANGE_UNSATISFIED, 0, 0},
    {"bytes=-0", 10, RANGE_UNSATISFIED, 0, 0},
    {"bytes=0-", 0, RANGE_UNSATISFIED, 0, 0},
    {"bytes=-1", 0, RANGE_WHOLE, 0, 0},
    {"bytes=5-3", 10, RANGE_WHOLE, 0, 0},
    {"bytes=-", 10, RANGE_WHOLE, 0, 0},
    {"bytes=", 10, RANGE_WHOLE, 0, 0},
    {"bytes", 10, RANGE_WHOLE, 0, 0},
    {"bytes=3", 10, RANGE_WHOLE, 0, 0},
    {"bytes=a-b", 10, RANGE_WHOLE, 0, 0},
    {"bytes=+1-2", 10, RANGE_WHOLE, 0, 0},
    {"bytes=1-2x", 10, RANGE_WHOLE, 0, 0},
    {"bytes=1 -2", 10, RANGE_WHOLE, 0, 0},
    {"bytes=--1", 10, RANGE_WHOLE, 0, 0},
    {"bytes=0x1-2", 10, RANGE_WHOLE, 0, 0},
    {"bytes=0-1,4-5", 10, RANGE_WHOLE, 0, 0},
    {"bytes=0-1,", 10, RANGE_WHOLE, 0, 0},
    {"lines=0-1", 10, RANGE_WHOLE, 0, 0},
    {" bytes=0-1", 10, RANGE_WHOLE, 0, 0},
};

static void range_is_read_as_the_table_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof RANGES / sizeof RANGES[0]; i++) {
		int64_t first = -1, last = -1;
		enum range_kind kind = range_9110_14_2(RANGES[i].value, RANGES[i].size, &first, &last);
		if (kind != RANGES[i].kind)
			fail_msg("%s of %d: %d", RANGES[i].value, (int)RANGES[i].size, (int)kind);
		assert_int_equal(first, kind == RANGE_PART ? RANGES[i].first : -1);
		assert_int_equal(last, kind == RANGE_PART ? RANGES[i].last : -1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(range_is_read_as_the_table_says)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
