/* The configuration: defaults, every mistake with its file, line and key, and what is printed. */
#include "mirror/config.h"
#include "tests/unit/scratch.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define BASE "base_url = \"https://pkg.example.org\"\n"
#define ZIG_KEY "RWSGOq2NVecA2UPNdBUZykf1CCb147pkmdtYxgb3Ti+JO/wCYvhbAb/U"
#define KEYED "public_key = \"" ZIG_KEY "\"\n"

static struct config *parse(const char *text)
{
	struct fault f = {0};
	struct config *c = config_parse(text, strlen(text), "t.conf", &f);
	if (c == NULL)
		print_error("%s\n", f.text);
	return c;
}

static void config_without_keys_has_the_defaults(void **state)
{
	(void)state;
	struct config *c = parse(BASE);
	assert_non_null(c);
	assert_string_equal(c->file, "t.conf");
	assert_string_equal(c->base_url, "https://pkg.example.org");
	assert_string_equal(c->mount, "");
	assert_string_equal(c->state_dir, "/var/lib/pkgmirror");
	assert_int_equal(c->offload, OFFLOAD_X_SENDFILE);
	assert_int_equal(c->max_fetches, 8);
	assert_int_equal(c->fetch_linger_sec, 60);
	assert_int_equal(c->stall_timeout_sec, 30);
	assert_int_equal(c->miss_limit, 60);
	assert_false(c->maintenance || c->offline || c->verify_before_send);
	assert_false(c->allow_private_upstreams || c->allow_http_upstreams);
	assert_int_equal(c->max_file_bytes, INT64_C(2) << 30);
	assert_string_equal(c->ca_file, "");
	assert_string_equal(c->toolchains.prefix, "/zig");
	assert_string_equal(c->toolchains.upstream, "https://ziglang.org");
	assert_int_equal(c->toolchains.fallbacks.count, 1);
	assert_string_equal(c->toolchains.fallbacks.items[0], "https://pkg.hexops.org/zig");
	assert_string_equal(c->toolchains.nominated_index, "https://pkg.hexops.org/zig/index.json");
	assert_int_equal(c->toolchains.index_ttl_sec, 900);
	assert_int_equal(c->toolchains.require, REQUIRE_DIGEST);
	assert_int_equal(c->toolchains.key.id[0], 0x86);
	assert_int_equal(c->rule_count, 0);
	assert_int_equal(c->warmer.connections, 4);
	assert_int_equal(c->warmer.bandwidth_bytes, 0);
	assert_int_equal(c->warmer.classes, CLASS_STABLE | CLASS_NOMINATED);
	assert_string_equal(c->warmer.since, "0.6.0");
	assert_true(c->warmer.complete_versions);
	assert_int_equal(c->warmer.dev_keep_days, 90);
	assert_int_equal(c->warmer.max_bytes, 0);
	config_free(c);
}

/* The sections of the manual's own example. */
static const char FULL[] =
    "# comment\n"
    "base_url = \"https://pkg.example.org/mirror/\" /* a comment */\n"
    "state_dir = '/srv/pkgmirror'\n"
    "offload = none // another\n"
    "max_fetches = 16\n fetch_linger = \"5m\"\n stall_timeout = \"10s\"\n miss_limit = 0\n"
    "maintenance = yes\n offline = on\n verify_before_send = true\n max_file_size = \"512M\"\n"
    "allow_private_upstreams = true\n allow_http_upstreams = true\n"
    "toolchains {\n"
    "  prefix = \"/\"\n  upstream = \"http://127.0.0.1:8001/zl/\"\n"
    "  fallbacks = {\n    \"community\",   # a comment in a list\n    \"http://127.0.0.1:8002\"\n  }\n"
    "  nominated_index = \"\"\n  index_ttl = \"1d\"\n  require = \"signed\"\n}\n"
    "package \"mach\" {\n  path = \"/mach/{ref}.tar.gz\"\n"
    "  upstream = \"https://github.com/hexops/mach/archive/{ref}.tar.gz\"\n"
    "  redirects = {\"codeload.github.com\"}\n  token_file = \"/etc/pkgmirror.token\"\n}\n"
    "package \"codeberg\" {\n  path = \"/codeberg/{owner}/{repo}/{ref}.tar.gz\"\n"
    "  upstream = \"https://codeberg.org/{owner}/{repo}/archive/{ref}.tar.gz\"\n"
    "  allow = {\"ziglang/*\", \"mach/mach\"}\n}\n"
    "artifact \"zls\" {\n  path = \"/zls/{version}/{file}\"\n  upstream = \"https://builds.example/{file}\"\n"
    "  public_key = \"" ZIG_KEY "\"\n}\n"
    "warmer {\n  connections = 2\n  bandwidth = \"1M\"\n  classes = {\"dev\"}\n  since = \"\"\n"
    "  complete_versions = no\n  dev_keep_days = 7\n  max_bytes = \"1T\"\n}\n";

