/* gateway: one request and its answer, whichever way the web server talks to us. The only door to libfcgi.
 *
 * FastCGI and plain CGI look the same behind struct exchange: parameters come in, a head and bytes go out, and the
 * answer ends whole (exchange_end) or visibly broken (exchange_abort). It knows nothing of HTTP beyond that. An
 * exchange belongs to one thread and serves one request after the other. Called by main and workers; the pages send
 * through it. */
#ifndef PKGMIRROR_CGI_GATEWAY_H
#define PKGMIRROR_CGI_GATEWAY_H

#include "mirror/fault.h"

#include <stdint.h>

enum gateway_mode {
	GATEWAY_FASTCGI, /* standard input is a listening socket */
	GATEWAY_CGI,     /* the environment holds one request */
	GATEWAY_NEITHER  /* somebody typed our name */
};

/* How this process was started. */
enum gateway_mode gateway_mode(void);

/* Prepares libfcgi. It installs signal handlers: set your own after it. FAULT_SYSTEM. */
bool gateway_open(struct fault *f) __attribute__((warn_unused_result));

struct exchange;

/* A new exchange; the caller frees it with exchange_free. FastCGI: a client that takes nothing for send_limit_sec is
 * given up; a CGI is ended by its web server. NULL when there is no memory. */
struct exchange *exchange_new(enum gateway_mode mode, int64_t send_limit_sec) __attribute__((warn_unused_result));

/* Frees it. NULL is fine. */
void exchange_free(struct exchange *x);

/* FastCGI: takes over the accepted connection fd, which is closed in any case, and reads the request's parameters.
 * False when the peer sent none in ten seconds, for which it blocks. CGI: needs no call. */
bool exchange_begin(struct exchange *x, int fd) __attribute__((warn_unused_result));

/* True in CGI mode: one request, one process. */
bool exchange_is_cgi(const struct exchange *x);

/* A parameter of the request; NULL when it has none. Borrowed: dead after the end. */
const char *exchange_param(const struct exchange *x, const char *name);

/* Sends len bytes of the answer, buffered. False when the client is gone, or took nothing for two minutes. Blocks at
 * the client's pace. */
bool exchange_send(struct exchange *x, const void *data, size_t len);

/* Sends what is buffered now. False when the client is gone. */
bool exchange_flush(struct exchange *x);

/* True when a write failed: nobody reads any more. */
bool exchange_is_gone(const struct exchange *x);

/* What to poll to learn that the peer left: *fd and *events for poll(2); POLLERR, POLLHUP and POLLRDHUP mean it did.
 * Not every web server tells while we are silent. */
void exchange_watch(const struct exchange *x, int *fd, short *events);

/* Ends the answer: it is whole. Does nothing after an end or an abort. */
void exchange_end(struct exchange *x);

/* Breaks the answer off: FastCGI closes the connection without an end record, so that the web server cuts its client
 * off; CGI leaves what it promised unsent, and the process should exit with a failure. */
void exchange_abort(struct exchange *x);

/* True when the last answer was broken off. */
bool exchange_is_aborted(const struct exchange *x);

/* Keeps the status of the answer for whoever counts answers; not looked at here. 0 until one is set. */
void exchange_set_status(struct exchange *x, int status);
int exchange_status(const struct exchange *x);

#endif
