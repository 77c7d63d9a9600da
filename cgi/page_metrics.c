/* page_metrics: /-/metrics: numbers for a monitoring system, as Prometheus text 0.0.4, or as OpenMetrics 1.0 to a
 * scraper that takes it.
 *
 * They are of all processes of this state_dir, since their file was made. What the web server answers from public/ by
 * itself never comes here: its access log has that, and `pkgmirror-warm fold` brings it into the catalogue. */
#include "pages.h"

#include "cgi/buffer.h"
#include "cgi/health.h"
#include "cgi/respond.h"
#include "mirror/service.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { PAGE_MAX = 256 * 1024 };

#define OPENMETRICS_TYPE "application/openmetrics-text"

static const char *const KINDS[COUNTERS_KINDS] = {"toolchain", "package", "artifact", "index", "page", "none"};

struct text {
	struct buffer b;
	bool open; /* OpenMetrics: a counter's family has no _total, and the text its end mark */
};

/* The head of a family. */
static void family(struct text *t, const char *name, const char *type, const char *help)
{
	const char *end = !t->open && strcmp(type, "counter") == 0 ? "_total" : "";
	buffer_format(&t->b, "# HELP pkgmirror_%s%s %s\n", name, end, help);
	buffer_format(&t->b, "# TYPE pkgmirror_%s%s %s\n", name, end, type);
}

static void counter(struct text *t, const char *name, const char *help, uint64_t value)
{
	family(t, name, "counter", help);
	buffer_format(&t->b, "pkgmirror_%s_total %llu\n", name, (unsigned long long)value);
}

static void gauge(struct text *t, const char *name, const char *help, int64_t value)
{
	family(t, name, "gauge", help);
	buffer_format(&t->b, "pkgmirror_%s %lld\n", name, (long long)value);
}

static void by_kind(struct text *t, const char *name, const char *help, const uint64_t values[COUNTERS_KINDS])
{
	family(t, name, "counter", help);
	for (size_t i = 0; i < COUNTERS_INDEX; i++)
		buffer_format(&t->b, "pkgmirror_%s_total{kind=\"%s\"} %llu\n", name, KINDS[i],
		    (unsigned long long)counters_get(&values[i]));
}

static void add_requests(struct text *t, const struct counters *c)
{
	family(t, "requests", "counter", "Requests that reached the responder, by kind and status.");
	for (size_t kind = 0; kind < COUNTERS_KINDS; kind++)
		for (size_t i = 0; i < COUNTERS_STATUSES; i++) {
			uint64_t n = counters_get(&c->answers[kind][i]);
			if (n > 0)
				buffer_format(&t->b, "pkgmirror_requests_total{kind=\"%s\",status=\"%d\"} %llu\n",
				    KINDS[kind], counters_statuses[i], (unsigned long long)n);
		}
	by_kind(t, "hits", "Requests answered with a file that was there.", c->hits);
	by_kind(t, "misses", "Requests for a file that had to be fetched first.", c->misses);
	counter(t, "sent_bytes", "Bytes of files handed out.", counters_get(&c->bytes));
	counter(
	    t, "cut_answers", "Answers that broke off: the client left, or the fetch failed.", counters_get(&c->cut));
}

static void add_durations(struct text *t, const struct counters *c)
{
	uint64_t sum = 0;
	family(t, "fetch_duration_seconds", "histogram", "How long published files took to fetch and verify.");
	for (size_t i = 0; i < COUNTERS_BOUNDS; i++) {
		sum += counters_get(&c->fetch_durations[i]);
		buffer_format(&t->b, "pkgmirror_fetch_duration_seconds_bucket{le=\"%.1f\"} %llu\n",
		    (double)counters_bounds_ms[i] / 1000, (unsigned long long)sum);
	}
	sum += counters_get(&c->fetch_durations[COUNTERS_BOUNDS]);
	buffer_format(&t->b, "pkgmirror_fetch_duration_seconds_bucket{le=\"+Inf\"} %llu\n", (unsigned long long)sum);
	buffer_format(&t->b, "pkgmirror_fetch_duration_seconds_sum %.3f\n", (double)counters_get(&c->fetch_ms) / 1000);
	buffer_format(&t->b, "pkgmirror_fetch_duration_seconds_count %llu\n", (unsigned long long)sum);
}

