/* range: see range.h. */
#include "range.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

/* Reads 1*DIGIT at *p and moves past it. A number that does not fit is as good as the largest. */
static bool read_number(const char **p, int64_t *out)
{
	const char *start = *p;
	int64_t value = 0;
	for (; **p >= '0' && **p <= '9'; (*p)++) {
		int digit = **p - '0';
		value = value > (INT64_MAX - digit) / 10 ? INT64_MAX : value * 10 + digit;
	}
	*out = value;
	return *p != start;
}

static void skip_space(const char **p)
{
	*p += strspn(*p, " \t");
}

/* suffix-range (section 14.1.2): the last N bytes. */
static enum range_kind suffix(int64_t count, int64_t size, int64_t *first, int64_t *last)
{
	if (count == 0)
		return RANGE_UNSATISFIED;
	/* No Content-Range can name a part of an empty content. */
	if (size == 0)
		return RANGE_WHOLE;
	*first = count >= size ? 0 : size - count;
	*last = size - 1;
	return RANGE_PART;
}

enum range_kind range_9110_14_2(const char *value, int64_t size, int64_t *first, int64_t *last)
{
	int64_t from = 0, to = INT64_MAX;
	bool has_from, has_to;

	/* Range units are compared without case (section 14.1). */
	if (value == NULL || strncasecmp(value, "bytes=", 6) != 0)
		return RANGE_WHOLE;
	const char *p = value + 6;
	skip_space(&p);
	has_from = read_number(&p, &from);
	if (*p++ != '-')
		return RANGE_WHOLE;
	has_to = read_number(&p, &to);
	skip_space(&p);
	if (*p != '\0' || (!has_from && !has_to))
		return RANGE_WHOLE;
	if (!has_from)
		return suffix(to, size, first, last);
	if (!has_to)
		to = INT64_MAX;
	if (to < from)
		return RANGE_WHOLE;
	if (from >= size)
		return RANGE_UNSATISFIED;
	*first = from;
	*last = to >= size ? size - 1 : to;
	return RANGE_PART;
}
