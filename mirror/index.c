/* index: see index.h. The parsing is SQLite's, the judgement of each file is here. */
#include "index.h"

#include "catalog_sql.h"
#include "log.h"
#include "url.h"
#include "zigfile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One file of a document, as it came. */
struct raw {
	const char *key, *target, *tarball, *zig_tarball, *shasum, *size;
};

/* One row for `artifact`. */
struct artifact {
	char url[2048];
	struct zigfile file;
	int64_t size;
};

/* NULL when a URL may stand in a document: on an allowed host, by an allowed scheme, ending in a toolchain file's name.
 */
static const char *judge_url(const struct config *c, const char *document_url, const char *text, struct zigfile *file)
{
	struct url u, upstream, document;
	if (url_parse(text, &u) != NULL || *u.query != '\0')
		return "is no plain URL";
	if (!u.tls && !c->allow_http_upstreams)
		return "has no TLS";
	if (strstr(u.path, "/../") != NULL || strstr(u.path, "/./") != NULL || strstr(u.path, "//") != NULL ||
	    strchr(u.path, '%') != NULL)
		return "has a strange path";
	bool known =
	    (url_parse(c->toolchains.upstream, &upstream) == NULL && url_has_host(&upstream, u.host, u.host_len)) ||
	    (url_parse(document_url, &document) == NULL && url_has_host(&document, u.host, u.host_len));
	if (!known)
		return "is on another host";
	const char *slash = strrchr(u.path, '/');
	if (slash == NULL || !zigfile_parse(slash + 1, strlen(slash + 1), file) || file->signature)
		return "names no toolchain file";
	return NULL;
}

