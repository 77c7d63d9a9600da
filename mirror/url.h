/* url: the absolute http(s) URLs of a configuration and of an index, taken apart. Pure.
 *
 * Stricter than RFC 3986: no user information, no fragment, a host of letters, digits, dots and hyphens or a bracketed
 * IPv6 address, and no byte that would have to be escaped. Braces are let through, for the templates of rules. Called
 * by config and route. */
#ifndef PKGMIRROR_URL_H
#define PKGMIRROR_URL_H

#include <stdbool.h>
#include <stddef.h>

/* The parts of a URL; every pointer is into the parsed text. */
struct url {
	bool tls; /* https */
	const char *authority;
	size_t authority_len; /* host and port */
	const char *host;
	size_t host_len;   /* without port and brackets */
	const char *path;  /* "" or from the first slash on, with the query */
	const char *query; /* from the '?' on; the end of the text when there is none */
};

/* Takes `text` apart. NULL when it is such a URL, else what is wrong with it; *out is then undefined. */
const char *url_parse(const char *text, struct url *out) __attribute__((warn_unused_result, nonnull));

/* True when both have the same scheme, host and port as written; case does not count. */
bool url_same_origin(const struct url *a, const struct url *b) __attribute__((nonnull));

/* True when `text` is a URL at or below the URL `base`, whatever their schemes are. */
bool url_is_below(const char *text, const char *base) __attribute__((nonnull));

/* True when `host` (len bytes, with or without the brackets of IPv6) is the host of the URL; case does not count. */
bool url_has_host(const struct url *u, const char *host, size_t len) __attribute__((nonnull));

#endif
