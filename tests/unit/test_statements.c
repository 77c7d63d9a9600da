/* Every statement of sql/: it compiles on the schema, and reads a whole table only where that is meant. */
#include "mirror/catalog_sql.h"
#include "tests/unit/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>

/* The scans that are meant. A new statement that reads all of a table, or all of an index of it, is added here with its
 * reason, or gets an index. */
static const struct {
	const char *statement, *table, *reason;
} SCANS[] = {
    {"schema_count", "sqlite_schema", "a handful of rows, once when the catalogue is opened"},
    {"provenance_add", "provenance", "its last row alone"},
    {"page_documents", "source", "three rows at most"},
    {"page_classes", "entry", "sums up what is stored, for a page that one asks for seldom"},
    {"page_total", "entry", "likewise"},
    {"page_wanted", "want", "counts it, likewise"},
    {"keep_bytes", "entry", "sums up what is stored, once a prune"},
    {"warm_files", "artifact", "a round of warming looks at every file"},
    {"warm_wants", "want", "likewise"},
    {"warm_wants_state", "want", "likewise; a thousand rows or so"},
    {"warm_used", "entry", "sums up what is stored, once a round"},
};

enum { CURSORS = 64, NAME_CAP = 64 };

static char dir[SCRATCH_CAP];
static sqlite3 *db;

