/* index.json in and out: real documents, what is refused whole, what is left out, what a second import changes. */
#include "mirror/catalog_sql.h"
#include "mirror/index.h"
#include "mirror/log.h"
#include "tests/unit/catalogs.h"

#include <fcntl.h>
#include <unistd.h>

#define UPSTREAM "https://ziglang.org/download/index.json"
#define NOMINATED "https://pkg.machengine.org/zig/index.json"
#define CONFIG_TEXT "base_url = \"https://pkg.example.org/m\"\ntoolchains {\n nominated_index = \"" NOMINATED "\"\n}\n"

#define SHA "\"shasum\":\"" SHA256_TEXT "\""
#define FILE_OF(url) "{\"tarball\":\"" url "\"," SHA ",\"size\":\"12\"}"
#define LINUX_FILE FILE_OF("https://ziglang.org/download/0.14.1/zig-x86_64-linux-0.14.1.tar.xz")

struct fixture {
	struct place *place;
	struct config *config;
	int log; /* what was logged */
};

static int set_up(void **state)
{
	struct fixture *x = calloc(1, sizeof *x);
	void *place = NULL;
	struct fault f = {0};
	char log[] = "/tmp/pkgmirror.XXXXXX";
	if (x == NULL || make_place(&place) != 0)
		return -1;
	x->place = place;
	x->config = config_parse(CONFIG_TEXT, strlen(CONFIG_TEXT), "t.conf", &f);
	if (x->config == NULL)
		fail_msg("%s", f.text);
	x->log = mkstemp(log);
	assert_true(x->log >= 0 && unlink(log) == 0);
	log_open("test", x->log, LOG_INFO_LEVEL);
	*state = x;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *x = *state;
	void *place = x->place;
	log_open("test", STDERR_FILENO, LOG_INFO_LEVEL);
	close(x->log);
	config_free(x->config);
	free(x);
	return remove_place(&place);
}

static bool import(struct fixture *x, const char *name, const char *body, struct fault *f)
{
	struct index_document d = {.name = name,
	    .url = strcmp(name, "index") == 0 ? UPSTREAM : NOMINATED,
	    .etag = "\"e\"",
	    .body = body,
	    .len = strlen(body)};
	*f = (struct fault){0};
	return index_import(x->place->catalog, x->config, &d, 1000, f);
}

static void import_good(struct fixture *x, const char *name, const char *body)
{
	struct fault f;
	if (!import(x, name, body, &f))
		fail_msg("%s", f.text);
}

/* The caller frees it. */
static char *read_document(const char *name)
{
	char path[512];
	char *text = calloc(1, INDEX_BYTES_MAX);
	snprintf(path, sizeof path, TEST_DATA_DIR "/upstream/%s", name);
	FILE *in = fopen(path, "r");
	assert_true(text != NULL && in != NULL);
	assert_true(fread(text, 1, INDEX_BYTES_MAX - 1, in) > 0);
	fclose(in);
	return text;
}

static void import_file(struct fixture *x, const char *name, const char *file)
{
	char *text = read_document(file);
	import_good(x, name, text);
	free(text);
}

/* The caller frees it. */
static char *build(struct fixture *x)
{
	char *text = NULL;
	size_t len = 0;
	struct fault f = {0};
	if (!index_build(x->place->catalog, x->config, &text, &len, &f))
		fail_msg("%s", f.text);
	assert_int_equal(strlen(text), len);
	return text;
}

static int64_t number(struct fixture *x, const char *sql)
{
	return number_beside(x->place->file, sql);
}

/* What was logged since the last call. */
static const char *logged(struct fixture *x)
{
	static char text[65536];
	assert_int_equal(lseek(x->log, 0, SEEK_SET), 0);
	ssize_t n = read(x->log, text, sizeof text - 1);
	text[n > 0 ? n : 0] = '\0';
	assert_int_equal(ftruncate(x->log, 0), 0);
	assert_int_equal(lseek(x->log, 0, SEEK_SET), 0);
	return text;
}

/* --- real documents ------------------------------------------------------------------------------------------------
 */

/* The file `name` of the entry of a release is found at the entry's URL; master's may be found at a release's. */
static void check_entry(struct fixture *x, const char *key, const char *url, int *apart)
{
	struct catalog_artifact a;
	struct fault f = {0};
	if (!catalog_artifact_get(x->place->catalog, strrchr(url, '/') + 1, &a, &f))
		fail_msg("%s", f.text);
	assert_int_equal(strlen(a.sha256), 64);
	assert_true(a.size > 0);
	if (strcmp(a.url, url) == 0)
		return;
	if (strcmp(key, "master") != 0)
		fail_msg("%s: %s, not %s", key, a.url, url);
	++*apart;
}