static void config_with_all_keys_is_read(void **state)
{
	(void)state;
	struct config *c = parse(FULL);
	assert_non_null(c);
	assert_string_equal(c->base_url, "https://pkg.example.org/mirror");
	assert_string_equal(c->mount, "/mirror");
	assert_string_equal(c->state_dir, "/srv/pkgmirror");
	assert_int_equal(c->offload, OFFLOAD_NONE);
	assert_int_equal(c->fetch_linger_sec, 300);
	assert_int_equal(c->stall_timeout_sec, 10);
	assert_true(c->maintenance && c->offline && c->verify_before_send);
	assert_int_equal(c->max_file_bytes, 512 << 20);
	assert_string_equal(c->toolchains.prefix, "");
	assert_string_equal(c->toolchains.upstream, "http://127.0.0.1:8001/zl");
	assert_int_equal(c->toolchains.fallbacks.count, 2);
	assert_string_equal(c->toolchains.fallbacks.items[0], "community");
	assert_int_equal(c->toolchains.index_ttl_sec, 86400);
	assert_int_equal(c->rule_count, 3);
	assert_string_equal(c->rules[0].name, "mach");
	assert_int_equal(c->rules[0].line, 26);
	assert_int_equal(c->rules[0].require, REQUIRE_TLS);
	assert_string_equal(c->rules[0].token_file, "/etc/pkgmirror.token");
	assert_int_equal(c->rules[1].line, 32);
	assert_int_equal(c->rules[1].allow.count, 2);
	assert_int_equal(c->rules[2].kind, RULE_ARTIFACT);
	assert_int_equal(c->rules[2].line, 37);
	assert_true(c->rules[2].has_key);
	assert_int_equal(c->rules[2].require, REQUIRE_SIGNED);
	assert_int_equal(c->warmer.classes, CLASS_DEV);
	assert_int_equal(c->warmer.max_bytes, INT64_C(1) << 40);
	config_free(c);
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
    {"maintenance = maybe\n", "t.conf:2: maintenance: neither true nor false"},
    {"fetch_linger = 1w\n",
        "t.conf:2: fetch_linger: not a time from 0s to 86400s, such as \"30s\", \"15m\", \"2h\" or \"1d\""},
    {"stall_timeout = 0\n",
        "t.conf:2: stall_timeout: not a time from 1s to 3600s, such as \"30s\", \"15m\", \"2h\" or \"1d\""},
    {"max_file_size = 0\n", "t.conf:2: max_file_size: not a size above 0, such as \"500M\" or \"2G\""},
    {"max_file_size = 9000000T\n", "t.conf:2: max_file_size: not a size above 0, such as \"500M\" or \"2G\""},
    {"ca_file = \"ca.pem\"\n", "t.conf:2: ca_file: not an absolute path"},
    {"ca_file = \"/nonexistent/ca.pem\"\n", "t.conf:2: ca_file: cannot be read"},
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

static char *print(const struct config *c)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	assert_non_null(out);
	assert_true(config_print(c, out));
	fclose(out);
	return text;
}

