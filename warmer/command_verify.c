/* command_verify: reads the files again and compares them with the catalogue, with their signatures and with the
 * indexes. See pkgmirror-warm(8). */
#include "mirror/catalog_keep.h"
#include "mirror/log.h"
#include "warmer/json.h"
#include "warmer/judge.h"
#include "warmer/orphans.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SPEED_DEFAULT = 50 * 1000 * 1000, CURSOR_EVERY_SEC = 2, PERCENT_SCALE = 10000 };

static const char CURSOR[] = "verify";

struct verify {
	struct warmer *warmer;
	struct pace pace;
	int sample;   /* in 1/100 of a percent; PERCENT_SCALE: all */
	bool goes_on; /* keeps the place where it is */
	int64_t noted_at;
	int64_t good, bad, gone, failed, bytes;
	struct orphans orphans;
};

/* "12.5%" or "12.5" */
static bool parse_percent(const char *text, int *out)
{
	char *end;
	double percent = strtod(text, &end);
	if (*text < '0' || *text > '9' || percent <= 0 || percent > 100 || (*end == '%' ? end[1] : end[0]) != '\0')
		return false;
	*out = (int)(percent * 100 + 0.5);
	return *out > 0;
}

/* "0", "500k", "50M", "1G" bytes a second */
static bool parse_speed(const char *text, int64_t *out)
{
	static const char UNITS[] = "kMG";
	char *end;
	errno = 0;
	*out = *text >= '0' && *text <= '9' ? strtoll(text, &end, 10) : -1;
	if (*out < 0 || errno != 0 || *out > INT64_C(1000000000000))
		return false;
	const char *unit = *end != '\0' ? strchr(UNITS, *end) : NULL;
	for (const char *p = UNITS; unit != NULL && p <= unit; p++)
		*out *= 1000;
	return (unit != NULL ? end[1] : end[0]) == '\0';
}

static void tell(const struct verify *x, const char *path, const char *state, const char *reason, const char *place)
{
	if (x->warmer->json) {
		struct json j = json_begin(stdout);
		json_text(&j, "event", "file");
		json_text(&j, "path", path);
		json_text(&j, "state", state);
		json_text(&j, "reason", reason);
		json_text(&j, "quarantine", place[0] != '\0' ? place : NULL);
		json_end(&j);
	} else {
		fprintf(stderr, "pkgmirror-warm: %s: %s: %s\n", path, state, reason);
	}
}

/* The signature beside a file, if it is one that can be believed; one that cannot is judged at its own turn. */
static size_t read_signature(
    struct verify *x, const struct route *r, const char *name, char text[MINISIGN_FILE_MAX + 1])
{
	char path[WIRE_PATH_CAP + 16];
	struct minisign_signature s;
	if (r->keys == NULL || r->signature)
		return 0;
	snprintf(path, sizeof path, "%s.minisig", r->path);
	int fd = store_open_public(x->warmer->store, path, NULL, NULL);
	size_t len = fd >= 0 ? judge_read_signature(fd, text) : 0;
	if (fd >= 0)
		close(fd);
	return minisign_parse(text, len, &s, NULL) &&
	               minisign_check_comment(&s, minisign_key_of(r->keys, &s), name, NULL)
	           ? len
	           : 0;
}

/* Compares what was read with what vouches for it beside the catalogue. */
static bool check_proofs(
    struct verify *x, const struct catalog_kept *e, int fd, const struct digest_result *d, struct fault *f)
{
	struct route route;
	struct catalog_artifact listed = {0};
	struct route_source source = {0};
	struct verify_verdict verdict;
	char name[256], text[MINISIGN_FILE_MAX + 1];
	/* A rule that is gone: the catalogue is all that there is. */
	if (!route_canonical(x->warmer->config, e->path, &route, NULL))
		return true;
	bool found = route.kind == ROUTE_TOOLCHAIN && !route.signature &&
	             catalog_artifact_get(x->warmer->catalog, route.zig.base, &listed, NULL) &&
	             catalog_listed_upstream(x->warmer->catalog, route.zig.base);
	if (!route_source(x->warmer->config, &route, found ? listed.url : NULL, 0, &source))
		source.url[0] = '\0';
	verify_name(&route, source.url, name, sizeof name);
	struct verify_case v = {.route = &route,
	    .file = name,
	    .fd = fd,
	    .digest = d,
	    .listed = found ? &listed : NULL,
	    .state = SIGNATURE_ABSENT,
	    .signature = text};
	v.signature_len = read_signature(x, &route, name, text);
	if (v.signature_len > 0)
		v.state = SIGNATURE_PRESENT;
	/* What is only lacking a proof was good enough when it came. */
	if (v.state != SIGNATURE_PRESENT && !found && !route.signature)
		return true;
	if (v.state != SIGNATURE_PRESENT)
		route.require = REQUIRE_TLS;
	return verify_file(&v, &verdict, f);
}

