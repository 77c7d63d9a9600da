/* display: the lines of progress on a terminal, redrawn in place at whatever size it has; a plain line every few
 * seconds where there is none. Called by the command warm. */
#ifndef PKGMIRROR_WARMER_DISPLAY_H
#define PKGMIRROR_WARMER_DISPLAY_H

#include "warmer/progress.h"

#include <stdbool.h>
#include <stdio.h>

enum { DISPLAY_TRANSFERS = 16 };

struct display {
	FILE *out;
	bool terminal;
	int drawn; /* lines that stand on the terminal now */
	size_t lengths[DISPLAY_TRANSFERS + 1];
	int64_t next_ms; /* not before */
};

/* Prepares *d for a stream: a terminal (and not a dumb one), or something else. */
void display_begin(struct display *d, FILE *out);

/* Shows how far it is: at once when `now` is true, else as often as the kind of stream is good for. */
void display_show(struct display *d, int64_t now_ms, bool now, const struct progress *whole,
    const struct progress_file *files, size_t count);

/* Takes the lines off the terminal, so that other text can be printed; the next display_show draws them again. */
void display_clear(struct display *d);

#endif
