/* page_health: /-/health: whether this mirror lives (it answers), is ready (its state can be read), and whether
 * somebody should look after it (the certificate ends soon). JSON. */
#include "pages.h"

#include "cgi/respond.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { BODY_CAP = 320, NUMBER_CAP = 24, CERTIFICATE_DAYS_LEAST = 20, DAY_SEC = 86400 };

/* When the web server's certificate ends, UTC seconds, as pkgmirror-acme(8) noted it; 0 when nobody did. */
static int64_t certificate_end(const struct site *site)
{
	char text[NUMBER_CAP] = "", *end = text;
	int fd = openat(store_fd(site->store), "run/certificate", O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return 0;
	ssize_t n = read(fd, text, sizeof text - 1);
	close(fd);
	int64_t seconds = n > 0 ? strtoll(text, &end, 10) : 0;
	return end > text && *end == '\n' && seconds > 0 ? seconds : 0;
}

/* A number of JSON: null when there is none. */
static const char *number_or_null(bool known, int64_t number, char text[NUMBER_CAP])
{
	if (!known)
		return "null";
	snprintf(text, NUMBER_CAP, "%lld", (long long)number);
	return text;
}

void page_health(struct site *site, struct exchange *x, const struct request *rq, const struct route *route)
{
	char body[BODY_CAP], age_text[NUMBER_CAP], days_text[NUMBER_CAP];
	const int64_t now = time(NULL), certificate = certificate_end(site);
	const int64_t days = (certificate - now) / DAY_SEC;
	const bool ready = faccessat(store_fd(site->store), ".", R_OK | X_OK, AT_EACCESS) == 0;
	const bool soon = certificate > 0 && days < CERTIFICATE_DAYS_LEAST;
	const int64_t age = store_document_age(site->store, "index.json", now);
	struct response r = {.status = ready ? 200 : 503,
	    .type = "application/json",
	    .cache_control = "no-store",
	    .retry_sec = ready ? 0 : 30};
	(void)route;
	int n = snprintf(body, sizeof body,
	    "{\"status\":\"%s\",\"live\":true,\"ready\":%s,\"maintenance\":%s,\"offline\":%s,\"index_age_seconds\":%s,"
	    "\"certificate_days\":%s,\"waiting\":%d}\n",
	    !ready ? "fail"
	    : soon ? "warn"
	           : "ok",
	    ready ? "true" : "false", site->config->maintenance ? "true" : "false",
	    site->config->offline ? "true" : "false", number_or_null(age >= 0, age, age_text),
	    number_or_null(certificate > 0, days, days_text), atomic_load(&site->waiting));
	respond_whole(x, &r, body, (size_t)n, rq->head);
}
