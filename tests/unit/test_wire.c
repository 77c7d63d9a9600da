/* The lines between the fetch service and its clients: written, read, refused, and in pieces. */
#include "mirror/wire.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static const struct {
	const char *line;
	struct wire_message message;
} LINES[] = {
    {"get zig/zig-0.14.1.tar.xz 192.0.2.7 mlugg-setup-zig",
        {.kind = WIRE_GET, .path = "zig/zig-0.14.1.tar.xz", .network = "192.0.2.7", .source = "mlugg-setup-zig"}},
    {"get a 2001:db8::/64 -", {.kind = WIRE_GET, .path = "a", .network = "2001:db8::/64", .source = "-"}},
    {"want mach/v1.0.0+a.tar.gz", {.kind = WIRE_WANT, .path = "mach/v1.0.0+a.tar.gz"}},
    {"refresh", {.kind = WIRE_REFRESH}},
    {"size -", {.kind = WIRE_SIZE, .number = -1}},
    {"size 0", {.kind = WIRE_SIZE, .number = 0}},
    {"size 9223372036854775807", {.kind = WIRE_SIZE, .number = INT64_MAX}},
    {"at 0", {.kind = WIRE_AT, .number = 0}},
    {"at 9223372036854775807", {.kind = WIRE_AT, .number = INT64_MAX}},
    {"done", {.kind = WIRE_DONE}},
    {"fail absent 0 upstream has no such file",
        {.kind = WIRE_FAIL, .fault = {FAULT_ABSENT, "upstream has no such file"}}},
    {"fail busy 86400 x", {.kind = WIRE_FAIL, .retry_sec = 86400, .fault = {FAULT_BUSY, "x"}}},
    {"fail limit 7  two  spaces ", {.kind = WIRE_FAIL, .retry_sec = 7, .fault = {FAULT_LIMIT, " two  spaces "}}},
};

static void message_is_written_and_read_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof LINES / sizeof LINES[0]; i++) {
		char out[WIRE_LINE_CAP + 1];
		struct wire_message m;
		size_t len = wire_format(&LINES[i].message, out);
		assert_int_equal(len, strlen(LINES[i].line) + 1);
		assert_memory_equal(out, LINES[i].line, len - 1);
		assert_string_equal(out + len - 1, "\n");
		if (!wire_parse(out, len - 1, &m))
			fail_msg("%s", LINES[i].line);
		assert_memory_equal(&m, &LINES[i].message, sizeof m);
	}
}

static void line_of_another_form_is_refused(void **state)
{
	static const char *const cases[] = {"", " ", "get", "get ", "get a", "get a b", "get a b ", "get a b c d",
	    "get  a b c", "get a b c ", " get a b c", "GET a b c", "get a b c/d", "get a b c:d", "get a\tb - -",
	    "get \x7f - -", "get \xc3\xa4 - -", "want", "want ", "want a b", "want a ", "refresh ", "refresh x",
	    "refreshx", "size", "size ", "size --", "size - ", "size -1", "size +1", "size 01", "size 1 ", "size 1x",
	    "size 0x1", "size 1.0", "size 9223372036854775808", "size 99999999999999999999", "at", "at -", "at -1",
	    "at 00", "at 1 2", "done ", "done x", "fail", "fail absent", "fail absent 0", "fail absent 0 ",
	    "fail none 0 x", "fail nothing 0 x", "fail Absent 0 x", "fail absent -1 x", "fail absent 86401 x",
	    "fail absent x x", "fail absent 0 a\tb", "fail absent 0 a\x7f", "fail absent 0 a\r", "hello", "done\r"};
	struct wire_message m;
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		if (wire_parse(cases[i], strlen(cases[i]), &m))
			fail_msg("'%s' is taken", cases[i]);
	assert_false(wire_parse("done\0", 5, &m));
	assert_false(wire_parse("want a\0b", 8, &m));
	assert_false(wire_parse("fail absent 0 a\0b", 17, &m));
	assert_false(wire_parse("get a b c\0", 10, &m));
}

static void message_that_does_not_fit_is_not_written(void **state)
{
	char out[WIRE_LINE_CAP + 1];
	const struct wire_message cases[] = {{.kind = WIRE_GET, .network = "-", .source = "-"},
	    {.kind = WIRE_GET, .path = "a", .source = "-"}, {.kind = WIRE_GET, .path = "a", .network = "-"},
	    {.kind = WIRE_GET, .path = "a b", .network = "-", .source = "-"},
	    {.kind = WIRE_GET, .path = "a\n", .network = "-", .source = "-"},
	    {.kind = WIRE_GET, .path = "a", .network = "1 2", .source = "-"},
	    {.kind = WIRE_GET, .path = "a", .network = "-", .source = "a b"},
	    {.kind = WIRE_GET, .path = "a", .network = "-", .source = "a/b"}, {.kind = WIRE_WANT},
	    {.kind = WIRE_WANT, .path = "\xff"}, {.kind = WIRE_SIZE, .number = -2}, {.kind = WIRE_AT, .number = -1},
	    {.kind = WIRE_FAIL, .fault = {FAULT_NONE, "x"}}, {.kind = WIRE_FAIL, .fault = {FAULT_BUSY, "a\nb"}},
	    {.kind = WIRE_FAIL, .retry_sec = -1, .fault = {FAULT_BUSY, "x"}},
	    {.kind = WIRE_FAIL, .retry_sec = 86401, .fault = {FAULT_BUSY, "x"}}, {.kind = (enum wire_kind)99}};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_int_equal(wire_format(&cases[i], out), 0);
}

