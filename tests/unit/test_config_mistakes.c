/* What is wrong in a configuration, and how it is told: file, line, key, reason. */
#include "mirror/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BASE "base_url = \"https://pkg.example.org\"\n"
#define KEY "\"RWSGOq2NVecA2UPNdBUZykf1CCb147pkmdtYxgb3Ti+JO/wCYvhbAb/U\""
#define KEYED "public_key = " KEY "\n"

static struct config *parse(const char *text)
{
	struct fault f = {0};
	struct config *c = config_parse(text, strlen(text), "t.conf", &f);
	if (c == NULL)
		print_error("%s\n", f.text);
	return c;
}

#define PACKAGE(path, upstream, more)                                                                                  \
	"package \"p\" {\n  path = \"" path "\"\n  upstream = \"" upstream "\"\n" more "}\n"
#define OK_PACKAGE PACKAGE("/p/{ref}.tar.gz", "https://h/{ref}.tar.gz", "")
#define SECOND(kind, path) kind " \"q\" {\n  path = \"" path "\"\n  upstream = \"https://h/\"\n}\n"
#define TOOLCHAINS(line) "toolchains {\n" line "\n}\n"

/* What is wrong, after BASE on line 1, and what is said of it. */
static const struct {
	const char *text, *fault;
} MISTAKES[] = {
    /* keys and syntax */
    {"base_ulr = \"x\"\n", "t.conf:2: base_ulr: unknown key"},
    {"\n\n# a comment\n/* and\n another */ nothing = 1\n", "t.conf:6: nothing: unknown key"},
    {"toolchains {\n  prefix = \"/z\"\n  nothing = 1\n}\n", "t.conf:4: nothing: unknown key"},
    {"toolchainz {\n}\n", "t.conf:2: toolchainz: unknown key"},
    {"package \"x\" {\n  # c\n  max_fetches = 1\n}\n", "t.conf:4: max_fetches: unknown key"},
    {"miss_limit = 1\nmiss_limit = 2\n", "t.conf:3: syntax: miss_limit is given twice"},
    {TOOLCHAINS("fallbacks = {\"community\"}\nfallbacks = {\"community\"}"),
        "t.conf:4: syntax: fallbacks is given twice"},
    {"warmer {\n}\nwarmer {\n}\n", "t.conf:5: syntax: warmer is given twice"},
    {"offline\n= true\noffline true\n", "t.conf:4: offline: the = is missing"},
    {"offline true\n", "t.conf:2: offline: the = is missing"},
    {"ca_file = \"\n\n", "t.conf:2: syntax: a string without end"},
    {"\nca_file = '", "t.conf:3: syntax: a string without end"},
    {"/* \n\n", "t.conf:2: syntax: a comment without end"},
    {"ca_file = \"${HOME}/ca\"\n", "t.conf:2: syntax: ${...} is not expanded here, write \\$ for a dollar sign"},
    {"ca_file = ${HOME}\n", "t.conf:2: syntax: ${...} is not expanded here"},
    {"ca_file = \"/a\\0b\"\n", "t.conf:2: syntax: numeric escapes are not understood here"},
    {"ca_file = \"/a\\x41\"\n", "t.conf:2: syntax: numeric escapes are not understood here"},
    {"ca_file = /a+b\n", "t.conf:2: syntax: a value with + needs quotes"},
    {"include(\"/etc/passwd\")\n", "t.conf:2: syntax: a value with ( needs quotes"},
    {"ca_file = \"/a\\nb\"\n", "t.conf:2: ca_file: has a control character"},
    {"toolchains {\n", "t.conf:2: syntax: a { without }"},
    {"}\n", "t.conf:2: syntax: a } without {"},
    {"package {\n}\n", "t.conf:2: syntax: missing title for section 'package'"},
    {"\x01\n", "t.conf:2: syntax: a control character"},
    /* single values */
    {"state_dir = \"var\"\n", "t.conf:2: state_dir: not an absolute path"},
    {"state_dir = \"/var/../x\"\n", "t.conf:2: state_dir: has an empty segment or one of dots"},
    {"state_dir = \"/var//x\"\n", "t.conf:2: state_dir: has an empty segment or one of dots"},
    {"state_dir = \"/\"\n", "t.conf:2: state_dir: the root folder is no place for it"},
    {"state_dir = \"/var/a b\"\n", "t.conf:2: state_dir: has a space, a quote, a percent sign or a backslash"},
    {"state_dir = \"/v/12345678901234567890123456789012345678901234567890123456789012345678901234567890"
     "12345678\"\n",
        "t.conf:2: state_dir: longer than 90 bytes (a socket's name must fit)"},
    {"offload = sendfile\n",
        "t.conf:2: offload: \"sendfile\" is none of none, x-sendfile, x-accel-redirect, local-redirect"},
    {"max_fetches = 0\n", "t.conf:2: max_fetches: not a number from 1 to 256"},
    {"max_fetches = 257\n", "t.conf:2: max_fetches: not a number from 1 to 256"},
    {"max_fetches = 99999999999999999999\n", "t.conf:2: max_fetches: not a number from 1 to 256"},
    {"max_fetches = 0x10\n", "t.conf:2: max_fetches: not a number from 1 to 256"},
    {"max_fetches = \"\"\n", "t.conf:2: max_fetches: not a number from 1 to 256"},
    {"miss_limit = -1\n", "t.conf:2: miss_limit: not a number from 0 to 1000000"},
    {"status_access = everybody\n", "t.conf:2: status_access: \"everybody\" is none of local, open"},
    {"site {\n contact = \"javascript:alert(1)\"\n}\n", "t.conf:3: contact: is neither an https nor a mailto URL"},
    {"site {\n logo = \"/etc/passwd\"\n}\n", "t.conf:3: logo: is no .svg, .png or .webp file"},
    {"site {\n logo = \"/nonexistent/logo.svg\"\n}\n", "t.conf:3: logo: cannot be read: No such file or directory"},
    {"site {\n templates = \"here\"\n}\n", "t.conf:3: templates: not an absolute path"},
    {"warmer {\n access_logs = {\"/a\", \"b\"}\n}\n", "t.conf:3: access_logs: not an absolute path"},
    {"site {\n colour = \"red\"\n}\n", "t.conf:3: colour: unknown key"},
    {"maintenance = maybe\n", "t.conf:2: maintenance: neither true nor false"},
    {"fetch_linger = 1w\n",
        "t.conf:2: fetch_linger: not a time from 0s to 86400s, such as \"30s\", \"15m\", \"2h\" or \"1d\""},
    {"stall_timeout = 0\n",
        "t.conf:2: stall_timeout: not a time from 1s to 3600s, such as \"30s\", \"15m\", \"2h\" or \"1d\""},
    {"max_file_size = 0\n", "t.conf:2: max_file_size: not a size above 0, such as \"500M\" or \"2G\""},
    {"max_file_size = 9000000T\n", "t.conf:2: max_file_size: not a size above 0, such as \"500M\" or \"2G\""},
    {"ca_file = \"ca.pem\"\n", "t.conf:2: ca_file: not an absolute path"},
    {"signing_key = \"key\"\n", "t.conf:2: signing_key: not an absolute path"},
    {"ca_file = \"/nonexistent/ca.pem\"\n", "t.conf:2: ca_file: cannot be read: No such file or directory"},
    /* toolchains */
    {TOOLCHAINS("prefix = \"zig\""), "t.conf:3: prefix: does not begin with a slash"},
    {TOOLCHAINS("prefix = \"/-\""), "t.conf:3: prefix: /-/ is the mirror's own"},
    {TOOLCHAINS("prefix = \"/a//b\""), "t.conf:3: prefix: has an empty segment"},
    {TOOLCHAINS("prefix = \"/{ref}\""), "t.conf:3: prefix: placeholders have no place here"},
    {TOOLCHAINS("upstream = \"http://ziglang.org\""),
        "t.conf:3: upstream: an upstream without TLS needs allow_http_upstreams = true"},
    {TOOLCHAINS("upstream = \"ftp://ziglang.org\""), "t.conf:3: upstream: not an absolute http or https URL"},
    {TOOLCHAINS("upstream = \"https://me@ziglang.org\""), "t.conf:3: upstream: a URL with user information"},
    {TOOLCHAINS("upstream = \"https://ziglang.org/?a\""), "t.conf:3: upstream: a URL with a query or a placeholder"},
    {TOOLCHAINS("upstream = \"https://pkg.example.org/zig\""), "t.conf:3: upstream: this mirror itself"},
    {TOOLCHAINS("\nfallbacks = {\"community\",\n\"http://x.org\"}"),
        "t.conf:4: fallbacks: an upstream without TLS needs allow_http_upstreams = true"},
    {TOOLCHAINS("fallbacks = {\"https://PKG.example.org/zig\"}"), "t.conf:3: fallbacks: this mirror itself"},
    {TOOLCHAINS("public_key = \"\""), "t.conf:3: public_key: "},
    {TOOLCHAINS("public_key = \"RWSGOq2NVecA2UPNdBUZykf1CCb147pkmdtYxgb3Ti+JO/wCYvhbAb/\""), "t.conf:3: public_key: "},
    {TOOLCHAINS("nominated_index = \"index.json\""), "t.conf:3: nominated_index: not an absolute http or https URL"},
    {TOOLCHAINS("index_ttl = \"0s\""),
        "t.conf:3: index_ttl: not a time from 1s to 2592000s, such as \"30s\", \"15m\", \"2h\" or \"1d\""},
    {TOOLCHAINS("require = \"pinned\""), "t.conf:3: require: \"pinned\" is none of tls, digest, signed"},
    /* the warmer */
    {"warmer {\n  classes = {\"stable\", \"old\"}\n}\n", "t.conf:3: classes: not of stable, nominated, dev"},
    {"warmer {\n  since = \"0.6\"\n}\n", "t.conf:3: since: not a Zig version, such as \"0.11.0\""},
    {"warmer {\n  connections = 65\n}\n", "t.conf:3: connections: not a number from 1 to 64"},
    {"warmer {\n  bandwidth = \"fast\"\n}\n",
        "t.conf:3: bandwidth: not a size, such as \"500M\" or \"2G\", or 0 for no limit"},
    {"warmer {\n  dev_keep_days = 1.5\n}\n", "t.conf:3: dev_keep_days: not a number from 0 to 36500"},
    /* one rule */
    {"\npackage \"x\" {\n}\n", "t.conf:3: path: is required in a rule"},
    {"package \"x\" {\n  path = \"/x/{ref}\"\n}\n", "t.conf:2: upstream: is required in a rule"},
    {"package \"..\" {\n}\n",
        "t.conf:2: package: a rule's name has 1 to 64 characters and begins with a letter or digit"},
    {"artifact \"a/b\" {\n}\n", "t.conf:2: artifact: a rule's name is of [A-Za-z0-9._-]"},
    {OK_PACKAGE OK_PACKAGE, "t.conf:6: p: a rule has this name already"},
    {OK_PACKAGE "artifact \"p\" {\n  path = \"/a/{file}\"\n  upstream = \"https://h/{file}\"\n}\n",
        "t.conf:6: p: line 2 has a rule of this name"},
    {PACKAGE("p/{ref}", "https://h/", ""), "t.conf:3: path: does not begin with a slash"},
    {PACKAGE("/p/{ref}/", "https://h/", ""), "t.conf:3: path: has an empty segment"},
    {PACKAGE("/p/../{ref}", "https://h/", ""), "t.conf:3: path: has a segment of dots"},
    {PACKAGE("/p/{branch}", "https://h/", ""), "t.conf:3: path: unknown placeholder {branch}"},
    {PACKAGE("/p/{ref", "https://h/", ""), "t.conf:3: path: unknown placeholder {ref"},
    {PACKAGE("/p/ref}", "https://h/", ""), "t.conf:3: path: a } without {"},
    {PACKAGE("/p/{ref}/{ref}", "https://h/", ""), "t.conf:3: path: has twice the placeholder {ref}"},
    {PACKAGE("/p/{ref}{file}", "https://h/", ""), "t.conf:3: path: has two placeholders side by side"},
    {PACKAGE("/p/{ref}-{file}-{version}", "https://h/", ""),
        "t.conf:3: path: has more than two placeholders in a segment"},
    {PACKAGE("/p/a b", "https://h/", ""), "t.conf:3: path: has a character outside [A-Za-z0-9._~+@-]"},
    {PACKAGE("/-/x/{ref}", "https://h/", ""), "t.conf:3: path: /-/ is the mirror's own"},
    {PACKAGE("/", "https://h/", ""), "t.conf:3: path: has an empty segment"},
    {PACKAGE("/zig/{file}", "https://h/{file}", ""),
        "t.conf:3: path: package \"p\" can match a path of toolchain files (/zig/zig-{file})"},
    {PACKAGE("/{version}/index.json", "https://h/", ""),
        "t.conf:3: path: package \"p\" can match a path of the index (/zig/index.json)"},
    {PACKAGE("/builds/{file}", "https://h/{file}", ""),
        "t.conf:3: path: package \"p\" can match a path of toolchain files (/builds/zig-{file})"},
    {PACKAGE("/download/{version}/{file}", "https://h/{file}", ""),
        "t.conf:3: path: package \"p\" can match a path of toolchain files (/download/{version}/zig-{file})"},
    {"toolchains {\n  prefix = \"/\"\n}\n" PACKAGE("/{file}", "https://h/{file}", ""),
        "t.conf:6: path: package \"p\" can match a path of toolchain files (/zig-{file})"},
    {PACKAGE("/p/{ref}", "http://h/{ref}", ""),
        "t.conf:4: upstream: an upstream without TLS needs allow_http_upstreams = true"},
    {PACKAGE("/p/{ref}", "https://h/{owner}/{ref}", ""), "t.conf:4: upstream: {owner} is not in path"},
    {PACKAGE("/p/{ref}", "https://h/{branch}", ""), "t.conf:4: upstream: unknown placeholder {branch}"},
    {PACKAGE("/p/{ref}", "https://{ref}.h/x", ""), "t.conf:4: upstream: a URL without a proper host"},
    {PACKAGE("/p/{ref}", "https://h", ""), "t.conf:4: upstream: a URL without a path"},
    {PACKAGE("/p/{ref}", "https://h/#{ref}", ""), "t.conf:4: upstream: a URL with a fragment"},
    {PACKAGE("/p/{ref}", "https://h/%2x", ""), "t.conf:4: upstream: a URL with a broken percent escape"},
    {PACKAGE("/p/{ref}", "https://h:70000/x", ""), "t.conf:4: upstream: a URL without a proper port"},
    {PACKAGE("/p/{ref}", "https://pkg.example.org/x/{ref}", ""), "t.conf:4: upstream: this mirror itself"},
    {PACKAGE("/{owner}/{repo}/{ref}", "https://h/{owner}/{repo}/{ref}", ""),
        "t.conf:2: allow: a path with {owner} or {repo} needs patterns of what is allowed"},
    {PACKAGE("/{owner}/{repo}/{ref}", "https://h/{owner}/{repo}/{ref}", "allow = {\n\n\"ziglang\"}\n"),
        "t.conf:7: allow: \"ziglang\" is no pattern on owner/repo"},
    {PACKAGE("/p/{repo}/{ref}", "https://h/{repo}/{ref}", "allow = {\"a/b\"}\n"),
        "t.conf:5: allow: \"a/b\" is no pattern on repo"},
    {PACKAGE("/p/{ref}", "https://h/{ref}", "allow = {\"a\"}\n"),
        "t.conf:5: allow: path has neither {owner} nor {repo}"},
    {PACKAGE("/p/{ref}", "https://h/{ref}", "redirects = {\"https://h2\"}\n"),
        "t.conf:5: redirects: not a host name (no scheme, no port, no pattern)"},
    {PACKAGE("/p/{ref}", "https://h/{ref}", "redirects = {\"h2:443\"}\n"),
        "t.conf:5: redirects: not a host name (no scheme, no port, no pattern)"},
    {PACKAGE("/p/{ref}", "https://h/{ref}", "redirects = {\"*\"}\n"),
        "t.conf:5: redirects: not a host name (no scheme, no port, no pattern)"},
    {PACKAGE("/p/{ref}", "https://h/{ref}", "token_file = \"token\"\n"), "t.conf:5: token_file: not an absolute path"},
    {PACKAGE("/p/{ref}", "https://h/{ref}", "public_key = \"RW\"\n"), "t.conf:5: public_key: "},
    {PACKAGE("/p/{ref}", "https://h/{ref}", "old_public_keys = {\"RW\"}\n"),
        "t.conf:5: old_public_keys: needs a public_key"},
    {TOOLCHAINS("old_public_keys = {\"RW\"}"), "t.conf:3: old_public_keys: "},
    {TOOLCHAINS("old_public_keys = {" KEY ", " KEY ", " KEY ", " KEY ", " KEY ", " KEY ", " KEY ", " KEY "}"),
        "t.conf:3: old_public_keys: more than seven"},
    {PACKAGE("/p/{ref}", "https://h/{ref}", "require = \"signed\"\n"), "t.conf:5: require: signed needs a public_key"},
    {PACKAGE("/p/{ref}", "https://h/{ref}", "require = \"digest\"\n"),
        "t.conf:5: require: digest needs a public_key (no index lists these files)"},
    /* two rules */
    {OK_PACKAGE SECOND("package", "/p/{file}"),
        "t.conf:6: path: package \"p\" (line 2) and package \"q\" (line 6) can match the same path"},
    {OK_PACKAGE SECOND("artifact", "/{file}/v1.0.0.tar.gz"),
        "t.conf:6: path: package \"p\" (line 2) and artifact \"q\" (line 6) can match the same path"},
    {OK_PACKAGE SECOND("artifact", "/p/v{version}.tar.gz"),
        "t.conf:6: path: package \"p\" (line 2) and artifact \"q\" (line 6) can match the same path"},
    {OK_PACKAGE SECOND("artifact", "/p/{version}/x"),
        "t.conf:6: path: package \"p\" (line 2) and artifact \"q\" (line 6) can match a file and a folder of the "
        "same name"},
    {PACKAGE("/p/{version}.zip", "https://h/{version}", KEYED) SECOND("artifact", "/p/{version}.zip.minisig"),
        "t.conf:7: path: package \"p\" (line 2) and artifact \"q\" (line 7) can match the same path"},
    {PACKAGE("/p/{version}.minisig", "https://h/{version}",
         "") "package \"q\" {\n  path = \"/p/x\"\n  upstream = \"https://h/\"\n" KEYED "}\n",
        "t.conf:6: path: package \"p\" (line 2) and package \"q\" (line 6) can match the same path"},
};