static int set_up(void **state)
{
	char file[SCRATCH_CAP + 16];
	struct fault f = {0};
	(void)state;
	if (!scratch_make(dir))
		return -1;
	struct catalog *c = catalog_open(dir, CATALOG_WRITE, false, &f);
	if (c == NULL)
		fail_msg("%s", f.text);
	catalog_close(c);
	snprintf(file, sizeof file, "%s/catalog.db", dir);
	return sqlite3_open_v2(file, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	sqlite3_close(db);
	scratch_remove(dir);
	return 0;
}

/* As the programs do it, with the functions that are theirs. */
static void statement_compiles(void **state)
{
	struct fault f = {0};
	(void)state;
	struct catalog *c = catalog_open(dir, CATALOG_WRITE, false, &f);
	assert_non_null(c);
	for (int i = 0; i < STATEMENTS; i++) {
		struct catalog_query *q = catalog_query(c, (enum sql_statement)i, &f, "");
		if (q == NULL)
			fail_msg("%s: %s", sql_statement_names[i], f.text);
		catalog_end(q);
	}
	catalog_close(c);
}

static void statement_has_a_name_of_its_own_and_is_one(void **state)
{
	(void)state;
	for (int i = 0; i < STATEMENTS; i++) {
		const char *rest = NULL;
		sqlite3_stmt *s = NULL;
		for (int k = 0; k < i; k++)
			assert_string_not_equal(sql_statement_names[i], sql_statement_names[k]);
		/* The end of the first statement is found whatever the schema is. */
		sqlite3_prepare_v2(db, sql_statements[i], -1, &s, &rest);
		sqlite3_finalize(s);
		if (s != NULL && rest[strspn(rest, " \t\n")] != '\0')
			fail_msg("%s: more than one statement: %s", sql_statement_names[i], rest);
	}
}

/* --- scans ---------------------------------------------------------------------------------------------------------
 */

/* What the programs' own functions do is of no interest here. */
static void no_function(sqlite3_context *context, int count, sqlite3_value **values)
{
	(void)count, (void)values;
	sqlite3_result_null(context);
}

/* Compiles "EXPLAIN statement", adding the functions that SQLite lacks. */
static sqlite3_stmt *explain(const char *sql, const char *name)
{
	static const char lacks[] = "no such function: ";
	sqlite3_stmt *s = NULL;
	char *text = sqlite3_mprintf("EXPLAIN %s", sql);
	assert_non_null(text);
	while (sqlite3_prepare_v2(db, text, -1, &s, NULL) != SQLITE_OK) {
		const char *error = sqlite3_errmsg(db);
		if (strncmp(error, lacks, strlen(lacks)) != 0)
			fail_msg("%s: %s", name, error);
		char *function = sqlite3_mprintf("%s", error + strlen(lacks));
		assert_int_equal(sqlite3_create_function_v2(db, function, -1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL,
		                     no_function, NULL, NULL, NULL),
		    SQLITE_OK);
		sqlite3_free(function);
	}
	sqlite3_free(text);
	return s;
}

/* The table that begins at a page of the file, or whose index does. */
static void table_at(int page, char out[NAME_CAP])
{
	sqlite3_stmt *s = NULL;
	snprintf(out, NAME_CAP, "sqlite_schema");
	if (page == 1)
		return;
	assert_int_equal(
	    sqlite3_prepare_v2(db, "SELECT tbl_name FROM sqlite_schema WHERE rootpage = ?1", -1, &s, NULL), SQLITE_OK);
	sqlite3_bind_int(s, 1, page);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	snprintf(out, NAME_CAP, "%s", (const char *)sqlite3_column_text(s, 0));
	sqlite3_finalize(s);
}

/* What is told of each scan. */
struct finder {
	const char *statement;
	bool seen[sizeof SCANS / sizeof SCANS[0]];
	int unmeant; /* how many scans are not in the table */
};

static bool is_meant(struct finder *f, const char *table)
{
	/* AUTOINCREMENT's own: one row a table. */
	if (strcmp(table, "sqlite_sequence") == 0)
		return true;
	for (size_t i = 0; i < sizeof SCANS / sizeof SCANS[0]; i++)
		if (strcmp(SCANS[i].statement, f->statement) == 0 && strcmp(SCANS[i].table, table) == 0)
			return f->seen[i] = true;
	return false;
}

enum step { STEP_OPEN, STEP_BEGIN, STEP_BOUND, STEP_OTHER };

static enum step step_of(const char *code)
{
	static const struct {
		const char *code;
		enum step step;
	} STEPS[] = {{"OpenRead", STEP_OPEN}, {"OpenWrite", STEP_OPEN}, {"Rewind", STEP_BEGIN}, {"Last", STEP_BEGIN},
	    {"Count", STEP_BEGIN}, {"IdxGE", STEP_BOUND}, {"IdxGT", STEP_BOUND}, {"IdxLE", STEP_BOUND},
	    {"IdxLT", STEP_BOUND}};
	for (size_t i = 0; i < sizeof STEPS / sizeof STEPS[0]; i++)
		if (strcmp(code, STEPS[i].code) == 0)
			return STEPS[i].step;
	return STEP_OTHER;
}

/* What a statement does with one of its cursors. */
struct cursor {
	int page; /* 0: of no table */
	bool begins, bound;
};

/* Looks at the program that SQLite makes of a statement: EXPLAIN QUERY PLAN names a table by the alias that the
 * statement gives it, and calls the reading of an inner result a scan as well; here a cursor is of a page of the file.
 * To begin at an end of it, rather than at a key, and to look for no key to stop at, is to go through all of it. */
static void find_scans(struct finder *f, const char *statement, const char *sql)
{
	struct cursor cursors[CURSORS] = {{0}};
	sqlite3_stmt *s = explain(sql, statement);
	f->statement = statement;
	while (sqlite3_step(s) == SQLITE_ROW) {
		enum step step = step_of((const char *)sqlite3_column_text(s, 1));
		int n = sqlite3_column_int(s, 2);
		if (step == STEP_OTHER)
			continue;
		assert_true(n >= 0 && n < CURSORS);
		if (step == STEP_OPEN)
			cursors[n].page = sqlite3_column_int(s, 3);
		cursors[n].begins |= step == STEP_BEGIN;
		cursors[n].bound |= step == STEP_BOUND;
	}
	sqlite3_finalize(s);
	for (int i = 0; i < CURSORS; i++) {
		char table[NAME_CAP];
		if (cursors[i].page == 0 || !cursors[i].begins || cursors[i].bound)
			continue;
		table_at(cursors[i].page, table);
		if (is_meant(f, table))
			continue;
		print_message("%s goes through all of %s\n", statement, table);
		f->unmeant++;
	}
}

static void statement_goes_through_a_whole_table_only_where_that_is_meant(void **state)
{
	struct finder f = {0};
	(void)state;
	for (int i = 0; i < STATEMENTS; i++)
		find_scans(&f, sql_statement_names[i], sql_statements[i]);
	for (size_t i = 0; i < sizeof SCANS / sizeof SCANS[0]; i++)
		if (!f.seen[i])
			fail_msg("%s goes no longer through %s", SCANS[i].statement, SCANS[i].table);
	assert_int_equal(f.unmeant, 0);
}

static void scan_is_told_from_a_search(void **state)
{
	static const struct {
		const char *sql;
		int scans;
	} cases[] = {{"SELECT path FROM entry WHERE sha256 = ?1", 1}, {"SELECT count(*) FROM want", 1},
	    {"SELECT p.id FROM provenance p ORDER BY id DESC", 1}, {"DELETE FROM hit WHERE source = 'x'", 1},
	    {"SELECT a.file FROM (SELECT 1 AS one) b JOIN artifact a ON a.size = b.one", 1},
	    {"SELECT path FROM entry WHERE path = ?1", 0}, {"DELETE FROM hit WHERE day < ?1", 0},
	    {"SELECT key FROM json_each(?1)", 0}, {"SELECT n FROM (SELECT 1 AS n UNION ALL SELECT 2) ORDER BY n", 0}};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct finder f = {0};
		find_scans(&f, "(a trial)", cases[i].sql);
		if (f.unmeant != cases[i].scans)
			fail_msg("%s: %d scans", cases[i].sql, f.unmeant);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(statement_compiles),
	    cmocka_unit_test(statement_has_a_name_of_its_own_and_is_one),
	    cmocka_unit_test(statement_goes_through_a_whole_table_only_where_that_is_meant),
	    cmocka_unit_test(scan_is_told_from_a_search),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