static void config_printed_is_read_back_the_same(void **state)
{
	static const char *const texts[] = {BASE, FULL,
	    BASE "ca_file = \"/dev/null\"\nstate_dir = \"/a\\$\\{b\"\n"
	         "package \"p\" {\n path = \"/{owner}/{ref}\"\n upstream = \"https://h/{owner}/{ref}?a=$b\"\n"
	         " allow = {\"a\\\"\\\\*\"}\n require = tls\n}\n"};
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct config *first = parse(texts[i]);
		assert_non_null(first);
		char *text = print(first);
		struct config *second = parse(text);
		assert_non_null(second);
		char *again = print(second);
		assert_string_equal(text, again);
		assert_string_equal(first->state_dir, second->state_dir);
		assert_memory_equal(&first->toolchains.key, &second->toolchains.key, sizeof first->toolchains.key);
		assert_int_equal(first->rule_count, second->rule_count);
		free(text);
		free(again);
		config_free(first);
		config_free(second);
	}
}

static void config_printed_shows_an_example_of_each_rule(void **state)
{
	(void)state;
	struct config *c = parse(FULL);
	assert_non_null(c);
	char *text = print(c);
	assert_non_null(
	    strstr(text, "  # https://pkg.example.org/mirror/mach/0123456789abcdef0123456789abcdef01234567.tar.gz\n"
	                 "  #   is https://github.com/hexops/mach/archive/"
	                 "0123456789abcdef0123456789abcdef01234567.tar.gz\n"));
	assert_non_null(strstr(text, "/zls/1.0.0/file.tar.gz\n"));
	free(text);
	config_free(c);
}

/* Reads a file whole, NUL-terminated, behind the `used` bytes that text has. */
static void read_file(const char *path, char *text, size_t used, size_t cap)
{
	FILE *in = fopen(path, "r");
	assert_non_null(in);
	text[used + fread(text + used, 1, cap - used - 1, in)] = '\0';
	fclose(in);
}

/* Every key is in the manual page, with its value's name in the page's markup: ".It Ic KEY". */
static void config_key_is_in_the_manual(void **state)
{
	(void)state;
	struct config *c = parse(FULL);
	assert_non_null(c);
	char *text = print(c), *save = NULL, manual[65536];
	read_file(TEST_DATA_DIR "/../../man/pkgmirror.conf.5", manual, 0, sizeof manual);
	for (char *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
		char key[64], item[80];
		size_t skip = strspn(line, " "), len = strcspn(line + skip, " ");
		if (line[skip] == '#' || strstr(line, " = ") == NULL)
			continue;
		snprintf(key, sizeof key, "%.*s", (int)len, line + skip);
		snprintf(item, sizeof item, ".It Ic %s ", key);
		if (strstr(manual, item) == NULL)
			fail_msg("%s is not in pkgmirror.conf(5)", key);
	}
	free(text);
	config_free(c);
}

static void config_examples_are_valid(void **state)
{
	static const char folder[] = TEST_DATA_DIR "/../../deploy/examples";
	char text[65536] = BASE, path[512];
	int examples = 0;
	(void)state;
	DIR *dir = opendir(folder);
	assert_non_null(dir);
	for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
		if (strstr(e->d_name, ".conf") == NULL)
			continue;
		snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
		read_file(path, text, sizeof BASE - 1, sizeof text);
		struct config *c = parse(text);
		assert_non_null(c);
		assert_true(c->rule_count > 0);
		config_free(c);
		examples++;
	}
	closedir(dir);
	assert_true(examples > 0);
	/* The example of the manual page. */
	read_file(TEST_DATA_DIR "/../../man/pkgmirror.conf.5", text, 0, sizeof text);
	char *begin = strstr(text, "\nbase_url  = "), *end = begin != NULL ? strstr(begin, "\n.Ed") : NULL;
	assert_non_null(end);
	*end = '\0';
	struct config *c = parse(begin);
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

