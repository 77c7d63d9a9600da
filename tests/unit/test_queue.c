/* Who goes first: fairness, limits, the breaker of a host; the clock is an argument. */
#include "fetch/queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { ENTRIES = 32 };

struct fixture {
	struct queue q;
	struct queue_entry entries[ENTRIES];
	size_t count;
};

static struct fixture x;

static void prepare(int slots, int warm_slots, int per_minute)
{
	queue_clear(&x.q);
	x = (struct fixture){.count = 0};
	assert_true(queue_init(&x.q, slots, warm_slots, per_minute));
}

static int set_up(void **state)
{
	(void)state;
	x = (struct fixture){.count = 0};
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	queue_clear(&x.q);
	return 0;
}

static struct queue_entry *add(bool person, const char *network, const char *host, int64_t now_ms)
{
	assert_true(x.count < ENTRIES);
	struct queue_entry *e = &x.entries[x.count++];
	e->person = person;
	snprintf(e->network, sizeof e->network, "%s", network);
	snprintf(e->host, sizeof e->host, "%s", host);
	queue_add(&x.q, e, now_ms);
	return e;
}

/* --- order ---------------------------------------------------------------------------------------------------------
 */

static void first_come_is_first_served(void **state)
{
	(void)state;
	prepare(2, 1, 0);
	assert_null(queue_next(&x.q));
	struct queue_entry *later = add(true, "a", "h", 20), *first = add(true, "a", "h", 10),
	                   *last = add(true, "a", "h", 30);
	assert_ptr_equal(queue_next(&x.q), first);
	assert_true(first->running);
	assert_ptr_equal(queue_next(&x.q), later);
	assert_null(queue_next(&x.q));
	assert_false(last->running);
	queue_remove(&x.q, first);
	assert_false(first->running);
	assert_ptr_equal(queue_next(&x.q), last);
	/* One that is gone may be removed again. */
	queue_remove(&x.q, first);
	queue_remove(&x.q, later);
	queue_remove(&x.q, last);
	assert_null(queue_next(&x.q));
	assert_null(x.q.first);
}

static void network_with_fewest_transfers_goes_first(void **state)
{
	(void)state;
	prepare(3, 1, 0);
	struct queue_entry *greedy[4], *modest;
	for (int i = 0; i < 4; i++)
		greedy[i] = add(true, "greedy", "h", i);
	modest = add(true, "modest", "h", 100);
	assert_ptr_equal(queue_next(&x.q), greedy[0]);
	assert_ptr_equal(queue_next(&x.q), modest);
	assert_ptr_equal(queue_next(&x.q), greedy[1]);
	queue_remove(&x.q, greedy[0]);
	struct queue_entry *other = add(true, "other", "h", 200);
	assert_ptr_equal(queue_next(&x.q), other);
}

static void network_never_has_all_slots_of_four(void **state)
{
	(void)state;
	prepare(4, 3, 0);
	for (int i = 0; i < 6; i++)
		add(true, "greedy", "h", i);
	for (int i = 0; i < 3; i++)
		assert_non_null(queue_next(&x.q));
	assert_null(queue_next(&x.q));
	add(false, "-", "h", 10);
	assert_null(queue_next(&x.q));
	struct queue_entry *other = add(true, "other", "h", 100);
	assert_ptr_equal(queue_next(&x.q), other);
	queue_remove(&x.q, other);
	assert_null(queue_next(&x.q));
	/* Of three it may have all. */
	prepare(3, 1, 0);
	for (int i = 0; i < 3; i++)
		add(true, "greedy", "h", i);
	for (int i = 0; i < 3; i++)
		assert_non_null(queue_next(&x.q));
}

static void host_with_fewest_transfers_goes_first_within_a_network(void **state)
{
	(void)state;
	prepare(4, 1, 0);
	struct queue_entry *slow[3], *quick;
	for (int i = 0; i < 3; i++)
		slow[i] = add(true, "n", "slow", i);
	quick = add(true, "n", "quick", 100);
	assert_ptr_equal(queue_next(&x.q), slow[0]);
	assert_ptr_equal(queue_next(&x.q), quick);
	assert_ptr_equal(queue_next(&x.q), slow[1]);
}

static void person_goes_before_warming_and_finds_a_slot(void **state)
{
	(void)state;
	prepare(3, 3, 0);
	struct queue_entry *warm[3];
	for (int i = 0; i < 3; i++)
		warm[i] = add(false, "-", "h", i);
	struct queue_entry *late = add(true, "n", "h", 100);
	assert_ptr_equal(queue_next(&x.q), late);
	assert_ptr_equal(queue_next(&x.q), warm[0]);
	assert_ptr_equal(queue_next(&x.q), warm[1]);
	queue_remove(&x.q, late);
	/* One slot is free, but not for warming. */
	assert_null(queue_next(&x.q));
	late = add(true, "n", "h", 200);
	assert_ptr_equal(queue_next(&x.q), late);
}

