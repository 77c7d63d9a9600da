/* template: an HTML page of www/ with its values put in. Pure.
 *
 * {{text NAME}}, {{attribute NAME}}, {{path NAME}} and {{query NAME}} stand for a value, escaped for that context;
 * there is no way to put one in unescaped. Called by the pages. */
#ifndef PKGMIRROR_CGI_TEMPLATE_H
#define PKGMIRROR_CGI_TEMPLATE_H

#include "cgi/buffer.h"

struct template_value {
	const char *name, *value;
};

/* Adds the page (len bytes) to out with the count values put in. False when the page is malformed, names a value that
 * is not among them, or does not fit. */
bool template_render(struct buffer *out, const char *page, size_t len, const struct template_value *values,
    size_t count) __attribute__((warn_unused_result));

#endif
