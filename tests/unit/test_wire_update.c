/* The request `update` of the wire, and its answers. */
#include "mirror/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void update_is_one_word(void **state)
{
	const struct wire_message m = {.kind = WIRE_UPDATE};
	struct wire_message back;
	char line[WIRE_LINE_CAP + 1];
	(void)state;
	assert_int_equal(wire_format(&m, line), strlen("update\n"));
	assert_string_equal(line, "update\n");
	assert_true(wire_parse("update", 6, &back));
	assert_int_equal(back.kind, WIRE_UPDATE);
}

static void update_takes_nothing_else(void **state)
{
	static const char *const WRONG[] = {
	    "update ", "update zig/index.json", "updat", "updated", "Update", " update"};
	struct wire_message back;
	(void)state;
	for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++)
		assert_false(wire_parse(WRONG[i], strlen(WRONG[i]), &back));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(update_is_one_word), cmocka_unit_test(update_takes_nothing_else)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
