/* Arbitrary bytes as a request's path: what is served has a canonical path that routes to the same, a place in the
 * store without a way out of it, and URLs on hosts that the configuration names. */
#include "mirror/route.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char CONFIG[] =
    "base_url = \"https://pkg.example.org/m\"\n"
    "toolchains {\n fallbacks = {\"https://flat.example/zig\", \"community\"}\n}\n"
    "package \"mach\" {\n path = \"/mach/{ref}.tar.gz\"\n upstream = \"https://h/mach/archive/{ref}.tar.gz\"\n}\n"
    "package \"forge\" {\n path = \"/forge/{owner}/{repo}/{ref}.tar.gz\"\n"
    " upstream = \"https://h/{owner}/{repo}/archive/{repo}-{ref}.tar.gz\"\n allow = {\"zig*/*\"}\n redirects = {\"code.example\"}\n}\n"
    "artifact \"plain\" {\n path = \"/a/{version}/{file}\"\n upstream = \"https://h/{version}/{file}\"\n}\n"
    "artifact \"keyed\" {\n path = \"/zls/{file}-{version}\"\n upstream = \"https://h/?n={file}&v={version}\"\n"
    " public_key = \"RWSGOq2NVecA2UPNdBUZykf1CCb147pkmdtYxgb3Ti+JO/wCYvhbAb/U\"\n}\n";

static void require(bool holds)
{
	if (!holds)
		abort();
}

/* Made once: the configuration of all inputs. */
static struct config *config;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct fault f;
	(void)argc, (void)argv;
	config = config_parse(CONFIG, sizeof CONFIG - 1, "fuzz", &f);
	require(config != NULL);
	return 0;
}

static bool has_dots(const char *path)
{
	for (const char *p = path; p != NULL; p = strchr(p, '/')) {
		p += *p == '/';
		size_t n = strcspn(p, "/");
		if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
			return true;
	}
	return false;
}

static bool is_plain(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text <= ' ' || *text > '~' || *text == '\\' || *text == '"')
			return false;
	return true;
}

static bool begins(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

static void check_store(const struct route *r)
{
	static const unsigned classes[] = {CLASS_STABLE, CLASS_NOMINATED, CLASS_DEV};
	char out[ROUTE_STORE_CAP];
	for (size_t i = 0; i < 3; i++) {
		route_store_path(r, classes[i], out);
		require(begins(out, "store/") && strlen(out) < sizeof out - 1 && !has_dots(out) && is_plain(out));
	}
}

static void check_sources(const struct route *r, const char *listed)
{
	struct route_source s;
	size_t i = 0;
	for (; route_source(config, r, listed, i, &s); i++) {
		const char *start = r->rule != NULL ? "https://h/"
		                    : s.flat        ? "https://flat.example/zig/"
		                                    : "https://ziglang.org/";
		require(begins(s.url, start) && is_plain(s.url) && strstr(s.url, "/../") == NULL);
		require(strpbrk(s.url, "{}#") == NULL && i < 4);
	}
	require(i > 0 || r->zig.odd);
}

/* A transfer goes on to the upstream's own host and to those of the rule. */
static void check_redirects(const struct route *r, const char *host)
{
	static const char *const FROM[] = {"https://ziglang.org/x", "https://flat.example/zig/x", "https://h/x"};
	for (size_t i = 0; i < sizeof FROM / sizeof FROM[0]; i++) {
		size_t n = strlen(host);
		bool own = strcspn(FROM[i] + 8, "/") == n && strncasecmp(FROM[i] + 8, host, n) == 0;
		bool listed =
		    r->rule != NULL && strcmp(r->rule->name, "forge") == 0 && strcasecmp(host, "code.example") == 0;
		require(route_redirect_allowed(r, FROM[i], host, n) == (own || listed));
	}
}

/* What a file is by its name, and where a flat mirror would have it. */
static void check_name(const struct route *r, const char *text)
{
	struct route_source s;
	char prefix[ROUTE_PREFIX_CAP];
	const char *type = route_content_type(r->path);
	require(strchr(type, '/') != NULL && (strncmp(type, "text/", 5) != 0 || r->kind == ROUTE_ARTIFACT));
	require(route_class(r) == CLASS_STABLE || route_class(r) == CLASS_DEV);
	route_toolchain_prefix(config, prefix);
	require(r->kind != ROUTE_TOOLCHAIN || strcmp(prefix, "zig/") == 0);
	if (route_flat_source(config, r, text, &s))
		require(r->kind == ROUTE_TOOLCHAIN && begins(s.url, "https://") &&
		        !begins(s.url, "https://pkg.example.org/m/"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct route r, again;
	struct fault f = {0};
	char text[WIRE_PATH_CAP + 2];
	size_t n = size < sizeof text - 1 ? size : sizeof text - 1;

	memcpy(text, data, n);
	text[n] = '\0';
	if (route_canonical(config, text, &r, &f))
		require(strcmp(r.path, text) == 0 && !has_dots(r.path) && is_plain(r.path));
	else
		require(f.class == FAULT_ABSENT && f.text[0] != '\0');
	f = (struct fault){0};
	if (!route_resolve(config, (const char *)data, size, &r, &f)) {
		require(f.class == FAULT_ABSENT && f.text[0] != '\0');
		return 0;
	}
	bool file = r.kind == ROUTE_TOOLCHAIN || r.kind == ROUTE_PACKAGE || r.kind == ROUTE_ARTIFACT;
	if (!file && r.kind != ROUTE_INDEX && r.kind != ROUTE_MIRRORS)
		return 0;
	require(!has_dots(r.path) && is_plain(r.path) && route_canonical(config, r.path, &again, &f));
	require(memcmp(&r, &again, sizeof r) == 0);
	check_sources(&r, text);
	if (!file)
		return 0;
	/* The index names it as it likes. */
	char listed[sizeof text + 64];
	snprintf(listed, sizeof listed, "https://ziglang.org/%s", text);
	check_sources(&r, listed);
	check_store(&r);
	check_name(&r, text);
	/* The configuration's own host, and any bytes. */
	check_redirects(&r, strrchr(text, '/') != NULL ? strrchr(text, '/') + 1 : text);
	check_redirects(&r, text[size % 7] == 'z' ? "ziglang.org" : "CODE.example");
	return 0;
}
