/* The URL space: every file of real index documents, aliases, rules, and what is refused. */
#include "tests/unit/routes.h"

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
	assert_true(r.signature == signature && r.keys == &c->toolchains.keys);
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

/* --- what is refused ---------------------------------------------------------------------------------------------- */

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
	    {"/zig/0.13.0/zig-0.14.0.tar.xz.minisig", "toolchains: the file is not of that version"},
	    {"/zig/0.14/zig-0.14.0.tar.xz", "toolchains: the file is not of that version"},
	    {"/zig/0.14.0-dev.1+ab/zig-0.14.0.tar.xz", "toolchains: the file is not of that version"},
	    {"/zig/0.14.0/zig-0.14.0-dev.1+ab.tar.xz", "toolchains: the file is not of that version"},
	    {"/download/0.14.0-dev.1+ab/zig-0.14.0-dev.1+ac.tar.xz", "toolchains: the file is not of that version"},
	    {"/download/0.14.0-dev.2+ab/zig-0.14.0-dev.1+ab.tar.xz.minisig",
	        "toolchains: the file is not of that version"},
	    {"/download/0.1.1/zig-win64-0.2.0.zip", "toolchains: the file is not of that version"},
	    {"/zig/zig--0.14.0.tar.xz", tool},
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
	    cmocka_unit_test_setup_teardown(route_other_paths_are_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(route_very_long_path_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(route_canonical_takes_canonical_paths_only, setup, teardown),
	    cmocka_unit_test(route_content_type_is_by_ending)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
