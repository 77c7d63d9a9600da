/* progress: how far a warm is, as lines for people and for programs. Pure: numbers in, text out, the clock is an
 * argument. What a terminal does with the lines is display's business. */
#ifndef PKGMIRROR_WARMER_PROGRESS_H
#define PKGMIRROR_WARMER_PROGRESS_H

#include <stddef.h>
#include <stdint.h>

enum { PROGRESS_LINE_CAP = 1024, PROGRESS_SAMPLES = 32, PROGRESS_TIME_CAP = 16 };

/* The whole of a run. */
struct progress {
	size_t files, files_done;
	int64_t bytes, bytes_done;
	int64_t speed; /* bytes a second; -1: not known yet */
};

/* One running transfer. */
struct progress_file {
	const char *name;
	int64_t bytes, at; /* bytes -1: unknown */
};

/* Speed over the last seconds. Zero it before use. */
struct progress_rate {
	struct {
		int64_t ms, bytes;
	} samples[PROGRESS_SAMPLES]; /* a ring */
	size_t count;
};

/* Notes how many bytes there are at a time of the monotonic clock; fewer than before (a transfer began again) starts
 * over. */
void progress_rate_add(struct progress_rate *r, int64_t now_ms, int64_t bytes);

/* Bytes a second over the samples, -1 while there are none that tell. */
int64_t progress_rate_speed(const struct progress_rate *r);

/* Seconds until the end at this speed; -1 when nobody knows. */
int64_t progress_left_sec(const struct progress *p);

/* "0:07", "12:34", "1:02:03"; "-:--" for a negative number, "99:59:59" at most. */
void progress_time(int64_t seconds, char out[PROGRESS_TIME_CAP]);

/* The line of the whole, at most `columns` wide, without a line end: a bar with files, bytes, speed and time left where
 * there is room, shorter forms and then no bar where there is not. Returns its length. */
size_t progress_bar(const struct progress *p, int columns, char out[PROGRESS_LINE_CAP]);

/* The line of one transfer, likewise; a long name loses its middle. */
size_t progress_transfer(const struct progress_file *file, int columns, char out[PROGRESS_LINE_CAP]);

/* A line for a log: "12 of 400 files, 3.4 MB of 20.1 MB, 1.2 MB/s, 0:14 left". */
size_t progress_plain(const struct progress *p, char out[PROGRESS_LINE_CAP]);

#endif
