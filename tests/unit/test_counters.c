/* The counters: shared by processes, kept over restarts, replaced when they are none. */
#include "mirror/counters.h"
#include "scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { PROCESSES = 4, ROUNDS = 20000 };

static char dir[SCRATCH_CAP];
static struct store *store;

static int set_up(void **state)
{
	(void)state;
	store = scratch_make(dir) ? store_open(dir, true, NULL) : NULL;
	return store != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	store_close(store);
	scratch_remove(dir);
	return 0;
}

static struct counters *open_counters(void)
{
	struct counters *c = counters_open(store);
	assert_non_null(c);
	return c;
}

static void processes_add_up(void **state)
{
	(void)state;
	for (int i = 0; i < PROCESSES; i++) {
		pid_t child = fork();
		assert_true(child >= 0);
		if (child > 0)
			continue;
		struct counters *c = counters_open(store);
		for (int k = 0; k < ROUNDS; k++)
			counters_add(&c->cut, 1);
		_exit(0);
	}
	for (int i = 0; i < PROCESSES; i++)
		assert_true(wait(NULL) > 0);
	struct counters *c = open_counters();
	assert_int_equal(counters_get(&c->cut), PROCESSES * ROUNDS);
	counters_close(c);
}

static void restart_keeps_them(void **state)
{
	(void)state;
	struct counters *c = open_counters();
	counters_add(&c->bytes, 7);
	counters_answer(c, COUNTERS_INDEX, 304);
	counters_answer(c, COUNTERS_INDEX, 999);
	counters_close(c);
	c = open_counters();
	assert_int_equal(counters_get(&c->bytes), 7);
	assert_int_equal(counters_get(&c->answers[COUNTERS_INDEX][2]), 1);
	assert_int_equal(counters_get(&c->answers[COUNTERS_INDEX][COUNTERS_STATUSES - 1]), 1);
	counters_close(c);
}

static void durations_fall_into_their_place(void **state)
{
	(void)state;
	static const struct {
		int64_t ms;
		size_t place;
	} cases[] = {{0, 0}, {100, 0}, {101, 1}, {3000000, 9}, {3000001, 10}, {INT64_MAX, 10}};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct counters *c = open_counters();
		uint64_t before = counters_get(&c->fetch_durations[cases[i].place]);
		counters_published(c, 5, cases[i].ms);
		assert_int_equal(counters_get(&c->fetch_durations[cases[i].place]), before + 1);
		counters_close(c);
	}
}

static void write_file(const char *text, size_t len)
{
	char path[SCRATCH_CAP + 32];
	snprintf(path, sizeof path, "%s/run/counters", dir);
	FILE *out = fopen(path, "w");
	assert_non_null(out);
	assert_int_equal(fwrite(text, 1, len, out), len);
	assert_int_equal(fclose(out), 0);
}

static void strange_file_is_replaced(void **state)
{
	(void)state;
	static char other[sizeof(struct counters)];
	memset(other, 'x', sizeof other);
	const size_t lengths[] = {1, sizeof other - 1, sizeof other};
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		write_file(other, lengths[i]);
		struct counters *c = open_counters();
		assert_int_equal(counters_get(&c->cut), 0);
		counters_add(&c->cut, 1);
		counters_close(c);
		c = open_counters();
		assert_int_equal(counters_get(&c->cut), 1);
		counters_close(c);
	}
}

static void without_a_file_it_counts_alone(void **state)
{
	(void)state;
	char path[SCRATCH_CAP + 32];
	snprintf(path, sizeof path, "%s/run/counters", dir);
	assert_int_equal(mkdir(path, 0755), 0);
	struct counters *c = open_counters();
	counters_add(&c->cut, 1);
	assert_int_equal(counters_get(&c->cut), 1);
	counters_close(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(processes_add_up, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(restart_keeps_them, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(durations_fall_into_their_place, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(strange_file_is_replaced, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(without_a_file_it_counts_alone, set_up, tear_down)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
