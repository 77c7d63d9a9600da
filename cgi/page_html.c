/* page_html: see page_html.h. */
#include "page_html.h"

#include "cgi/respond.h"
#include "cgi/template.h"
#include "cgi/www.h"
#include "mirror/catalog_list.h"
#include "mirror/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	PAGE_MAX = 1024 * 1024,
	TEMPLATE_MAX = 256 * 1024,
	NONCE_BYTES = 16,
	URL_CAP = 2048,
	VALUES_OWN = 11,
	LIST_CAP = TEMPLATE_NAME_CAP + 8
};

/* A list that is being read: rows of the catalogue, or the rules of the configuration. */
struct list {
	struct catalog_query *query; /* NULL: none, or rules */
	bool rules;
	size_t rule; /* the next one */
	char example[URL_CAP];
};

struct data {
	const struct site *site;
	const struct page_html *page;
	struct page_value own[VALUES_OWN];
	struct catalog *catalog; /* NULL: there is none */
	struct list lists[TEMPLATE_DEPTH_MAX];
	size_t depth;
	char nonce[2 * NONCE_BYTES + 1], toolchains[URL_CAP], key[MINISIGN_KEY_TEXT_CAP];
};

/* A value of the rule that the list stands at. */
static const char *rule_value(const struct data *d, struct list *l, const char *name)
{
	const struct config_rule *rule = &d->site->config->rules[l->rule - 1];
	if (strcmp(name, "name") == 0)
		return rule->name;
	if (strcmp(name, "kind") == 0)
		return rule->kind == RULE_PACKAGE ? "package" : "artifact";
	if (strcmp(name, "pattern") == 0)
		return rule->path;
	if (strcmp(name, "origin") == 0)
		return rule->upstream;
	if (strcmp(name, "is_package") == 0)
		return rule->kind == RULE_PACKAGE ? "yes" : "";
	if (strcmp(name, "signed") == 0)
		return rule->has_key ? "yes" : "";
	if (strcmp(name, "example") != 0)
		return NULL;
	return config_rule_example(rule, l->example, sizeof l->example) ? l->example : "";
}

static const char *find_value(const struct page_value *values, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (values[i].name != NULL && strcmp(values[i].name, name) == 0)
			return values[i].value;
	return NULL;
}

static const char *source_value(void *arg, const char *name)
{
	struct data *d = arg;
	for (size_t i = d->depth; i > 0; i--) {
		struct list *l = &d->lists[i - 1];
		const char *value = l->rules           ? rule_value(d, l, name)
		                    : l->query != NULL ? catalog_list_value(l->query, name)
		                                       : NULL;
		if (value != NULL)
			return value;
	}
	const char *value = find_value(d->page->values, d->page->count, name);
	return value != NULL ? value : find_value(d->own, VALUES_OWN, name);
}

static bool source_begin(void *arg, const char *list, const char *const *parameters, size_t count)
{
	struct data *d = arg;
	char name[LIST_CAP];
	struct fault f = {0};
	if (d->depth == TEMPLATE_DEPTH_MAX)
		return false;
	struct list *l = &d->lists[d->depth];
	*l = (struct list){.rules = strcmp(list, "rules") == 0};
	snprintf(name, sizeof name, "page_%s", list);
	if (!l->rules && d->catalog != NULL) {
		l->query = catalog_list_begin(d->catalog, name, parameters, count, &f);
		if (l->query == NULL && f.class == FAULT_ABSENT)
			return false;
		if (l->query == NULL)
			log_fault(&f, "page", "list", name, NULL);
	}
	d->depth++;
	return true;
}

static bool source_next(void *arg)
{
	struct data *d = arg;
	struct list *l = &d->lists[d->depth - 1];
	struct fault f;
	if (l->rules)
		return l->rule++ < d->site->config->rule_count;
	int row = l->query != NULL ? catalog_list_next(l->query, &f) : 0;
	if (row < 0)
		log_fault(&f, "page", "file", d->page->file, NULL);
	return row > 0;
}

static void source_end(void *arg)
{
	struct data *d = arg;
	catalog_list_end(d->lists[--d->depth].query);
}

static const struct www_file *find_file(const char *name)
{
	for (size_t i = 0; i < www_files_count; i++)
		if (strcmp(www_files[i].name, name) == 0)
			return &www_files[i];
	return NULL;
}

