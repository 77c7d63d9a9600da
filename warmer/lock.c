/* lock: see lock.h. */
#include "warmer/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int lock_take(const struct store *store, enum lock_kind kind, struct fault *f)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)kind, .l_len = 1};
	int fd = openat(store_fd(store), "run/warm.lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0) {
		fault_errno(f, FAULT_SYSTEM, errno, "cannot open run/warm.lock");
		return -1;
	}
	if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
		return fd;
	if (errno == EAGAIN || errno == EACCES)
		fault_set(f, FAULT_BUSY, "another pkgmirror-warm %s this state_dir",
		    kind == LOCK_WORK ? "works on" : "watches over");
	else
		fault_errno(f, FAULT_SYSTEM, errno, "cannot lock run/warm.lock");
	close(fd);
	return -1;
}
