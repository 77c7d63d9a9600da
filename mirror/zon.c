/* zon: see zon.h. */
#include "zon.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 32, TEXT_CAP = 4096 };

enum token { T_END, T_OPEN, T_CLOSE, T_COMMA, T_EQUAL, T_LITERAL, T_STRING, T_OTHER, T_BAD };

/* `.{` is T_OPEN, `.name` and `.@"name"` are T_LITERAL, numbers and words T_OTHER. */
struct scan {
	const char *p, *end;
	enum token token;
	char text[TEXT_CAP]; /* of the token, unescaped */
	size_t len;
};

static bool is_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static void skip_space(struct scan *s)
{
	for (;;) {
		while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r'))
			s->p++;
		if (s->end - s->p < 2 || s->p[0] != '/' || s->p[1] != '/')
			return;
		while (s->p < s->end && *s->p != '\n')
			s->p++;
	}
}

static bool put(struct scan *s, char c)
{
	if (s->len + 1 >= sizeof s->text)
		return false;
	s->text[s->len++] = c;
	s->text[s->len] = '\0';
	return true;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool put_utf8(struct scan *s, uint32_t c)
{
	if (c < 0x80)
		return put(s, (char)c);
	if (c < 0x800)
		return put(s, (char)(0xc0 | c >> 6)) && put(s, (char)(0x80 | (c & 63)));
	if (c < 0x10000)
		return put(s, (char)(0xe0 | c >> 12)) && put(s, (char)(0x80 | (c >> 6 & 63))) &&
		       put(s, (char)(0x80 | (c & 63)));
	return put(s, (char)(0xf0 | c >> 18)) && put(s, (char)(0x80 | (c >> 12 & 63))) &&
	       put(s, (char)(0x80 | (c >> 6 & 63))) && put(s, (char)(0x80 | (c & 63)));
}

/* \u{HEX}, behind the u. */
static bool scan_unicode(struct scan *s)
{
	uint32_t c = 0;
	int digits = 0;
	if (s->p == s->end || *s->p++ != '{')
		return false;
	for (; s->p < s->end && hex(*s->p) >= 0 && digits < 6; s->p++, digits++)
		c = c * 16 + (uint32_t)hex(*s->p);
	return digits > 0 && s->p < s->end && *s->p++ == '}' && c > 0 && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff) &&
	       put_utf8(s, c);
}

static bool scan_escape(struct scan *s)
{
	if (s->p == s->end)
		return false;
	char c = *s->p++;
	switch (c) {
	case 'n':
		return put(s, '\n');
	case 'r':
		return put(s, '\r');
	case 't':
		return put(s, '\t');
	case '\\':
	case '\'':
	case '"':
		return put(s, c);
	case 'x':
		if (s->end - s->p < 2 || hex(s->p[0]) < 0 || hex(s->p[1]) < 0)
			return false;
		s->p += 2;
		c = (char)(hex(s->p[-2]) * 16 + hex(s->p[-1]));
		return c != '\0' && put(s, c);
	case 'u':
		return scan_unicode(s);
	default:
		return false;
	}
}

/* A string or character literal, behind its opening quote. */
static bool scan_quoted(struct scan *s, char quote)
{
	s->len = 0;
	s->text[0] = '\0';
	while (s->p < s->end && *s->p != quote) {
		unsigned char c = (unsigned char)*s->p++;
		if (c == '\n' || c == '\0' || (c < 0x20 && c != '\t') || c == 0x7f)
			return false;
		if (c == '\\' ? !scan_escape(s) : !put(s, (char)c))
			return false;
	}
	return s->p < s->end && *s->p++ == quote;
}

/* Lines that begin with two backslashes, joined by line feeds. */
static bool scan_multiline(struct scan *s)
{
	s->len = 0;
	s->text[0] = '\0';
	for (bool first = true; s->end - s->p >= 2 && s->p[0] == '\\' && s->p[1] == '\\'; first = false) {
		if (!first && !put(s, '\n'))
			return false;
		for (s->p += 2; s->p < s->end && *s->p != '\n' && *s->p != '\r'; s->p++)
			if (!put(s, *s->p))
				return false;
		skip_space(s);
	}
	return true;
}

