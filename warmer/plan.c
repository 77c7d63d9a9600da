/* plan: see plan.h. */
#include "warmer/plan.h"
#include "mirror/catalog_warm.h"
#include "mirror/route.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIGNATURE_BYTES = 512, BLOCK = 4096, ROOM_BESIDES = 8 * 1024 };

struct maker {
	struct warmer *warmer;
	struct plan *plan;
	struct zigfile_version since;
	bool has_since;
	int64_t now;
	bool short_of_memory;
};

/* Grows an array to hold one more; NULL when memory is short. */
static void *room_for_one(void *items, size_t count, size_t *cap, size_t size)
{
	if (count < *cap)
		return items;
	size_t more = *cap > 0 ? *cap * 2 : 64;
	void *grown = reallocarray(items, more, size);
	if (grown != NULL)
		*cap = more;
	return grown;
}

/* The group of a file: its version, or its rule. Returns false when memory is short. */
static bool group_of(struct plan *p, const struct route *r, size_t *out)
{
	const char *name = r->kind == ROUTE_TOOLCHAIN ? r->zig.version : r->rule->name;
	bool release = r->kind == ROUTE_TOOLCHAIN;
	/* Files of a release follow each other. */
	for (size_t i = p->group_count; i-- > 0;)
		if (p->groups[i].release == release && strcmp(p->groups[i].name, name) == 0) {
			*out = i;
			return true;
		}
	struct plan_group *grown = room_for_one(p->groups, p->group_count, &p->group_cap, sizeof *grown);
	if (grown == NULL)
		return false;
	p->groups = grown;
	struct plan_group *g = &p->groups[p->group_count];
	*g = (struct plan_group){.number = r->zig.number, .release = release};
	snprintf(g->name, sizeof g->name, "%s", name);
	*out = p->group_count++;
	return true;
}

/* Adds a path, as listed or wanted. NULL when memory is short. */
static struct plan_item *add(struct maker *m, const struct route *r, int64_t size)
{
	struct plan *p = m->plan;
	struct store_info info;
	struct plan_item *grown = room_for_one(p->items, p->count, &p->cap, sizeof *grown);
	if (grown != NULL)
		p->items = grown;
	char *path = grown != NULL ? strdup(r->path) : NULL;
	struct plan_item item = {.path = path,
	    .size = size,
	    .state = PLAN_LACKING,
	    .signature = r->signature,
	    .priority = CATALOG_PRIORITY_WARM};
	if (path == NULL || !group_of(p, r, &item.group)) {
		free(path);
		m->short_of_memory = true;
		return NULL;
	}
	if (store_stat_public(m->warmer->store, path, &info)) {
		item.state = PLAN_HERE;
		item.size = info.size;
	}
	p->items[p->count] = item;
	return &p->items[p->count++];
}

static bool is_wanted(const struct maker *m, const struct catalog_warm_file *file, const struct zigfile *zig)
{
	unsigned class = zig->number.dev ? CLASS_DEV : CLASS_STABLE;
	if (zig->number.dev && file->nominated)
		class |= CLASS_NOMINATED;
	return (m->warmer->config->warmer.classes & class) != 0 &&
	       (!m->has_since || zigfile_version_compare(&zig->number, &m->since) >= 0);
}

/* A listed file and its signature. */
static bool take_file(void *arg, const struct catalog_warm_file *file)
{
	static const char *const ENDS[] = {"", ".minisig"};
	struct maker *m = arg;
	const struct config *c = m->warmer->config;
	const char *prefix = c->toolchains.prefix[0] != '\0' ? c->toolchains.prefix + 1 : "";
	char path[WIRE_PATH_CAP];
	struct route route;
	for (size_t i = 0; i < 2; i++) {
		int n =
		    snprintf(path, sizeof path, "%s%s%s%s", prefix, prefix[0] != '\0' ? "/" : "", file->file, ENDS[i]);
		if (n < 0 || (size_t)n >= sizeof path || !route_canonical(c, path, &route, NULL) ||
		    route.kind != ROUTE_TOOLCHAIN)
			return true;
		if (!is_wanted(m, file, &route.zig))
			return true;
		struct plan_item *item = add(m, &route, i == 0 ? file->size : -1);
		if (item == NULL)
			return false;
		item->rare = file->rare;
		item->dev = route.zig.number.dev && !file->nominated;
	}
	return true;
}

