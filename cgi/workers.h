/* workers: the threads of the FastCGI responder. Called by main.
 *
 * So many as were asked for serve what needs no waiting. A request that waits for the fetch service has a thread beside
 * them, started when the last idle one is taken and ended when there are enough again: so a crowd that waits for cold
 * files never keeps others from what is here. */
#ifndef PKGMIRROR_CGI_WORKERS_H
#define PKGMIRROR_CGI_WORKERS_H

#include "cgi/listener.h"
#include "cgi/site.h"

enum { WORKERS_MAX = 512, WORKERS_WAITING_MAX = 512 };

struct workers;

/* Starts `count` threads (1 to WORKERS_MAX) that serve what the listener accepts until it is stopped, and sets how many
 * requests may wait: WORKERS_WAITING_MAX, or fewer while the system grants no more threads. NULL with FAULT_SYSTEM when
 * not even one can be started. The caller gives it back with workers_finish. */
struct workers *workers_start(struct site *site, struct listener *l, int count, struct fault *f)
    __attribute__((warn_unused_result));

/* After listener_stop: waits until the threads have finished their requests, at most limit_sec. Frees *w then. False
 * when some have not: nothing that they use may be freed, and the process should end. */
bool workers_finish(struct workers *w, int limit_sec);

#endif
