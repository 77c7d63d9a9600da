/* Package and artifact rules: what they serve, from where, and what they refuse. */
#include "tests/unit/routes.h"

/* --- rules ---------------------------------------------------------------------------------------------------------
 */

static void route_rule_maps_placeholders(void **state)
{
	static const struct {
		const char *path, *url;
	} cases[] = {{"/mach/" COMMIT ".tar.gz", "https://github.com/hexops/mach/archive/" COMMIT ".tar.gz"},
	    {"/mach/v1.2.3.tar.gz", "https://github.com/hexops/mach/archive/v1.2.3.tar.gz"},
	    {"/mach/v1.2.3-rc.1.tar.gz", "https://github.com/hexops/mach/archive/v1.2.3-rc.1.tar.gz"},
	    {"/mach/v1.2.3-rc.tar.gz.tar.gz", "https://github.com/hexops/mach/archive/v1.2.3-rc.tar.gz.tar.gz"},
	    {"/mach/v1.2.3-rc.1+b.7.tar.gz", "https://github.com/hexops/mach/archive/v1.2.3-rc.1+b.7.tar.gz"},
	    {"/mach/v0.0.0+001.tar.gz", "https://github.com/hexops/mach/archive/v0.0.0+001.tar.gz"},
	    {"/codeberg/ziglang/zig/v0.14.0.tar.gz", "https://codeberg.org/ziglang/zig/archive/v0.14.0.tar.gz"},
	    {"/codeberg/mach/mach/v0.4.0.tar.gz", "https://codeberg.org/mach/mach/archive/v0.4.0.tar.gz"},
	    {"/mach-dxcompiler/artifact/2024.10.16+da605cf.1/a_b-c.tar.gz",
	        "https://github.com/hexops/mach-dxcompiler/releases/download/2024.10.16+da605cf.1/a_b-c.tar.gz"},
	    {"/zls/a+b.zip", "https://builds.example/get?name=a%2Bb.zip&v=2"},
	    {"/zls/a+b.zip.minisig", "https://builds.example/get?name=a%2Bb.zip&v=2.minisig"},
	    {"/pair/a-b-1.0-c.zip", "https://h/a-b-1.0/c"}, {"/files/a+b", "https://h/~x/%20/a+b"},
	    {"/files/x.minisig", "https://h/~x/%20/x.minisig"}, {"/files/...", "https://h/~x/%20/..."}};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct route r, again;
		assert_string_equal(url_of(*state, cases[i].path, NULL, 0), cases[i].url);
		assert_null(url_of(*state, cases[i].path, NULL, 1));
		assert_true(resolve(*state, cases[i].path, &r, NULL));
		assert_string_equal(r.path, cases[i].path + 1);
		assert_true(route_canonical(*state, r.path, &again, NULL));
		assert_memory_equal(&r, &again, sizeof r);
	}
}

static void route_rule_tells_what_it_matched(void **state)
{
	const struct config *c = *state;
	struct route r;
	assert_true(resolve(c, "/codeberg/ziglang/zig/v0.14.0.tar.gz", &r, NULL));
	assert_int_equal(r.kind, ROUTE_PACKAGE);
	assert_string_equal(r.match.owner, "ziglang");
	assert_string_equal(r.match.repo, "zig");
	assert_string_equal(r.match.ref, "v0.14.0");
	assert_string_equal(r.match.version, "");
	assert_string_equal(r.rule->name, "forge");
	assert_null(r.keys);
	assert_int_equal(r.require, REQUIRE_TLS);
	assert_true(resolve(c, "/zls/x.tar.xz.minisig", &r, NULL));
	assert_int_equal(r.kind, ROUTE_ARTIFACT);
	assert_true(r.signature);
	assert_true(r.keys == &r.rule->keys);
	assert_int_equal(r.require, REQUIRE_SIGNED);
	assert_string_equal(r.match.file, "x.tar.xz");
	assert_true(resolve(c, "/files/x.minisig", &r, NULL));
	assert_false(r.signature);
}

