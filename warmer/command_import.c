/* command_import: takes in a bundle, as far as it proves itself. See pkgmirror-warm(8), and bundle.h for its form. */
#include "mirror/catalog_bundle.h"
#include "mirror/index.h"
#include "warmer/bundle.h"
#include "warmer/intake.h"
#include "warmer/json.h"
#include "warmer/judge.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct import {
	struct warmer *warmer;
	enum store_way way;
	char folder[PATH_MAX]; /* absolute */
	int64_t taken, here, refused, unknown, failed, documents;
};

static void tell(const struct import *x, const char *what, const char *state, const char *reason)
{
	if (x->warmer->json) {
		struct json j = json_begin(stdout);
		json_text(&j, "event", "file");
		json_text(&j, "path", what);
		json_text(&j, "state", state);
		json_text(&j, "reason", reason);
		json_end(&j);
	} else if (reason != NULL) {
		fprintf(stderr, "pkgmirror-warm: %s: %s: %s\n", what, state, reason);
	} else if (!x->warmer->quiet) {
		printf("%s %s\n", state, what);
	}
}

/* Opens the folder that has the file, and finds its name in it. */
static int open_folder_of(const struct import *x, const char *path, const char **name)
{
	char folder[2 * PATH_MAX];
	const char *slash = strrchr(path, '/');
	*name = slash != NULL ? slash + 1 : path;
	int n = snprintf(folder, sizeof folder, "%s/files/%.*s", x->folder, (int)(*name - path), path);
	return n > 0 && (size_t)n < sizeof folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
}

static void import_file(struct import *x, const struct bundle_line *l)
{
	char url[2 * PATH_MAX];
	struct route route;
	struct fault f = {0};
	struct intake what = {.route = &route, .url = url, .way = x->way};
	int64_t bytes;
	if (!route_canonical(x->warmer->config, l->path, &route, &f) || route.kind == ROUTE_INDEX ||
	    route.kind == ROUTE_MIRRORS) {
		x->unknown++;
		tell(x, l->path, "unknown", f.text);
		return;
	}
	snprintf(url, sizeof url, "file://%s/files/%s", x->folder, l->path);
	what.dir_fd = open_folder_of(x, l->path, &what.name);
	enum intake_end end = intake_take(x->warmer, &what, &bytes, &f);
	if (what.dir_fd >= 0)
		close(what.dir_fd);
	if (end == INTAKE_TAKEN)
		x->taken++;
	else if (end == INTAKE_HERE)
		x->here++;
	else if (end == INTAKE_REFUSED)
		x->refused++;
	else if (end == INTAKE_FAILED)
		x->failed++;
	if (end == INTAKE_TAKEN)
		tell(x, l->path, "taken", NULL);
	else if (end == INTAKE_REFUSED || end == INTAKE_FAILED)
		tell(x, l->path, end == INTAKE_REFUSED ? "refused" : "failed", f.text);
}

