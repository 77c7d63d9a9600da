/* config_text: the text of a configuration before libConfuse sees it, and the values that it leaves as text. Pure.
 *
 * libConfuse counts the lines of comments wrong, refuses them inside lists, takes a section without end, expands
 * ${NAME} from the environment (which under CGI is partly the client's), lets \0 cut a string and skips stray
 * characters without a word. So comments become spaces here, and the rest is refused. Its tokens are kept to: a '#'
 * outside of quotes begins a comment wherever it stands, a slash only at the beginning of a word. */
#include "config_internal.h"

#include <limits.h>
#include <stdarg.h>
#include <string.h>

bool reason_set(struct reason *r, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	vsnprintf(r->text, sizeof r->text, format, ap);
	va_end(ap);
	return false;
}

struct cursor {
	char *at, *end;
	int line;
	int depth;      /* of braces */
	int depth_line; /* where the outermost one was opened */
};

/* Blanks the comment from `from` up to c->at; line feeds stay. */
static void blank(char *from, const struct cursor *c)
{
	for (; from < c->at; from++)
		if (*from != '\n')
			*from = ' ';
}

static void skip_line(struct cursor *c)
{
	char *from = c->at;
	while (c->at < c->end && *c->at != '\n')
		c->at++;
	blank(from, c);
}

static bool skip_block(struct cursor *c, struct reason *why)
{
	char *from = c->at;
	int lines = 0;
	for (c->at += 2; c->end - c->at >= 2; c->at++) {
		lines += *c->at == '\n';
		if (c->at[0] == '*' && c->at[1] == '/') {
			c->at += 2;
			c->line += lines;
			blank(from, c);
			return true;
		}
	}
	return reason_set(why, "syntax: a comment without end");
}

/* Skips a quoted string; c->at is at its opening quote. */
static bool skip_string(struct cursor *c, struct reason *why)
{
	const char quote = *c->at;
	int start = c->line;
	for (c->at++; c->at < c->end; c->at++) {
		char next = c->at + 1 < c->end ? c->at[1] : '\n';
		if (*c->at == quote) {
			c->at++;
			return true;
		}
		if (quote == '"' && *c->at == '$' && next == '{')
			return reason_set(why, "syntax: ${...} is not expanded here, write \\$ for a dollar sign");
		if (quote == '"' && *c->at == '\\' && ((next >= '0' && next <= '9') || next == 'x'))
			return reason_set(why, "syntax: numeric escapes are not understood here");
		c->line += *c->at == '\n';
		if (*c->at == '\\' && c->at + 1 < c->end) {
			c->at++;
			c->line += *c->at == '\n';
		}
	}
	c->line = start;
	return reason_set(why, "syntax: a string without end");
}

/* Skips one thing outside of quotes. */
static bool skip_plain(struct cursor *c, bool word_start, struct reason *why)
{
	char next = c->at + 1 < c->end ? c->at[1] : '\n';
	if (*c->at == '#' || (word_start && *c->at == '/' && next == '/')) {
		skip_line(c);
		return true;
	}
	if (word_start && *c->at == '/' && next == '*')
		return skip_block(c, why);
	if (*c->at == '"' || *c->at == '\'')
		return skip_string(c, why);
	if (*c->at == '$' && next == '{')
		return reason_set(why, "syntax: ${...} is not expanded here");
	if (*c->at == '+' || *c->at == '*' || *c->at == '|' || *c->at == '(' || *c->at == ')')
		return reason_set(why, "syntax: a value with %c needs quotes", *c->at);
	if ((unsigned char)*c->at < ' ' && strchr("\t\n\r", *c->at) == NULL)
		return reason_set(why, "syntax: a control character");
	if (*c->at == '{' && c->depth++ == 0)
		c->depth_line = c->line;
	if (*c->at == '}' && c->depth-- == 0)
		return reason_set(why, "syntax: a } without {");
	c->line += *c->at == '\n';
	c->at++;
	return true;
}

bool config_text_clean(char *text, size_t len, int *line, struct reason *why)
{
	struct cursor c = {.at = text, .end = text + len, .line = 1};
	bool word_start = true, ok = true;
	const char *nul = memchr(text, '\0', len);
	if (nul != NULL) {
		for (const char *p = text; p < nul; p++)
			c.line += *p == '\n';
		ok = reason_set(why, "syntax: a NUL byte");
	}
	while (ok && c.at < c.end) {
		bool quoted = *c.at == '"' || *c.at == '\'';
		ok = skip_plain(&c, word_start, why);
		word_start = quoted || (c.at > text && strchr(" \t\n\r={},", c.at[-1]) != NULL);
	}
	if (ok && c.depth > 0) {
		c.line = c.depth_line;
		ok = reason_set(why, "syntax: a { without }");
	}
	*line = c.line;
	return ok;
}

bool config_parse_bool(const char *text, bool *out)
{
	static const char *const words[2][3] = {{"false", "no", "off"}, {"true", "yes", "on"}};
	for (int i = 0; i < 6; i++) {
		if (strcmp(text, words[i % 2][i / 2]) == 0) {
			*out = i % 2 == 1;
			return true;
		}
	}
	return false;
}

/* Digits with an optional unit of `units`; its value is that of `factors` at the same place. */
static bool parse_unit(const char *text, const char *units, const int64_t *factors, int64_t *out)
{
	int64_t n = 0;
	const char *p = text;
	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, *p - '0', &n))
			return false;
	if (p == text)
		return false;
	if (*p != '\0') {
		const char *unit = strchr(units, *p);
		if (unit == NULL || p[1] != '\0' || __builtin_mul_overflow(n, factors[unit - units], &n))
			return false;
	}
	*out = n;
	return true;
}

bool config_parse_int(const char *text, int *out)
{
	int64_t n = 0;
	if (!parse_unit(text, "", NULL, &n) || n > INT_MAX)
		return false;
	*out = (int)n;
	return true;
}

bool config_parse_size(const char *text, int64_t *bytes)
{
	static const int64_t factors[] = {INT64_C(1) << 10, INT64_C(1) << 20, INT64_C(1) << 30, INT64_C(1) << 40};
	return parse_unit(text, "KMGT", factors, bytes);
}

bool config_parse_time(const char *text, int64_t *seconds)
{
	static const int64_t factors[] = {1, 60, 3600, 86400};
	return parse_unit(text, "smhd", factors, seconds);
}
