/* content: see content.h. */
#include "content.h"

#include "cgi/conditional.h"
#include "cgi/range.h"

#include <time.h>

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

int64_t content_send(struct exchange *x, const struct request *rq, int fd, struct response *r)
{
	if (r->status == 304 || r->status == 416) {
		r->type = NULL;
		r->has_length = r->status == 416;
		r->length = 0;
		return respond_head(x, r) ? 0 : -1;
	}
	r->has_length = true;
	r->length = r->last - r->first + 1;
	if (!respond_head(x, r))
		return -1;
	if (rq->head)
		return 0;
	return respond_bytes(x, fd, r->first, r->last) ? r->length : -1;
}
