/* zon: see zon.h. */
#include "zon.h"

#include "zon_scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 32 };

/* Steps over one value; the token is its first one, and afterwards the one behind it. */
static bool skip_value(struct zon_scan *s)
{
	int depth = 0;
	do {
		if (s->token == ZON_OPEN && ++depth > DEPTH_MAX)
			return false;
		if (s->token == ZON_CLOSE && --depth < 0)
			return false;
		if (s->token == ZON_END || s->token == ZON_BAD ||
		    (depth == 0 && (s->token == ZON_COMMA || s->token == ZON_EQUAL)))
			return false;
		zon_next(s);
	} while (depth > 0);
	return true;
}

static bool wrong(const char *why, struct fault *f)
{
	return fault_set(f, FAULT_INTEGRITY, "build.zig.zon: %s", why);
}

/* The relative path without ".", empty and ".." segments; "" for the package itself. */
static bool normalize(const char *text, char out[ZON_TEXT_CAP])
{
	size_t len = 0;
	if (text[0] == '/')
		return false;
	for (const char *p = text; *p != '\0';) {
		size_t n = strcspn(p, "/");
		if (n == 2 && memcmp(p, "..", 2) == 0) {
			if (len == 0)
				return false;
			while (len > 0 && out[--len] != '/')
				continue;
		} else if (n > 0 && !(n == 1 && p[0] == '.')) {
			if (len > 0)
				out[len++] = '/';
			memcpy(out + len, p, n);
			len += n;
		}
		p += n;
		p += *p == '/';
	}
	out[len] = '\0';
	return true;
}

static bool parse_paths(struct zon_scan *s, struct zon_manifest *m, struct fault *f)
{
	char path[ZON_TEXT_CAP];
	if (s->token != ZON_OPEN)
		return wrong("paths is no list", f);
	m->paths = calloc(ZON_PATHS_MAX, sizeof *m->paths);
	if (m->paths == NULL)
		return fault_errno(f, FAULT_SYSTEM, ENOMEM, "build.zig.zon");
	for (zon_next(s); s->token != ZON_CLOSE; zon_next(s)) {
		if (s->token != ZON_STRING || strlen(s->text) != s->len)
			return wrong("a path is no string", f);
		/* What leads out of the package names nothing in it. */
		if (!normalize(s->text, path))
			memcpy(path, "/", 2);
		if (m->path_count == ZON_PATHS_MAX || (m->paths[m->path_count] = strdup(path)) == NULL)
			return wrong("too many paths", f);
		m->path_count++;
		zon_next(s);
		if (s->token == ZON_CLOSE)
			break;
		if (s->token != ZON_COMMA)
			return wrong("paths is no list of strings", f);
	}
	zon_next(s);
	return m->path_count > 0 || wrong("paths is empty", f);
}

/* The CRC-32 that a fingerprint carries of the name. */
static uint32_t crc32_of(const char *text)
{
	uint32_t crc = 0xffffffff;
	for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
		crc ^= *p;
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

static int base_of(const char **text)
{
	int base = (*text)[0] != '0' ? 10 : (*text)[1] == 'x' ? 16 : (*text)[1] == 'o' ? 8 : (*text)[1] == 'b' ? 2 : 10;
	*text += base == 10 ? 0 : 2;
	return base;
}

/* An integer as Zig writes it: with a base, and underscores between digits. */
static bool parse_integer(const struct zon_scan *s, uint64_t *out)
{
	static const char DIGITS[] = "0123456789abcdef";
	const char *p = s->text;
	uint64_t base = (uint64_t)base_of(&p), n = 0;
	char before = '_';
	if (s->token != ZON_OTHER || *p == '\0' || (base == 10 && p[0] == '0'))
		return false;
	for (; *p != '\0'; before = *p++) {
		const char *digit = strchr(DIGITS, *p >= 'A' && *p <= 'F' ? *p - 'A' + 'a' : *p);
		if (*p == '_' && before != '_')
			continue;
		if (digit == NULL || (uint64_t)(digit - DIGITS) >= base ||
		    n > (UINT64_MAX - (uint64_t)(digit - DIGITS)) / base)
			return false;
		n = n * base + (uint64_t)(digit - DIGITS);
	}
	*out = n;
	return before != '_';
}

/* What Zig takes for a bare name: letters, digits and underscores, not a digit first, and no word of the language. */
static bool is_bare(const char *name)
{
	static const char *const WORDS[] = {"addrspace", "align", "allowzero", "and", "anyframe", "anytype", "asm",
	    "async", "await", "break", "callconv", "catch", "comptime", "const", "continue", "defer", "else", "enum",
	    "errdefer", "error", "export", "extern", "fn", "for", "if", "inline", "linksection", "noalias", "noinline",
	    "nosuspend", "opaque", "or", "orelse", "packed", "pub", "resume", "return", "struct", "suspend", "switch",
	    "test", "threadlocal", "try", "union", "unreachable", "usingnamespace", "var", "volatile", "while"};
	if (name[0] >= '0' && name[0] <= '9')
		return false;
	for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++)
		if (strcmp(name, WORDS[i]) == 0)
			return false;
	for (const char *p = name; *p != '\0'; p++)
		if (!zon_is_word(*p))
			return false;
	return true;
}

/* A number without a leading zero that fits 64 bits for sure. */
static bool is_number(const char *text, size_t len)
{
	return len > 0 && len < 19 && strspn(text, "0123456789") >= len && (len == 1 || text[0] != '0');
}