static void config_mistake_names_file_line_and_key(void **state)
{
	(void)state;
	char text[2048];
	int wrong = 0;
	for (size_t i = 0; i < sizeof MISTAKES / sizeof MISTAKES[0]; i++) {
		struct fault f = {0};
		const char *expected = MISTAKES[i].fault;
		size_t n = strlen(expected);
		snprintf(text, sizeof text, BASE "%s", MISTAKES[i].text);
		struct config *c = config_parse(text, strlen(text), "t.conf", &f);
		/* A reason of another room is compared up to its colon. */
		if (c == NULL && f.class == FAULT_CONFIG &&
		    (expected[n - 1] == ' ' ? strncmp(f.text, expected, n) == 0 && f.text[n] != '\0'
		                            : strcmp(f.text, expected) == 0))
			continue;
		wrong++;
		print_error("%s\nexpected: %s\n     got: %s\n", text, expected, c != NULL ? "no fault" : f.text);
		config_free(c);
	}
	assert_int_equal(wrong, 0);
}

static void config_base_url_is_required_and_checked(void **state)
{
	static const struct {
		const char *text, *fault;
	} cases[] = {{"", "t.conf:1: base_url: is required, such as \"https://pkg.example.org\""},
	    {"\nbase_url = \"\"\n", "t.conf:2: base_url: is required, such as \"https://pkg.example.org\""},
	    {"base_url = \"pkg.example.org\"\n", "t.conf:1: base_url: not an absolute http or https URL"},
	    {"base_url = \"https://\"\n", "t.conf:1: base_url: a URL without a proper host"},
	    {"base_url = \"https://a?b\"\n", "t.conf:1: base_url: a URL without a proper host"},
	    {"base_url = \"https://a/?b\"\n", "t.conf:1: base_url: a URL with a query"},
	    {"base_url = \"https://a/b//\"\n", "t.conf:1: base_url: its path has an empty segment"},
	    {"base_url = \"https://a/b%20c\"\n",
	        "t.conf:1: base_url: its path has a character outside [A-Za-z0-9._~+@-]"}};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct fault f = {0};
		assert_null(config_parse(cases[i].text, strlen(cases[i].text), "t.conf", &f));
		assert_string_equal(f.text, cases[i].fault);
	}
}