static bool is_sha256(const char *text)
{
	return text != NULL && strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

static bool parse_size(const char *text, int64_t *out)
{
	char *end;
	if (text == NULL || text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	*out = strtoll(text, &end, 10);
	return *end == '\0' && errno == 0;
}

/* NULL when the file is accepted, else what is wrong with it. */
static const char *judge(
    const struct config *c, const struct index_document *d, const struct raw *r, struct artifact *out)
{
	struct zigfile original;
	const char *wrong;
	if (r->tarball == NULL)
		return "tarball is no text";
	if ((wrong = judge_url(c, d->url, r->tarball, &out->file)) != NULL)
		return wrong;
	if (!is_sha256(r->shasum))
		return "shasum is no SHA-256";
	if (!parse_size(r->size, &out->size))
		return "size is no number";
	snprintf(out->url, sizeof out->url, "%s", r->tarball);
	/* A nominated build's first home is upstream, while that still has it. */
	if (r->zig_tarball != NULL) {
		if ((wrong = judge_url(c, d->url, r->zig_tarball, &original)) != NULL)
			return wrong;
		if (strcmp(original.name, out->file.name) != 0)
			return "tarball and zigTarball differ in name";
		snprintf(out->url, sizeof out->url, "%s", r->zig_tarball);
	}
	return NULL;
}

static bool import_artifacts(
    struct catalog *db, const struct config *c, const struct index_document *d, int *accepted, struct fault *f)
{
	struct catalog_query *q = catalog_query(db, STATEMENT_DOCUMENT_ARTIFACTS, f, "b", d->body, d->len);
	int row = q != NULL ? 1 : -1;
	bool ok = true;
	while (ok && row > 0 && (row = catalog_next(q, f)) > 0) {
		struct raw r = {catalog_text(q, 0), catalog_text(q, 1), catalog_text(q, 2), catalog_text(q, 3),
		    catalog_text(q, 4), catalog_text(q, 5)};
		struct artifact a;
		const char *wrong = judge(c, d, &r, &a);
		if (wrong != NULL) {
			log_event(LOG_WARN_LEVEL, "index_entry_refused", "document", d->name, "release", r.key,
			    "target", r.target, "tarball", r.tarball, "reason", wrong, NULL);
			continue;
		}
		ok = catalog_run(db, STATEMENT_ARTIFACT_PUT, f, "ttttttti", a.file.name, d->name, r.key, r.target,
		    a.file.version, a.url, r.shasum, a.size);
		++*accepted;
	}
	catalog_end(q);
	return ok && row == 0;
}

/* "master" and a version with -dev are pre-releases; what only a nominated index names is nominated. */
static const char *class_of(const struct index_document *d, const char *version)
{
	struct zigfile_version v;
	bool plain = zigfile_version_parse(version, strlen(version), &v);
	if (plain && !v.dev)
		return "stable";
	return strcmp(d->name, "nominated") == 0 ? "nominated" : "dev";
}

static bool import_releases(struct catalog *db, const struct index_document *d, struct fault *f)
{
	struct catalog_query *q = catalog_query(db, STATEMENT_DOCUMENT_RELEASES, f, "b", d->body, d->len);
	int row = q != NULL ? 1 : -1;
	bool ok = true;
	for (int64_t position = 0; ok && row > 0 && (row = catalog_next(q, f)) > 0; position++) {
		const char *version = catalog_text(q, 2);
		ok = catalog_run(db, STATEMENT_RELEASE_PUT, f, "ttitttt", d->name, catalog_text(q, 0), position,
		    version, catalog_text(q, 3), class_of(d, version), catalog_text(q, 1));
	}
	catalog_end(q);
	return ok && row == 0;
}

/* The first column of the first row; `out` stays "" when there is none. */
static bool first_text(struct catalog *db, enum sql_statement statement, const struct index_document *d, char *out,
    size_t cap, struct fault *f)
{
	struct catalog_query *q = catalog_query(db, statement, f, "b", d->body, d->len);
	int row = q != NULL ? catalog_next(q, f) : -1;
	out[0] = '\0';
	if (row > 0)
		snprintf(out, cap, "%s", catalog_text(q, 0) != NULL ? catalog_text(q, 0) : "0");
	catalog_end(q);
	return row >= 0;
}

/* What makes a document as a whole unfit. */
static bool judge_document(struct catalog *db, const struct index_document *d, struct fault *f)
{
	char text[160];
	if (d->len > INDEX_BYTES_MAX)
		return fault_set(f, FAULT_INTEGRITY, "%s: over %d bytes", d->url, INDEX_BYTES_MAX);
	if (memchr(d->body, '\0', d->len) != NULL)
		return fault_set(f, FAULT_INTEGRITY, "%s: holds a zero byte", d->url);
	if (!first_text(db, STATEMENT_DOCUMENT_IS_JSON, d, text, sizeof text, f))
		return false;
	if (strcmp(text, "1") != 0)
		return fault_set(f, FAULT_INTEGRITY, "%s: is no JSON object", d->url);
	if (!first_text(db, STATEMENT_DOCUMENT_NOT_OBJECT, d, text, sizeof text, f))
		return false;
	if (text[0] != '\0')
		return fault_set(f, FAULT_INTEGRITY, "%s: release %s is no object", d->url, text);
	if (!first_text(db, STATEMENT_DOCUMENT_DUPLICATE, d, text, sizeof text, f))
		return false;
	if (text[0] != '\0')
		return fault_set(f, FAULT_INTEGRITY, "%s: the key %s stands twice", d->url, text);
	return true;
}

bool index_import(
    struct catalog *db, const struct config *c, const struct index_document *d, int64_t now, struct fault *f)
{
	int accepted = 0;
	if (!judge_document(db, d, f) || !catalog_begin(db, f))
		return false;
	bool ok = catalog_run(db, STATEMENT_RELEASE_RETIRE, f, "t", d->name) &&
	          catalog_run(db, STATEMENT_ARTIFACT_RETIRE, f, "t", d->name) && import_releases(db, d, f) &&
	          import_artifacts(db, c, d, &accepted, f) &&
	          catalog_run(db, STATEMENT_SOURCE_PUT, f, "ttttib", d->name, d->url, d->etag, d->last_modified, now,
	              d->body, d->len);
	if (ok && accepted == 0)
		ok = fault_set(f, FAULT_INTEGRITY, "%s: names no file that can be accepted", d->url);
	return catalog_finish(db, ok, f);
}

bool index_build(struct catalog *db, const struct config *c, char **text, size_t *len, struct fault *f)
{
	char base[2048], prefix[256];
	struct catalog_query *q = catalog_query(db, STATEMENT_INDEX_ANY, f, "");
	int row = q != NULL ? catalog_next(q, f) : -1;
	catalog_end(q);
	if (row == 0)
		fault_set(f, FAULT_ABSENT, "no index was imported yet");
	if (row <= 0)
		return false;
	snprintf(base, sizeof base, "%s%s/", c->base_url, c->toolchains.prefix);
	/* Paths of entries have no first slash. */
	snprintf(prefix, sizeof prefix, "%s%s", c->toolchains.prefix[0] != '\0' ? c->toolchains.prefix + 1 : "",
	    c->toolchains.prefix[0] != '\0' ? "/" : "");
	q = catalog_query(db, STATEMENT_INDEX_BUILD, f, "tt", base, prefix);
	row = q != NULL ? catalog_next(q, f) : -1;
	if (row > 0) {
		*len = catalog_text_len(q, 0);
		*text = malloc(*len + 1);
		if (*text != NULL)
			memcpy(*text, catalog_text(q, 0), *len + 1);
		else
			row = fault_errno(f, FAULT_SYSTEM, ENOMEM, "index.json");
	}
	catalog_end(q);
	return row > 0;
}
