/* Which file of this mirror a file in another mirror's folder is, and the manifest of a bundle, by tables. */
#include "warmer/bundle.h"
#include "warmer/layout.h"

#include "routes.h"

#include <string.h>

static const struct {
	const char *relative, *path; /* NULL: none */
} FILES[] = {
    {"zig-x86_64-linux-0.14.1.tar.xz", "zig/zig-x86_64-linux-0.14.1.tar.xz"},
    {"zig-x86_64-linux-0.14.1.tar.xz.minisig", "zig/zig-x86_64-linux-0.14.1.tar.xz.minisig"},
    {"download/0.14.1/zig-x86_64-linux-0.14.1.tar.xz", "zig/zig-x86_64-linux-0.14.1.tar.xz"},
    {"builds/zig-x86_64-linux-0.15.0-dev.1+abc.tar.xz", "zig/zig-x86_64-linux-0.15.0-dev.1+abc.tar.xz"},
    {"cache/zig/stable/0.14.1/zig-0.14.1.tar.xz", "zig/zig-0.14.1.tar.xz"},
    {"zig/dev/0.15.0-dev.1+abc/zig-0.15.0-dev.1+abc.tar.xz", "zig/zig-0.15.0-dev.1+abc.tar.xz"},
    {"store/zig/dev/0.15.0-dev.1+abc/zig-0.15.0-dev.1+abc.tar.xz", "zig/zig-0.15.0-dev.1+abc.tar.xz"},
    {"any where/zig-bootstrap-0.14.1.tar.xz", "zig/zig-bootstrap-0.14.1.tar.xz"},
    {"download/0.14.0/zig-x86_64-linux-0.14.1.tar.xz", NULL},
    {"0.14.0/zig-x86_64-linux-0.14.1.tar.xz", NULL},
    {"zig/stable/0.14.1-dev.1+abc/zig-x86_64-linux-0.14.1.tar.xz", NULL},
    {"index.json", NULL},
    {"zig/index.json", NULL},
    {"zig-x86_64-linux-0.14.1.tar.xz.new", NULL},
    {"zig.tar.xz", NULL},
    {"..", NULL},
    {"artifact/keyed/zls/zls-1.tar.xz.minisig", "zls/zls-1.tar.xz.minisig"},
    {"", NULL},
    {"package/mach/mach/0123456789abcdef0123456789abcdef01234567.tar.gz",
        "mach/0123456789abcdef0123456789abcdef01234567.tar.gz"},
    {"store/package/mach/mach/0123456789abcdef0123456789abcdef01234567.tar.gz",
        "mach/0123456789abcdef0123456789abcdef01234567.tar.gz"},
    {"mach/0123456789abcdef0123456789abcdef01234567.tar.gz", "mach/0123456789abcdef0123456789abcdef01234567.tar.gz"},
    {"package/other/mach/0123456789abcdef0123456789abcdef01234567.tar.gz", NULL},
    {"package/mach/mach/main.tar.gz", NULL},
};

static void files_are_found_by_their_place(void **state)
{
	struct config *c = parse(CONFIG);
	(void)state;
	for (size_t i = 0; i < sizeof FILES / sizeof FILES[0]; i++) {
		struct route r;
		struct fault f = {0};
		bool ok = layout_route(c, FILES[i].relative, &r, &f);
		if (ok != (FILES[i].path != NULL) || (ok && strcmp(r.path, FILES[i].path) != 0))
			fail_msg("%s: %s", FILES[i].relative, ok ? r.path : f.text);
		if (!ok)
			assert_true(f.class == FAULT_ABSENT && f.text[0] != '\0');
	}
	config_free(c);
}

#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void lines_of_a_manifest(void **state)
{
	static const char *const GOOD[] = {"document index " SHA, "document nominated " SHA, "file " SHA " 0 a",
	    "file " SHA " 9223372036854775807 zig/a+b.tar.xz"};
	static const char *const BAD[] = {"", " ", "file", "document index", "document mirrors " SHA,
	    "document index " SHA " ", "document index " SHA "0", "file " SHA " 1", "file " SHA " 1 ",
	    "file " SHA "  1 a", "file " SHA " -1 a", "file " SHA " 01 a", "file " SHA " 9223372036854775808 a",
	    "file " SHA " 1 a b", "file " SHA " 1 /a", "file " SHA " 1 a/", "file " SHA " 1 a//b", "file " SHA " 1 ..",
	    "file " SHA " 1 a/../b", "file " SHA " 1 ./a", "file " SHA " 1 a\\b", "file " SHA " 1 a\tb",
	    "File " SHA " 1 a", "file X" SHA " 1 a"};
	char out[BUNDLE_LINE_MAX];
	struct bundle_line l;
	(void)state;
	for (size_t i = 0; i < sizeof GOOD / sizeof GOOD[0]; i++) {
		assert_true(bundle_parse(GOOD[i], strlen(GOOD[i]), &l));
		size_t len = bundle_format(&l, out, sizeof out);
		assert_int_equal(len, strlen(GOOD[i]) + 1);
		assert_memory_equal(out, GOOD[i], len - 1);
	}
	for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
		if (bundle_parse(BAD[i], strlen(BAD[i]), &l))
			fail_msg("%s", BAD[i]);
	assert_false(bundle_parse("file " SHA " 1 a\0b", strlen("file " SHA " 1 a") + 2, &l));
	assert_int_equal(bundle_format(&l, out, 4), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(files_are_found_by_their_place),
	    cmocka_unit_test(lines_of_a_manifest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
