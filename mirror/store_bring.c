/* store_bring: a file from elsewhere on this machine into part/: by reflink, hard link or copy. See store.h. */
#include "store.h"
#include "store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/fs.h>
#endif

enum { PIECE = 64 * 1024 };

static bool reflink_file(int source_fd, int fd)
{
#ifdef FICLONE
	return ioctl(fd, FICLONE, source_fd) == 0;
#else
	(void)source_fd, (void)fd;
	errno = EOPNOTSUPP;
	return false;
#endif
}

static bool write_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, bytes, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		bytes += n;
		len -= (size_t)n;
	}
	return true;
}

bool store_copy(int source_fd, int fd, bool reflink, struct fault *f)
{
	char bytes[PIECE];
	int64_t at = 0;
	if (reflink && reflink_file(source_fd, fd))
		return true;
	for (;;) {
		ssize_t n = pread(source_fd, bytes, sizeof bytes, at);
		if (n == 0)
			return true;
		if (n < 0 || !write_all(fd, bytes, (size_t)n))
			return fault_errno(f, FAULT_SYSTEM, errno, "cannot be copied");
		at += n;
	}
}

/* A file that somebody else could still write proves nothing. */
static bool may_link(int source_fd)
{
	struct stat st;
	return fstat(source_fd, &st) == 0 && st.st_uid == geteuid() && (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* Replaces the empty part by another name of the file. */
static bool link_file(const struct store *s, int source_fd, const char *part)
{
	char source[64];
	snprintf(source, sizeof source, "/proc/self/fd/%d", source_fd);
	if (!may_link(source_fd)) {
		errno = EPERM;
		return false;
	}
	return unlinkat(s->fd, part, 0) == 0 && linkat(AT_FDCWD, source, s->fd, part, AT_SYMLINK_FOLLOW) == 0;
}

bool store_part_bring(const struct store *s, const char *path, int source_fd, enum store_way way, struct fault *f)
{
	char part[STORE_PATH_CAP];
	int fd = -1;
	bool ok = false;
	if (!store_join(part, "part", path, f))
		return false;
	fd = store_part_open(s, path, true, NULL, f);
	if (fd < 0)
		return false;
	if (way == STORE_AUTO || way == STORE_REFLINK)
		ok = reflink_file(source_fd, fd);
	if (!ok && way == STORE_REFLINK)
		fault_errno(f, FAULT_SYSTEM, errno, "no reflink into the store");
	if (!ok && (way == STORE_AUTO || way == STORE_LINK)) {
		ok = link_file(s, source_fd, part);
		if (!ok)
			fault_errno(f, FAULT_SYSTEM, errno, "no hard link into the store");
	}
	if (!ok && (way == STORE_AUTO || way == STORE_COPY)) {
		/* Its name may have gone when linking failed. */
		close(fd);
		fd = store_part_open(s, path, true, NULL, f);
		ok = fd >= 0 && store_copy(source_fd, fd, false, f);
	}
	if (fd >= 0)
		close(fd);
	if (!ok)
		store_part_remove(s, path);
	return ok;
}
