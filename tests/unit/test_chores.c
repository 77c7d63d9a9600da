/* test_chores: what a watcher does when, beside warming. */
#include "warmer/chores.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { MINUTE_MS = 60 * 1000, HOUR_MS = 60 * MINUTE_MS, HOURS = 72 };

/* As a watcher does: all that is due. Returns how many chores that were, and how many of them pruned. */
static int work(struct chores *c, int64_t now_ms, int *pruned)
{
	const char *command;
	int count = 0;
	for (; (command = chores_take(c, now_ms)) != NULL; count++) {
		const bool prune = strcmp(command, "prune") == 0;
		assert_true(prune || strcmp(command, "fold") == 0);
		/* Not before hits were folded at the same moment. */
		assert_true(!prune || count == 1);
		*pruned += prune;
	}
	assert_true(chores_due_ms(c) > now_ms);
	return count;
}

static void hits_are_folded_hourly_and_nightlies_pruned_daily(void **state)
{
	struct chores c = {0};
	int64_t now = 12345;
	int chores = 0, pruned = 0;
	(void)state;
	assert_true(chores_due_ms(&c) <= now);
	for (int minute = 0; minute < HOURS * 60; minute++, now += MINUTE_MS) {
		int count = work(&c, now, &pruned);
		assert_int_equal(count, minute % (24 * 60) == 0 ? 2 : minute % 60 == 0);
		chores += count;
	}
	assert_int_equal(chores, HOURS + HOURS / 24);
	assert_int_equal(pruned, HOURS / 24);
}

static void what_was_due_while_another_command_worked_is_done_once(void **state)
{
	struct chores c = {0};
	int pruned = 0;
	(void)state;
	assert_int_equal(work(&c, 1, &pruned), 2);
	assert_int_equal(work(&c, INT64_C(50) * HOUR_MS, &pruned), 2);
	assert_int_equal(work(&c, INT64_C(50) * HOUR_MS + 1, &pruned), 0);
	assert_int_equal(pruned, 2);
}

static void what_is_put_off_is_due_then_and_the_rest_when_it_was(void **state)
{
	struct chores c = {0};
	int pruned = 0;
	(void)state;
	chores_postpone(&c, MINUTE_MS);
	assert_int_equal(chores_due_ms(&c), MINUTE_MS);
	assert_int_equal(work(&c, MINUTE_MS - 1, &pruned), 0);
	assert_int_equal(work(&c, MINUTE_MS, &pruned), 2);
	chores_postpone(&c, 2 * HOUR_MS);
	assert_int_equal(chores_due_ms(&c), 2 * HOUR_MS);
	assert_int_equal(work(&c, 2 * HOUR_MS, &pruned), 1);
	assert_int_equal(work(&c, INT64_C(24) * HOUR_MS + MINUTE_MS, &pruned), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hits_are_folded_hourly_and_nightlies_pruned_daily),
	    cmocka_unit_test(what_was_due_while_another_command_worked_is_done_once),
	    cmocka_unit_test(what_is_put_off_is_due_then_and_the_rest_when_it_was),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
