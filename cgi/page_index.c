/* page_index: the documents that this mirror rebuilds: index.json and community-mirrors.txt.
 *
 * They come from disk as the fetch service built them, however old: a stale one is served at once, and the service is
 * then told that it may be due. Only a mirror that never had one lets a client wait for upstream. */
#include "pages.h"

#include "cgi/content.h"
#include "cgi/follow.h"
#include "cgi/serve.h"
#include "cgi/watch.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { CACHE_CAP = 128, ETAG_CAP = 48, STALE_IF_ERROR_SEC = 7 * 24 * 3600 };

/* Answers with the open document. */
static void send_document(struct site *site, struct exchange *x, const struct request *rq, const struct route *route,
    int fd, const struct store_document *d, int64_t age_sec)
{
	char cache[CACHE_CAP], etag[ETAG_CAP];
	const int64_t ttl = site->config->toolchains.index_ttl_sec;
	struct response r = {.type = route->kind == ROUTE_INDEX ? "application/json" : "text/plain; charset=utf-8",
	    .cache_control = cache,
	    .etag = etag,
	    .modified = d->info.mtime,
	    .ranges = true,
	    .more = "Access-Control-Allow-Origin: *\r\n"};
	snprintf(cache, sizeof cache, "public, max-age=%lld, stale-while-revalidate=%lld, stale-if-error=%d",
	    (long long)(age_sec < ttl ? ttl - age_sec : 0), (long long)ttl, STALE_IF_ERROR_SEC);
	snprintf(etag, sizeof etag, "\"%s\"", d->digest);
	content_judge(rq, d->info.size, true, &r);
	if (content_send(site, x, rq, fd, &r) == CONTENT_BROKEN)
		exchange_abort(x);
}

/* Opens the document, waiting for the first one. -1 when the answer is given. */
static int open_document(struct site *site, struct exchange *x, const struct request *rq, const struct route *route,
    const char *name, struct store_document *d)
{
	struct fault f = {0};
	int retry_sec = 0, fd = store_document_open(site->store, name, d, &f);
	if (fd < 0 && f.class == FAULT_ABSENT) {
		f = (struct fault){0};
		if (follow_wait(site, x, rq, route->path, &f, &retry_sec))
			fd = store_document_open(site->store, name, d, &f);
		if (fd < 0 && f.class == FAULT_NONE) {
			exchange_abort(x);
			return -1;
		}
	}
	if (fd < 0)
		respond_fault(x, &f, retry_sec, route->path, rq->head);
	return fd;
}

void page_index(struct site *site, struct exchange *x, const struct request *rq, const struct route *route)
{
	const char *name = route->kind == ROUTE_INDEX ? "index.json" : "community-mirrors.txt";
	struct store_document d;
	int fd = open_document(site, x, rq, route, name, &d);
	if (fd < 0)
		return;
	int64_t age_sec = time(NULL) - d.checked_at;
	send_document(site, x, rq, route, fd, &d, age_sec > 0 ? age_sec : 0);
	close(fd);
	/* One of the future is due too: the clock went back since it was checked. */
	if (age_sec >= 0 && age_sec < site->config->toolchains.index_ttl_sec)
		return;
	/* The client has its answer; starting a service may take a moment. */
	serve_end(site, x, route->kind);
	watch_refresh(site);
}
