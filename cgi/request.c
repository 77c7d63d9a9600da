/* request: see request.h. */
#include "request.h"

#include "mirror/netaddr.h"

#include <stdio.h>
#include <string.h>

/* The raw path of a request target (RFC 9112 section 3.2): origin-form, or absolute-form, which a server must accept.
 */
static bool find_path(const char *target, const char **path, size_t *len, struct fault *f)
{
	const char *scheme_end = strstr(target, "://");
	size_t letters = strspn(target, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
	if (target[0] != '/') {
		if (letters == 0 || scheme_end != target + letters)
			return fault_set(f, FAULT_CLIENT, "the request target is no path");
		target = scheme_end + 3;
		target += strcspn(target, "/?#");
		if (*target != '/')
			target = "/";
	}
	*path = target;
	*len = strcspn(target, "?#");
	return true;
}

static bool has_mark(const char *query)
{
	const char *found = query ? strstr(query, REQUEST_HANDED_OFF) : NULL;
	return found != NULL && (found == query || found[-1] == '&');
}

/* "/mirror/" is the landing page of a mirror that sits at "/mirror". */
static size_t without_mount_slash(const char *path, size_t len, const char *mount)
{
	size_t mount_len = strlen(mount);
	if (mount_len > 0 && len == mount_len + 1 && path[mount_len] == '/' && memcmp(path, mount, mount_len) == 0)
		return mount_len;
	return len;
}

bool request_read(const struct request_raw *raw, const char *mount, struct request *out, struct fault *f)
{
	const char *path = "", *query;
	size_t len = 0;

	*out = (struct request){.if_none_match = raw->if_none_match,
	    .if_modified_since = raw->if_modified_since,
	    .if_range = raw->if_range,
	    .range = raw->range};
	out->address = raw->address ? raw->address : "";
	out->local = netaddr_is_loopback(out->address);
	out->for_mirror = raw->via != NULL && strstr(raw->via, "pkgmirror") != NULL;
	if (raw->method == NULL || raw->target == NULL || raw->target[0] == '\0')
		return fault_set(f, FAULT_CLIENT, "a request without method or target");
	out->head = strcmp(raw->method, "HEAD") == 0;
	if (!out->head && strcmp(raw->method, "GET") != 0)
		return fault_set(f, FAULT_METHOD, "only GET and HEAD are answered here");
	if (strnlen(raw->target, REQUEST_TARGET_MAX + 1) > REQUEST_TARGET_MAX)
		return fault_set(f, FAULT_ABSENT, "bad path: too long");
	if (!find_path(raw->target, &path, &len, f))
		return false;
	query = strchr(raw->target, '?');
	target_source(query ? query + 1 : NULL, out->source);
	out->handed_off = has_mark(raw->query) || (query && has_mark(query + 1));
	len = without_mount_slash(path, len, mount);
	return target_decode_path(path, len, out->path, &out->path_len, f);
}
