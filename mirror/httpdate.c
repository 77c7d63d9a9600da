/* httpdate: see httpdate.h. */
#include "httpdate.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { TEXT_MAX = 40 };

static const char DAYS[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char LONG_DAYS[7][10] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
static const char MONTHS[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/* The first and the last second that four digits of a year can say. */
#define FIRST INT64_C(-62135596800)
#define LAST INT64_C(253402300799)

void httpdate_format(int64_t when, char out[HTTPDATE_CAP])
{
	struct tm tm = {0};
	time_t t = (time_t)(when < FIRST ? FIRST : when > LAST ? LAST : when);
	gmtime_r(&t, &tm);
	snprintf(out, HTTPDATE_CAP, "%s, %02d %s %04d %02d:%02d:%02d GMT", DAYS[tm.tm_wday % 7], tm.tm_mday % 100,
	    MONTHS[tm.tm_mon % 12], (tm.tm_year + 1900) % 10000, tm.tm_hour % 100, tm.tm_min % 100, tm.tm_sec % 100);
}

/* Reads a text along a pattern: D a digit or a leading space, d a digit, M a month, w a short and W a long day name,
 * anything else itself. Digits are collected in order of their fields. */
struct scan {
	const char *p, *end;
	int day, month, year, hour, minute, second;
};

static bool take_digits(struct scan *s, int count, bool space, int *out)
{
	*out = 0;
	for (int i = 0; i < count; i++) {
		if (s->p == s->end)
			return false;
		char c = *s->p++;
		if (c == ' ' && space && i == 0)
			continue;
		if (c < '0' || c > '9')
			return false;
		*out = *out * 10 + (c - '0');
	}
	return true;
}

static bool take_text(struct scan *s, const char *text)
{
	size_t len = strlen(text);
	if ((size_t)(s->end - s->p) < len || memcmp(s->p, text, len) != 0)
		return false;
	s->p += len;
	return true;
}

static bool take_month(struct scan *s)
{
	for (s->month = 0; s->month < 12; s->month++)
		if (take_text(s, MONTHS[s->month]))
			return true;
	return false;
}

static bool take_clock(struct scan *s)
{
	return take_digits(s, 2, false, &s->hour) && take_text(s, ":") && take_digits(s, 2, false, &s->minute) &&
	       take_text(s, ":") && take_digits(s, 2, false, &s->second);
}

static bool take_day_name(struct scan *s, bool full)
{
	for (int i = 0; i < 7; i++)
		if (take_text(s, full ? LONG_DAYS[i] : DAYS[i]))
			return true;
	return false;
}

/* Sun, 06 Nov 1994 08:49:37 GMT */
static bool scan_imf(struct scan *s)
{
	return take_day_name(s, false) && take_text(s, ", ") && take_digits(s, 2, false, &s->day) &&
	       take_text(s, " ") && take_month(s) && take_text(s, " ") && take_digits(s, 4, false, &s->year) &&
	       take_text(s, " ") && take_clock(s) && take_text(s, " GMT") && s->p == s->end;
}

/* Sunday, 06-Nov-94 08:49:37 GMT */
static bool scan_rfc850(struct scan *s)
{
	return take_day_name(s, true) && take_text(s, ", ") && take_digits(s, 2, false, &s->day) && take_text(s, "-") &&
	       take_month(s) && take_text(s, "-") && take_digits(s, 2, false, &s->year) && take_text(s, " ") &&
	       take_clock(s) && take_text(s, " GMT") && s->p == s->end;
}

/* Sun Nov  6 08:49:37 1994 */
static bool scan_asctime(struct scan *s)
{
	return take_day_name(s, false) && take_text(s, " ") && take_month(s) && take_text(s, " ") &&
	       take_digits(s, 2, true, &s->day) && take_text(s, " ") && take_clock(s) && take_text(s, " ") &&
	       take_digits(s, 4, false, &s->year) && s->p == s->end;
}

static int year_of(int64_t when)
{
	struct tm tm = {0};
	time_t t = (time_t)when;
	gmtime_r(&t, &tm);
	return tm.tm_year + 1900;
}

bool httpdate_parse(const char *text, size_t len, int64_t now, int64_t *when)
{
	if (len > TEXT_MAX)
		return false;
	struct scan s = {.p = text, .end = text + len};
	bool ok = scan_imf(&s);
	if (!ok) {
		s = (struct scan){.p = text, .end = text + len};
		ok = scan_asctime(&s);
	}
	if (!ok) {
		s = (struct scan){.p = text, .end = text + len};
		ok = scan_rfc850(&s);
		int present = year_of(now);
		s.year += present - present % 100;
		if (s.year > present + 50)
			s.year -= 100;
	}
	if (!ok || s.year < 1 || s.hour > 23 || s.minute > 59 || s.second > 60)
		return false;
	struct tm tm = {
	    .tm_year = s.year - 1900, .tm_mon = s.month, .tm_mday = s.day, .tm_hour = s.hour, .tm_min = s.minute};
	/* Apart, since a leap second may be in the next month. */
	*when = timegm(&tm) + s.second;
	/* timegm turns 31 February into March. */
	return s.day >= 1 && tm.tm_mday == s.day && tm.tm_mon == s.month;
}
