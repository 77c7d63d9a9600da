/* target: see target.h. */
#include "target.h"

#include <stdio.h>
#include <string.h>

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool refuse(struct fault *f, const char *why)
{
	return fault_set(f, FAULT_ABSENT, "bad path: %s", why);
}

/* Reads one byte at raw[*i], decoded once, and moves past it. */
static bool decode_byte(const char *raw, size_t len, size_t *i, char *out, struct fault *f)
{
	char c = raw[(*i)++];
	bool escaped = c == '%';
	if (escaped) {
		int high = len - *i >= 2 ? hex_digit(raw[*i]) : -1;
		int low = len - *i >= 2 ? hex_digit(raw[*i + 1]) : -1;
		if (high < 0 || low < 0)
			return refuse(f, "a percent escape that is none");
		c = (char)(high * 16 + low);
		*i += 2;
	}
	if ((unsigned char)c < 0x20 || c == 0x7f)
		return refuse(f, "a control byte");
	if (c == '\\')
		return refuse(f, "a backslash");
	if (escaped && c == '/')
		return refuse(f, "an encoded slash");
	*out = c;
	return true;
}

/* True for a segment that names no file: empty, "." or "..". */
static bool is_hollow(const char *segment, size_t len)
{
	return len == 0 || (segment[0] == '.' && (len == 1 || (len == 2 && segment[1] == '.')));
}

static bool check_segments(const char *path, struct fault *f)
{
	const char *segment = path + 1;
	if (*segment == '\0')
		return true;
	for (;;) {
		size_t len = strcspn(segment, "/");
		if (is_hollow(segment, len))
			return refuse(f, len == 0 ? "an empty segment" : "a dot segment");
		if (segment[len] == '\0')
			return true;
		segment += len + 1;
	}
}

bool target_decode_path(const char *raw, size_t len, char out[TARGET_PATH_MAX + 1], size_t *out_len, struct fault *f)
{
	size_t n = 0;
	if (len == 0 || raw[0] != '/')
		return refuse(f, "it does not begin with a slash");
	for (size_t i = 0; i < len;) {
		if (n == TARGET_PATH_MAX)
			return refuse(f, "too long");
		if (!decode_byte(raw, len, &i, &out[n], f))
			return false;
		n++;
	}
	out[n] = '\0';
	*out_len = n;
	return check_segments(out, f);
}

/* The value of `name` in a query, or NULL; *len is its length. Nothing is decoded. */
static const char *find_parameter(const char *query, const char *name, size_t *len)
{
	size_t name_len = strlen(name);
	while (query != NULL && *query != '\0') {
		size_t n = strcspn(query, "&;");
		if (n > name_len && query[name_len] == '=' && memcmp(query, name, name_len) == 0) {
			*len = n - name_len - 1;
			return query + name_len + 1;
		}
		query += n;
		query += *query != '\0';
	}
	return NULL;
}

void target_source(const char *query, char out[WIRE_SOURCE_CAP])
{
	static const char ALLOWED[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t len = 0;
	const char *value = find_parameter(query, "source", &len);
	if (value == NULL || len == 0 || len >= WIRE_SOURCE_CAP || strspn(value, ALLOWED) < len)
		snprintf(out, WIRE_SOURCE_CAP, "-");
	else
		snprintf(out, WIRE_SOURCE_CAP, "%.*s", (int)len, value);
}
