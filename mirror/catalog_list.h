/* catalog_list: the lists of the pages: rows of the statements named page_…, by name and by column name, so that a
 * template says what it wants. Read-only. Called by the responder's page_html. */
#ifndef PKGMIRROR_CATALOG_LIST_H
#define PKGMIRROR_CATALOG_LIST_H

#include "catalog.h"

#include <stddef.h>

struct catalog_query; /* a list that is being read */

/* Begins the list `name` ("page_files") with count parameters as text, borrowed until the end. NULL with FAULT_ABSENT
 * when there is no such list, FAULT_SYSTEM when the catalogue cannot be read. One list of a name at a time; the caller
 * ends it with catalog_list_end. */
struct catalog_query *catalog_list_begin(struct catalog *c, const char *name, const char *const *parameters,
    size_t count, struct fault *f) __attribute__((warn_unused_result));

/* The next row: 1, or 0 at the end, or -1 with FAULT_SYSTEM. */
int catalog_list_next(struct catalog_query *q, struct fault *f) __attribute__((warn_unused_result));

/* A column of the present row, "" for SQL NULL; NULL when the list has no such column. Borrowed until the next row. */
const char *catalog_list_value(struct catalog_query *q, const char *column);

/* Ends it. NULL is fine. */
void catalog_list_end(struct catalog_query *q);

#endif
