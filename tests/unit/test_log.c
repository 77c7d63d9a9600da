/* Log lines: what is in one, what cannot be forged, what is dropped. */
#include "mirror/log.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { LINES_CAP = 16384, STAMP_LEN = 23 }; /* ts=2026-01-01T00:00:00Z */

struct sink {
	int ends[2];
	char text[LINES_CAP];
};

static struct sink sink;

static int open_sink(void **state)
{
	(void)state;
	if (pipe2(sink.ends, O_NONBLOCK | O_CLOEXEC) != 0)
		return -1;
	log_open("test", sink.ends[1], LOG_DEBUG_LEVEL);
	return 0;
}

static int close_sink(void **state)
{
	(void)state;
	log_open("test", STDERR_FILENO, LOG_INFO_LEVEL);
	close(sink.ends[0]);
	close(sink.ends[1]);
	return 0;
}

/* What was written since the last call. */
static const char *written(void)
{
	ssize_t n = read(sink.ends[0], sink.text, sizeof sink.text - 1);
	sink.text[n > 0 ? n : 0] = '\0';
	return sink.text;
}

/* The line of text without its time. */
static const char *line(void)
{
	const char *text = written();
	assert_true(strlen(text) > STAMP_LEN && text[STAMP_LEN] == ' ');
	assert_memory_equal(text, "ts=20", 5);
	assert_true(text[13] == 'T' && text[STAMP_LEN - 1] == 'Z');
	return text + STAMP_LEN + 1;
}

static void event_is_one_line_of_pairs(void **state)
{
	(void)state;
	log_event(LOG_INFO_LEVEL, "published", "path", "zig/a b", "bytes", log_int(-12).text, "none", NULL, NULL);
	assert_string_equal(line(), "prog=test level=info event=published path=\"zig/a b\" bytes=-12 none=\"\"\n");
	log_event(LOG_ERROR_LEVEL, "bare", NULL);
	assert_string_equal(line(), "prog=test level=error event=bare\n");
}

static void value_cannot_forge_a_line_or_a_field(void **state)
{
	(void)state;
	log_event(LOG_WARN_LEVEL, "x", "url", "a\nts=1 level=info", "b", "\" c=d", NULL);
	assert_string_equal(line(), "prog=test level=warn event=x url=\"a\\nts=1 level=info\" b=\"\\\" c=d\"\n");
}

static void line_is_cut_at_four_kib(void **state)
{
	static char value[3000];
	(void)state;
	memset(value, 'v', sizeof value - 1);
	log_event(LOG_INFO_LEVEL, "long", "a", value, "b", value, "c", value, NULL);
	const char *text = written();
	assert_int_equal(strlen(text), 4096);
	assert_ptr_equal(strchr(text, '\n'), text + 4095);
}

static void level_below_the_least_is_dropped(void **state)
{
	struct fault f = {.class = FAULT_CLIENT, .text = "x"};
	(void)state;
	log_open("test", sink.ends[1], LOG_WARN_LEVEL);
	log_event(LOG_DEBUG_LEVEL, "a", NULL);
	log_event(LOG_INFO_LEVEL, "a", NULL);
	log_fault(&f, "a", NULL);
	assert_string_equal(written(), "");
	log_event(LOG_WARN_LEVEL, "a", NULL);
	assert_string_equal(line(), "prog=test level=warn event=a\n");
}

static void fault_has_the_level_of_its_class(void **state)
{
	static const struct {
		enum fault_class class;
		const char *level;
	} cases[] = {{FAULT_CLIENT, "info"}, {FAULT_METHOD, "info"}, {FAULT_ABSENT, "info"}, {FAULT_LIMIT, "warn"},
	    {FAULT_BUSY, "warn"}, {FAULT_UPSTREAM, "warn"}, {FAULT_INTEGRITY, "error"}, {FAULT_FULL, "error"},
	    {FAULT_SYSTEM, "error"}, {FAULT_CONFIG, "error"}};
	(void)state;
	assert_int_equal(sizeof cases / sizeof cases[0], FAULT_CLASSES - 1);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char expected[200];
		struct fault f = {.class = cases[i].class, .text = "it went \"wrong\""};
		snprintf(expected, sizeof expected,
		    "prog=test level=%s event=e class=%s error=\"it went \\\"wrong\\\"\" path=p\n", cases[i].level,
		    fault_class_name(cases[i].class));
		log_fault(&f, "e", "path", "p", NULL);
		assert_string_equal(line(), expected);
	}
}

static void value_is_escaped_by_need(void **state)
{
	static const struct {
		const char *value, *escaped;
	} cases[] = {{"plain/+.~", "plain/+.~"}, {"", "\"\""}, {" ", "\" \""}, {"a=b", "\"a=b\""},
	    {"a\"b\\c", "\"a\\\"b\\\\c\""}, {"\n\t\r", "\"\\n\\t\\x0d\""}, {"\x01\x7f", "\"\\x01\\x7f\""},
	    {"\xc3\xa4", "\"\\xc3\\xa4\""}};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char out[64];
		assert_int_equal(log_escape(cases[i].value, out, sizeof out), strlen(cases[i].escaped));
		assert_string_equal(out, cases[i].escaped);
	}
}

static void value_is_cut_where_it_still_ends_well(void **state)
{
	static const char *const values[] = {"abcdefgh", "a\nb\n\x01\x02", "\"\"\"\"\"\"", "", "\xff\xff"};
	(void)state;
	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
		for (size_t cap = 0; cap < 24; cap++) {
			char out[32];
			memset(out, '#', sizeof out);
			size_t len = log_escape(values[i], out, cap);
			assert_true(cap == 0 || len < cap);
			assert_true(out[cap] == '#');
			if (cap == 0)
				continue;
			assert_int_equal(strlen(out), len);
			/* A quoted one is closed, and no escape is torn. */
			if (out[0] != '"')
				continue;
			assert_true(len >= 2 && out[len - 1] == '"');
			for (const char *p = out + 1; p < out + len - 1; p++) {
				assert_true(*p != '"');
				if (*p == '\\')
					p += p[1] == 'x' ? 3 : 1;
				assert_true(p < out + len - 1);
			}
		}
	}
}

static void number_is_written_whole(void **state)
{
	(void)state;
	assert_string_equal(log_int(INT64_MIN).text, "-9223372036854775808");
	assert_string_equal(log_int(INT64_MAX).text, "9223372036854775807");
	assert_string_equal(log_int(0).text, "0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(event_is_one_line_of_pairs, open_sink, close_sink),
	    cmocka_unit_test_setup_teardown(value_cannot_forge_a_line_or_a_field, open_sink, close_sink),
	    cmocka_unit_test_setup_teardown(line_is_cut_at_four_kib, open_sink, close_sink),
	    cmocka_unit_test_setup_teardown(level_below_the_least_is_dropped, open_sink, close_sink),
	    cmocka_unit_test_setup_teardown(fault_has_the_level_of_its_class, open_sink, close_sink),
	    cmocka_unit_test(value_is_escaped_by_need),
	    cmocka_unit_test(value_is_cut_where_it_still_ends_well),
	    cmocka_unit_test(number_is_written_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
