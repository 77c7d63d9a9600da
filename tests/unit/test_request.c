/* What a request target becomes, and what is refused, by tables. */
#include "cgi/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *raw, *path; /* path NULL: refused */
} PATHS[] = {
    {"/", "/"},
    {"/zig/index.json", "/zig/index.json"},
    {"/zig/zig-linux-x86_64-0.14.0-dev.1+abc.tar.xz", "/zig/zig-linux-x86_64-0.14.0-dev.1+abc.tar.xz"},
    {"/zig/zig-0.14.0-dev.1%2Babc.tar.xz", "/zig/zig-0.14.0-dev.1+abc.tar.xz"},
    {"/%7A%69g/a", "/zig/a"},
    {"/a%25b", "/a%b"},
    {"/a%252Fb", "/a%2Fb"},
    {"/...", "/..."},
    {"/.well-known/a", "/.well-known/a"},
    {"/a b", "/a b"},
    {"/\xc3\xa4", "/\xc3\xa4"},
    {"", NULL},
    {"zig", NULL},
    {"//", NULL},
    {"//zig", NULL},
    {"/zig/", NULL},
    {"/zig//a", NULL},
    {"/.", NULL},
    {"/..", NULL},
    {"/zig/./a", NULL},
    {"/zig/../a", NULL},
    {"/zig/%2e%2e/a", NULL},
    {"/zig/.%2E", NULL},
    {"/zig%2Fa", NULL},
    {"/zig%2fa", NULL},
    {"/zig\\a", NULL},
    {"/zig%5Ca", NULL},
    {"/a%00b", NULL},
    {"/a%0Ab", NULL},
    {"/a%0D%0AX: y", NULL},
    {"/a\tb", NULL},
    {"/a%7F", NULL},
    {"/a%", NULL},
    {"/a%2", NULL},
    {"/a%2G", NULL},
    {"/a%%32", NULL},
    {"/a%-1", NULL},
};

static void path_is_decoded_once_or_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof PATHS / sizeof PATHS[0]; i++) {
		char out[TARGET_PATH_MAX + 1];
		size_t len = 0;
		struct fault f = {0};
		bool ok = target_decode_path(PATHS[i].raw, strlen(PATHS[i].raw), out, &len, &f);
		if (ok != (PATHS[i].path != NULL))
			fail_msg("%s: %s", PATHS[i].raw, ok ? "accepted" : f.text);
		if (ok) {
			assert_string_equal(out, PATHS[i].path);
			assert_int_equal(len, strlen(PATHS[i].path));
		} else {
			assert_int_equal(f.class, FAULT_ABSENT);
		}
	}
}

static void path_with_nul_is_refused(void **state)
{
	(void)state;
	char out[TARGET_PATH_MAX + 1];
	size_t len;
	assert_false(target_decode_path("/a\0b", 4, out, &len, NULL));
}

static void path_is_bounded_after_decoding(void **state)
{
	(void)state;
	char raw[3 * TARGET_PATH_MAX + 8], out[TARGET_PATH_MAX + 1];
	size_t len;
	raw[0] = '/';
	for (size_t i = 0; i < TARGET_PATH_MAX; i++)
		memcpy(raw + 1 + 3 * i, "%61", 3);
	assert_true(target_decode_path(raw, 1 + 3 * (TARGET_PATH_MAX - 1), out, &len, NULL));
	assert_int_equal(len, TARGET_PATH_MAX);
	assert_false(target_decode_path(raw, 1 + 3 * TARGET_PATH_MAX, out, &len, NULL));
}

static bool read_target(const char *method, const char *target, const char *mount, struct request *out, struct fault *f)
{
	const struct request_raw raw = {.method = method, .target = target, .address = "192.0.2.7"};
	return request_read(&raw, mount, out, f);
}

static void target_may_be_absolute(void **state)
{
	(void)state;
	static const struct {
		const char *target, *path;
	} cases[] = {{"http://h/zig/a?b", "/zig/a"}, {"HTTPS://h:1", "/"}, {"http://h?x=/y", "/"}, {"/a?b?c", "/a"},
	    {"/a#b", "/a"}, {"/?source=x", "/"}, {"*", NULL}, {"h:1", NULL}, {"zig/a", NULL}, {"://h/a", NULL}};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct request rq;
		struct fault f = {0};
		bool ok = read_target("GET", cases[i].target, "", &rq, &f);
		assert_int_equal(ok, cases[i].path != NULL);
		if (ok)
			assert_string_equal(rq.path, cases[i].path);
		else
			assert_int_equal(f.class, FAULT_CLIENT);
	}
}

static void target_of_eight_kib_is_refused(void **state)
{
	(void)state;
	static char target[REQUEST_TARGET_MAX + 2];
	struct request rq;
	struct fault f = {0};
	memset(target, 'a', sizeof target - 1);
	target[0] = '/';
	assert_false(read_target("GET", target, "", &rq, &f));
	assert_int_equal(f.class, FAULT_ABSENT);
}

static void mount_may_end_in_a_slash(void **state)
{
	(void)state;
	struct request rq;
	assert_true(read_target("GET", "/mirror/", "/mirror", &rq, NULL));
	assert_string_equal(rq.path, "/mirror");
	assert_false(read_target("GET", "/mirror//", "/mirror", &rq, NULL));
	assert_false(read_target("GET", "/mirrors/", "/mirror", &rq, NULL));
	assert_false(read_target("GET", "/zig/", "/mirror", &rq, NULL));
}