/* Reads a file and judges it. FAULT_INTEGRITY: it is bad. */
static bool check(struct verify *x, const struct catalog_kept *e, int fd, const struct store_info *info,
    struct digest_result *d, struct fault *f)
{
	if (!judge_digest(x->warmer, fd, &x->pace, d, f))
		return false;
	x->bytes += d->bytes;
	if (info->size != e->size || d->bytes != e->size)
		return fault_set(f, FAULT_INTEGRITY, "has %lld bytes, the catalogue says %lld", (long long)d->bytes,
		    (long long)e->size);
	if (strcmp(d->sha256_hex, e->sha256) != 0)
		return fault_set(f, FAULT_INTEGRITY, "has SHA-256 %s, the catalogue says %s", d->sha256_hex, e->sha256);
	return check_proofs(x, e, fd, d, f);
}

/* Out of reach with it: the link first, so that nobody gets it any more, then the file, then its entry. That it is bad
 * and wanted is noted before: a run that is killed on the way leaves no entry behind that the next one could judge. */
static bool remove_bad(struct verify *x, const struct catalog_kept *e, const struct store_info *info,
    const struct digest_result *d, const char *reason, char *place, size_t cap, struct fault *f)
{
	struct warmer *w = x->warmer;
	struct store_lease lease;
	struct store_info now;
	char relative[ROUTE_STORE_CAP], url[ROUTE_STORE_CAP + 16];
	const int64_t at = time(NULL);
	if (!store_lease_take(w->store, e->path, &lease, f))
		return false;
	/* Somebody brought another one meanwhile. */
	bool same =
	    store_stat_public(w->store, e->path, &now) && now.inode == info->inode && now.device == info->device;
	bool ok = same && store_target(w->store, e->path, relative, sizeof relative);
	if (!ok)
		fault_set(f, FAULT_BUSY, "%s was replaced meanwhile", e->path);
	if (ok) {
		snprintf(url, sizeof url, "file:%s", relative);
		const struct catalog_provenance row = {.path = e->path,
		    .requested_url = url,
		    .effective_url = url,
		    .remote_address = "",
		    .started_at = at,
		    .finished_at = at,
		    .bytes = d->bytes,
		    .sha256 = d->sha256_hex,
		    .verdict = "bad",
		    .reason = reason};
		ok = catalog_kept_bad(w->catalog, &row, "verify", at, f);
	}
	if (ok) {
		store_unlink(w->store, e->path);
		ok = store_quarantine(w->store, relative, e->path, at, place, cap, f) &&
		     catalog_kept_gone(w->catalog, e->path, f);
	}
	store_lease_drop(&lease);
	return ok;
}

static void on_bad(struct verify *x, const struct catalog_kept *e, const struct store_info *info,
    const struct digest_result *d, const struct fault *why)
{
	char place[ROUTE_STORE_CAP + 64] = "";
	struct fault f;
	x->bad++;
	if (!x->warmer->dry_run && !remove_bad(x, e, info, d, why->text, place, sizeof place, &f)) {
		warmer_complain(e->path, &f);
		x->failed++;
	}
	tell(x, e->path, "bad", why->text, place);
	log_event(LOG_ERROR_LEVEL, "verify", "path", e->path, "reason", why->text, "place", place, NULL);
}

/* Its file was removed by hand: the tables follow. */
static void on_gone(struct verify *x, const struct catalog_kept *e)
{
	struct store_lease lease = {.fd = -1};
	struct store_info info;
	struct fault f;
	if (x->warmer->dry_run) {
		x->gone++;
		return;
	}
	if (store_lease_take(x->warmer->store, e->path, &lease, &f)) {
		if (!store_stat_public(x->warmer->store, e->path, &info)) {
			store_unlink(x->warmer->store, e->path);
			x->gone++;
			if (!catalog_kept_gone(x->warmer->catalog, e->path, &f)) {
				warmer_complain(e->path, &f);
				x->failed++;
			}
		}
		store_lease_drop(&lease);
	}
}

/* False when asked to stop in the middle of the file. */
static bool verify_entry(struct verify *x, const struct catalog_kept *e)
{
	struct digest_result d = {0};
	struct store_info info;
	struct fault f = {0};
	int fd = store_open_public(x->warmer->store, e->path, &info, &f);
	if (fd < 0 && f.class == FAULT_ABSENT) {
		on_gone(x, e);
		return true;
	}
	bool ok = fd >= 0 && check(x, e, fd, &info, &d, &f);
	if (fd >= 0)
		close(fd);
	if (ok) {
		x->good++;
	} else if (f.class == FAULT_INTEGRITY) {
		on_bad(x, e, &info, &d, &f);
	} else if (f.class == FAULT_BUSY) {
		return false;
	} else {
		warmer_complain(e->path, &f);
		x->failed++;
	}
	return true;
}

static void note(struct verify *x, const char *path, bool now)
{
	struct fault f;
	const int64_t at = time(NULL);
	if (!x->goes_on || x->warmer->dry_run || (!now && at - x->noted_at < CURSOR_EVERY_SEC))
		return;
	x->noted_at = at;
	if (!catalog_cursor_put(x->warmer->catalog, CURSOR, path, at, &f))
		warmer_complain(NULL, &f);
}

