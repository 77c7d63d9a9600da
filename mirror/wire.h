/* wire: the lines between the fetch service and its clients. Pure.
 *
 * One request a connection, one line each, LF-terminated, at most WIRE_LINE_CAP bytes with the LF. Fields are separated
 * by one space; the last one of a `fail` runs to the end of the line.
 *
 *   client -> service
 *     get PATH NETWORK SOURCE       a person waits for PATH
 *     want PATH                     the warmer waits for PATH: low priority, no miss limit
 *     refresh                       the index documents may be due; no answer, the service closes the connection
 *     update                        the index documents are asked for now, fresh or not; `done` when each of them was
 *                                   had or is unchanged, else `fail`
 *   service -> client
 *     size N|-                      the content has N bytes (- unknown) and grows in part/PATH. A second `size` on a
 *                                   connection, or one from another service, may be of other content: compare the inode
 *     at N                          the first N bytes of it can be read
 *     done                          verified and published: public/PATH; or updated
 *     fail CLASS RETRY TEXT         it ended; CLASS is a fault class name, RETRY the seconds to wait or 0
 *
 * PATH is a route's canonical path (no spaces). NETWORK is netaddr's text or "-". SOURCE is [A-Za-z0-9._-]{1,64}, "-",
 * or WIRE_SOURCE_MIRROR. */
#ifndef PKGMIRROR_WIRE_H
#define PKGMIRROR_WIRE_H

#include "fault.h"

#include <stdint.h>

enum { WIRE_LINE_CAP = 1024, WIRE_PATH_CAP = 640, WIRE_NETWORK_CAP = 64, WIRE_SOURCE_CAP = 65 };

/* The source of a `get` for another mirror that has this one as a fallback: it is not passed on to our fallbacks. */
#define WIRE_SOURCE_MIRROR "-mirror-"

enum wire_kind { WIRE_GET, WIRE_WANT, WIRE_REFRESH, WIRE_UPDATE, WIRE_SIZE, WIRE_AT, WIRE_DONE, WIRE_FAIL };

struct wire_message {
	enum wire_kind kind;
	char path[WIRE_PATH_CAP];       /* get, want */
	char network[WIRE_NETWORK_CAP]; /* get */
	char source[WIRE_SOURCE_CAP];   /* get */
	int64_t number;                 /* size (-1: unknown), at */
	int retry_sec;                  /* fail */
	struct fault fault;             /* fail */
};

/* Writes *m as a line with its LF and a NUL into out. Returns the length without the NUL, 0 when a field does not fit
 * its grammar. */
size_t wire_format(const struct wire_message *m, char out[WIRE_LINE_CAP + 1]) __attribute__((warn_unused_result));

/* Parses one line (len bytes, without its LF). False when it is no message; *out is then undefined. */
bool wire_parse(const char *line, size_t len, struct wire_message *out) __attribute__((warn_unused_result));

/* Bytes of a connection that await their LF. Zero it before use. */
struct wire_buffer {
	char data[WIRE_LINE_CAP * 4];
	size_t len;
	size_t consumed;
};

enum wire_status { WIRE_LINE, WIRE_MORE, WIRE_CLOSED, WIRE_BROKEN };

/* The next message of the connected stream socket fd: parses what is buffered, and reads once more when that holds no
 * whole line. WIRE_MORE: nothing whole yet (on a blocking socket: call again). WIRE_CLOSED: the peer left, or an error
 * of the socket. WIRE_BROKEN: a line that is none of ours, or too long. Blocks only if fd does. */
enum wire_status wire_read(int fd, struct wire_buffer *b, struct wire_message *out) __attribute__((warn_unused_result));

#endif
