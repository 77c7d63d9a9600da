/* Tests of index_build and of what the catalogue says of files: order, values, the union with the nominated index,
 * releases that upstream dropped, classes. */
#include "documents.h"

/* The places of these words in a text, in their order. */
static void assert_order(const char *text, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *found = strstr(text, words[i]);
		if (found != NULL)
			text = found + strlen(words[i]);
		else
			fail_msg("%s is not there, or too early", words[i]);
	}
}

static void have_file(struct bench *b, const char *path, const char *class)
{
	static const char BLAKE[] = SHA SHA;
	struct fault f = {0};
	const struct catalog_entry entry = {.path = path,
	    .kind = "toolchain",
	    .class = class,
	    .version = "v",
	    .size = 17,
	    .sha256 = SHA,
	    .blake2b = BLAKE,
	    .verdict = "signed"};
	const struct catalog_provenance p = {.path = path,
	    .requested_url = "u",
	    .effective_url = "u",
	    .remote_address = "a",
	    .sha256 = SHA,
	    .verdict = "signed"};
	if (!catalog_record(b->catalog, &entry, &p, &f))
		fail_msg("%s", f.text);
}

static void nothing_is_built_of_nothing(void **state)
{
	struct bench *b = *state;
	struct fault f = {0};
	char *text = NULL;
	size_t len;
	assert_false(index_build(b->catalog, b->config, &text, &len, &f));
	assert_int_equal(f.class, FAULT_ABSENT);
	import_file(b, "nominated", NOMINATED_URL, "machengine-index.json");
	assert_false(index_build(b->catalog, b->config, &text, &len, &f));
	assert_int_equal(f.class, FAULT_ABSENT);
}

static void values_stay_what_they_are(void **state)
{
	struct bench *b = *state;
	struct fault f;
	assert_true(import_text(b,
	    "{ \"z\": {\"n\":null, \"t\":true, \"f\":false, \"i\":12345678901234567890123, \"r\":1.50, \"e\":1e400,"
	    "\"s\":\"a\\\"\\\\\\u00e9\\n</script>\", \"list\":[1.0,{\"b\":2,\"a\":[]}], \"o\":{\"y\":1.10,\"x\":{}},"
	    "\"key \\\" odd\":1}, " RELEASE_141 ", \"a\":{} }",
	    &f));
	assert_built(b,
	    "{\"z\":{\"n\":null,\"t\":true,\"f\":false,\"i\":12345678901234567890123,\"r\":1.50,\"e\":1e400,"
	    "\"s\":\"a\\\"\\\\é\\n</script>\",\"list\":[1.0,{\"b\":2,\"a\":[]}],\"o\":{\"y\":1.10,\"x\":{}},"
	    "\"key \\\" odd\":1}," OUR_141 ",\"a\":{}}");
}

static void the_real_documents_are_joined(void **state)
{
	static const char *const KEYS[] = {"{\"master\":{", "\"0.15.2\":{", "\"0.15.1\":{", "\"0.14.1\":{",
	    "\"0.13.0\":{", "\"0.12.1\":{", "\"0.1.1\":{", "\"mach-latest\":{", "\"2024.11.0-mach\":{",
	    "\"2024.10.0-mach\":{", "\"0.4.0-mach\":{", "\"2024.5.0-mach\":{", "\"2024.3.0-mach\":{",
	    "\"0.3.0-mach\":{", "\"2024.1.0-mach\":{"};
	struct bench *b = *state;
	import_file(b, "nominated", NOMINATED_URL, "machengine-index.json");
	import_file(b, "index", UPSTREAM_URL, "ziglang-index-2025-05-20.json");
	import_file(b, "index", UPSTREAM_URL, "ziglang-index-2025-10-11.json");
	char *text = build(b);
	assert_order(text, KEYS, sizeof KEYS / sizeof KEYS[0]);
	assert_null(strstr(text, "\"tarball\":\"https://ziglang.org"));
	assert_null(strstr(text, "machengine.org/zig"));
	assert_non_null(strstr(text, "\"machNominated\":\"2024-12-30\""));
	assert_non_null(strstr(text,
	    "\"tarball\":\"https://pkg.example.org/zig/zig-linux-x86_64-0.14.0-dev.2577+271452d22.tar.xz\","
	    "\"zigTarball\":\"https://ziglang.org/builds/zig-linux-x86_64-0.14.0-dev.2577+271452d22.tar.xz\"}"));
	free(text);
	assert_false(logged(b, "refused", "", ""));
}

#define NEWER                                                                                                          \
	"\"0.15.0\":{\"x86_64-linux\":" ITEM("https://ziglang.org/download/0.15.0/zig-x86_64-linux-0.15.0.tar.xz") "}"
#define OUR_NEWER                                                                                                      \
	"\"0.15.0\":{\"x86_64-linux\":" OURS("zig-x86_64-linux-0.15.0.tar.xz",                                         \
	    "https://ziglang.org/download/0.15.0/zig-x86_64-linux-0.15.0.tar.xz") "}"

