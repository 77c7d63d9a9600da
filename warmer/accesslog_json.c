/* accesslog_json: see accesslog_json.h. A strict parser of one JSON object that keeps only the few members it wants. */
#include "warmer/accesslog_json.h"

#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 16, NAME_CAP = 64, NUMBER_CAP = 40 };

struct parser {
	const char *at, *end;
	struct accesslog_line *out;
	bool has_time, has_status, has_method, has_target;
};

/* Where a value stands: the names above it, as far as anything wanted lies there. */
enum place { PLACE_TOP, PLACE_REQUEST, PLACE_HEADERS, PLACE_AGENT, PLACE_ELSEWHERE };

static bool value(struct parser *p, enum place place, const char *name, int depth);

static void skip_space(struct parser *p)
{
	while (p->at < p->end && (*p->at == ' ' || *p->at == '\t' || *p->at == '\r' || *p->at == '\n'))
		p->at++;
}

static bool take(struct parser *p, char c)
{
	skip_space(p);
	if (p->at == p->end || *p->at != c)
		return false;
	p->at++;
	return true;
}

static bool take_word(struct parser *p, const char *word)
{
	size_t len = strlen(word);
	if ((size_t)(p->end - p->at) < len || memcmp(p->at, word, len) != 0)
		return false;
	p->at += len;
	return true;
}

/* \uNNNN: what is no ASCII becomes '?'; nothing wanted has any. */
static bool take_unicode(struct parser *p, char *out)
{
	unsigned code = 0;
	for (int i = 0; i < 4; i++) {
		if (p->at == p->end)
			return false;
		char c = *p->at++;
		unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
		                 : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
		                 : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
		                                        : 16;
		if (digit == 16)
			return false;
		code = code * 16 + digit;
	}
	*out = code > 0 && code < 0x80 ? (char)code : '?';
	return true;
}

static bool take_escape(struct parser *p, char *out)
{
	static const char FROM[] = "\"\\/bfnrt", TO[] = "\"\\/\b\f\n\r\t";
	if (p->at == p->end)
		return false;
	char c = *p->at++;
	if (c == 'u')
		return take_unicode(p, out);
	const char *found = c != '\0' ? strchr(FROM, c) : NULL;
	if (found != NULL)
		*out = TO[found - FROM];
	return found != NULL;
}

/* A string; one that does not fit is cut, which *cut tells. */
static bool take_string(struct parser *p, char *out, size_t cap, bool *cut)
{
	size_t n = 0;
	*cut = false;
	if (!take(p, '"'))
		return false;
	while (p->at < p->end && *p->at != '"') {
		char c = *p->at++;
		if ((unsigned char)c < 0x20 || (c == '\\' && !take_escape(p, &c)))
			return false;
		if (n + 1 < cap)
			out[n++] = c;
		else
			*cut = true;
	}
	out[n] = '\0';
	return p->at++ < p->end;
}

static bool take_number(struct parser *p, double *out)
{
	char text[NUMBER_CAP];
	size_t n = 0;
	while (p->at < p->end && strchr("+-.0123456789eE", *p->at) != NULL && *p->at != '\0' && n + 1 < sizeof text)
		text[n++] = *p->at++;
	text[n] = '\0';
	char *end;
	*out = strtod(text, &end);
	return n > 0 && *end == '\0';
}

