/* orphans: see orphans.h. */
#include "warmer/orphans.h"

#include "mirror/catalog_keep.h"
#include "mirror/log.h"
#include "warmer/layout.h"

#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { AGE_SEC = 24 * 3600, DEPTH_MAX = 16, FEW = 16 };

static bool is_led_to(const struct warmer *w, const char *path, const char *relative)
{
	char target[ROUTE_STORE_CAP];
	return store_target(w->store, path, target, sizeof target) && strcmp(target, relative) == 0;
}

/* Removes the file `relative` of `path`, unless somebody is at work on it. An entry whose link is gone is of this file.
 */
static bool remove_file(struct warmer *w, const char *path, const char *relative)
{
	struct store_lease lease;
	struct store_info info;
	struct catalog_kept e;
	struct fault f;
	if (!store_lease_take(w->store, path, &lease, &f))
		return false;
	bool ok = !is_led_to(w, path, relative) && store_remove_file(w->store, relative, &f);
	if (ok && !store_stat_public(w->store, path, &info) && catalog_kept_get(w->catalog, path, &e, &f) &&
	    !catalog_kept_gone(w->catalog, path, &f))
		warmer_complain(path, &f);
	store_lease_drop(&lease);
	if (ok)
		log_event(LOG_INFO_LEVEL, "orphan", "path", path, "place", relative, NULL);
	return ok;
}

/* `inside` is the path below store/. */
static bool is_orphan(
    const struct warmer *w, const char *inside, const struct stat *st, int64_t now, struct route *route, char *relative)
{
	int n = snprintf(relative, ROUTE_STORE_CAP, "store/%s", inside);
	return n > 0 && n < ROUTE_STORE_CAP && st->st_ctim.tv_sec <= now - AGE_SEC &&
	       layout_route(w->config, inside, route, NULL) && !is_led_to(w, route->path, relative);
}

/* Walks through the store: counts its files and those that are orphans, and removes these. False when it was asked to
 * stop or cannot be read. */
static bool walk(struct warmer *w, int64_t now, bool remove, struct orphans *out)
{
	char root[PATH_MAX], relative[ROUTE_STORE_CAP];
	char *const roots[] = {root, NULL};
	struct route route;
	FTSENT *e;
	int len = snprintf(root, sizeof root, "%s/store", w->config->state_dir);
	FTS *fts = len > 0 && (size_t)len < sizeof root ? fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL) : NULL;
	*out = (struct orphans){0};
	while (fts != NULL && !warmer_stopping(w) && (e = fts_read(fts)) != NULL) {
		if (e->fts_info == FTS_D && e->fts_level > DEPTH_MAX)
			fts_set(fts, e, FTS_SKIP);
		out->files += e->fts_info == FTS_F;
		if (e->fts_info != FTS_F || !is_orphan(w, e->fts_path + len + 1, e->fts_statp, now, &route, relative) ||
		    (remove && !remove_file(w, route.path, relative)))
			continue;
		out->found++;
		out->bytes += e->fts_statp->st_size;
	}
	if (fts != NULL)
		fts_close(fts);
	return fts != NULL && !w->stopping;
}

bool orphans_sweep(struct warmer *w, int64_t now, struct orphans *out, struct fault *f)
{
	if (!walk(w, now, false, out) || out->found == 0 || w->dry_run)
		return true;
	/* Then it is not the store that has too much. */
	if (out->found > FEW && out->found > out->files / 10) {
		fault_set(f, FAULT_SYSTEM,
		    "%lld of %lld files of the store have no link: is public/ lost? adopt makes it anew",
		    (long long)out->found, (long long)out->files);
		out->found = out->bytes = 0;
		return false;
	}
	(void)!walk(w, now, true, out);
	return true;
}
