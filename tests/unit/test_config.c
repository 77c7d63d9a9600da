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
	assert_false(c->allow_private_upstreams || c->allow_http_upstreams || c->status_open);
	assert_int_equal(c->max_file_bytes, INT64_C(2) << 30);
	assert_string_equal(c->ca_file, "");
	assert_string_equal(c->signing_key, "");
	assert_false(c->provenance_open);
	assert_string_equal(c->toolchains.prefix, "/zig");
	assert_string_equal(c->toolchains.upstream, "https://ziglang.org");
	assert_int_equal(c->toolchains.fallbacks.count, 1);
	assert_string_equal(c->toolchains.fallbacks.items[0], "https://pkg.hexops.org/zig");
	assert_string_equal(c->toolchains.nominated_index, "https://pkg.hexops.org/zig/index.json");
	assert_int_equal(c->toolchains.index_ttl_sec, 900);
	assert_int_equal(c->toolchains.require, REQUIRE_DIGEST);
	assert_int_equal(c->toolchains.keys.now.id[0], 0x86);
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
    "allow_private_upstreams = true\n allow_http_upstreams = true\n status_access = open\n provenance_access = open\n signing_key = \"/etc/pkgmirror.key\"\n"
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
    "  public_key = \"" ZIG_KEY "\"\n  old_public_keys = {\"" ZIG_KEY "\"}\n}\n"
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
	assert_true(c->maintenance && c->offline && c->verify_before_send && c->status_open && c->provenance_open);
	assert_string_equal(c->signing_key, "/etc/pkgmirror.key");
	assert_int_equal(c->max_file_bytes, 512 << 20);
	assert_string_equal(c->toolchains.prefix, "");
	assert_string_equal(c->toolchains.upstream, "http://127.0.0.1:8001/zl");
	assert_int_equal(c->toolchains.fallbacks.count, 2);
	assert_string_equal(c->toolchains.fallbacks.items[0], "community");
	assert_int_equal(c->toolchains.index_ttl_sec, 86400);
	assert_int_equal(c->rule_count, 3);
	assert_string_equal(c->rules[0].name, "mach");
	assert_int_equal(c->rules[0].line, 29);
	assert_int_equal(c->rules[0].require, REQUIRE_TLS);
	assert_string_equal(c->rules[0].token_file, "/etc/pkgmirror.token");
	assert_int_equal(c->rules[1].line, 35);
	assert_int_equal(c->rules[1].allow.count, 2);
	assert_int_equal(c->rules[2].kind, RULE_ARTIFACT);
	assert_int_equal(c->rules[2].line, 40);
	assert_true(c->rules[2].has_key);
	assert_int_equal(c->rules[2].keys.old_count, 1);
	assert_int_equal(c->rules[2].keys.old[0].id[0], 0x86);
	assert_int_equal(c->rules[2].require, REQUIRE_SIGNED);
	assert_int_equal(c->warmer.classes, CLASS_DEV);
	assert_int_equal(c->warmer.max_bytes, INT64_C(1) << 40);
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
		assert_memory_equal(&first->toolchains.keys, &second->toolchains.keys, sizeof first->toolchains.keys);
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
	    cmocka_unit_test(config_with_all_keys_is_read), cmocka_unit_test(config_printed_is_read_back_the_same),
	    cmocka_unit_test(config_printed_shows_an_example_of_each_rule),
	    cmocka_unit_test(config_key_is_in_the_manual), cmocka_unit_test(config_examples_are_valid),
	    cmocka_unit_test(config_load_reads_a_file), cmocka_unit_test(config_path_prefers_option_then_environment),
	    cmocka_unit_test(config_sizes_and_times_have_units)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
