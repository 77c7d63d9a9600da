/* watch: one path, watched at the fetch service until it is published or has failed.
 *
 * It connects (and starts the service), asks, and connects again when the service dies; it waits with limits, and gives
 * up when the client leaves. It never touches the file itself. Called by follow. */
#ifndef PKGMIRROR_CGI_WATCH_H
#define PKGMIRROR_CGI_WATCH_H

#include "cgi/gateway.h"
#include "cgi/request.h"
#include "cgi/site.h"
#include "mirror/wire.h"

enum watch_event {
	WATCH_SIZE, /* the content's size is known (or known to be unknown); it may be other content than before */
	WATCH_AT,   /* more bytes can be read */
	WATCH_DONE, /* published */
	WATCH_FAIL, /* it ended: fault and retry_sec say how */
	WATCH_LEFT  /* the client is gone */
};

struct watch {
	const struct site *site;
	struct exchange *x;
	char ask[WIRE_LINE_CAP + 1]; /* our line */
	size_t ask_len;
	int fd; /* -1: not connected */
	struct wire_buffer in;
	int tries;        /* connections since the last progress */
	int64_t heard_ms; /* when the service last said something */
	int64_t size;     /* -1: unknown */
	int64_t at;
	char network[WIRE_NETWORK_CAP];
	bool counted; /* is in the crowd */
	struct fault fault;
	int retry_sec;
};

/* Prepares to watch PATH for a request. Close it with watch_close in any case. False with w->fault set as crowd_enter
 * does. */
bool watch_open(struct watch *w, struct site *site, struct exchange *x, const struct request *rq, const char *path)
    __attribute__((warn_unused_result));

/* The next event. Blocks until there is one, within its limits. */
enum watch_event watch_next(struct watch *w);

/* Leaves the service; its job goes on. Once for each watch_open, whatever that said. */
void watch_close(struct watch *w, struct site *site);

/* Tells the service that the documents may be due, and does not wait. Starts it when needed. At most once a second. */
void watch_refresh(struct site *site);

#endif
