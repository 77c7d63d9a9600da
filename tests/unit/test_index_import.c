/* Tests of index_import: which documents and which of their files are refused, and that a refusal changes nothing. */
#include "documents.h"

#define OTHER                                                                                                          \
	"\"0.13.0\":{\"x86_64-linux\":" ITEM("https://ziglang.org/download/0.13.0/zig-linux-x86_64-0.13.0.tar.xz") "}"

static void whole_documents_are_refused(void **state)
{
	static const struct {
		const char *body, *reason;
	} BAD[] = {{"", "is no JSON object"}, {"<html>", "is no JSON object"}, {"[]", "is no JSON object"},
	    {"null", "is no JSON object"}, {"{", "is no JSON object"}, {"{" RELEASE_141, "is no JSON object"},
	    {"{" RELEASE_141 ",}", "is no JSON object"}, {"{" RELEASE_141 "} {}", "is no JSON object"},
	    {"{'a':{}}", "is no JSON object"}, {"\xef\xbb\xbf{" RELEASE_141 "}", "is no JSON object"},
	    {"{}", "names no file"}, {"{\"0.14.1\":{}}", "names no file"},
	    {"{" RELEASE_141 ",\"x\":[]}", "release x is no object"},
	    {"{" RELEASE_141 ",\"x\":1}", "release x is no object"},
	    {"{" RELEASE_141 "," RELEASE_141 "}", "stands twice"},
	    {"{" RELEASE_141 ",\"\\u0030.14.1\":{}}", "stands twice"},
	    {"{" RELEASE_141 ",\"x\":{\"date\":\"1\",\"date\":\"2\"}}", "stands twice"},
	    {"{" RELEASE_141 ",\"x\":{\"src\":{\"size\":1,\"size\":2}}}", "stands twice"},
	    {"{" RELEASE_141 ",\"x\":{\"src\":{\"a\":[{\"b\":1,\"b\":2}]}}}", "stands twice"},
	    {"{" RELEASE_141 ",\"x\":{\"date\":\"\xff\"}}", "is no UTF-8"},
	    {"{" RELEASE_141 ",\"x\":{\"date\":\"\\u0000\"}}", "zero character"}};
	struct bench *b = *state;
	struct fault f;
	for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
		assert_false(import_text(b, BAD[i].body, &f));
		assert_int_equal(f.class, FAULT_INTEGRITY);
		if (strstr(f.text, BAD[i].reason) == NULL || strstr(f.text, UPSTREAM_URL) == NULL)
			fail_msg("%s: %s", BAD[i].body, f.text);
	}
	assert_true(import_text(b, "{" RELEASE_141 "}", &f));
	for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
		assert_false(import_text(b, BAD[i].body, &f));
		assert_built(b, "{" OUR_141 "}");
	}
}

static void documents_have_a_bound(void **state)
{
	static const char BEGIN[] = "{" RELEASE_141 ",\"x\":{\"notes\":\"", END[] = "\"}}";
	struct bench *b = *state;
	struct fault f;
	char *text = malloc(INDEX_BYTES_MAX + 2);
	assert_non_null(text);
	memset(text, 'x', INDEX_BYTES_MAX + 1);
	memcpy(text, BEGIN, sizeof BEGIN - 1);
	memcpy(text + INDEX_BYTES_MAX + 1 - (sizeof END - 1), END, sizeof END - 1);
	assert_false(import_bytes(b, "index", UPSTREAM_URL, text, INDEX_BYTES_MAX + 1, &f));
	assert_non_null(strstr(f.text, "over 8388608 bytes"));
	memcpy(text + INDEX_BYTES_MAX - (sizeof END - 1), END, sizeof END - 1);
	if (!import_bytes(b, "index", UPSTREAM_URL, text, INDEX_BYTES_MAX, &f))
		fail_msg("%s", f.text);
	free(text);
}