/* Reads the operator's file of that name. False when there is none, or it cannot be used. */
static bool read_own(const struct site *site, const char *name, struct buffer *out)
{
	char path[URL_CAP];
	struct stat st;
	const char *folder = site->config->site.templates;
	if (*folder == '\0' || strchr(name, '/') != NULL)
		return false;
	snprintf(path, sizeof path, "%s/%s", folder, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	bool ok = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 && st.st_size <= TEMPLATE_MAX;
	for (int64_t at = 0; ok && at < st.st_size;) {
		char block[4096];
		ssize_t n = pread(fd, block, sizeof block, at);
		ok = n > 0;
		buffer_add(out, block, ok ? (size_t)n : 0);
		at += n;
	}
	close(fd);
	if (!ok)
		log_event(LOG_WARN_LEVEL, "template", "file", path, "error",
		    "is no file of at most 256 KiB that can be read", NULL);
	return ok && !out->failed;
}

static bool source_part(void *arg, const char *file, struct buffer *out)
{
	const struct data *d = arg;
	struct buffer own;
	buffer_open(&own, TEMPLATE_MAX);
	bool found = read_own(d->site, file, &own);
	const struct www_file *built_in = found ? NULL : find_file(file);
	if (found)
		buffer_add(out, own.data, own.len);
	else if (built_in != NULL)
		buffer_add(out, built_in->data, built_in->len);
	buffer_close(&own);
	return found || built_in != NULL;
}

/* A fresh nonce for the page's own style and script. Without one they do not work; the rules hold all the same. */
static void make_nonce(char out[2 * NONCE_BYTES + 1])
{
	unsigned char raw[NONCE_BYTES] = {0};
	if (getrandom(raw, sizeof raw, GRND_NONBLOCK) != (ssize_t)sizeof raw)
		log_event(LOG_WARN_LEVEL, "page", "error", "no random bytes", NULL);
	for (size_t i = 0; i < sizeof raw; i++)
		snprintf(out + 2 * i, 3, "%02x", raw[i]);
}

static void fill_own(struct data *d)
{
	const struct config *c = d->site->config;
	const char *host = strstr(c->base_url, "://");
	host = host ? host + 3 : c->base_url;
	make_nonce(d->nonce);
	minisign_key_text(&c->toolchains.keys.now, d->key);
	snprintf(d->toolchains, sizeof d->toolchains, "%s%s", c->base_url, c->toolchains.prefix);
	const struct page_value own[VALUES_OWN] = {{"site", *c->site.name != '\0' ? c->site.name : host},
	    {"text", c->site.text}, {"contact", c->site.contact}, {"logo", c->site.logo}, {"host", host},
	    {"base_url", c->base_url}, {"toolchains", d->toolchains}, {"upstream", c->toolchains.upstream},
	    {"key", d->key}, {"version", PACKAGE_VERSION}, {"nonce", d->nonce}};
	memcpy(d->own, own, sizeof own);
}

/* Renders one text of the template. */
static bool render(struct data *d, const char *text, size_t len, const char *whose, struct buffer *out)
{
	const struct template_source source = {.arg = d,
	    .value = source_value,
	    .begin = source_begin,
	    .next = source_next,
	    .end = source_end,
	    .part = source_part};
	const char *reason = NULL;
	buffer_open(out, PAGE_MAX);
	if (template_render(out, text, len, &source, &reason))
		return true;
	log_event(LOG_WARN_LEVEL, "template", "file", d->page->file, "whose", whose, "error", reason, NULL);
	buffer_close(out);
	return false;
}

/* The operator's template, and the built-in one when that is none or broken. */
static bool render_page(struct data *d, struct buffer *out)
{
	const struct www_file *built_in = find_file(d->page->file);
	struct buffer own;
	buffer_open(&own, TEMPLATE_MAX);
	bool ok = read_own(d->site, d->page->file, &own) && render(d, own.data, own.len, "the operator's", out);
	buffer_close(&own);
	return ok || (built_in != NULL && render(d, built_in->data, built_in->len, "built in", out));
}

static void send_page(struct exchange *x, const struct request *rq, const struct data *d, const struct buffer *text)
{
	char more[768];
	struct response r = {
	    .status = 200, .type = "text/html; charset=utf-8", .cache_control = d->page->cache_control, .more = more};
	snprintf(more, sizeof more,
	    "Content-Security-Policy: default-src 'none'; style-src 'nonce-%s'; script-src 'nonce-%s'; img-src 'self'; "
	    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\nReferrer-Policy: no-referrer\r\n%s%s%s",
	    d->nonce, d->nonce, d->page->vary ? "Vary: " : "", d->page->vary ? d->page->vary : "",
	    d->page->vary ? "\r\n" : "");
	respond_whole(x, &r, text->data, text->len, rq->head);
}

void page_html_answer(
    const struct site *site, struct exchange *x, const struct request *rq, const struct page_html *page)
{
	struct data d = {.site = site, .page = page};
	struct buffer text = {0};
	struct fault f = {0};

	fill_own(&d);
	d.catalog = catalog_open(site->config->state_dir, CATALOG_READ, store_on_network(site->store), &f);
	if (d.catalog == NULL && f.class != FAULT_ABSENT)
		log_fault(&f, "page", "file", page->file, NULL);
	if (render_page(&d, &text)) {
		send_page(x, rq, &d, &text);
	} else {
		fault_set(&f, FAULT_SYSTEM, "the page %s does not render", page->file);
		respond_fault(x, &f, 0, page->file, rq->head);
	}
	buffer_close(&text);
	catalog_close(d.catalog);
}
