/* The names of Zig toolchain files and their versions. */
#include "mirror/zigfile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void version_is_taken_apart(void **state)
{
	static const struct {
		const char *text;
		struct zigfile_version number;
	} cases[] = {{"0.14.1", {0, 14, 1, false, 0, ""}}, {"0.0.0", {0, 0, 0, false, 0, ""}},
	    {"999999999.999999999.999999999", {999999999, 999999999, 999999999, false, 0, ""}},
	    {"0.16.0-dev.43+99b2b6151", {0, 16, 0, true, 43, "99b2b6151"}},
	    {"0.16.0-dev.0+a", {0, 16, 0, true, 0, "a"}},
	    {"1.0.0-dev.1+0123456789abcdef0123456789abcdef01234567",
	        {1, 0, 0, true, 1, "0123456789abcdef0123456789abcdef01234567"}}};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct zigfile_version v;
		assert_true(zigfile_version_parse(cases[i].text, strlen(cases[i].text), &v));
		assert_int_equal(v.major, cases[i].number.major);
		assert_int_equal(v.minor, cases[i].number.minor);
		assert_int_equal(v.patch, cases[i].number.patch);
		assert_int_equal(v.dev, cases[i].number.dev);
		assert_int_equal(v.commits, cases[i].number.commits);
		assert_string_equal(v.hash, cases[i].number.hash);
	}
}

static void version_of_another_form_is_refused(void **state)
{
	static const char *const cases[] = {"", "0", "0.14", "0.14.", ".14.1", "0..1", "0.14.1.", "0.14.1.2", "v0.14.1",
	    "00.14.1", "0.014.1", "0.14.01", "0.14.1-", "0.14.1-dev", "0.14.1-dev.", "0.14.1-dev.1", "0.14.1-dev.1+",
	    "0.14.1-dev.01+a", "0.14.1-dev.x+a", "0.14.1-dev.1+A", "0.14.1-dev.1+g", "0.14.1-dev.1+a+b",
	    "0.14.1-dev.1 a", "0.14.1+a", "0.14.1-rc.1", "0.14.1-DEV.1+a", " 0.14.1", "0.14.1 ", "0.14.1\n", "-1.0.0",
	    "0.+1.0", "1000000000.0.0", "0.14.1-dev.1000000000+a", "master",
	    "1.0.0-dev.1+0123456789abcdef0123456789abcdef012345678"};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct zigfile_version v;
		if (zigfile_version_parse(cases[i], strlen(cases[i]), &v))
			fail_msg("%s is taken", cases[i]);
	}
}

static int sign(int n)
{
	return (n > 0) - (n < 0);
}

static void versions_have_the_semantic_order(void **state)
{
	static const char *const ascending[] = {"0.0.1", "0.9.10", "0.10.0-dev.2+a", "0.10.0-dev.10+0", "0.10.0",
	    "0.10.1", "0.11.0-dev.1+f", "1.0.0-dev.0+a", "1.0.0", "10.0.0"};
	const size_t count = sizeof ascending / sizeof ascending[0];
	(void)state;
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < count; k++) {
			struct zigfile_version a, b;
			assert_true(zigfile_version_parse(ascending[i], strlen(ascending[i]), &a));
			assert_true(zigfile_version_parse(ascending[k], strlen(ascending[k]), &b));
			assert_int_equal(sign(zigfile_version_compare(&a, &b)), (i > k) - (i < k));
		}
	}
	struct zigfile_version a, b;
	assert_true(zigfile_version_parse("0.1.0-dev.5+aaa", 15, &a));
	assert_true(zigfile_version_parse("0.1.0-dev.5+bbb", 15, &b));
	assert_int_equal(zigfile_version_compare(&a, &b), 0);
}

static void name_is_taken_apart(void **state)
{
	static const struct {
		const char *name, *base, *version;
		bool signature, odd;
	} cases[] = {{"zig-0.14.1.tar.xz", "zig-0.14.1.tar.xz", "0.14.1", false, false},
	    {"zig-bootstrap-0.14.1.tar.xz.minisig", "zig-bootstrap-0.14.1.tar.xz", "0.14.1", true, false},
	    {"zig-x86_64-linux-0.14.1.tar.xz", "zig-x86_64-linux-0.14.1.tar.xz", "0.14.1", false, false},
	    {"zig-windows-x86_64-0.9.1.zip.minisig", "zig-windows-x86_64-0.9.1.zip", "0.9.1", true, false},
	    {"zig-x86_64-linux-0.16.0-dev.43+99b2b6151.tar.xz", "zig-x86_64-linux-0.16.0-dev.43+99b2b6151.tar.xz",
	        "0.16.0-dev.43+99b2b6151", false, false},
	    {"zig-0.16.0-dev.43+99b2b6151.tar.xz.minisig", "zig-0.16.0-dev.43+99b2b6151.tar.xz",
	        "0.16.0-dev.43+99b2b6151", true, false},
	    {"zig-win64-0.1.1.zip", "zig-win64-0.1.1.zip", "0.1.1", false, true},
	    {"zig-new_os-new_arch-9.9.9.zip", "zig-new_os-new_arch-9.9.9.zip", "9.9.9", false, false},
	    {"zig-0-0-0.1.1.zip", "zig-0-0-0.1.1.zip", "0.1.1", false, false}};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct zigfile z;
		if (!zigfile_parse(cases[i].name, strlen(cases[i].name), &z))
			fail_msg("%s is refused", cases[i].name);
		assert_string_equal(z.name, cases[i].name);
		assert_string_equal(z.base, cases[i].base);
		assert_string_equal(z.version, cases[i].version);
		assert_int_equal(z.signature, cases[i].signature);
		assert_int_equal(z.odd, cases[i].odd);
	}
}

