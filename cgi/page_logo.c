/* page_logo: /-/logo: the operator's picture for the pages. */
#include "pages.h"

#include "cgi/content.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOGO_MAX = 1024 * 1024, ETAG_CAP = 48 };

void page_logo(struct site *site, struct exchange *x, const struct request *rq, const struct route *route)
{
	const char *file = site->config->site.logo;
	char etag[ETAG_CAP];
	struct fault f = {0};
	struct stat st = {0};
	int fd = *file != '\0' ? open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > LOGO_MAX) {
		fault_set(&f, FAULT_ABSENT, "this mirror has no logo");
		respond_fault(x, &f, 0, route->path, rq->head);
	} else {
		struct response r = {.type = config_logo_type(file),
		    .cache_control = "public, max-age=3600",
		    .etag = etag,
		    .modified = st.st_mtim.tv_sec,
		    .ranges = true,
		    .more = "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\n"};
		snprintf(etag, sizeof etag, "\"%llx-%llx\"", (unsigned long long)st.st_size,
		    (unsigned long long)st.st_mtim.tv_sec);
		content_judge(rq, st.st_size, true, &r);
		if (content_send(site, x, rq, fd, &r) == CONTENT_BROKEN)
			exchange_abort(x);
	}
	if (fd >= 0)
		close(fd);
}
