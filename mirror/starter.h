/* starter: a small process that a program leaves outside before it seals itself in (sandbox.h), so that the fetch
 * service can still be started: a service that the sealed-in program started itself would be as confined as that.
 *
 * It waits on a socket for one kind of request, which says nothing but "now": what is run, with which configuration and
 * environment, was settled when it was made. It ends when its maker does. service.h starts services through it. */
#ifndef PKGMIRROR_STARTER_H
#define PKGMIRROR_STARTER_H

#include "config.h"
#include "store.h"

/* Makes one. Returns the descriptor to ask it by (close-on-exec), which lives as long as it shall; -1 with
 * FAULT_SYSTEM. Call it before there are threads and locks. */
int starter_make(const struct config *c, struct fault *f) __attribute__((warn_unused_result));

/* Has a service started, or found running. False with its FAULT_SYSTEM or FAULT_FULL when that failed, or took until
 * deadline_ms (CLOCK_MONOTONIC), with FAULT_BUSY when stop_fd became readable meanwhile (-1: none). Threads may ask at
 * once. Blocks that long at most. */
bool starter_ask(int fd, int stop_fd, int64_t deadline_ms, struct fault *f) __attribute__((warn_unused_result));

/* True while it lives. */
bool starter_lives(int fd);

#endif
