/* The typed doors of the catalogue: what is written is read back, the ledger holds together, the schema refuses. */
#include "tests/unit/catalogs.h"

/* --- entries and the ledger ----------------------------------------------------------------------------------------
 */

static void record_puts_entry_and_transfer_and_ends_the_want(void **state)
{
	struct place *p = *state;
	struct fault f = {0};
	const struct catalog_provenance refused = a_transfer("zig/b");
	assert_true(catalog_want(p->catalog, "zig/a", "completes", 5, 1, &f));
	assert_true(catalog_want(p->catalog, "zig/b", "completes", 5, 1, &f));
	put(p->catalog, "zig/a");
	assert_true(catalog_record(p->catalog, NULL, &refused, &f));
	assert_int_equal(number_beside(p->file, "SELECT count(*) FROM provenance"), 2);
	assert_int_equal(number_beside(p->file, "SELECT count(*) FROM entry"), 1);
	assert_int_equal(number_beside(p->file, "SELECT count(*) FROM want WHERE path = 'zig/a'"), 0);
	assert_int_equal(number_beside(p->file, "SELECT count(*) FROM want WHERE path = 'zig/b'"), 1);
}

static void file_that_comes_again_keeps_its_hits(void **state)
{
	struct place *p = *state;
	struct catalog_entry e = an_entry("zig/a");
	const struct catalog_provenance t = a_transfer("zig/a");
	struct fault f = {0};
	put(p->catalog, "zig/a");
	assert_int_equal(run_beside(p->file, "UPDATE entry SET hits = 9, last_hit_at = 8", NULL, 0), SQLITE_OK);
	e.class = "nominated";
	e.version = NULL;
	e.zig_hash = "N-V-x";
	e.stored_at = 2000;
	assert_true(catalog_record(p->catalog, &e, &t, &f));
	assert_int_equal(number_beside(p->file,
	                     "SELECT count(*) FROM entry WHERE hits = 9 AND last_hit_at = 8 AND stored_at = 2000 AND "
	                     "class = 'nominated' AND version IS NULL AND zig_hash = 'N-V-x'"),
	    1);
}

static void entry_that_is_removed_stays_in_the_ledger(void **state)
{
	struct place *p = *state;
	struct fault f = {0};
	put(p->catalog, "zig/a");
	assert_true(catalog_entry_remove(p->catalog, "zig/a", &f));
	assert_true(catalog_entry_remove(p->catalog, "zig/a", &f));
	assert_int_equal(number_beside(p->file, "SELECT count(*) FROM entry"), 0);
	assert_int_equal(number_beside(p->file, "SELECT count(*) FROM provenance"), 1);
}

static void ledger_is_a_chain(void **state)
{
	struct place *p = *state;
	for (int i = 0; i < 20; i++)
		put(p->catalog, i % 2 == 0 ? "zig/a" : "zig/b");
	assert_int_equal(
	    number_beside(p->file, "SELECT count(*) FROM provenance WHERE length(hash) = 64 AND hash NOT GLOB "
	                           "'*[^0-9a-f]*'"),
	    20);
	assert_int_equal(number_beside(p->file, "SELECT count(*) FROM provenance WHERE id = 1 AND previous = ''"), 1);
	assert_int_equal(
	    number_beside(p->file, "SELECT count(*) FROM provenance a JOIN provenance b ON b.id = a.id + 1 "
	                           "WHERE b.previous = a.hash"),
	    19);
	/* Rows that say the same still differ in their hash, since what is before them differs. */
	assert_int_equal(number_beside(p->file, "SELECT count(DISTINCT hash) FROM provenance"), 20);
}

static void ledger_is_append_only(void **state)
{
	static const char *const changes[] = {"UPDATE provenance SET verdict = 'tls' WHERE id = 1",
	    "UPDATE provenance SET hash = 'x'", "DELETE FROM provenance", "DELETE FROM provenance WHERE id = 2"};
	struct place *p = *state;
	char text[200];
	put(p->catalog, "zig/a");
	put(p->catalog, "zig/b");
	for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
		assert_int_equal(run_beside(p->file, changes[i], text, sizeof text), SQLITE_CONSTRAINT);
		assert_string_equal(text, "the ledger is append-only");
	}
	assert_int_equal(number_beside(p->file, "SELECT count(*) FROM provenance WHERE verdict = 'signed'"), 2);
}

