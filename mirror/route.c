/* route: see route.h. This file says what a path is; where it comes from is in route_source.c. */
#include "route.h"

#include "pattern.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

/* The documents, by their name below the prefix and below /download. */
static const struct {
	const char *name;
	enum route_kind kind;
} DOCUMENTS[] = {{"index.json", ROUTE_INDEX}, {"community-mirrors.txt", ROUTE_MIRRORS}};

enum { DOCUMENT_COUNT = sizeof DOCUMENTS / sizeof DOCUMENTS[0] };

/* A piece of the path that is asked for. */
struct piece {
	const char *at;
	size_t len;
};

static bool piece_is(struct piece p, const char *text)
{
	return p.len == strlen(text) && memcmp(p.at, text, p.len) == 0;
}

/* Takes `text` off the front when what is left is nothing or begins with a slash. */
static bool take(struct piece *p, const char *text)
{
	size_t n = strlen(text);
	if (p->len < n || memcmp(p->at, text, n) != 0 || (p->len > n && p->at[n] != '/'))
		return false;
	p->at += n;
	p->len -= n;
	return true;
}

/* Sets the canonical path: below `prefix` ("" or "/zig"), the name. */
static bool set_path(struct route *out, const char *prefix, const char *name, size_t len, struct fault *f)
{
	int n = snprintf(out->path, sizeof out->path, "%s%s%.*s", *prefix != '\0' ? prefix + 1 : "",
	    *prefix != '\0' ? "/" : "", (int)len, name);
	if (n < 0 || (size_t)n >= sizeof out->path)
		return fault_set(f, FAULT_ABSENT, "the path is too long");
	return true;
}

/* What a space of names says about a path. */
enum found { FOUND, REFUSED, ELSEWHERE };

/* A file name, or VERSION/FILE, that must be a toolchain file's. */
static enum found toolchain_file(
    const struct config *c, struct piece p, bool versioned, struct route *out, struct fault *f)
{
	struct piece version = {.at = p.at, .len = 0};
	struct zigfile zig = {0};
	if (versioned) {
		version.len = (size_t)((const char *)memchr(p.at, '/', p.len) - p.at);
		p.at += version.len + 1;
		p.len -= version.len + 1;
	}
	/* It could not be a file and a folder in public/. */
	if (versioned && zigfile_parse(version.at, version.len, &zig)) {
		fault_set(f, FAULT_ABSENT, "toolchains: a toolchain file is no folder");
		return REFUSED;
	}
	if (!zigfile_parse(p.at, p.len, &zig))
		return ELSEWHERE;
	if (versioned && !piece_is(version, zig.version)) {
		fault_set(f, FAULT_ABSENT, "toolchains: the file is not of that version");
		return REFUSED;
	}
	out->zig = zig;
	out->kind = ROUTE_TOOLCHAIN;
	out->signature = out->zig.signature;
	out->keys = &c->toolchains.keys;
	out->require = c->toolchains.require;
	return set_path(out, c->toolchains.prefix, out->zig.name, strlen(out->zig.name), f) ? FOUND : REFUSED;
}

static enum found document(const struct config *c, struct piece p, struct route *out, struct fault *f)
{
	for (size_t i = 0; i < DOCUMENT_COUNT; i++) {
		if (!piece_is(p, DOCUMENTS[i].name))
			continue;
		out->kind = DOCUMENTS[i].kind;
		return set_path(out, c->toolchains.prefix, p.at, p.len, f) ? FOUND : REFUSED;
	}
	return ELSEWHERE;
}

enum { FLAT = 1, VERSIONED = 2, DOCUMENTED = 4 };

