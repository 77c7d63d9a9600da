/* zighash: see zighash.h. */
#include "zighash.h"

#include "archive.h"
#include "sha256.h"
#include "zon.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What an archive holds at one path. */
struct item {
	char *path; /* as Zig would unpack it, the top folder included */
	enum archive_kind kind;
	size_t place; /* in the archive */
	unsigned char hash[SHA256_LEN];
	int64_t size;
};

struct tree {
	struct item *items;
	size_t count, cap;
	char root[ARCHIVE_NAME_CAP];  /* the only top folder so far; "" = there is none */
	char guess[ARCHIVE_NAME_CAP]; /* the top folder that the hashes were computed without */
	bool any;                     /* a member with a name came */
	bool sure;                    /* nothing came that Zig would stumble over */
	bool clean;                   /* all names were without ".", ".." and empty segments */
	char reason[ZIGHASH_REASON_CAP];
	struct sha256 *running; /* of the present file */
	bool is_manifest;
	char *manifest;
	size_t manifest_len;
};

/* Remembers the first reason why there can be no hash. */
static void doubt(struct tree *t, const char *why, const char *path)
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

/* The path inside the package. */
static const char *strip(const char *path, const char *root)
{
	size_t n = strlen(root);
	return n > 0 && strncmp(path, root, n) == 0 && path[n] == '/' ? path + n + 1 : path;
}

static struct item *add_item(struct tree *t, const char *path, enum archive_kind kind, struct fault *f)
{
	if (t->count == t->cap) {
		size_t cap = t->cap > 0 ? t->cap * 2 : 256;
		struct item *more = realloc(t->items, cap * sizeof *more);
		if (more == NULL) {
			fault_errno(f, FAULT_SYSTEM, ENOMEM, "zig hash");
			return NULL;
		}
		t->items = more;
		t->cap = cap;
	}
	struct item *i = &t->items[t->count];
	*i = (struct item){.path = strdup(path), .kind = kind, .place = t->count};
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
		doubt(t, "a manifest that is too large", "build.zig.zon");
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

static bool begin_file(struct tree *t, struct item *i, struct fault *f)
{
	const char *inside = strip(i->path, t->guess);
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
    struct item *i, const char *inside, const char *zeros, size_t zeros_len, const char *text, struct fault *f)
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
		doubt(t, "a manifest that is no file", inside);
}

static bool add_link(struct tree *t, struct item *i, const struct archive_member *m, struct fault *f)
{
	const char *inside = strip(i->path, t->guess), *target = m->target != NULL ? m->target : "";
	if (*target == '\0' && m->kind == ARCHIVE_LINK)
		doubt(t, "a link to nothing", inside);
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
		doubt(t, "a name that leads out of the package", m->path);
		snprintf(path, sizeof path, "%s", m->path);
	} else if (m->kind != ARCHIVE_FOLDER && path[0] == '\0') {
		doubt(t, "a file without a name", m->path);
	} else if (m->zip && !clean) {
		doubt(t, "a name with an empty segment or one of dots", m->path);
	} else {
		note_root(t, path, m->kind);
	}
	t->clean = t->clean && clean;
	judge_manifest(t, m, strip(path, t->guess));
	if (m->kind == ARCHIVE_FOLDER)
		return true;
	struct item *i = add_item(t, path, m->kind, f);
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

static void clear(struct tree *t)
{
	if (t->running != NULL)
		sha256_finish(t->running, (unsigned char[SHA256_LEN]){0});
	for (size_t i = 0; i < t->count; i++)
		free(t->items[i].path);
	free(t->items);
	free(t->manifest);
}

static bool read_tree(int fd, struct tree *t, const char *guess, struct fault *f)
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

static bool included(const struct zon_manifest *m, const char *inside)
{
	size_t len = strlen(inside);
	if (m == NULL || m->path_count == 0)
		return true;
	for (size_t i = 0; i < m->path_count; i++) {
		size_t n = strlen(m->paths[i]);
		if (n == 0 ||
		    (n <= len && memcmp(m->paths[i], inside, n) == 0 && (inside[n] == '\0' || inside[n] == '/')))
			return true;
	}
	return false;
}

static int by_path(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	int order = strcmp(x->path, y->path);
	return order != 0 ? order : (x->place > y->place) - (x->place < y->place);
}

static int to_path(const void *path, const void *item)
{
	return strcmp(path, ((const struct item *)item)->path);
}

/* Whether a folder on the way to a path is a file or a link: Zig could not unpack that, or would follow the link. */
static bool blocked(const struct tree *t, const char *path)
{
	char folder[ARCHIVE_NAME_CAP];
	for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
		if (bsearch(folder, t->items, t->count, sizeof *t->items, to_path) != NULL)
			return true;
	}
	return false;
}

/* What Zig's unpacking would refuse. */
static void judge_items(struct tree *t, const struct zon_manifest *m)
{
	for (size_t i = 0; i < t->count; i++) {
		const char *inside = strip(t->items[i].path, t->root);
		if (i > 0 && strcmp(t->items[i - 1].path, t->items[i].path) == 0)
			doubt(t, "a name that stands twice", inside);
		else if (blocked(t, t->items[i].path))
			doubt(t, "a file where a folder is needed", inside);
		else if (t->items[i].kind == ARCHIVE_OTHER && included(m, inside))
			doubt(t, "neither file nor link", inside);
	}
}

