/* layout: see layout.h. */
#include "warmer/layout.h"

#include <stdio.h>
#include <string.h>

static bool toolchain(
    const struct config *c, const char *relative, const char *name, struct route *out, struct fault *f)
{
	char path[WIRE_PATH_CAP];
	struct zigfile zig;
	struct zigfile_version folder;
	const char *end = name > relative ? name - 1 : NULL, *prefix = c->toolchains.prefix;
	if (!zigfile_parse(name, strlen(name), &zig))
		return fault_set(f, FAULT_ABSENT, "not the name of a file that this mirror serves");
	if (end != NULL) {
		const char *slash = memrchr(relative, '/', (size_t)(end - relative));
		const char *parent = slash != NULL ? slash + 1 : relative;
		size_t len = (size_t)(end - parent);
		if (zigfile_version_parse(parent, len, &folder) &&
		    (strlen(zig.version) != len || memcmp(parent, zig.version, len) != 0))
			return fault_set(f, FAULT_ABSENT, "lies in the folder of another version");
	}
	int n = snprintf(
	    path, sizeof path, "%s%s%s", *prefix == '/' ? prefix + 1 : prefix, *prefix != '\0' ? "/" : "", zig.name);
	if (n < 0 || (size_t)n >= sizeof path)
		return fault_set(f, FAULT_ABSENT, "its path is too long");
	return route_canonical(c, path, out, f);
}

/* package/RULE/PATH: `at` is what follows the kind. */
static bool of_rule(const struct config *c, const char *at, struct route *out)
{
	const char *slash = strchr(at, '/');
	return slash != NULL && route_canonical(c, slash + 1, out, NULL) && out->rule != NULL &&
	       strlen(out->rule->name) == (size_t)(slash - at) &&
	       memcmp(out->rule->name, at, (size_t)(slash - at)) == 0;
}

bool layout_route(const struct config *c, const char *relative, struct route *out, struct fault *f)
{
	static const char *const KINDS[] = {"package/", "artifact/"};
	const char *slash = strrchr(relative, '/');
	if (route_canonical(c, relative, out, NULL) && out->kind != ROUTE_INDEX && out->kind != ROUTE_MIRRORS)
		return true;
	for (const char *at = relative; at != NULL; at = strchr(at, '/') != NULL ? strchr(at, '/') + 1 : NULL)
		for (size_t i = 0; i < 2; i++)
			if (strncmp(at, KINDS[i], strlen(KINDS[i])) == 0 && of_rule(c, at + strlen(KINDS[i]), out))
				return true;
	return toolchain(c, relative, slash != NULL ? slash + 1 : relative, out, f);
}
