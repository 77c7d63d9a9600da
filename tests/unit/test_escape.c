/* Escapers, the buffer below them, and the templates above. */
#include "cgi/escape.h"
#include "cgi/www.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void check(void (*escape)(struct buffer *, const char *), const char *value, const char *expected)
{
	struct buffer b;
	buffer_open(&b, 1000);
	escape(&b, value);
	assert_false(b.failed);
	assert_string_equal(b.data, expected);
	buffer_close(&b);
}

static void escape_fits_its_context(void **state)
{
	(void)state;
	check(escape_text, "a<b>&\"'c", "a&lt;b&gt;&amp;\"'c");
	check(escape_text, "</script><!--", "&lt;/script&gt;&lt;!--");
	check(escape_text, "a\x01\x7f\tb\n", "a\xef\xbf\xbd\xef\xbf\xbd\tb\n");
	check(escape_attribute, "\"><img onerror='x'>", "&quot;&gt;&lt;img onerror=&#39;x&#39;&gt;");
	check(escape_url_path, "/zig/a+b@c d?e#f%g\"h", "/zig/a+b@c%20d%3Fe%23f%25g%22h");
	check(escape_url_path, "\xc3\xa4", "%C3%A4");
	check(escape_url_query, "a&b=c+d/e", "a%26b%3Dc%2Bd%2Fe");
	check(escape_header, "a\r\nSet-Cookie: b\x01", "a  Set-Cookie: b ");
}

static void buffer_fails_at_its_limit(void **state)
{
	(void)state;
	char memory[8];
	struct buffer b;
	buffer_open(&b, 5);
	buffer_text(&b, "12345");
	assert_false(b.failed);
	buffer_text(&b, "6");
	assert_true(b.failed);
	assert_string_equal(b.data, "12345");
	buffer_close(&b);
	buffer_over(&b, memory, sizeof memory);
	buffer_text(&b, "1234567");
	assert_false(b.failed);
	buffer_text(&b, "8");
	assert_true(b.failed);
	assert_string_equal(memory, "1234567");
	buffer_text(&b, "");
	assert_true(b.failed);
	buffer_close(&b);
}

static void buffer_grows(void **state)
{
	(void)state;
	struct buffer b;
	buffer_open(&b, 1 << 20);
	for (int i = 0; i < 20000; i++)
		buffer_format(&b, "%05d", i);
	assert_false(b.failed);
	assert_int_equal(b.len, 100000);
	assert_memory_equal(b.data + 99995, "19999", 6);
	buffer_close(&b);
}

static void www_files_are_whole_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < www_files_count; i++) {
		const struct www_file *f = &www_files[i];
		assert_int_equal(strlen(f->data), f->len);
		assert_int_equal(f->data[f->len - 1], '\n');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(escape_fits_its_context),
	    cmocka_unit_test(buffer_fails_at_its_limit),
	    cmocka_unit_test(buffer_grows),
	    cmocka_unit_test(www_files_are_whole_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
