/* command_prune: removes what is used least: development builds past their days, and what is beyond max_bytes. See
 * pkgmirror-warm(8). */
#include "mirror/catalog_keep.h"
#include "mirror/catalog_warm.h"
#include "mirror/human.h"
#include "mirror/log.h"
#include "mirror/route.h"
#include "warmer/fold.h"
#include "warmer/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	SPARED_SEC = 600,
	DAY_SEC = 24 * 3600,
	CLASSES_CAP = 128,
	DAYS_MAX = 36500,
	ROOM_LEAST = 1024 * 1024 /* below it there may be none for what SQLite writes of a removal */
};

static const char *const CLASSES[] = {"stable", "nominated", "dev", "package", "artifact"};
enum { CLASS_COUNT = sizeof CLASSES / sizeof CLASSES[0], DEV = 2 };

/* A file that may go. */
struct candidate {
	char *path;
	int64_t size, used_at;
	size_t class; /* of CLASSES */
};

struct prune {
	struct warmer *warmer;
	bool classes[CLASS_COUNT];
	int days; /* of every class; -1: those of the configuration, of development builds */
	struct candidate *all;
	size_t count, cap;
	int64_t now, excess; /* bytes beyond max_bytes */
	int64_t removed, removed_bytes, spared, failed;
	bool short_of_memory;
};

/* CLASS_COUNT when there is no such. */
static size_t find_class(const char *name)
{
	size_t i = 0;
	while (i < CLASS_COUNT && strcmp(CLASSES[i], name) != 0)
		i++;
	return i;
}

static bool add_class(struct prune *x, const char *name)
{
	size_t i = find_class(name);
	if (i < CLASS_COUNT) {
		x->classes[i] = true;
		return true;
	}
	fprintf(stderr, "pkgmirror-warm: no class %s: stable, nominated, dev, package or artifact\n", name);
	return false;
}

static bool parse_days(const char *text, int *out)
{
	char *end;
	long days = *text >= '0' && *text <= '9' ? strtol(text, &end, 10) : -1;
	if (days < 0 || days > DAYS_MAX || *end != '\0') {
		fprintf(stderr, "pkgmirror-warm: %s is no number of days\n", text);
		return false;
	}
	*out = (int)days;
	return true;
}

static bool read_options(struct warmer *w, int argc, char **argv, struct prune *x)
{
	static const struct option OWN[] = {
	    {"class", required_argument, NULL, 'C'}, {"days", required_argument, NULL, 'd'}, {0}};
	bool any = false;
	int c;
	while ((c = warmer_option(w, argc, argv, OWN)) != -1) {
		if (c == '?' || (c == 'C' && !add_class(x, optarg)) || (c == 'd' && !parse_days(optarg, &x->days)))
			return false;
		any = any || c == 'C';
	}
	if (!any)
		(void)add_class(x, "dev");
	if (optind < argc)
		fprintf(stderr, "pkgmirror-warm: unexpected argument %s\n", argv[optind]);
	return optind == argc;
}

/* The chosen classes as a JSON array. */
static void write_classes(const struct prune *x, char out[CLASSES_CAP])
{
	size_t n = 0;
	for (size_t i = 0; i < CLASS_COUNT; i++)
		if (x->classes[i])
			n += (size_t)snprintf(out + n, CLASSES_CAP - n, "%s\"%s\"", n == 0 ? "[" : ",", CLASSES[i]);
	snprintf(out + n, CLASSES_CAP - n, "]");
}

static bool keep(void *arg, const char *path, int64_t size, int64_t used_at, const char *class)
{
	struct prune *x = arg;
	if (x->count == x->cap) {
		size_t cap = x->cap > 0 ? x->cap * 2 : 256;
		struct candidate *more = reallocarray(x->all, cap, sizeof *more);
		if (more == NULL) {
			x->short_of_memory = true;
			return false;
		}
		x->all = more;
		x->cap = cap;
	}
	struct candidate *c = &x->all[x->count];
	*c = (struct candidate){strdup(path), size, used_at, find_class(class)};
	x->short_of_memory = c->path == NULL;
	x->count += c->path != NULL;
	return c->path != NULL;
}

/* Past its days, or needed for the room. */
static bool is_due(const struct prune *x, const struct candidate *c)
{
	const int days = x->days >= 0 ? x->days : x->warmer->config->warmer.dev_keep_days;
	const bool aged = x->days >= 0 || c->class == DEV;
	return x->excess > 0 || (aged && c->used_at <= x->now - (int64_t)days * DAY_SEC);
}

/* Handed out, or read by whoever sends it, in the last ten minutes. What a web server found by itself is in no journal:
 * the file system's own time of access tells of most of that. */
