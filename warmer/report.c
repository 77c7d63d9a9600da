/* report: see report.h. */
#include "warmer/report.h"
#include "mirror/human.h"
#include "warmer/json.h"
#include "warmer/room.h"

#include <string.h>

static int64_t known(const struct plan_item *item)
{
	return item->size > 0 ? item->size : 0;
}

/* A signature that waits while its file is here. */
static bool is_unsigned(struct warmer *w, const struct plan_item *item)
{
	char path[WIRE_PATH_CAP];
	if (!item->signature)
		return false;
	snprintf(path, sizeof path, "%.*s", (int)(strlen(item->path) - strlen(".minisig")), item->path);
	return store_stat_public(w->store, path, NULL);
}

static void count_one(struct warmer *w, const struct plan_item *item, struct report *r)
{
	switch (item->state) {
	case PLAN_HERE:
		r->here++;
		r->here_bytes += known(item);
		break;
	case PLAN_LACKING:
	case PLAN_RUNNING:
		r->lacking++;
		r->lacking_bytes += known(item);
		r->room_needed += room_needed(w->store, item);
		break;
	case PLAN_WAITING:
		if (is_unsigned(w, item)) {
			r->unsigned_files++;
			break;
		}
		/* One that waits for its file, which is counted. */
		if (item->signature && item->next_try == 0)
			break;
		r->waiting++;
		r->waiting_bytes += known(item);
		break;
	case PLAN_FETCHED:
		r->fetched++;
		r->fetched_bytes += known(item);
		break;
	case PLAN_UNSIGNED:
		r->unsigned_files++;
		break;
	case PLAN_UNFIT:
		r->unfit++;
		r->unfit_bytes += known(item);
		break;
	case PLAN_FAILED:
		r->failed++;
		r->bad += item->failure.class == FAULT_INTEGRITY;
		break;
	}
}

void report_count(struct warmer *w, const struct plan *p, struct report *r)
{
	*r = (struct report){0};
	for (size_t i = 0; i < p->count; i++)
		count_one(w, &p->items[i], r);
	r->beyond = plan_beyond(p);
	r->foreign = p->foreign;
}

static void print_row(
    FILE *out, const char *name, size_t here, int64_t here_bytes, size_t lacking, int64_t lacking_bytes, size_t waiting)
{
	char have[HUMAN_CAP], lack[HUMAN_CAP];
	human_size(here_bytes, have);
	human_size(lacking_bytes, lack);
	fprintf(out, "%-32s %7zu %10s %9zu %10s", name, here, have, lacking, lack);
	if (waiting > 0)
		fprintf(out, "  %zu failed lately", waiting);
	fputc('\n', out);
}

static void json_group(const struct plan_group *g, FILE *out)
{
	struct json j = json_begin(out);
	json_text(&j, "event", "release");
	json_text(&j, g->release ? "release" : "rule", g->name);
	json_int(&j, "files_here", (int64_t)g->files_here);
	json_int(&j, "bytes_here", g->bytes_here);
	json_int(&j, "files_lacking", (int64_t)g->files_lacking);
	json_int(&j, "bytes_lacking", g->bytes_lacking);
	json_int(&j, "files_waiting", (int64_t)g->files_waiting);
	json_end(&j);
}

static void json_estimate(const struct report *r, int64_t free_bytes, int64_t room, FILE *out)
{
	struct json j = json_begin(out);
	json_text(&j, "event", "estimate");
	json_int(&j, "files_here", (int64_t)r->here);
	json_int(&j, "bytes_here", r->here_bytes);
	json_int(&j, "files_lacking", (int64_t)r->lacking);
	json_int(&j, "bytes_lacking", r->lacking_bytes);
	json_int(&j, "files_waiting", (int64_t)(r->waiting + r->unsigned_files));
	json_int(&j, "bytes_free", free_bytes);
	json_int(&j, "bytes_usable", room);
	json_int(&j, "files_beyond_max_bytes", (int64_t)r->beyond);
	json_bool(&j, "fits", r->room_needed <= room && r->beyond == 0);
	json_end(&j);
}

static void print_totals(const struct report *r, int64_t free_bytes, int64_t room, FILE *out)
{
	char text[HUMAN_CAP], usable[HUMAN_CAP], need[HUMAN_CAP];
	print_row(out, "total", r->here, r->here_bytes, r->lacking, r->lacking_bytes, r->waiting + r->unsigned_files);
	human_size(free_bytes, text);
	human_size(room, usable);
	human_size(r->room_needed, need);
	fprintf(out, "free on disk: %s, of which warming may take %s\n", text, usable);
	if (r->room_needed > room)
		fprintf(out, "what is lacking does not fit: it needs %s\n", need);
	if (r->beyond > 0)
		fprintf(out, "what is lacking does not fit: max_bytes leaves no room for %zu files\n", r->beyond);
}

