/* store_lease: who may write the part of a path and publish it. One byte of one file a path, locked by open file
 * description, so that the kernel frees it when the holder dies and no file has to be cleaned up. See store.h. */
#include "store.h"
#include "store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* FNV-1a. Two paths that share a byte would only wait for each other. */
static int64_t offset_of(const char *path)
{
	uint64_t hash = 14695981039346656037ULL;
	for (const unsigned char *p = (const unsigned char *)path; *p != '\0'; p++)
		hash = (hash ^ *p) * 1099511628211ULL;
	return (int64_t)(hash & INT64_MAX) - ((hash & INT64_MAX) == INT64_MAX);
}

static int lock_byte(int fd, short type, int64_t offset)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = offset, .l_len = 1};
	return fcntl(fd, F_OFD_SETLK, &lock);
}

bool store_lease_take(const struct store *s, const char *path, struct store_lease *lease, struct fault *f)
{
	lease->fd = -1;
	lease->offset = offset_of(path);
	/* A description of its own for each lease: locks of one description never exclude each other. */
	int fd = openat(s->fd, "run/leases", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return fault_errno(f, FAULT_SYSTEM, errno, "cannot open run/leases");
	if (lock_byte(fd, F_WRLCK, lease->offset) != 0) {
		bool taken = errno == EAGAIN || errno == EACCES;
		fault_errno(f, taken ? FAULT_BUSY : FAULT_SYSTEM, errno, "lease of %s", path);
		close(fd);
		return false;
	}
	lease->fd = fd;
	return true;
}

void store_lease_drop(struct store_lease *lease)
{
	if (lease->fd >= 0)
		close(lease->fd);
	lease->fd = -1;
}