static void bad_files_are_left_out_and_named(void **state)
{
#define WITH(item) "{" RELEASE_141 ",\"0.9.9\":{\"date\":\"d\",\"bad-target\":" item "}}"
#define ZIG_99 "zig-linux-x86_64-0.9.9.tar.xz"
	static const struct {
		const char *body, *reason;
	} BAD[] = {{WITH(ITEM("https://evil.example/" ZIG_99)), "is on another host"},
	    {WITH(ITEM("https://ziglang.org.evil.example/" ZIG_99)), "is on another host"},
	    {WITH(ITEM("http://ziglang.org/" ZIG_99)), "has no TLS"},
	    {WITH(ITEM("ftp://ziglang.org/" ZIG_99)), "is no plain URL"},
	    {WITH(ITEM("file:///etc/" ZIG_99)), "is no plain URL"},
	    {WITH(ITEM("javascript:alert(1)//" ZIG_99)), "is no plain URL"},
	    {WITH(ITEM("https://user@ziglang.org/" ZIG_99)), "is no plain URL"},
	    {WITH(ITEM("https://ziglang.org/" ZIG_99 "?x=1")), "is no plain URL"},
	    {WITH(ITEM("https://ziglang.org/" ZIG_99 "#x")), "is no plain URL"},
	    {WITH(ITEM("https://ziglang.org/a b/" ZIG_99)), "is no plain URL"},
	    {WITH(ITEM("https://ziglang.org/download/../" ZIG_99)), "has a strange path"},
	    {WITH(ITEM("https://ziglang.org/download/%2e%2e/" ZIG_99)), "has a strange path"},
	    {WITH(ITEM("https://ziglang.org//" ZIG_99)), "has a strange path"},
	    {WITH(ITEM("https://ziglang.org:8443/" ZIG_99)), "is on another host"},
	    {WITH(ITEM("https://ziglang.org/download/passwd")), "names no toolchain file"},
	    {WITH(ITEM("https://ziglang.org/..")), "names no toolchain file"},
	    {WITH(ITEM("https://ziglang.org/" ZIG_99 ".minisig")), "names no toolchain file"},
	    {WITH(ITEM("https://ziglang.org")), "names no toolchain file"}, {WITH(ITEM("")), "is no plain URL"},
	    {WITH("{\"tarball\":1,\"shasum\":\"" SHA "\",\"size\":1}"), "tarball is no text"},
	    {WITH("{\"tarball\":null,\"shasum\":\"" SHA "\",\"size\":1}"), "tarball is no text"},
	    {WITH("{\"tarball\":\"https://ziglang.org/" ZIG_99 "\",\"size\":1}"), "shasum is no SHA-256"},
	    {WITH("{\"tarball\":\"https://ziglang.org/" ZIG_99 "\",\"shasum\":\"abc\",\"size\":1}"),
	        "shasum is no SHA-256"},
	    {WITH("{\"tarball\":\"https://ziglang.org/" ZIG_99 "\",\"shasum\":[],\"size\":1}"), "shasum is no SHA-256"},
	    {WITH("{\"tarball\":\"https://ziglang.org/" ZIG_99 "\",\"shasum\":\"" SHA "\"}"), "size is no number"},
	    {WITH("{\"tarball\":\"https://ziglang.org/" ZIG_99 "\",\"shasum\":\"" SHA "\",\"size\":-1}"),
	        "size is no number"},
	    {WITH("{\"tarball\":\"https://ziglang.org/" ZIG_99 "\",\"shasum\":\"" SHA "\",\"size\":1.5}"),
	        "size is no number"},
	    {WITH("{\"tarball\":\"https://ziglang.org/" ZIG_99 "\",\"shasum\":\"" SHA
	          "\",\"size\":\"99999999999999999999\"}"),
	        "size is no number"},
	    {WITH("{\"tarball\":\"https://ziglang.org/" ZIG_99 "\",\"shasum\":\"" SHA
	          "\",\"size\":1,\"zigTarball\":\"https://evil.example/" ZIG_99 "\"}"),
	        "is on another host"},
	    {WITH("{\"tarball\":\"https://ziglang.org/" ZIG_99 "\",\"shasum\":\"" SHA
	          "\",\"size\":1,\"zigTarball\":\"" ZIG_141 "\"}"),
	        "differ in name"}};
	struct bench *b = *state;
	struct fault f;
	for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
		assert_int_equal(ftruncate(fileno(b->log), 0), 0);
		lseek(fileno(b->log), 0, SEEK_SET);
		if (!import_text(b, BAD[i].body, &f))
			fail_msg("%s", f.text);
		assert_built(b, "{" OUR_141 ",\"0.9.9\":{\"date\":\"d\"}}");
		if (!logged(b, "event=index_entry_refused", "release=0.9.9 target=bad-target", BAD[i].reason))
			fail_msg("no line names %s: %s", BAD[i].body, BAD[i].reason);
	}
}