static void what_the_schema_refuses_is_not_half_written(void **state)
{
	struct place *p = *state;
	const struct catalog_entry good = an_entry("zig/a");
	const struct catalog_provenance t = a_transfer("zig/a");
	struct catalog_entry bad[9];
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		bad[i] = good;
	bad[0].kind = "toolchains";
	bad[1].class = "newest";
	bad[2].size = -1;
	bad[3].sha256 = "abc";
	bad[4].sha256 = "0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef";
	bad[5].blake2b = SHA256_TEXT;
	bad[6].verdict = "bad";
	bad[7].path = NULL;
	bad[8].sha256 = NULL;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct fault f = {0};
		assert_false(catalog_record(p->catalog, &bad[i], &t, &f));
		assert_int_equal(f.class, FAULT_SYSTEM);
		assert_non_null(strstr(f.text, "entry_put: "));
	}
	struct catalog_provenance worse = t;
	struct fault f = {0};
	worse.verdict = "fine";
	assert_false(catalog_record(p->catalog, &good, &worse, &f));
	worse = t;
	worse.sha256 = "";
	assert_false(catalog_record(p->catalog, &good, &worse, &f));
	assert_int_equal(number_beside(p->file, "SELECT count(*) FROM entry"), 0);
	assert_int_equal(number_beside(p->file, "SELECT count(*) FROM provenance"), 0);
	put(p->catalog, "zig/a");
}

static void tables_are_strict(void **state)
{
	static const char *const changes[] = {"UPDATE entry SET size = 'many'", "UPDATE entry SET stored_at = NULL",
	    "UPDATE entry SET hits = 1.5",
	    "INSERT INTO want (path, why, priority, added_at) VALUES ('a', 'b', 'high', 1)",
	    "INSERT INTO fetch (path, url, state, started_at, updated_at) VALUES ('a', 'b', 'done', 1, 1)",
	    "INSERT INTO fetch (path, url, state, started_at, updated_at) VALUES ('a', 'b', 'failed', 'x', 1)",
	    "INSERT INTO source (name, url) VALUES ('other', 'u')",
	    "INSERT INTO release (source, key, position, version, class, fields) VALUES ('index', 'k', 0, 'v', 'new', '{}')",
	    "INSERT INTO artifact VALUES ('f', 'index', 'k', 't', 'v', 'u', 'ABC', 1, 0)",
	    "INSERT INTO hit (day, path, source, count) VALUES ('2026-01-01', 'a', '-', 'x')"};
	struct place *p = *state;
	put(p->catalog, "zig/a");
	for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++)
		if ((run_beside(p->file, changes[i], NULL, 0) & 0xff) != SQLITE_CONSTRAINT)
			fail_msg("%s", changes[i]);
	/* Every table, those of later versions as well. */
	assert_int_equal(
	    number_beside(p->file, "SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND type = "
	                           "'table' AND name NOT LIKE 'sqlite%' AND NOT strict"),
	    0);
}

/* --- fetches -------------------------------------------------------------------------------------------------------
 */

static void fetch_is_remembered_until_the_file_is_recorded(void **state)
{
	struct place *p = *state;
	struct catalog_fetch row;
	struct fault f = {0};
	assert_false(catalog_fetch_get(p->catalog, "zig/a", &row, &f));
	assert_int_equal(f.class, FAULT_ABSENT);
	assert_string_equal(f.text, "zig/a: not in the catalogue");
	assert_true(catalog_fetch_started(p->catalog, "zig/a", "https://h/a", "\"e\"", "Sun", 12, 100, &f));
	assert_true(catalog_fetch_get(p->catalog, "zig/a", &row, &f));
	assert_string_equal(row.url, "https://h/a");
	assert_string_equal(row.etag, "\"e\"");
	assert_string_equal(row.last_modified, "Sun");
	assert_string_equal(row.state, "running");
	assert_int_equal(row.size, 12);
	assert_int_equal(row.until, 0);
	assert_true(
	    catalog_fetch_failed(p->catalog, "zig/a", "https://h/other", FAULT_UPSTREAM, "it broke", 200, 260, &f));
	assert_true(catalog_fetch_get(p->catalog, "zig/a", &row, &f));
	/* The validators belong to the URL that was begun. */
	assert_string_equal(row.url, "https://h/a");
	assert_string_equal(row.etag, "\"e\"");
	assert_string_equal(row.state, "failed");
	assert_string_equal(row.class, "upstream");
	assert_string_equal(row.reason, "it broke");
	assert_int_equal(row.until, 260);
	assert_true(catalog_fetch_started(p->catalog, "zig/a", "https://h/a", NULL, NULL, -1, 300, &f));
	assert_true(catalog_fetch_get(p->catalog, "zig/a", &row, &f));
	assert_string_equal(row.etag, "");
	assert_string_equal(row.class, "");
	assert_string_equal(row.reason, "");
	assert_int_equal(row.size, -1);
	assert_int_equal(row.until, 0);
	put(p->catalog, "zig/b");
	assert_true(catalog_fetch_get(p->catalog, "zig/a", &row, &f));
	put(p->catalog, "zig/a");
	assert_false(catalog_fetch_get(p->catalog, "zig/a", &row, &f));
}

