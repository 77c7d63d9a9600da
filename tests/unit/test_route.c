/* The URL space: every file of real index documents, aliases, rules, and what is refused. */
#include "mirror/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ZIG_KEY "RWSGOq2NVecA2UPNdBUZykf1CCb147pkmdtYxgb3Ti+JO/wCYvhbAb/U"
#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define HUNDRED_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const char CONFIG[] =
    "base_url = \"https://pkg.example.org\"\n"
    "toolchains {\n fallbacks = {\"https://flat.example/zig/\", \"community\", \"https://two.example\"}\n}\n"
    "package \"mach\" {\n path = \"/mach/{ref}.tar.gz\"\n"
    " upstream = \"https://github.com/hexops/mach/archive/{ref}.tar.gz\"\n"
    " redirects = {\"codeload.github.com\", \"[2001:db8::1]\"}\n}\n"
    "package \"forge\" {\n path = \"/codeberg/{owner}/{repo}/{ref}.tar.gz\"\n"
    " upstream = \"https://codeberg.org/{owner}/{repo}/archive/{ref}.tar.gz\"\n"
    " allow = {\"ziglang/*\", \"mach/mach\"}\n}\n"
    "artifact \"plain\" {\n path = \"/mach-dxcompiler/artifact/{version}/{file}\"\n"
    " upstream = \"https://github.com/hexops/mach-dxcompiler/releases/download/{version}/{file}\"\n}\n"
    "artifact \"keyed\" {\n path = \"/zls/{file}\"\n upstream = \"https://builds.example/get?name={file}&v=2\"\n"
    " public_key = \"" ZIG_KEY "\"\n}\n"
    "artifact \"pair\" {\n path = \"/pair/{repo}-{version}.zip\"\n upstream = \"https://h/{repo}/{version}\"\n"
    " allow = {\"*\"}\n}\n"
    "artifact \"files\" {\n path = \"/files/{file}\"\n upstream = \"https://h/~x/%20/{file}\"\n}\n";

static struct config *parse(const char *text)
{
	struct fault f = {0};
	struct config *c = config_parse(text, strlen(text), "t.conf", &f);
	if (c == NULL)
		fail_msg("%s", f.text);
	return c;
}

static int setup(void **state)
{
	*state = parse(CONFIG);
	return *state != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	config_free(*state);
	return 0;
}

static bool resolve(const struct config *c, const char *path, struct route *r, struct fault *f)
{
	return route_resolve(c, path, strlen(path), r, f);
}

/* The kind and canonical path of a path that is served. */
static void assert_route(const struct config *c, const char *path, enum route_kind kind, const char *canonical)
{
	struct route r;
	struct fault f = {0};
	if (!resolve(c, path, &r, &f))
		fail_msg("%s: %s", path, f.text);
	if (r.kind != kind || strcmp(r.path, canonical) != 0)
		fail_msg("%s: kind %d, path %s", path, (int)r.kind, r.path);
}

static void assert_refused(const struct config *c, const char *path, const char *fault)
{
	struct route r;
	struct fault f = {0};
	if (resolve(c, path, &r, &f))
		fail_msg("%s is served as %s", path, r.path);
	assert_int_equal(f.class, FAULT_ABSENT);
	if (strcmp(f.text, fault) != 0)
		fail_msg("%s: %s", path, f.text);
}

static const char *url_of(const struct config *c, const char *path, const char *listed, size_t i)
{
	static struct route_source s;
	struct route r;
	struct fault f = {0};
	if (!resolve(c, path, &r, &f))
		fail_msg("%s: %s", path, f.text);
	return route_source(c, &r, listed, i, &s) ? s.url : NULL;
}

/* --- the real documents --------------------------------------------------------------------------------------------
 */

/* One file of a document, by all its names: where it is found, and that upstream is asked for what the document says.
 */
