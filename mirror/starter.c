/* starter: see starter.h. */
#include "starter.h"

#include "service.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { FD_AT = 3 };

union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(int))];
};

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Keeps nothing of its maker but the socket: a connection of a web server would never look closed. */
static bool let_go(int fd)
{
	sigset_t none;
	/* Both first out of the way of where they shall be. */
	int ours = fcntl(fd, F_DUPFD, FD_AT + 1), null = fcntl(open("/dev/null", O_RDWR), F_DUPFD, FD_AT + 1);
	if (ours < 0 || null < 0 || dup2(ours, FD_AT) < 0)
		return false;
	for (int i = 0; i < FD_AT; i++)
		dup2(null, i);
	if (close_range(FD_AT + 1, ~0U, 0) != 0)
		for (int i = FD_AT + 1; i < 4096; i++)
			close(i);
	fcntl(FD_AT, F_SETFD, FD_CLOEXEC);
	/* Its maker may have much to end yet when a whole group is told to. */
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_NAME, "pkgmirror-start", 0, 0, 0);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	return true;
}

/* The next request's descriptor to answer at; -1 when there will be none, -2 for one that is none. */
static int next(void)
{
	union control control = {0};
	char byte;
	struct iovec data = {.iov_base = &byte, .iov_len = 1};
	struct msghdr m = {
	    .msg_iov = &data, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
	ssize_t n = recvmsg(FD_AT, &m, MSG_CMSG_CLOEXEC);
	if (n <= 0)
		return n < 0 && errno == EINTR ? -2 : -1;
	const struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	int fd = -2;
	if (c != NULL && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof fd))
		memcpy(&fd, CMSG_DATA(c), sizeof fd);
	return fd;
}

static bool still_wanted(int fd)
{
	struct pollfd p = {.fd = fd};
	return poll(&p, 1, 0) >= 0 && (p.revents & (POLLERR | POLLHUP | POLLNVAL)) == 0;
}

static void start(const struct config *c, int fd)
{
	struct fault f = {0};
	struct store *store = store_open(c->state_dir, true, &f);
	int service = store != NULL ? service_connect(c, store, &f) : -1;
	if (service >= 0)
		f.class = FAULT_NONE;
	/* Less than PIPE_BUF: it goes whole or not at all. */
	(void)!write(fd, &f, sizeof f);
	if (service >= 0)
		close(service);
	store_close(store);
}

static void live(const struct config *c, int fd)
{
	if (!let_go(fd))
		_exit(EXIT_FAILURE);
	for (int asker = next(); asker != -1; asker = next()) {
		if (asker < 0)
			continue;
		if (still_wanted(asker))
			start(c, asker);
		close(asker);
	}
	_exit(EXIT_SUCCESS);
}

int starter_make(const struct config *c, struct fault *f)
{
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
		fault_errno(f, FAULT_SYSTEM, errno, "cannot make the process that starts the fetch service");
		return -1;
	}
	pid_t child = fork();
	if (child == 0)
		live(c, ends[1]);
	int error = errno;
	close(ends[1]);
	if (child > 0)
		return ends[0];
	close(ends[0]);
	fault_errno(f, FAULT_SYSTEM, error, "cannot make the process that starts the fetch service");
	return -1;
}

static bool send_request(int fd, int answer_fd)
{
	union control control = {0};
	char byte = 's';
	struct iovec data = {.iov_base = &byte, .iov_len = 1};
	struct msghdr m = {
	    .msg_iov = &data, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof answer_fd);
	memcpy(CMSG_DATA(c), &answer_fd, sizeof answer_fd);
	return sendmsg(fd, &m, MSG_NOSIGNAL) == 1;
}

/* Waits for the answer: what went wrong, FAULT_NONE for nothing. */
static bool wait_for(int fd, int stop_fd, int64_t deadline_ms, struct fault *f)
{
	struct fault answer = {0};
	struct pollfd waits[] = {{.fd = fd, .events = POLLIN}, {.fd = stop_fd, .events = POLLIN}};
	ssize_t n = -1;
	for (int64_t left = deadline_ms - now_ms(); left > 0; left = deadline_ms - now_ms()) {
		int ready = poll(waits, 2, (int)left);
		if (ready > 0 && waits[0].revents == 0)
			return fault_set(f, FAULT_BUSY, "asked to stop");
		if (ready > 0)
			n = read(fd, &answer, sizeof answer);
		if (ready > 0 || (ready < 0 && errno != EINTR))
			break;
	}
	if (n < 0)
		return fault_set(f, FAULT_SYSTEM, "the fetch service did not start in time");
	if (n != sizeof answer)
		return fault_set(f, FAULT_SYSTEM, "the process that starts the fetch service has ended");
	return answer.class == FAULT_NONE || fault_set(f, answer.class, "%.*s", FAULT_TEXT_CAP - 1, answer.text);
}

bool starter_ask(int fd, int stop_fd, int64_t deadline_ms, struct fault *f)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) != 0)
		return fault_errno(f, FAULT_SYSTEM, errno, "cannot start the fetch service");
	bool sent = send_request(fd, ends[1]);
	int error = errno;
	close(ends[1]);
	bool ok = sent ? wait_for(ends[0], stop_fd, deadline_ms, f)
	               : fault_errno(f, FAULT_SYSTEM, error, "the process that starts the fetch service");
	close(ends[0]);
	return ok;
}

bool starter_lives(int fd)
{
	struct pollfd p = {.fd = fd};
	return poll(&p, 1, 0) >= 0 && (p.revents & (POLLERR | POLLHUP | POLLNVAL)) == 0;
}
