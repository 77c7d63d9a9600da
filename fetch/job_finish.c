/* job_finish: how a job ends: the verdict, publication or quarantine, and what the ledger is told. See
 * job.h. */
#include "fetch/job_internal.h"
#include "mirror/httpdate.h"
#include "mirror/log.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { FAILED_RETRY_SEC = 10, PRIORITY_COMPLETE = 50 };

static const char *text_or_null(const char *text)
{
	return text[0] != '\0' ? text : NULL;
}

/* One row of the ledger, and the entry when the file was published. */
static void record(struct job *j, const char *reason)
{
	static const char *const CLASSES[] = {
	    [CLASS_STABLE] = "stable", [CLASS_NOMINATED] = "nominated", [CLASS_DEV] = "dev"};
	struct fault f;
	const struct digest_result *d = &j->digested;
	const struct verify_verdict *v = &j->verdict;
	const char *kind = j->route.kind == ROUTE_TOOLCHAIN ? "toolchain"
	                   : j->route.kind == ROUTE_PACKAGE ? "package"
	                                                    : "artifact";
	const struct catalog_entry entry = {.path = j->route.path,
	    .kind = kind,
	    .class = j->route.kind == ROUTE_TOOLCHAIN ? CLASSES[j->class] : kind,
	    .version = j->route.kind == ROUTE_TOOLCHAIN ? j->route.zig.version
	               : j->route.match.ref[0] != '\0'  ? j->route.match.ref
	                                                : j->route.match.version,
	    .size = d->bytes,
	    .sha256 = d->sha256_hex,
	    .blake2b = d->blake2b_hex,
	    .zig_hash = text_or_null(j->zig.hash),
	    .zig_multihash = text_or_null(j->zig.multihash),
	    .verdict = v->verdict,
	    .stored_at = time(NULL)};
	const struct catalog_provenance row = {.path = j->route.path,
	    .requested_url = j->source.url,
	    .effective_url = j->result.effective_url,
	    .remote_address = j->result.remote_address,
	    .tls_issuer = text_or_null(j->result.tls_issuer),
	    .tls_sha256 = text_or_null(j->result.tls_sha256),
	    .http_status = j->result.status,
	    .etag = text_or_null(j->head.etag),
	    .last_modified = text_or_null(j->head.last_modified),
	    .started_at = j->result.started_at,
	    .finished_at = j->result.finished_at,
	    .bytes = d->bytes,
	    .sha256 = d->sha256_hex,
	    .content = text_or_null(j->content),
	    .key_id = text_or_null(v->key_id),
	    .trusted_comment = text_or_null(v->comment),
	    .verdict = v->verdict,
	    .reason = reason};
	if (j->fetch->catalog != NULL && !catalog_record(j->fetch->catalog, reason == NULL ? &entry : NULL, &row, &f))
		fetch_catalog_fault(&f, j->route.path);
}

/* The other files of the version are wanted too: who needed one will need another. */
static void want_file(void *arg, const char *file)
{
	struct job *j = arg;
	char path[WIRE_PATH_CAP];
	static const char *const ENDS[] = {"", ".minisig"};
	for (size_t i = 0; i < 2; i++) {
		int dir = (int)(strlen(j->route.path) - strlen(j->route.zig.name));
		snprintf(path, sizeof path, "%.*s%s%s", dir, j->route.path, file, ENDS[i]);
		if (!store_stat_public(j->fetch->store, path, NULL))
			(void)!catalog_want(j->fetch->catalog, path, "version", PRIORITY_COMPLETE, time(NULL), NULL);
	}
}

static void complete_version(struct job *j)
{
	struct fault f;
	if (j->fetch->catalog == NULL || j->route.kind != ROUTE_TOOLCHAIN || j->route.signature || !j->entry.person ||
	    !j->fetch->config->warmer.complete_versions)
		return;
	if (!catalog_version_files(j->fetch->catalog, j->route.zig.version, want_file, j, &f))
		fetch_catalog_fault(&f, j->route.path);
}

void job_publish(struct job *j)
{
	char relative[ROUTE_STORE_CAP];
	struct fault f;
	int64_t mtime = 0;

	route_store_path(&j->route, j->class, relative);
	if (j->recovering)
		snprintf(relative, sizeof relative, "%s", j->recovered);
	if (!httpdate_parse(j->head.last_modified, strlen(j->head.last_modified), time(NULL), &mtime))
		mtime = 0;
	if ((!j->recovering && !store_settle(j->fetch->store, j->route.path, j->fd, relative, mtime, &f))) {
		j->failure = f;
		job_fail(j);
		return;
	}
	record(j, NULL);
	if (!store_link(j->fetch->store, j->route.path, relative, &f)) {
		j->failure = f;
		job_fail(j);
		return;
	}
	counters_published(j->fetch->counters, j->digested.bytes, fetch_now_ms() - j->begun_ms);
	log_event(LOG_INFO_LEVEL, "published", "path", j->route.path, "bytes", log_int(j->digested.bytes).text,
	    "verdict", j->verdict.verdict, "sha256", j->digested.sha256_hex, "url", j->recovering ? "" : j->source.url,
	    NULL);
	job_note_signed(j);
	job_want_signature_later(j);
	complete_version(j);
	job_end(j, NULL, 0);
}

static bool refused_before(struct fetch *x, const char *path, const char *sha256)
{
	for (size_t i = 0; i < FETCH_REFUSED; i++)
		if (strcmp(x->refused[i].path, path) == 0 && strcmp(x->refused[i].sha256, sha256) == 0)
			return true;
	struct fetch_refused *r = &x->refused[x->refused_count++ % FETCH_REFUSED];
	snprintf(r->path, sizeof r->path, "%s", path);
	snprintf(r->sha256, sizeof r->sha256, "%s", sha256);
	return false;
}