static void check_file(const struct config *c, const char *name, const char *listed, bool signature)
{
	const char *end = signature ? ".minisig" : "";
	char path[512], canonical[256], expected[ROUTE_URL_CAP];
	struct route r, again;
	struct fault f = {0};

	snprintf(canonical, sizeof canonical, "zig/%s%s", name, end);
	snprintf(path, sizeof path, "/%s", canonical);
	snprintf(expected, sizeof expected, "%s%s", listed, end);
	assert_route(c, path, ROUTE_TOOLCHAIN, canonical);
	assert_string_equal(url_of(c, path, listed, 0), expected);
	assert_true(resolve(c, path, &r, &f));
	assert_true(r.signature == signature && r.key == &c->toolchains.key);
	assert_true(route_canonical(c, canonical, &again, &f));
	assert_memory_equal(&r, &again, sizeof r);
	/* Without an index the rule finds the same, but for a file that is named as a release and still a build. */
	if (r.zig.odd)
		assert_null(url_of(c, path, NULL, 0));
	else if (strstr(listed, r.zig.number.dev ? "/builds/" : "/download/") != NULL)
		assert_string_equal(url_of(c, path, NULL, 0), expected);
	snprintf(path, sizeof path, "/zig/%s/%s%s", r.zig.version, name, end);
	assert_route(c, path, ROUTE_TOOLCHAIN, canonical);
	snprintf(path, sizeof path, "/download/%s/%s%s", r.zig.version, name, end);
	assert_route(c, path, ROUTE_TOOLCHAIN, canonical);
	snprintf(path, sizeof path, "/builds/%s%s", name, end);
	assert_route(c, path, ROUTE_TOOLCHAIN, canonical);
}

static void route_file_of_real_documents_comes_from_its_url(void **state)
{
	FILE *in = fopen(TEST_DATA_DIR "/upstream/files.tsv", "r");
	char line[1024];
	int files = 0, odd = 0;
	assert_non_null(in);
	for (; fgets(line, sizeof line, in) != NULL; files++) {
		char *url = strchr(line, '\t');
		assert_non_null(url);
		*url++ = '\0';
		url[strcspn(url, "\n")] = '\0';
		odd += strncmp(line, "zig-win64-", 10) == 0;
		check_file(*state, line, url, false);
		check_file(*state, line, url, true);
	}
	fclose(in);
	assert_true(files > 300);
	assert_int_equal(odd, 2);
}

/* --- toolchains ----------------------------------------------------------------------------------------------------
 */

static void route_documents_have_a_canonical_path(void **state)
{
	const struct config *c = *state;
	assert_route(c, "/zig/index.json", ROUTE_INDEX, "zig/index.json");
	assert_route(c, "/download/index.json", ROUTE_INDEX, "zig/index.json");
	assert_route(c, "/zig/community-mirrors.txt", ROUTE_MIRRORS, "zig/community-mirrors.txt");
	assert_route(c, "/download/community-mirrors.txt", ROUTE_MIRRORS, "zig/community-mirrors.txt");
	assert_string_equal(url_of(c, "/zig/index.json", NULL, 0), "https://ziglang.org/download/index.json");
	assert_string_equal(
	    url_of(c, "/zig/community-mirrors.txt", NULL, 0), "https://ziglang.org/download/community-mirrors.txt");
	assert_null(url_of(c, "/zig/index.json", NULL, 1));
}

static void route_pages_are_below_a_hyphen(void **state)
{
	const struct config *c = *state;
	assert_route(c, "/", ROUTE_LANDING, "");
	assert_route(c, "/-/status", ROUTE_STATUS, "");
	assert_route(c, "/-/health", ROUTE_HEALTH, "");
	assert_route(c, "/-/metrics", ROUTE_METRICS, "");
	assert_route(c, "/-/key", ROUTE_KEY, "");
	assert_route(c, "/-/provenance/zig/zig-0.14.0.tar.xz", ROUTE_PROVENANCE, "zig/zig-0.14.0.tar.xz");
	assert_route(c, "/-/provenance/builds/zig-0.14.0.tar.xz", ROUTE_PROVENANCE, "zig/zig-0.14.0.tar.xz");
	assert_route(c, "/-/provenance/mach/v1.0.0.tar.gz", ROUTE_PROVENANCE, "mach/v1.0.0.tar.gz");
	assert_refused(c, "/-/provenance/zig/index.json", "only files have a provenance");
	assert_refused(c, "/-/provenance/-/status", "no rule serves this path");
	assert_refused(c, "/-/provenance", "no such page");
	assert_refused(c, "/-/provenance/", "no such page");
	assert_refused(c, "/-/status/x", "no such page");
	assert_refused(c, "/-", "no such page");
	assert_refused(c, "/-/", "no such page");
}