/* Pairs of rules that look alike and are apart. */
static void config_rules_apart_are_accepted(void **state)
{
	static const char *const second[] = {"/p/{version}.zip", "/p/x{ref}.tar.gz", "/q/{ref}.tar.gz",
	    "/p/artifact/{version}/{file}", "/p/{version}.tar.gz.minisig", "/p/0123456789.tar.gz", "/p/main.tar.gz",
	    "/p/v1.0.tar.gz"};
	(void)state;
	for (size_t i = 0; i < sizeof second / sizeof second[0]; i++) {
		char text[1024];
		snprintf(text, sizeof text,
		    BASE OK_PACKAGE "artifact \"q\" {\npath = \"%s\"\nupstream = \"https://h/\"\n}\n", second[i]);
		struct config *c = parse(text);
		assert_non_null(c);
		config_free(c);
	}
}

/* A mirror of any project at the root, beside toolchains at the root. */
static void config_rule_beside_a_root_prefix_is_accepted(void **state)
{
	(void)state;
	struct config *c = parse(BASE "toolchains {\n prefix = \"/\"\n}\n"
	                              "package \"p\" {\n path = \"/{repo}/{ref}.tar.gz\"\n"
	                              " upstream = \"https://h/{repo}/{ref}\"\n allow = {\"mach*\"}\n}\n"
	                              "artifact \"a\" {\n path = \"/{repo}/artifact/{version}/{file}\"\n"
	                              " upstream = \"https://h/{repo}/{version}/{file}\"\n allow = {\"mach*\"}\n}\n");
	assert_non_null(c);
	config_free(c);
}

static void config_text_may_hold_any_byte(void **state)
{
	(void)state;
	struct fault f = {0};
	assert_null(config_parse("\n\n\0", 3, "t.conf", &f));
	assert_string_equal(f.text, "t.conf:3: syntax: a NUL byte");
	char *large = calloc(1, 1024 * 1024 + 1);
	assert_non_null(large);
	assert_null(config_parse(large, 1024 * 1024 + 1, "t.conf", &f));
	assert_string_equal(f.text, "t.conf: larger than 1 MiB");
	free(large);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(config_mistake_names_file_line_and_key),
	    cmocka_unit_test(config_base_url_is_required_and_checked),
	    cmocka_unit_test(config_rules_apart_are_accepted),
	    cmocka_unit_test(config_rule_beside_a_root_prefix_is_accepted),
	    cmocka_unit_test(config_text_may_hold_any_byte)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
