/* command_adopt: takes in the files of another mirror, or those of our own store after the catalogue was lost. See
 * pkgmirror-warm(8). */
#include "mirror/index.h"
#include "warmer/crew.h"
#include "warmer/intake.h"
#include "warmer/json.h"
#include "warmer/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 16 };

struct adopt {
	struct warmer *warmer;
	enum store_way way;
	int64_t taken, here, refused, unknown, failed, bytes;
};

static void tell(const struct adopt *x, const char *file, const char *path, const char *state, const char *reason)
{
	if (x->warmer->json) {
		struct json j = json_begin(stdout);
		json_text(&j, "event", "file");
		json_text(&j, "file", file);
		json_text(&j, "path", path);
		json_text(&j, "state", state);
		json_text(&j, "reason", reason);
		json_end(&j);
	} else if (reason != NULL) {
		struct fault f;
		fault_set(&f, FAULT_SYSTEM, "%s: %s", state, reason);
		warmer_complain(file, &f);
	} else if (!x->warmer->quiet) {
		printf("%s %s\n", state, path);
	}
}

/* False when asked to stop. */
static bool adopt_file(struct adopt *x, const FTSENT *e, const char *relative)
{
	char url[PATH_MAX + 16], folder[PATH_MAX];
	struct route route;
	struct fault f = {0};
	int64_t bytes = 0;
	if (!layout_route(x->warmer->config, relative, &route, &f)) {
		x->unknown++;
		tell(x, e->fts_path, NULL, "unknown", f.text);
		return true;
	}
	snprintf(url, sizeof url, "file://%s", e->fts_path);
	snprintf(folder, sizeof folder, "%.*s", (int)(e->fts_pathlen - e->fts_namelen), e->fts_path);
	int dir_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct intake what = {.route = &route, .dir_fd = dir_fd, .name = e->fts_name, .url = url, .way = x->way};
	enum intake_end end = intake_take(x->warmer, &what, &bytes, &f);
	if (dir_fd >= 0)
		close(dir_fd);
	switch (end) {
	case INTAKE_TAKEN:
		x->taken++;
		x->bytes += bytes;
		tell(x, e->fts_path, route.path, "taken", NULL);
		break;
	case INTAKE_HERE:
		x->here++;
		break;
	case INTAKE_REFUSED:
		x->refused++;
		tell(x, e->fts_path, route.path, "refused", f.text);
		break;
	case INTAKE_FAILED:
		x->failed++;
		tell(x, e->fts_path, route.path, "failed", f.text);
		break;
	case INTAKE_STOPPED:
		return false;
	}
	return true;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

/* With errno. */
static void cannot_read(struct adopt *x, const char *folder)
{
	struct fault f;
	fault_errno(&f, FAULT_SYSTEM, errno, "cannot be read");
	warmer_complain(folder, &f);
	x->failed++;
}

static void walk(struct adopt *x, FTS *fts, const char *folder)
{
	FTSENT *e;
	errno = 0;
	while (!warmer_stopping(x->warmer) && (e = fts_read(fts)) != NULL) {
		if (e->fts_info == FTS_D && e->fts_level > DEPTH_MAX)
			fts_set(fts, e, FTS_SKIP);
		if (e->fts_info == FTS_DNR || e->fts_info == FTS_ERR || e->fts_info == FTS_NS) {
			errno = e->fts_errno;
			cannot_read(x, e->fts_path);
		}
		if (e->fts_info == FTS_F && !adopt_file(x, e, e->fts_path + strlen(folder) + 1))
			return;
		errno = 0;
	}
	/* At its end fts_read(3) has set none. */
	if (errno != 0 && !x->warmer->stopping)
		cannot_read(x, folder);
}

/* Our own state_dir has parts and refused files beside its store. */
static bool is_state_dir(const struct warmer *w, const char *folder)
{
	struct stat here, own;
	return stat(folder, &here) == 0 && fstat(store_fd(w->store), &own) == 0 && here.st_ino == own.st_ino &&
	       here.st_dev == own.st_dev;
}

static void adopt_folder(struct adopt *x, const char *folder)
{
	char root[PATH_MAX], whole[PATH_MAX];
	struct stat st;
	if (realpath(folder, whole) == NULL || stat(whole, &st) != 0 || !S_ISDIR(st.st_mode)) {
		fprintf(stderr, "pkgmirror-warm: %s: no such folder\n", folder);
		x->failed++;
		return;
	}
	int n = snprintf(root, sizeof root, "%s%s", whole, is_state_dir(x->warmer, whole) ? "/store" : "");
	char *const roots[] = {root, NULL};
	errno = 0;
	FTS *fts = n > 0 && (size_t)n < sizeof root ? fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name) : NULL;
	if (fts == NULL) {
		cannot_read(x, folder);
		return;
	}
	walk(x, fts, root);
	fts_close(fts);
}

static void summary(const struct adopt *x)
{
	if (x->warmer->json) {
		struct json j = json_begin(stdout);
		json_text(&j, "event", "summary");
		json_int(&j, "taken", x->taken);
		json_int(&j, "bytes", x->bytes);
		json_int(&j, "here", x->here);
		json_int(&j, "refused", x->refused);
		json_int(&j, "unknown", x->unknown);
		json_int(&j, "failed", x->failed);
		json_end(&j);
	} else if (!x->warmer->quiet) {
		printf("%lld taken, %lld here already, %lld refused, %lld unknown, %lld failed\n", (long long)x->taken,
		    (long long)x->here, (long long)x->refused, (long long)x->unknown, (long long)x->failed);
	}
}

/* Without any index no unsigned file can prove itself: asks for one, as warm does. */
static void need_index(struct warmer *w)
{
	struct fault f;
	char *text = NULL;
	size_t len;
	bool known = w->catalog != NULL && index_build(w->catalog, w->config, &text, &len, &f);
	free(text);
	if (!known && !w->config->offline && !w->dry_run && !crew_update(w, &f) && !w->stopping)
		warmer_complain("no index", &f);
}

int command_adopt(struct warmer *w, int argc, char **argv)
{
	static const struct option OWN[] = {{"how", required_argument, NULL, 'H'}, {0}};
	struct adopt x = {.warmer = w, .way = STORE_AUTO};
	int c;
	while ((c = warmer_option(w, argc, argv, OWN)) != -1) {
		if (c == '?')
			return WARMER_USAGE;
		if (!intake_way(optarg, &x.way)) {
			fprintf(stderr, "pkgmirror-warm: %s is none of auto, reflink, link, copy\n", optarg);
			return WARMER_USAGE;
		}
	}
	if (optind == argc) {
		fputs("pkgmirror-warm: adopt which folder?\n", stderr);
		return WARMER_USAGE;
	}
	need_index(w);
	for (int i = optind; i < argc && !warmer_stopping(w); i++)
		adopt_folder(&x, argv[i]);
	summary(&x);
	return x.refused > 0 ? WARMER_INTEGRITY : x.failed > 0 || w->stopping ? WARMER_FAILED : WARMER_DONE;
}
