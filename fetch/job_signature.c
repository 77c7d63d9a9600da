/* job_signature: a file and its .minisig, which are fetched by jobs of their own and may come in any order, years
 * apart. Neither stays beside the other when they do not fit. See job.h. */
#include "fetch/job_internal.h"
#include "mirror/catalog_keep.h"
#include "mirror/log.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PATH_CAP = WIRE_PATH_CAP + 16, PRIORITY_SIGNATURE = 200 };

static const char END[] = ".minisig";

static void on_signature(void *arg, const struct fault *f, int retry_sec)
{
	struct job *j = arg;
	(void)retry_sec;
	if (f == NULL) {
		j->signature_state = SIGNATURE_PRESENT;
	} else {
		j->signature_state = f->class == FAULT_ABSENT ? SIGNATURE_ABSENT : SIGNATURE_FAILED;
		j->signature_fault = *f;
	}
}

void job_want_signature(struct job *j)
{
	char path[PATH_CAP];
	struct route route;
	const struct job_ask ask = {.unlimited = true, .network = "-"};
	if (j->signature_state != SIGNATURE_NONE || j->route.keys == NULL || j->route.signature)
		return;
	snprintf(path, sizeof path, "%s%s", j->route.path, END);
	if (!route_canonical(j->fetch->config, path, &route, &j->signature_fault)) {
		j->signature_state = SIGNATURE_FAILED;
		return;
	}
	j->signature_state = SIGNATURE_WAITING;
	j->signature_old = store_stat_public(j->fetch->store, path, NULL);
	j->signature_asked++;
	j->signature = (struct job_listener){.arg = j, .mirror = j->for_mirrors, .end = on_signature};
	job_join(j->fetch, &route, &ask, &j->signature);
}

static size_t read_signature(const struct job *j, char text[MINISIGN_FILE_MAX + 1], struct fault *f)
{
	char path[PATH_CAP];
	snprintf(path, sizeof path, "%s%s", j->route.path, END);
	int fd = store_open_public(j->fetch->store, path, NULL, f);
	ssize_t n = fd >= 0 ? pread(fd, text, MINISIGN_FILE_MAX + 1, 0) : -1;
	if (fd >= 0) {
		fault_set(f, FAULT_SYSTEM, "cannot read %s", path);
		close(fd);
	}
	return n > 0 ? (size_t)n : 0;
}

size_t job_take_signature(struct job *j, char text[MINISIGN_FILE_MAX + 1])
{
	size_t len = 0;
	while (j->signature_state == SIGNATURE_PRESENT && (len = read_signature(j, text, &j->signature_fault)) == 0) {
		if (j->signature_asked >= JOB_SIGNATURE_ASKED_MAX) {
			j->signature_state = SIGNATURE_FAILED;
			break;
		}
		j->signature_state = SIGNATURE_NONE;
		job_want_signature(j);
	}
	return len;
}

void job_withdraw_signature(struct job *j)
{
	char path[PATH_CAP], relative[ROUTE_STORE_CAP];
	struct store_lease lease;
	struct fault f;
	snprintf(path, sizeof path, "%s%s", j->route.path, END);
	if (!store_lease_take(j->fetch->store, path, &lease, NULL))
		return;
	if (store_target(j->fetch->store, path, relative, sizeof relative)) {
		log_event(
		    LOG_WARN_LEVEL, "signature_withdrawn", "path", path, "reason", "its file does not fit it", NULL);
		if (!store_remove(j->fetch->store, path, relative, &f))
			log_fault(&f, "signature_withdrawn", "path", path, NULL);
		else if (j->fetch->catalog != NULL && !catalog_entry_remove(j->fetch->catalog, path, &f))
			fetch_catalog_fault(&f, path);
	}
	store_lease_drop(&lease);
}

bool job_renew_signature(struct job *j)
{
	if (!j->signature_old || j->signature_renewed)
		return false;
	j->signature_renewed = true;
	job_withdraw_signature(j);
	j->signature_state = SIGNATURE_NONE;
	job_want_signature(j);
	job_phase(j, JOB_SIGNATURE);
	return true;
}

void job_want_signature_later(struct job *j)
{
	char path[PATH_CAP];
	struct fault f;
	if (j->fetch->catalog == NULL || j->route.keys == NULL || j->route.signature ||
	    strcmp(j->verdict.verdict, "signed") == 0)
		return;
	snprintf(path, sizeof path, "%s%s", j->route.path, END);
	if (!catalog_want(j->fetch->catalog, path, "signature", PRIORITY_SIGNATURE, time(NULL), &f))
		fetch_catalog_fault(&f, path);
}

