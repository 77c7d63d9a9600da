/* server: what the web server in front makes of an answer that breaks off. Called by follow.
 *
 * A file that is still being fetched may be sent only where a torn answer is seen as torn. What is said here was tried:
 * lighttpd 1.4.69, nginx 1.22, Apache 2.4.71, Caddy 2.6.2. */
#ifndef PKGMIRROR_CGI_SERVER_H
#define PKGMIRROR_CGI_SERVER_H

#include "cgi/gateway.h"

/* True when the client would notice that this exchange's answer broke off. has_length: the answer has a Content-Length.
 * PKGMIRROR_STREAM among the parameters decides for a CGI, and for an answer without a length where nothing is known of
 * the server. */
bool server_shows_torn(const struct exchange *x, bool has_length);

/* Header lines for an answer that is sent while it grows, each with its CRLF; NULL when none is needed. */
const char *server_stream_lines(const struct exchange *x);

#endif