static void print_estimate(struct warmer *w, const struct plan *p, const struct report *r, int64_t room, FILE *out)
{
	int64_t free_bytes = store_free_bytes(w->store);
	if (!w->json)
		fprintf(out, "%-32s %7s %10s %9s %10s\n", "release", "here", "", "lacking", "");
	for (size_t i = 0; i < p->group_count; i++) {
		const struct plan_group *g = &p->groups[i];
		if (w->json)
			json_group(g, out);
		else
			print_row(out, g->name, g->files_here, g->bytes_here, g->files_lacking, g->bytes_lacking,
			    g->files_waiting);
	}
	if (w->json)
		json_estimate(r, free_bytes, room, out);
	else
		print_totals(r, free_bytes, room, out);
	fflush(out);
}

bool report_estimate(struct warmer *w, const struct plan *p, FILE *out)
{
	struct report r;
	const int64_t room = room_free(w->store);
	report_count(w, p, &r);
	if (!w->quiet)
		print_estimate(w, p, &r, room, out);
	return r.room_needed <= room && r.beyond == 0;
}

static const char *state_name(const struct plan_item *item)
{
	switch (item->state) {
	case PLAN_FETCHED:
		return "fetched";
	case PLAN_UNSIGNED:
		return "unsigned";
	case PLAN_UNFIT:
		return "unfit";
	default:
		return "failed";
	}
}

void report_item(const struct plan_item *item, FILE *out)
{
	struct json j = json_begin(out);
	json_text(&j, "event", "file");
	json_text(&j, "path", item->path);
	json_text(&j, "state", state_name(item));
	if (item->size >= 0)
		json_int(&j, "bytes", item->size);
	if (item->state == PLAN_FAILED) {
		json_text(&j, "class", fault_class_name(item->failure.class));
		json_text(&j, "reason", item->failure.text);
		json_int(&j, "next_try", item->next_try);
	}
	json_end(&j);
}

static void json_summary(const struct report *r, int64_t ms, FILE *out)
{
	struct json j = json_begin(out);
	json_text(&j, "event", "summary");
	json_int(&j, "files_here", (int64_t)(r->here + r->fetched));
	json_int(&j, "files_fetched", (int64_t)r->fetched);
	json_int(&j, "bytes_fetched", r->fetched_bytes);
	json_int(&j, "files_failed", (int64_t)r->failed);
	json_int(&j, "files_bad", (int64_t)r->bad);
	json_int(&j, "files_unfit", (int64_t)r->unfit);
	json_int(&j, "files_waiting", (int64_t)r->waiting);
	json_int(&j, "files_unsigned", (int64_t)r->unsigned_files);
	json_int(&j, "files_lacking", (int64_t)r->lacking);
	json_int(&j, "paths_of_no_rule", (int64_t)r->foreign);
	json_int(&j, "milliseconds", ms);
	json_end(&j);
}

void report_summary(struct warmer *w, const struct report *r, int64_t ms, FILE *out)
{
	char fetched[HUMAN_CAP], unfit[HUMAN_CAP];
	if (w->json) {
		json_summary(r, ms, out);
		return;
	}
	human_size(r->fetched_bytes, fetched);
	human_size(r->unfit_bytes, unfit);
	if (r->fetched + r->failed + r->unfit + r->lacking + r->waiting == 0)
		fprintf(out, "nothing to do: %zu files are here", r->here);
	else
		fprintf(out, "%zu files are here; %zu of them fetched now, %s in %lld.%lld s", r->here + r->fetched,
		    r->fetched, fetched, (long long)(ms / 1000), (long long)(ms % 1000 / 100));
	if (r->failed > 0)
		fprintf(out, "; %zu failed", r->failed);
	if (r->unfit > 0)
		fprintf(out, "; no room for %zu (%s)", r->unfit, unfit);
	if (r->waiting > 0)
		fprintf(out, "; %zu failed lately and wait for another try", r->waiting);
	if (r->lacking > 0)
		fprintf(out, "; %zu were not tried", r->lacking);
	if (r->foreign > 0)
		fprintf(out, "; %zu wanted paths are of no rule", r->foreign);
	fputc('\n', out);
	fflush(out);
}

enum warmer_exit report_exit(const struct report *r)
{
	if (r->bad > 0)
		return WARMER_INTEGRITY;
	return r->failed + r->unfit + r->waiting + r->lacking > 0 ? WARMER_FAILED : WARMER_DONE;
}