static void warming_has_its_own_limit_and_the_only_slot(void **state)
{
	(void)state;
	prepare(8, 2, 0);
	for (int i = 0; i < 4; i++)
		add(false, "-", "h", i);
	assert_non_null(queue_next(&x.q));
	assert_non_null(queue_next(&x.q));
	assert_null(queue_next(&x.q));
	prepare(1, 4, 0);
	struct queue_entry *only = add(false, "-", "h", 0);
	assert_ptr_equal(queue_next(&x.q), only);
}

/* --- the limit of a network ----------------------------------------------------------------------------------------
 */

static void network_has_so_many_tokens_a_minute(void **state)
{
	int retry = 0;
	(void)state;
	prepare(1, 1, 6);
	for (int i = 0; i < 6; i++)
		assert_true(queue_admit(&x.q, "n", 1000, &retry));
	assert_false(queue_admit(&x.q, "n", 1000, &retry));
	assert_true(retry >= 10 && retry <= 11);
	/* Another has its own. */
	assert_true(queue_admit(&x.q, "m", 1000, &retry));
	/* One more each ten seconds. */
	assert_false(queue_admit(&x.q, "n", 1000 + 9000, &retry));
	assert_true(retry >= 1 && retry <= 2);
	assert_true(queue_admit(&x.q, "n", 1000 + 10001, &retry));
	assert_false(queue_admit(&x.q, "n", 1000 + 10001, &retry));
	/* They do not pile up. */
	for (int i = 0; i < 6; i++)
		assert_true(queue_admit(&x.q, "n", 100000000, &retry));
	assert_false(queue_admit(&x.q, "n", 100000000, &retry));
}

static void waiting_as_long_as_told_is_enough(void **state)
{
	static const int limits[] = {1, 2, 7, 60, 1000};
	(void)state;
	for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
		int64_t now = 5000;
		int retry = 0;
		prepare(1, 1, limits[i]);
		while (queue_admit(&x.q, "n", now, &retry))
			continue;
		for (int k = 0; k < 50; k++) {
			assert_true(retry > 0);
			now += (int64_t)retry * 1000;
			assert_true(queue_admit(&x.q, "n", now, &retry));
			while (queue_admit(&x.q, "n", now, &retry))
				continue;
		}
	}
}

static void no_limit_and_no_network_are_always_admitted(void **state)
{
	int retry = 0;
	(void)state;
	prepare(1, 1, 0);
	for (int i = 0; i < 1000; i++)
		assert_true(queue_admit(&x.q, "n", 0, &retry));
	prepare(1, 1, 1);
	for (int i = 0; i < 1000; i++)
		assert_true(queue_admit(&x.q, "-", 0, &retry));
}

static void many_networks_do_not_lend_each_other_tokens(void **state)
{
	int retry = 0;
	char name[32];
	(void)state;
	prepare(1, 1, 2);
	/* More than the table has room for: a network may get its share anew, but never less than it. */
	for (int i = 0; i < 3 * QUEUE_NETWORKS; i++) {
		snprintf(name, sizeof name, "10.%d.%d.%d", i / 65536, i / 256 % 256, i % 256);
		assert_true(queue_admit(&x.q, name, i, &retry));
		assert_true(queue_admit(&x.q, name, i, &retry));
		assert_false(queue_admit(&x.q, name, i, &retry));
	}
}

/* --- the breaker ---------------------------------------------------------------------------------------------------
 */

enum { FAILURES = 5, PAUSE_MS = 5000, TRIAL_MS = 30000, LAST_MS = 300000 };

static void fail_times(const char *host, int times, int64_t now_ms)
{
	for (int i = 0; i < times; i++)
		queue_host_bad(&x.q, host, now_ms);
}

static void host_is_left_alone_after_failures_in_a_row(void **state)
{
	int retry = 0;
	(void)state;
	prepare(1, 1, 0);
	fail_times("h", FAILURES - 1, 1000);
	assert_true(queue_host_ask(&x.q, "h", 1000, &retry));
	fail_times("h", 1, 1000);
	assert_false(queue_host_ask(&x.q, "h", 1000, &retry));
	assert_true(retry >= PAUSE_MS / 1000 && retry <= PAUSE_MS / 1000 + 1);
	assert_false(queue_host_ask(&x.q, "h", 1000 + PAUSE_MS - 1, &retry));
	assert_int_equal(retry, 1);
	/* Others are not its business. */
	assert_true(queue_host_ask(&x.q, "other", 1000, &retry));
}

