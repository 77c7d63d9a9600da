/* Lines of access logs, by a table. */
#include "warmer/accesslog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CADDY(status, uri)                                                                                                 \
	"{\"level\":\"info\",\"ts\":1760104536.789,\"logger\":\"http.log.access.log0\",\"msg\":\"handled request\","       \
	"\"request\":{\"remote_ip\":\"192.0.2.1\",\"proto\":\"HTTP/2.0\",\"method\":\"GET\",\"host\":\"a\",\"uri\":\"" uri \
	"\",\"headers\":{\"Accept\":[\"*/*\"],\"User-Agent\":[\"curl/8.5\"]},\"tls\":{\"resumed\":false,\"x\":null}},"     \
	"\"bytes_read\":0,\"duration\":0.001,\"size\":77,\"status\":" status ",\"resp_headers\":{\"A\":[]}}"

static const struct {
	const char *line;
	int64_t time;
	const char *method, *target;
	int status;
	int64_t bytes;
	const char *agent;
} GOOD[] = {
    {"192.0.2.1 - - [10/Oct/2025:13:55:36 +0000] \"GET /zig/a?source=b HTTP/1.1\" 200 123 \"-\" \"curl/8.5\"",
        1760104536, "GET", "/zig/a?source=b", 200, 123, "curl/8.5"},
    {"192.0.2.1 - - [10/Oct/2025:15:55:36 +0200] \"HEAD / HTTP/1.0\" 304 - \"-\" \"-\"", 1760104536, "HEAD", "/", 304,
        0, ""},
    {"::1 example.org user name [10/Oct/2025:08:25:36 -0530] \"GET /a HTTP/2.0\" 206 5 \"https://x/\\\"y\" \"a \\\"b\\\" \\x41\"",
        1760104536, "GET", "/a", 206, 5, "a \"b\" A"},
    {"example.org:443 192.0.2.1 - - [29/Feb/2024:00:00:00 +0000] \"GET /a HTTP/1.1\" 200 1 \"-\" \"x\" 17 \"more\"",
        1709164800, "GET", "/a", 200, 1, "x"},
    {"192.0.2.1 - - [01/Mar/2024:00:00:00 +0000] \"GET /a HTTP/1.1\" 404 1", 1709251200, "GET", "/a", 404, 1, ""},
    {"192.0.2.1 - [odd] [31/Dec/1999:23:59:59 +0000] \"GET /a HTTP/1.1\" 200 1 17", 946684799, "GET", "/a", 200, 1, ""},
    {CADDY("200", "/zig/a?source=b"), 1760104536, "GET", "/zig/a?source=b", 200, 77, "curl/8.5"},
    {CADDY("404", "/\\u002f\\\"\\u00e9"), 1760104536, "GET", "//\"?", 404, 77, "curl/8.5"},
    {"{\"ts\":\"2025-10-10T15:55:36.789+02:00\",\"status\":200,\"request\":{\"method\":\"GET\",\"uri\":\"/\"}}",
        1760104536, "GET", "/", 200, 0, ""},
    {" { \"request\" : {}, \"status\" : 1 } ", -1, NULL, NULL, 0, 0, NULL},
};

