/* zighash: see zighash.h. */
#include "zighash.h"

#include "tree.h"
#include "zon.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
	const struct tree_item *x = a, *y = b;
	int order = strcmp(x->path, y->path);
	return order != 0 ? order : (x->place > y->place) - (x->place < y->place);
}

static int to_path(const void *path, const void *item)
{
	return strcmp(path, ((const struct tree_item *)item)->path);
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
		const char *inside = tree_inside(t->items[i].path, t->root);
		if (i > 0 && strcmp(t->items[i - 1].path, t->items[i].path) == 0)
			tree_doubt(t, "a name that stands twice", inside);
		else if (blocked(t, t->items[i].path))
			tree_doubt(t, "a file where a folder is needed", inside);
		else if (t->items[i].kind == ARCHIVE_OTHER && included(m, inside))
			tree_doubt(t, "neither file nor link", inside);
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
		const struct tree_item *item = &t->items[i];
		const char *inside = tree_inside(item->path, t->root);
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
		tree_doubt(t, "it holds no file", "");
	if (!combine(t, NULL, true, digest, &size, f))
		return false;
	hex(digest, sizeof digest, out->tree);
	if (t->manifest != NULL) {
		if (zon_parse(t->manifest, t->manifest_len, &manifest, &why))
			m = &manifest;
		else
			tree_doubt(t, "its manifest", why.text);
	}
	judge_items(t, m);
	bool ok = !t->sure || format(t, m, out, f);
	if (out->hash[0] == '\0' && out->multihash[0] == '\0')
		tree_doubt(t, "names that an older Zig took otherwise", "");
	snprintf(out->reason, sizeof out->reason, "%s", t->reason);
	zon_free(&manifest);
	return ok;
}

bool zighash_compute(int fd, struct zighash *out, struct fault *f)
{
	struct tree *t = calloc(1, sizeof *t);
	memset(out, 0, sizeof *out);
	if (t == NULL)
		return fault_errno(f, FAULT_SYSTEM, ENOMEM, "zig hash");
	bool ok = tree_read(fd, t, f);
	if (ok) {
		ok = finish(t, out, f);
		tree_clear(t);
	}
	free(t);
	return ok;
}
