/* store_sweep: clears away parts that nobody works on any more. See store.h. */
#include "store.h"
#include "store_internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SWEEP_DEPTH_MAX = 16 };

/* Removes one old part, unless somebody is at work on it. */
static int sweep_file(const struct store *s, const char *relative, int64_t before)
{
	struct stat st;
	struct store_lease lease = {.fd = -1};
	int removed = 0;
	if (fstatat(s->fd, relative, &st, AT_SYMLINK_NOFOLLOW) != 0 || S_ISDIR(st.st_mode) ||
	    st.st_ctim.tv_sec > before) /* the mtime of one that is about to be published is upstream's */
		return 0;
	if (store_lease_take(s, relative + strlen("part/"), &lease, NULL)) {
		removed = unlinkat(s->fd, relative, 0) == 0;
		store_lease_drop(&lease);
	}
	return removed;
}

static int sweep_folder(const struct store *s, const char *folder, int64_t before, int depth)
{
	char relative[STORE_PATH_CAP];
	struct dirent *entry;
	int removed = 0;
	int fd = depth < SWEEP_DEPTH_MAX ? openat(s->fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW) : -1;
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    !store_join(relative, folder, entry->d_name, NULL))
			continue;
		removed += sweep_folder(s, relative, before, depth + 1);
		removed += sweep_file(s, relative, before);
	}
	closedir(dir);
	if (depth > 0)
		unlinkat(s->fd, folder, AT_REMOVEDIR);
	return removed;
}

int store_sweep_parts(const struct store *s, int64_t now, int64_t age_sec)
{
	return sweep_folder(s, "part", now - age_sec, 0);
}
