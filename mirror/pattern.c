/* pattern: see pattern.h. The decision whether two patterns overlap is in pattern_overlap.c. */
#include "pattern.h"

#include <stdio.h>
#include <string.h>

static const char *const NAMES[PATTERN_FIELDS] = {"owner", "repo", "ref", "version", "file"};

const char *pattern_field_name(enum pattern_field field)
{
	return NAMES[field];
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_value(char c)
{
	return is_alnum(c) || c == '.' || c == '_' || c == '+' || c == '-';
}

/* A decimal number without leading zeros at *p; moves *p behind it. */
static bool skip_number(const char **p, const char *end)
{
	const char *start = *p;
	while (*p < end && is_digit(**p))
		++*p;
	return *p > start && (*start != '0' || *p == start + 1);
}

/* Dot-separated identifiers of a semantic version at *p; moves *p behind them. A numeric one of a pre-release has no
 * leading zero. */
static bool skip_identifiers(const char **p, const char *end, bool prerelease)
{
	for (;;) {
		const char *start = *p;
		bool numeric = true;
		while (*p < end && (is_alnum(**p) || **p == '-')) {
			numeric = numeric && is_digit(**p);
			++*p;
		}
		if (*p == start || (prerelease && numeric && *start == '0' && *p > start + 1))
			return false;
		if (*p == end || **p != '.')
			return true;
		++*p;
	}
}

/* `v` and a version by semver.org 2.0.0. */
static bool is_version(const char *p, size_t len)
{
	const char *end = p + len;
	if (len == 0 || *p++ != 'v')
		return false;
	for (int i = 0; i < 3; i++) {
		if (i > 0 && (p == end || *p++ != '.'))
			return false;
		if (!skip_number(&p, end))
			return false;
	}
	if (p < end && *p == '-') {
		p++;
		if (!skip_identifiers(&p, end, true))
			return false;
	}
	if (p < end && *p == '+') {
		p++;
		if (!skip_identifiers(&p, end, false))
			return false;
	}
	return p == end;
}

static bool is_commit(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!is_digit(p[i]) && !(p[i] >= 'a' && p[i] <= 'f'))
			return false;
	return len == 40;
}

bool pattern_value_ok(enum pattern_field field, const char *text, size_t len)
{
	if (len == 0 || len > PATTERN_SEGMENT_MAX)
		return false;
	if (field == PATTERN_REF)
		return is_commit(text, len) || is_version(text, len);
	for (size_t i = 0; i < len; i++)
		if (!is_value(text[i]))
			return false;
	return !(len == 1 && text[0] == '.') && !(len == 2 && text[0] == '.' && text[1] == '.');
}

/* The placeholder at `p`, which is a '{'; *end gets what is behind its '}'. PATTERN_FIELDS when it is none. */
static enum pattern_field parse_field(const char *p, const char **end)
{
	for (int i = 0; i < PATTERN_FIELDS; i++) {
		size_t n = strlen(NAMES[i]);
		if (strncmp(p + 1, NAMES[i], n) == 0 && p[1 + n] == '}') {
			*end = p + n + 2;
			return (enum pattern_field)i;
		}
	}
	return PATTERN_FIELDS;
}

static bool no(char reason[PATTERN_REASON_CAP], const char *text, const char *at, size_t len)
{
	snprintf(reason, PATTERN_REASON_CAP, "%s%.*s", text, (int)len, at);
	return false;
}

bool pattern_check_template(const char *url, unsigned *fields, char reason[PATTERN_REASON_CAP])
{
	*fields = 0;
	if (strlen(url) >= PATTERN_CAP)
		return no(reason, "longer than 511 bytes", "", 0);
	for (const char *p = url; *p != '\0'; p++) {
		if (*p == '}')
			return no(reason, "a } without {", "", 0);
		if (*p != '{')
			continue;
		const char *end = p;
		enum pattern_field field = parse_field(p, &end);
		if (field == PATTERN_FIELDS)
			return no(reason, "unknown placeholder ", p, strcspn(p, "}/") < 30 ? strcspn(p, "}/") + 1 : 30);
		*fields |= 1U << field;
		p = end - 1;
	}
	return true;
}

