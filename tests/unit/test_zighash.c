/* Tests of mirror/zighash and mirror/zon: hashes that the real zig printed (tests/e2e/test_zighash.py asks it again),
 * and that what is no package has none, but always the digest of its tree. */
#include "mirror/zighash.h"
#include "mirror/zon.h"

#include "archives.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define MANIFEST(name)                                                                                                 \
	".{\n    .name = " name ",\n    .version = \"1.2.3\",\n    .fingerprint = 0xd642dfa01234abcd,\n"               \
	"    .paths = .{ \"\" },\n    \n}\n"
static const char BUILD[] = "pub fn build(b: anytype) void { _ = b; }\n";
static const char HASH[] = "demo-1.2.3-zas0EqwAAAADO0t36lahWZf_cP9V1rLOq1fz-2ef57lx";

static struct archives_file file;

static void hash(enum archives_form form, const struct archives_member *members, size_t count, struct zighash *out)
{
	struct fault f = {0};
	archives_make(form, members, count, &file);
	int fd = archives_open(file.bytes, file.len);
	if (!zighash_compute(fd, out, &f))
		fail_msg("%s", f.text);
	close(fd);
	assert_int_equal(strlen(out->tree), 64);
	assert_int_equal(out->reason[0] == '\0', out->hash[0] != '\0' || out->multihash[0] != '\0');
}

static void hash_does_not_depend_on_the_form(void **state)
{
	static const struct archives_member MEMBERS[] = {{"demo-1.2.3/", NULL, NULL, NULL},
	    {"demo-1.2.3/build.zig.zon", MANIFEST(".demo"), NULL, NULL}, {"demo-1.2.3/build.zig", BUILD, NULL, NULL},
	    {"demo-1.2.3/src/root.zig", "pub const x = 1;\n", NULL, NULL}};
	/* Another top folder, another order, no folder of its own. */
	static const struct archives_member AGAIN[] = {{"x/src/root.zig", "pub const x = 1;\n", NULL, NULL},
	    {"x/build.zig", BUILD, NULL, NULL}, {"x/build.zig.zon", MANIFEST(".demo"), NULL, NULL}};
	struct zighash z, again;
	(void)state;
	for (int form = 0; form < FORMS; form++) {
		hash((enum archives_form)form, MEMBERS, 4, &z);
		assert_string_equal(z.hash, HASH);
		assert_string_equal(z.multihash, "");
		hash((enum archives_form)form, AGAIN, 3, &again);
		assert_string_equal(again.hash, HASH);
		assert_string_equal(again.tree, z.tree);
	}
}

static void hash_of_the_older_manifest(void **state)
{
	static const struct archives_member MEMBERS[] = {
	    {"demo/build.zig.zon", MANIFEST("\"demo\""), NULL, NULL}, {"demo/build.zig", BUILD, NULL, NULL}};
	struct zighash z;
	(void)state;
	hash(FORM_GZIP, MEMBERS, 2, &z);
	assert_string_equal(z.hash, "");
	assert_int_equal(strlen(z.multihash), 68);
	assert_memory_equal(z.multihash, "1220", 4);
}

static void hash_without_manifest(void **state)
{
	static const struct archives_member MEMBERS[] = {{"only.txt", "x", NULL, NULL}};
	struct zighash z;
	(void)state;
	hash(FORM_GZIP, MEMBERS, 1, &z);
	assert_string_equal(z.hash, "N-V-__8AAAEAAACM21Dihyjb2rAtKjxWval6pUDMtiblOa52");
}

/* Each list has a shape that has no hash. */
static void no_hash_where_nobody_is_sure(void **state)
{
	static const struct {
		const char *reason;
		struct archives_member members[3];
	} CASES[] = {{"stands twice", {{"d/a", "1", NULL, NULL}, {"d/a", "2", NULL, NULL}}},
	    {"leads out", {{"d/a", "1", NULL, NULL}, {"../b", "2", NULL, NULL}}},
	    {"leads out", {{"/d/a", "1", NULL, NULL}}},
	    {"neither file nor link", {{"d/a", "1", NULL, NULL}, {"d/b", NULL, NULL, "d/a"}}},
	    {"a folder is needed", {{"d/a", "1", NULL, NULL}, {"d/a/b", "2", NULL, NULL}}},
	    {"manifest that is no file", {{"d/x", "1", NULL, NULL}, {"d/build.zig.zon", NULL, "x", NULL}}},
	    {"is no struct", {{"d/build.zig.zon", "", NULL, NULL}, {"d/a", "1", NULL, NULL}}},
	    {"no file", {{"d/", NULL, NULL, NULL}}}};
	struct zighash z;
	(void)state;
	for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
		size_t count = 0;
		while (count < 3 && CASES[i].members[count].path != NULL)
			count++;
		hash(FORM_GZIP, CASES[i].members, count, &z);
		assert_string_equal(z.hash, "");
		assert_string_equal(z.multihash, "");
		if (strstr(z.reason, CASES[i].reason) == NULL)
			fail_msg("%s: %s", CASES[i].reason, z.reason);
	}
}

