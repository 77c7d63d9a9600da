/* target: what a request target says: its path, decoded, and who asks. Pure; the project's only URL decoder.
 *
 * Called by the responder for the requests that it gets, and by the warmer for those that stand in an access log. */
#ifndef PKGMIRROR_TARGET_H
#define PKGMIRROR_TARGET_H

#include "fault.h"
#include "wire.h"

enum { TARGET_PATH_MAX = 1024 };

/* Decodes the len bytes of a raw path (no query) into out, which has a NUL at its end, and *out_len. `+` is a plus.
 * Refused as FAULT_ABSENT with the reason: over TARGET_PATH_MAX, a broken percent escape, NUL, control bytes, '\', an
 * encoded '/', segments that are empty, "." or "..". "/" alone is fine. */
bool target_decode_path(const char *raw, size_t len, char out[TARGET_PATH_MAX + 1], size_t *out_len, struct fault *f)
    __attribute__((warn_unused_result));

/* The value of the parameter `source` in a query (what follows the '?'; NULL: there is none), or "-" when it has none
 * that is a name of [A-Za-z0-9._-]. */
void target_source(const char *query, char out[WIRE_SOURCE_CAP]);

#endif