/* Checks one segment of a path pattern, from `p` to `end`. */
static bool check_segment(const char *p, const char *end, unsigned *seen, char reason[PATTERN_REASON_CAP])
{
	int count = 0;
	const char *start = p, *behind = NULL;
	if (p == end)
		return no(reason, "has an empty segment", "", 0);
	while (p < end) {
		if (*p != '{') {
			if (!is_alnum(*p) && strchr("._~+@-", *p) == NULL)
				return no(reason, "has a character outside [A-Za-z0-9._~+@-]", "", 0);
			p++;
			continue;
		}
		const char *next = p;
		enum pattern_field field = parse_field(p, &next);
		if (*seen & 1U << field)
			return no(reason, "has twice the placeholder ", p, (size_t)(next - p));
		if (p == behind)
			return no(reason, "has two placeholders side by side", "", 0);
		if (++count > 2)
			return no(reason, "has more than two placeholders in a segment", "", 0);
		*seen |= 1U << field;
		p = behind = next;
	}
	if (end - start > PATTERN_SEGMENT_MAX)
		return no(reason, "has a segment longer than 199 bytes", "", 0);
	if (start[0] == '.' && (end - start == 1 || (end - start == 2 && start[1] == '.')))
		return no(reason, "has a segment of dots", "", 0);
	return true;
}

bool pattern_check_path(const char *pattern, unsigned *fields, char reason[PATTERN_REASON_CAP])
{
	unsigned seen = 0;
	if (!pattern_check_template(pattern, fields, reason))
		return false;
	if (pattern[0] != '/')
		return no(reason, "does not begin with a slash", "", 0);
	for (const char *p = pattern; *p != '\0';) {
		p++;
		const char *end = p + strcspn(p, "/");
		if (!check_segment(p, end, &seen, reason))
			return false;
		p = end;
	}
	return true;
}

/* One segment of the pattern [p, end) against one of the path [s, s_end). In a loose match a placeholder takes any
 * bytes, so that the reason for a refusal can name it. */
static bool match_segment(
    const char *p, const char *end, const char *s, const char *s_end, bool loose, struct pattern_values *values)
{
	while (p < end && *p != '{') {
		if (s == s_end || *p != *s)
			return false;
		p++;
		s++;
	}
	if (p == end)
		return s == s_end;
	const char *next = p;
	enum pattern_field field = parse_field(p, &next);
	for (const char *cut = s_end; cut > s; cut--) {
		size_t len = (size_t)(cut - s);
		/* The rest first: its literals refuse most cuts for less. */
		if (match_segment(next, end, cut, s_end, loose, values) && (loose || pattern_value_ok(field, s, len))) {
			memcpy(values->text[field], s, len);
			values->text[field][len] = '\0';
			return true;
		}
	}
	return false;
}

static bool match_path(const char *pattern, const char *path, size_t len, bool loose, struct pattern_values *values)
{
	const char *end = path + len;
	*values = (struct pattern_values){0};
	while (*pattern == '/' && path < end && *path == '/') {
		pattern++;
		path++;
		const char *p_end = pattern + strcspn(pattern, "/");
		const char *slash = memchr(path, '/', (size_t)(end - path));
		const char *s_end = slash != NULL ? slash : end;
		if (s_end - path > PATTERN_SEGMENT_MAX || !match_segment(pattern, p_end, path, s_end, loose, values))
			return false;
		pattern = p_end;
		path = s_end;
	}
	return *pattern == '\0' && path == end;
}

enum pattern_verdict pattern_match(
    const char *pattern, const char *path, size_t len, struct pattern_values *values, enum pattern_field *failed)
{
	if (match_path(pattern, path, len, false, values))
		return PATTERN_MATCH;
	if (!match_path(pattern, path, len, true, values))
		return PATTERN_APART;
	for (int i = 0; i < PATTERN_FIELDS; i++) {
		size_t n = strlen(values->text[i]);
		if (n > 0 && !pattern_value_ok((enum pattern_field)i, values->text[i], n)) {
			*failed = (enum pattern_field)i;
			return PATTERN_NEAR;
		}
	}
	return PATTERN_APART;
}

/* Adds one byte of a placeholder's value to a URL. */
static size_t put_byte(char c, bool query, char out[4])
{
	if (is_alnum(c) || strchr("._~-", c) != NULL || (c == '+' && !query)) {
		out[0] = c;
		out[1] = '\0';
		return 1;
	}
	return (size_t)snprintf(out, 4, "%%%02X", (unsigned char)c);
}

bool pattern_expand(const char *pattern, const struct pattern_values *values, char *out, size_t cap)
{
	size_t n = 0;
	bool query = false;
	for (const char *p = pattern; *p != '\0';) {
		char one[4] = {*p, '\0'};
		enum pattern_field field = PATTERN_FIELDS;
		const char *next = p + 1;
		if (*p == '{')
			field = parse_field(p, &next);
		query = query || *p == '?';
		for (const char *v = field < PATTERN_FIELDS ? values->text[field] : p; *v != '\0'; v++) {
			size_t len = field < PATTERN_FIELDS ? put_byte(*v, query, one) : 1;
			if (n + len >= cap)
				return false;
			memcpy(out + n, one, len);
			n += len;
			if (field == PATTERN_FIELDS)
				break;
		}
		p = next;
	}
	if (n >= cap)
		return false;
	out[n] = '\0';
	return true;
}
