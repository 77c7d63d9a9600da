/* listener: see listener.h. */
#include "listener.h"

#include "mirror/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { BACKLOG = 1024, SHORTAGE_PAUSE_MS = 100 };

struct listener {
	int inherited; /* -1: none */
	int own;       /* -1: none */
	int stop[2];   /* a pipe; readable for ever once stopped */
	atomic_bool stopped;
	atomic_bool short_of_fds; /* logged */
	char path[sizeof((struct sockaddr_un *)0)->sun_path];
};

static bool set_flags(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

/* True when somebody accepts at the address. */
static bool is_in_use(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	bool used = connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 || errno == EAGAIN;
	close(fd);
	return used;
}

static bool bind_own(struct listener *l, const char *path, struct fault *f)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat st;
	if (strlen(path) >= sizeof address.sun_path)
		return fault_set(f, FAULT_CONFIG, "--socket %s: the path is too long for a socket", path);
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
		return fault_set(f, FAULT_CONFIG, "--socket %s: is there and is no socket", path);
	if (is_in_use(&address))
		return fault_set(f, FAULT_CONFIG, "--socket %s: another process listens there", path);
	l->own = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t mask = umask(0117);
	unlink(path);
	bool ok = l->own >= 0 && bind(l->own, (const struct sockaddr *)&address, sizeof address) == 0 &&
	          listen(l->own, BACKLOG) == 0;
	int error = errno;
	umask(mask);
	if (!ok)
		return fault_errno(f, FAULT_SYSTEM, error, "cannot listen on %s", path);
	snprintf(l->path, sizeof l->path, "%s", path);
	return true;
}

struct listener *listener_open(bool inherited, const char *path, struct fault *f)
{
	struct listener *l = calloc(1, sizeof *l);
	if (l == NULL) {
		fault_errno(f, FAULT_SYSTEM, ENOMEM, "cannot listen");
		return NULL;
	}
	l->inherited = l->own = l->stop[0] = l->stop[1] = -1;
	if (pipe2(l->stop, O_CLOEXEC | O_NONBLOCK) != 0) {
		fault_errno(f, FAULT_SYSTEM, errno, "cannot listen");
		goto failed;
	}
	if (inherited) {
		l->inherited = STDIN_FILENO;
		if (!set_flags(STDIN_FILENO)) {
			fault_errno(f, FAULT_SYSTEM, errno, "standard input");
			goto failed;
		}
	}
	if (path != NULL && !bind_own(l, path, f))
		goto failed;
	return l;
failed:
	listener_close(l);
	return NULL;
}

void listener_close(struct listener *l)
{
	if (l == NULL)
		return;
	if (l->own >= 0)
		close(l->own);
	if (l->path[0] != '\0')
		unlink(l->path);
	for (int i = 0; i < 2; i++)
		if (l->stop[i] >= 0)
			close(l->stop[i]);
	free(l);
}

void listener_stop(struct listener *l)
{
	int error = errno;
	atomic_store(&l->stopped, true);
	ssize_t ignored = write(l->stop[1], "", 1);
	(void)ignored;
	errno = error;
}

static bool watch(int seat, int fd, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.fd = fd};
	return fd < 0 || epoll_ctl(seat, EPOLL_CTL_ADD, fd, &e) == 0;
}

int listener_seat(const struct listener *l, struct fault *f)
{
	int seat = epoll_create1(EPOLL_CLOEXEC);
	if (seat >= 0 && watch(seat, l->stop[0], EPOLLIN) && watch(seat, l->inherited, EPOLLIN | EPOLLEXCLUSIVE) &&
	    watch(seat, l->own, EPOLLIN | EPOLLEXCLUSIVE))
		return seat;
	fault_errno(f, FAULT_SYSTEM, errno, "cannot wait for connections");
	if (seat >= 0)
		close(seat);
	return -1;
}

/* accept(2) failed: nothing there (another thread was faster), a peer that left, or no descriptors: then the connection
 * stays in the backlog, and the next wait would end at once. */
static void handle_failure(struct listener *l, int error)
{
	if (error != EMFILE && error != ENFILE && error != ENOBUFS && error != ENOMEM)
		return;
	if (!atomic_exchange(&l->short_of_fds, true)) {
		struct fault f;
		fault_errno(&f, FAULT_SYSTEM, error, "cannot accept connections");
		log_fault(&f, "accept", NULL);
	}
	nanosleep(&(struct timespec){.tv_nsec = SHORTAGE_PAUSE_MS * 1000000L}, NULL);
}

/* What waits already. -1 when nothing does. */
static int take_waiting(struct listener *l)
{
	const int sockets[] = {l->inherited, l->own};
	for (int i = 0; i < 2; i++) {
		int fd = sockets[i] >= 0 ? accept4(sockets[i], NULL, NULL, SOCK_CLOEXEC) : -1;
		if (fd >= 0) {
			if (atomic_load_explicit(&l->short_of_fds, memory_order_relaxed))
				atomic_store(&l->short_of_fds, false);
			return fd;
		}
		if (sockets[i] >= 0)
			handle_failure(l, errno);
	}
	return -1;
}

int listener_accept(struct listener *l, int seat)
{
	struct epoll_event e;
	while (!atomic_load(&l->stopped)) {
		/* Under load there is something already. */
		int fd = take_waiting(l);
		if (fd >= 0)
			return fd;
		if (epoll_wait(seat, &e, 1, -1) < 0 && errno != EINTR)
			return -1;
	}
	return -1;
}
