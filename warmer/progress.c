/* progress: see progress.h. */
#include "warmer/progress.h"
#include "mirror/human.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { COLUMNS_MAX = 500 };
enum { SAMPLE_MS = 250, BAR_WIDE = 10, BAR_NARROW = 6, NAME_LEAST = 8, LONGEST_SEC = 99 * 3600 + 59 * 60 + 59 };

void progress_rate_add(struct progress_rate *r, int64_t now_ms, int64_t bytes)
{
	if (r->count > 0) {
		size_t last = (r->count - 1) % PROGRESS_SAMPLES;
		if (bytes < r->samples[last].bytes)
			r->count = 0;
		else if (now_ms - r->samples[last].ms < SAMPLE_MS)
			return;
	}
	r->samples[r->count % PROGRESS_SAMPLES].ms = now_ms;
	r->samples[r->count % PROGRESS_SAMPLES].bytes = bytes;
	r->count++;
}

int64_t progress_rate_speed(const struct progress_rate *r)
{
	if (r->count < 2)
		return -1;
	size_t last = (r->count - 1) % PROGRESS_SAMPLES;
	size_t first = r->count > PROGRESS_SAMPLES ? r->count % PROGRESS_SAMPLES : 0;
	int64_t ms = r->samples[last].ms - r->samples[first].ms;
	double bytes = (double)(r->samples[last].bytes - r->samples[first].bytes);
	return ms > 0 ? (int64_t)(bytes * 1000 / (double)ms) : -1;
}

int64_t progress_left_sec(const struct progress *p)
{
	int64_t left = p->bytes - p->bytes_done;
	if (left <= 0)
		return p->files_done >= p->files ? 0 : -1;
	return p->speed > 0 ? left / p->speed + 1 : -1;
}

void progress_time(int64_t seconds, char out[PROGRESS_TIME_CAP])
{
	if (seconds < 0) {
		snprintf(out, PROGRESS_TIME_CAP, "-:--");
		return;
	}
	int s = seconds < LONGEST_SEC ? (int)seconds : LONGEST_SEC;
	if (s >= 3600)
		snprintf(out, PROGRESS_TIME_CAP, "%d:%02d:%02d", s / 3600, s / 60 % 60, s % 60);
	else
		snprintf(out, PROGRESS_TIME_CAP, "%d:%02d", s / 60, s % 60);
}

/* Of the bytes; of the files, when no size is known. 100 only when all is done. */
static int percent(const struct progress *p)
{
	double part = p->bytes > 0   ? (double)p->bytes_done / (double)p->bytes
	              : p->files > 0 ? (double)p->files_done / (double)p->files
	                             : 1;
	int n = part >= 1 ? 100 : (int)(part * 100);
	return n == 100 && p->files_done < p->files ? 99 : n;
}

struct texts {
	char done[HUMAN_CAP], all[HUMAN_CAP], speed[HUMAN_CAP + 4], left[PROGRESS_TIME_CAP];
};

static void write_texts(const struct progress *p, struct texts *t)
{
	char speed[HUMAN_CAP];
	human_size(p->bytes_done, t->done);
	human_size(p->bytes, t->all);
	human_size(p->speed, speed);
	snprintf(t->speed, sizeof t->speed, "%s/s", p->speed < 0 ? "-" : speed);
	progress_time(progress_left_sec(p), t->left);
}

/* The numbers of a bar; a higher level is shorter. */
static int write_numbers(const struct progress *p, const struct texts *t, int level, char *out, size_t cap)
{
	switch (level) {
	case 0:
		return snprintf(out, cap, "%3d%%  %zu of %zu files  %s of %s  %s  %s left", percent(p), p->files_done,
		    p->files, t->done, t->all, t->speed, t->left);
	case 1:
	case 2:
		return snprintf(out, cap, "%d%% %zu/%zu %s/%s %s %s", percent(p), p->files_done, p->files, t->done,
		    t->all, t->speed, t->left);
	case 3:
		return snprintf(
		    out, cap, "%d%% %zu/%zu %s %s %s", percent(p), p->files_done, p->files, t->done, t->speed, t->left);
	default:
		return snprintf(out, cap, "%zu/%zu %s %s %s", p->files_done, p->files, t->done, t->speed, t->left);
	}
}

