/* journal: see journal.h. */
#include "journal.h"

#include "cgi/buffer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LINE_CAP = 1024, LINES_CAP = 16 * 1024 };

struct journal {
	const struct store *store;
	pthread_mutex_t lock;
	size_t len;
	char lines[LINES_CAP];
};

struct journal *journal_open(const struct store *store)
{
	struct journal *j = malloc(sizeof *j);
	if (j == NULL)
		return NULL;
	j->store = store;
	j->len = 0;
	pthread_mutex_init(&j->lock, NULL);
	return j;
}

/* With the lock held. */
static void write_out(struct journal *j)
{
	if (j->len > 0)
		store_journal(j->store, j->lines, j->len);
	j->len = 0;
}

void journal_flush(struct journal *j)
{
	pthread_mutex_lock(&j->lock);
	write_out(j);
	pthread_mutex_unlock(&j->lock);
}

void journal_close(struct journal *j)
{
	if (j == NULL)
		return;
	write_out(j);
	pthread_mutex_destroy(&j->lock);
	free(j);
}

void journal_hit(const struct site *site, const char *path, const char *source, int status, int64_t bytes)
{
	struct journal *j = site->journal;
	char line[LINE_CAP];
	struct buffer b;
	counters_add(&site->counters->bytes, (uint64_t)bytes);
	buffer_over(&b, line, sizeof line);
	buffer_int(&b, time(NULL));
	buffer_add(&b, "\t", 1);
	buffer_text(&b, path);
	buffer_add(&b, "\t", 1);
	buffer_text(&b, source);
	buffer_add(&b, "\t", 1);
	buffer_int(&b, status);
	buffer_add(&b, "\t", 1);
	buffer_int(&b, bytes);
	buffer_add(&b, "\n", 1);
	if (b.failed)
		return;
	pthread_mutex_lock(&j->lock);
	if (j->len + b.len > sizeof j->lines)
		write_out(j);
	memcpy(j->lines + j->len, b.data, b.len);
	j->len += b.len;
	pthread_mutex_unlock(&j->lock);
}