static void route_mount_point_is_taken_off(void **state)
{
	(void)state;
	struct config *c = parse("base_url = \"https://h/a/b/\"\ntoolchains {\n prefix = \"/\"\n}\n");
	assert_route(c, "/a/b", ROUTE_LANDING, "");
	assert_route(c, "/a/b/", ROUTE_LANDING, "");
	assert_route(c, "/a/b/-/status", ROUTE_STATUS, "");
	assert_route(c, "/a/b/index.json", ROUTE_INDEX, "index.json");
	assert_route(c, "/a/b/zig-0.14.0.tar.xz", ROUTE_TOOLCHAIN, "zig-0.14.0.tar.xz");
	assert_route(c, "/a/b/0.14.0/zig-0.14.0.tar.xz", ROUTE_TOOLCHAIN, "zig-0.14.0.tar.xz");
	assert_refused(c, "/", "this mirror is below /a/b");
	assert_refused(c, "/a/bc", "this mirror is below /a/b");
	assert_refused(c, "/zig-0.14.0.tar.xz", "this mirror is below /a/b");
	config_free(c);
}

static void route_sources_are_tried_in_order(void **state)
{
	const struct config *c = *state;
	static const char path[] = "/zig/zig-0.14.0-dev.2577+271452d22.tar.xz";
	static const char name[] = "zig-0.14.0-dev.2577+271452d22.tar.xz";
	char listed[256], flat[256];
	struct route r;
	struct route_source s;
	snprintf(listed, sizeof listed, "https://ZigLang.org/old/%s", name);
	assert_string_equal(url_of(c, path, listed, 0), listed);
	snprintf(flat, sizeof flat, "https://ziglang.org/builds/%s", name);
	assert_string_equal(url_of(c, path, listed, 1), flat);
	assert_string_equal(url_of(c, path, flat, 0), flat);
	snprintf(flat, sizeof flat, "https://flat.example/zig/%s", name);
	assert_string_equal(url_of(c, path, listed, 2), flat);
	snprintf(listed, sizeof listed, "https://ziglang.org/builds/%s", name);
	assert_string_equal(url_of(c, path, listed, 1), flat);
	assert_true(resolve(c, path, &r, NULL));
	assert_true(route_source(c, &r, listed, 2, &s));
	snprintf(flat, sizeof flat, "https://two.example/%s", name);
	assert_string_equal(s.url, flat);
	assert_true(s.flat);
	assert_false(route_source(c, &r, listed, 3, &s));
	assert_true(route_source(c, &r, listed, 0, &s));
	assert_false(s.flat);
}

static void route_listed_url_counts_only_on_the_upstream(void **state)
{
	static const char *const listed[] = {"http://ziglang.org/x/zig-0.14.0.tar.xz",
	    "https://ziglang.org.evil/x/zig-0.14.0.tar.xz", "https://evil/zig-0.14.0.tar.xz",
	    "https://ziglang.org:444/zig-0.14.0.tar.xz", "https://ziglang.org@evil/zig-0.14.0.tar.xz",
	    "https://ziglang.org/zig-0.13.0.tar.xz", "https://ziglang.org/xzig-0.14.0.tar.xz",
	    "https://ziglang.org/?/zig-0.14.0.tar.xz", "https://ziglang.org/a/../zig-0.14.0.tar.xz",
	    "https://ziglang.org/a b/zig-0.14.0.tar.xz", "/zig-0.14.0.tar.xz", "zig-0.14.0.tar.xz", ""};
	for (size_t i = 0; i < sizeof listed / sizeof listed[0]; i++)
		assert_string_equal(url_of(*state, "/zig/zig-0.14.0.tar.xz", listed[i], 0),
		    "https://ziglang.org/download/0.14.0/zig-0.14.0.tar.xz");
}