/* Each file of the document that was imported last. Returns how many there are. */
static int check_document(struct fixture *x, const char *name, int *apart)
{
	static const char sql[] =
	    "SELECT v.key, coalesce(p.value ->> '$.zigTarball', p.value ->> '$.tarball') FROM source, json_each(body) v, "
	    "json_each(v.value) p WHERE name = ?1 AND p.type = 'object' AND p.value ->> '$.tarball' IS NOT NULL";
	sqlite3 *db = open_beside(x->place->file);
	sqlite3_stmt *s = NULL;
	int files = 0;
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
	sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
	for (; sqlite3_step(s) == SQLITE_ROW; files++)
		check_entry(x, (const char *)sqlite3_column_text(s, 0), (const char *)sqlite3_column_text(s, 1), apart);
	sqlite3_finalize(s);
	sqlite3_close(db);
	return files;
}

static void file_of_real_documents_is_found_at_its_url(void **state)
{
	static const struct {
		const char *name, *file;
		int files, apart; /* apart: of master, but a release has the same */
	} documents[] = {{"nominated", "machengine-index.json", 306, 0},
	    {"index", "ziglang-index-2025-05-20.json", 211, 0}, {"index", "ziglang-index-2025-05-21.json", 226, 0},
	    {"index", "ziglang-index-2025-10-11.json", 287, 25}};
	struct fixture *x = *state;
	struct catalog_artifact a;
	for (size_t i = 0; i < sizeof documents / sizeof documents[0]; i++) {
		int apart = 0;
		import_file(x, documents[i].name, documents[i].file);
		int files = check_document(x, documents[i].name, &apart);
		if (files != documents[i].files || apart != documents[i].apart)
			fail_msg("%s: %d files, %d apart", documents[i].file, files, apart);
	}
	assert_string_equal(logged(x), "");
	/* The odd ones. */
	assert_true(catalog_artifact_get(x->place->catalog, "zig-win64-0.1.1.zip", &a, NULL));
	assert_string_equal(a.url, "https://ziglang.org/download/0.1.1/zig-win64-0.1.1.zip");
	assert_true(catalog_artifact_get(x->place->catalog, "zig-win64-0.2.0.zip", &a, NULL));
	assert_string_equal(a.url, "https://ziglang.org/download/0.2.0/zig-win64-0.2.0.zip");
	assert_int_equal(number(x, "SELECT count(*) FROM source WHERE body IS NOT NULL AND fetched_at = 1000"), 2);
}

static void file_of_a_release_and_of_master_has_the_releases_url(void **state)
{
	struct fixture *x = *state;
	struct catalog_artifact a;
	import_good(x, "index",
	    "{\"master\":{\"version\":\"0.14.1\",\"src\":" FILE_OF(
	        "https://ziglang.org/builds/zig-0.14.1.tar.xz") "},"
	                                                        "\"0.14.1\":{\"src\":" FILE_OF(
	                                                            "https://ziglang.org/download/0.14.1/zig-0.14.1.tar.xz") "}}");
	assert_true(catalog_artifact_get(x->place->catalog, "zig-0.14.1.tar.xz", &a, NULL));
	assert_string_equal(a.url, "https://ziglang.org/download/0.14.1/zig-0.14.1.tar.xz");
}

static void built_document_has_all_of_upstreams(void **state)
{
	static const char source[] = "(SELECT body FROM source WHERE name = 'index')";
	struct fixture *x = *state;
	char sql[1024];
	import_file(x, "index", "ziglang-index-2025-10-11.json");
	char *text = build(x);
	/* SQLite reads it back: as many releases in the same order, each file here, its home as zigTarball. */
	sqlite3 *db = open_beside(x->place->file);
	sqlite3_stmt *s = NULL;
	snprintf(sql, sizeof sql,
	    "SELECT (SELECT group_concat(key) FROM json_each(?1)) = (SELECT group_concat(key) FROM json_each(%s)),"
	    "(SELECT count(*) FROM json_tree(?1) WHERE key = 'tarball'),"
	    "(SELECT count(*) FROM json_tree(%s) WHERE key = 'tarball'),"
	    "(SELECT count(*) FROM json_tree(?1) WHERE key = 'tarball' AND value LIKE "
	    "'https://pkg.example.org/m/zig/zig-%%'),"
	    "(SELECT count(*) FROM json_tree(?1) t JOIN json_tree(%s) u ON t.parent IS NOT NULL AND t.key = 'zigTarball' "
	    "AND u.key = 'tarball' AND u.path = t.path AND u.value = t.value)",
	    source, source, source);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
	sqlite3_bind_text(s, 1, text, -1, SQLITE_STATIC);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int(s, 0), 1);
	for (int i = 2; i < 5; i++)
		assert_int_equal(sqlite3_column_int(s, i), sqlite3_column_int(s, 1));
	assert_true(sqlite3_column_int(s, 1) > 200);
	sqlite3_finalize(s);
	sqlite3_close(db);
	free(text);
}

