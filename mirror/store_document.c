/* store_document: the documents that this mirror rebuilds (index.json, community-mirrors.txt): index/NAME is a link to
 * index/DIGEST-NAME. The link's target gives the validator, the link's mtime when it was last known to be fresh, the
 * file's mtime when it changed: three answers without a database, replaced by one rename. See store.h. */
#include "store.h"
#include "store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OPEN_TRIES = 8 };

/* Reads the link of NAME: the digest, and "index/DIGEST-NAME". False when there is none or it is not ours. */
static bool read_link(const struct store *s, const char *name, char digest[40], char file[STORE_PATH_CAP])
{
	char link[STORE_PATH_CAP], target[STORE_PATH_CAP];
	if (!store_join(link, "index", name, NULL))
		return false;
	ssize_t len = readlinkat(s->fd, link, target, sizeof target - 1);
	if (len <= 0)
		return false;
	target[len] = '\0';
	size_t digits = strspn(target, "0123456789abcdef");
	if (digits == 0 || digits >= 40 || target[digits] != '-' || strcmp(target + digits + 1, name) != 0)
		return false;
	memcpy(digest, target, digits);
	digest[digits] = '\0';
	return store_join(file, "index", target, NULL);
}

int store_document_open(const struct store *s, const char *name, struct store_document *out, struct fault *f)
{
	char link[STORE_PATH_CAP], file[STORE_PATH_CAP];
	struct stat st;
	if (!store_join(link, "index", name, f))
		return -1;
	/* A writer may replace the document between the two calls: then the link names another file. */
	for (int i = 0; i < OPEN_TRIES; i++) {
		if (!read_link(s, name, out->digest, file) || fstatat(s->fd, link, &st, AT_SYMLINK_NOFOLLOW) != 0)
			break;
		out->checked_at = st.st_mtim.tv_sec;
		int fd = store_open_file(s, file, &out->info, f);
		if (fd >= 0)
			return fd;
	}
	fault_set(f, FAULT_ABSENT, "%s was never built", name);
	return -1;
}

int64_t store_document_age(const struct store *s, const char *name, int64_t now)
{
	struct store_document d;
	int fd = store_document_open(s, name, &d, NULL);
	if (fd < 0)
		return -1;
	close(fd);
	return now > d.checked_at ? now - d.checked_at : 0;
}

void store_document_touch(const struct store *s, const char *name, int64_t now)
{
	char link[STORE_PATH_CAP];
	const struct timespec times[2] = {{.tv_sec = now}, {.tv_sec = now}};
	if (store_join(link, "index", name, NULL))
		utimensat(s->fd, link, times, AT_SYMLINK_NOFOLLOW);
}

static bool write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

static bool write_file(const struct store *s, const char *relative, const void *data, size_t len, struct fault *f)
{
	char temporary[STORE_PATH_CAP];
	int fd;
	if (!store_make_parents(s, relative, true, f))
		return false;
	do {
		store_temporary(temporary, "index/.new");
		fd = openat(s->fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	} while (fd < 0 && errno == EEXIST);
	bool ok =
	    fd >= 0 && write_all(fd, data, len) && fsync(fd) == 0 && renameat(s->fd, temporary, s->fd, relative) == 0;
	if (!ok) {
		fault_errno(f, FAULT_SYSTEM, errno, "cannot write %s", relative);
		if (fd >= 0)
			unlinkat(s->fd, temporary, 0);
	}
	if (fd >= 0)
		close(fd);
	return ok;
}

bool store_document_write(const struct store *s, const char *name, const char *digest, const void *data, size_t len,
    int64_t now, struct fault *f)
{
	char old_digest[40] = "", old_file[STORE_PATH_CAP], link[STORE_PATH_CAP], file[STORE_PATH_CAP];
	char target[STORE_PATH_CAP];
	struct stat st;

	snprintf(target, sizeof target, "%s-%s", digest, name);
	if (!store_join(link, "index", name, f) || !store_join(file, "index", target, f))
		return false;
	bool had = read_link(s, name, old_digest, old_file);
	bool same = had && strcmp(old_digest, digest) == 0 && fstatat(s->fd, file, &st, 0) == 0;
	if (!same && (!write_file(s, file, data, len, f) || !store_symlink(s, target, link, f)))
		return false;
	store_document_touch(s, name, now);
	if (had && !same && strcmp(old_digest, digest) != 0)
		unlinkat(s->fd, old_file, 0);
	return true;
}