static bool in_use(const struct prune *x, const struct candidate *c, const char *relative)
{
	struct stat st;
	if (c->used_at > x->now - SPARED_SEC)
		return true;
	return fstatat(store_fd(x->warmer->store), relative, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       st.st_atim.tv_sec > x->now - SPARED_SEC;
}

static void tell(const struct prune *x, const char *path, int64_t size, int64_t used_at)
{
	char text[HUMAN_CAP];
	log_event(LOG_INFO_LEVEL, "pruned", "path", path, "bytes", log_int(size).text, NULL);
	if (x->warmer->json) {
		struct json j = json_begin(stdout);
		json_text(&j, "event", "file");
		json_text(&j, "path", path);
		json_int(&j, "size", size);
		json_int(&j, "used_at", used_at);
		json_end(&j);
	} else if (!x->warmer->quiet && !x->warmer->watch) {
		human_size(size, text);
		printf("%s %s, %s\n", x->warmer->dry_run ? "would remove" : "removed", path, text);
	}
}

/* Removes one file with its link and its entry. */
static bool remove_file(struct prune *x, const char *path, struct fault *f)
{
	char relative[ROUTE_STORE_CAP];
	struct warmer *w = x->warmer;
	/* Without a link it is gone already; a file that lost its link to a crash is found by the service or by verify.
	 */
	bool linked = store_target(w->store, path, relative, sizeof relative);
	if (!linked && errno != ENOENT && errno != ENOTDIR && errno != EINVAL)
		return fault_errno(f, FAULT_SYSTEM, errno, "cannot read public/%s", path);
	return (!linked || store_remove(w->store, path, relative, f)) && catalog_kept_gone(w->catalog, path, f) &&
	       catalog_want_remove(w->catalog, path, f);
}

static bool remove_counted(struct prune *x, const char *path, int64_t size, struct fault *f)
{
	if (!x->warmer->dry_run && !remove_file(x, path, f))
		return false;
	x->excess -= size;
	x->removed++;
	x->removed_bytes += size;
	return true;
}

/* A file and its signature. */
static bool remove_both(struct prune *x, const struct candidate *c, struct fault *f)
{
	char signature[WIRE_PATH_CAP + 16];
	struct catalog_kept e;
	snprintf(signature, sizeof signature, "%s.minisig", c->path);
	bool has = catalog_kept_get(x->warmer->catalog, signature, &e, f);
	if (!has && f->class != FAULT_ABSENT)
		return false;
	return remove_counted(x, c->path, c->size, f) && (!has || remove_counted(x, signature, e.size, f));
}

/* The leases of the file and of its signature. A dry run has nothing to lock in a state_dir that it may not write. */
static bool take_leases(struct prune *x, const struct candidate *c, struct store_lease leases[2], struct fault *f)
{
	char signature[WIRE_PATH_CAP + 16];
	snprintf(signature, sizeof signature, "%s.minisig", c->path);
	return x->warmer->dry_run || (store_lease_take(x->warmer->store, c->path, &leases[0], f) &&
	                                 store_lease_take(x->warmer->store, signature, &leases[1], f));
}

/* A nominated index names it, though the service has not moved it yet. */
static bool is_nominated(struct prune *x, const struct catalog_kept *e)
{
	struct catalog_artifact listed;
	const char *slash = strrchr(e->path, '/');
	return strcmp(e->kind, "toolchain") == 0 &&
	       catalog_artifact_get(x->warmer->catalog, slash != NULL ? slash + 1 : e->path, &listed, NULL) &&
	       listed.nominated;
}

/* Reads anew, under the leases, what the choice was made by: since then the build may have been nominated, or the file
 * handed out. FAULT_ABSENT when it has gone. */
static bool read_again(struct prune *x, struct candidate *c, struct fault *f)
{
	struct fold_result folded = {0};
	struct catalog_kept e;
	if (x->warmer->dry_run)
		return true;
	if (!fold_journal(x->warmer, &folded, f) || !catalog_kept_get(x->warmer->catalog, c->path, &e, f))
		return false;
	c->size = e.size;
	c->used_at = e.last_hit_at > e.stored_at ? e.last_hit_at : e.stored_at;
	c->class = find_class(e.class);
	if (c->class == DEV && is_nominated(x, &e))
		c->class = find_class("nominated");
	return true;
}

/* Whether it still may and should go. */
static bool goes(const struct prune *x, const struct candidate *c)
{
	char relative[ROUTE_STORE_CAP];
	if (c->class == CLASS_COUNT || !x->classes[c->class] || !is_due(x, c))
		return false;
	return !store_target(x->warmer->store, c->path, relative, sizeof relative) || !in_use(x, c, relative);
}

static void prune_one(struct prune *x, struct candidate *c)
{
	struct store_lease leases[2] = {{.fd = -1}, {.fd = -1}};
	struct fault f = {0};
	const bool known = take_leases(x, c, leases, &f) && read_again(x, c, &f);
	if (known ? !goes(x, c) : f.class == FAULT_BUSY) {
		x->spared++;
	} else if (known && remove_both(x, c, &f)) {
		tell(x, c->path, c->size, c->used_at);
	} else if (known || f.class != FAULT_ABSENT) {
		warmer_complain(c->path, &f);
		x->failed++;
	}
	store_lease_drop(&leases[0]);
	store_lease_drop(&leases[1]);
}

static void summary(const struct prune *x)
{
	char text[HUMAN_CAP];
	if (x->warmer->json) {
		struct json j = json_begin(stdout);
		json_text(&j, "event", "summary");
		json_int(&j, "removed", x->removed);
		json_int(&j, "bytes", x->removed_bytes);
		json_int(&j, "spared", x->spared);
		json_int(&j, "failed", x->failed);
		json_int(&j, "excess", x->excess > 0 ? x->excess : 0);
		json_end(&j);
	} else if (!x->warmer->quiet && !x->warmer->watch) {
		human_size(x->removed_bytes, text);
		printf("%lld files, %s; %lld in use were spared\n", (long long)x->removed, text, (long long)x->spared);
	}
	if (x->excess > 0) {
		human_size(x->excess, text);
		fprintf(
		    stderr, "pkgmirror-warm: the store is still %s beyond max_bytes: what is left may not go\n", text);
	}
}

static bool plan(struct prune *x, struct fault *f)
{
	char classes[CLASSES_CAP];
	int64_t bytes, max = x->warmer->config->warmer.max_bytes;
	write_classes(x, classes);
	if (!catalog_kept_bytes(x->warmer->catalog, &bytes, f) ||
	    !catalog_kept_oldest(x->warmer->catalog, classes, keep, x, f))
		return false;
	x->excess = max > 0 ? bytes - max : 0;
	return !x->short_of_memory || fault_errno(f, FAULT_SYSTEM, ENOMEM, "prune");
}

static void forget(struct prune *x)
{
	for (size_t i = 0; i < x->count; i++)
		free(x->all[i].path);
	free(x->all);
	x->all = NULL;
	x->count = x->cap = 0;
}

static bool is_full(const struct prune *x)
{
	const int64_t bytes = store_free_bytes(x->warmer->store);
	return bytes >= 0 && bytes < ROOM_LEAST;
}

/* A disk that is full to its end takes no row, not even that of a removal. So the first files go by what is known
 * without the newest hits, and without their rows, which follow when there is room. */
static void make_first_room(struct prune *x)
{
	char relative[ROUTE_STORE_CAP];
	struct store *s = x->warmer->store;
	struct fault f = {0};
	const bool known = plan(x, &f);
	for (size_t i = 0; known && i < x->count && is_full(x); i++) {
		struct candidate *c = &x->all[i];
		struct store_lease leases[2] = {{.fd = -1}, {.fd = -1}};
		if (is_due(x, c) && take_leases(x, c, leases, &f) &&
		    store_target(s, c->path, relative, sizeof relative) && !in_use(x, c, relative) &&
		    store_remove(s, c->path, relative, &f))
			log_event(LOG_WARN_LEVEL, "room", "path", c->path, "bytes", log_int(c->size).text, NULL);
		store_lease_drop(&leases[0]);
		store_lease_drop(&leases[1]);
	}
	forget(x);
}

int command_prune(struct warmer *w, int argc, char **argv)
{
	struct prune x = {.warmer = w, .days = -1, .now = time(NULL)};
	struct fold_result folded = {0};
	struct fault f;
	if (!read_options(w, argc, argv, &x))
		return WARMER_USAGE;
	if (w->catalog == NULL)
		return WARMER_DONE;
	if (!w->dry_run && is_full(&x))
		make_first_room(&x);
	/* Without a log it is not known what was used lately: then nothing goes. */
	bool ok = fold_known(w, &folded);
	if (ok && !(ok = plan(&x, &f)))
		warmer_complain(NULL, &f);
	for (size_t i = 0; ok && i < x.count && !warmer_stopping(w); i++)
		if (is_due(&x, &x.all[i]))
			prune_one(&x, &x.all[i]);
	if (ok)
		summary(&x);
	forget(&x);
	return ok && x.failed == 0 && x.excess <= 0 ? WARMER_DONE : WARMER_FAILED;
}
