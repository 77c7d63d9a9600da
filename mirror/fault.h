/* fault: the one error type of the project.
 *
 * A function that can fail returns bool and fills a struct fault: a class, which decides what a client or an
 * operator is told (cgi/respond.c maps it to an HTTP status), and one line of text that names what was wrong and
 * where. It does no I/O; logging a fault is log_fault(). Called by everybody. */
#ifndef PKGMIRROR_FAULT_H
#define PKGMIRROR_FAULT_H

#include <stdbool.h>
#include <stddef.h>

enum fault_class {
	FAULT_NONE = 0,
	FAULT_CLIENT,    /* the request is malformed */
	FAULT_METHOD,    /* a method other than GET and HEAD */
	FAULT_ABSENT,    /* no such path, no such file upstream */
	FAULT_LIMIT,     /* this client asks for more than its share */
	FAULT_BUSY,      /* maintenance, or every slot is taken: ask again later */
	FAULT_UPSTREAM,  /* upstream failed, timed out, or may not be asked */
	FAULT_INTEGRITY, /* what upstream sent failed verification */
	FAULT_FULL,      /* our disk is full */
	FAULT_SYSTEM,    /* our own state is broken */
	FAULT_CONFIG,    /* the configuration or the command line is wrong */
	FAULT_CLASSES    /* how many there are */
};

enum { FAULT_TEXT_CAP = 240 };

struct fault {
	enum fault_class class;
	char text[FAULT_TEXT_CAP]; /* one line without control characters, NUL-terminated */
};

/* Sets *f to `class` and the formatted line; control bytes become '?', an overlong line is cut. f may be NULL.
 * Always returns false, so that a function can `return fault_set(...)`. */
bool fault_set(struct fault *f, enum fault_class class, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Like fault_set, with ": " and the text of the errno value `error` added. ENOSPC, EDQUOT and EFBIG turn FAULT_SYSTEM
 * into FAULT_FULL. Always returns false. */
bool fault_errno(struct fault *f, enum fault_class class, int error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The lower-case name of a class ("absent"), as on the wire and in logs; "none" for FAULT_NONE and unknown values. */
const char *fault_class_name(enum fault_class class);

/* The class with that name (len bytes, no NUL needed); FAULT_NONE when there is none. */
enum fault_class fault_class_parse(const char *name, size_t len);

#endif
