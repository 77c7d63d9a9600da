/* catalog_attest: see catalog_attest.h. */
#include "catalog_attest.h"

#include "catalog_sql.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Ends a query for one text. */
static bool take(struct catalog_query *q, const char *path, char **out, struct fault *f)
{
	int row = q != NULL ? catalog_next(q, f) : -1;
	*out = row > 0 ? strdup(catalog_text(q, 0)) : NULL;
	if (row > 0 && *out == NULL)
		fault_errno(f, FAULT_SYSTEM, ENOMEM, "%s", path);
	if (row == 0)
		fault_set(f, FAULT_ABSENT, "%s: nothing is known of it", path);
	catalog_end(q);
	return *out != NULL;
}

/* The transfers as a JSON array. */
static bool read_transfers(struct catalog *c, const char *path, char **out, struct fault *f)
{
	return take(catalog_query(c, STATEMENT_ATTEST_TRANSFERS, f, "t", path), path, out, f);
}

bool catalog_statement(struct catalog *c, const char *path, const char *base_url, char **out, struct fault *f)
{
	char *transfers = NULL;
	*out = NULL;
	bool ok = read_transfers(c, path, &transfers, f) &&
	          take(catalog_query(c, STATEMENT_ATTEST_STATEMENT, f, "ttt", path, base_url, transfers), path, out, f);
	free(transfers);
	return ok;
}

bool catalog_provenance_document(struct catalog *c, const char *path, const char *base_url, const char *statement,
    const struct catalog_signature *signature, char **out, struct fault *f)
{
	static const struct catalog_signature NONE;
	const struct catalog_signature *s = signature != NULL ? signature : &NONE;
	char *transfers = NULL;
	*out = NULL;
	bool ok = read_transfers(c, path, &transfers, f) &&
	          take(catalog_query(c, STATEMENT_ATTEST_DOCUMENT, f, "ttttttt", path, base_url, transfers, statement,
	                   s->payload, s->key_id, s->signature),
	              path, out, f);
	free(transfers);
	return ok;
}