/* --- what comes out ------------------------------------------------------------------------------------------------
 */

static void nothing_imported_is_absent(void **state)
{
	struct fixture *x = *state;
	char *text = NULL;
	size_t len;
	struct fault f = {0};
	assert_false(index_build(x->place->catalog, x->config, &text, &len, &f));
	assert_int_equal(f.class, FAULT_ABSENT);
	assert_string_equal(f.text, "no index was imported yet");
}

static void document_keeps_fields_that_it_does_not_know(void **state)
{
	struct fixture *x = *state;
	import_good(x, "index",
	    "{\"0.14.1\":{\"date\":\"2025-05-21\",\"docs\":\"https://ziglang.org/d\",\"n\":1.5,\"b\":true,\"z\":null,"
	    "\"list\":[1,\"a\"],\"more\":{\"deep\":{\"x\":[]}},\"x86_64-linux\":" LINUX_FILE "}}");
	char *text = build(x);
	assert_string_equal(text,
	    "{\"0.14.1\":{\"date\":\"2025-05-21\",\"docs\":\"https://ziglang.org/d\",\"n\":1.5,\"b\":true,\"z\":null,"
	    "\"list\":[1,\"a\"],\"more\":{\"deep\":{\"x\":[]}},\"x86_64-linux\":{\"tarball\":"
	    "\"https://pkg.example.org/m/zig/zig-x86_64-linux-0.14.1.tar.xz\"," SHA ",\"size\":\"12\",\"zigTarball\":"
	    "\"https://ziglang.org/download/0.14.1/zig-x86_64-linux-0.14.1.tar.xz\"}}}");
	free(text);
}

/* --- what is refused -----------------------------------------------------------------------------------------------
 */

static void document_that_is_unfit_is_refused_whole(void **state)
{
	static const struct {
		const char *body, *reason;
	} cases[] = {{"", "is no JSON object"}, {"x", "is no JSON object"}, {"[]", "is no JSON object"},
	    {"null", "is no JSON object"}, {"\"a\"", "is no JSON object"}, {"{", "is no JSON object"},
	    {"{\"a\":{}} x", "is no JSON object"}, {"<html>", "is no JSON object"},
	    {"{\"0.14.1\":[]}", "release 0.14.1 is no object"}, {"{\"a\":{},\"b\":\"c\"}", "release b is no object"},
	    {"{\"a\":{},\"a\":{}}", "the key a stands twice"},
	    {"{\"a\":{\"b\":1,\"b\":2}}", "the key a.b stands twice"},
	    {"{\"a\":{\"b\":{\"tarball\":\"x\",\"tarball\":\"y\"}}}", "the key a.b.tarball stands twice"},
	    {"{}", "names no file that can be accepted"}, {"{\"0.14.1\":{}}", "names no file that can be accepted"},
	    {"{\"0.14.1\":{\"x\":" FILE_OF("https://evil.example/zig-0.14.1.zip") "}}",
	        "names no file that can be accepted"}};
	struct fixture *x = *state;
	import_good(x, "index", "{\"0.14.1\":{\"x86_64-linux\":" LINUX_FILE "}}");
	char *before = build(x);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct fault f;
		char expected[FAULT_TEXT_CAP];
		if (import(x, "index", cases[i].body, &f))
			fail_msg("%s is taken", cases[i].body);
		assert_int_equal(f.class, FAULT_INTEGRITY);
		snprintf(expected, sizeof expected, UPSTREAM ": %s", cases[i].reason);
		assert_string_equal(f.text, expected);
		char *after = build(x);
		assert_string_equal(before, after);
		free(after);
	}
	free(before);
	assert_int_equal(number(x, "SELECT count(*) FROM source"), 1);
}

