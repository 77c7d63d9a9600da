/* round: see round.h. */
#include "warmer/round.h"
#include "mirror/catalog_warm.h"
#include "warmer/display.h"
#include "warmer/json.h"
#include "warmer/report.h"
#include "warmer/room.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { JSON_MS = 1000 };

struct state {
	struct warmer *warmer;
	struct round *round;
	struct display display;
	struct progress_rate rate;
	int64_t next_json_ms;
};

static const char *file_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash != NULL ? slash + 1 : path;
}

/* What was here before counts for nothing, what cannot be had neither. */
static void add_up(const struct plan *p, struct progress *whole, struct progress_file *files, size_t *count)
{
	*whole = (struct progress){.speed = -1};
	*count = 0;
	for (size_t i = 0; i < p->count; i++) {
		const struct plan_item *item = &p->items[i];
		bool open = item->state == PLAN_LACKING || item->state == PLAN_RUNNING;
		if (!open && item->state != PLAN_FETCHED && item->state != PLAN_UNSIGNED &&
		    item->state != PLAN_FAILED && item->state != PLAN_UNFIT)
			continue;
		whole->files++;
		whole->files_done += !open;
		if (!open && item->state != PLAN_FETCHED)
			continue;
		whole->bytes += item->size > item->at ? item->size : item->at;
		whole->bytes_done += item->at;
		if (item->state == PLAN_RUNNING && item->size_told && *count < DISPLAY_TRANSFERS)
			files[(*count)++] =
			    (struct progress_file){.name = file_name(item->path), .bytes = item->size, .at = item->at};
	}
}

static void json_progress(const struct progress *whole, size_t running)
{
	struct json j = json_begin(stdout);
	json_text(&j, "event", "progress");
	json_int(&j, "files", (int64_t)whole->files);
	json_int(&j, "files_done", (int64_t)whole->files_done);
	json_int(&j, "bytes", whole->bytes);
	json_int(&j, "bytes_done", whole->bytes_done);
	json_int(&j, "running", (int64_t)running);
	if (whole->speed >= 0)
		json_int(&j, "bytes_per_second", whole->speed);
	json_end(&j);
}

static void json_plan(const struct report *r)
{
	struct json j = json_begin(stdout);
	json_text(&j, "event", "plan");
	json_int(&j, "files_here", (int64_t)r->here);
	json_int(&j, "files_lacking", (int64_t)r->lacking);
	json_int(&j, "bytes_lacking", r->lacking_bytes);
	json_end(&j);
}

static void on_tick(void *arg, struct plan *p)
{
	struct state *s = arg;
	struct progress whole;
	struct progress_file files[DISPLAY_TRANSFERS];
	size_t count;
	int64_t now = crew_now_ms();
	if (s->warmer->quiet)
		return;
	add_up(p, &whole, files, &count);
	progress_rate_add(&s->rate, now, whole.bytes_done);
	whole.speed = progress_rate_speed(&s->rate);
	if (!s->warmer->json) {
		display_show(&s->display, now, s->warmer->resized, &whole, files, count);
		s->warmer->resized = false;
	} else if (now >= s->next_json_ms) {
		if (s->next_json_ms > 0)
			json_progress(&whole, count);
		s->next_json_ms = now + JSON_MS;
	}
}

static void on_ended(void *arg, struct plan *p, struct plan_item *item)
{
	struct state *s = arg;
	(void)p;
	if (s->warmer->json && !s->warmer->quiet)
		report_item(item, stdout);
	if (item->state != PLAN_FAILED)
		return;
	display_clear(&s->display);
	warmer_complain(item->path, &item->failure);
}

static bool on_news(void *arg, bool woken)
{
	struct state *s = arg;
	return s->round->news(s->round->arg, woken);
}

/* Rows of files that are here already: they came without the service's knowledge. */
static void forget_stale(struct warmer *w, const struct plan *p)
{
	struct fault f;
	for (size_t i = 0; i < p->count; i++)
		if (p->items[i].stale && !catalog_want_remove(w->catalog, p->items[i].path, &f)) {
			warmer_complain("catalogue", &f);
			return;
		}
}

static void note_next_try(struct round *r, const struct plan *p)
{
	int64_t now = time(NULL);
	r->next_try = 0;
	for (size_t i = 0; i < p->count; i++) {
		int64_t next = p->items[i].next_try;
		if (next > now && (r->next_try == 0 || next < r->next_try))
			r->next_try = next;
	}
}

static enum warmer_exit work(struct state *s, struct plan *p)
{
	struct warmer *w = s->warmer;
	struct round *r = s->round;
	struct fault f = {0};
	struct report report;
	int64_t begun = crew_now_ms();
	const struct crew_hooks hooks = {.arg = s,
	    .ended = on_ended,
	    .tick = on_tick,
	    .news = r->news != NULL ? on_news : NULL,
	    .wake_fd = r->wake_fd};

	forget_stale(w, p);
	report_count(w, p, &report);
	bool any = report.lacking > 0;
	if (any && w->json && !w->quiet)
		json_plan(&report);
	if (any && w->config->offline)
		fault_set(&f, FAULT_UPSTREAM, "this mirror is offline, nothing is fetched");
	r->end = any && !w->config->offline ? crew_run(w, p, &hooks, &f) : CREW_DONE;
	display_clear(&s->display);
	if (f.class != FAULT_NONE)
		warmer_complain(NULL, &f);
	report_count(w, p, &report);
	if (!w->quiet && r->end != CREW_AGAIN && (any || !w->watch))
		report_summary(w, &report, crew_now_ms() - begun, stdout);
	note_next_try(r, p);
	return report_exit(&report);
}

enum warmer_exit round_run(struct warmer *w, struct round *r)
{
	struct state s = {.warmer = w, .round = r};
	struct plan p = {0};
	struct fault f;
	enum warmer_exit status = WARMER_FAILED;
	bool fresh = true;

	r->end = CREW_DONE;
	if (r->update && !w->config->offline && !(fresh = crew_update(w, &f))) {
		if (w->stopping) {
			r->end = CREW_STOPPED;
			return WARMER_FAILED;
		}
		warmer_complain("index", &f);
	}
	display_begin(&s.display, stdout);
	if (plan_make(w, time(NULL), &p, &f))
		status = work(&s, &p);
	else
		warmer_complain(NULL, &f);
	plan_free(&p);
	return status == WARMER_DONE && !fresh ? WARMER_FAILED : status;
}

enum warmer_exit round_estimate(struct warmer *w)
{
	struct plan p = {0};
	struct fault f;
	enum warmer_exit status = WARMER_DONE;

	const bool fresh = w->config->offline || crew_update(w, &f);
	if (w->stopping)
		return WARMER_FAILED;
	if (!fresh) {
		warmer_complain("index", &f);
		status = WARMER_FAILED;
	}
	if (!warmer_open_catalog(w, CATALOG_READ, &f) && f.class != FAULT_ABSENT) {
		warmer_complain(NULL, &f);
		return WARMER_FAILED;
	}
	if (plan_make(w, time(NULL), &p, &f)) {
		if (!report_estimate(w, &p, stdout))
			status = WARMER_FAILED;
	} else {
		warmer_complain(NULL, &f);
		status = WARMER_FAILED;
	}
	plan_free(&p);
	return status;
}
