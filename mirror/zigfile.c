/* zigfile: see zigfile.h. */
#include "zigfile.h"

#include <string.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f');
}

/* A decimal number of 1 to 9 digits without leading zero at *p; moves *p behind it. */
static bool take_number(const char **p, const char *end, uint32_t *out)
{
	const char *start = *p;
	*out = 0;
	while (*p < end && is_digit(**p) && *p - start < 9)
		*out = *out * 10 + (uint32_t)(*(*p)++ - '0');
	if (*p == start || (*p < end && is_digit(**p)))
		return false;
	return *start != '0' || *p == start + 1;
}

static bool take_text(const char **p, const char *end, const char *text)
{
	size_t len = strlen(text);
	if ((size_t)(end - *p) < len || memcmp(*p, text, len) != 0)
		return false;
	*p += len;
	return true;
}

bool zigfile_version_parse(const char *text, size_t len, struct zigfile_version *out)
{
	const char *p = text, *end = text + len;
	size_t digits = 0;

	*out = (struct zigfile_version){0};
	if (!take_number(&p, end, &out->major) || !take_text(&p, end, ".") || !take_number(&p, end, &out->minor) ||
	    !take_text(&p, end, ".") || !take_number(&p, end, &out->patch))
		return false;
	if (p == end)
		return true;
	if (!take_text(&p, end, "-dev.") || !take_number(&p, end, &out->commits) || !take_text(&p, end, "+"))
		return false;
	while (p < end && is_hex(*p) && digits < sizeof out->hash - 1)
		out->hash[digits++] = *p++;
	out->dev = true;
	return p == end && digits > 0;
}

static int compare(uint32_t a, uint32_t b)
{
	return (a > b) - (a < b);
}

int zigfile_version_compare(const struct zigfile_version *a, const struct zigfile_version *b)
{
	int c = compare(a->major, b->major);
	if (c == 0)
		c = compare(a->minor, b->minor);
	if (c == 0)
		c = compare(a->patch, b->patch);
	if (c == 0)
		c = (int)b->dev - (int)a->dev;
	if (c == 0 && a->dev)
		c = compare(a->commits, b->commits);
	return c;
}

static bool drop_suffix(const char *name, size_t *len, const char *suffix)
{
	size_t n = strlen(suffix);
	if (*len <= n || memcmp(name + *len - n, suffix, n) != 0)
		return false;
	*len -= n;
	return true;
}

/* The words between "zig-" and the version, the dash before that included: "" (source), "bootstrap-", "ARCH-OS-"; one
 * other word is odd. */
static bool words_ok(const char *p, size_t len, bool *odd)
{
	size_t dashes = 0;
	*odd = false;
	if (len == 0)
		return true;
	if (--len == 0)
		return false;
	for (size_t i = 0; i < len; i++) {
		bool dash = p[i] == '-';
		if (!dash && !is_word(p[i]))
			return false;
		if (dash && (i == 0 || i == len - 1 || p[i - 1] == '-'))
			return false;
		dashes += dash;
	}
	*odd = dashes == 0 && !(len == strlen("bootstrap") && memcmp(p, "bootstrap", len) == 0);
	return dashes <= 1;
}

/* Where the version begins in the len bytes behind "zig-": after the last dash that a digit follows and behind which
 * all is a version. The dash of "-dev." is not followed by a digit. */
static bool split(const char *p, size_t len, size_t *version, struct zigfile_version *number)
{
	for (size_t i = 0; i < len; i++) {
		if ((i == 0 || p[i - 1] == '-') && is_digit(p[i]) && zigfile_version_parse(p + i, len - i, number)) {
			*version = i;
			return true;
		}
	}
	return false;
}

bool zigfile_parse(const char *name, size_t len, struct zigfile *out)
{
	size_t base, stem, version;

	if (len >= sizeof out->name || len < strlen("zig-") || memcmp(name, "zig-", 4) != 0)
		return false;
	base = len;
	bool signature = drop_suffix(name, &base, ".minisig");
	stem = base;
	if (!drop_suffix(name, &stem, ".tar.xz") && !drop_suffix(name, &stem, ".zip"))
		return false;
	if (stem < 4 || !split(name + 4, stem - 4, &version, &out->number))
		return false;
	if (!words_ok(name + 4, version, &out->odd) || stem - 4 - version >= sizeof out->version)
		return false;
	memcpy(out->name, name, len);
	out->name[len] = '\0';
	memcpy(out->base, name, base);
	out->base[base] = '\0';
	memcpy(out->version, name + 4 + version, stem - 4 - version);
	out->version[stem - 4 - version] = '\0';
	out->signature = signature;
	return true;
}
