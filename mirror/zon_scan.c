/* zon_scan: see zon_scan.h. */
#include "zon_scan.h"

#include <stdint.h>
#include <string.h>

bool zon_is_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* Zig knows two slashes as a comment, three, or two and an exclamation mark, as documentation, which has no place in a
 * value, and four as a comment again. */
static bool is_document(const struct zon_scan *s)
{
	size_t left = (size_t)(s->end - s->p);
	return left > 2 && (s->p[2] == '!' || (s->p[2] == '/' && (left == 3 || s->p[3] != '/')));
}

/* Steps over space and comments. False for a comment that Zig would not take for one. */
static bool skip_space(struct zon_scan *s)
{
	for (;;) {
		while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r'))
			s->p++;
		if (s->end - s->p < 2 || s->p[0] != '/' || s->p[1] != '/')
			return true;
		if (is_document(s))
			return false;
		for (; s->p < s->end && *s->p != '\n'; s->p++)
			if (((unsigned char)*s->p < 0x20 && *s->p != '\t' && *s->p != '\r') || *s->p == 0x7f)
				return false;
	}
}

static bool put(struct zon_scan *s, char c)
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

static bool put_utf8(struct zon_scan *s, uint32_t c)
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
static bool scan_unicode(struct zon_scan *s)
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

static bool scan_escape(struct zon_scan *s)
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
static bool scan_quoted(struct zon_scan *s, char quote)
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
static bool scan_multiline(struct zon_scan *s)
{
	if (s->end - s->p < 2 || s->p[1] != '\\')
		return false;
	s->len = 0;
	s->text[0] = '\0';
	for (bool first = true; s->end - s->p >= 2 && s->p[0] == '\\' && s->p[1] == '\\'; first = false) {
		if (!first && !put(s, '\n'))
			return false;
		for (s->p += 2; s->p < s->end && *s->p != '\n' && *s->p != '\r'; s->p++)
			if (!put(s, *s->p))
				return false;
		if (!skip_space(s))
			return false;
	}
	return true;
}

static void scan_words(struct zon_scan *s, const char *more)
{
	s->len = 0;
	s->text[0] = '\0';
	while (s->p < s->end && (zon_is_word(*s->p) || strchr(more, *s->p) != NULL) && *s->p != '\0' && put(s, *s->p))
		s->p++;
}

static enum zon_token scan_dot(struct zon_scan *s)
{
	if (s->p < s->end && *s->p == '{') {
		s->p++;
		return ZON_OPEN;
	}
	if (s->end - s->p >= 2 && s->p[0] == '@' && s->p[1] == '"') {
		s->p += 2;
		return scan_quoted(s, '"') ? ZON_QUOTED : ZON_BAD;
	}
	scan_words(s, "");
	return s->len > 0 ? ZON_LITERAL : ZON_BAD;
}

void zon_next(struct zon_scan *s)
{
	bool ok = skip_space(s);
	s->len = 0;
	s->text[0] = '\0';
	if (!ok) {
		s->token = ZON_BAD;
		return;
	}
	if (s->p == s->end) {
		s->token = ZON_END;
		return;
	}
	char c = *s->p;
	if (c == '\\') {
		s->token = scan_multiline(s) && s->p < s->end ? ZON_OTHER : ZON_BAD;
		return;
	}
	if (zon_is_word(c) || c == '-') {
		if (c == '-')
			s->p++;
		scan_words(s, ".+-");
		s->token = s->len > 0 ? ZON_OTHER : ZON_BAD;
		return;
	}
	s->p++;
	s->token = c == '}'    ? ZON_CLOSE
	           : c == ','  ? ZON_COMMA
	           : c == '='  ? ZON_EQUAL
	           : c == '.'  ? scan_dot(s)
	           : c == '"'  ? (scan_quoted(s, '"') ? ZON_STRING : ZON_BAD)
	           : c == '\'' ? (scan_quoted(s, '\'') ? ZON_OTHER : ZON_BAD)
	                       : ZON_BAD;
}