/* What differs has another digest of its tree: content, name, kind, where a link leads. */
static void tree_tells_everything_apart(void **state)
{
	static const struct archives_member CASES[][2] = {{{"d/a", "1", NULL, NULL}, {"d/b", "", NULL, NULL}},
	    {{"d/a", "2", NULL, NULL}, {"d/b", "", NULL, NULL}}, {{"d/a", "1", NULL, NULL}, {"d/c", "", NULL, NULL}},
	    {{"d/a", "1", NULL, NULL}, {"d/b", NULL, "a", NULL}}, {{"d/a", "1", NULL, NULL}, {"d/b", NULL, "x", NULL}},
	    {{"d/a", "1", NULL, NULL}, {"d/b", NULL, NULL, "d/a"}},
	    {{"d/a", "1", NULL, NULL}, {"d/b", NULL, NULL, "d/x"}},
	    {{"d/a", "1", NULL, NULL}, {"../b", "", NULL, NULL}}, {{"d/a", "1", NULL, NULL}, {"../b", "1", NULL, NULL}},
	    {{"d/a", "1", NULL, NULL}, {"d/a", "", NULL, NULL}}, {{"d/a", "", NULL, NULL}, {"d/a", "1", NULL, NULL}}};
	enum { COUNT = sizeof CASES / sizeof CASES[0] };
	static struct zighash z[COUNT];
	(void)state;
	for (size_t i = 0; i < COUNT; i++) {
		hash(FORM_GZIP, CASES[i], 2, &z[i]);
		for (size_t k = 0; k < i; k++)
			if (strcmp(z[i].tree, z[k].tree) == 0)
				fail_msg("%zu and %zu", i, k);
	}
}

static void zon_keeps_what_the_hash_needs(void **state)
{
	static const char TEXT[] =
	    "\xef\xbb\xbf// first\r\n.{ .@\"name\" = .de_mo, .version = \"1.2.3-a.1+b\", //// x\n"
	    ".fingerprint = 0xccd6_210f_0000_002a, .paths = .{ \"./a//b/../c/\", \"s\\x72c\", \"../out\", },\n"
	    ".dependencies = .{ .x = .{ .url = \"u\", .lazy = true, .n = -1.5e3, .c = '\\'' } } }";
	struct zon_manifest m;
	struct fault f = {0};
	(void)state;
	if (!zon_parse(TEXT, sizeof TEXT - 1, &m, &f)) {
		/* The fingerprint's upper half is the CRC-32 of the name. */
		fail_msg("%s", f.text);
	}
	assert_string_equal(m.name, "de_mo");
	assert_string_equal(m.version, "1.2.3-a.1+b");
	assert_int_equal(m.id, 42);
	assert_false(m.older);
	assert_int_equal(m.path_count, 3);
	assert_string_equal(m.paths[0], "a/c");
	assert_string_equal(m.paths[1], "src");
	assert_string_equal(m.paths[2], "/");
	zon_free(&m);
}

static void zon_refuses_what_zig_refuses(void **state)
{
#define FINGER ".fingerprint = 0xd642dfa01234abcd, "
#define PATHS ".paths = .{ \"\" }"
	static const char *const CASES[] = {"", ".{}", "hello", ".{ .name = .demo }",
	    ".{ .name = .demo, .version = \"1.2.3\", " FINGER PATHS " } x",
	    ".{ .name = .demo, .version = \"1.2\", " FINGER PATHS " }",
	    ".{ .name = .demo, .version = \"1.2.03\", " FINGER PATHS " }",
	    ".{ .name = .demo, .version = \"1.2.3-01\", " FINGER PATHS " }",
	    ".{ .name = .demo, .version = \"1.2.3-\", " FINGER PATHS " }",
	    ".{ .name = .demo, .version = \"1.2.3\", " PATHS " }",
	    ".{ .name = .demo, .version = \"1.2.3\", " FINGER ".paths = .{} }",
	    ".{ .name = .demo, .version = \"1.2.3\", " FINGER ".paths = \"\" }",
	    ".{ .name = .demo, .version = \"1.2.3\", " FINGER ".paths = .{ 1 } }",
	    ".{ .name = .other, .version = \"1.2.3\", " FINGER PATHS " }",
	    ".{ .name = .@\"demo\", .version = \"1.2.3\", " FINGER PATHS " }",
	    ".{ .name = .error, .version = \"1.2.3\", " FINGER PATHS " }",
	    ".{ .name = .demo, .version = \"1.2.3\", .version = \"1.2.3\", " FINGER PATHS " }",
	    "//! d\n.{ .name = .demo, .version = \"1.2.3\", " FINGER PATHS " }",
	    ".{ /// d\n.name = .demo, .version = \"1.2.3\", " FINGER PATHS " }",
	    ".{ .name = .demo, .version = \"1.2.3\", " FINGER PATHS ", .minimum_zig_version = \"x\" }",
	    ".{ .name = .demo, .version = \"1.2.3\", " FINGER PATHS ", .x = .{ }",
	    ".{ .name = .demo, .version = \"1.2.3\", " FINGER ".paths = .{ \"\\q\" } }",
	    ".{ .name = .demo, .version = \"1.2.3\", .fingerprint = 0X1, " PATHS " }",
	    ".{ .name = .demo, .version = \"1.2.3\", " FINGER PATHS ", .x = .{ 2\\ } }", "\\"};
	(void)state;
	for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
		struct zon_manifest m;
		struct fault f = {0};
		if (zon_parse(CASES[i], strlen(CASES[i]), &m, &f))
			fail_msg("taken: %s", CASES[i]);
		assert_int_equal(f.class, FAULT_INTEGRITY);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hash_does_not_depend_on_the_form),
	    cmocka_unit_test(hash_of_the_older_manifest),
	    cmocka_unit_test(hash_without_manifest),
	    cmocka_unit_test(no_hash_where_nobody_is_sure),
	    cmocka_unit_test(tree_tells_everything_apart),
	    cmocka_unit_test(zon_keeps_what_the_hash_needs),
	    cmocka_unit_test(zon_refuses_what_zig_refuses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