static int compare_paths(const void *a, const void *b)
{
	return strcmp(((const struct plan_item *)a)->path, ((const struct plan_item *)b)->path);
}

/* A row of `want`: of a listed file, or of one that only people know. `listed` is how many items are sorted by path. */
struct wants {
	struct maker *maker;
	size_t listed;
};

static bool take_want(void *arg, const struct catalog_want_row *row)
{
	struct wants *x = arg;
	struct plan *p = x->maker->plan;
	struct route route;
	const struct plan_item key = {.path = strdup(row->path)};
	struct plan_item *item = NULL;
	if (key.path == NULL) {
		x->maker->short_of_memory = true;
		return false;
	}
	if (x->listed > 0)
		item = bsearch(&key, p->items, x->listed, sizeof key, compare_paths);
	free(key.path);
	if (item == NULL && (!route_canonical(x->maker->warmer->config, row->path, &route, NULL) ||
	                        route.kind == ROUTE_INDEX || route.kind == ROUTE_MIRRORS)) {
		p->foreign++;
		return true;
	}
	/* What failed once, and is wanted by nobody now. */
	if (item == NULL && strcmp(row->why, "warm") == 0)
		return true;
	if (item == NULL && (item = add(x->maker, &route, -1)) == NULL)
		return false;
	item->priority = row->priority;
	item->added_at = row->added_at;
	item->attempts = row->attempts;
	item->next_try = row->next_try;
	item->stale = item->state == PLAN_HERE;
	if (item->state == PLAN_LACKING && row->next_try > x->maker->now)
		item->state = PLAN_WAITING;
	return true;
}

static int compare_groups(const struct plan_group *a, const struct plan_group *b)
{
	if (a->release != b->release)
		return a->release ? -1 : 1;
	int order = a->release ? zigfile_version_compare(&b->number, &a->number) : 0;
	return order != 0 ? order : strcmp(a->name, b->name);
}

static int compare_items(const void *left, const void *right, void *arg)
{
	const struct plan *p = arg;
	const struct plan_item *a = left, *b = right;
	if (a->priority != b->priority)
		return a->priority < b->priority ? -1 : 1;
	if (a->priority < CATALOG_PRIORITY_WARM && a->added_at != b->added_at)
		return a->added_at < b->added_at ? -1 : 1;
	int order = compare_groups(&p->groups[a->group], &p->groups[b->group]);
	if (order != 0)
		return order;
	if (a->rare != b->rare)
		return a->rare ? 1 : -1;
	/* ".minisig" sorts behind the end of its file's name, and nothing between. */
	return strcmp(a->path, b->path);
}

static int compare_order(const void *left, const void *right, void *arg)
{
	const struct plan *p = arg;
	return compare_groups(&p->groups[*(const size_t *)left], &p->groups[*(const size_t *)right]);
}

/* Sorts the groups, and turns the items' numbers of them round. */
static bool sort_groups(struct plan *p)
{
	size_t *order = calloc(p->group_count + 1, 2 * sizeof *order), *place = order + p->group_count + 1;
	struct plan_group *sorted = calloc(p->group_count + 1, sizeof *sorted);
	bool ok = order != NULL && sorted != NULL;
	for (size_t i = 0; ok && i < p->group_count; i++)
		order[i] = i;
	if (ok)
		qsort_r(order, p->group_count, sizeof *order, compare_order, p);
	for (size_t i = 0; ok && i < p->group_count; i++) {
		sorted[i] = p->groups[order[i]];
		place[order[i]] = i;
	}
	for (size_t i = 0; ok && i < p->count; i++)
		p->items[i].group = place[p->items[i].group];
	free(order);
	if (!ok) {
		free(sorted);
		return false;
	}
	free(p->groups);
	p->groups = sorted;
	p->group_cap = p->group_count + 1;
	return true;
}