static void document_with_a_zero_byte_or_too_large_is_refused(void **state)
{
	static const char zero[] = "{\"0.14.1\":{\"x86_64-linux\":" LINUX_FILE "}}\0";
	struct fixture *x = *state;
	struct fault f = {0};
	struct index_document d = {.name = "index", .url = UPSTREAM, .body = zero, .len = sizeof zero};
	assert_false(index_import(x->place->catalog, x->config, &d, 1, &f));
	assert_string_equal(f.text, UPSTREAM ": holds a zero byte");
	char *large = malloc(INDEX_BYTES_MAX + 1);
	assert_non_null(large);
	memset(large, ' ', INDEX_BYTES_MAX + 1);
	memcpy(large, zero, sizeof zero - 2);
	d.body = large;
	d.len = INDEX_BYTES_MAX + 1;
	assert_false(index_import(x->place->catalog, x->config, &d, 1, &f));
	assert_int_equal(f.class, FAULT_INTEGRITY);
	d.len = INDEX_BYTES_MAX;
	assert_true(index_import(x->place->catalog, x->config, &d, 1, &f));
	free(large);
}

/* An entry beside a good one: left out, and named in the log. */
static void entry_with_a_bad_field_is_left_out(void **state)
{
#define NAME "zig-aarch64-linux-0.14.1.tar.xz"
#define HOME "https://ziglang.org/download/0.14.1/"
#define GOOD "\"tarball\":\"" HOME NAME "\","
	static const struct {
		const char *entry, *reason;
	} cases[] = {{FILE_OF("https://evil.example/" NAME), "is on another host"},
	    {FILE_OF("https://ziglang.org.evil.example/" NAME), "is on another host"},
	    {FILE_OF("https://pkg.machengine.org/zig/" NAME), "is on another host"},
	    {FILE_OF("http://ziglang.org/download/0.14.1/" NAME), "has no TLS"},
	    {FILE_OF("https://user@ziglang.org/" NAME), "is no plain URL"},
	    {FILE_OF("https://ziglang.org/" NAME "?x"), "is no plain URL"},
	    {FILE_OF("https://ziglang.org/" NAME "#x"), "is no plain URL"},
	    {FILE_OF("ftp://ziglang.org/" NAME), "is no plain URL"}, {FILE_OF("/download/" NAME), "is no plain URL"},
	    {FILE_OF("https://ziglang.org/a/../" NAME), "has a strange path"},
	    {FILE_OF("https://ziglang.org/./" NAME), "has a strange path"},
	    {FILE_OF("https://ziglang.org//" NAME), "has a strange path"},
	    {FILE_OF("https://ziglang.org/%2e%2e/" NAME), "has a strange path"},
	    {FILE_OF("https://ziglang.org/zls-0.14.1.zip"), "names no toolchain file"},
	    {FILE_OF("https://ziglang.org"), "names no toolchain file"},
	    {FILE_OF(HOME NAME ".minisig"), "names no toolchain file"},
	    {"{\"tarball\":1," SHA ",\"size\":\"12\"}", "tarball is no text"},
	    {"{\"tarball\":null," SHA ",\"size\":\"12\"}", "tarball is no text"},
	    {"{" GOOD "\"shasum\":\"abc\",\"size\":\"12\"}", "shasum is no SHA-256"},
	    {"{" GOOD
	     "\"shasum\":\"0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef\",\"size\":\"12\"}",
	        "shasum is no SHA-256"},
	    {"{" GOOD "\"size\":\"12\"}", "shasum is no SHA-256"},
	    {"{" GOOD "\"shasum\":[],\"size\":1}", "shasum is no SHA-256"}, {"{" GOOD SHA "}", "size is no number"},
	    {"{" GOOD SHA ",\"size\":\"\"}", "size is no number"},
	    {"{" GOOD SHA ",\"size\":\"-1\"}", "size is no number"},
	    {"{" GOOD SHA ",\"size\":-1}", "size is no number"}, {"{" GOOD SHA ",\"size\":1.5}", "size is no number"},
	    {"{" GOOD SHA ",\"size\":\"0x12\"}", "size is no number"},
	    {"{" GOOD SHA ",\"size\":\"12 \"}", "size is no number"},
	    {"{" GOOD SHA ",\"size\":\"99999999999999999999\"}", "size is no number"},
	    {"{" GOOD SHA ",\"size\":\"1\",\"zigTarball\":\"https://evil.example/" NAME "\"}", "is on another host"},
	    {"{" GOOD SHA ",\"size\":\"1\",\"zigTarball\":\"" HOME "zig-0.14.1.tar.xz\"}",
	        "tarball and zigTarball differ in name"}};
	struct fixture *x = *state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char body[2048], reason[128];
		snprintf(body, sizeof body, "{\"0.14.1\":{\"x86_64-linux\":" LINUX_FILE ",\"aarch64-linux\":%s}}",
		    cases[i].entry);
		import_good(x, "index", body);
		const char *log = logged(x);
		snprintf(reason, sizeof reason, " reason=\"%s\"\n", cases[i].reason);
		if (strstr(log, reason) == NULL || strstr(log, "event=index_entry_refused") == NULL)
			fail_msg("%s: %s", cases[i].entry, log);
		assert_non_null(strstr(log, " release=0.14.1 target=aarch64-linux "));
		assert_int_equal(number(x, "SELECT count(*) FROM artifact WHERE NOT retired"), 1);
		char *text = build(x);
		assert_null(strstr(text, "aarch64"));
		assert_non_null(strstr(text, "x86_64-linux"));
		free(text);
	}
}

