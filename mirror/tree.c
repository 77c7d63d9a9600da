/* tree: see tree.h. */
#include "tree.h"

#include "zon.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void tree_doubt(struct tree *t, const char *why, const char *path)
{
	if (t->sure)
		snprintf(t->reason, sizeof t->reason, "%s%s%.100s", why, *path != '\0' ? ": " : "", path);
	t->sure = false;
}

/* The path as Zig's tar reader takes it: without empty and "." segments, ".." going up. *clean becomes false when there
 * were such. False when it leads out, or begins with a slash. */
static bool sanitize(const char *path, bool backslashes, char out[ARCHIVE_NAME_CAP], bool *clean)
{
	size_t len = 0;
	if (path[0] == '/')
		return false;
	for (const char *p = path; *p != '\0';) {
		size_t n = strcspn(p, backslashes ? "/\\" : "/");
		bool dot = n == 1 && p[0] == '.', dots = n == 2 && memcmp(p, "..", 2) == 0;
		*clean = *clean && n > 0 && !dot && !dots;
		if (dots) {
			if (len == 0)
				return false;
			while (len > 0 && out[--len] != '/')
				continue;
		} else if (n > 0 && !dot) {
			if (len > 0)
				out[len++] = '/';
			memcpy(out + len, p, n);
			len += n;
		}
		p += n;
		p += *p != '\0';
	}
	out[len] = '\0';
	return true;
}

/* Whether all members lie below one folder, as they come. */
static void note_root(struct tree *t, const char *path, enum archive_kind kind)
{
	size_t n = strcspn(path, "/");
	char root[ARCHIVE_NAME_CAP];
	if (path[0] == '\0')
		return;
	snprintf(root, sizeof root, "%.*s", (int)(path[n] == '/' || kind == ARCHIVE_FOLDER ? n : 0), path);
	if (!t->any)
		memcpy(t->root, root, sizeof root);
	else if (strcmp(t->root, root) != 0)
		t->root[0] = '\0';
	t->any = true;
}

const char *tree_inside(const char *path, const char *root)
{
	size_t n = strlen(root);
	return n > 0 && strncmp(path, root, n) == 0 && path[n] == '/' ? path + n + 1 : path;
}

static struct tree_item *add_item(struct tree *t, const char *path, enum archive_kind kind, struct fault *f)
{
	if (t->count == t->cap) {
		size_t cap = t->cap > 0 ? t->cap * 2 : 256;
		struct tree_item *more = realloc(t->items, cap * sizeof *more);
		if (more == NULL) {
			fault_errno(f, FAULT_SYSTEM, ENOMEM, "zig hash");
			return NULL;
		}
		t->items = more;
		t->cap = cap;
	}
	struct tree_item *i = &t->items[t->count];
	*i = (struct tree_item){.path = strdup(path), .kind = kind, .place = t->count};
	if (i->path == NULL) {
		fault_errno(f, FAULT_SYSTEM, ENOMEM, "zig hash");
		return NULL;
	}
	t->count++;
	return i;
}

/* The last file is complete. */
static void finish_file(struct tree *t)
{
	if (t->running == NULL)
		return;
	sha256_finish(t->running, t->items[t->count - 1].hash);
	t->running = NULL;
}

static bool keep_manifest(struct tree *t, const void *bytes, size_t len, struct fault *f)
{
	if (t->manifest_len + len > ZON_BYTES_MAX) {
		tree_doubt(t, "a manifest that is too large", "build.zig.zon");
		t->is_manifest = false;
		return true;
	}
	char *more = realloc(t->manifest, t->manifest_len + len + 1);
	if (more == NULL)
		return fault_errno(f, FAULT_SYSTEM, ENOMEM, "zig hash");
	t->manifest = more;
	memcpy(t->manifest + t->manifest_len, bytes, len);
	t->manifest_len += len;
	t->manifest[t->manifest_len] = '\0';
	return true;
}

static bool begin_file(struct tree *t, struct tree_item *i, struct fault *f)
{
	const char *inside = tree_inside(i->path, t->guess);
	t->running = sha256_new();
	if (t->running == NULL)
		return fault_errno(f, FAULT_SYSTEM, ENOMEM, "zig hash");
	sha256_add(t->running, inside, strlen(inside));
	sha256_add(t->running, "\0\0", 2);
	t->is_manifest = strcmp(inside, "build.zig.zon") == 0;
	if (t->is_manifest)
		t->manifest_len = 0;
	/* An empty one is a manifest, too. */
	return !t->is_manifest || keep_manifest(t, "", 0, f);
}

static bool hash_text(
    struct tree_item *i, const char *inside, const char *zeros, size_t zeros_len, const char *text, struct fault *f)
{
	struct sha256 *h = sha256_new();
	if (h == NULL)
		return fault_errno(f, FAULT_SYSTEM, ENOMEM, "zig hash");
	sha256_add(h, inside, strlen(inside));
	sha256_add(h, zeros, zeros_len);
	sha256_add(h, text, strlen(text));
	sha256_finish(h, i->hash);
	return true;
}

