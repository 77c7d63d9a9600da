/* The error type: one clean line, classes with names. */
#include "mirror/fault.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void fault_set_writes_one_clean_line(void **state)
{
	struct fault f = {0};
	(void)state;
	assert_false(fault_set(&f, FAULT_UPSTREAM, "%s says %d", "a\r\nb\tc\x1b[1m\x7f\xc3\xa4", 7));
	assert_int_equal(f.class, FAULT_UPSTREAM);
	assert_string_equal(f.text, "a??b?c?[1m?\xc3\xa4 says 7");
	assert_false(fault_set(NULL, FAULT_UPSTREAM, "%s", "nobody asks"));
	assert_false(fault_errno(NULL, FAULT_UPSTREAM, EIO, "%s", "nobody asks"));
}

static void fault_text_is_cut_at_its_cap(void **state)
{
	struct fault f = {0};
	char text[2 * FAULT_TEXT_CAP];
	(void)state;
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	assert_false(fault_set(&f, FAULT_SYSTEM, "%s", text));
	assert_int_equal(strlen(f.text), FAULT_TEXT_CAP - 1);
	assert_false(fault_errno(&f, FAULT_SYSTEM, EIO, "%s", text));
	assert_int_equal(strlen(f.text), FAULT_TEXT_CAP - 1);
	/* The reason may be cut as well. */
	text[FAULT_TEXT_CAP - 6] = '\0';
	assert_false(fault_errno(&f, FAULT_SYSTEM, EIO, "%s", text));
	assert_int_equal(strlen(f.text), FAULT_TEXT_CAP - 1);
	assert_memory_equal(f.text + FAULT_TEXT_CAP - 6, ": Inp", 5);
}

static void fault_errno_tells_a_full_disk_apart(void **state)
{
	static const struct {
		enum fault_class class;
		int error;
		enum fault_class became;
	} cases[] = {{FAULT_SYSTEM, EIO, FAULT_SYSTEM}, {FAULT_SYSTEM, ENOSPC, FAULT_FULL},
	    {FAULT_SYSTEM, EDQUOT, FAULT_FULL}, {FAULT_UPSTREAM, ENOSPC, FAULT_UPSTREAM},
	    {FAULT_CONFIG, EDQUOT, FAULT_CONFIG}};
	struct fault f = {0};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_false(fault_errno(&f, cases[i].class, cases[i].error, "x"));
		assert_int_equal(f.class, cases[i].became);
	}
	assert_false(fault_errno(&f, FAULT_SYSTEM, ENOENT, "cannot open %s", "a\nb"));
	assert_string_equal(f.text, "cannot open a?b: No such file or directory");
}

static void fault_class_has_a_name_that_is_read_back(void **state)
{
	(void)state;
	for (int i = FAULT_NONE + 1; i < FAULT_CLASSES; i++) {
		const char *name = fault_class_name((enum fault_class)i);
		assert_true(name[0] != '\0' && strspn(name, "abcdefghijklmnopqrstuvwxyz") == strlen(name));
		assert_int_equal(fault_class_parse(name, strlen(name)), i);
		assert_int_equal(fault_class_parse(name, strlen(name) - 1), FAULT_NONE);
	}
	assert_string_equal(fault_class_name(FAULT_NONE), "none");
	assert_string_equal(fault_class_name((enum fault_class)FAULT_CLASSES), "none");
	assert_string_equal(fault_class_name((enum fault_class) - 1), "none");
}

static void fault_class_of_another_name_is_none(void **state)
{
	static const char *const others[] = {"", "none", "Absent", "absent ", "absentx", " absent"};
	(void)state;
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
		assert_int_equal(fault_class_parse(others[i], strlen(others[i])), FAULT_NONE);
	assert_int_equal(fault_class_parse("absent", 7), FAULT_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(fault_set_writes_one_clean_line),
	    cmocka_unit_test(fault_text_is_cut_at_its_cap),
	    cmocka_unit_test(fault_errno_tells_a_full_disk_apart),
	    cmocka_unit_test(fault_class_has_a_name_that_is_read_back),
	    cmocka_unit_test(fault_class_of_another_name_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
