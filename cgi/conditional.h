/* conditional: the conditional header fields of a request (RFC 9110 section 13). Pure.
 *
 * Our validators are strong: `etag` is a quoted opaque tag without W/, `modified` the Last-Modified date in UTC
 * seconds. Field values may be NULL: the request has none. Called by published and page_index. */
#ifndef PKGMIRROR_CGI_CONDITIONAL_H
#define PKGMIRROR_CGI_CONDITIONAL_H

#include <stdbool.h>
#include <stdint.h>

/* True when the answer to a GET or HEAD is 304 (section 13.2.2): If-None-Match when the request has it, else
 * If-Modified-Since. `now` is only for dates with two-digit years. */
bool conditional_9110_13_2_2(
    const char *if_none_match, const char *if_modified_since, const char *etag, int64_t modified, int64_t now);

/* True when a Range may be honoured (section 13.1.5): no If-Range, the same strong tag, or exactly our date. */
bool conditional_9110_13_1_5(const char *if_range, const char *etag, int64_t modified, int64_t now);

#endif
