/* intake: see intake.h. */
#include "warmer/intake.h"
#include "mirror/catalog_keep.h"
#include "mirror/log.h"
#include "warmer/judge.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* A file that is being taken. */
struct take {
	struct warmer *w;
	const struct intake *x;
	int source_fd; /* where it came from */
	int fd;        /* the part, or our own store file; what is judged */
	struct stat st;
	char own[ROUTE_STORE_CAP]; /* its place in our store, "" when it comes from elsewhere */
	unsigned own_class;
	struct digest_result digest;
	struct judge_verdict verdict;
};

bool intake_way(const char *word, enum store_way *out)
{
	static const char *const WORDS[] = {
	    [STORE_AUTO] = "auto", [STORE_LINK] = "link", [STORE_REFLINK] = "reflink", [STORE_COPY] = "copy"};
	for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++)
		if (strcmp(word, WORDS[i]) == 0) {
			*out = (enum store_way)i;
			return true;
		}
	return false;
}

static bool open_source(struct take *t, struct fault *f)
{
	t->source_fd = openat(t->x->dir_fd, t->x->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
	if (t->source_fd < 0 || fstat(t->source_fd, &t->st) != 0)
		return fault_errno(f, FAULT_SYSTEM, errno, "cannot be opened");
	return S_ISREG(t->st.st_mode) || fault_set(f, FAULT_SYSTEM, "is not a regular file");
}

/* Finds out whether the file is the one in our own store. */
static void find_own(struct take *t)
{
	static const unsigned CLASSES[] = {CLASS_STABLE, CLASS_NOMINATED, CLASS_DEV};
	struct stat st;
	char relative[ROUTE_STORE_CAP];
	for (size_t i = 0; i < 3; i++) {
		route_store_path(t->x->route, CLASSES[i], relative);
		if (fstatat(store_fd(t->w->store), relative, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    st.st_ino == t->st.st_ino && st.st_dev == t->st.st_dev) {
			memcpy(t->own, relative, sizeof relative);
			t->own_class = CLASSES[i];
			return;
		}
	}
}

/* Brings the file to where it is judged: fd for reading. */
static bool bring(struct take *t, struct fault *f)
{
	char part[ROUTE_STORE_CAP];
	if (t->own[0] != '\0' || t->w->dry_run) {
		t->fd = fcntl(t->source_fd, F_DUPFD_CLOEXEC, 0);
		return t->fd >= 0 || fault_errno(f, FAULT_SYSTEM, errno, "cannot be opened");
	}
	if (!store_part_bring(t->w->store, t->x->route->path, t->source_fd, t->x->way, f))
		return false;
	snprintf(part, sizeof part, "part/%s", t->x->route->path);
	t->fd = store_open_file(t->w->store, part, NULL, f);
	return t->fd >= 0;
}

/* The signature beside it, else the one that we have. */
static size_t find_signature(const struct take *t, char text[MINISIGN_FILE_MAX + 1])
{
	char name[WIRE_PATH_CAP + 16];
	size_t len;
	if (t->x->route->keys == NULL || t->x->route->signature)
		return 0;
	snprintf(name, sizeof name, "%s.minisig", t->x->name);
	int fd = openat(t->x->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
	if (fd < 0) {
		snprintf(name, sizeof name, "%s.minisig", t->x->route->path);
		fd = store_open_public(t->w->store, name, NULL, NULL);
	}
	len = fd >= 0 ? judge_read_signature(fd, text) : 0;
	if (fd >= 0)
		close(fd);
	return len;
}

static bool judge(struct take *t, struct fault *f)
{
	char text[MINISIGN_FILE_MAX + 1];
	struct pace pace = {0};
	struct judge_case c = {.route = t->x->route, .fd = t->fd, .digest = &t->digest, .own = t->own[0] != '\0'};
	c.signature_len = find_signature(t, text);
	c.signature = c.signature_len > 0 ? text : NULL;
	return judge_digest(t->w, t->fd, &pace, &t->digest, f) && judge_file(t->w, &c, &t->verdict, f);
}

static const char *or_null(const char *text)
{
	return text[0] != '\0' ? text : NULL;
}

static bool record(struct take *t, unsigned class, struct fault *f)
{
	const struct route *r = t->x->route;
	const struct judge_verdict *v = &t->verdict;
	const int64_t now = time(NULL);
	const char *class_name = judge_class_name(r, class);
	const struct catalog_entry entry = {.path = r->path,
	    .kind = r->kind == ROUTE_TOOLCHAIN ? "toolchain" : class_name,
	    .class = class_name,
	    .version = r->kind == ROUTE_TOOLCHAIN ? r->zig.version
	               : r->match.ref[0] != '\0'  ? r->match.ref
	                                          : r->match.version,
	    .size = t->digest.bytes,
	    .sha256 = t->digest.sha256_hex,
	    .blake2b = t->digest.blake2b_hex,
	    .zig_hash = or_null(v->zig.hash),
	    .zig_multihash = or_null(v->zig.multihash),
	    .verdict = v->proof.verdict,
	    .stored_at = now};
	const struct catalog_provenance row = {.path = r->path,
	    .requested_url = t->x->url,
	    .effective_url = t->x->url,
	    .remote_address = "",
	    .started_at = now,
	    .finished_at = now,
	    .bytes = t->digest.bytes,
	    .sha256 = t->digest.sha256_hex,
	    .content = or_null(v->content),
	    .key_id = or_null(v->proof.key_id),
	    .trusted_comment = or_null(v->proof.comment),
	    .verdict = v->proof.verdict};
	return catalog_record(t->w->catalog, &entry, &row, f);
}

/* The order of the fetch service: the file, the rows, the link. */
static bool publish(struct take *t, struct fault *f)
{
	char relative[ROUTE_STORE_CAP];
	const bool own = t->own[0] != '\0';
	const unsigned class = own ? t->own_class : t->verdict.class;
	if (own)
		memcpy(relative, t->own, sizeof relative);
	else
		route_store_path(t->x->route, class, relative);
	if (!own && !store_settle(t->w->store, t->x->route->path, t->fd, relative, t->st.st_mtime, f))
		return false;
	if (!record(t, class, f) || !store_link(t->w->store, t->x->route->path, relative, f))
		return false;
	log_event(LOG_INFO_LEVEL, "taken", "path", t->x->route->path, "bytes", log_int(t->digest.bytes).text, "verdict",
	    t->verdict.proof.verdict, "url", t->x->url, NULL);
	return true;
}

static bool is_here(struct warmer *w, const char *path)
{
	struct store_info info;
	struct catalog_kept e;
	return store_stat_public(w->store, path, &info) && w->catalog != NULL &&
	       catalog_kept_get(w->catalog, path, &e, NULL);
}

static enum intake_end end_of(const struct fault *f)
{
	return f->class == FAULT_INTEGRITY ? INTAKE_REFUSED : f->class == FAULT_BUSY ? INTAKE_STOPPED : INTAKE_FAILED;
}

static enum intake_end take(struct take *t, int64_t *bytes, struct fault *f)
{
	if (!open_source(t, f))
		return INTAKE_FAILED;
	*bytes = t->st.st_size;
	find_own(t);
	if (!bring(t, f))
		return INTAKE_FAILED;
	if (!judge(t, f)) {
		if (t->own[0] == '\0' && !t->w->dry_run)
			store_part_remove(t->w->store, t->x->route->path);
		else if (f->class == FAULT_INTEGRITY && !t->w->dry_run)
			store_unlink(t->w->store, t->x->route->path); /* not to be served as it is */
		return end_of(f);
	}
	return t->w->dry_run || publish(t, f) ? INTAKE_TAKEN : INTAKE_FAILED;
}

enum intake_end intake_take(struct warmer *w, const struct intake *x, int64_t *bytes, struct fault *f)
{
	struct take t = {.w = w, .x = x, .source_fd = -1, .fd = -1};
	struct store_lease lease = {.fd = -1};
	*bytes = 0;
	if (is_here(w, x->route->path))
		return INTAKE_HERE;
	if (!w->dry_run && !store_lease_take(w->store, x->route->path, &lease, f))
		return INTAKE_FAILED;
	enum intake_end end = take(&t, bytes, f);
	if (t.fd >= 0)
		close(t.fd);
	if (t.source_fd >= 0)
		close(t.source_fd);
	store_lease_drop(&lease);
	return end;
}
