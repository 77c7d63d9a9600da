/* display: see display.h. */
#include "warmer/display.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { REDRAW_MS = 200, PLAIN_MS = 5000, COLUMNS_USUAL = 80, ROWS_USUAL = 24, COLUMNS_LEAST = 10 };

/* What a terminal understands (ECMA-48). */
#define ERASE_LINE "\x1b[K"
#define ERASE_BELOW "\x1b[J"

void display_begin(struct display *d, FILE *out)
{
	const char *kind = getenv("TERM");
	*d = (struct display){.out = out};
	d->terminal = isatty(fileno(out)) == 1 && kind != NULL && strcmp(kind, "dumb") != 0;
}

static void size_of(const struct display *d, int *columns, int *rows)
{
	struct winsize size = {0};
	bool known = ioctl(fileno(d->out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0;
	*columns = known ? size.ws_col : COLUMNS_USUAL;
	*rows = known ? size.ws_row : ROWS_USUAL;
	if (*columns < COLUMNS_LEAST)
		*columns = COLUMNS_LEAST;
}

/* To the first column of the first line that was drawn. A terminal that became narrower has broken longer lines. */
static void go_up(struct display *d, int columns)
{
	int rows = 0;
	for (int i = 0; i < d->drawn; i++)
		rows += d->lengths[i] > 0 ? (int)((d->lengths[i] - 1) / (size_t)columns) + 1 : 1;
	fputc('\r', d->out);
	if (rows > 0)
		fprintf(d->out, "\x1b[%dA", rows);
}

void display_clear(struct display *d)
{
	int columns, rows;
	if (d->drawn == 0)
		return;
	size_of(d, &columns, &rows);
	go_up(d, columns);
	fputs(ERASE_BELOW, d->out);
	fflush(d->out);
	d->drawn = 0;
	d->next_ms = 0;
}

static void put(struct display *d, const char *line, size_t len)
{
	fprintf(d->out, "%s" ERASE_LINE "\n", line);
	d->lengths[d->drawn++] = len;
}

/* The last column stays free: a line that fills it would make some terminals wrap. */
static void draw(struct display *d, const struct progress *whole, const struct progress_file *files, size_t count)
{
	char line[PROGRESS_LINE_CAP];
	int columns, rows;
	size_of(d, &columns, &rows);
	go_up(d, columns);
	d->drawn = 0;
	size_t len = progress_bar(whole, columns - 1, line);
	put(d, line, len);
	for (size_t i = 0; i < count && i < DISPLAY_TRANSFERS && d->drawn < rows - 1; i++) {
		len = progress_transfer(&files[i], columns - 1, line);
		put(d, line, len);
	}
	fputs(ERASE_BELOW, d->out);
	fflush(d->out);
}

void display_show(struct display *d, int64_t now_ms, bool now, const struct progress *whole,
    const struct progress_file *files, size_t count)
{
	char line[PROGRESS_LINE_CAP];
	if (!now && now_ms < d->next_ms)
		return;
	/* Somewhere else than on a terminal the first line waits too: a short run needs none. */
	bool first = d->next_ms == 0 && !d->terminal;
	d->next_ms = now_ms + (d->terminal ? REDRAW_MS : PLAIN_MS);
	if (d->terminal) {
		draw(d, whole, files, count);
	} else if (!first) {
		progress_plain(whole, line);
		fprintf(d->out, "%s\n", line);
		fflush(d->out);
	}
}
