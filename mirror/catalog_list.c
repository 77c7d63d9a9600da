/* catalog_list: see catalog_list.h. */
#include "catalog_list.h"
#include "catalog_sql.h"

#include <string.h>

struct catalog_query *catalog_list_begin(
    struct catalog *c, const char *name, const char *const *parameters, size_t count, struct fault *f)
{
	for (int i = 0; i < STATEMENTS && strncmp(name, "page_", 5) == 0; i++)
		if (strcmp(sql_statement_names[i], name) == 0)
			return catalog_query_texts(c, (enum sql_statement)i, parameters, count, f);
	fault_set(f, FAULT_ABSENT, "no list is named %.60s", name);
	return NULL;
}

int catalog_list_next(struct catalog_query *q, struct fault *f)
{
	return catalog_next(q, f);
}

const char *catalog_list_value(struct catalog_query *q, const char *column)
{
	int i = catalog_column(q, column);
	if (i < 0)
		return NULL;
	const char *text = catalog_text(q, i);
	return text != NULL ? text : "";
}

void catalog_list_end(struct catalog_query *q)
{
	catalog_end(q);
}
