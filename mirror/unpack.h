/* unpack: judges an archive in a child process: whether it is whole and, of a package, what its content is.
 *
 * Unpacking reads hostile input, takes as long as it likes and wants memory: the child has limits of both, no
 * descriptor but the file and the pipe for its answer, and dies with the service. What it answers is looked at before
 * it is believed. Called by job and by the warmer; knows nothing of upstreams, and the file is the caller's. */
#ifndef PKGMIRROR_UNPACK_H
#define PKGMIRROR_UNPACK_H

#include "fault.h"
#include "zighash.h"

struct unpack;

struct unpack_result {
	struct fault fault; /* FAULT_NONE: it is whole. FAULT_INTEGRITY: it is not, or asks for more than the limits.
	                       FAULT_SYSTEM: somebody else killed the child, it could not begin, or the file
	                       cannot be read, which tells nothing of the archive */
	bool died;          /* the child gave no answer */
	struct zighash zig; /* of a package that is whole; else "" */
};

/* Starts a child that judges the file behind fd, which must be open for reading only and is the caller's again at
 * return. NULL with FAULT_SYSTEM. The caller ends it with unpack_stop. Does not block. */
struct unpack *unpack_start(int fd, bool package, struct fault *f) __attribute__((warn_unused_result));

/* The descriptor that becomes readable when there is something to ask unpack_done for. Borrowed. */
int unpack_fd(const struct unpack *u);

/* True when the child has ended: *out is its result. Does not block; to be asked no more after that. */
bool unpack_done(struct unpack *u, struct unpack_result *out);

/* Ends the child, whatever it does, and frees u. NULL is fine. */
void unpack_stop(struct unpack *u);

#endif
