/* page_html: what the pages for people have in common: a template of www/ (or the operator's own of that name), values
 * from the page, rows from the catalogue and the configuration, and the rules that a browser has to keep.
 *
 * A template gets, beside the page's own values: site, text, contact, logo, host, base_url, toolchains, upstream, key,
 * version (of this program) and nonce. Lists are those of sql/statements_page.sql without the "page_", and `rules`.
 * Without a catalogue its lists are empty, never a failure. Called by the pages. */
#ifndef PKGMIRROR_CGI_PAGE_HTML_H
#define PKGMIRROR_CGI_PAGE_HTML_H

#include "cgi/gateway.h"
#include "cgi/request.h"
#include "cgi/site.h"

struct page_value {
	const char *name, *value;
};

struct page_html {
	const char *file; /* "landing.html" */
	const char *cache_control;
	const char *vary; /* the request field that the page depends on; NULL: none */
	const struct page_value *values;
	size_t count;
};

/* Answers with the page. Blocks on reading the catalogue, never on an upstream. */
void page_html_answer(
    const struct site *site, struct exchange *x, const struct request *rq, const struct page_html *page);

#endif
