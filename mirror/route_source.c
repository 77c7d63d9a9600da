/* route_source: where a routed file comes from, where it is kept and what it is called. Pure; see route.h. */
#include "route.h"

#include "pattern.h"
#include "url.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

unsigned route_class(const struct route *r)
{
	return r->zig.number.dev ? CLASS_DEV : CLASS_STABLE;
}

void route_toolchain_prefix(const struct config *c, char out[ROUTE_PREFIX_CAP])
{
	const char *prefix = c->toolchains.prefix;
	snprintf(out, ROUTE_PREFIX_CAP, "%s%s", *prefix != '\0' ? prefix + 1 : "", *prefix != '\0' ? "/" : "");
}

void route_store_path(const struct route *r, unsigned class, char out[ROUTE_STORE_CAP])
{
	if (r->rule != NULL) {
		snprintf(out, ROUTE_STORE_CAP, "store/%s/%s/%s", r->rule->kind == RULE_PACKAGE ? "package" : "artifact",
		    r->rule->name, r->path);
		return;
	}
	const char *folder = class == CLASS_NOMINATED ? "nominated" : class == CLASS_DEV ? "dev" : "stable";
	snprintf(out, ROUTE_STORE_CAP, "store/zig/%s/%s/%s", folder, r->zig.version, r->zig.name);
}

static bool set_url(struct route_source *out, bool flat, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Sets *out. False when the URL does not fit. */
static bool set_url(struct route_source *out, bool flat, const char *format, ...)
{
	va_list ap;
	*out = (struct route_source){.flat = flat};
	va_start(ap, format);
	int n = vsnprintf(out->url, sizeof out->url, format, ap);
	va_end(ap);
	return n > 0 && (size_t)n < sizeof out->url;
}

/* The URL that the index names, when it is on the configured upstream. For a signature the index names the signed file.
 */
static bool listed_source(const struct config *c, const struct route *r, const char *listed, struct route_source *out)
{
	struct url upstream, url;
	size_t n = listed != NULL ? strlen(listed) : 0, base = strlen(r->zig.base);
	if (n <= base || url_parse(listed, &url) != NULL || url_parse(c->toolchains.upstream, &upstream) != NULL ||
	    !url_same_origin(&url, &upstream) || *url.query != '\0' || strstr(url.path, "/../") != NULL)
		return false;
	if (listed[n - base - 1] != '/' || strcmp(listed + n - base, r->zig.base) != 0)
		return false;
	return set_url(out, false, "%s%s", listed, r->signature ? ".minisig" : "");
}

/* The URL by the rule of the Zig project: releases below /download, pre-releases in /builds. */
static bool rule_source(const struct config *c, const struct route *r, struct route_source *out)
{
	const char *upstream = c->toolchains.upstream;
	if (r->zig.odd)
		return false;
	if (r->zig.number.dev)
		return set_url(out, false, "%s/builds/%s", upstream, r->zig.name);
	return set_url(out, false, "%s/download/%s/%s", upstream, r->zig.version, r->zig.name);
}

bool route_flat_source(const struct config *c, const struct route *r, const char *base, struct route_source *out)
{
	struct url u;
	size_t n = strlen(base);
	if (r->kind != ROUTE_TOOLCHAIN || r->zig.odd || url_parse(base, &u) != NULL || *u.query != '\0' ||
	    strpbrk(base, "{}") != NULL || (!u.tls && !c->allow_http_upstreams))
		return false;
	/* A mirror that asked itself would wait for itself. */
	if (url_is_below(base, c->base_url))
		return false;
	while (n > 0 && base[n - 1] == '/')
		n--;
	return set_url(out, true, "%.*s/%s", (int)n, base, r->zig.name);
}

static bool toolchain_source(
    const struct config *c, const struct route *r, const char *listed, size_t i, struct route_source *out)
{
	struct route_source first = {0};
	bool has_listed = listed_source(c, r, listed, &first);
	if (has_listed && i-- == 0) {
		*out = first;
		return true;
	}
	if (rule_source(c, r, out) && !(has_listed && strcmp(out->url, first.url) == 0) && i-- == 0)
		return true;
	for (size_t k = 0; k < c->toolchains.fallbacks.count; k++)
		if (route_flat_source(c, r, c->toolchains.fallbacks.items[k], out) && i-- == 0)
			return true;
	return false;
}

static bool pattern_source(const struct route *r, struct route_source *out)
{
	struct pattern_values v;
	char url[ROUTE_URL_CAP];
	snprintf(v.text[PATTERN_OWNER], sizeof v.text[0], "%s", r->match.owner);
	snprintf(v.text[PATTERN_REPO], sizeof v.text[0], "%s", r->match.repo);
	snprintf(v.text[PATTERN_REF], sizeof v.text[0], "%s", r->match.ref);
	snprintf(v.text[PATTERN_VERSION], sizeof v.text[0], "%s", r->match.version);
	snprintf(v.text[PATTERN_FILE], sizeof v.text[0], "%s", r->match.file);
	return pattern_expand(r->rule->upstream, &v, url, sizeof url) &&
	       set_url(out, false, "%s%s", url, r->signature ? ".minisig" : "");
}

bool route_source(const struct config *c, const struct route *r, const char *listed, size_t i, struct route_source *out)
{
	switch (r->kind) {
	case ROUTE_TOOLCHAIN:
		return toolchain_source(c, r, listed, i, out);
	case ROUTE_PACKAGE:
	case ROUTE_ARTIFACT:
		return i == 0 && pattern_source(r, out);
	case ROUTE_INDEX:
		return i == 0 && set_url(out, false, "%s/download/index.json", c->toolchains.upstream);
	case ROUTE_MIRRORS:
		return i == 0 && set_url(out, false, "%s/download/community-mirrors.txt", c->toolchains.upstream);
	default:
		return false;
	}
}

const char *route_content_type(const char *path)
{
	static const struct {
		const char *ending, *type;
	} types[] = {{".tar.gz", "application/gzip"}, {".tgz", "application/gzip"}, {".gz", "application/gzip"},
	    {".tar.xz", "application/x-xz"}, {".txz", "application/x-xz"}, {".xz", "application/x-xz"},
	    {".tar.zst", "application/zstd"}, {".tzst", "application/zstd"}, {".zst", "application/zstd"},
	    {".tar", "application/x-tar"}, {".zip", "application/zip"}, {".jar", "application/java-archive"},
	    {".minisig", "application/octet-stream"}, {".json", "application/json"},
	    {".txt", "text/plain; charset=utf-8"}, {".html", "text/html; charset=utf-8"},
	    {".css", "text/css; charset=utf-8"}, {".js", "text/javascript; charset=utf-8"}, {".svg", "image/svg+xml"}};
	size_t n = strlen(path);
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
		size_t k = strlen(types[i].ending);
		if (n > k && strcasecmp(path + n - k, types[i].ending) == 0)
			return types[i].type;
	}
	return "application/octet-stream";
}

bool route_redirect_allowed(const struct route *r, const char *url, const char *host, size_t len)
{
	struct url from;
	if (url_parse(url, &from) != NULL || len == 0)
		return false;
	if (url_has_host(&from, host, len))
		return true;
	for (size_t i = 0; r->rule != NULL && i < r->rule->redirects.count; i++) {
		const char *listed = r->rule->redirects.items[i];
		size_t n = strlen(listed), skip = listed[0] == '[' && host[0] != '[' ? 1 : 0;
		if (n == len + 2 * skip && strncasecmp(listed + skip, host, len) == 0)
			return true;
	}
	return false;
}