static void config_load_reads_a_file(void **state)
{
	(void)state;
	char dir[SCRATCH_CAP], path[128];
	struct fault f = {0};
	assert_true(scratch_make(dir));
	snprintf(path, sizeof path, "%s/c.conf", dir);
	assert_null(config_load(path, &f));
	assert_int_equal(f.class, FAULT_CONFIG);
	assert_non_null(strstr(f.text, "/c.conf: cannot be read: "));
	FILE *out = fopen(path, "w");
	assert_non_null(out);
	fputs("base_url = https://pkg.example.org\r\noffline = true", out);
	fclose(out);
	struct config *c = config_load(path, &f);
	assert_non_null(c);
	assert_string_equal(c->file, path);
	assert_string_equal(c->base_url, "https://pkg.example.org");
	assert_true(c->offline);
	config_free(c);
	assert_null(config_load(dir, &f));
	assert_non_null(strstr(f.text, "cannot be read: "));
	scratch_remove(dir);
}

static void config_path_prefers_option_then_environment(void **state)
{
	(void)state;
	unsetenv("PKGMIRROR_CONFIG");
	assert_non_null(strstr(config_path(NULL), "/pkgmirror.conf"));
	setenv("PKGMIRROR_CONFIG", "/a", 1);
	assert_string_equal(config_path(NULL), "/a");
	assert_string_equal(config_path("/b"), "/b");
	unsetenv("PKGMIRROR_CONFIG");
}

static void config_sizes_and_times_have_units(void **state)
{
	(void)state;
	int64_t n = 0;
	assert_true(config_parse_size("0", &n) && n == 0);
	assert_true(config_parse_size("3K", &n) && n == 3072);
	assert_true(config_parse_size("8388607T", &n) && n == INT64_C(8388607) << 40);
	assert_true(config_parse_size("9223372036854775807", &n) && n == INT64_MAX);
	assert_false(config_parse_size("9223372036854775808", &n));
	assert_false(config_parse_size("8388608T", &n));
	assert_false(config_parse_size("", &n) || config_parse_size("K", &n) || config_parse_size("1KB", &n));
	assert_false(config_parse_size("-1", &n) || config_parse_size("+1", &n) || config_parse_size(" 1", &n));
	assert_false(config_parse_size("1k", &n) || config_parse_size("1s", &n) || config_parse_size("1.5K", &n));
	assert_true(config_parse_time("90", &n) && n == 90);
	assert_true(config_parse_time("90s", &n) && n == 90);
	assert_true(config_parse_time("2m", &n) && n == 120);
	assert_true(config_parse_time("2h", &n) && n == 7200);
	assert_true(config_parse_time("2d", &n) && n == 172800);
	assert_false(config_parse_time("2w", &n) || config_parse_time("m", &n) || config_parse_time("1 m", &n));
	assert_false(config_parse_time("9223372036854775807m", &n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(config_without_keys_has_the_defaults),
	    cmocka_unit_test(config_with_all_keys_is_read), cmocka_unit_test(config_mistake_names_file_line_and_key),
	    cmocka_unit_test(config_base_url_is_required_and_checked),
	    cmocka_unit_test(config_rules_apart_are_accepted),
	    cmocka_unit_test(config_rule_beside_a_root_prefix_is_accepted),
	    cmocka_unit_test(config_printed_is_read_back_the_same),
	    cmocka_unit_test(config_printed_shows_an_example_of_each_rule),
	    cmocka_unit_test(config_key_is_in_the_manual), cmocka_unit_test(config_examples_are_valid),
	    cmocka_unit_test(config_text_may_hold_any_byte), cmocka_unit_test(config_load_reads_a_file),
	    cmocka_unit_test(config_path_prefers_option_then_environment),
	    cmocka_unit_test(config_sizes_and_times_have_units)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
