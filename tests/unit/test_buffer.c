/* Text that is put together: its limit, and what does not fit. */
#include "cgi/buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void buffer_grows_up_to_its_limit(void **state)
{
	enum { MAX = 10000 };
	struct buffer b;
	(void)state;
	buffer_open(&b, MAX);
	for (int i = 0; i < MAX; i++)
		buffer_add(&b, "x", 1);
	assert_false(b.failed);
	assert_int_equal(b.len, MAX);
	assert_int_equal(strlen(b.data), MAX);
	buffer_add(&b, "", 0);
	assert_false(b.failed);
	buffer_add(&b, "x", 1);
	assert_true(b.failed);
	assert_int_equal(b.len, MAX);
	buffer_close(&b);
	assert_null(b.data);
	buffer_close(&b);
}

static void buffer_that_failed_takes_no_more(void **state)
{
	struct buffer b;
	(void)state;
	buffer_open(&b, 8);
	buffer_text(&b, "abc");
	buffer_text(&b, "too long");
	assert_true(b.failed);
	buffer_text(&b, "d");
	buffer_format(&b, "%d", 1);
	assert_true(b.failed);
	assert_string_equal(b.data, "abc");
	buffer_close(&b);
}

static void borrowed_memory_is_not_overrun(void **state)
{
	char memory[8];
	struct buffer b;
	(void)state;
	memset(memory, '#', sizeof memory);
	buffer_over(&b, memory, 4);
	buffer_text(&b, "abc");
	assert_false(b.failed);
	assert_ptr_equal(b.data, memory);
	assert_string_equal(memory, "abc");
	buffer_text(&b, "d");
	assert_true(b.failed);
	assert_string_equal(memory, "abc");
	assert_memory_equal(memory + 4, "####", 4);
	buffer_close(&b);
	buffer_over(&b, memory, 0);
	buffer_text(&b, "a");
	assert_true(b.failed);
	buffer_over(&b, memory, 1);
	buffer_text(&b, "");
	assert_false(b.failed);
	buffer_text(&b, "a");
	assert_true(b.failed);
}

static void formatted_text_has_a_limit_of_its_own(void **state)
{
	char text[2000];
	struct buffer b;
	(void)state;
	memset(text, 't', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	buffer_open(&b, sizeof text);
	buffer_format(&b, "%s-%d", "a", 7);
	assert_string_equal(b.data, "a-7");
	buffer_format(&b, "%.1023s", text);
	assert_false(b.failed);
	assert_int_equal(b.len, 3 + 1023);
	buffer_format(&b, "%s", text);
	assert_true(b.failed);
	assert_int_equal(b.len, 3 + 1023);
	buffer_close(&b);
}

static void numbers_are_written_like_printf_does(void **state)
{
	static const int64_t NUMBERS[] = {0, 1, -1, 9, 10, 206, 1234567890, INT64_MAX, INT64_MIN};
	char text[64];
	struct buffer b;
	(void)state;
	for (size_t i = 0; i < sizeof NUMBERS / sizeof NUMBERS[0]; i++) {
		buffer_open(&b, sizeof text);
		buffer_int(&b, NUMBERS[i]);
		buffer_text(&b, " ");
		buffer_hex(&b, (uint64_t)NUMBERS[i]);
		snprintf(text, sizeof text, "%lld %llx", (long long)NUMBERS[i], (unsigned long long)NUMBERS[i]);
		assert_string_equal(b.data, text);
		buffer_close(&b);
	}
	buffer_over(&b, text, 4);
	buffer_int(&b, 1000);
	assert_true(b.failed);
}

static void zero_bytes_are_bytes(void **state)
{
	struct buffer b;
	(void)state;
	buffer_open(&b, 100);
	buffer_add(&b, "a\0b", 3);
	assert_int_equal(b.len, 3);
	assert_memory_equal(b.data, "a\0b", 4);
	buffer_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(buffer_grows_up_to_its_limit),
	    cmocka_unit_test(buffer_that_failed_takes_no_more),
	    cmocka_unit_test(borrowed_memory_is_not_overrun),
	    cmocka_unit_test(formatted_text_has_a_limit_of_its_own),
	    cmocka_unit_test(numbers_are_written_like_printf_does),
	    cmocka_unit_test(zero_bytes_are_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
