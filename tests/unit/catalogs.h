/* catalogs: a catalogue in a folder of its own, rows to put in, and SQLite beside it, for the tests. */
#ifndef PKGMIRROR_TEST_CATALOGS_H
#define PKGMIRROR_TEST_CATALOGS_H

#include "mirror/catalog.h"
#include "tests/unit/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#define SHA256_TEXT "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define BLAKE2B_TEXT SHA256_TEXT SHA256_TEXT

enum { CATALOGS_PATH_CAP = SCRATCH_CAP + 32 };

struct place {
	char dir[SCRATCH_CAP];
	char file[CATALOGS_PATH_CAP]; /* catalog.db */
	struct catalog *catalog;      /* NULL in a bare place */
};

static inline struct catalog *open_catalog(const char *dir)
{
	struct fault f = {0};
	struct catalog *c = catalog_open(dir, CATALOG_WRITE, false, &f);
	if (c == NULL)
		fail_msg("%s", f.text);
	return c;
}

static inline int make_bare_place(void **state)
{
	struct place *p = calloc(1, sizeof *p);
	if (p == NULL || !scratch_make(p->dir))
		return -1;
	snprintf(p->file, sizeof p->file, "%s/catalog.db", p->dir);
	*state = p;
	return 0;
}

static inline int make_place(void **state)
{
	if (make_bare_place(state) != 0)
		return -1;
	struct place *p = *state;
	p->catalog = open_catalog(p->dir);
	return 0;
}

static inline int remove_place(void **state)
{
	struct place *p = *state;
	catalog_close(p->catalog);
	scratch_remove(p->dir);
	free(p);
	return 0;
}

/* SQLite without the programs' hardening and functions. The caller closes it. */
static inline sqlite3 *open_beside(const char *file)
{
	sqlite3 *db = NULL;
	assert_int_equal(sqlite3_open_v2(file, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL), SQLITE_OK);
	return db;
}

/* Runs SQL beside the catalogue; returns SQLite's code and, when text is not NULL, its message. */
static inline int run_beside(const char *file, const char *sql, char *text, size_t cap)
{
	sqlite3 *db = open_beside(file);
	int code = sqlite3_exec(db, sql, NULL, NULL, NULL);
	if (text != NULL)
		snprintf(text, cap, "%s", sqlite3_errmsg(db));
	sqlite3_close(db);
	return code;
}

/* The first column of the first row as a number, -1 when there is no row. */
static inline int64_t number_beside(const char *file, const char *sql)
{
	sqlite3 *db = open_beside(file);
	sqlite3_stmt *s = NULL;
	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	int64_t n = sqlite3_step(s) == SQLITE_ROW ? sqlite3_column_int64(s, 0) : -1;
	sqlite3_finalize(s);
	sqlite3_close(db);
	return n;
}

static inline struct catalog_entry an_entry(const char *path)
{
	return (struct catalog_entry){.path = path,
	    .kind = "toolchain",
	    .class = "stable",
	    .version = "0.14.1",
	    .size = 77,
	    .sha256 = SHA256_TEXT,
	    .blake2b = BLAKE2B_TEXT,
	    .verdict = "signed",
	    .stored_at = 1000};
}

static inline struct catalog_provenance a_transfer(const char *path)
{
	return (struct catalog_provenance){.path = path,
	    .requested_url = "https://ziglang.org/x",
	    .effective_url = "https://ziglang.org/x",
	    .remote_address = "192.0.2.1",
	    .tls_issuer = "O=It's \"quoted\"",
	    .http_status = 200,
	    .started_at = 900,
	    .finished_at = 1000,
	    .bytes = 77,
	    .sha256 = SHA256_TEXT,
	    .verdict = "signed"};
}

/* Adds an entry with its transfer. */
static inline void put(struct catalog *c, const char *path)
{
	struct fault f = {0};
	const struct catalog_entry e = an_entry(path);
	const struct catalog_provenance p = a_transfer(path);
	if (!catalog_record(c, &e, &p, &f))
		fail_msg("%s", f.text);
}

#endif
