/* Tests of fetch/mirror_list and fetch/backoff: who is asked in which order, and when again. */
#include "fetch/backoff.h"
#include "fetch/mirror_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct mirror_list parse(const char *text)
{
	struct mirror_list list = {.seed = 7};
	assert_true(mirror_list_parse(&list, text, strlen(text)));
	return list;
}

static void list_has_the_urls_of_lines(void **state)
{
	(void)state;
	struct mirror_list list =
	    parse("https://a.example/zig\r\n\n# remark\nnot a url\nftp://b.example\nhttps://user@c.example\n"
	          "https://d.example/ \nhttps://a.example/zig/\nhttps://e.example/?q=1\nhttp://f.example:81/x");
	assert_int_equal(list.count, 3);
	assert_string_equal(list.urls[0], "https://a.example/zig");
	assert_string_equal(list.urls[1], "https://d.example");
	assert_string_equal(list.urls[2], "http://f.example:81/x");
}

static void list_stays_when_there_is_none(void **state)
{
	(void)state;
	struct mirror_list list = parse("https://a.example\n");
	assert_false(mirror_list_parse(&list, "", 0));
	assert_false(mirror_list_parse(&list, "<html>\n</html>\n", 15));
	assert_false(mirror_list_parse(&list, "https://x\0y\n", 12));
	assert_int_equal(list.count, 1);
	assert_string_equal(mirror_list_at(&list, "zig/a", 0), "https://a.example");
	assert_null(mirror_list_at(&list, "zig/a", 1));
}

static void list_has_a_bound(void **state)
{
	(void)state;
	char text[8192];
	size_t at = 0;
	for (int i = 0; i < 100; i++)
		at += (size_t)snprintf(text + at, sizeof text - at, "https://m%d.example\n", i);
	struct mirror_list list = parse(text);
	assert_int_equal(list.count, MIRROR_LIST_MAX);
}

static void the_real_list_is_read(void **state)
{
	(void)state;
	static char text[MIRROR_LIST_BYTES_MAX];
	FILE *in = fopen(TEST_DATA_DIR "/upstream/community-mirrors.txt", "r");
	assert_non_null(in);
	size_t len = fread(text, 1, sizeof text - 1, in);
	fclose(in);
	text[len] = '\0';
	struct mirror_list list = parse(text);
	assert_int_equal(list.count, 14);
	assert_string_equal(list.urls[0], "https://pkg.machengine.org/zig");
	assert_string_equal(list.urls[13], "https://zig.savalione.com");
}

static void order_is_shuffled_by_path(void **state)
{
	(void)state;
	struct mirror_list list = parse("https://a.example\nhttps://b.example\nhttps://c.example\nhttps://d.example\n");
	unsigned firsts[4] = {0}, behind_a[4] = {0};
	for (int n = 0; n < 1000; n++) {
		char path[32];
		unsigned seen = 0;
		snprintf(path, sizeof path, "zig/file-%d.tar.xz", n);
		for (size_t i = 0; i < 4; i++) {
			const char *url = mirror_list_at(&list, path, i);
			assert_ptr_equal(url, mirror_list_at(&list, path, i));
			seen |= 1U << (url[8] - 'a');
			firsts[url[8] - 'a'] += i == 0;
			if (i > 0 && mirror_list_at(&list, path, i - 1)[8] == 'a')
				behind_a[url[8] - 'a']++;
		}
		assert_int_equal(seen, 15);
		assert_null(mirror_list_at(&list, path, 4));
	}
	for (int i = 0; i < 4; i++) {
		assert_in_range(firsts[i], 150, 350);
		/* Who is behind one that is away differs as well. */
		if (i > 0)
			assert_in_range(behind_a[i], 150, 350);
	}
}

static void pauses_grow_and_differ(void **state)
{
	(void)state;
	static const struct {
		int failures, least, most;
	} CASES[] = {{1, 4, 6}, {2, 8, 13}, {3, 15, 25}, {4, 30, 50}, {7, 240, 400}, {8, 480, 800}, {9, 675, 1125},
	    {10, 675, 1125}, {1000000, 675, 1125}, {0, 4, 6}};
	for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
		assert_int_equal(backoff_pause_sec(CASES[i].failures, 0), CASES[i].least);
		assert_int_equal(backoff_pause_sec(CASES[i].failures, 500), CASES[i].most);
		for (uint32_t chance = 0; chance < 5000; chance += 13)
			assert_in_range(backoff_pause_sec(CASES[i].failures, chance), CASES[i].least, CASES[i].most);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(list_has_the_urls_of_lines),
	    cmocka_unit_test(list_stays_when_there_is_none), cmocka_unit_test(list_has_a_bound),
	    cmocka_unit_test(the_real_list_is_read), cmocka_unit_test(order_is_shuffled_by_path),
	    cmocka_unit_test(pauses_grow_and_differ)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
