/* Who keeps threads waiting: so many at once, of one network half, and nobody is counted twice or for ever. */
#include "cgi/crowd.h"
#include "cgi/workers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct site site;
static int waits;

static void note(void *arg)
{
	(void)arg;
	waits++;
}

static int set_up(void **state)
{
	(void)state;
	site = (struct site){.waits = note, .crowd = crowd_new()};
	atomic_store(&site.waiting_max, WORKERS_WAITING_MAX);
	waits = 0;
	return site.crowd != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	crowd_free(site.crowd);
	return 0;
}

static enum fault_class enter(const char *network)
{
	struct fault f = {0};
	return crowd_enter(&site, network, &f) ? FAULT_NONE : f.class;
}

static void one_network_has_half(void **state)
{
	(void)state;
	waits = 0;
	for (int i = 0; i < WORKERS_WAITING_MAX / 2; i++)
		assert_int_equal(enter("192.0.2.1"), FAULT_NONE);
	assert_int_equal(enter("192.0.2.1"), FAULT_LIMIT);
	assert_int_equal(atomic_load(&site.waiting), WORKERS_WAITING_MAX / 2);
	for (int i = 0; i < WORKERS_WAITING_MAX / 2; i++)
		assert_int_equal(enter("192.0.2.2"), FAULT_NONE);
	assert_int_equal(enter("192.0.2.3"), FAULT_BUSY);
	assert_int_equal(waits, WORKERS_WAITING_MAX);
	crowd_leave(&site, "192.0.2.1");
	assert_int_equal(enter("192.0.2.2"), FAULT_LIMIT);
	assert_int_equal(enter("192.0.2.1"), FAULT_NONE);
	for (int i = 0; i < WORKERS_WAITING_MAX / 2; i++) {
		crowd_leave(&site, "192.0.2.1");
		crowd_leave(&site, "192.0.2.2");
	}
	assert_int_equal(atomic_load(&site.waiting), 0);
}

/* As many networks as there are places, coming and going in other orders, for many rounds. */
static void every_network_may_be_another(void **state)
{
	char name[32];
	(void)state;
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < WORKERS_WAITING_MAX; i++) {
			snprintf(name, sizeof name, "10.%d.%d.%d", round, i / 256, i % 256);
			assert_int_equal(enter(name), FAULT_NONE);
		}
		assert_int_equal(enter("192.0.2.1"), FAULT_BUSY);
		for (int i = 0; i < WORKERS_WAITING_MAX; i++) {
			int k = (i * 7 + round) % WORKERS_WAITING_MAX;
			snprintf(name, sizeof name, "10.%d.%d.%d", round, k / 256, k % 256);
			crowd_leave(&site, name);
		}
		assert_int_equal(atomic_load(&site.waiting), 0);
	}
	one_network_has_half(state);
}

static void who_is_unknown_has_no_network(void **state)
{
	(void)state;
	for (int i = 0; i < WORKERS_WAITING_MAX; i++)
		assert_int_equal(enter("-"), FAULT_NONE);
	assert_int_equal(enter("-"), FAULT_BUSY);
	crowd_leave(&site, "-");
	assert_int_equal(enter("192.0.2.1"), FAULT_NONE);
}

/* The system grants no more threads. */
static void few_places_are_shared_too(void **state)
{
	(void)state;
	atomic_store(&site.waiting_max, 3);
	assert_int_equal(enter("a"), FAULT_NONE);
	assert_int_equal(enter("a"), FAULT_LIMIT);
	assert_int_equal(enter("b"), FAULT_NONE);
	atomic_store(&site.waiting_max, 1);
	assert_int_equal(enter("c"), FAULT_BUSY);
	crowd_leave(&site, "a");
	crowd_leave(&site, "b");
	assert_int_equal(enter("c"), FAULT_NONE);
}

static void process_of_one_request_counts_nobody(void **state)
{
	struct crowd *mine = site.crowd;
	(void)state;
	site.crowd = NULL;
	for (int i = 0; i < WORKERS_WAITING_MAX; i++)
		assert_int_equal(enter("a"), FAULT_NONE);
	crowd_leave(&site, "a");
	assert_int_equal(atomic_load(&site.waiting), WORKERS_WAITING_MAX - 1);
	site.crowd = mine;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(one_network_has_half, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(every_network_may_be_another, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(who_is_unknown_has_no_network, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(few_places_are_shared_too, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(process_of_one_request_counts_nobody, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