/* Reads documents/NAME.json. The caller frees *body. */
static bool read_document(
    const struct import *x, const char *name, char **body, size_t *len, int64_t *mtime, struct fault *f)
{
	char place[PATH_MAX + 64];
	struct stat st;
	bool ok = false;
	*body = NULL;
	snprintf(place, sizeof place, "%s/documents/%s.json", x->folder, name);
	int fd = open(place, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		fault_errno(f, FAULT_SYSTEM, errno, "cannot be opened");
	else if (st.st_size > INDEX_BYTES_MAX)
		fault_set(f, FAULT_INTEGRITY, "is too large");
	else if ((*body = malloc((size_t)st.st_size + 1)) == NULL || read(fd, *body, (size_t)st.st_size) != st.st_size)
		fault_errno(f, FAULT_SYSTEM, errno, "cannot be read");
	else
		ok = true;
	if (ok) {
		*len = (size_t)st.st_size;
		*mtime = st.st_mtim.tv_sec;
	}
	if (fd >= 0)
		close(fd);
	return ok;
}

/* Judges and imports a document: the URL is our configuration's, never the bundle's, so that it cannot name a host. */
static bool take_document(struct import *x, const char *name, const char *body, size_t len, struct fault *f)
{
	const struct config *c = x->warmer->config;
	char prefix[256], url[ROUTE_URL_CAP];
	const bool nominated = strcmp(name, "nominated") == 0;
	snprintf(prefix, sizeof prefix, "%s%s", *c->toolchains.prefix == '/' ? c->toolchains.prefix + 1 : "",
	    *c->toolchains.prefix != '\0' ? "/" : "");
	if (nominated && c->toolchains.nominated_index[0] == '\0')
		return fault_set(f, FAULT_ABSENT, "the configuration has no nominated_index");
	snprintf(url, sizeof url, "%s%s", nominated ? c->toolchains.nominated_index : c->toolchains.upstream,
	    nominated ? "" : "/download/index.json");
	const struct index_document d = {.name = name, .url = url, .body = body, .len = len, .bundled = true};
	if (!catalog_bundle_witness(x->warmer->catalog, body, len, prefix, f))
		return false;
	return x->warmer->dry_run || index_import(x->warmer->catalog, c, &d, time(NULL), f);
}

static void import_document(struct import *x, const char *name, int64_t *checked_at)
{
	struct fault f = {0};
	char *body;
	size_t len = 0;
	int64_t mtime = 0;
	/* What came from upstream itself is worth more. */
	if (catalog_bundle_own(x->warmer->catalog, name))
		return;
	if (read_document(x, name, &body, &len, &mtime, &f) && take_document(x, name, body, len, &f)) {
		x->documents++;
		*checked_at = mtime;
		tell(x, name, "taken", NULL);
	} else if (f.class == FAULT_ABSENT) {
		x->unknown++;
		tell(x, name, "unknown", f.text);
	} else {
		*(f.class == FAULT_INTEGRITY ? &x->refused : &x->failed) += 1;
		tell(x, name, f.class == FAULT_INTEGRITY ? "refused" : "failed", f.text);
	}
	free(body);
}

/* The index.json that this mirror serves. */
static bool rebuild_index(struct import *x, int64_t checked_at, struct fault *f)
{
	char *text = NULL;
	size_t len = 0;
	struct digest_result r;
	struct digest *d = digest_new();
	const int64_t now = time(NULL);
	bool ok = d != NULL && index_build(x->warmer->catalog, x->warmer->config, &text, &len, f);
	if (ok) {
		digest_add(d, text, len);
		digest_finish(d, &r);
		r.sha256_hex[32] = '\0';
		ok = store_document_write(
		    x->warmer->store, "index.json", r.sha256_hex, text, len, checked_at < now ? checked_at : now, f);
	}
	digest_free(d);
	free(text);
	return ok;
}

/* Whoever made the bundle may have put a pipe there, which nobody ever writes to. NULL with errno. */
static FILE *open_manifest(const char *place)
{
	struct stat st = {0};
	int fd = open(place, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
	const bool regular = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	FILE *in = regular ? fdopen(fd, "r") : NULL;
	if (fd >= 0 && in == NULL) {
		const int error = regular ? errno : EINVAL;
		close(fd);
		errno = error;
	}
	return in;
}

/* Runs over the lines of the manifest: the files of it, or the documents. False when it is none. */
static bool each_line(struct import *x, enum bundle_kind kind, int64_t *checked_at, struct fault *f)
{
	char place[PATH_MAX + 16], line[BUNDLE_LINE_MAX + 2];
	struct bundle_line l;
	snprintf(place, sizeof place, "%s/manifest", x->folder);
	FILE *in = open_manifest(place);
	if (in == NULL)
		return fault_errno(f, FAULT_SYSTEM, errno, "%s is no bundle", x->folder);
	bool ok = fgets(line, sizeof line, in) != NULL && strcmp(line, BUNDLE_HEAD "\n") == 0;
	while (ok && !warmer_stopping(x->warmer) && fgets(line, sizeof line, in) != NULL) {
		size_t len = strlen(line);
		ok = len > 0 && line[len - 1] == '\n' && bundle_parse(line, len - 1, &l);
		if (ok && l.kind == kind && kind == BUNDLE_FILE)
			import_file(x, &l);
		else if (ok && l.kind == kind)
			import_document(x, l.name, checked_at);
	}
	const int error = ferror(in) ? errno : 0;
	fclose(in);
	if (error != 0)
		return fault_errno(f, FAULT_SYSTEM, error, "cannot read %s", place);
	return ok || fault_set(f, FAULT_INTEGRITY, "%s has no manifest of this version", x->folder);
}

/* The files first: they vouch for the documents. */
static bool import_all(struct import *x, struct fault *f)
{
	int64_t checked_at = 0;
	if (!each_line(x, BUNDLE_FILE, &checked_at, f) || !each_line(x, BUNDLE_DOCUMENT, &checked_at, f))
		return false;
	return x->warmer->dry_run || x->documents == 0 || rebuild_index(x, checked_at, f);
}

static void summary(const struct import *x)
{
	if (x->warmer->json) {
		struct json j = json_begin(stdout);
		json_text(&j, "event", "summary");
		json_int(&j, "taken", x->taken);
		json_int(&j, "here", x->here);
		json_int(&j, "refused", x->refused);
		json_int(&j, "unknown", x->unknown);
		json_int(&j, "failed", x->failed);
		json_int(&j, "documents", x->documents);
		json_end(&j);
	} else if (!x->warmer->quiet) {
		printf("%lld taken, %lld here already, %lld refused, %lld unknown, %lld failed, %lld documents\n",
		    (long long)x->taken, (long long)x->here, (long long)x->refused, (long long)x->unknown,
		    (long long)x->failed, (long long)x->documents);
	}
}

static bool read_options(struct warmer *w, int argc, char **argv, struct import *x)
{
	static const struct option OWN[] = {{"how", required_argument, NULL, 'H'}, {0}};
	int c;
	while ((c = warmer_option(w, argc, argv, OWN)) != -1) {
		if (c == '?')
			return false;
		if (!intake_way(optarg, &x->way)) {
			fprintf(stderr, "pkgmirror-warm: %s is none of auto, reflink, link, copy\n", optarg);
			return false;
		}
	}
	if (optind != argc - 1)
		fputs("pkgmirror-warm: import which folder?\n", stderr);
	return optind == argc - 1;
}

int command_import(struct warmer *w, int argc, char **argv)
{
	struct import x = {.warmer = w, .way = STORE_AUTO};
	struct fault f = {0};
	if (!read_options(w, argc, argv, &x))
		return WARMER_USAGE;
	if (w->catalog == NULL) {
		fputs("pkgmirror-warm: a dry run of an import needs a catalogue, and there is none yet\n", stderr);
		return WARMER_FAILED;
	}
	bool ok = realpath(argv[optind], x.folder) != NULL || fault_errno(&f, FAULT_SYSTEM, errno, "%s", argv[optind]);
	ok = ok && import_all(&x, &f);
	if (!ok)
		warmer_complain(NULL, &f);
	summary(&x);
	if (x.refused > 0 || (!ok && f.class == FAULT_INTEGRITY))
		return WARMER_INTEGRITY;
	return ok && x.failed == 0 && !w->stopping ? WARMER_DONE : WARMER_FAILED;
}