static void route_flat_source_takes_a_callers_mirror(void **state)
{
	const struct config *c = *state;
	struct route r;
	struct route_source s;
	assert_true(resolve(c, "/zig/zig-0.14.0.tar.xz.minisig", &r, NULL));
	assert_true(route_flat_source(c, &r, "https://zig.example/a/", &s));
	assert_string_equal(s.url, "https://zig.example/a/zig-0.14.0.tar.xz.minisig");
	assert_true(s.flat);
	assert_false(route_flat_source(c, &r, "http://zig.example/a", &s));
	assert_false(route_flat_source(c, &r, "community", &s));
	assert_false(route_flat_source(c, &r, "https://pkg.example.org/zig", &s));
	assert_false(route_flat_source(c, &r, "http://PKG.example.org", &s));
	assert_false(route_flat_source(c, &r, "https://h/?x=", &s));
	assert_true(resolve(c, "/zig/zig-win64-0.1.1.zip", &r, NULL));
	assert_false(route_flat_source(c, &r, "https://zig.example", &s));
	assert_true(resolve(c, "/mach/v1.0.0.tar.gz", &r, NULL));
	assert_false(route_flat_source(c, &r, "https://zig.example", &s));
}

static void route_store_path_is_by_class(void **state)
{
	const struct config *c = *state;
	char out[ROUTE_STORE_CAP];
	struct route r;
	assert_true(resolve(c, "/builds/zig-0.14.0-dev.2+ab.tar.xz", &r, NULL));
	assert_int_equal(route_class(&r), CLASS_DEV);
	route_store_path(&r, CLASS_DEV, out);
	assert_string_equal(out, "store/zig/dev/0.14.0-dev.2+ab/zig-0.14.0-dev.2+ab.tar.xz");
	route_store_path(&r, CLASS_NOMINATED, out);
	assert_string_equal(out, "store/zig/nominated/0.14.0-dev.2+ab/zig-0.14.0-dev.2+ab.tar.xz");
	assert_true(resolve(c, "/zig/zig-0.14.0.tar.xz", &r, NULL));
	assert_int_equal(route_class(&r), CLASS_STABLE);
	route_store_path(&r, CLASS_STABLE, out);
	assert_string_equal(out, "store/zig/stable/0.14.0/zig-0.14.0.tar.xz");
	assert_true(resolve(c, "/mach/v1.0.0.tar.gz", &r, NULL));
	route_store_path(&r, CLASS_DEV, out);
	assert_string_equal(out, "store/package/mach/mach/v1.0.0.tar.gz");
	assert_true(resolve(c, "/files/a", &r, NULL));
	route_store_path(&r, 0, out);
	assert_string_equal(out, "store/artifact/files/files/a");
}

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
	assert_null(r.key);
	assert_int_equal(r.require, REQUIRE_TLS);
	assert_true(resolve(c, "/zls/x.tar.xz.minisig", &r, NULL));
	assert_int_equal(r.kind, ROUTE_ARTIFACT);
	assert_true(r.signature);
	assert_true(r.key == &r.rule->key);
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