static void old_failures_are_trimmed_on_the_way(void **state)
{
	enum { DAY = 24 * 3600 };
	struct place *p = *state;
	struct fault f = {0};
	assert_true(catalog_fetch_failed(p->catalog, "old", "u", FAULT_ABSENT, "r", 1000, 1060, &f));
	assert_true(catalog_fetch_started(p->catalog, "running", "u", NULL, NULL, -1, 1000, &f));
	assert_true(catalog_fetch_failed(p->catalog, "new", "u", FAULT_ABSENT, "r", 1000 + 7 * DAY, 0, &f));
	assert_int_equal(number_beside(p->file, "SELECT count(*) FROM fetch"), 3);
	assert_true(catalog_fetch_failed(p->catalog, "newer", "u", FAULT_ABSENT, "r", 1001 + 7 * DAY, 0, &f));
	assert_int_equal(number_beside(p->file, "SELECT count(*) FROM fetch WHERE path = 'old'"), 0);
	assert_int_equal(number_beside(p->file, "SELECT count(*) FROM fetch"), 3);
}

static void failures_are_bounded(void **state)
{
	struct place *p = *state;
	struct fault f = {0};
	assert_int_equal(
	    run_beside(p->file,
	        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10050) "
	        "INSERT INTO fetch (path, url, state, started_at, updated_at) SELECT 'p' || i, 'u', 'failed', 1, i FROM n",
	        NULL, 0),
	    SQLITE_OK);
	assert_true(catalog_fetch_failed(p->catalog, "last", "u", FAULT_ABSENT, "r", 20000, 0, &f));
	assert_int_equal(number_beside(p->file, "SELECT count(*) FROM fetch"), 10000);
	/* The oldest went. */
	assert_int_equal(number_beside(p->file, "SELECT min(updated_at) FROM fetch"), 52);
}

/* --- wants, sources, artifacts -------------------------------------------------------------------------------------
 */

static void want_only_gets_more_urgent(void **state)
{
	struct place *p = *state;
	struct fault f = {0};
	assert_true(catalog_want(p->catalog, "a", "first", 10, 100, &f));
	assert_true(catalog_want(p->catalog, "a", "later", 20, 200, &f));
	assert_int_equal(number_beside(p->file, "SELECT priority FROM want"), 10);
	assert_true(catalog_want(p->catalog, "a", "urgent", 1, 300, &f));
	assert_int_equal(number_beside(p->file, "SELECT priority FROM want"), 1);
	assert_int_equal(number_beside(p->file, "SELECT count(*) FROM want WHERE added_at = 100"), 1);
}

static void source_remembers_validators_and_failures(void **state)
{
	struct place *p = *state;
	struct catalog_source s;
	struct fault f = {0};
	assert_false(catalog_source_get(p->catalog, "index", &s, &f));
	assert_int_equal(f.class, FAULT_ABSENT);
	assert_true(catalog_source_failed(p->catalog, "index", "https://h/i", 2, 500, &f));
	assert_true(catalog_source_get(p->catalog, "index", &s, &f));
	assert_int_equal(s.failures, 2);
	assert_int_equal(s.next_try, 500);
	assert_int_equal(s.fetched_at, 0);
	assert_string_equal(s.etag, "");
	assert_true(catalog_source_checked(p->catalog, "index", "https://h/i", "\"e\"", "Sun", 600, &f));
	assert_true(catalog_source_checked(p->catalog, "index", "https://h/i", "", "", 700, &f));
	assert_true(catalog_source_get(p->catalog, "index", &s, &f));
	assert_string_equal(s.etag, "\"e\"");
	assert_string_equal(s.last_modified, "Sun");
	assert_int_equal(s.fetched_at, 700);
	assert_int_equal(s.failures, 0);
	assert_int_equal(s.next_try, 0);
	assert_false(catalog_source_checked(p->catalog, "elsewhere", "https://h/i", "", "", 700, &f));
	assert_int_equal(f.class, FAULT_SYSTEM);
}

