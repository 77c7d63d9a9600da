/* catalog_fold: see catalog_fold.h. */
#include "catalog_fold.h"

#include "catalog_sql.h"

#include <stdio.h>
#include <time.h>

static void day_of(int64_t at, char out[CATALOG_DAY_CAP])
{
	time_t seconds = at;
	struct tm tm;
	if (gmtime_r(&seconds, &tm) == NULL || strftime(out, CATALOG_DAY_CAP, "%Y-%m-%d", &tm) == 0)
		snprintf(out, CATALOG_DAY_CAP, "1970-01-01");
}

static bool count_of(struct catalog *c, const char *day, const struct catalog_hit *h, int64_t *out, struct fault *f)
{
	struct catalog_query *q = catalog_query(c, STATEMENT_HIT_COUNT, f, "ttt", day, h->path, h->source);
	int row = q != NULL ? catalog_next(q, f) : -1;
	*out = row > 0 ? catalog_int(q, 0) : 0;
	catalog_end(q);
	return row >= 0;
}

static bool add_apart(struct catalog *c, const char *day, const char *kind, int status, int64_t bytes, struct fault *f)
{
	return catalog_run(c, STATEMENT_HIT_APART_ADD, f, "ttii", day, kind, (int64_t)status, bytes);
}

bool catalog_hit_add(struct catalog *c, const struct catalog_hit *h, struct fault *f)
{
	char day[CATALOG_DAY_CAP];
	int64_t before, after;
	const int64_t journal = h->journal, bot = !h->journal && h->bot, log = !h->journal && !h->bot;
	day_of(h->at, day);
	if (!count_of(c, day, h, &before, f) ||
	    !catalog_run(c, STATEMENT_HIT_ADD, f, "tttiiiiii", day, h->path, h->source, journal, journal * h->bytes,
	        log, log * h->bytes, bot, bot * h->bytes) ||
	    !count_of(c, day, h, &after, f))
		return false;
	if (bot != 0 && !add_apart(c, day, "bot", h->status, h->bytes, f))
		return false;
	/* What a robot looks at is not in use. */
	return catalog_run(c, STATEMENT_HIT_ENTRY, f, "tii", h->path, after - before, bot != 0 ? (int64_t)0 : h->at);
}

bool catalog_hit_error(struct catalog *c, int64_t at, int status, int64_t bytes, struct fault *f)
{
	char day[CATALOG_DAY_CAP];
	day_of(at, day);
	return add_apart(c, day, "error", status, bytes, f);
}

bool catalog_place_get(struct catalog *c, const char *head, bool (*fits)(void *arg, int64_t place, const char *tail),
    void *arg, int64_t *place, struct fault *f)
{
	struct catalog_query *q = catalog_query(c, STATEMENT_LOG_PLACE_GET, f, "t", head);
	int row = q != NULL ? 1 : -1;
	*place = 0;
	while (row > 0 && (row = catalog_next(q, f)) > 0)
		if (fits(arg, catalog_int(q, 0), catalog_text(q, 1))) {
			*place = catalog_int(q, 0);
			break;
		}
	catalog_end(q);
	return row >= 0;
}

bool catalog_place_put(
    struct catalog *c, const struct catalog_place *p, int64_t now, int64_t keep_from, struct fault *f)
{
	return catalog_run(c, STATEMENT_LOG_PLACE_PUT, f, "tiiitti", p->head, p->device, p->inode, p->place, p->tail,
	           p->name, now) &&
	       catalog_run(c, STATEMENT_LOG_PLACE_TRIM, f, "i", keep_from);
}