static void longest_fields_fit_a_line(void **state)
{
	struct wire_message m = {.kind = WIRE_GET}, again;
	char out[WIRE_LINE_CAP + 1];
	(void)state;
	memset(m.path, 'p', sizeof m.path - 1);
	memset(m.network, 'n', sizeof m.network - 1);
	memset(m.source, 's', sizeof m.source - 1);
	size_t len = wire_format(&m, out);
	assert_true(len > 0);
	assert_true(wire_parse(out, len - 1, &again));
	assert_memory_equal(&m, &again, sizeof m);
	m = (struct wire_message){.kind = WIRE_FAIL, .fault = {.class = FAULT_INTEGRITY}};
	memset(m.fault.text, 't', sizeof m.fault.text - 1);
	len = wire_format(&m, out);
	assert_true(len > 0);
	assert_true(wire_parse(out, len - 1, &again));
	assert_memory_equal(&m, &again, sizeof m);
	/* One byte more than a field holds. */
	char line[WIRE_LINE_CAP];
	int n = snprintf(line, sizeof line, "fail integrity 0 %st", m.fault.text);
	assert_false(wire_parse(line, (size_t)n, &again));
	memset(line, 'p', sizeof line);
	memcpy(line, "want ", 5);
	assert_true(wire_parse(line, 5 + WIRE_PATH_CAP - 1, &again));
	assert_false(wire_parse(line, 5 + WIRE_PATH_CAP, &again));
	assert_false(wire_parse(line, sizeof line, &again));
}

/* --- on a socket ---------------------------------------------------------------------------------------------------
 */

struct ends {
	int ours, theirs;
	struct wire_buffer buffer;
};

static struct ends ends;

static int connect_ends(void **state)
{
	int pair[2];
	(void)state;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
		return -1;
	ends = (struct ends){.ours = pair[0], .theirs = pair[1]};
	return 0;
}

static int close_ends(void **state)
{
	(void)state;
	close(ends.ours);
	close(ends.theirs);
	return 0;
}

static void say(const char *text, size_t len)
{
	assert_int_equal(send(ends.theirs, text, len, MSG_NOSIGNAL), len);
}

static void read_takes_lines_that_come_in_pieces(void **state)
{
	static const char text[] = "size 12\nat 3\nat 12\ndone\n";
	static const enum wire_kind kinds[] = {WIRE_SIZE, WIRE_AT, WIRE_AT, WIRE_DONE};
	struct wire_message m;
	size_t got = 0;
	(void)state;
	for (size_t i = 0; i < sizeof text - 1; i++) {
		enum wire_status status = wire_read(ends.ours, &ends.buffer, &m);
		assert_int_equal(status, WIRE_MORE);
		say(text + i, 1);
		status = wire_read(ends.ours, &ends.buffer, &m);
		assert_int_equal(status, text[i] == '\n' ? WIRE_LINE : WIRE_MORE);
		if (status == WIRE_LINE)
			assert_int_equal(m.kind, kinds[got++]);
	}
	assert_int_equal(got, 4);
}

static void read_takes_many_lines_at_once(void **state)
{
	char text[3 * WIRE_LINE_CAP] = "";
	struct wire_message m;
	size_t len = 0;
	int64_t sent = 0, got = 0;
	(void)state;
	for (; len < sizeof text - 32; sent++)
		len += (size_t)snprintf(text + len, sizeof text - len, "at %lld\n", (long long)sent);
	say(text, len);
	assert_int_equal(shutdown(ends.theirs, SHUT_WR), 0);
	while (wire_read(ends.ours, &ends.buffer, &m) == WIRE_LINE)
		assert_int_equal(m.number, got++);
	assert_int_equal(got, sent);
	assert_int_equal(wire_read(ends.ours, &ends.buffer, &m), WIRE_CLOSED);
}

static void read_tells_that_the_peer_left(void **state)
{
	struct wire_message m;
	(void)state;
	say("done\nsize 1", 11);
	assert_int_equal(shutdown(ends.theirs, SHUT_WR), 0);
	assert_int_equal(wire_read(ends.ours, &ends.buffer, &m), WIRE_LINE);
	/* What has no LF is no line. */
	assert_int_equal(wire_read(ends.ours, &ends.buffer, &m), WIRE_CLOSED);
}

static void read_refuses_what_is_no_message(void **state)
{
	struct wire_message m;
	(void)state;
	say("done\nGET / HTTP/1.1\r\n", 21);
	assert_int_equal(wire_read(ends.ours, &ends.buffer, &m), WIRE_LINE);
	assert_int_equal(wire_read(ends.ours, &ends.buffer, &m), WIRE_BROKEN);
}

static void read_refuses_a_line_without_end(void **state)
{
	struct wire_message m;
	char text[WIRE_LINE_CAP - 1];
	(void)state;
	memset(text, 'a', sizeof text);
	say(text, sizeof text);
	assert_int_equal(wire_read(ends.ours, &ends.buffer, &m), WIRE_MORE);
	say("a", 1);
	assert_int_equal(wire_read(ends.ours, &ends.buffer, &m), WIRE_BROKEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(message_is_written_and_read_back),
	    cmocka_unit_test(line_of_another_form_is_refused),
	    cmocka_unit_test(message_that_does_not_fit_is_not_written),
	    cmocka_unit_test(longest_fields_fit_a_line),
	    cmocka_unit_test_setup_teardown(read_takes_lines_that_come_in_pieces, connect_ends, close_ends),
	    cmocka_unit_test_setup_teardown(read_takes_many_lines_at_once, connect_ends, close_ends),
	    cmocka_unit_test_setup_teardown(read_tells_that_the_peer_left, connect_ends, close_ends),
	    cmocka_unit_test_setup_teardown(read_refuses_what_is_no_message, connect_ends, close_ends),
	    cmocka_unit_test_setup_teardown(read_refuses_a_line_without_end, connect_ends, close_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