/* Identifiers between dots, up to the end of the text or one of `stop`. Returns what is behind; NULL: none such. */
static const char *skip_identifiers(const char *p, const char *stop, bool numbers)
{
	static const char ALLOWED[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-";
	for (;;) {
		size_t n = strspn(p, ALLOWED), digits = strspn(p, "0123456789");
		if (n == 0 || (numbers && digits == n && !is_number(p, n)))
			return NULL;
		p += n;
		if (*p == '\0' || strchr(stop, *p) != NULL)
			return p;
		if (*p++ != '.')
			return NULL;
	}
}

/* A semantic version as Zig reads it. */
static bool is_version(const char *text)
{
	const char *p = text;
	for (int i = 0; i < 3; i++) {
		size_t n = strspn(p, "0123456789");
		if (!is_number(p, n) || (i < 2 && p[n] != '.'))
			return false;
		p += n + (i < 2);
	}
	if (*p == '-')
		p = skip_identifiers(p + 1, "+", true);
	if (p != NULL && *p == '+')
		p = skip_identifiers(p + 1, "", false);
	return p != NULL && *p == '\0';
}

static bool keep(const struct zon_scan *s, char *out, size_t cap, const char *what, struct fault *f)
{
	if (out[0] != '\0' || s->len == 0 || s->len >= cap || strlen(s->text) != s->len)
		return fault_set(f, FAULT_INTEGRITY, "build.zig.zon: %s is empty, too long or given twice", what);
	memcpy(out, s->text, s->len + 1);
	return true;
}

/* What is found besides the manifest itself. */
struct extra {
	uint64_t fingerprint;
	bool has_fingerprint;
	char minimum[ZON_VERSION_CAP]; /* minimum_zig_version */
};

static bool parse_name(struct zon_scan *s, struct zon_manifest *m, struct fault *f)
{
	m->older = s->token == ZON_STRING;
	if (s->token != ZON_LITERAL && s->token != ZON_STRING)
		return wrong("name is no name", f);
	if (!keep(s, m->name, sizeof m->name, "name", f))
		return false;
	return m->older || is_bare(m->name) || wrong("name is no bare Zig identifier", f);
}

static bool parse_version(struct zon_scan *s, char *out, size_t cap, struct fault *f)
{
	if (s->token != ZON_STRING)
		return wrong("a version is no string", f);
	if (!keep(s, out, cap, "a version", f))
		return false;
	return is_version(out) || wrong("a version is no semantic version", f);
}

static bool parse_fingerprint(struct zon_scan *s, struct extra *x, struct fault *f)
{
	if (x->has_fingerprint)
		return wrong("fingerprint is given twice", f);
	x->has_fingerprint = true;
	return parse_integer(s, &x->fingerprint) || wrong("fingerprint is no number that is understood here", f);
}

/* One field; the token is its value's first. */
static bool parse_field(struct zon_scan *s, const char *field, struct zon_manifest *m, struct extra *x, struct fault *f)
{
	bool ok = true;
	if (strcmp(field, "paths") == 0)
		return m->paths == NULL ? parse_paths(s, m, f) : wrong("paths is given twice", f);
	if (strcmp(field, "name") == 0)
		ok = parse_name(s, m, f);
	else if (strcmp(field, "version") == 0)
		ok = parse_version(s, m->version, sizeof m->version, f);
	else if (strcmp(field, "minimum_zig_version") == 0)
		ok = parse_version(s, x->minimum, sizeof x->minimum, f);
	else if (strcmp(field, "fingerprint") == 0)
		ok = parse_fingerprint(s, x, f);
	return ok && (skip_value(s) || wrong("a value is not understood", f));
}

static bool parse_fields(struct zon_scan *s, struct zon_manifest *m, struct extra *x, struct fault *f)
{
	char field[ZON_TEXT_CAP];
	zon_next(s);
	if (s->token != ZON_OPEN)
		return wrong("is no struct", f);
	for (zon_next(s); s->token != ZON_CLOSE; zon_next(s)) {
		if (s->token != ZON_LITERAL && s->token != ZON_QUOTED)
			return wrong("a field has no name", f);
		memcpy(field, s->text, s->len + 1);
		zon_next(s);
		if (s->token != ZON_EQUAL)
			return wrong("a field has no value", f);
		zon_next(s);
		if (!parse_field(s, field, m, x, f))
			return false;
		if (s->token == ZON_CLOSE)
			break;
		if (s->token != ZON_COMMA)
			return wrong("a comma is missing", f);
	}
	zon_next(s);
	return s->token == ZON_END || wrong("there is something behind its end", f);
}

static bool parse(struct zon_scan *s, struct zon_manifest *m, struct fault *f)
{
	struct extra x = {0};
	if (!parse_fields(s, m, &x, f))
		return false;
	if (m->name[0] == '\0' || m->version[0] == '\0' || m->paths == NULL)
		return wrong("name, version or paths is missing", f);
	if (m->older)
		return true;
	if (!x.has_fingerprint)
		return wrong("fingerprint is missing", f);
	m->id = (uint32_t)x.fingerprint;
	if (m->id == 0 || m->id == 0xffffffff || (uint32_t)(x.fingerprint >> 32) != crc32_of(m->name))
		return wrong("the fingerprint does not belong to the name", f);
	return true;
}

bool zon_parse(const char *text, size_t len, struct zon_manifest *out, struct fault *f)
{
	struct zon_scan *s = len <= ZON_BYTES_MAX ? calloc(1, sizeof *s) : NULL;
	*out = (struct zon_manifest){0};
	if (s == NULL)
		return wrong("is too large", f);
	bool mark = len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0;
	s->p = text + (mark ? 3 : 0);
	s->end = text + len;
	bool ok = parse(s, out, f);
	free(s);
	if (!ok)
		zon_free(out);
	return ok;
}

void zon_free(struct zon_manifest *m)
{
	for (size_t i = 0; i < m->path_count; i++)
		free(m->paths[i]);
	free(m->paths);
	m->paths = NULL;
	m->path_count = 0;
}