static void name_outside_the_grammar_is_refused(void **state)
{
	static const char *const cases[] = {"", "zig", "zig-", "zig-.zip", ".zip", "zig-.tar.xz.minisig", "zig-0.14.1",
	    "zig-0.14.1.tar", "zig-0.14.1.tar.gz", "zig-0.14.1.tar.xz.sig", "zig-0.14.1.zip.zip",
	    "zig-0.14.1.tar.xz.minisig.minisig", "zig-0.14.1.minisig", "zig0.14.1.zip", "Zig-0.14.1.zip",
	    "zls-x86_64-linux-0.14.1.zip", "zig--0.14.1.zip", "zig-a--0.14.1.zip", "zig--a-0.14.1.zip",
	    "zig-a-b-c-0.14.1.zip", "zig-a-b-0.14.zip", "zig-a-b-0.14.1-dev.zip", "zig-a-b-0.14.1-dev.1.zip",
	    "zig-a-b-0.14.1-dev.1+.zip", "zig-a-b-0.14.1-dev.1+G.zip", "zig-a-b-00.14.1.zip", "zig-a.b-c-0.14.1.zip",
	    "zig-a+b-c-0.14.1.zip", "zig-a/b-0.14.1.zip", "zig-..-0.14.1.zip", "../zig-0.14.1.zip", "zig-0.14.1.zip/",
	    "zig-0.14.1.ZIP", "zig-0.14.1.zip ", " zig-0.14.1.zip", "zig-0.14.1.zip\n", "zig-x86_64-linux.zip",
	    "zig-x86_64-linux-master.zip", "zig-0.14.1-x86_64-linux.zip", "zig-\xc3\xa4-b-0.14.1.zip", "index.json"};
	struct zigfile z;
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		if (zigfile_parse(cases[i], strlen(cases[i]), &z))
			fail_msg("%s is taken", cases[i]);
	/* A NUL is a byte like any other that has no business here. */
	assert_false(zigfile_parse("zig-a\0b-c-0.14.1.zip", 20, &z));
	assert_false(zigfile_parse("zig-0.14.1.zip", 15, &z));
}

static void name_is_bounded(void **state)
{
	char name[ZIGFILE_NAME_CAP + 16];
	struct zigfile z;
	(void)state;
	for (size_t words = ZIGFILE_NAME_CAP - 40; words < ZIGFILE_NAME_CAP; words++) {
		char word[ZIGFILE_NAME_CAP + 1];
		memset(word, 'w', words);
		word[words] = '\0';
		int n = snprintf(name, sizeof name, "zig-%s-x-1.0.0.zip", word);
		if (n < 0 || (size_t)n >= sizeof name)
			break;
		assert_int_equal(zigfile_parse(name, (size_t)n, &z), n < ZIGFILE_NAME_CAP);
	}
}

/* Each of the names that real documents have, and none that lacks a byte of it. */
static void name_of_a_real_file_parses_and_no_part_of_it_does(void **state)
{
	FILE *in = fopen(TEST_DATA_DIR "/upstream/files.tsv", "r");
	char line[1024];
	int names = 0;
	(void)state;
	assert_non_null(in);
	while (fgets(line, sizeof line, in) != NULL) {
		struct zigfile z;
		size_t len = strcspn(line, "\t");
		names++;
		assert_true(zigfile_parse(line, len, &z));
		assert_true(z.name[len] == '\0' && strlen(z.name) == len);
		for (size_t cut = 0; cut < len; cut++)
			assert_false(zigfile_parse(line, cut, &z));
	}
	fclose(in);
	assert_true(names > 300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(version_is_taken_apart),
	    cmocka_unit_test(version_of_another_form_is_refused),
	    cmocka_unit_test(versions_have_the_semantic_order),
	    cmocka_unit_test(name_is_taken_apart),
	    cmocka_unit_test(name_outside_the_grammar_is_refused),
	    cmocka_unit_test(name_is_bounded),
	    cmocka_unit_test(name_of_a_real_file_parses_and_no_part_of_it_does),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
