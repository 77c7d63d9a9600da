/* The table from a fault's class to an HTTP status. */
#include "cgi/respond.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void status_fits_the_class(void **state)
{
	(void)state;
	static const struct {
		enum fault_class class;
		int status;
	} cases[] = {{FAULT_CLIENT, 400}, {FAULT_METHOD, 405}, {FAULT_ABSENT, 404}, {FAULT_LIMIT, 429},
	    {FAULT_BUSY, 503}, {FAULT_UPSTREAM, 504}, {FAULT_INTEGRITY, 502}, {FAULT_FULL, 507}, {FAULT_SYSTEM, 500},
	    {FAULT_CONFIG, 500}, {FAULT_NONE, 500}};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_int_equal(respond_status(cases[i].class), cases[i].status);
	assert_int_equal(sizeof cases / sizeof cases[0], FAULT_CLASSES);
	assert_int_equal(respond_status(FAULT_CLASSES), 500);
	assert_int_equal(respond_status((enum fault_class)(-1)), 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(status_fits_the_class)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