static void route_other_paths_are_refused(void **state)
{
	static const char tool[] = "toolchains: not the name of a Zig toolchain file";
	static const char none[] = "no rule serves this path";
	static const struct {
		const char *path, *fault;
	} cases[] = {{"/zig", none}, {"/zig/", none}, {"/ziglang/zig-0.14.0.tar.xz", none}, {"/favicon.ico", none},
	    {"/mach", none}, {"/mach/", none}, {"/mach/v1.0.0.zip", none}, {"/mach/x/v1.0.0.tar.gz", none},
	    {"/Zig/zig-0.14.0.tar.xz", none}, {"/zig/zig-0.14.0.tar.gz", tool}, {"/zig/zig-0.14.0", tool},
	    {"/zig/zig-0.14.tar.xz", tool}, {"/zig/zig-0.14.0.1.tar.xz", tool}, {"/zig/zig-00.14.0.tar.xz", tool},
	    {"/zig/zig-0.14.0-dev.tar.xz", tool}, {"/zig/zig-0.14.0-dev.1.tar.xz", tool},
	    {"/zig/zig-0.14.0-dev.1+XY.tar.xz", tool}, {"/zig/zig-0.14.0-dev.1+AB.tar.xz", tool},
	    {"/zig/zig-0.14.0-dev.1 ab.tar.xz", tool}, {"/zig/zig-0.14.0-dev.1%2Bab.tar.xz", tool},
	    {"/zig/zig-0.14.0.tar.xz.minisig.minisig", tool}, {"/zig/zig-0.14.0.tar.xz.sig", tool},
	    {"/zig/zig-0.14.0.tar.xz ", tool}, {"/zig/ zig-0.14.0.tar.xz", tool}, {"/zig/ZIG-0.14.0.tar.xz", tool},
	    {"/zig/zls-0.14.0.tar.xz", tool}, {"/zig/zig-a-b-c-0.14.0.tar.xz", tool},
	    {"/zig/zig-li.nux-x86_64-0.14.0.tar.xz", tool}, {"/zig/zig-linux-x86/64-0.14.0.tar.xz", tool},
	    {"/zig/0.14.0/index.json", tool},
	    {"/zig/x/zig-0.14.0.tar.xz", "toolchains: the file is not of that version"},
	    {"/zig/0.13.0/zig-0.14.0.tar.xz", "toolchains: the file is not of that version"},
	    {"/download/0.13.0/zig-0.14.0.tar.xz", "toolchains: the file is not of that version"},
	    {"/zig/master/zig-0.14.0.tar.xz", "toolchains: the file is not of that version"},
	    {"/zig/zig-0.14.0.tar.xz/zig-0.14.0.tar.xz", "toolchains: a toolchain file is no folder"},
	    {"/zig/0.14.0/0.14.0/zig-0.14.0.tar.xz", tool}, {"/builds/0.14.0/zig-0.14.0.tar.xz", tool},
	    {"/builds/index.json", tool}, {"/download/zig-0.14.0.tar.xz", tool}, {"/builds", none}, {"/download", none},
	    {"/builds/", none}, {"/zig/index.json.minisig", tool}, {"/zig/Index.json", tool},
	    {"/zig/zig-" HUNDRED_A HUNDRED_A "-0.14.0.tar.xz", tool}};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_refused(*state, cases[i].path, cases[i].fault);
}

