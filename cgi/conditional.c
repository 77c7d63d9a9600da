/* conditional: see conditional.h. */
#include "conditional.h"

#include "mirror/httpdate.h"

#include <stddef.h>
#include <string.h>

/* The length of the entity-tag's opaque-tag at p (section 8.8.3), quotes included; 0 when there is none. */
static size_t opaque_tag(const char *p)
{
	if (*p != '"')
		return 0;
	size_t len = 1;
	/* etagc: no control bytes, no spaces, no quotes; obs-text is allowed */
	while ((unsigned char)p[len] > 0x20 && p[len] != '"' && p[len] != 0x7f)
		len++;
	return p[len] == '"' ? len + 1 : 0;
}

/* Section 13.1.2 with the weak comparison of section 8.8.3.2: W/ does not count. A list that is malformed matches up to
 * where it is. */
static bool none_match(const char *value, const char *etag)
{
	const char *p = value + strspn(value, " \t");
	if (*p == '*')
		return p[1 + strspn(p + 1, " \t")] == '\0';
	for (;;) {
		p += strspn(p, " \t,");
		if (p[0] == 'W' && p[1] == '/')
			p += 2;
		size_t len = opaque_tag(p);
		if (len == 0)
			return false;
		if (len == strlen(etag) && memcmp(p, etag, len) == 0)
			return true;
		p += len;
	}
}

bool conditional_9110_13_2_2(
    const char *if_none_match, const char *if_modified_since, const char *etag, int64_t modified, int64_t now)
{
	int64_t since;
	if (if_none_match != NULL)
		return none_match(if_none_match, etag);
	if (if_modified_since == NULL || !httpdate_parse(if_modified_since, strlen(if_modified_since), now, &since))
		return false;
	return modified <= since;
}

bool conditional_9110_13_1_5(const char *if_range, const char *etag, int64_t modified, int64_t now)
{
	int64_t date;
	if (if_range == NULL)
		return true;
	const char *p = if_range + strspn(if_range, " \t");
	if (*p == '"') {
		size_t len = opaque_tag(p);
		return len > 0 && len == strlen(etag) && memcmp(p, etag, len) == 0 &&
		       p[len + strspn(p + len, " \t")] == '\0';
	}
	/* A weak tag never matches here. A date is strong when the second that it names is over (section 8.8.2.2). */
	return httpdate_parse(p, strlen(p), now, &date) && date == modified && modified < now;
}
