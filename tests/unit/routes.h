/* routes: a configuration with rules of all kinds, and what the tests of route ask of a path. */
#ifndef PKGMIRROR_TEST_ROUTES_H
#define PKGMIRROR_TEST_ROUTES_H

#include "mirror/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ZIG_KEY "RWSGOq2NVecA2UPNdBUZykf1CCb147pkmdtYxgb3Ti+JO/wCYvhbAb/U"
#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define HUNDRED_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const char CONFIG[] =
    "base_url = \"https://pkg.example.org\"\n"
    "toolchains {\n fallbacks = {\"https://flat.example/zig/\", \"community\", \"https://two.example\"}\n}\n"
    "package \"mach\" {\n path = \"/mach/{ref}.tar.gz\"\n"
    " upstream = \"https://github.com/hexops/mach/archive/{ref}.tar.gz\"\n"
    " redirects = {\"codeload.github.com\", \"[2001:db8::1]\"}\n}\n"
    "package \"forge\" {\n path = \"/codeberg/{owner}/{repo}/{ref}.tar.gz\"\n"
    " upstream = \"https://codeberg.org/{owner}/{repo}/archive/{ref}.tar.gz\"\n"
    " allow = {\"ziglang/*\", \"mach/mach\"}\n}\n"
    "artifact \"plain\" {\n path = \"/mach-dxcompiler/artifact/{version}/{file}\"\n"
    " upstream = \"https://github.com/hexops/mach-dxcompiler/releases/download/{version}/{file}\"\n}\n"
    "artifact \"keyed\" {\n path = \"/zls/{file}\"\n upstream = \"https://builds.example/get?name={file}&v=2\"\n"
    " public_key = \"" ZIG_KEY "\"\n}\n"
    "artifact \"pair\" {\n path = \"/pair/{repo}-{version}.zip\"\n upstream = \"https://h/{repo}/{version}\"\n"
    " allow = {\"*\"}\n}\n"
    "artifact \"files\" {\n path = \"/files/{file}\"\n upstream = \"https://h/~x/%20/{file}\"\n}\n";

static inline struct config *parse(const char *text)
{
	struct fault f = {0};
	struct config *c = config_parse(text, strlen(text), "t.conf", &f);
	if (c == NULL)
		fail_msg("%s", f.text);
	return c;
}

static inline int setup(void **state)
{
	*state = parse(CONFIG);
	return *state != NULL ? 0 : -1;
}

static inline int teardown(void **state)
{
	config_free(*state);
	return 0;
}

static inline bool resolve(const struct config *c, const char *path, struct route *r, struct fault *f)
{
	return route_resolve(c, path, strlen(path), r, f);
}

/* The kind and canonical path of a path that is served. */
static inline void assert_route(const struct config *c, const char *path, enum route_kind kind, const char *canonical)
{
	struct route r;
	struct fault f = {0};
	if (!resolve(c, path, &r, &f))
		fail_msg("%s: %s", path, f.text);
	if (r.kind != kind || strcmp(r.path, canonical) != 0)
		fail_msg("%s: kind %d, path %s", path, (int)r.kind, r.path);
}

static inline void assert_refused(const struct config *c, const char *path, const char *fault)
{
	struct route r;
	struct fault f = {0};
	if (resolve(c, path, &r, &f))
		fail_msg("%s is served as %s", path, r.path);
	assert_int_equal(f.class, FAULT_ABSENT);
	if (strcmp(f.text, fault) != 0)
		fail_msg("%s: %s", path, f.text);
}

static inline const char *url_of(const struct config *c, const char *path, const char *listed, size_t i)
{
	static struct route_source s;
	struct route r;
	struct fault f = {0};
	if (!resolve(c, path, &r, &f))
		fail_msg("%s: %s", path, f.text);
	return route_source(c, &r, listed, i, &s) ? s.url : NULL;
}

#endif
