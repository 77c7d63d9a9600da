/* field: header fields of an upstream's answer. Pure. Called by transfer. */
#ifndef PKGMIRROR_FETCH_FIELD_H
#define PKGMIRROR_FETCH_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* True when the header line (len bytes, with or without its line end) is of the field `name`: its value is in out then,
 * without the space around it, NUL-terminated; "" when it does not fit. */
bool field_value(const char *line, size_t len, const char *name, char *out, size_t cap) __attribute__((nonnull));

/* Takes the value of a Content-Range apart (RFC 9110 section 14.4): "bytes FIRST-LAST/TOTAL"; *total is -1 for an
 * asterisk, and so is *first in "bytes (asterisk)/TOTAL", which belongs to a 416. False, with nothing changed, for
 * anything else. */
bool field_content_range(const char *text, int64_t *first, int64_t *total) __attribute__((nonnull));

#endif
