/* accesslog: see accesslog.h. The JSON form is in accesslog_json.c. */
#include "warmer/accesslog.h"
#include "warmer/accesslog_json.h"

#include <string.h>
#include <strings.h>

/* What is left of a line. */
struct rest {
	const char *at, *end;
};

static bool take_char(struct rest *r, char c)
{
	if (r->at == r->end || *r->at != c)
		return false;
	r->at++;
	return true;
}

/* Exactly `count` digits. */
static bool take_digits(struct rest *r, int count, int64_t *out)
{
	*out = 0;
	for (int i = 0; i < count; i++) {
		if (r->at == r->end || *r->at < '0' || *r->at > '9')
			return false;
		*out = *out * 10 + (*r->at++ - '0');
	}
	return true;
}

static bool take_number(struct rest *r, int64_t *out)
{
	int n = 0;
	*out = 0;
	for (; r->at < r->end && *r->at >= '0' && *r->at <= '9' && n < 18; n++)
		*out = *out * 10 + (*r->at++ - '0');
	return n > 0 && (r->at == r->end || *r->at == ' ');
}

static int take_month(struct rest *r)
{
	static const char NAMES[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	for (int i = 0; i < 12; i++)
		if (r->end - r->at >= 3 && memcmp(r->at, NAMES + (size_t)i * 3, 3) == 0) {
			r->at += 3;
			return i + 1;
		}
	return 0;
}

/* [10/Oct/2025:13:55:36 +0200], from the digit on. */
static bool take_time(struct rest *r, int64_t *out)
{
	int64_t day, year, hour, minute, second, zone_hour, zone_minute;
	int month;
	if (!take_digits(r, 2, &day) || !take_char(r, '/') || (month = take_month(r)) == 0 || !take_char(r, '/') ||
	    !take_digits(r, 4, &year) || !take_char(r, ':') || !take_digits(r, 2, &hour) || !take_char(r, ':') ||
	    !take_digits(r, 2, &minute) || !take_char(r, ':') || !take_digits(r, 2, &second) || !take_char(r, ' '))
		return false;
	bool west = take_char(r, '-');
	if ((!west && !take_char(r, '+')) || !take_digits(r, 2, &zone_hour) || !take_digits(r, 2, &zone_minute) ||
	    !take_char(r, ']'))
		return false;
	if (year < 1970 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60 || zone_hour > 14 ||
	    zone_minute > 59)
		return false;
	int64_t zone = zone_hour * 3600 + zone_minute * 60;
	*out = accesslog_days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second + (west ? zone : -zone);
	return true;
}

int64_t accesslog_days(int64_t year, int month, int64_t day)
{
	static const int BEFORE[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
	int64_t past = year - (month <= 2); /* the last year whose leap day may have been */
	int64_t leaps = past / 4 - past / 100 + past / 400 - (1969 / 4 - 1969 / 100 + 1969 / 400);
	return (year - 1970) * 365 + leaps + BEFORE[month - 1] + day - 1;
}

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef", *found = c != '\0' ? strchr(digits, c | 0x20) : NULL;
	return found != NULL ? (int)(found - digits) : -1;
}

/* A byte of a quoted field: servers write \", \\ and \xNN. */
static char take_byte(struct rest *r)
{
	char c = *r->at++;
	if (c != '\\' || r->at == r->end)
		return c;
	c = *r->at++;
	if (c != 'x' || r->end - r->at < 2)
		return c;
	int high = hex_digit(r->at[0]), low = hex_digit(r->at[1]);
	if (high < 0 || low < 0)
		return c;
	r->at += 2;
	return (char)(high * 16 + low);
}

/* A quoted field; one that does not fit is cut, which *cut tells. NUL bytes become '?'. */
static bool take_quoted(struct rest *r, char *out, size_t cap, bool *cut)
{
	size_t n = 0;
	*cut = false;
	if (!take_char(r, '"'))
		return false;
	while (r->at < r->end && *r->at != '"') {
		char c = take_byte(r);
		if (n + 1 < cap)
			out[n++] = c != '\0' ? c : '?';
		else
			*cut = true;
	}
	out[n] = '\0';
	return take_char(r, '"');
}

/* "GET /path HTTP/1.1" */
static bool split_request(char *request, struct accesslog_line *out)
{
	char *target = strchr(request, ' ');
	char *version = target != NULL ? strrchr(target + 1, ' ') : NULL;
	if (version == NULL || strncmp(version, " HTTP/", 6) != 0)
		return false;
	*target++ = '\0';
	*version = '\0';
	size_t method_len = strlen(request), target_len = strlen(target);
	if (method_len == 0 || method_len >= sizeof out->method || target_len == 0 ||
	    target_len >= sizeof out->target || strchr(target, ' ') != NULL)
		return false;
	memcpy(out->method, request, method_len + 1);
	memcpy(out->target, target, target_len + 1);
	return true;
}

/* Finds the time: the first bracket behind a space that holds one. */
static bool find_time(struct rest *r, int64_t *out)
{
	while (r->at < r->end) {
		const char *bracket = memchr(r->at, '[', (size_t)(r->end - r->at));
		if (bracket == NULL || memchr(r->at, '"', (size_t)(bracket - r->at)) != NULL)
			return false;
		struct rest inside = {bracket + 1, r->end};
		r->at = bracket + 1;
		if (bracket[-1] == ' ' && take_time(&inside, out)) {
			*r = inside;
			return true;
		}
	}
	return false;
}

static bool parse_combined(const char *line, size_t len, struct accesslog_line *out)
{
	char request[ACCESSLOG_TARGET_CAP + 64], referer[2];
	struct rest r = {line + 1, line + len}; /* a time is never the first thing: it has a byte before it */
	int64_t status;
	bool cut;
	if (!find_time(&r, &out->time) || !take_char(&r, ' ') || !take_quoted(&r, request, sizeof request, &cut) ||
	    cut || !split_request(request, out) || !take_char(&r, ' ') || !take_number(&r, &status) ||
	    !take_char(&r, ' '))
		return false;
	if (status < 100 || status > 599)
		return false;
	out->status = (int)status;
	if (!take_char(&r, '-') && !take_number(&r, &out->bytes))
		return false;
	if (r.at == r.end)
		return true; /* the common format */
	if (!take_char(&r, ' '))
		return false;
	/* More fields of an operator's own may follow, or stand there instead. */
	if (take_quoted(&r, referer, sizeof referer, &cut) && take_char(&r, ' ') &&
	    take_quoted(&r, out->agent, sizeof out->agent, &cut) && strcmp(out->agent, "-") != 0)
		return true;
	out->agent[0] = '\0';
	return true;
}

bool accesslog_parse(const char *line, size_t len, struct accesslog_line *out)
{
	*out = (struct accesslog_line){0};
	if (len < 2 || len > ACCESSLOG_LINE_MAX)
		return false;
	return line[0] == '{' ? accesslog_parse_json(line, len, out) : parse_combined(line, len, out);
}

bool accesslog_is_bot(const char *agent)
{
	static const char *const WORDS[] = {"bot", "crawl", "spider", "slurp", "scan", "censys", "zgrab", "masscan",
	    "facebookexternalhit", "preview", "headlesschrome", "archiver", "probe"};
	for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++)
		if (strcasestr(agent, WORDS[i]) != NULL)
			return true;
	return false;
}
