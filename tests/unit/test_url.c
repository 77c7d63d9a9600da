/* URLs taken apart, refused, compared. */
#include "mirror/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void url_is_taken_apart(void **state)
{
	static const struct {
		const char *text;
		bool tls;
		const char *authority, *host, *path, *query;
	} cases[] = {{"https://ziglang.org", true, "ziglang.org", "ziglang.org", "", ""},
	    {"https://ziglang.org/", true, "ziglang.org", "ziglang.org", "/", ""},
	    {"http://a:8080/b/c?d=/e?f", false, "a:8080", "a", "/b/c?d=/e?f", "?d=/e?f"},
	    {"https://[2001:db8::1]:443/x", true, "[2001:db8::1]:443", "2001:db8::1", "/x", ""},
	    {"http://[::ffff:192.0.2.1]", false, "[::ffff:192.0.2.1]", "::ffff:192.0.2.1", "", ""},
	    {"https://A-b.C:1/%41+~", true, "A-b.C:1", "A-b.C", "/%41+~", ""},
	    {"https://h/{owner}/{ref}?x={file}", true, "h", "h", "/{owner}/{ref}?x={file}", "?x={file}"},
	    {"https://h/-._~!$&'()*+,;=:@/?", true, "h", "h", "/-._~!$&'()*+,;=:@/?", "?"},
	    {"https://h:65535", true, "h:65535", "h", "", ""}};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct url u;
		const char *wrong = url_parse(cases[i].text, &u);
		if (wrong != NULL)
			fail_msg("%s: %s", cases[i].text, wrong);
		assert_int_equal(u.tls, cases[i].tls);
		assert_int_equal(u.authority_len, strlen(cases[i].authority));
		assert_memory_equal(u.authority, cases[i].authority, u.authority_len);
		assert_int_equal(u.host_len, strlen(cases[i].host));
		assert_memory_equal(u.host, cases[i].host, u.host_len);
		assert_string_equal(u.path, cases[i].path);
		assert_string_equal(u.query, cases[i].query);
	}
}

static void url_of_another_form_is_refused(void **state)
{
	static const char *const cases[] = {"", "https", "https:/", "https://", "http://", "ftp://h/", "HTTPS://h/",
	    "//h/", "/a", "h/a", "https:///a", "https://-h/", "https://.h/", "https://h_x/",
	    "https://h:", "https://h:/", "https://h:0/", "https://h:65536/", "https://h:123456/", "https://h:a/",
	    "https://h:80a/", "https://h:-1/", "https://user@h/", "https://u:p@h/", "https://u:1@h/", "https://h?x",
	    "https://h#f", "https://h/#f", "https://h/a#", "https://h/a b", "https://h/a\tb", "https://h/a\nb",
	    "https://h/\"", "https://h/<", "https://h/\\", "https://h/^", "https://h/`", "https://h/|", "https://h/[",
	    "https://h/\x7f", "https://h/\xc3\xa4", "https://\xc3\xa4/", "https://h/%", "https://h/%4", "https://h/%4g",
	    "https://h/%%41", "https://[]/", "https://[::1", "https://[::1/", "https://[::1]x/", "https://[v1.a]/",
	    "https://[::1%25eth0]/", "https://::1/", "https://h\\@evil/", " https://h/", "https:// h/"};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct url u;
		const char *wrong = url_parse(cases[i], &u);
		if (wrong == NULL || wrong[0] == '\0')
			fail_msg("%s is taken", cases[i]);
	}
}

static void url_origin_is_scheme_host_and_port(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} cases[] = {{"https://h/a", "https://h/b?c", true}, {"https://H", "https://h/", true},
	    {"https://h", "http://h", false}, {"https://h", "https://h:443", false}, {"https://h", "https://hh", false},
	    {"https://h", "https://h.", false}, {"https://[::1]/", "https://[::1]/x", true},
	    {"https://h:1/", "https://h:1", true}, {"https://h:1/", "https://h:12/", false}};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct url a, b;
		assert_null(url_parse(cases[i].a, &a));
		assert_null(url_parse(cases[i].b, &b));
		assert_int_equal(url_same_origin(&a, &b), cases[i].same);
		assert_int_equal(url_same_origin(&b, &a), cases[i].same);
	}
}

static void url_below_another_is_known(void **state)
{
	static const struct {
		const char *text, *base;
		bool below;
	} cases[] = {{"https://h/a/b", "https://h/a", true}, {"https://h/a", "https://h/a", true},
	    {"https://h/a?x", "https://h/a", true}, {"http://h/a/b", "https://h/a", true},
	    {"https://H/a/b", "https://h/a", true}, {"https://h/x", "https://h", true},
	    {"https://h", "https://h", true}, {"https://h/ab", "https://h/a", false},
	    {"https://h/A/b", "https://h/a", false}, {"https://h", "https://h/a", false},
	    {"https://h:1/a", "https://h/a", false}, {"https://hh/a", "https://h/a", false},
	    {"https://h/a/ b", "https://h/a", false}, {"/a/b", "https://h/a", false}, {"https://h/a", "h", false}};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		if (url_is_below(cases[i].text, cases[i].base) != cases[i].below)
			fail_msg("%s, %s", cases[i].text, cases[i].base);
}

static void url_host_is_compared_whole(void **state)
{
	static const struct {
		const char *text, *host;
		bool has;
	} cases[] = {{"https://h.example:8443/x", "h.example", true}, {"https://h.example/", "H.EXAMPLE", true},
	    {"https://h.example/", "h.exampl", false}, {"https://h.example/", "h.example.", false},
	    {"https://evil-h.example/", "h.example", false}, {"https://h.example.evil/", "h.example", false},
	    {"https://[2001:db8::1]/", "2001:db8::1", true}, {"https://[2001:db8::1]/", "[2001:DB8::1]", true},
	    {"https://[2001:db8::1]/", "[2001:db8::1", false}, {"https://h/", "", false}, {"https://h/", "[", false},
	    {"https://h/", "[]", false}, {"https://h/", "[h]", true}};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct url u;
		assert_null(url_parse(cases[i].text, &u));
		if (url_has_host(&u, cases[i].host, strlen(cases[i].host)) != cases[i].has)
			fail_msg("%s, %s", cases[i].text, cases[i].host);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(url_is_taken_apart),
	    cmocka_unit_test(url_of_another_form_is_refused),
	    cmocka_unit_test(url_origin_is_scheme_host_and_port),
	    cmocka_unit_test(url_below_another_is_known),
	    cmocka_unit_test(url_host_is_compared_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