static void method_other_than_get_and_head_is_refused(void **state)
{
	(void)state;
	static const char *const others[] = {"POST", "PUT", "get", "OPTIONS", "GETS", "", "TRACE"};
	struct request rq;
	struct fault f = {0};
	assert_true(read_target("GET", "/", "", &rq, &f));
	assert_false(rq.head);
	assert_true(read_target("HEAD", "/", "", &rq, &f));
	assert_true(rq.head);
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		assert_false(read_target(others[i], "/", "", &rq, &f));
		assert_int_equal(f.class, FAULT_METHOD);
	}
}

static void request_without_target_is_a_client_fault(void **state)
{
	(void)state;
	struct request rq;
	struct fault f = {0};
	assert_false(read_target("GET", NULL, "", &rq, &f));
	assert_int_equal(f.class, FAULT_CLIENT);
	assert_false(read_target(NULL, "/", "", &rq, &f));
	assert_int_equal(f.class, FAULT_CLIENT);
}

static void source_is_a_word_or_a_dash(void **state)
{
	(void)state;
	static const struct {
		const char *target, *source;
	} cases[] = {{"/a?source=mlugg-setup-zig", "mlugg-setup-zig"}, {"/a", "-"}, {"/a?", "-"}, {"/a?source=", "-"},
	    {"/a?source", "-"}, {"/a?x=1&source=zvm_1.2", "zvm_1.2"}, {"/a?xsource=b", "-"}, {"/a?source=a%41", "-"},
	    {"/a?source=a b", "-"}, {"/a?source=a&source=b", "a"}, {"/a?source=a\nb", "-"}, {"/a?b#source=c", "-"},
	    {"/a?source=0123456789012345678901234567890123456789012345678901234567890123",
	        "0123456789012345678901234567890123456789012345678901234567890123"},
	    {"/a?source=01234567890123456789012345678901234567890123456789012345678901234", "-"}};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct request rq;
		assert_true(read_target("GET", cases[i].target, "", &rq, NULL));
		assert_string_equal(rq.source, cases[i].source);
	}
}

static void hand_off_mark_is_seen_in_either_query(void **state)
{
	(void)state;
	struct request rq;
	struct request_raw raw = {.method = "GET", .target = "/a"};
	assert_true(request_read(&raw, "", &rq, NULL));
	assert_false(rq.handed_off);
	raw.query = REQUEST_HANDED_OFF;
	assert_true(request_read(&raw, "", &rq, NULL));
	assert_true(rq.handed_off);
	raw.query = "x" REQUEST_HANDED_OFF;
	assert_true(request_read(&raw, "", &rq, NULL));
	assert_false(rq.handed_off);
	raw.target = "/a?b=c&" REQUEST_HANDED_OFF;
	assert_true(request_read(&raw, "", &rq, NULL));
	assert_true(rq.handed_off);
}

static void local_is_what_comes_from_a_loopback_address(void **state)
{
	(void)state;
	static const struct {
		const char *address;
		bool local;
	} cases[] = {{"127.0.0.1", true}, {"127.255.0.9", true}, {"::1", true}, {"::ffff:127.0.0.1", true},
	    {"128.0.0.1", false}, {"10.0.0.1", false}, {"::2", false}, {"::ffff:10.0.0.1", false}, {"localhost", false},
	    {"", false}, {NULL, false}};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct request_raw raw = {.method = "GET", .target = "/", .address = cases[i].address};
		struct request rq;
		assert_true(request_read(&raw, "", &rq, NULL));
		assert_int_equal(rq.local, cases[i].local);
	}
}

static void mirror_that_has_us_as_a_fallback_is_known_by_its_via(void **state)
{
	static const struct {
		const char *via;
		bool mirror;
	} cases[] = {{NULL, false}, {"", false}, {"1.1 squid", false}, {"1.1 pkgmirror", true},
	    {"1.1 pkgmirror, 1.1 varnish", true}};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct request_raw raw = {.method = "GET", .target = "/", .via = cases[i].via};
		struct request rq;
		assert_true(request_read(&raw, "", &rq, NULL));
		assert_int_equal(rq.for_mirror, cases[i].mirror);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(path_is_decoded_once_or_refused),
	    cmocka_unit_test(path_with_nul_is_refused),
	    cmocka_unit_test(path_is_bounded_after_decoding),
	    cmocka_unit_test(target_may_be_absolute),
	    cmocka_unit_test(target_of_eight_kib_is_refused),
	    cmocka_unit_test(mount_may_end_in_a_slash),
	    cmocka_unit_test(method_other_than_get_and_head_is_refused),
	    cmocka_unit_test(request_without_target_is_a_client_fault),
	    cmocka_unit_test(source_is_a_word_or_a_dash),
	    cmocka_unit_test(hand_off_mark_is_seen_in_either_query),
	    cmocka_unit_test(local_is_what_comes_from_a_loopback_address),
	    cmocka_unit_test(mirror_that_has_us_as_a_fallback_is_known_by_its_via),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
