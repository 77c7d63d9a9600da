/* The lines of progress: what they hold, and that they fit, at every width. */
#include "warmer/progress.h"
#include "warmer/crew.h"
#include "warmer/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct progress MIDDLE = {
    .files = 400, .files_done = 100, .bytes = 2000000000, .bytes_done = 1000000000, .speed = 10000000};

static void bar_wide_has_all(void **state)
{
	char line[PROGRESS_LINE_CAP];
	(void)state;
	assert_int_equal(progress_bar(&MIDDLE, 200, line), 200);
	assert_non_null(strstr(line, "]  50%  100 of 400 files  1.0 GB of 2.0 GB  10.0 MB/s  1:41 left"));
	assert_int_equal(line[0], '[');
	size_t filled = strspn(line + 1, "#"), empty = strspn(line + 1 + filled, "-");
	assert_true(filled > 60 && (filled == empty || filled + 1 == empty));
}

static void bar_of_80_columns(void **state)
{
	char line[PROGRESS_LINE_CAP];
	(void)state;
	assert_int_equal(progress_bar(&MIDDLE, 79, line), 79);
	assert_non_null(strstr(line, "  50%  100 of 400 files  1.0 GB of 2.0 GB  10.0 MB/s  1:41 left"));
	assert_int_equal(line[0], '[');
	assert_int_equal(progress_bar(&MIDDLE, 70, line), 70);
	assert_non_null(strstr(line, "] 50% 100/400 1.0 GB/2.0 GB 10.0 MB/s 1:41"));
	assert_int_equal(line[0], '[');
}

static void bar_of_40_columns(void **state)
{
	char line[PROGRESS_LINE_CAP];
	const struct progress large = {
	    .files = 1234, .files_done = 1000, .bytes = 123456789012, .bytes_done = 98765432109, .speed = 123456789};
	(void)state;
	assert_true(progress_bar(&MIDDLE, 39, line) <= 39);
	assert_non_null(strstr(line, "100/400 1.0 GB"));
	assert_non_null(strstr(line, "10.0 MB/s 1:41"));
	assert_true(progress_bar(&large, 39, line) <= 39);
	assert_string_equal(line, "80% 1000/1234 98.8 GB 123.5 MB/s 3:20");
}

static void lines_fit_every_width(void **state)
{
	static const struct progress CASES[] = {{0}, {.files = 1, .speed = -1},
	    {.files = 99999, .files_done = 99998, .bytes = INT64_MAX, .bytes_done = INT64_MAX - 1, .speed = 1},
	    {.files = 400, .files_done = 400, .bytes = 5, .bytes_done = 5, .speed = INT64_MAX}};
	const struct progress_file file = {
	    .name = "zig-x86_64-linux-0.16.0-dev.1234+abcdef012.tar.xz.minisig", .bytes = 1000000, .at = 499999};
	const struct progress_file unknown = {.name = "a", .bytes = -1, .at = 12};
	char line[PROGRESS_LINE_CAP];
	(void)state;
	for (int columns = -1; columns < 2000; columns += columns < 300 ? 1 : 97) {
		size_t most = columns > 0 ? (size_t)columns : 0;
		for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
			size_t len = progress_bar(&CASES[i], columns, line);
			assert_true(len <= most && len == strlen(line));
		}
		assert_true(progress_transfer(&file, columns, line) <= most);
		assert_true(progress_transfer(&unknown, columns, line) <= most);
	}
}

static void transfer_keeps_the_end_of_a_long_name(void **state)
{
	const struct progress_file file = {
	    .name = "zig-x86_64-linux-0.16.0-dev.1234+abcdef012.tar.xz", .bytes = 1000000, .at = 500000};
	char line[PROGRESS_LINE_CAP];
	(void)state;
	assert_int_equal(progress_transfer(&file, 39, line), 39);
	assert_true(strncmp(line, "  zig-", 6) == 0);
	assert_non_null(strstr(line, "abcdef012.tar.xz   50%"));
	assert_int_equal(progress_transfer(&file, 100, line), 100);
	assert_non_null(strstr(line, "  zig-x86_64-linux-0.16.0-dev.1234+abcdef012.tar.xz "));
	assert_non_null(strstr(line, "500.0 kB of 1.0 MB   50%"));
}

