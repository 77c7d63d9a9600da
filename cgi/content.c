/* content: see content.h. */
#include "content.h"

#include "cgi/conditional.h"
#include "cgi/crowd.h"
#include "cgi/range.h"
#include "mirror/netaddr.h"

#include <time.h>

enum { BUFFERED_BYTES = 32 * 1024 }; /* the connection takes so much, whoever reads */

void content_judge(const struct request *rq, int64_t size, bool ours, struct response *r)
{
	const int64_t now = time(NULL);
	r->status = 200;
	r->first = 0;
	r->last = size - 1;
	r->size = size;
	if (conditional_9110_13_2_2(rq->if_none_match, rq->if_modified_since, r->etag, r->modified, now)) {
		r->status = 304;
		return;
	}
	/* Section 14.2: only GET knows ranges. */
	if (rq->head || rq->range == NULL || !conditional_9110_13_1_5(rq->if_range, r->etag, r->modified, now))
		return;
	switch (range_9110_14_2(rq->range, size, &r->first, &r->last)) {
	case RANGE_UNSATISFIED:
		r->status = 416;
		break;
	case RANGE_PART:
		r->status = ours ? 206 : 200;
		break;
	default:
		break;
	}
}

static int64_t send_all(struct exchange *x, int fd, const struct response *r)
{
	return respond_head(x, r) && respond_bytes(x, fd, r->first, r->last) ? r->length : CONTENT_BROKEN;
}

int64_t content_send(struct site *site, struct exchange *x, const struct request *rq, int fd, struct response *r)
{
	char network[NETADDR_TEXT_CAP];
	struct fault f = {0};
	if (r->status == 304 || r->status == 416) {
		r->type = NULL;
		r->has_length = r->status == 416;
		r->length = 0;
		return respond_head(x, r) ? 0 : CONTENT_BROKEN;
	}
	r->has_length = true;
	r->length = r->last - r->first + 1;
	if (rq->head)
		return respond_head(x, r) ? 0 : CONTENT_BROKEN;
	if (r->length <= BUFFERED_BYTES)
		return send_all(x, fd, r);
	netaddr_network(rq->address, network);
	if (!crowd_enter(site, network, &f)) {
		respond_fault(x, &f, 0, rq->path, false);
		return CONTENT_REFUSED;
	}
	int64_t sent = send_all(x, fd, r);
	crowd_leave(site, network);
	return sent;
}
