/* accesslog_json: the access log of Caddy, and what both forms share. For accesslog only. */
#ifndef PKGMIRROR_WARMER_ACCESSLOG_JSON_H
#define PKGMIRROR_WARMER_ACCESSLOG_JSON_H

#include "warmer/accesslog.h"

/* As accesslog_parse, for a line that is one JSON object: members status, size, ts (seconds since 1970, or RFC 3339),
 * request.method, request.uri, request.headers.User-Agent[0]. A member that stands twice counts as its last. */
bool accesslog_parse_json(const char *line, size_t len, struct accesslog_line *out) __attribute__((warn_unused_result));

/* Days from 1970-01-01 to a date of the Gregorian calendar. */
int64_t accesslog_days(int64_t year, int month, int64_t day);

#endif