static void add_fetches(struct text *t, const struct counters *c)
{
	family(t, "fetches", "counter", "Fetches from upstream that ended, by outcome.");
	for (int class = 0; class < FAULT_CLASSES; class ++) {
		uint64_t n = counters_get(&c->fetches[class]);
		if (n > 0 || class == FAULT_NONE)
			buffer_format(&t->b, "pkgmirror_fetches_total{outcome=\"%s\"} %llu\n",
			    class == FAULT_NONE ? "published" : fault_class_name((enum fault_class) class),
			    (unsigned long long)n);
	}
	counter(t, "fetched_bytes", "Bytes of files fetched and published.", counters_get(&c->fetched_bytes));
	add_durations(t, c);
}

/* What the fetch service has in hand; one that does not run has nothing. */
static void add_service(struct text *t, const struct counters *c, bool running)
{
	static const struct {
		const char *name, *help;
	} GAUGES[COUNTERS_GAUGES] = {[COUNTERS_QUEUED] = {"queued", "Fetches that wait for a slot."},
	    [COUNTERS_RUNNING] = {"transfers", "Transfers from upstreams that run."},
	    [COUNTERS_LEASES] = {"leases", "Paths that the fetch service holds."},
	    [COUNTERS_CLIENTS] = {"waiting_clients", "Connections that wait for the fetch service."}};
	gauge(t, "fetch_service_up", "Whether the fetch service runs; it leaves when it has nothing to do.", running);
	for (size_t i = 0; i < COUNTERS_GAUGES; i++)
		gauge(t, GAUGES[i].name, GAUGES[i].help, running ? (int64_t)counters_get(&c->gauges[i]) : 0);
}

static int64_t file_bytes(const struct store *store, const char *name)
{
	struct stat st;
	return fstatat(store_fd(store), name, &st, 0) == 0 ? st.st_size : 0;
}

static void add_state(struct text *t, const struct site *site)
{
	struct health h;
	health_look(site, time(NULL), &h);
	gauge(t, "catalog_bytes", "Size of the catalogue and its journal.",
	    file_bytes(site->store, "catalog.db") + file_bytes(site->store, "catalog.db-wal"));
	gauge(t, "disk_free_bytes", "Free bytes of the file system of state_dir.", h.free_bytes);
	if (h.index_age_sec >= 0)
		gauge(t, "index_age_seconds", "Since the index was last known to be fresh.", h.index_age_sec);
	gauge(t, "index_refresh_failures", "Refreshes of upstream's index that failed in a row.",
	    (int64_t)counters_get(&site->counters->index_failures));
	if (h.has_certificate)
		gauge(t, "certificate_days", "Days until the web server's certificate ends.", h.certificate_days);
	gauge(t, "ready", "Whether the mirror can serve its files.", h.ready);
	gauge(t, "degraded", "Whether somebody should look after the mirror: /-/health has the reasons.", h.count > 0);
	gauge(t, "maintenance", "Whether the mirror is in maintenance.", site->config->maintenance);
	gauge(t, "offline", "Whether the mirror is offline.", site->config->offline);
	family(t, "build_info", "gauge", "The version of the responder, as a label.");
	buffer_format(&t->b, "pkgmirror_build_info{version=\"%s\"} 1\n", PACKAGE_VERSION);
}

static bool takes_openmetrics(const struct exchange *x)
{
	const char *accept = exchange_param(x, "HTTP_ACCEPT");
	return accept != NULL && strstr(accept, OPENMETRICS_TYPE) != NULL;
}

void page_metrics(struct site *site, struct exchange *x, const struct request *rq, const struct route *route)
{
	struct text t = {.open = takes_openmetrics(x)};
	struct response r = {.status = 200,
	    .type =
	        t.open ? OPENMETRICS_TYPE "; version=1.0.0; charset=utf-8" : "text/plain; version=0.0.4; charset=utf-8",
	    .cache_control = "no-store",
	    .more = "Vary: Accept\r\n"};
	struct fault f = {0};
	(void)route;
	if (!pages_may_read_status(site, rq, &f)) {
		respond_refusal(x, &f, 0, rq->head);
		return;
	}
	buffer_open(&t.b, PAGE_MAX);
	add_requests(&t, site->counters);
	add_fetches(&t, site->counters);
	add_service(&t, site->counters, service_is_running(site->store));
	add_state(&t, site);
	if (t.open)
		buffer_text(&t.b, "# EOF\n");
	if (t.b.failed) {
		fault_set(&f, FAULT_SYSTEM, "the metrics do not fit in memory");
		respond_fault(x, &f, 0, "/-/metrics", rq->head);
	} else {
		respond_whole(x, &r, t.b.data, t.b.len, rq->head);
	}
	buffer_close(&t.b);
}