static void whole_is_100_only_at_the_end(void **state)
{
	const struct progress nearly = {.files = 2, .files_done = 1, .bytes = 10, .bytes_done = 10, .speed = -1};
	const struct progress done = {.files = 2, .files_done = 2, .bytes = 10, .bytes_done = 10, .speed = -1};
	const struct progress unknown = {.files = 4, .files_done = 1, .speed = -1};
	char line[PROGRESS_LINE_CAP];
	(void)state;
	progress_bar(&nearly, 100, line);
	assert_non_null(strstr(line, " 99%"));
	progress_bar(&done, 100, line);
	assert_non_null(strstr(line, "100%"));
	assert_non_null(strstr(line, "0:00 left"));
	progress_bar(&unknown, 100, line);
	assert_non_null(strstr(line, " 25%"));
	assert_non_null(strstr(line, "-/s  -:-- left"));
}

static void time_is_short(void **state)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} CASES[] = {
	    {-1, "-:--"}, {0, "0:00"}, {7, "0:07"}, {754, "12:34"}, {3723, "1:02:03"}, {INT64_MAX, "99:59:59"}};
	char out[PROGRESS_TIME_CAP];
	(void)state;
	for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
		progress_time(CASES[i].seconds, out);
		assert_string_equal(out, CASES[i].text);
	}
}

static void rate_is_of_the_last_seconds(void **state)
{
	struct progress_rate r = {0};
	(void)state;
	assert_int_equal(progress_rate_speed(&r), -1);
	progress_rate_add(&r, 1000, 0);
	assert_int_equal(progress_rate_speed(&r), -1);
	for (int i = 1; i <= 40; i++)
		progress_rate_add(&r, 1000 + i * 250, i * 250);
	assert_int_equal(progress_rate_speed(&r), 1000);
	/* Ten times as fast for longer than the ring remembers. */
	for (int i = 1; i <= PROGRESS_SAMPLES; i++)
		progress_rate_add(&r, 11000 + i * 250, 10000 + i * 2500);
	assert_int_equal(progress_rate_speed(&r), 10000);
	/* Samples that are too near do not count; a transfer that began again starts over. */
	size_t count = r.count;
	progress_rate_add(&r, 11000 + PROGRESS_SAMPLES * 250 + 1, 10000 + PROGRESS_SAMPLES * 2500 + 1);
	assert_int_equal(r.count, count);
	progress_rate_add(&r, 30000, 5);
	assert_int_equal(progress_rate_speed(&r), -1);
}

static void plain_line(void **state)
{
	char line[PROGRESS_LINE_CAP];
	(void)state;
	progress_plain(&MIDDLE, line);
	assert_string_equal(line, "100 of 400 files, 1.0 GB of 2.0 GB, 10.0 MB/s, 1:41 left");
}

static void json_is_escaped(void **state)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	(void)state;
	struct json j = json_begin(out);
	json_text(&j, "a", "q\"b\\c\n\x7f");
	json_text(&j, "none", NULL);
	json_int(&j, "n", -5);
	json_bool(&j, "yes", true);
	json_end(&j);
	j = json_begin(out);
	json_end(&j);
	fclose(out);
	assert_string_equal(text, "{\"a\":\"q\\\"b\\\\c\\u000a\\u007f\",\"none\":null,\"n\":-5,\"yes\":true}\n{}\n");
	free(text);
}

static void pause_grows_up_to_a_bound(void **state)
{
	int64_t last = 0;
	(void)state;
	assert_int_equal(crew_pause_sec(FAULT_UPSTREAM, 0), 30);
	assert_int_equal(crew_pause_sec(FAULT_UPSTREAM, 1), 60);
	assert_int_equal(crew_pause_sec(FAULT_UPSTREAM, 1000000), 6 * 3600);
	assert_int_equal(crew_pause_sec(FAULT_ABSENT, 0), 3600);
	assert_int_equal(crew_pause_sec(FAULT_INTEGRITY, 50), 86400);
	for (int i = 0; i < 20; i++) {
		assert_true(crew_pause_sec(FAULT_BUSY, i) >= last);
		last = crew_pause_sec(FAULT_BUSY, i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(bar_wide_has_all), cmocka_unit_test(bar_of_80_columns),
	    cmocka_unit_test(bar_of_40_columns), cmocka_unit_test(lines_fit_every_width),
	    cmocka_unit_test(transfer_keeps_the_end_of_a_long_name), cmocka_unit_test(whole_is_100_only_at_the_end),
	    cmocka_unit_test(time_is_short), cmocka_unit_test(rate_is_of_the_last_seconds),
	    cmocka_unit_test(plain_line), cmocka_unit_test(json_is_escaped),
	    cmocka_unit_test(pause_grows_up_to_a_bound)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