static void good_answer_begins_the_count_anew(void **state)
{
	int retry = 0;
	(void)state;
	prepare(1, 1, 0);
	fail_times("h", FAILURES - 1, 1000);
	queue_host_good(&x.q, "h");
	fail_times("h", FAILURES - 1, 1000);
	assert_true(queue_host_ask(&x.q, "h", 1000, &retry));
	queue_host_good(&x.q, "of nobody");
}

static void one_trial_at_a_time_after_the_pause(void **state)
{
	int retry = 0;
	int64_t now = 1000;
	(void)state;
	prepare(1, 1, 0);
	fail_times("h", FAILURES, now);
	now += PAUSE_MS;
	assert_true(queue_host_ask(&x.q, "h", now, &retry));
	assert_false(queue_host_ask(&x.q, "h", now, &retry));
	assert_false(queue_host_ask(&x.q, "h", now + TRIAL_MS - 1, &retry));
	/* The trial tells nothing: another one. */
	assert_true(queue_host_ask(&x.q, "h", now + TRIAL_MS, &retry));
	queue_host_good(&x.q, "h");
	for (int i = 0; i < 5; i++)
		assert_true(queue_host_ask(&x.q, "h", now + TRIAL_MS, &retry));
}

static void pause_doubles_up_to_five_minutes(void **state)
{
	int retry = 0;
	int64_t now = 1000, pause = PAUSE_MS;
	(void)state;
	prepare(1, 1, 0);
	fail_times("h", FAILURES, now);
	for (int i = 0; i < 12; i++) {
		assert_false(queue_host_ask(&x.q, "h", now + pause - 1, &retry));
		now += pause;
		assert_true(queue_host_ask(&x.q, "h", now, &retry));
		queue_host_bad(&x.q, "h", now);
		pause = 2 * pause < LAST_MS ? 2 * pause : LAST_MS;
	}
	assert_int_equal(pause, LAST_MS);
	/* However often it failed. */
	fail_times("h", 1000, now);
	assert_true(queue_host_ask(&x.q, "h", now + LAST_MS, &retry));
}

/* Eight transfers that fail together are one failure of the host: its pause is the first, not the last. */
static void what_was_under_way_does_not_lengthen_the_pause(void **state)
{
	int retry = 0;
	int64_t now = 1000;
	(void)state;
	prepare(8, 8, 0);
	fail_times("h", FAILURES, now);
	fail_times("h", 8, now + PAUSE_MS / 2);
	now += PAUSE_MS;
	assert_true(queue_host_ask(&x.q, "h", now, &retry));
	/* A file and its signature are one trial. */
	fail_times("h", 2, now);
	assert_false(queue_host_ask(&x.q, "h", now + 2 * PAUSE_MS - 1, &retry));
	assert_true(queue_host_ask(&x.q, "h", now + 2 * PAUSE_MS, &retry));
}

static void table_of_hosts_forgets_the_one_used_longest_ago(void **state)
{
	int retry = 0;
	char name[32];
	(void)state;
	prepare(1, 1, 0);
	fail_times("first", FAILURES, 1);
	fail_times("second", FAILURES, 2);
	for (int i = 0; i < QUEUE_HOSTS - 1; i++) {
		snprintf(name, sizeof name, "h%d", i);
		queue_host_bad(&x.q, name, 10 + i);
	}
	assert_true(queue_host_ask(&x.q, "first", 100, &retry));
	assert_false(queue_host_ask(&x.q, "second", 100, &retry));
}

#define IN_QUEUE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    IN_QUEUE(first_come_is_first_served),
	    IN_QUEUE(network_with_fewest_transfers_goes_first),
	    IN_QUEUE(network_never_has_all_slots_of_four),
	    IN_QUEUE(host_with_fewest_transfers_goes_first_within_a_network),
	    IN_QUEUE(person_goes_before_warming_and_finds_a_slot),
	    IN_QUEUE(warming_has_its_own_limit_and_the_only_slot),
	    IN_QUEUE(network_has_so_many_tokens_a_minute),
	    IN_QUEUE(waiting_as_long_as_told_is_enough),
	    IN_QUEUE(no_limit_and_no_network_are_always_admitted),
	    IN_QUEUE(many_networks_do_not_lend_each_other_tokens),
	    IN_QUEUE(host_is_left_alone_after_failures_in_a_row),
	    IN_QUEUE(good_answer_begins_the_count_anew),
	    IN_QUEUE(one_trial_at_a_time_after_the_pause),
	    IN_QUEUE(pause_doubles_up_to_five_minutes),
	    IN_QUEUE(what_was_under_way_does_not_lengthen_the_pause),
	    IN_QUEUE(table_of_hosts_forgets_the_one_used_longest_ago),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
