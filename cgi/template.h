/* template: an HTML page of www/ with its values put in. Pure: what the values are is the source's business.
 *
 *     {{text NAME}} {{attribute NAME}} {{path NAME}} {{query NAME}}   a value, escaped for that context
 *     {{each LIST NAME…}} … {{else}} … {{end}}    once for each row of a list, which may depend on values that are
 *                                                named; what is behind else when there is no row
 *     {{if NAME}} … {{else}} … {{end}}            when the value is not empty; what is behind else when it is
 *     {{part FILE}}                               another file of www/, as it is: style and script
 *
 * An else may be left out. There is no way to put a value in unescaped. Inside `each` the row's values come before
 * those outside. Called by page_html. */
#ifndef PKGMIRROR_CGI_TEMPLATE_H
#define PKGMIRROR_CGI_TEMPLATE_H

#include "cgi/buffer.h"

enum { TEMPLATE_DEPTH_MAX = 6, TEMPLATE_WORDS_MAX = 5, TEMPLATE_NAME_CAP = 48 };

/* Where the values come from. `arg` is handed to each function. */
struct template_source {
	void *arg;

	/* The value of a name, in the innermost row that has it; NULL when nobody knows it. Borrowed until the next
	 * row. */
	const char *(*value)(void *arg, const char *name);

	/* Begins a list with the values of its count parameters; false when there is no such list. Each list that began
	 * is ended, the innermost first. */
	bool (*begin)(void *arg, const char *list, const char *const *parameters, size_t count);

	/* The next row; false after the last. */
	bool (*next)(void *arg);
	void (*end)(void *arg);

	/* A file to put in as it is; false when there is none. */
	bool (*part)(void *arg, const char *file, struct buffer *out);
};

/* Adds the page (len bytes) to out. False with a reason, when it is not NULL, for a page that is malformed, names what
 * the source does not have, or does not fit. What stands in an `if` that does not hold is checked for its form only. */
bool template_render(struct buffer *out, const char *page, size_t len, const struct template_source *source,
    const char **reason) __attribute__((warn_unused_result));

#endif