/* The toolchain space: below the prefix, and upstream's own two folders. *inside: the path is in one of them. */
static enum found toolchains(
    const struct config *c, struct piece path, bool *inside, struct route *out, struct fault *f)
{
	const struct {
		const char *prefix;
		unsigned forms;
	} spaces[] = {{c->toolchains.prefix, FLAT | VERSIONED | DOCUMENTED}, {"/builds", FLAT},
	    {"/download", VERSIONED | DOCUMENTED}};
	enum found found = ELSEWHERE;
	for (size_t i = 0; i < 3 && found == ELSEWHERE; i++) {
		struct piece p = path;
		if (!take(&p, spaces[i].prefix) || p.len < 2)
			continue;
		*inside = *inside || p.at != path.at;
		p.at++;
		p.len--;
		bool versioned = memchr(p.at, '/', p.len) != NULL;
		if (spaces[i].forms & DOCUMENTED)
			found = document(c, p, out, f);
		if (found == ELSEWHERE && (spaces[i].forms & (versioned ? VERSIONED : FLAT)))
			found = toolchain_file(c, p, versioned, out, f);
	}
	return found;
}

/* True when the rule allows the owner and repository that were matched. */
static bool allowed(const struct config_rule *rule, const struct pattern_values *v)
{
	char subject[512];
	const char *owner = v->text[PATTERN_OWNER], *repo = v->text[PATTERN_REPO];
	if (*owner == '\0' && *repo == '\0')
		return true;
	snprintf(subject, sizeof subject, "%s%s%s", owner, *owner != '\0' && *repo != '\0' ? "/" : "", repo);
	for (size_t i = 0; i < rule->allow.count; i++)
		if (fnmatch(rule->allow.items[i], subject, FNM_PATHNAME) == 0)
			return true;
	return false;
}

static void copy_match(struct route *out, const struct pattern_values *v)
{
	snprintf(out->match.owner, sizeof out->match.owner, "%s", v->text[PATTERN_OWNER]);
	snprintf(out->match.repo, sizeof out->match.repo, "%s", v->text[PATTERN_REPO]);
	snprintf(out->match.ref, sizeof out->match.ref, "%s", v->text[PATTERN_REF]);
	snprintf(out->match.version, sizeof out->match.version, "%s", v->text[PATTERN_VERSION]);
	snprintf(out->match.file, sizeof out->match.file, "%s", v->text[PATTERN_FILE]);
}

static bool ends_in_minisig(struct piece p)
{
	return p.len > 8 && memcmp(p.at + p.len - 8, ".minisig", 8) == 0;
}

/* Tries one rule. REFUSED: its literal parts fit, the rest does not, and f says what. */
static enum found try_rule(const struct config_rule *rule, struct piece path, struct route *out, struct fault *f)
{
	struct pattern_values values;
	enum pattern_field failed = PATTERN_FIELDS;
	struct piece base = path;
	bool signature = rule->has_key && ends_in_minisig(path);

	if (signature)
		base.len -= 8;
	enum pattern_verdict verdict = pattern_match(rule->path, base.at, base.len, &values, &failed);
	if (verdict == PATTERN_APART)
		return ELSEWHERE;
	if (verdict == PATTERN_NEAR) {
		fault_set(f, FAULT_ABSENT, "rule %s: {%s} %s", rule->name, pattern_field_name(failed),
		    failed == PATTERN_REF ? "is neither a commit of 40 hex digits nor v and a version"
		                          : "has a character that it may not have");
		return REFUSED;
	}
	const char *slash = memrchr(path.at, '/', path.len);
	if (path.at + path.len - slash - 1 > PATTERN_SEGMENT_MAX || (signature && ends_in_minisig(base))) {
		fault_set(f, FAULT_ABSENT, "rule %s: the file's name %s", rule->name,
		    signature && ends_in_minisig(base) ? "has .minisig twice" : "is too long");
		return REFUSED;
	}
	if (!allowed(rule, &values)) {
		fault_set(f, FAULT_ABSENT, "rule %s: this owner and repository are not allowed", rule->name);
		return REFUSED;
	}
	out->kind = rule->kind == RULE_PACKAGE ? ROUTE_PACKAGE : ROUTE_ARTIFACT;
	out->rule = rule;
	out->signature = signature;
	out->keys = rule->has_key ? &rule->keys : NULL;
	out->require = rule->require;
	copy_match(out, &values);
	return set_path(out, "", path.at + 1, path.len - 1, f) ? FOUND : REFUSED;
}

