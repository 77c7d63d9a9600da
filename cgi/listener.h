/* listener: the sockets where the web server finds us, and the way to stop waiting at them.
 *
 * All threads wait at once, each at a seat of its own, and a connection wakes one of them (EPOLLEXCLUSIVE): no thread
 * hands the waiting over to another. Called by main (open, stop) and workers (accept). */
#ifndef PKGMIRROR_CGI_LISTENER_H
#define PKGMIRROR_CGI_LISTENER_H

#include "mirror/fault.h"

struct listener;

/* Listens at standard input (when `inherited`) and at a Unix socket `path` of our own (mode 0660; NULL: none), which
 * replaces one that nobody listens at. The caller frees it with listener_close. NULL with FAULT_SYSTEM or FAULT_CONFIG.
 */
struct listener *listener_open(bool inherited, const char *path, struct fault *f) __attribute__((warn_unused_result));

/* Closes and removes its own socket. NULL is fine. Only when no thread accepts any more. */
void listener_close(struct listener *l);

/* A seat for a thread that will accept: a descriptor, which the caller closes. -1 with FAULT_SYSTEM. */
int listener_seat(const struct listener *l, struct fault *f) __attribute__((warn_unused_result));

/* Waits for a connection. Returns its descriptor (close-on-exec) that the caller closes; -1 when listener_stop was
 * called. Thread-safe, with a seat a thread. */
int listener_accept(struct listener *l, int seat);

/* Ends the waiting of all threads, now and in future. Safe in a signal handler. */
void listener_stop(struct listener *l);

#endif