/* The file that the job's signature is of, and what the catalogue knows of it. False when it is not here. */
static bool find_file(const struct job *j, struct route *route, struct catalog_kept *e)
{
	char path[WIRE_PATH_CAP];
	snprintf(path, sizeof path, "%.*s", (int)(strlen(j->route.path) - strlen(END)), j->route.path);
	return j->fetch->catalog != NULL && route_canonical(j->fetch->config, path, route, NULL) &&
	       route->keys != NULL && store_stat_public(j->fetch->store, path, NULL) &&
	       catalog_kept_get(j->fetch->catalog, path, e, NULL);
}

/* The catalogue's digests as a computation would have left them. False when they are none. */
static bool read_digests(const struct catalog_kept *e, struct digest_result *out)
{
	static const char DIGITS[] = "0123456789abcdef";
	*out = (struct digest_result){.bytes = e->size};
	snprintf(out->sha256_hex, sizeof out->sha256_hex, "%s", e->sha256);
	snprintf(out->blake2b_hex, sizeof out->blake2b_hex, "%s", e->blake2b);
	if (strlen(e->blake2b) != 2 * (size_t)DIGEST_BLAKE2B_LEN)
		return false;
	for (size_t i = 0; i < DIGEST_BLAKE2B_LEN; i++) {
		const char *high = strchr(DIGITS, e->blake2b[2 * i]), *low = strchr(DIGITS, e->blake2b[2 * i + 1]);
		if (high == NULL || low == NULL)
			return false;
		out->blake2b[i] = (unsigned char)((high - DIGITS) * 16 + (low - DIGITS));
	}
	return true;
}

/* Judges the file that is here by the job's signature. */
static bool judge_file(const struct job *j, const struct route *route, const struct catalog_kept *e,
    struct verify_verdict *out, struct fault *f)
{
	char name[256], text[MINISIGN_FILE_MAX + 1];
	struct digest_result digest;
	ssize_t n = pread(j->fd, text, sizeof text, 0);
	int fd = store_open_public(j->fetch->store, route->path, NULL, f);
	verify_name(&j->route, j->source.url, name, sizeof name);
	const struct verify_case v = {.route = route,
	    .file = name,
	    .fd = fd,
	    .digest = &digest,
	    .state = SIGNATURE_PRESENT,
	    .signature = text,
	    .signature_len = n > 0 ? (size_t)n : 0};
	if (fd < 0)
		return false;
	bool ok = read_digests(e, &digest)
	              ? verify_file(&v, out, f)
	              : fault_set(f, FAULT_SYSTEM, "%s: the catalogue has no digest of it", route->path);
	close(fd);
	return ok;
}

bool job_fits_file(struct job *j, struct fault *f)
{
	struct route route;
	struct catalog_kept e;
	struct verify_verdict verdict = {0};
	if (!j->route.signature || !find_file(j, &route, &e) || judge_file(j, &route, &e, &verdict, f))
		return true;
	/* A file that is gone or cannot be read says nothing. */
	if (f->class != FAULT_INTEGRITY)
		return true;
	j->verdict.verdict = "bad";
	return false;
}

static void record_signed(
    struct job *j, const struct catalog_kept *e, const char *place, const struct verify_verdict *verdict)
{
	char url[ROUTE_STORE_CAP + 16];
	struct fault f;
	const int64_t now = time(NULL);
	snprintf(url, sizeof url, "file:%s", place);
	const struct catalog_entry entry = {.path = e->path,
	    .kind = e->kind,
	    .class = e->class,
	    .version = e->version,
	    .size = e->size,
	    .sha256 = e->sha256,
	    .blake2b = e->blake2b,
	    .zig_hash = e->zig_hash[0] != '\0' ? e->zig_hash : NULL,
	    .zig_multihash = e->zig_multihash[0] != '\0' ? e->zig_multihash : NULL,
	    .verdict = verdict->verdict,
	    .stored_at = e->stored_at};
	const struct catalog_provenance row = {.path = e->path,
	    .requested_url = url,
	    .effective_url = url,
	    .remote_address = "",
	    .started_at = now,
	    .finished_at = now,
	    .bytes = e->size,
	    .sha256 = e->sha256,
	    .key_id = verdict->key_id,
	    .trusted_comment = verdict->comment,
	    .verdict = verdict->verdict};
	if (!catalog_record(j->fetch->catalog, &entry, &row, &f))
		fetch_catalog_fault(&f, e->path);
	log_event(LOG_INFO_LEVEL, "signed", "path", e->path, "before", e->verdict, NULL);
}

void job_note_signed(struct job *j)
{
	char place[ROUTE_STORE_CAP];
	struct route route;
	struct catalog_kept e;
	struct verify_verdict verdict = {0};
	struct fault f;
	if (j->route.signature && find_file(j, &route, &e) && strcmp(e.verdict, "signed") != 0 &&
	    store_target(j->fetch->store, e.path, place, sizeof place) && judge_file(j, &route, &e, &verdict, &f))
		record_signed(j, &e, place, &verdict);
}