static void route_very_long_path_is_refused(void **state)
{
	char path[8192];
	struct route r;
	struct fault f = {0};
	memset(path, 'a', sizeof path);
	memcpy(path, "/zig/", 5);
	assert_false(route_resolve(*state, path, sizeof path, &r, &f));
	memcpy(path, "/files/", 7);
	assert_false(route_resolve(*state, path, sizeof path, &r, &f));
	assert_false(route_resolve(*state, path, 7 + 200, &r, &f));
	assert_true(route_resolve(*state, path, 7 + 199, &r, &f));
	for (size_t i = 0; i < sizeof path; i += 2)
		path[i] = '/';
	assert_false(route_resolve(*state, path, sizeof path, &r, &f));
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

static void route_canonical_takes_canonical_paths_only(void **state)
{
	static const char *const refused[] = {"", "/", "/zig/zig-0.14.0.tar.xz", "zig//zig-0.14.0.tar.xz",
	    "zig/./zig-0.14.0.tar.xz", "zig/../zig/zig-0.14.0.tar.xz", "zig/zig-0.14.0.tar.xz/", "zig",
	    "builds/zig-0.14.0.tar.xz", "download/0.14.0/zig-0.14.0.tar.xz", "zig/0.14.0/zig-0.14.0.tar.xz",
	    "download/index.json", "-/status", "-", "-/provenance/zig/zig-0.14.0.tar.xz", "zig/a\\b", "zig/a\nb",
	    "mach/main.tar.gz", "files/a b", "files/..", "files/.", "files/\x80"};
	static const char *const taken[] = {"zig/zig-0.14.0.tar.xz", "zig/zig-win64-0.1.1.zip", "zig/index.json",
	    "zig/community-mirrors.txt", "mach/v1.0.0.tar.gz", "zls/a.minisig", "files/a+b"};
	char path[WIRE_PATH_CAP + 1];
	struct route r;
	struct fault f = {0};
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
		if (route_canonical(*state, refused[i], &r, &f))
			fail_msg("%s is taken", refused[i]);
		assert_int_equal(f.class, FAULT_ABSENT);
	}
	for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
		if (!route_canonical(*state, taken[i], &r, &f))
			fail_msg("%s: %s", taken[i], f.text);
		assert_string_equal(r.path, taken[i]);
	}
	memset(path, 'a', sizeof path);
	path[sizeof path - 1] = '\0';
	assert_false(route_canonical(*state, path, &r, &f));
}

/* --- the rest ------------------------------------------------------------------------------------------------------
 */

static void route_content_type_is_by_ending(void **state)
{
	static const struct {
		const char *path, *type;
	} cases[] = {{"a.tar.gz", "application/gzip"}, {"a.tgz", "application/gzip"}, {"a.tar.xz", "application/x-xz"},
	    {"a.TAR.XZ", "application/x-xz"}, {"a.tar.zst", "application/zstd"}, {"a.zip", "application/zip"},
	    {"a.tar", "application/x-tar"}, {"a.tar.xz.minisig", "application/octet-stream"},
	    {"a", "application/octet-stream"}, {"", "application/octet-stream"}, {".zip", "application/octet-stream"},
	    {"a.gz/b", "application/octet-stream"}, {"index.json", "application/json"},
	    {"a.txt", "text/plain; charset=utf-8"}, {"a.html", "text/html; charset=utf-8"},
	    {"a.css", "text/css; charset=utf-8"}, {"a.js", "text/javascript; charset=utf-8"},
	    {"a.svg", "image/svg+xml"}};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_string_equal(route_content_type(cases[i].path), cases[i].type);
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
	    cmocka_unit_test_setup_teardown(route_file_of_real_documents_comes_from_its_url, setup, teardown),
	    cmocka_unit_test_setup_teardown(route_documents_have_a_canonical_path, setup, teardown),
	    cmocka_unit_test_setup_teardown(route_pages_are_below_a_hyphen, setup, teardown),
	    cmocka_unit_test(route_mount_point_is_taken_off),
	    cmocka_unit_test_setup_teardown(route_sources_are_tried_in_order, setup, teardown),
	    cmocka_unit_test_setup_teardown(route_listed_url_counts_only_on_the_upstream, setup, teardown),
	    cmocka_unit_test_setup_teardown(route_flat_source_takes_a_callers_mirror, setup, teardown),
	    cmocka_unit_test_setup_teardown(route_store_path_is_by_class, setup, teardown),
	    cmocka_unit_test_setup_teardown(route_rule_maps_placeholders, setup, teardown),
	    cmocka_unit_test_setup_teardown(route_rule_tells_what_it_matched, setup, teardown),
	    cmocka_unit_test_setup_teardown(route_rule_that_refuses_is_named, setup, teardown),
	    cmocka_unit_test_setup_teardown(route_other_paths_are_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(route_very_long_path_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(route_signature_name_is_bounded, setup, teardown),
	    cmocka_unit_test_setup_teardown(route_canonical_takes_canonical_paths_only, setup, teardown),
	    cmocka_unit_test(route_content_type_is_by_ending),
	    cmocka_unit_test_setup_teardown(route_redirect_goes_to_own_or_listed_hosts, setup, teardown)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