static void hex(const unsigned char *bytes, size_t len, char *out)
{
	for (size_t i = 0; i < len; i++)
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

/* RFC 4648 section 5, without padding; len is a multiple of 3. */
static void base64url(const unsigned char *bytes, size_t len, char *out)
{
	static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	for (size_t i = 0; i + 2 < len; i += 3) {
		uint32_t n = (uint32_t)bytes[i] << 16 | (uint32_t)bytes[i + 1] << 8 | bytes[i + 2];
		for (int k = 18; k >= 0; k -= 6)
			*out++ = DIGITS[n >> k & 63];
	}
	*out = '\0';
}

static void little32(uint32_t n, unsigned char out[4])
{
	for (int i = 0; i < 4; i++)
		out[i] = (unsigned char)(n >> (8 * i));
}

/* The digest over all files that m includes (NULL: all), and their size. with_names: of the tree, which says the path
 * of what has no content, too; like Zig's it does not depend on the name of the top folder. */
static bool combine(const struct tree *t, const struct zon_manifest *m, bool with_names, unsigned char out[SHA256_LEN],
    uint64_t *size, struct fault *f)
{
	struct sha256 *h = sha256_new();
	memset(out, 0, SHA256_LEN);
	*size = 0;
	if (h == NULL)
		return fault_errno(f, FAULT_SYSTEM, ENOMEM, "zig hash");
	for (size_t i = 0; i < t->count; i++) {
		const struct item *item = &t->items[i];
		const char *inside = strip(item->path, t->root);
		const unsigned char kind = (unsigned char)item->kind;
		if (!included(m, inside))
			continue;
		if (with_names) {
			sha256_add(h, inside, strlen(inside) + 1);
			sha256_add(h, &kind, 1);
		}
		sha256_add(h, item->hash, sizeof item->hash);
		*size += (uint64_t)item->size;
	}
	sha256_finish(h, out);
	return true;
}

/* The older form is that of the older manifest, and of packages without one; the Zig that printed it took names as they
 * are, and a lone file for a folder. */
static bool has_older_form(const struct tree *t, const struct zon_manifest *m)
{
	bool lone = t->count == 1 && strchr(t->items[0].path, '/') == NULL;
	return m != NULL ? m->older && t->clean : t->clean && !lone;
}

static bool format(struct tree *t, const struct zon_manifest *m, struct zighash *out, struct fault *f)
{
	unsigned char digest[SHA256_LEN], plus[33];
	char encoded[45];
	uint64_t size;
	if (!combine(t, m, false, digest, &size, f))
		return false;
	if (has_older_form(t, m)) {
		memcpy(out->multihash, "1220", 4);
		hex(digest, sizeof digest, out->multihash + 4);
	}
	if (m != NULL && m->older)
		return true;
	little32(m != NULL ? m->id : 0xffff, plus);
	little32(size > UINT32_MAX ? UINT32_MAX : (uint32_t)size, plus + 4);
	memcpy(plus + 8, digest, 25);
	base64url(plus, sizeof plus, encoded);
	snprintf(
	    out->hash, sizeof out->hash, "%s-%s-%s", m != NULL ? m->name : "N", m != NULL ? m->version : "V", encoded);
	return true;
}

static bool finish(struct tree *t, struct zighash *out, struct fault *f)
{
	struct zon_manifest manifest = {0}, *m = NULL;
	unsigned char digest[SHA256_LEN];
	struct fault why;
	uint64_t size;

	if (t->count > 0)
		qsort(t->items, t->count, sizeof *t->items, by_path);
	else
		doubt(t, "it holds no file", "");
	if (!combine(t, NULL, true, digest, &size, f))
		return false;
	hex(digest, sizeof digest, out->tree);
	if (t->manifest != NULL) {
		if (zon_parse(t->manifest, t->manifest_len, &manifest, &why))
			m = &manifest;
		else
			doubt(t, "its manifest", why.text);
	}
	judge_items(t, m);
	bool ok = !t->sure || format(t, m, out, f);
	if (out->hash[0] == '\0' && out->multihash[0] == '\0')
		doubt(t, "names that an older Zig took otherwise", "");
	snprintf(out->reason, sizeof out->reason, "%s", t->reason);
	zon_free(&manifest);
	return ok;
}

bool zighash_compute(int fd, struct zighash *out, struct fault *f)
{
	struct tree *t = calloc(1, sizeof *t);
	char root[ARCHIVE_NAME_CAP];
	bool joined;
	memset(out, 0, sizeof *out);
	if (t == NULL)
		return fault_errno(f, FAULT_SYSTEM, ENOMEM, "zig hash");
	/* Each file's hash begins with its path inside the package, so the top folder has to be known first. */
	const struct archive_visitor looking = {root_member, root_data, t};
	bool ok = archive_check(fd, &joined, f) && archive_walk(fd, &looking, f);
	if (ok) {
		memcpy(root, t->root, sizeof root);
		ok = read_tree(fd, t, root, f);
		if (joined)
			doubt(t, "several streams, of which Zig unpacks the first", "");
		ok = ok && finish(t, out, f);
		clear(t);
	}
	free(t);
	return ok;
}
