/* accesslog: one line of a web server's access log, taken apart. Pure.
 *
 * Understood are the combined and the common format of lighttpd, Apache and nginx, whatever stands before the time in
 * brackets (a virtual host, say), and the JSON of Caddy. What a line says of the client's address is not kept. Called
 * by fold. */
#ifndef PKGMIRROR_WARMER_ACCESSLOG_H
#define PKGMIRROR_WARMER_ACCESSLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ACCESSLOG_TARGET_CAP = 2048, ACCESSLOG_AGENT_CAP = 512, ACCESSLOG_METHOD_CAP = 16, ACCESSLOG_LINE_MAX = 65536 };

struct accesslog_line {
	int64_t time; /* UTC seconds */
	char method[ACCESSLOG_METHOD_CAP];
	char target[ACCESSLOG_TARGET_CAP]; /* of the request: path and query, as sent */
	int status;
	int64_t bytes;                   /* of the body, as far as the log tells; 0 for "-" */
	char agent[ACCESSLOG_AGENT_CAP]; /* the user agent, cut when too long; "" when it gave none */
};

/* Takes one line (without its end) apart. False, with *out undefined, when it is none of these formats, or holds a
 * field that is too long or impossible. */
bool accesslog_parse(const char *line, size_t len, struct accesslog_line *out) __attribute__((warn_unused_result));

/* True for the user agent of a robot that reads whatever it finds: a search engine, a scanner, a link preview. */
bool accesslog_is_bot(const char *agent);

#endif
