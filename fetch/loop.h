/* loop: the event loop of the fetch service: the socket's clients, the jobs, the upstreams, signals and the linger. */
#ifndef PKGMIRROR_FETCH_LOOP_H
#define PKGMIRROR_FETCH_LOOP_H

#include "fetch/fetch.h"

struct loop_options {
	int listener;  /* non-blocking, listening */
	int signal_fd; /* readable when it is time to leave (signalfd) */
	bool stay;     /* no linger: until a signal */
	/* Makes the listening socket again, for a client that came while the service was leaving. NULL: it is not ours
	 * to remake. */
	int (*relisten)(void *arg);
	void (*unlisten)(void *arg);
	bool (*holds)(void *arg); /* false: the place belongs to another service, or to nobody */
	void *arg;
	bool displaced; /* set at the end: it did not hold any more */
	bool starved;   /* set at the end: OpenSSL was denied memory */
};

/* Serves until the linger is over, a signal, or until OpenSSL was denied memory, or until it holds its place no more:
 * then the socket is left alone. Returns the listening socket, which may have been remade, for the caller to close.
 * Blocks. */
int loop_run(struct fetch *x, struct loop_options *options);

#endif
