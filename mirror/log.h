/* log: one line an event, in logfmt, to standard error or to a file.
 *
 * `ts=2026-01-01T00:00:00Z prog=pkgmirror-fetch level=info event=published path="zig/…" bytes=12`. Values are escaped,
 * so that nothing that came from outside can forge a line or a field. The sink is the project's only mutable
 * global. Thread-safe: a line is one write(2). */
#ifndef PKGMIRROR_LOG_H
#define PKGMIRROR_LOG_H

#include "fault.h"

#include <stdint.h>

enum log_level { LOG_DEBUG_LEVEL, LOG_INFO_LEVEL, LOG_WARN_LEVEL, LOG_ERROR_LEVEL };

/* Names the program in every line and sends lines to fd (borrowed; STDERR_FILENO before the first call). Lines below
 * `least` are dropped. Call before threads start. */
void log_open(const char *program, int fd, enum log_level least);

/* One line: level, event and pairs of key and value, ended by NULL:
 *     log_event(LOG_INFO_LEVEL, "published", "path", path, "bytes", log_int(n).text, NULL);
 * A NULL value is written as an empty one. A line over 4 KiB is cut. Never fails, never blocks longer than write(2). */
void log_event(enum log_level level, const char *event, ...) __attribute__((sentinel));

/* A line of level error (system, full, integrity), warn (upstream, busy, limit) or info (the rest) with class and text
 * of *f and the pairs. */
void log_fault(const struct fault *f, const char *event, ...) __attribute__((sentinel));

struct log_number {
	char text[24];
};

/* An integer as text, for log_event. */
struct log_number log_int(int64_t value);

/* Writes `value` escaped as a logfmt value into out (cap bytes, NUL-terminated, cut when too long): as it is when it
 * holds only printable ASCII without space, quote, backslash and '='; else quoted, with \", \\, \n, \t and \xNN. Pure.
 * Returns the length. */
size_t log_escape(const char *value, char *out, size_t cap);

#endif
