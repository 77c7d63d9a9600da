/* url: see url.h. */
#include "url.h"

#include <string.h>
#include <strings.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_alnum(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Finds the end of the host at `p`, NULL when there is no proper one. */
static const char *parse_host(const char *p, struct url *out)
{
	if (*p == '[') {
		out->host = ++p;
		while (is_hex(*p) || *p == ':' || *p == '.')
			p++;
		out->host_len = (size_t)(p - out->host);
		return *p == ']' && out->host_len > 0 ? p + 1 : NULL;
	}
	out->host = p;
	while (is_alnum(*p) || *p == '.' || *p == '-')
		p++;
	out->host_len = (size_t)(p - out->host);
	return out->host_len > 0 && out->host[0] != '.' && out->host[0] != '-' ? p : NULL;
}

/* Finds the end of an optional ":port" at `p`, NULL when it is none of 1 to 65535. */
static const char *parse_port(const char *p)
{
	unsigned port = 0;
	if (*p != ':')
		return p;
	const char *start = ++p;
	while (is_digit(*p) && p - start < 5)
		port = port * 10 + (unsigned)(*p++ - '0');
	return p > start && port > 0 && port <= 65535 ? p : NULL;
}

static const char *check_path(const char *p)
{
	for (; *p != '\0'; p++) {
		if (*p == '#')
			return "a URL with a fragment";
		if (*p == '%' && !(is_hex(p[1]) && is_hex(p[2])))
			return "a URL with a broken percent escape";
		if (!is_alnum(*p) && strchr("-._~!$&'()*+,;=:@/?%{}", *p) == NULL)
			return "a URL with a character that must be escaped";
	}
	return NULL;
}

const char *url_parse(const char *text, struct url *out)
{
	*out = (struct url){.tls = strncmp(text, "https://", 8) == 0};
	if (!out->tls && strncmp(text, "http://", 7) != 0)
		return "not an absolute http or https URL";
	out->authority = text + (out->tls ? 8 : 7);
	const char *p = parse_host(out->authority, out);
	if (p == NULL)
		return "a URL without a proper host";
	p = parse_port(p);
	if (p == NULL)
		return "a URL without a proper port";
	out->authority_len = (size_t)(p - out->authority);
	if (*p != '\0' && *p != '/')
		return *p == '@' ? "a URL with user information" : "a URL without a proper host";
	out->path = p;
	out->query = p + strcspn(p, "?");
	return check_path(p);
}

bool url_same_origin(const struct url *a, const struct url *b)
{
	return a->tls == b->tls && a->authority_len == b->authority_len &&
	       strncasecmp(a->authority, b->authority, a->authority_len) == 0;
}

bool url_is_below(const char *text, const char *base)
{
	struct url u, b;
	if (url_parse(text, &u) != NULL || url_parse(base, &b) != NULL)
		return false;
	size_t n = strlen(b.path);
	u.tls = b.tls;
	return url_same_origin(&u, &b) && strncmp(u.path, b.path, n) == 0 &&
	       (u.path[n] == '\0' || u.path[n] == '/' || u.path[n] == '?');
}

bool url_has_host(const struct url *u, const char *host, size_t len)
{
	if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
		host++;
		len -= 2;
	}
	return len == u->host_len && strncasecmp(u->host, host, len) == 0;
}
