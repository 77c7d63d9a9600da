/* mirror_list: see mirror_list.h. */
#include "fetch/mirror_list.h"

#include "mirror/url.h"

#include <string.h>

/* Copies a line without what ends it. False when it is no URL of a mirror. */
static bool take_line(const char *line, size_t n, char out[256])
{
	struct url u;
	while (n > 0 && (line[n - 1] == '\r' || line[n - 1] == ' ' || line[n - 1] == '\t' || line[n - 1] == '/'))
		n--;
	if (n == 0 || n >= 256 || memchr(line, '\0', n) != NULL)
		return false;
	memcpy(out, line, n);
	out[n] = '\0';
	return url_parse(out, &u) == NULL && *u.query == '\0';
}

static bool has(const struct mirror_list *list, const char *url)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->urls[i], url) == 0)
			return true;
	return false;
}

bool mirror_list_parse(struct mirror_list *list, const char *text, size_t len)
{
	struct mirror_list found = {.seed = list->seed};
	for (size_t at = 0; at < len && found.count < MIRROR_LIST_MAX;) {
		const char *lf = memchr(text + at, '\n', len - at);
		size_t n = lf != NULL ? (size_t)(lf - text) - at : len - at;
		if (take_line(text + at, n, found.urls[found.count]) && !has(&found, found.urls[found.count]))
			found.count++;
		at += n + 1;
	}
	if (found.count == 0)
		return false;
	*list = found;
	return true;
}

/* The next number of a series (splitmix64). */
static uint64_t next_number(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15U);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
	return z ^ (z >> 31);
}

const char *mirror_list_at(const struct mirror_list *list, const char *path, size_t i)
{
	unsigned char order[MIRROR_LIST_MAX];
	uint64_t state = list->seed ^ 14695981039346656037U;
	if (i >= list->count)
		return NULL;
	for (const char *p = path; *p != '\0'; p++)
		state = (state ^ (unsigned char)*p) * 1099511628211U;
	for (size_t k = 0; k < list->count; k++)
		order[k] = (unsigned char)k;
	for (size_t k = list->count - 1; k > 0; k--) {
		size_t other = (size_t)(next_number(&state) % (k + 1));
		unsigned char taken = order[k];
		order[k] = order[other];
		order[other] = taken;
	}
	return list->urls[order[i]];
}
