/* httpdate: dates in HTTP header fields (RFC 9110 section 5.6.7). Pure; UTC seconds. */
#ifndef PKGMIRROR_HTTPDATE_H
#define PKGMIRROR_HTTPDATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HTTPDATE_CAP = 30 };

/* Writes the IMF-fixdate of `when`, NUL-terminated: "Sun, 06 Nov 1994 08:49:37 GMT". Years 1 to 9999; others are
 * clamped. */
void httpdate_format(int64_t when, char out[HTTPDATE_CAP]);

/* Parses IMF-fixdate, RFC 850 and asctime dates. A two-digit year more than 50 years after `now` is in the past
 * century. False when text (len bytes) is no date. */
bool httpdate_parse(const char *text, size_t len, int64_t now, int64_t *when) __attribute__((warn_unused_result));

#endif
