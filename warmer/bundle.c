/* bundle: see bundle.h. */
#include "warmer/bundle.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The next field, up to a space or the end. NULL when there is none or it is empty. */
static char *field(char **rest)
{
	char *at = *rest, *space = at != NULL ? strchr(at, ' ') : NULL;
	if (at == NULL || *at == '\0' || space == at)
		return NULL;
	*rest = space != NULL ? space + 1 : NULL;
	if (space != NULL)
		*space = '\0';
	return at;
}

static bool take_sha256(const char *text, char out[65])
{
	if (text == NULL || strlen(text) != 64 || strspn(text, "0123456789abcdef") != 64)
		return false;
	memcpy(out, text, 65);
	return true;
}

static bool take_size(const char *text, int64_t *out)
{
	char *end;
	if (text == NULL || *text < '0' || *text > '9' || (*text == '0' && text[1] != '\0'))
		return false;
	errno = 0;
	*out = strtoll(text, &end, 10);
	return errno == 0 && *end == '\0';
}

/* A path of segments that name something, in printable ASCII. */
static bool take_path(const char *text, char out[WIRE_PATH_CAP])
{
	if (text == NULL || strlen(text) >= WIRE_PATH_CAP)
		return false;
	for (const char *segment = text;;) {
		size_t len = strcspn(segment, "/");
		if (len == 0 || (segment[0] == '.' && (len == 1 || (len == 2 && segment[1] == '.'))))
			return false;
		for (size_t i = 0; i < len; i++)
			if (segment[i] <= ' ' || segment[i] > '~' || segment[i] == '\\')
				return false;
		if (segment[len] == '\0')
			break;
		segment += len + 1;
	}
	memcpy(out, text, strlen(text) + 1);
	return true;
}

bool bundle_parse(const char *line, size_t len, struct bundle_line *out)
{
	char copy[BUNDLE_LINE_MAX];
	*out = (struct bundle_line){0};
	if (len >= sizeof copy || memchr(line, '\0', len) != NULL)
		return false;
	memcpy(copy, line, len);
	copy[len] = '\0';
	char *rest = copy, *kind = field(&rest);
	if (kind != NULL && strcmp(kind, "document") == 0) {
		const char *name = field(&rest);
		out->kind = BUNDLE_DOCUMENT;
		if (name == NULL || (strcmp(name, "index") != 0 && strcmp(name, "nominated") != 0))
			return false;
		snprintf(out->name, sizeof out->name, "%s", name);
		return take_sha256(field(&rest), out->sha256) && rest == NULL;
	}
	out->kind = BUNDLE_FILE;
	return kind != NULL && strcmp(kind, "file") == 0 && take_sha256(field(&rest), out->sha256) &&
	       take_size(field(&rest), &out->size) && take_path(field(&rest), out->path) && rest == NULL;
}

size_t bundle_format(const struct bundle_line *l, char *out, size_t cap)
{
	int n = l->kind == BUNDLE_DOCUMENT
	            ? snprintf(out, cap, "document %s %s\n", l->name, l->sha256)
	            : snprintf(out, cap, "file %s %lld %s\n", l->sha256, (long long)l->size, l->path);
	return n > 0 && (size_t)n < cap ? (size_t)n : 0;
}