static void a_dropped_release_stays_while_its_file_is_here(void **state)
{
	static const char NOMINATED[] = "{\"0.14.1\":{\"from\":\"nominated\",\"x86_64-linux\":" ITEM(ZIG_141) "}}";
	struct bench *b = *state;
	struct fault f;
	assert_true(import_text(b, "{" RELEASE_141 "," NEWER "}", &f));
	assert_true(import_text(b, "{" NEWER "}", &f));
	assert_true(logged(b, "event=index_release_dropped", "release=0.14.1", "version=0.14.1"));
	assert_built(b, "{" OUR_NEWER "}");
	have_file(b, "zig/zig-x86_64-linux-0.14.1.tar.xz", "stable");
	assert_built(b, "{" OUR_NEWER "," OUR_141 "}");
	/* Upstream's own words win over the nominated index's; when there are none of upstream's, that has its say. */
	assert_true(import_bytes(b, "nominated", UPSTREAM_URL, NOMINATED, strlen(NOMINATED), &f));
	assert_built(b, "{" OUR_NEWER "," OUR_141 "}");
	assert_true(catalog_entry_remove(b->catalog, "zig/zig-x86_64-linux-0.14.1.tar.xz", &f));
	assert_built(b, "{" OUR_NEWER ",\"0.14.1\":{\"from\":\"nominated\",\"x86_64-linux\":" OURS(
	                    "zig-x86_64-linux-0.14.1.tar.xz", ZIG_141) "}}");
	assert_true(import_text(b, "{" RELEASE_141 "," NEWER "}", &f));
	assert_built(b, "{" OUR_141 "," OUR_NEWER "}");
}

static struct catalog_artifact ask(struct bench *b, const char *file)
{
	struct catalog_artifact a = {0};
	struct fault f = {0};
	if (!catalog_artifact_get(b->catalog, file, &a, &f))
		fail_msg("%s", f.text);
	return a;
}

static void an_old_nightly_is_still_known(void **state)
{
	struct bench *b = *state;
	import_file(b, "index", UPSTREAM_URL, "ziglang-index-2025-05-20.json");
	import_file(b, "index", UPSTREAM_URL, "ziglang-index-2025-05-21.json");
	import_file(b, "index", UPSTREAM_URL, "ziglang-index-2025-10-11.json");
	struct catalog_artifact a = ask(b, "zig-linux-x86_64-0.15.0-dev.621+a63f7875f.tar.xz");
	assert_string_equal(a.url, "https://ziglang.org/builds/zig-linux-x86_64-0.15.0-dev.621+a63f7875f.tar.xz");
	assert_int_equal(strlen(a.sha256), 64);
	assert_true(a.size > 1000);
	assert_false(a.nominated);
}

static void a_nightly_is_nominated_by_a_key_of_its_own(void **state)
{
	static const char AS_MASTER[] =
	    "{\"master\":{\"version\":\"0.15.0-dev.9+abcdef012\",\"x86_64-linux\":" ITEM(ZIG_DEV) "}}";
	static const char AS_KEY[] =
	    "{\"1-mach\":{\"version\":\"0.15.0-dev.9+abcdef012\",\"x86_64-linux\":" ITEM(ZIG_DEV) "}}";
	static const char *const FILE_NAME = "zig-x86_64-linux-0.15.0-dev.9+abcdef012.tar.xz";
	struct bench *b = *state;
	struct fault f;
	assert_true(import_text(b, AS_MASTER, &f));
	assert_true(import_bytes(b, "nominated", UPSTREAM_URL, AS_MASTER, strlen(AS_MASTER), &f));
	assert_false(ask(b, FILE_NAME).nominated);
	assert_true(import_bytes(b, "nominated", UPSTREAM_URL, AS_KEY, strlen(AS_KEY), &f));
	assert_true(ask(b, FILE_NAME).nominated);
	/* Whether upstream still has it as its master, or nobody lists it any more. */
	assert_true(import_text(b, "{" RELEASE_141 "}", &f));
	assert_true(ask(b, FILE_NAME).nominated);
	static const char LATER[] = "{\"2-mach\":{\"x86_64-linux\":" ITEM(ZIG_141) "}}";
	assert_true(import_bytes(b, "nominated", "https://ziglang.org/other.json", LATER, strlen(LATER), &f));
	assert_true(ask(b, FILE_NAME).nominated);
	assert_false(ask(b, "zig-x86_64-linux-0.14.1.tar.xz").size == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(nothing_is_built_of_nothing, open_bench, close_bench),
	    cmocka_unit_test_setup_teardown(values_stay_what_they_are, open_bench, close_bench),
	    cmocka_unit_test_setup_teardown(the_real_documents_are_joined, open_bench, close_bench),
	    cmocka_unit_test_setup_teardown(a_dropped_release_stays_while_its_file_is_here, open_bench, close_bench),
	    cmocka_unit_test_setup_teardown(an_old_nightly_is_still_known, open_bench, close_bench),
	    cmocka_unit_test_setup_teardown(a_nightly_is_nominated_by_a_key_of_its_own, open_bench, close_bench)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
