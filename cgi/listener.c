/* listener: see listener.h. */
#include "listener.h"

#include "mirror/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
	BACKLOG = 1024,
	PARAMS_LIMIT_SEC = 10, /* a web server that connects sends its request at once */
	SEND_LIMIT_SEC = 120,  /* a client that takes nothing for so long is given up */
	SHORTAGE_PAUSE_MS = 100
};

struct listener {
	int inherited; /* -1: none */
	int own;       /* -1: none */
	int stop[2];   /* a pipe; readable for ever once stopped */
	atomic_bool stopped;
	pthread_mutex_t turn;
	bool short_of_fds; /* logged; under turn */
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
	pthread_mutex_init(&l->turn, NULL);
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
	pthread_mutex_destroy(&l->turn);
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

/* Neither the web server nor a client may hold a thread for ever. */
static void set_limits(int fd)
{
	const struct timeval receive = {.tv_sec = PARAMS_LIMIT_SEC}, send = {.tv_sec = SEND_LIMIT_SEC};
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &receive, sizeof receive);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &send, sizeof send);
}

/* accept(2) failed: nothing there (another process of ours was faster), a peer that left, or no descriptors: then the
 * connection stays in the backlog, and poll would return at once. */
static void handle_failure(struct listener *l, int error)
{
	if (error != EMFILE && error != ENFILE && error != ENOBUFS && error != ENOMEM)
		return;
	if (!l->short_of_fds) {
		struct fault f;
		fault_errno(&f, FAULT_SYSTEM, error, "cannot accept connections");
		log_fault(&f, "accept", NULL);
	}
	l->short_of_fds = true;
	nanosleep(&(struct timespec){.tv_nsec = SHORTAGE_PAUSE_MS * 1000000L}, NULL);
}

/* What waits already is taken without a turn: under load no thread has to wake another. */
static int take_waiting(const struct listener *l)
{
	int fd = l->inherited >= 0 ? accept4(l->inherited, NULL, NULL, SOCK_CLOEXEC) : -1;
	return fd < 0 && l->own >= 0 ? accept4(l->own, NULL, NULL, SOCK_CLOEXEC) : fd;
}

int listener_accept(struct listener *l)
{
	int fd = atomic_load(&l->stopped) ? -1 : take_waiting(l);
	if (fd >= 0) {
		set_limits(fd);
		return fd;
	}
	pthread_mutex_lock(&l->turn);
	while (fd < 0) {
		struct pollfd wait[3] = {{.fd = l->stop[0], .events = POLLIN}, {.fd = l->inherited, .events = POLLIN},
		    {.fd = l->own, .events = POLLIN}};
		if (poll(wait, 3, -1) < 0)
			continue;
		if (wait[0].revents != 0)
			break;
		for (int i = 1; i < 3 && fd < 0; i++) {
			if (wait[i].revents == 0)
				continue;
			fd = accept4(wait[i].fd, NULL, NULL, SOCK_CLOEXEC);
			if (fd < 0)
				handle_failure(l, errno);
		}
	}
	if (fd >= 0)
		l->short_of_fds = false;
	pthread_mutex_unlock(&l->turn);
	if (fd >= 0)
		set_limits(fd);
	return fd;
}
