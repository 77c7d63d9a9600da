/* test_pace: the waits between pieces that are read at a bounded speed. */
#include "warmer/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct step {
	int64_t bytes, now_ms, wait_ms;
};

static void check(int64_t bytes_sec, const struct step *steps, size_t count)
{
	struct pace p = {.bytes_sec = bytes_sec};
	for (size_t i = 0; i < count; i++)
		assert_int_equal(pace_wait_ms(&p, steps[i].bytes, steps[i].now_ms), steps[i].wait_ms);
}

#define CHECK(bytes_sec, ...)                                                                                          \
	do {                                                                                                           \
		static const struct step STEPS[] = {__VA_ARGS__};                                                      \
		check(bytes_sec, STEPS, sizeof STEPS / sizeof STEPS[0]);                                               \
	} while (0)

static void no_limit_waits_never(void **state)
{
	(void)state;
	CHECK(0, {1000000, 5, 0}, {1000000, 5, 0}, {INT64_C(1) << 50, 6, 0});
}

static void pieces_wait_their_time(void **state)
{
	(void)state;
	/* 1000 bytes a second: a piece of 100 is a tenth. */
	CHECK(1000, {100, 5000, 100}, {100, 5100, 100}, {100, 5200, 100});
	/* Who does not wait waits longer. */
	CHECK(1000, {100, 5000, 100}, {100, 5000, 200}, {100, 5050, 250});
	/* Who is slower than the limit does not wait. */
	CHECK(1000, {100, 5000, 100}, {100, 5600, 0}, {0, 5600, 0});
	/* Rounded up, but nothing is lost by rounding. */
	CHECK(3000, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {1, 1, 2});
}

static void a_piece_larger_than_a_second(void **state)
{
	(void)state;
	CHECK(1000, {262144, 1, 262144}, {262144, 262145, 262144});
	CHECK(1, {262144, 1, 262144000});
	CHECK(INT64_C(1000000000000), {INT64_C(1) << 60, 1, 1152921505}, {0, 1152921506, 0});
}

static void a_delay_is_caught_up_with_for_a_second_only(void **state)
{
	(void)state;
	CHECK(1000, {1000, 10000, 1000}, {500, 11800, 0}, {500, 11800, 200});
	/* An hour later: one second's worth is free, not an hour's. */
	CHECK(1000, {1000, 10000, 1000}, {1000, 3600000, 0}, {1000, 3600000, 1000}, {1000, 3600000, 2000});
}

static void the_promise_holds_whatever_the_pieces(void **state)
{
	struct pace p = {.bytes_sec = 7777};
	int64_t now = 1234, total = 0;
	const int64_t begun = now;
	uint32_t chance = 1;
	(void)state;
	for (int i = 0; i < 20000; i++) {
		chance = chance * 1664525 + 1013904223;
		int64_t bytes = chance >> 20;
		/* What was read before this piece. */
		assert_true(total * 1000 <= 7777 * (now - begun + PACE_BURST_MS) + 7777);
		total += bytes;
		now += pace_wait_ms(&p, bytes, now);
		if (i % 100 == 0)
			now += chance >> 19;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(no_limit_waits_never),
	    cmocka_unit_test(pieces_wait_their_time),
	    cmocka_unit_test(a_piece_larger_than_a_second),
	    cmocka_unit_test(a_delay_is_caught_up_with_for_a_second_only),
	    cmocka_unit_test(the_promise_holds_whatever_the_pieces),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