static const char *const BAD[] = {"", "x", "{}", "[]", "{", "null", CADDY("200", "/a") "x", CADDY("99", "/a"),
    CADDY("\"200\"", "/a"), CADDY("200", ""), CADDY("200", "/a\\u00"), CADDY("200", "/a\\x"),
    "{\"ts\":1,\"status\":200,\"request\":[\"GET\",\"/\"]}",
    "{\"ts\":1,\"status\":200,\"request\":{\"method\":\"GET\",\"uri\":\"/\"}",
    "192.0.2.1 - - [10/Oct/2025:13:55:36 +0000] \"GET /a\" 200 1 \"-\" \"-\"",
    "192.0.2.1 - - [10/Oct/2025:13:55:36 +0000] \"\" 400 0 \"-\" \"-\"",
    "192.0.2.1 - - [10/Oct/2025:13:55:36 +0000] \"\\x16\\x03\\x01\" 400 0 \"-\" \"-\"",
    "192.0.2.1 - - [10/Oct/2025:13:55:36 +0000] \"GET /a HTTP/1.1\" 999 1 \"-\" \"-\"",
    "192.0.2.1 - - [10/Oct/2025:13:55:36 +0000] \"GET /a HTTP/1.1\" 200 x \"-\" \"-\"",
    "192.0.2.1 - - [10/Oct/2025:13:55:36 +0000] \"GET /a HTTP/1.1\" 200",
    "192.0.2.1 - - [10/Oct/2025:13:55:36 +0000] \"GET /a HTTP/1.1", "192.0.2.1 - - [10/Oct/2025:13:55:36 +0000]",
    "192.0.2.1 - - [32/Oct/2025:13:55:36 +0000] \"GET /a HTTP/1.1\" 200 1",
    "192.0.2.1 - - [10/Okt/2025:13:55:36 +0000] \"GET /a HTTP/1.1\" 200 1",
    "192.0.2.1 - - [10/Oct/2025:13:55:36] \"GET /a HTTP/1.1\" 200 1",
    "\"GET /a HTTP/1.1\" [10/Oct/2025:13:55:36 +0000] 200 1"};

static void lines_are_taken_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof GOOD / sizeof GOOD[0]; i++) {
		struct accesslog_line l;
		bool ok = accesslog_parse(GOOD[i].line, strlen(GOOD[i].line), &l);
		if (ok != (GOOD[i].time >= 0))
			fail_msg("%s", GOOD[i].line);
		if (!ok)
			continue;
		assert_int_equal(l.time, GOOD[i].time);
		assert_string_equal(l.method, GOOD[i].method);
		assert_string_equal(l.target, GOOD[i].target);
		assert_int_equal(l.status, GOOD[i].status);
		assert_int_equal(l.bytes, GOOD[i].bytes);
		assert_string_equal(l.agent, GOOD[i].agent);
	}
}

static void other_lines_are_refused(void **state)
{
	struct accesslog_line l;
	(void)state;
	for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
		if (accesslog_parse(BAD[i], strlen(BAD[i]), &l))
			fail_msg("%s", BAD[i]);
}

static void lengths_are_bounded(void **state)
{
	static const char HEAD[] = "a - - [10/Oct/2025:13:55:36 +0000] \"GET /",
	                  TAIL[] = " HTTP/1.1\" 200 1 \"-\" \"curl\"";
	struct accesslog_line l;
	char *line = malloc(ACCESSLOG_LINE_MAX + 2);
	(void)state;
	assert_non_null(line);
	for (size_t n = ACCESSLOG_TARGET_CAP - 8; n < ACCESSLOG_TARGET_CAP + 100; n++) {
		size_t len = sizeof HEAD - 1;
		memcpy(line, HEAD, len);
		memset(line + len, 'x', n);
		memcpy(line + len + n, TAIL, sizeof TAIL);
		assert_int_equal(accesslog_parse(line, len + n + sizeof TAIL - 1, &l), n + 1 < ACCESSLOG_TARGET_CAP);
	}
	memset(line, '[', ACCESSLOG_LINE_MAX + 1);
	assert_false(accesslog_parse(line, ACCESSLOG_LINE_MAX, &l));
	memset(line, '{', ACCESSLOG_LINE_MAX);
	assert_false(accesslog_parse(line, ACCESSLOG_LINE_MAX, &l));
	free(line);
}

static void robots_are_told_by_their_agent(void **state)
{
	(void)state;
	assert_true(accesslog_is_bot("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"));
	assert_true(accesslog_is_bot("Mozilla/5.0 (compatible; CensysInspect/1.1)"));
	assert_false(accesslog_is_bot("curl/8.5"));
	assert_false(accesslog_is_bot("zig/0.16.0 (std.http)"));
	assert_false(accesslog_is_bot(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lines_are_taken_apart),
	    cmocka_unit_test(other_lines_are_refused),
	    cmocka_unit_test(lengths_are_bounded),
	    cmocka_unit_test(robots_are_told_by_their_agent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