static void scan_words(struct scan *s, const char *more)
{
	s->len = 0;
	s->text[0] = '\0';
	while (s->p < s->end && (is_word(*s->p) || strchr(more, *s->p) != NULL) && *s->p != '\0' && put(s, *s->p))
		s->p++;
}

static enum token scan_dot(struct scan *s)
{
	if (s->p < s->end && *s->p == '{') {
		s->p++;
		return T_OPEN;
	}
	if (s->end - s->p >= 2 && s->p[0] == '@' && s->p[1] == '"') {
		s->p += 2;
		return scan_quoted(s, '"') ? T_LITERAL : T_BAD;
	}
	scan_words(s, "");
	return s->len > 0 ? T_LITERAL : T_BAD;
}

static void next(struct scan *s)
{
	skip_space(s);
	s->len = 0;
	s->text[0] = '\0';
	if (s->p == s->end) {
		s->token = T_END;
		return;
	}
	char c = *s->p;
	if (c == '\\') {
		s->token = scan_multiline(s) && s->p < s->end ? T_STRING : T_BAD;
		return;
	}
	if (is_word(c) || c == '-') {
		if (c == '-')
			s->p++;
		scan_words(s, ".+-");
		s->token = s->len > 0 ? T_OTHER : T_BAD;
		return;
	}
	s->p++;
	s->token = c == '}'    ? T_CLOSE
	           : c == ','  ? T_COMMA
	           : c == '='  ? T_EQUAL
	           : c == '.'  ? scan_dot(s)
	           : c == '"'  ? (scan_quoted(s, '"') ? T_STRING : T_BAD)
	           : c == '\'' ? (scan_quoted(s, '\'') ? T_OTHER : T_BAD)
	                       : T_BAD;
}

/* Steps over one value; the token is its first one, and afterwards the one behind it. */
static bool skip_value(struct scan *s)
{
	int depth = 0;
	do {
		if (s->token == T_OPEN && ++depth > DEPTH_MAX)
			return false;
		if (s->token == T_CLOSE && --depth < 0)
			return false;
		if (s->token == T_END || s->token == T_BAD ||
		    (depth == 0 && (s->token == T_COMMA || s->token == T_EQUAL)))
			return false;
		next(s);
	} while (depth > 0);
	return true;
}

static bool wrong(const char *why, struct fault *f)
{
	return fault_set(f, FAULT_INTEGRITY, "build.zig.zon: %s", why);
}

/* The relative path without ".", empty and ".." segments; "" for the package itself. */
static bool normalize(const char *text, char out[TEXT_CAP])
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