static size_t cut(char *out, int columns)
{
	size_t len = strlen(out), most = columns > 0 ? (size_t)columns : 0;
	if (len > most) {
		len = most;
		out[len] = '\0';
	}
	return len;
}

static int bounded(int columns)
{
	return columns < COLUMNS_MAX ? columns : COLUMNS_MAX;
}

size_t progress_bar(const struct progress *p, int columns, char out[PROGRESS_LINE_CAP])
{
	static const int BARS[] = {BAR_WIDE, BAR_NARROW, 0, 0, 0};
	enum { LEVELS = sizeof BARS / sizeof BARS[0], AROUND = 3 };
	char numbers[PROGRESS_LINE_CAP];
	struct texts t;
	int level = 0, len;
	columns = bounded(columns);
	write_texts(p, &t);
	for (;; level++) {
		len = write_numbers(p, &t, level, numbers, sizeof numbers);
		if (level == LEVELS - 1 || len + (BARS[level] > 0 ? BARS[level] + AROUND : 0) <= columns)
			break;
	}
	if (BARS[level] == 0) {
		snprintf(out, PROGRESS_LINE_CAP, "%s", numbers);
		return cut(out, columns);
	}
	int width = columns - len - AROUND, filled = width * percent(p) / 100;
	char *at = out;
	*at++ = '[';
	memset(at, '#', (size_t)filled);
	memset(at + filled, '-', (size_t)(width - filled));
	at += width;
	snprintf(at, PROGRESS_LINE_CAP - (size_t)(at - out), "] %s", numbers);
	return cut(out, columns);
}

/* Writes a name into exactly `width` columns. */
static void fit_name(const char *name, int width, char *out)
{
	int len = (int)strlen(name);
	if (len <= width) {
		snprintf(out, PROGRESS_LINE_CAP, "%-*s", width, name);
		return;
	}
	if (width < NAME_LEAST) {
		snprintf(out, PROGRESS_LINE_CAP, "%.*s", width, name);
		return;
	}
	/* The end tells more: version and kind. */
	int head = (width - 2) / 3, tail = width - 2 - head;
	snprintf(out, PROGRESS_LINE_CAP, "%.*s..%s", head, name, name + len - tail);
}

size_t progress_transfer(const struct progress_file *file, int columns, char out[PROGRESS_LINE_CAP])
{
	enum { WIDE = 60, MARGIN = 2, GAP = 2 };
	char name[PROGRESS_LINE_CAP], numbers[96], at[HUMAN_CAP], all[HUMAN_CAP];
	columns = bounded(columns);
	human_size(file->at, at);
	human_size(file->bytes, all);
	int part = file->bytes > 0 ? (int)((double)file->at * 100 / (double)file->bytes) : 0;
	if (file->bytes <= 0)
		snprintf(numbers, sizeof numbers, "%s", at);
	else if (columns < WIDE)
		snprintf(numbers, sizeof numbers, "%3d%%", part < 100 ? part : 100);
	else
		snprintf(numbers, sizeof numbers, "%s of %s  %3d%%", at, all, part < 100 ? part : 100);
	int width = columns - MARGIN - GAP - (int)strlen(numbers);
	if (width <= 0) {
		out[0] = '\0';
		return 0;
	}
	fit_name(file->name, width, name);
	snprintf(out, PROGRESS_LINE_CAP, "%*s%.*s%*s%s", MARGIN, "", width, name, GAP, "", numbers);
	return cut(out, columns);
}

size_t progress_plain(const struct progress *p, char out[PROGRESS_LINE_CAP])
{
	struct texts t;
	write_texts(p, &t);
	int n = snprintf(out, PROGRESS_LINE_CAP, "%zu of %zu files, %s of %s, %s, %s left", p->files_done, p->files,
	    t.done, t.all, t.speed, t.left);
	return (size_t)n;
}