/* The rules, in their order; no two match the same path. When none does, *near is the first near miss, or no fault. */
static bool rules(const struct config *c, struct piece path, struct route *out, struct fault *near)
{
	*near = (struct fault){0};
	for (size_t i = 0; i < c->rule_count; i++)
		if (try_rule(&c->rules[i], path, out, near->class == FAULT_NONE ? near : NULL) == FOUND)
			return true;
	return false;
}

static bool is_store_kind(enum route_kind kind)
{
	return kind == ROUTE_TOOLCHAIN || kind == ROUTE_PACKAGE || kind == ROUTE_ARTIFACT;
}

/* Files and documents: what has a canonical path. */
static bool resolve_file(const struct config *c, struct piece path, struct route *out, struct fault *f)
{
	bool inside = false;
	struct fault near;
	enum found found = toolchains(c, path, &inside, out, f);
	if (found != ELSEWHERE)
		return found == FOUND;
	if (rules(c, path, out, &near))
		return true;
	if (near.class != FAULT_NONE)
		return fault_set(f, near.class, "%s", near.text);
	return fault_set(f, FAULT_ABSENT, "%s",
	    inside ? "toolchains: not the name of a Zig toolchain file" : "no rule serves this path");
}

/* The pages below "/-/"; `p` is what follows "/-". */
static bool resolve_own(const struct config *c, struct piece p, struct route *out, struct fault *f)
{
	static const struct {
		const char *name;
		enum route_kind kind;
	} pages[] = {{"/status", ROUTE_STATUS}, {"/health", ROUTE_HEALTH}, {"/metrics", ROUTE_METRICS},
	    {"/key", ROUTE_KEY}, {"/logo", ROUTE_LOGO}};
	for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
		if (piece_is(p, pages[i].name)) {
			out->kind = pages[i].kind;
			return true;
		}
	}
	if (!take(&p, "/provenance") || p.len < 2)
		return fault_set(f, FAULT_ABSENT, "no such page");
	if (!resolve_file(c, p, out, f))
		return false;
	if (!is_store_kind(out->kind))
		return fault_set(f, FAULT_ABSENT, "only files have a provenance");
	out->kind = ROUTE_PROVENANCE;
	return true;
}

bool route_resolve(const struct config *c, const char *path, size_t len, struct route *out, struct fault *f)
{
	struct piece p = {.at = path, .len = len};
	*out = (struct route){.kind = ROUTE_LANDING};
	if (!take(&p, c->mount))
		return fault_set(f, FAULT_ABSENT, "this mirror is below %s", c->mount);
	if (p.len == 0 || piece_is(p, "/"))
		return true;
	struct piece own = p;
	if (take(&own, "/-"))
		return resolve_own(c, own, out, f);
	return resolve_file(c, p, out, f);
}

/* The grammar of a canonical path: printable ASCII without a space, a backslash or a segment of dots. */
static bool canonical_ok(const char *path, size_t len)
{
	if (len == 0 || len >= WIRE_PATH_CAP)
		return false;
	for (size_t i = 0, start = 0; i <= len; i++) {
		if (i < len && path[i] != '/') {
			if (path[i] <= ' ' || path[i] > '~' || path[i] == '\\')
				return false;
			continue;
		}
		size_t n = i - start;
		if (n == 0 || (path[start] == '.' && (n == 1 || (n == 2 && path[start + 1] == '.'))))
			return false;
		start = i + 1;
	}
	return true;
}

bool route_canonical(const struct config *c, const char *path, struct route *out, struct fault *f)
{
	char absolute[WIRE_PATH_CAP + 1];
	size_t len = strnlen(path, WIRE_PATH_CAP);
	*out = (struct route){.kind = ROUTE_LANDING};
	if (!canonical_ok(path, len))
		return fault_set(f, FAULT_ABSENT, "not a path of this mirror");
	absolute[0] = '/';
	memcpy(absolute + 1, path, len + 1);
	struct piece p = {.at = absolute, .len = len + 1}, own = p;
	if (take(&own, "/-"))
		return fault_set(f, FAULT_ABSENT, "not a path of a file");
	if (!resolve_file(c, p, out, f))
		return false;
	if (strcmp(out->path, path) != 0)
		return fault_set(f, FAULT_ABSENT, "not a canonical path");
	return true;
}
