/* page_provenance: /-/provenance/PATH: where a file came from, as JSON, signed when the mirror has a key; and /-/key,
 * the public key to verify that with. docs/provenance.md has the form. */
#include "pages.h"

#include "cgi/respond.h"
#include "mirror/attest.h"
#include "mirror/catalog_attest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Signs the statement. The caller frees *payload. */
static bool sign(const char *file, const char *statement, struct attest_key *key, char signature[ATTEST_SIGNATURE_CAP],
    char **payload, struct fault *f)
{
	const size_t len = strlen(statement);
	if (!attest_key_load(file, key, f) || !attest_sign(key, statement, len, signature, f))
		return false;
	*payload = attest_base64(statement, len);
	return *payload != NULL || fault_errno(f, FAULT_SYSTEM, ENOMEM, "a signature");
}

/* The document about a path: *out, which the caller frees. */
static bool make_document(
    const struct config *c, struct catalog *catalog, const char *path, char **out, struct fault *f)
{
	struct attest_key key = {0};
	struct catalog_signature s = {.key_id = key.id};
	char *statement = NULL, *payload = NULL, signature[ATTEST_SIGNATURE_CAP] = "";
	const bool signs = *c->signing_key != '\0';
	/* That nothing is stored there is fine: its refusals may be known. */
	bool ok = catalog_statement(catalog, path, c->base_url, &statement, f) || f->class == FAULT_ABSENT;
	if (ok && statement != NULL && signs)
		ok = sign(c->signing_key, statement, &key, signature, &payload, f);
	s.payload = payload;
	s.signature = signature;
	ok = ok &&
	     catalog_provenance_document(catalog, path, c->base_url, statement, payload != NULL ? &s : NULL, out, f);
	attest_key_forget(&key);
	free(payload);
	free(statement);
	return ok;
}

void page_provenance(struct site *site, struct exchange *x, const struct request *rq, const struct route *route)
{
	struct response r = {.status = 200,
	    .type = "application/json",
	    .cache_control = "no-cache",
	    .more = "Access-Control-Allow-Origin: *\r\n"};
	struct fault f = {0};
	char *document = NULL;
	if (!pages_may_read_provenance(site, rq, &f)) {
		respond_refusal(x, &f, 0, rq->head);
		return;
	}
	struct catalog *catalog =
	    catalog_open(site->config->state_dir, CATALOG_READ, store_on_network(site->store), &f);
	if (catalog != NULL && make_document(site->config, catalog, route->path, &document, &f))
		respond_whole(x, &r, document, strlen(document), rq->head);
	else
		respond_fault(x, &f, 0, route->path, rq->head);
	free(document);
	catalog_close(catalog);
}

void page_key(struct site *site, struct exchange *x, const struct request *rq, const struct route *route)
{
	struct response r = {.status = 200, .type = "application/x-pem-file", .cache_control = "no-cache"};
	struct attest_key key;
	struct fault f = {0};
	char pem[ATTEST_PEM_CAP];
	const char *file = site->config->signing_key;
	(void)route;
	if (!pages_may_read_provenance(site, rq, &f)) {
		respond_refusal(x, &f, 0, rq->head);
		return;
	}
	if (*file == '\0')
		fault_set(&f, FAULT_ABSENT, "this mirror has no key of its own (signing_key)");
	if (*file == '\0' || !attest_key_load(file, &key, &f)) {
		respond_fault(x, &f, 0, "/-/key", rq->head);
		return;
	}
	attest_key_pem(&key, pem);
	attest_key_forget(&key);
	respond_whole(x, &r, pem, strlen(pem), rq->head);
}