static void size_may_be_text_or_number(void **state)
{
	struct fixture *x = *state;
	struct catalog_artifact a;
	struct fault f = {0};
	import_good(x, "index", "{\"0.14.1\":{\"aarch64-linux\":{" GOOD SHA ",\"size\":4711}}}");
	assert_true(catalog_artifact_get(x->place->catalog, NAME, &a, &f));
	assert_int_equal(a.size, 4711);
	assert_string_equal(a.sha256, SHA256_TEXT);
	assert_string_equal(a.url, HOME NAME);
	assert_false(a.nominated);
}

/* --- one after another ---------------------------------------------------------------------------------------------
 */

static void file_that_is_listed_no_more_can_still_be_proved(void **state)
{
	struct fixture *x = *state;
	struct catalog_artifact a;
	struct fault f = {0};
	import_good(x, "index", "{\"0.14.1\":{\"aarch64-linux\":{" GOOD SHA ",\"size\":1}}}");
	import_good(x, "index", "{\"0.14.1\":{\"x86_64-linux\":" LINUX_FILE "}}");
	assert_true(catalog_artifact_get(x->place->catalog, NAME, &a, &f));
	assert_string_equal(a.url, HOME NAME);
	char *text = build(x);
	assert_null(strstr(text, "aarch64"));
	free(text);
	/* And back. */
	import_good(x, "index", "{\"0.14.1\":{\"aarch64-linux\":{" GOOD SHA ",\"size\":1}}}");
	assert_int_equal(number(x, "SELECT count(*) FROM artifact"), 2);
	assert_int_equal(number(x, "SELECT count(*) FROM artifact WHERE retired"), 1);
}

static void nominated_build_comes_from_upstream_first(void **state)
{
#define DEV "zig-x86_64-linux-0.15.0-dev.1+abc.tar.xz"
	struct fixture *x = *state;
	struct catalog_artifact a;
	struct fault f = {0};
	import_good(x, "index", "{\"0.14.1\":{\"x86_64-linux\":" LINUX_FILE "}}");
	import_good(x, "nominated",
	    "{\"2025.1-mach\":{\"version\":\"0.15.0-dev.1+abc\",\"x86_64-linux\":{\"tarball\":"
	    "\"https://pkg.machengine.org/zig/" DEV "\",\"zigTarball\":\"https://ziglang.org/builds/" DEV "\"," SHA
	    ",\"size\":1}}}");
	assert_true(catalog_artifact_get(x->place->catalog, DEV, &a, &f));
	assert_string_equal(a.url, "https://ziglang.org/builds/" DEV);
	assert_true(a.nominated);
	assert_int_equal(
	    number(x, "SELECT count(*) FROM release WHERE class = 'nominated' AND key = '2025.1-mach'"), 1);
	char *text = build(x);
	assert_non_null(strstr(text, "\"2025.1-mach\""));
	assert_non_null(strstr(text, "\"tarball\":\"https://pkg.example.org/m/zig/" DEV "\""));
	free(text);
}

#define WITH_INDEX(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH_INDEX(file_of_real_documents_is_found_at_its_url),
	    WITH_INDEX(file_of_a_release_and_of_master_has_the_releases_url),
	    WITH_INDEX(built_document_has_all_of_upstreams),
	    WITH_INDEX(nothing_imported_is_absent),
	    WITH_INDEX(document_keeps_fields_that_it_does_not_know),
	    WITH_INDEX(document_that_is_unfit_is_refused_whole),
	    WITH_INDEX(document_with_a_zero_byte_or_too_large_is_refused),
	    WITH_INDEX(entry_with_a_bad_field_is_left_out),
	    WITH_INDEX(size_may_be_text_or_number),
	    WITH_INDEX(file_that_is_listed_no_more_can_still_be_proved),
	    WITH_INDEX(nominated_build_comes_from_upstream_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
