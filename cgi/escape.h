/* escape: what comes from outside, made harmless for the place where it goes. Pure.
 *
 * One function a context, named by it; there is no other way for a value into a page or a header. Called by template
 * and the pages. */
#ifndef PKGMIRROR_CGI_ESCAPE_H
#define PKGMIRROR_CGI_ESCAPE_H

#include "cgi/buffer.h"

/* Text between tags of HTML: & < > become references. Control bytes other than tab and newline become U+FFFD. */
void escape_text(struct buffer *out, const char *value);

/* The value of an attribute in double or single quotes: as text, and both quotes. */
void escape_attribute(struct buffer *out, const char *value);

/* A path of a URL: every byte but the unreserved ones, '/', '+' and '@' becomes %XX. Safe in an attribute too. */
void escape_url_path(struct buffer *out, const char *value);

/* A name or a value of a URL's query: every byte but the unreserved ones becomes %XX. Safe in an attribute too. */
void escape_url_query(struct buffer *out, const char *value);

/* The value of a header field (RFC 9110 section 5.5): control bytes become spaces, so that no value makes a line. */
void escape_header(struct buffer *out, const char *value);

#endif
