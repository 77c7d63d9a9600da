/* store_sweep: clears away what nobody works on any more: old parts, and what a killed writer left of documents. See
 * store.h. */
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

/* Whether index/FILE, a DIGEST-NAME, is what the link index/NAME points to. */
static bool is_document(const struct store *s, const char *file)
{
	char link[STORE_PATH_CAP], target[STORE_PATH_CAP];
	const char *dash = strchr(file, '-');
	if (dash == NULL || !store_join(link, "index", dash + 1, NULL))
		return false;
	ssize_t n = readlinkat(s->fd, link, target, sizeof target - 1);
	target[n > 0 ? n : 0] = '\0';
	return strcmp(target, file) == 0;
}

/* Each document is a link and its file. A writer that was killed leaves the file before or after, or half of the next.
 */
static int sweep_documents(const struct store *s, int64_t before)
{
	char relative[STORE_PATH_CAP];
	struct dirent *entry;
	struct stat st;
	int removed = 0;
	int fd = openat(s->fd, "index", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	while ((entry = readdir(dir)) != NULL)
		if (store_join(relative, "index", entry->d_name, NULL) &&
		    fstatat(s->fd, relative, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
		    st.st_ctim.tv_sec <= before && !is_document(s, entry->d_name))
			removed += unlinkat(s->fd, relative, 0) == 0;
	closedir(dir);
	return removed;
}

int store_sweep(const struct store *s, int64_t now, int64_t age_sec)
{
	return sweep_folder(s, "part", now - age_sec, 0) + sweep_documents(s, now - age_sec);
}
