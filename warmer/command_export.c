/* command_export: writes a bundle: what this mirror has, for a mirror without internet. See pkgmirror-warm(8), and
 * bundle.h for its form. */
#include "mirror/catalog_bundle.h"
#include "mirror/catalog_keep.h"
#include "warmer/bundle.h"
#include "warmer/json.h"
#include "warmer/judge.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PLACE_CAP = 1100 };

static const char README[] =
    "A bundle of pkgmirror: files of a mirror of Zig toolchains, packages and artifacts, for a mirror without internet.\n"
    "\n"
    "    pkgmirror-warm import THIS_FOLDER\n"
    "\n"
    "manifest      what is in it: documents and files with their SHA-256\n"
    "documents/    the index documents of the upstreams, as they came\n"
    "files/        the files by their path on the mirror, signatures among them\n"
    "ledger.jsonl  where the mirror that wrote this had them from, one JSON object a line\n"
    "\n"
    "Nothing here is believed for being here: the importing mirror takes what its own keys and indexes prove.\n";

struct export
{
	struct warmer *warmer;
	const char *class; /* NULL: all */
	int dir_fd;
	FILE *manifest, *ledger;
	int64_t files, bytes, bad, failed;
	char document[16]; /* the name of the one that is written */
	struct fault fault;
};

