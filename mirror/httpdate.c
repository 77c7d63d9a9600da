/* httpdate: see httpdate.h. */
#include "httpdate.h"

#include <string.h>
#include <time.h>

enum { TEXT_MAX = 40 };

static const char DAYS[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char LONG_DAYS[7][10] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
static const char MONTHS[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/* The first and the last second that four digits of a year can say. */
#define FIRST INT64_C(-62135596800)
#define LAST INT64_C(253402300799)

static void put_two(char *out, int n)
{
	out[0] = (char)('0' + n / 10 % 10);
	out[1] = (char)('0' + n % 10);
}

/* Splits days since 1 January of the year 1 by the proleptic Gregorian calendar, month from 0. Years begin in March
 * here, so that the leap day is a year's last. */
static void split_days(int64_t days, int *year, int *month, int *day)
{
	enum { FOUR_CENTURIES = 146097, CENTURY = 36524, FOUR_YEARS = 1461, MARCH_TO_JANUARY = 306 };
	const int64_t since = days + MARCH_TO_JANUARY;
	const int in_era = (int)(since % FOUR_CENTURIES);
	const int y = (in_era - in_era / (FOUR_YEARS - 1) + in_era / CENTURY - in_era / (FOUR_CENTURIES - 1)) / 365;
	const int in_year = in_era - (365 * y + y / 4 - y / 100);
	const int m = (5 * in_year + 2) / 153; /* 153 days in each five months from March */
	*day = in_year - (153 * m + 2) / 5 + 1;
	*month = m < 10 ? m + 2 : m - 10;
	*year = (int)(since / FOUR_CENTURIES) * 400 + y + (*month < 2);
}

/* On the way of every hit: gmtime_r would have each CGI read the time zone, and snprintf cost a tenth of the whole. */
void httpdate_format(int64_t when, char out[HTTPDATE_CAP])
{
	const int64_t since = (when < FIRST ? FIRST : when > LAST ? LAST : when) - FIRST;
	const int second = (int)(since % 86400);
	int year, month, day;
	split_days(since / 86400, &year, &month, &day);
	memcpy(out, "Ddd, 00 Mmm 0000 00:00:00 GMT", sizeof "Ddd, 00 Mmm 0000 00:00:00 GMT");
	memcpy(out, DAYS[(since / 86400 + 1) % 7], 3);
	put_two(out + 5, day);
	memcpy(out + 8, MONTHS[month], 3);
	put_two(out + 12, year / 100);
	put_two(out + 14, year % 100);
	put_two(out + 17, second / 3600);
	put_two(out + 20, second / 60 % 60);
	put_two(out + 23, second % 60);
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