/* What Zig would read as the manifest has to be a file of its own. */
static void judge_manifest(struct tree *t, const struct archive_member *m, const char *inside)
{
	static const char NAME[] = "build.zig.zon";
	size_t n = sizeof NAME - 1;
	if (strncmp(inside, NAME, n) == 0 &&
	    (inside[n] == '/' || (inside[n] == '\0' && (m->kind != ARCHIVE_FILE || (m->zip && m->target != NULL)))))
		tree_doubt(t, "a manifest that is no file", inside);
}

static bool add_link(struct tree *t, struct tree_item *i, const struct archive_member *m, struct fault *f)
{
	const char *inside = tree_inside(i->path, t->guess), *target = m->target != NULL ? m->target : "";
	if (*target == '\0' && m->kind == ARCHIVE_LINK)
		tree_doubt(t, "a link to nothing", inside);
	if (m->kind == ARCHIVE_LINK && m->zip) {
		/* Zig's zip reader knows no links: it makes a file of the target's text. */
		i->kind = ARCHIVE_FILE;
		i->size = (int64_t)strlen(target);
		return hash_text(i, inside, "\0\0", 2, target, f);
	}
	return hash_text(i, inside, "", 0, target, f);
}

static bool on_member(void *arg, const struct archive_member *m, struct fault *f)
{
	struct tree *t = arg;
	char path[ARCHIVE_NAME_CAP];
	bool clean = true;

	finish_file(t);
	/* A name that cannot be unpacked is part of the tree's digest all the same. */
	if (!sanitize(m->path, m->zip, path, &clean)) {
		tree_doubt(t, "a name that leads out of the package", m->path);
		snprintf(path, sizeof path, "%s", m->path);
	} else if (m->kind != ARCHIVE_FOLDER && path[0] == '\0') {
		tree_doubt(t, "a file without a name", m->path);
	} else if (m->zip && !clean) {
		tree_doubt(t, "a name with an empty segment or one of dots", m->path);
	} else {
		note_root(t, path, m->kind);
	}
	t->clean = t->clean && clean;
	judge_manifest(t, m, tree_inside(path, t->guess));
	if (m->kind == ARCHIVE_FOLDER)
		return true;
	struct tree_item *i = add_item(t, path, m->kind, f);
	if (i == NULL)
		return false;
	return m->kind == ARCHIVE_FILE ? begin_file(t, i, f) : add_link(t, i, m, f);
}

static bool on_data(void *arg, const void *bytes, size_t len, struct fault *f)
{
	struct tree *t = arg;
	if (t->running == NULL)
		return true;
	sha256_add(t->running, bytes, len);
	t->items[t->count - 1].size += (int64_t)len;
	return !t->is_manifest || keep_manifest(t, bytes, len, f);
}

void tree_clear(struct tree *t)
{
	if (t->running != NULL)
		sha256_finish(t->running, (unsigned char[SHA256_LEN]){0});
	for (size_t i = 0; i < t->count; i++)
		free(t->items[i].path);
	free(t->items);
	free(t->manifest);
	t->items = NULL;
	t->running = NULL;
	t->manifest = NULL;
	t->count = t->cap = 0;
}

static bool read_members(int fd, struct tree *t, const char *guess, struct fault *f)
{
	const struct archive_visitor v = {on_member, on_data, t};
	*t = (struct tree){.sure = true, .clean = true};
	snprintf(t->guess, sizeof t->guess, "%s", guess);
	if (!archive_walk(fd, &v, f))
		return false;
	finish_file(t);
	return true;
}

/* A visitor that only looks for the top folder. */
static bool root_member(void *arg, const struct archive_member *m, struct fault *f)
{
	struct tree *t = arg;
	char path[ARCHIVE_NAME_CAP];
	bool clean = true;
	(void)f;
	if (sanitize(m->path, m->zip, path, &clean))
		note_root(t, path, m->kind);
	return true;
}

static bool root_data(void *arg, const void *bytes, size_t len, struct fault *f)
{
	(void)arg, (void)bytes, (void)len, (void)f;
	return true;
}

bool tree_read(int fd, struct tree *t, struct fault *f)
{
	const struct archive_visitor looking = {root_member, root_data, t};
	char root[ARCHIVE_NAME_CAP];
	bool joined;
	*t = (struct tree){0};
	if (!archive_check(fd, &joined, f) || !archive_walk(fd, &looking, f))
		return false;
	/* Each file's hash begins with its path inside the package: for this the top folder had to be known. */
	memcpy(root, t->root, sizeof root);
	if (!read_members(fd, t, root, f)) {
		tree_clear(t);
		return false;
	}
	if (joined)
		tree_doubt(t, "several streams, of which Zig unpacks the first", "");
	return true;
}
