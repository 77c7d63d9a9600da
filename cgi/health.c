/* health: see health.h. A new thing to look after is a function here, and its line in health_look. */
#include "health.h"

#include "mirror/human.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	NUMBER_CAP = 24,
	CERTIFICATE_DAYS_LEAST = 20,
	DAY_SEC = 86400,
	INDEX_FAILURES = 3 /* one that fails now and then is an upstream's usual day */
};

/* Room for some releases; below it misses begin to fail soon. */
static const int64_t FREE_BYTES_LEAST = 1024LL * 1024 * 1024;

__attribute__((format(printf, 2, 3))) static void add_reason(struct health *h, const char *format, ...)
{
	va_list args;
	if (h->count == HEALTH_REASONS_MAX)
		return;
	va_start(args, format);
	vsnprintf(h->reasons[h->count++], HEALTH_REASON_CAP, format, args);
	va_end(args);
}

/* False with the reason when `name` below state_dir is not to be had that way. What is not there is made by the next
 * miss. */
static bool may(const struct site *site, const char *name, int mode, const char *what, struct health *h)
{
	char text[HEALTH_REASON_CAP];
	if (faccessat(store_fd(site->store), name, mode, AT_EACCESS) == 0 || errno == ENOENT)
		return true;
	add_reason(h, "%s: %s", what, strerror_r(errno, text, sizeof text));
	return false;
}

/* The folder that this process holds open has no name any more. */
static bool is_removed(const struct site *site, struct health *h)
{
	struct stat st;
	if (fstat(store_fd(site->store), &st) != 0 || st.st_nlink > 0)
		return false;
	add_reason(h, "state_dir was removed under this process: start it again");
	return true;
}

static void look_at_store(const struct site *site, struct health *h)
{
	h->ready = !is_removed(site, h) && may(site, ".", R_OK | X_OK, "state_dir cannot be read", h);
	if (h->ready && may(site, "run", W_OK | X_OK, "run/ in state_dir cannot be written", h))
		may(site, "catalog.db", R_OK, "catalog.db cannot be read", h);
}

static void look_at_disk(const struct site *site, struct health *h)
{
	char text[HUMAN_CAP];
	h->free_bytes = store_free_bytes(site->store);
	if (h->free_bytes < 0 || h->free_bytes >= FREE_BYTES_LEAST)
		return;
	human_size(h->free_bytes, text);
	add_reason(h, "the disk is nearly full: %s free", text);
}

static void look_at_index(const struct site *site, int64_t now, struct health *h)
{
	const uint64_t failures = counters_get(&site->counters->index_failures);
	h->index_age_sec = store_document_age(site->store, "index.json", now);
	if (!site->config->offline && failures >= INDEX_FAILURES)
		add_reason(
		    h, "upstream's index could not be refreshed %llu times in a row", (unsigned long long)failures);
}

static void look_at_service(const struct site *site, struct health *h)
{
	if (counters_get(&site->counters->unreachable) != 0)
		add_reason(h, "the fetch service cannot be started or reached: misses fail");
}

/* The note of pkgmirror-acme(8): seconds UTC. 0 when there is none, or it is something else. */
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

static void look_at_certificate(const struct site *site, int64_t now, struct health *h)
{
	const int64_t end = certificate_end(site), left = end - now;
	h->has_certificate = end > 0;
	h->certificate_days = left / DAY_SEC - (left % DAY_SEC < 0);
	if (h->has_certificate && left <= 0)
		add_reason(h, "the certificate has ended");
	else if (h->has_certificate && h->certificate_days < CERTIFICATE_DAYS_LEAST)
		add_reason(h, "the certificate ends in %lld days", (long long)h->certificate_days);
}

void health_look(const struct site *site, int64_t now, struct health *out)
{
	out->count = 0;
	look_at_store(site, out);
	look_at_disk(site, out);
	look_at_index(site, now, out);
	look_at_service(site, out);
	look_at_certificate(site, now, out);
}
