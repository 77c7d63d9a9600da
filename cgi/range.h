/* range: the Range header field (RFC 9110 section 14). Pure. Called by published and page_index. */
#ifndef PKGMIRROR_CGI_RANGE_H
#define PKGMIRROR_CGI_RANGE_H

#include <stdint.h>

enum range_kind {
	RANGE_WHOLE,      /* no range, or one that may be ignored: malformed, another unit, several ranges */
	RANGE_PART,       /* one range: *first to *last, both counted from 0 and included */
	RANGE_UNSATISFIED /* one range, beyond the end: 416 */
};

/* Reads the field `value` (NULL: none) for a content of size bytes (not negative). *first and *last are set for
 * RANGE_PART only. Several ranges are ignored, which section 14.2 allows: nobody who fetches a tarball asks for them,
 * and multipart answers are a known way to make a server work. */
enum range_kind range_9110_14_2(const char *value, int64_t size, int64_t *first, int64_t *last);

#endif