static void route_rule_that_refuses_is_named(void **state)
{
	static const char ref[] = "rule mach: {ref} is neither a commit of 40 hex digits nor v and a version";
	static const char allow[] = "rule forge: this owner and repository are not allowed";
	static const char *const refs[] = {"main", "master", "HEAD", "0123456", "1.2.3", "v1.2", "v1.2.3.4", "v01.2.3",
	    "v1.2.3-", "v1.2.3+", "v1.2.3-01", "v1.2.3-a..b", "v1.2.3-a_b", "V1.2.3", "v1.2.3 ", "refs",
	    "0123456789ABCDEF0123456789ABCDEF01234567", COMMIT "0", "v", "v..", "%2e%2e", "v1.2.3\xc3\xa4"};
	const struct config *c = *state;
	char path[256];
	for (size_t i = 0; i < sizeof refs / sizeof refs[0]; i++) {
		snprintf(path, sizeof path, "/mach/%s.tar.gz", refs[i]);
		assert_refused(c, path, ref);
	}
	assert_refused(c, "/codeberg/evil/zig/v0.14.0.tar.gz", allow);
	assert_refused(c, "/codeberg/mach/mach2/v0.14.0.tar.gz", allow);
	assert_refused(
	    c, "/codeberg/zi gl/zig/v0.14.0.tar.gz", "rule forge: {owner} has a character that it may not have");
	assert_refused(
	    c, "/codeberg/ziglang/zig%2F/v0.14.0.tar.gz", "rule forge: {repo} has a character that it may not have");
	assert_refused(c, "/files/a b", "rule files: {file} has a character that it may not have");
	assert_refused(c, "/zls/a.minisig.minisig", "rule keyed: the file's name has .minisig twice");
	assert_refused(c, "/zls/" HUNDRED_A HUNDRED_A, "no rule serves this path");
}

/* A keyed file whose name is as long as it may be has a signature whose name is longer: there is none for it. */
static void route_signature_name_is_bounded(void **state)
{
	char path[300] = "/zls/";
	struct fault f = {0};
	struct route r;
	memset(path + 5, 'a', 199);
	assert_true(resolve(*state, path, &r, &f));
	memcpy(path + 5 + 199, ".minisig", 9);
	assert_refused(*state, path, "rule keyed: the file's name is too long");
}

static bool redirect(const struct route *r, const char *url, const char *host)
{
	return route_redirect_allowed(r, url, host, strlen(host));
}

static void route_redirect_goes_to_own_or_listed_hosts(void **state)
{
	static const char from[] = "https://github.com/hexops/mach/archive/v1.0.0.tar.gz";
	struct route r;
	assert_true(resolve(*state, "/mach/v1.0.0.tar.gz", &r, NULL));
	assert_true(redirect(&r, from, "github.com"));
	assert_true(redirect(&r, from, "GitHub.COM"));
	assert_true(redirect(&r, from, "codeload.github.com"));
	assert_true(redirect(&r, from, "CODELOAD.github.com"));
	assert_true(redirect(&r, from, "[2001:db8::1]"));
	assert_true(redirect(&r, from, "2001:DB8::1"));
	assert_false(redirect(&r, from, "evil.github.com"));
	assert_false(redirect(&r, from, "github.com.evil"));
	assert_false(redirect(&r, from, "github.co"));
	assert_false(redirect(&r, from, "127.0.0.1"));
	assert_false(redirect(&r, from, ""));
	assert_false(redirect(&r, "nonsense", "nonsense"));
	assert_true(redirect(&r, "https://[::1]:8443/x", "::1"));
	assert_true(resolve(*state, "/zig/zig-0.14.0.tar.xz", &r, NULL));
	assert_true(redirect(&r, "https://ziglang.org:443/x", "ziglang.org"));
	assert_false(redirect(&r, "https://ziglang.org/x", "codeload.github.com"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(route_rule_maps_placeholders, setup, teardown),
	    cmocka_unit_test_setup_teardown(route_rule_tells_what_it_matched, setup, teardown),
	    cmocka_unit_test_setup_teardown(route_rule_that_refuses_is_named, setup, teardown),
	    cmocka_unit_test_setup_teardown(route_signature_name_is_bounded, setup, teardown),
	    cmocka_unit_test_setup_teardown(route_redirect_goes_to_own_or_listed_hosts, setup, teardown)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