static void count(struct plan *p)
{
	for (size_t i = 0; i < p->count; i++) {
		const struct plan_item *item = &p->items[i];
		struct plan_group *g = &p->groups[item->group];
		if (item->state == PLAN_HERE) {
			g->files_here++;
			g->bytes_here += item->size;
			continue;
		}
		if (item->state == PLAN_WAITING)
			g->files_waiting++;
		else
			g->files_lacking++;
		if (item->size > 0)
			g->bytes_lacking += item->size;
		else if (!item->signature)
			g->unknown++;
	}
}

static bool set_budget(struct warmer *w, struct plan *p, struct fault *f)
{
	int64_t max = w->config->warmer.max_bytes, all = 0, dev = 0;
	if (max == 0)
		return true;
	if (!catalog_used_bytes(w->catalog, &all, &dev, f))
		return false;
	p->budget = max - (all - dev);
	p->dev_budget = max - all;
	return true;
}

bool plan_make(struct warmer *w, int64_t now, struct plan *p, struct fault *f)
{
	const char *since = w->config->warmer.since;
	struct maker m = {.warmer = w, .plan = p, .now = now};
	struct wants wants = {.maker = &m};
	*p = (struct plan){0};
	p->budget = p->dev_budget = INT64_MAX;
	m.has_since = since[0] != '\0' && zigfile_version_parse(since, strlen(since), &m.since);
	if (w->catalog == NULL)
		return true;
	if (!set_budget(w, p, f) || !catalog_warm_files(w->catalog, take_file, &m, f))
		return false;
	if (p->count > 0)
		qsort(p->items, p->count, sizeof *p->items, compare_paths);
	wants.listed = p->count;
	if (!catalog_wants(w->catalog, take_want, &wants, f))
		return false;
	if (m.short_of_memory || !sort_groups(p))
		return fault_errno(f, FAULT_SYSTEM, ENOMEM, "the plan");
	if (p->count > 0)
		qsort_r(p->items, p->count, sizeof *p->items, compare_items, p);
	count(p);
	return true;
}

void plan_free(struct plan *p)
{
	for (size_t i = 0; i < p->count; i++)
		free(p->items[i].path);
	free(p->items);
	free(p->groups);
	*p = (struct plan){0};
}

int64_t plan_room(const struct plan_item *item)
{
	int64_t size = item->size >= 0 ? item->size : SIGNATURE_BYTES;
	return (size + BLOCK - 1) / BLOCK * BLOCK + ROOM_BESIDES;
}

size_t plan_beyond(const struct plan *p)
{
	int64_t budget = p->budget, dev_budget = p->dev_budget;
	size_t beyond = 0;
	for (size_t i = 0; budget != INT64_MAX && i < p->count; i++) {
		const struct plan_item *item = &p->items[i], *signature = plan_signature(p, i);
		const bool both = signature != NULL && signature->state == PLAN_LACKING;
		const int64_t size = item->size > 0 ? item->size : 0;
		if (item->state != PLAN_LACKING)
			continue;
		i += both; /* it comes with its file, or neither comes */
		if (plan_room(item) + (both ? plan_room(signature) : 0) > (item->dev ? dev_budget : budget)) {
			beyond++;
			continue;
		}
		dev_budget -= size;
		budget -= item->dev ? 0 : size;
	}
	return beyond;
}

struct plan_item *plan_signature(const struct plan *p, size_t i)
{
	struct plan_item *next = i + 1 < p->count ? &p->items[i + 1] : NULL;
	size_t len = strlen(p->items[i].path);
	bool is = next != NULL && next->signature && !p->items[i].signature &&
	          strncmp(next->path, p->items[i].path, len) == 0 && strcmp(next->path + len, ".minisig") == 0;
	return is ? next : NULL;
}