static bool two(const char *text, int *out)
{
	if (text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9')
		return false;
	*out = (text[0] - '0') * 10 + text[1] - '0';
	return true;
}

/* RFC 3339: 2025-10-10T13:55:36.123Z or …+02:00 */
static bool parse_time(const char *t, int64_t *out)
{
	int century, year, month, day, hour, minute, second, zone_hour = 0, zone_minute = 0;
	if (strlen(t) < 20 || !two(t, &century) || !two(t + 2, &year) || t[4] != '-' || !two(t + 5, &month) ||
	    t[7] != '-' || !two(t + 8, &day) || !two(t + 11, &hour) || t[13] != ':' || !two(t + 14, &minute) ||
	    t[16] != ':' || !two(t + 17, &second) || month < 1 || month > 12 || century < 19)
		return false;
	const char *zone = t + 19;
	if (*zone == '.')
		zone += 1 + strspn(zone + 1, "0123456789");
	if (strcmp(zone, "Z") != 0 &&
	    (strlen(zone) < 5 || (*zone != '+' && *zone != '-') || !two(zone + 1, &zone_hour) ||
	        !two(zone + (zone[3] == ':' ? 4 : 3), &zone_minute)))
		return false;
	int away = (zone_hour * 60 + zone_minute) * 60;
	*out = accesslog_days(century * 100 + year, month, day) * 86400 + hour * 3600 + minute * 60 + second -
	       (*zone == '-' ? -away : away);
	return true;
}

static bool text_member(struct parser *p, enum place place, const char *name)
{
	struct accesslog_line *out = p->out;
	char text[NAME_CAP];
	bool cut, ok;
	if (place == PLACE_REQUEST && strcmp(name, "method") == 0) {
		ok = take_string(p, out->method, sizeof out->method, &cut) && !cut;
		p->has_method = ok && out->method[0] != '\0';
		return ok;
	}
	if (place == PLACE_REQUEST && strcmp(name, "uri") == 0) {
		ok = take_string(p, out->target, sizeof out->target, &cut) && !cut;
		p->has_target = ok && out->target[0] != '\0';
		return ok;
	}
	if (place == PLACE_AGENT && out->agent[0] == '\0')
		return take_string(p, out->agent, sizeof out->agent, &cut);
	if (!take_string(p, text, sizeof text, &cut))
		return false;
	if (place == PLACE_TOP && strcmp(name, "ts") == 0)
		p->has_time = parse_time(text, &out->time);
	return true;
}

static bool number_member(struct parser *p, enum place place, const char *name)
{
	double number;
	if (!take_number(p, &number))
		return false;
	if (place != PLACE_TOP)
		return true;
	if (strcmp(name, "status") == 0 && number >= 100 && number <= 599) {
		p->out->status = (int)number;
		p->has_status = true;
	} else if (strcmp(name, "size") == 0 && number >= 0 && number < 1e18) {
		p->out->bytes = (int64_t)number;
	} else if (strcmp(name, "ts") == 0 && number >= 0 && number < 1e12) {
		p->out->time = (int64_t)number;
		p->has_time = true;
	}
	return true;
}

static enum place below(enum place place, const char *name)
{
	if (place == PLACE_TOP && strcmp(name, "request") == 0)
		return PLACE_REQUEST;
	if (place == PLACE_REQUEST && strcmp(name, "headers") == 0)
		return PLACE_HEADERS;
	return PLACE_ELSEWHERE;
}

static bool object(struct parser *p, enum place place, int depth)
{
	char name[NAME_CAP];
	bool cut;
	if (take(p, '}'))
		return true;
	do {
		if (!take_string(p, name, sizeof name, &cut) || !take(p, ':') ||
		    !value(p, place, cut ? "" : name, depth))
			return false;
	} while (take(p, ','));
	return take(p, '}');
}

static bool array(struct parser *p, enum place place, int depth)
{
	if (take(p, ']'))
		return true;
	do {
		if (!value(p, place, "", depth))
			return false;
	} while (take(p, ','));
	return take(p, ']');
}

static bool value(struct parser *p, enum place place, const char *name, int depth)
{
	skip_space(p);
	if (p->at == p->end || depth > DEPTH_MAX)
		return false;
	switch (*p->at) {
	case '{':
		p->at++;
		return object(p, depth == 0 ? PLACE_TOP : below(place, name), depth + 1);
	case '[':
		p->at++;
		return array(p,
		    place == PLACE_HEADERS && strcmp(name, "User-Agent") == 0 ? PLACE_AGENT : PLACE_ELSEWHERE,
		    depth + 1);
	case '"':
		return text_member(p, place, name);
	case 't':
		return take_word(p, "true");
	case 'f':
		return take_word(p, "false");
	case 'n':
		return take_word(p, "null");
	default:
		return number_member(p, place, name);
	}
}

bool accesslog_parse_json(const char *line, size_t len, struct accesslog_line *out)
{
	struct parser p = {.at = line, .end = line + len, .out = out};
	if (!value(&p, PLACE_ELSEWHERE, "", 0))
		return false;
	skip_space(&p);
	return p.at == p.end && p.has_time && p.has_status && p.has_method && p.has_target;
}
