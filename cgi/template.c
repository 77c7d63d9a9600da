/* template: see template.h. */
#include "template.h"

#include "cgi/escape.h"

#include <string.h>

enum { MARK_MAX = 160 };

static const struct {
	const char *name;
	void (*escape)(struct buffer *out, const char *value);
} CONTEXTS[] = {
    {"text", escape_text}, {"attribute", escape_attribute}, {"path", escape_url_path}, {"query", escape_url_query}};

/* A mark taken apart. */
struct mark {
	char words[TEMPLATE_WORDS_MAX][TEMPLATE_NAME_CAP];
	size_t count;
};

struct render {
	struct buffer *out;
	const struct template_source *source;
	const char *p, *end;
	int depth;
	const char *reason;
};

static bool wrong(struct render *r, const char *reason)
{
	r->reason = reason;
	return false;
}

/* Splits the len bytes between the braces into words. */
static bool split(const char *text, size_t len, struct mark *m)
{
	m->count = 0;
	while (len > 0) {
		size_t n = 0;
		while (n < len && text[n] != ' ')
			n++;
		if (n == 0 || n >= TEMPLATE_NAME_CAP || m->count == TEMPLATE_WORDS_MAX)
			return false;
		memcpy(m->words[m->count], text, n);
		m->words[m->count++][n] = '\0';
		n += n < len;
		text += n;
		len -= n;
	}
	return m->count > 0;
}

/* Copies literal text (when it counts) up to the next mark, and reads that. *any: there was one. */
static bool next_mark(struct render *r, bool live, struct mark *m, bool *any)
{
	const char *open = memmem(r->p, (size_t)(r->end - r->p), "{{", 2);
	if (live)
		buffer_add(r->out, r->p, (size_t)((open ? open : r->end) - r->p));
	*any = open != NULL;
	if (open == NULL) {
		r->p = r->end;
		return true;
	}
	const char *close = memmem(open, (size_t)(r->end - open), "}}", 2);
	if (close == NULL || close - open > MARK_MAX || !split(open + 2, (size_t)(close - open - 2), m))
		return wrong(r, "a mark is malformed");
	r->p = close + 2;
	return true;
}

static bool put_value(struct render *r, const struct mark *m, bool live)
{
	for (size_t i = 0; i < sizeof CONTEXTS / sizeof CONTEXTS[0]; i++) {
		if (strcmp(m->words[0], CONTEXTS[i].name) != 0 || m->count != 2)
			continue;
		const char *value = live ? r->source->value(r->source->arg, m->words[1]) : "";
		if (value == NULL)
			return wrong(r, "a value is not known");
		if (live)
			CONTEXTS[i].escape(r->out, value);
		return true;
	}
	return wrong(r, "a mark is not known");
}

static bool render_block(struct render *r, bool live, bool *other);

/* What is behind the {{else}} of a block that had one. */
static bool put_other(struct render *r, bool live, bool other)
{
	return !other || (render_block(r, live, &other) && (!other || wrong(r, "a block has two elses")));
}

static bool put_condition(struct render *r, const struct mark *m, bool live)
{
	const char *value = live ? r->source->value(r->source->arg, m->words[1]) : "";
	bool other = false;
	if (value == NULL)
		return wrong(r, "a value is not known");
	bool holds = *value != '\0';
	return render_block(r, live && holds, &other) && put_other(r, live && !holds, other);
}

static bool put_rows(struct render *r, const struct mark *m, bool live)
{
	const struct template_source *s = r->source;
	const char *parameters[TEMPLATE_WORDS_MAX], *body = r->p;
	bool ok = true, any = false, other = false;
	for (size_t i = 2; live && i < m->count; i++)
		if ((parameters[i - 2] = s->value(s->arg, m->words[i])) == NULL)
			return wrong(r, "a value is not known");
	if (live && !s->begin(s->arg, m->words[1], parameters, m->count - 2))
		return wrong(r, "a list is not known");
	while (live && ok && !r->out->failed && s->next(s->arg)) {
		any = true;
		r->p = body;
		ok = render_block(r, true, &other);
	}
	if (live)
		s->end(s->arg);
	return ok && (any || render_block(r, false, &other)) && put_other(r, live && !any, other);
}

static bool put_mark(struct render *r, const struct mark *m, bool live)
{
	const char *verb = m->words[0];
	if (m->count < 2)
		return wrong(r, "a mark is malformed");
	if (strcmp(verb, "each") == 0)
		return put_rows(r, m, live);
	if (strcmp(verb, "if") == 0)
		return m->count == 2 ? put_condition(r, m, live) : wrong(r, "a mark is malformed");
	if (strcmp(verb, "part") == 0)
		return !live || r->source->part(r->source->arg, m->words[1], r->out) || wrong(r, "a part is not known");
	return put_value(r, m, live);
}

/* Renders to the {{end}} or {{else}} that belongs to it, and tells by *other which; or, when that is NULL, to the end
 * of the page. */
static bool render_block(struct render *r, bool live, bool *other)
{
	struct mark m;
	bool any;
	if (++r->depth > TEMPLATE_DEPTH_MAX)
		return wrong(r, "blocks are nested too deep");
	while (next_mark(r, live, &m, &any)) {
		bool otherwise = any && m.count == 1 && strcmp(m.words[0], "else") == 0;
		bool end = otherwise || (any && m.count == 1 && strcmp(m.words[0], "end") == 0);
		if (!any || end) {
			r->depth--;
			if (end && other != NULL)
				*other = otherwise;
			return end == (other != NULL) ||
			       wrong(r, end ? "an end belongs to no block" : "a block has no end");
		}
		if (!put_mark(r, &m, live))
			return false;
	}
	return false;
}

bool template_render(
    struct buffer *out, const char *page, size_t len, const struct template_source *source, const char **reason)
{
	struct render r = {.out = out, .source = source, .p = page, .end = page + len};
	bool ok = render_block(&r, true, NULL);
	if (ok && out->failed)
		ok = wrong(&r, "the page is too large");
	if (reason != NULL)
		*reason = r.reason;
	return ok;
}
