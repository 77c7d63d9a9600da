/* service: how a program reaches the fetch service, starting it when nobody listens.
 *
 * The starter holds a lock on byte 0 of run/fetch.lock while it starts one, the service holds byte 1 for as long as it
 * lives: so there is one service a state_dir however many ask at once, and a dead one is noticed by the kernel. The
 * service is a child in a session of its own with no descriptor of ours, so that neither a web server that ends a CGI
 * nor one that waits for its standard error to close is affected. Called by the responder and the warmer. */
#ifndef PKGMIRROR_SERVICE_H
#define PKGMIRROR_SERVICE_H

#include "config.h"
#include "store.h"

/* Connects to the service of this state_dir, starting it (the program pkgmirror-fetch of the libexec or bin folder, or
 * PKGMIRROR_FETCH of the process environment) when nobody listens. Returns a connected stream socket (close-on-exec,
 * blocking) that the caller closes; -1 with FAULT_SYSTEM when it cannot be started within ten seconds. Blocks that long
 * at most. */
int service_connect(const struct config *c, const struct store *store, struct fault *f)
    __attribute__((warn_unused_result));

/* Likewise, of a program that is sealed in: what has to be started is started by its starter (starter.h). -1: it has
 * none, and starts services itself. With a starter it ends with FAULT_BUSY when stop_fd becomes readable; -1: none. */
int service_connect_by(int starter_fd, int stop_fd, const struct config *c, const struct store *store, struct fault *f)
    __attribute__((warn_unused_result));

/* Connects only when somebody listens; -1 otherwise, without a fault. */
int service_connect_running(const struct config *c) __attribute__((warn_unused_result));

/* True while a service holds its claim on this state_dir. */
bool service_is_running(const struct store *store);

/* The service's side. Takes byte 1 of run/fetch.lock for the life of the process. Returns the descriptor to keep open,
 * -1 with FAULT_BUSY when another service lives, FAULT_SYSTEM otherwise. */
int service_claim(const struct store *store, struct fault *f) __attribute__((warn_unused_result));

/* Whether a claim still is the one that counts: who deletes run/ lets another service claim the same state_dir. */
bool service_claim_holds(const struct store *store, int claim_fd) __attribute__((warn_unused_result));

/* The service's side. Turns run/fetch.log over when standard error is that and it has grown over its limit. */
void service_turn_log(const struct store *store);

/* The service's side. Binds and listens on run/fetch.sock (0660), replacing a dead one's socket. Only after
 * service_claim. Returns the listening socket (non-blocking, close-on-exec); -1 with FAULT_SYSTEM. */
int service_listen(const struct config *c, struct fault *f) __attribute__((warn_unused_result));

/* The service's side. Tells the starter, if there is one, that connections are accepted now. */
void service_ready(void);

#endif