static bool parse_paths(struct scan *s, struct zon_manifest *m, struct fault *f)
{
	char path[TEXT_CAP];
	if (s->token != T_OPEN)
		return wrong("paths is no list", f);
	m->paths = calloc(ZON_PATHS_MAX, sizeof *m->paths);
	if (m->paths == NULL)
		return fault_errno(f, FAULT_SYSTEM, ENOMEM, "build.zig.zon");
	for (next(s); s->token != T_CLOSE; next(s)) {
		if (s->token != T_STRING || strlen(s->text) != s->len || !normalize(s->text, path))
			return wrong("a path is no relative path", f);
		if (m->path_count == ZON_PATHS_MAX || (m->paths[m->path_count] = strdup(path)) == NULL)
			return wrong("too many paths", f);
		m->path_count++;
		next(s);
		if (s->token == T_CLOSE)
			break;
		if (s->token != T_COMMA)
			return wrong("paths is no list of strings", f);
	}
	next(s);
	return true;
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

static bool parse_fingerprint(const struct scan *s, uint64_t *out, struct fault *f)
{
	char *end = NULL;
	errno = 0;
	if (s->token == T_OTHER && strspn(s->text, "0123456789abcdefABCDEFxX") == s->len)
		*out = strtoull(s->text, &end, s->text[0] == '0' ? 16 : 10);
	if (end == NULL || *end != '\0' || errno != 0 || (s->text[0] == '0' && s->text[1] != 'x'))
		return wrong("the fingerprint is no number that is understood here", f);
	return true;
}

/* Letters, digits and underscores, not a digit first: what Zig takes for a bare name. */
static bool is_bare(const char *name)
{
	if (name[0] == '\0' || (name[0] >= '0' && name[0] <= '9'))
		return false;
	for (const char *p = name; *p != '\0'; p++)
		if (!is_word(*p))
			return false;
	return true;
}

static bool keep(const struct scan *s, char *out, size_t cap, const char *what, struct fault *f)
{
	if (out[0] != '\0' || s->len == 0 || s->len >= cap || strlen(s->text) != s->len)
		return fault_set(f, FAULT_INTEGRITY, "build.zig.zon: %s is empty, too long or given twice", what);
	memcpy(out, s->text, s->len + 1);
	return true;
}

/* One field; the token is its value's first. */
static bool parse_field(struct scan *s, const char *field, struct zon_manifest *m, uint64_t *fingerprint,
    bool *has_fingerprint, struct fault *f)
{
	if (strcmp(field, "name") == 0) {
		if ((s->token != T_LITERAL && s->token != T_STRING) || !keep(s, m->name, sizeof m->name, "name", f))
			return f != NULL && f->class == FAULT_INTEGRITY ? false : wrong("name is no name", f);
		if (!is_bare(m->name))
			return wrong("name is no bare Zig identifier", f);
	} else if (strcmp(field, "version") == 0) {
		if (s->token != T_STRING)
			return wrong("version is no string", f);
		if (!keep(s, m->version, sizeof m->version, "version", f))
			return false;
	} else if (strcmp(field, "fingerprint") == 0) {
		if (*has_fingerprint || !parse_fingerprint(s, fingerprint, f))
			return wrong("the fingerprint is no number, or given twice", f);
		*has_fingerprint = true;
	} else if (strcmp(field, "paths") == 0) {
		return m->paths == NULL ? parse_paths(s, m, f) : wrong("paths is given twice", f);
	}
	return skip_value(s) || wrong("a value is not understood", f);
}

static bool parse(struct scan *s, struct zon_manifest *m, struct fault *f)
{
	char field[TEXT_CAP];
	uint64_t fingerprint = 0;
	bool has_fingerprint = false;

	next(s);
	if (s->token != T_OPEN)
		return wrong("is no struct", f);
	for (next(s); s->token != T_CLOSE; next(s)) {
		if (s->token != T_LITERAL)
			return wrong("a field has no name", f);
		memcpy(field, s->text, s->len + 1);
		next(s);
		if (s->token != T_EQUAL)
			return wrong("a field has no value", f);
		next(s);
		if (!parse_field(s, field, m, &fingerprint, &has_fingerprint, f))
			return false;
		if (s->token == T_CLOSE)
			break;
		if (s->token != T_COMMA)
			return wrong("a comma is missing", f);
	}
	next(s);
	if (s->token != T_END)
		return wrong("there is something behind its end", f);
	if (m->name[0] == '\0' || m->version[0] == '\0' || m->paths == NULL)
		return wrong("name, version or paths is missing", f);
	m->id = (uint32_t)fingerprint;
	if (has_fingerprint &&
	    (m->id == 0 || m->id == 0xffffffff || (uint32_t)(fingerprint >> 32) != crc32_of(m->name)))
		return wrong("the fingerprint does not belong to the name", f);
	return true;
}

bool zon_parse(const char *text, size_t len, struct zon_manifest *out, struct fault *f)
{
	struct scan *s = len <= ZON_BYTES_MAX ? calloc(1, sizeof *s) : NULL;
	*out = (struct zon_manifest){0};
	if (s == NULL)
		return wrong("is too large", f);
	s->p = text;
	s->end = text + len;
	if (f != NULL)
		f->class = FAULT_NONE;
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