static bool make_parents(int dir_fd, const char *relative, struct fault *f)
{
	char folder[PLACE_CAP];
	for (const char *slash = strchr(relative, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		snprintf(folder, sizeof folder, "%.*s", (int)(slash - relative), relative);
		if (mkdirat(dir_fd, folder, 0755) != 0 && errno != EEXIST)
			return fault_errno(f, FAULT_SYSTEM, errno, "cannot make %s", folder);
	}
	return true;
}

/* A new file below the bundle, under a temporary name until rename_new. */
static int create_new(struct export *x, const char *relative, struct fault *f)
{
	char temporary[PLACE_CAP];
	snprintf(temporary, sizeof temporary, "%s.new", relative);
	if (!make_parents(x->dir_fd, relative, f))
		return -1;
	int fd = openat(x->dir_fd, temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		fault_errno(f, FAULT_SYSTEM, errno, "cannot write %s", temporary);
	return fd;
}

static bool rename_new(struct export *x, const char *relative, int fd, struct fault *f)
{
	char temporary[PLACE_CAP];
	snprintf(temporary, sizeof temporary, "%s.new", relative);
	return (fsync(fd) == 0 && renameat(x->dir_fd, temporary, x->dir_fd, relative) == 0) ||
	       fault_errno(f, FAULT_SYSTEM, errno, "cannot write %s", relative);
}

static bool write_line(struct export *x, const struct bundle_line *l)
{
	char line[BUNDLE_LINE_MAX];
	size_t len = bundle_format(l, line, sizeof line);
	return len > 0 && fwrite(line, 1, len, x->manifest) == len;
}

static bool write_row(void *arg, const char *body, size_t len)
{
	struct export *x = arg;
	return fwrite(body, 1, len, x->ledger) == len && putc('\n', x->ledger) != EOF;
}

/* A copy that an earlier export made is as good: same size, same time. */
static bool is_there(const struct export *x, const char *relative, const struct store_info *info)
{
	struct stat st;
	return fstatat(x->dir_fd, relative, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	       st.st_size == info->size && st.st_mtim.tv_sec == info->mtime;
}

static bool copy_file(struct export *x, const char *relative, int fd, const struct store_info *info, struct fault *f)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, {.tv_sec = info->mtime}};
	if (is_there(x, relative, info))
		return true;
	int out = create_new(x, relative, f);
	bool ok =
	    out >= 0 && store_copy(fd, out, true, f) && futimens(out, times) == 0 && rename_new(x, relative, out, f);
	if (out >= 0)
		close(out);
	return ok;
}

/* What rotted is not handed on. */
static bool export_file(
    struct export *x, const struct catalog_kept *e, int fd, const struct store_info *info, struct fault *f)
{
	char relative[sizeof e->path + 16];
	struct pace pace = {0};
	struct digest_result d;
	struct bundle_line line = {.kind = BUNDLE_FILE, .size = e->size};
	if (!judge_digest(x->warmer, fd, &pace, &d, f))
		return false;
	if (strcmp(d.sha256_hex, e->sha256) != 0)
		return fault_set(f, FAULT_INTEGRITY, "is not what the catalogue says: see verify");
	snprintf(relative, sizeof relative, "files/%s", e->path);
	memcpy(line.sha256, e->sha256, sizeof line.sha256);
	int n = snprintf(line.path, sizeof line.path, "%s", e->path);
	if (n < 0 || (size_t)n >= sizeof line.path)
		return fault_set(f, FAULT_SYSTEM, "path too long");
	if (!copy_file(x, relative, fd, info, f))
		return false;
	return (write_line(x, &line) && catalog_bundle_ledger(x->warmer->catalog, e->path, write_row, x, f)) ||
	       fault_errno(f, FAULT_SYSTEM, errno, "cannot be noted");
}

/* False when asked to stop. */
static bool export_entry(struct export *x, const struct catalog_kept *e)
{
	struct store_info info;
	struct fault f = {0};
	if (x->class != NULL && strcmp(x->class, e->class) != 0)
		return true;
	int fd = store_open_public(x->warmer->store, e->path, &info, &f);
	bool ok = fd >= 0 && (x->warmer->dry_run || export_file(x, e, fd, &info, &f));
	if (fd >= 0)
		close(fd);
	if (ok) {
		x->files++;
		x->bytes += e->size;
	} else if (f.class == FAULT_BUSY) {
		return false;
	} else if (fd >= 0 || f.class != FAULT_ABSENT) {
		warmer_complain(e->path, &f);
		x->bad += f.class == FAULT_INTEGRITY;
		x->failed++;
	}
	return true;
}

static bool export_document(void *arg, const char *body, size_t len)
{
	struct export *x = arg;
	char relative[64];
	struct bundle_line line = {.kind = BUNDLE_DOCUMENT};
	struct digest_result d;
	struct digest *digest = digest_new();
	if (digest == NULL)
		return fault_errno(&x->fault, FAULT_SYSTEM, ENOMEM, "document");
	digest_add(digest, body, len);
	digest_finish(digest, &d);
	digest_free(digest);
	snprintf(relative, sizeof relative, "documents/%s.json", x->document);
	memcpy(line.name, x->document, sizeof line.name);
	memcpy(line.sha256, d.sha256_hex, sizeof line.sha256);
	int fd = create_new(x, relative, &x->fault);
	bool ok = fd >= 0 && write(fd, body, len) == (ssize_t)len && rename_new(x, relative, fd, &x->fault);
	if (fd >= 0)
		close(fd);
	return ok && write_line(x, &line);
}

static bool export_documents(struct export *x, struct fault *f)
{
	static const char *const NAMES[] = {"index", "nominated"};
	for (size_t i = 0; i < 2; i++) {
		snprintf(x->document, sizeof x->document, "%s", NAMES[i]);
		x->fault = (struct fault){.class = FAULT_SYSTEM, .text = "a document cannot be written"};
		if (!x->warmer->dry_run &&
		    !catalog_bundle_document(x->warmer->catalog, NAMES[i], export_document, x, f)) {
			*f = x->fault;
			return false;
		}
	}
	return true;
}

static bool export_all(struct export *x, struct fault *f)
{
	struct catalog_kept e = {0};
	char last[sizeof e.path] = "";
	if (!export_documents(x, f))
		return false;
	while (!warmer_stopping(x->warmer) && catalog_kept_next(x->warmer->catalog, last, &e, f)) {
		if (!export_entry(x, &e))
			break;
		snprintf(last, sizeof last, "%s", e.path);
	}
	return warmer_stopping(x->warmer) || f->class == FAULT_ABSENT;
}

static FILE *open_new(struct export *x, const char *relative, struct fault *f)
{
	int fd = create_new(x, relative, f);
	FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (out == NULL && fd >= 0) {
		fault_errno(f, FAULT_SYSTEM, errno, "%s", relative);
		close(fd);
	}
	return out;
}

/* Writes out and gives the file its name, when `ok`. Closes it. */
static bool close_new(struct export *x, FILE *out, const char *relative, bool ok, struct fault *f)
{
	if (out == NULL)
		return false;
	ok = ok && (fflush(out) == 0 || fault_errno(f, FAULT_SYSTEM, errno, "cannot write %s", relative)) &&
	     rename_new(x, relative, fileno(out), f);
	fclose(out);
	return ok;
}

/* The manifest comes last: a bundle without one is none. */
static bool write_bundle(struct export *x, struct fault *f)
{
	FILE *readme = open_new(x, "README", f);
	bool ok = close_new(x, readme, "README", readme != NULL && fputs(README, readme) != EOF, f);
	x->manifest = ok ? open_new(x, "manifest", f) : NULL;
	x->ledger = ok ? open_new(x, "ledger.jsonl", f) : NULL;
	ok =
	    x->manifest != NULL && x->ledger != NULL && fputs(BUNDLE_HEAD "\n", x->manifest) != EOF && export_all(x, f);
	ok = close_new(x, x->ledger, "ledger.jsonl", ok, f) && ok;
	return close_new(x, x->manifest, "manifest", ok && !x->warmer->stopping, f) && ok;
}

static void summary(const struct export *x)
{
	if (x->warmer->json) {
		struct json j = json_begin(stdout);
		json_text(&j, "event", "summary");
		json_int(&j, "files", x->files);
		json_int(&j, "bytes", x->bytes);
		json_int(&j, "failed", x->failed);
		json_end(&j);
	} else if (!x->warmer->quiet) {
		printf("%lld files, %lld bytes; %lld failed\n", (long long)x->files, (long long)x->bytes,
		    (long long)x->failed);
	}
}

static bool open_folder(struct export *x, const char *folder, struct fault *f)
{
	if (x->warmer->dry_run)
		return true;
	if (mkdir(folder, 0755) != 0 && errno != EEXIST)
		return fault_errno(f, FAULT_SYSTEM, errno, "%s", folder);
	x->dir_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return x->dir_fd >= 0 || fault_errno(f, FAULT_SYSTEM, errno, "%s", folder);
}

int command_export(struct warmer *w, int argc, char **argv)
{
	static const struct option OWN[] = {{"class", required_argument, NULL, 'C'}, {0}};
	struct export x = {.warmer = w, .dir_fd = -1};
	struct fault f = {0};
	int c;
	while ((c = warmer_option(w, argc, argv, OWN)) != -1) {
		if (c == '?')
			return WARMER_USAGE;
		x.class = optarg;
	}
	if (optind != argc - 1) {
		fputs("pkgmirror-warm: export to which folder?\n", stderr);
		return WARMER_USAGE;
	}
	if (w->catalog == NULL)
		return WARMER_DONE;
	bool ok = open_folder(&x, argv[optind], &f) && (w->dry_run ? export_all(&x, &f) : write_bundle(&x, &f));
	if (!ok && !w->stopping)
		warmer_complain(argv[optind], &f);
	summary(&x);
	if (x.dir_fd >= 0)
		close(x.dir_fd);
	return x.bad > 0 ? WARMER_INTEGRITY : ok && x.failed == 0 && !w->stopping ? WARMER_DONE : WARMER_FAILED;
}
