/* store_keep: what is done with published files later: where they lie, and their removal. See store.h. */
#include "store.h"
#include "store_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool store_target(const struct store *s, const char *path, char *out, size_t cap)
{
	char public[STORE_PATH_CAP], target[STORE_PATH_CAP];
	errno = ENOENT;
	if (!store_join(public, "public", path, NULL))
		return false;
	ssize_t n = readlinkat(s->fd, public, target, sizeof target - 1);
	if (n < 0)
		return false;
	errno = ENOENT;
	target[n] = '\0';
	/* As store_link writes it: up to state_dir, then down. */
	const char *at = target;
	for (const char *slash = strchr(public, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		if (strncmp(at, "../", 3) != 0)
			return false;
		at += 3;
	}
	int len = snprintf(out, cap, "%s", at);
	return len > 0 && (size_t)len < cap && store_path_ok(out) && strncmp(out, "store/", 6) == 0;
}

bool store_remove_file(const struct store *s, const char *relative, struct fault *f)
{
	if (!store_path_ok(relative))
		return fault_set(f, FAULT_SYSTEM, "not a path of the store: %s", relative);
	if (unlinkat(s->fd, relative, 0) != 0 && errno != ENOENT)
		return fault_errno(f, FAULT_SYSTEM, errno, "cannot remove %s", relative);
	store_drop_parents(s, relative);
	return store_sync_removal(s, relative, f);
}

bool store_remove(const struct store *s, const char *path, const char *relative, struct fault *f)
{
	char public[STORE_PATH_CAP];
	if (!store_remove_file(s, relative, f) || !store_join(public, "public", path, f))
		return false;
	/* One that leads nowhere is a miss, but a status that says done should mean it. */
	if (unlinkat(s->fd, public, 0) != 0)
		return errno == ENOENT || errno == ENOTDIR ||
		       fault_errno(f, FAULT_SYSTEM, errno, "cannot remove %s", public);
	store_drop_parents(s, public);
	return store_sync_removal(s, public, f);
}