#define ARTIFACT "INSERT INTO artifact (file, source, key, target, version, url, sha256, size, retired) VALUES "

static void artifact_of_a_release_wins(void **state)
{
	static const char *const rows[] = {ARTIFACT "('f', 'nominated', '0.1.0', 't', 'v', 'https://n/f', '" SHA256_TEXT
	                                            "', 4, 0)",
	    ARTIFACT "('f', 'index', 'master', 't', 'v', 'https://m/f', '" SHA256_TEXT "', 3, 0)",
	    ARTIFACT "('f', 'index', '0.1.0', 't', 'v', 'https://r/f', '" SHA256_TEXT "', 2, 0)"};
	static const char *const urls[] = {"https://n/f", "https://m/f", "https://r/f"};
	struct place *p = *state;
	struct catalog_artifact a;
	struct fault f = {0};
	assert_false(catalog_artifact_get(p->catalog, "f", &a, &f));
	assert_int_equal(f.class, FAULT_ABSENT);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(run_beside(p->file, rows[i], NULL, 0), SQLITE_OK);
		assert_true(catalog_artifact_get(p->catalog, "f", &a, &f));
		assert_string_equal(a.url, urls[i]);
		assert_string_equal(a.sha256, SHA256_TEXT);
		assert_int_equal(a.size, 4 - (int)i);
	}
	/* What is listed no more counts only when nothing else does. */
	assert_int_equal(
	    run_beside(p->file, "UPDATE artifact SET retired = 1 WHERE source = 'index'", NULL, 0), SQLITE_OK);
	assert_true(catalog_artifact_get(p->catalog, "f", &a, &f));
	assert_string_equal(a.url, "https://n/f");
	assert_int_equal(run_beside(p->file, "UPDATE artifact SET retired = 1", NULL, 0), SQLITE_OK);
	assert_true(catalog_artifact_get(p->catalog, "f", &a, &f));
	assert_string_equal(a.url, "https://r/f");
}

static void count_file(void *arg, const char *file)
{
	int *seen = arg;
	assert_true(strcmp(file, "a") == 0 || strcmp(file, "b") == 0);
	*seen += file[0] == 'a' ? 1 : 10;
}

static void files_of_a_version_are_each_once(void **state)
{
	struct place *p = *state;
	struct fault f = {0};
	int seen = 0;
	assert_int_equal(run_beside(p->file,
	                     ARTIFACT "('a', 'index', '1.0.0', 't', '1.0.0', 'u', '" SHA256_TEXT "', 1, 0),"
	                              "('a', 'index', 'master', 't', '1.0.0', 'u', '" SHA256_TEXT "', 1, 0),"
	                              "('b', 'nominated', '1.0.0', 't', '1.0.0', 'u', '" SHA256_TEXT "', 1, 0),"
	                              "('c', 'index', '1.0.0', 't', '1.0.0', 'u', '" SHA256_TEXT "', 1, 1),"
	                              "('d', 'index', '1.0.1', 't', '1.0.1', 'u', '" SHA256_TEXT "', 1, 0)",
	                     NULL, 0),
	    SQLITE_OK);
	assert_true(catalog_version_files(p->catalog, "1.0.0", count_file, &seen, &f));
	assert_int_equal(seen, 11);
	assert_true(catalog_version_files(p->catalog, "2.0.0", count_file, &seen, &f));
	assert_int_equal(seen, 11);
}

#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, make_place, remove_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    IN_PLACE(record_puts_entry_and_transfer_and_ends_the_want),
	    IN_PLACE(file_that_comes_again_keeps_its_hits),
	    IN_PLACE(entry_that_is_removed_stays_in_the_ledger),
	    IN_PLACE(ledger_is_a_chain),
	    IN_PLACE(ledger_is_append_only),
	    IN_PLACE(what_the_schema_refuses_is_not_half_written),
	    IN_PLACE(tables_are_strict),
	    IN_PLACE(fetch_is_remembered_until_the_file_is_recorded),
	    IN_PLACE(old_failures_are_trimmed_on_the_way),
	    IN_PLACE(failures_are_bounded),
	    IN_PLACE(want_only_gets_more_urgent),
	    IN_PLACE(source_remembers_validators_and_failures),
	    IN_PLACE(artifact_of_a_release_wins),
	    IN_PLACE(files_of_a_version_are_each_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
