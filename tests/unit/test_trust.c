/* Tests of mirror/catalog_trust: which content a path is known by, what waits for an operator, what an acceptance is.
 */
#include "mirror/catalog_trust.h"

#include "scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct place {
	char dir[SCRATCH_CAP];
	struct catalog *catalog;
};

static int open_place(void **state)
{
	struct place *p = calloc(1, sizeof *p);
	struct fault f = {0};
	assert_non_null(p);
	assert_true(scratch_make(p->dir));
	p->catalog = catalog_open(p->dir, CATALOG_WRITE, false, &f);
	if (p->catalog == NULL)
		fail_msg("%s", f.text);
	*state = p;
	return 0;
}

static int close_place(void **state)
{
	struct place *p = *state;
	catalog_close(p->catalog);
	scratch_remove(p->dir);
	free(p);
	return 0;
}

/* Adds a row to the ledger. */
static void note(struct catalog *c, const char *path, const char *content, const char *verdict, int64_t at)
{
	static const char SHA[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	struct fault f = {0};
	const struct catalog_provenance row = {.path = path,
	    .requested_url = "https://git.example/x.tar.gz",
	    .effective_url = "https://git.example/x.tar.gz",
	    .remote_address = "192.0.2.1",
	    .http_status = 200,
	    .started_at = at,
	    .finished_at = at,
	    .bytes = 77,
	    .sha256 = SHA,
	    .content = content,
	    .verdict = verdict};
	if (!catalog_record(c, NULL, &row, &f))
		fail_msg("%s", f.text);
}

static void assert_known(struct catalog *c, const char *path, const char *content)
{
	char known[CATALOG_CONTENT_CAP];
	struct fault f = {0};
	assert_true(catalog_trusted_content(c, path, known, &f));
	assert_string_equal(known, content);
}

static void trust_begins_with_the_first_content(void **state)
{
	struct catalog *c = ((struct place *)*state)->catalog;
	assert_known(c, "a.tar.gz", "");
	note(c, "a.tar.gz", "bad-content", "bad", 1);
	note(c, "a.tar.gz", NULL, "tls", 2);
	assert_known(c, "a.tar.gz", "");
	note(c, "a.tar.gz", "one", "tls", 3);
	note(c, "b.tar.gz", "two", "tls", 4);
	assert_known(c, "a.tar.gz", "one");
	note(c, "a.tar.gz", "three", "changed", 5);
	note(c, "a.tar.gz", "one", "pinned", 6);
	assert_known(c, "a.tar.gz", "one");
}

static void changed_waits_until_something_is_published(void **state)
{
	struct catalog *c = ((struct place *)*state)->catalog;
	struct catalog_changed changed;
	struct fault f = {0};
	note(c, "a.tar.gz", "one", "tls", 1);
	assert_false(catalog_changed_get(c, "a.tar.gz", &changed, &f));
	assert_int_equal(f.class, FAULT_ABSENT);
	note(c, "a.tar.gz", "two", "changed", 2);
	note(c, "a.tar.gz", "three", "changed", 3);
	note(c, "a.tar.gz", NULL, "bad", 4);
	assert_true(catalog_changed_get(c, "a.tar.gz", &changed, &f));
	assert_string_equal(changed.content, "three");
	assert_string_equal(changed.known, "one");
	assert_string_equal(changed.url, "https://git.example/x.tar.gz");
	assert_int_equal(changed.bytes, 77);
	assert_int_equal(changed.finished_at, 3);
	note(c, "a.tar.gz", "one", "pinned", 5);
	assert_false(catalog_changed_get(c, "a.tar.gz", &changed, &f));
}

static void accept_makes_it_the_known_content(void **state)
{
	struct catalog *c = ((struct place *)*state)->catalog;
	struct catalog_changed changed;
	struct fault f = {0};
	note(c, "a.tar.gz", "one", "tls", 1);
	assert_false(catalog_accept(c, "a.tar.gz", "two", "root", 2, &f));
	assert_int_equal(f.class, FAULT_ABSENT);
	note(c, "a.tar.gz", "two", "changed", 3);
	assert_false(catalog_accept(c, "a.tar.gz", "other", "root", 4, &f));
	assert_int_equal(f.class, FAULT_ABSENT);
	assert_known(c, "a.tar.gz", "one");
	assert_true(catalog_accept(c, "a.tar.gz", "two", "root", 5, &f));
	assert_known(c, "a.tar.gz", "two");
	assert_false(catalog_changed_get(c, "a.tar.gz", &changed, &f));
	/* What was known before is another content from now on. */
	note(c, "a.tar.gz", "one", "changed", 6);
	assert_known(c, "a.tar.gz", "two");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(trust_begins_with_the_first_content, open_place, close_place),
	    cmocka_unit_test_setup_teardown(changed_waits_until_something_is_published, open_place, close_place),
	    cmocka_unit_test_setup_teardown(accept_makes_it_the_known_content, open_place, close_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
