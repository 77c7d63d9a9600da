/* catalog_sql: statements of the catalogue, run by name. For the rooms whose business is in SQL (catalog, index, and
 * the warmer's own); nobody else includes it. SQLite itself is seen by catalog_sql.c alone. */
#ifndef PKGMIRROR_CATALOG_SQL_H
#define PKGMIRROR_CATALOG_SQL_H

#include "catalog.h"
#include "sql_statements.h"

#include <stddef.h>

/* A statement that runs. It belongs to the handle; catalog_end must follow, before the same statement runs again. */
struct catalog_query;

/* Prepares (once a handle) and binds a statement: one letter an argument: 't' const char * (NULL: SQL NULL; borrowed
 * until catalog_end), 'b' const char * and size_t (text of that length), 'i' int64_t, 'n' an int64_t that is ignored:
 * SQL NULL. NULL with FAULT_SYSTEM or FAULT_FULL. */
struct catalog_query *catalog_query(struct catalog *c, enum sql_statement statement, struct fault *f, const char *types,
    ...) __attribute__((warn_unused_result));

/* Likewise, with count texts as the first parameters; what a statement has no parameter for is a fault. */
struct catalog_query *catalog_query_texts(struct catalog *c, enum sql_statement statement, const char *const *texts,
    size_t count, struct fault *f) __attribute__((warn_unused_result));

/* The place of the column with that name, -1 when there is none. */
int catalog_column(struct catalog_query *q, const char *name);

/* The next row: 1, or 0 at the end, or -1 with FAULT_SYSTEM or FAULT_FULL. */
int catalog_next(struct catalog_query *q, struct fault *f) __attribute__((warn_unused_result));

/* A column of the present row. Texts live until the next catalog_next or catalog_end; NULL for SQL NULL. */
const char *catalog_text(struct catalog_query *q, int column);
size_t catalog_text_len(struct catalog_query *q, int column);
int64_t catalog_int(struct catalog_query *q, int column);
bool catalog_is_null(struct catalog_query *q, int column);

/* Ends the statement. NULL is fine. */
void catalog_end(struct catalog_query *q);

/* Runs a statement to its end, rows being of no interest. */
bool catalog_run(struct catalog *c, enum sql_statement statement, struct fault *f, const char *types, ...)
    __attribute__((warn_unused_result));

/* BEGIN IMMEDIATE; then COMMIT when ok, else ROLLBACK. catalog_finish returns whether the work is in the database. */
bool catalog_begin(struct catalog *c, struct fault *f) __attribute__((warn_unused_result));
/* Likewise, for what a power cut must not take back: it is on the disk when catalog_finish returns. Blocks for the
 * disk. */
bool catalog_begin_lasting(struct catalog *c, struct fault *f) __attribute__((warn_unused_result));
bool catalog_finish(struct catalog *c, bool ok, struct fault *f) __attribute__((warn_unused_result));

/* Appends a row to the ledger, within a transaction of the caller's. */
bool catalog_ledger_add(struct catalog *c, const struct catalog_provenance *p, struct fault *f)
    __attribute__((warn_unused_result));

#endif
