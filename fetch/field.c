/* field: see field.h. */
#include "fetch/field.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool field_value(const char *line, size_t len, const char *name, char *out, size_t cap)
{
	size_t n = strlen(name);
	if (len <= n || strncasecmp(line, name, n) != 0 || line[n] != ':')
		return false;
	line += n + 1;
	len -= n + 1;
	while (len > 0 && (line[0] == ' ' || line[0] == '\t'))
		line++, len--;
	while (len > 0 && isspace((unsigned char)line[len - 1]))
		len--;
	if (len >= cap || memchr(line, '\0', len) != NULL)
		len = 0; /* a validator that does not fit is as good as none */
	memcpy(out, line, len);
	out[len] = '\0';
	return true;
}

/* Digits, and nothing beyond int64_t. Moves *p behind them. */
static bool number(const char **p, int64_t *out)
{
	char *end;
	if (!isdigit((unsigned char)**p))
		return false;
	errno = 0;
	*out = strtoll(*p, &end, 10);
	*p = end;
	return errno == 0;
}

bool field_content_range(const char *text, int64_t *first, int64_t *total)
{
	int64_t from = -1, to = -1, all = -1;
	const char *p = text + 6;
	if (strncasecmp(text, "bytes ", 6) != 0)
		return false;
	if (*p == '*')
		p++;
	else if (!number(&p, &from) || *p++ != '-' || !number(&p, &to) || to < from)
		return false;
	if (*p++ != '/' || (from < 0 && *p == '*'))
		return false;
	if (*p == '*')
		p++;
	else if (!number(&p, &all) || to >= all)
		return false;
	if (*p != '\0')
		return false;
	*first = from;
	*total = all;
	return true;
}