/* What was good in an older document does not stand for what is bad in this one. */
static void a_file_that_became_bad_is_left_out(void **state)
{
	struct bench *b = *state;
	struct fault f;
	assert_true(import_text(b, "{" RELEASE_141 "," OTHER "}", &f));
	assert_true(import_text(b,
	    "{\"0.14.1\":{\"date\":\"d\",\"x86_64-linux\":{\"tarball\":\"" ZIG_141
	    "\",\"shasum\":\"?\",\"size\":17}}," OTHER "}",
	    &f));
	char *text = build(b);
	assert_null(strstr(text, "0.14.1.tar.xz"));
	assert_non_null(strstr(text, "\"0.14.1\":{\"date\":\"d\"}"));
	free(text);
}

static void a_flood_of_bad_files_fills_no_log(void **state)
{
	struct bench *b = *state;
	struct fault f;
	size_t at = 0, cap = 200 * 1000;
	char *text = malloc(cap);
	assert_non_null(text);
	at += (size_t)snprintf(text, cap, "{" RELEASE_141 ",\"x\":{\"a\":1");
	for (int i = 0; i < 1000; i++)
		at += (size_t)snprintf(text + at, cap - at, ",\"t%d\":{\"tarball\":\"\\n\\u001b[31m\"}", i);
	snprintf(text + at, cap - at, "}}");
	assert_true(import_text(b, text, &f));
	free(text);
	text = read_all(fileno(b->log));
	assert_true(strlen(text) < 16 * 1024);
	assert_non_null(strstr(text, "event=index_entries_refused document=index count=1000"));
	assert_null(strchr(text, '\033'));
	free(text);
}

static void an_emptied_document_is_refused(void **state)
{
	struct bench *b = *state;
	struct fault f;
	import_file(b, "index", UPSTREAM_URL, "ziglang-index-2025-10-11.json");
	char *before = build(b);
	assert_false(import_text(b, "{" RELEASE_141 "}", &f));
	assert_int_equal(f.class, FAULT_INTEGRITY);
	assert_non_null(strstr(f.text, "names 1 good files of releases, the last one had"));
	assert_true(logged(b, "event=index_release_dropped", "document=index release=0.13.0", "version=0.13.0"));
	assert_built(b, before);
	free(before);
	/* Another upstream is not measured by the last one. */
	static const char ELSEWHERE[] =
	    "{\"0.14.1\":{\"x86_64-linux\":" ITEM("https://other.example/zig-x86_64-linux-0.14.1.tar.xz") "}}";
	assert_true(import_bytes(b, "index", "https://other.example/index.json", ELSEWHERE, strlen(ELSEWHERE), &f));
}

static void a_document_goes_back_as_it_went_on(void **state)
{
	static const char *const FILES[] = {"ziglang-index-2025-05-20.json", "ziglang-index-2025-05-21.json",
	    "ziglang-index-2025-10-11.json", "ziglang-index-2025-05-20.json"};
	struct bench *b = *state;
	char *first = NULL;
	for (size_t i = 0; i < 4; i++) {
		import_file(b, "index", UPSTREAM_URL, FILES[i]);
		if (i == 0)
			first = build(b);
	}
	assert_built(b, first);
	free(first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(whole_documents_are_refused, open_bench, close_bench),
	    cmocka_unit_test_setup_teardown(documents_have_a_bound, open_bench, close_bench),
	    cmocka_unit_test_setup_teardown(bad_files_are_left_out_and_named, open_bench, close_bench),
	    cmocka_unit_test_setup_teardown(a_file_that_became_bad_is_left_out, open_bench, close_bench),
	    cmocka_unit_test_setup_teardown(a_flood_of_bad_files_fills_no_log, open_bench, close_bench),
	    cmocka_unit_test_setup_teardown(an_emptied_document_is_refused, open_bench, close_bench),
	    cmocka_unit_test_setup_teardown(a_document_goes_back_as_it_went_on, open_bench, close_bench)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