static bool chosen(const struct verify *x)
{
	return x->sample == PERCENT_SCALE || random() % PERCENT_SCALE < x->sample;
}

/* All entries, from where the last run stopped. */
static bool verify_all(struct verify *x, struct fault *f)
{
	struct catalog_kept e = {0};
	char last[sizeof e.path] = "";
	if (x->goes_on && !catalog_cursor_get(x->warmer->catalog, CURSOR, last, sizeof last, f))
		return false;
	while (catalog_kept_next(x->warmer->catalog, last, &e, f)) {
		if (chosen(x) && !verify_entry(x, &e))
			break;
		snprintf(last, sizeof last, "%s", e.path);
		if (warmer_stopping(x->warmer))
			break;
		note(x, last, false);
	}
	bool stopped = warmer_stopping(x->warmer);
	if (!stopped && f->class != FAULT_ABSENT)
		return false;
	note(x, stopped ? last : NULL, true);
	return !x->goes_on || stopped || orphans_sweep(x->warmer, time(NULL), &x->orphans, f);
}

/* One path, or all below a folder that it names. */
static bool verify_path(struct verify *x, const char *path, struct fault *f)
{
	struct catalog_kept e;
	char last[sizeof e.path];
	size_t len;
	path += *path == '/';
	len = strlen(path);
	len -= len > 0 && path[len - 1] == '/';
	if (catalog_kept_get(x->warmer->catalog, path, &e, f)) {
		(void)verify_entry(x, &e);
		return true;
	}
	bool any = false;
	snprintf(last, sizeof last, "%.*s/", (int)len, path);
	while (!warmer_stopping(x->warmer) && catalog_kept_next(x->warmer->catalog, last, &e, f) &&
	       strncmp(e.path, path, len) == 0 && e.path[len] == '/') {
		any = true;
		(void)verify_entry(x, &e);
		snprintf(last, sizeof last, "%s", e.path);
	}
	return any || fault_set(f, FAULT_ABSENT, "%s: not in the catalogue", path);
}

static void summary(const struct verify *x)
{
	if (x->warmer->json) {
		struct json j = json_begin(stdout);
		json_text(&j, "event", "summary");
		json_int(&j, "good", x->good);
		json_int(&j, "bad", x->bad);
		json_int(&j, "gone", x->gone);
		json_int(&j, "failed", x->failed);
		json_int(&j, "bytes", x->bytes);
		json_int(&j, "orphans", x->orphans.found);
		json_int(&j, "orphan_bytes", x->orphans.bytes);
		json_bool(&j, "complete", !x->warmer->stopping);
		json_end(&j);
	} else if (!x->warmer->quiet) {
		if (x->orphans.found > 0)
			printf("%lld without a link %s\n", (long long)x->orphans.found,
			    x->warmer->dry_run ? "would be removed" : "removed");
		printf("%lld good, %lld bad, %lld gone, %lld could not be judged%s\n", (long long)x->good,
		    (long long)x->bad, (long long)x->gone, (long long)x->failed,
		    x->warmer->stopping ? "; the next run goes on from here" : "");
	}
}

static bool read_options(struct warmer *w, int argc, char **argv, struct verify *x)
{
	static const struct option OWN[] = {
	    {"sample", required_argument, NULL, 's'}, {"speed", required_argument, NULL, 'b'}, {0}};
	int c;
	while ((c = warmer_option(w, argc, argv, OWN)) != -1) {
		if (c == '?')
			return false;
		if (c == 's' ? !parse_percent(optarg, &x->sample) : !parse_speed(optarg, &x->pace.bytes_sec)) {
			fprintf(stderr, "pkgmirror-warm: %s is no %s\n", optarg, c == 's' ? "percentage" : "speed");
			return false;
		}
	}
	return true;
}

int command_verify(struct warmer *w, int argc, char **argv)
{
	struct verify x = {.warmer = w, .pace.bytes_sec = SPEED_DEFAULT, .sample = PERCENT_SCALE};
	struct fault f = {0};
	bool ok = true;
	if (!read_options(w, argc, argv, &x))
		return WARMER_USAGE;
	if (w->catalog == NULL)
		return WARMER_DONE; /* of a dry run where there is nothing yet */
	srandom((unsigned)time(NULL) ^ (unsigned)getpid());
	x.goes_on = x.sample == PERCENT_SCALE && optind == argc;
	if (optind == argc && !verify_all(&x, &f)) {
		warmer_complain(NULL, &f);
		ok = false;
	}
	for (int i = optind; i < argc && !warmer_stopping(w); i++)
		if (!verify_path(&x, argv[i], &f)) {
			warmer_complain(NULL, &f);
			ok = false;
		}
	summary(&x);
	return x.bad > 0 ? WARMER_INTEGRITY : ok && x.failed == 0 ? WARMER_DONE : WARMER_FAILED;
}