/* Whether quarantine and ledger have the same bytes already. What is changed must be there as what waits for an
 * operator now, not only some time ago. */
static bool is_kept(struct job *j)
{
	struct catalog_changed waiting;
	if (strcmp(j->verdict.verdict, "changed") != 0 || j->fetch->catalog == NULL)
		return refused_before(j->fetch, j->route.path, j->digested.sha256_hex);
	return catalog_changed_get(j->fetch->catalog, j->route.path, &waiting, NULL) &&
	       strcmp(waiting.sha256, j->digested.sha256_hex) == 0;
}

/* What an earlier service left is not what upstream gives: fetches it from the same source, from its first byte. */
static void distrust_part(struct job *j, const struct fault *why)
{
	log_fault(why, "part_refused", "path", j->route.path, "url", j->source.url, NULL);
	store_part_remove(j->fetch->store, j->route.path);
	close(j->fd);
	j->fd = -1;
	j->tries = 0;
	j->begun_at = j->furthest = 0;
	j->resumable = false;
	j->fresh = true;
	job_begin_source(j);
}

/* A file that lied: out of reach, with its reason in the ledger; another upstream may have the true one. */
void job_refuse(struct job *j, const struct fault *why)
{
	char part[ROUTE_STORE_CAP], place[ROUTE_STORE_CAP] = "";
	struct fault f;
	snprintf(part, sizeof part, "part/%s", j->route.path);
	if (j->resumed) {
		distrust_part(j, why);
		return;
	}
	if (!j->recovering && is_kept(j)) {
		store_part_remove(j->fetch->store, j->route.path);
	} else {
		if (!store_quarantine(j->fetch->store, j->recovering ? j->recovered : part, j->route.path, time(NULL),
		        place, sizeof place, &f))
			log_fault(&f, "quarantine", "path", j->route.path, NULL);
		record(j, why->text);
	}
	log_fault(why, "refused", "path", j->route.path, "url", j->recovering ? "" : j->source.url, "sha256",
	    j->digested.sha256_hex, "place", place, NULL);
	if (j->recovering) {
		/* Not what upstream gave us: begin as if it had never been there. */
		j->recovering = false;
		close(j->fd);
		j->fd = -1;
		job_begin_source(j);
		return;
	}
	job_next_source(j, why);
}

void job_whole(struct job *j)
{
	struct fault f = {0};
	char file[256], text[MINISIGN_FILE_MAX + 1];
	size_t signature_len = job_take_signature(j, text);

	if (j->signature_state == SIGNATURE_WAITING) {
		job_phase(j, JOB_SIGNATURE);
		return;
	}
	if (!j->finished)
		digest_finish(j->digest, &j->digested);
	j->finished = true;
	j->content[0] = '\0';
	j->zig = (struct zighash){0};
	verify_name(&j->route, j->source.url, file, sizeof file);
	struct verify_case v = {.route = &j->route,
	    .file = file,
	    .fd = j->fd,
	    .digest = &j->digested,
	    .listed = j->listed.url[0] != '\0' ? &j->listed : NULL,
	    .flat = j->source.flat,
	    .state = j->signature_state,
	    .signature = text,
	    .signature_len = signature_len,
	    .signature_fault = &j->signature_fault};
	if (verify_file(&v, &j->verdict, &f) && job_fits_file(j, &f)) {
		job_judge_content(j);
		return;
	}
	/* One of the two is wrong. A signature that was here before may be: it was never held against its file. */
	j->unfit = j->verdict.by_signature;
	if (j->unfit && job_renew_signature(j))
		return;
	if (f.class == FAULT_INTEGRITY)
		job_refuse(j, &f);
	else
		job_next_source(j, &f);
}

/* How much a failure says: that the file is forged more than that an upstream failed, that more than that one does not
 * have it. */
static int weight(enum fault_class class)
{
	return class == FAULT_INTEGRITY ? 3 : class == FAULT_ABSENT ? 1 : class == FAULT_NONE ? 0 : 2;
}

void job_next_source(struct job *j, const struct fault *f)
{
	if (weight(f->class) > weight(j->failure.class))
		j->failure = *f;
	j->source_index++;
	j->tries = 0;
	j->begun_at = j->furthest = 0;
	j->resumable = false;
	if (j->fd >= 0)
		close(j->fd);
	j->fd = -1;
	job_begin_source(j);
}

void job_fail(struct job *j)
{
	struct fault f, why = j->failure;
	int64_t now = time(NULL);
	bool absent = why.class == FAULT_ABSENT;
	/* It has not proved anything but itself, and who asks for it alone would trust it. */
	if (j->unfit)
		job_withdraw_signature(j);
	/* On a full disk others need the room more than this one's next try. */
	if (absent || why.class == FAULT_FULL)
		store_part_remove(j->fetch->store, j->route.path);
	if (j->fetch->catalog != NULL &&
	    !catalog_fetch_failed(j->fetch->catalog, j->route.path, j->source.url, why.class, why.text, now,
	        absent && j->listed.url[0] == '\0' && !j->for_mirrors ? now + JOB_ABSENT_SEC : 0, &f))
		fetch_catalog_fault(&f, j->route.path);
	counters_add(&j->fetch->counters->fetches[why.class], 1);
	log_fault(&why, "fetch", "path", j->route.path, NULL);
	job_end(j, &why, absent ? 0 : FAILED_RETRY_SEC);
}
