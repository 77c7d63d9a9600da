/* service: see service.h. */
#include "service.h"

#include "starter.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	START_LIMIT_MS = 10 * 1000,
	RETRY_MS = 10,
	START_FAILURES_MAX = 15,
	FAILED_PAUSE_MS = 100,
	CONNECT_LIMIT_SEC = 5,
	BACKLOG = 1024,
	LOG_BYTES_MAX = 1024 * 1024,
	BYTE_STARTER = 0,
	BYTE_SERVICE = 1,
	READY_FD = 3
};

/* What a service may inherit: nothing of a request, so that no header of a CGI reaches it. */
static const char *const KEPT_ENVIRONMENT[] = {"PATH", "TZ", "TMPDIR", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS",
    "TSAN_OPTIONS", "LD_PRELOAD", "PKGMIRROR_NO_SANDBOX"};
enum { KEPT_COUNT = sizeof KEPT_ENVIRONMENT / sizeof KEPT_ENVIRONMENT[0], VARIABLE_CAP = 1024 };

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool socket_address(const struct config *c, struct sockaddr_un *out)
{
	*out = (struct sockaddr_un){.sun_family = AF_UNIX};
	int n = snprintf(out->sun_path, sizeof out->sun_path, "%s/run/fetch.sock", c->state_dir);
	return n > 0 && (size_t)n < sizeof out->sun_path;
}

int service_connect_running(const struct config *c)
{
	struct sockaddr_un address;
	const struct timeval limit = {.tv_sec = CONNECT_LIMIT_SEC};
	if (!socket_address(c, &address))
		return -1;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	/* On Linux this bounds connect() too, which else waits for ever when the backlog is full. */
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static int lock_byte(int fd, int64_t byte)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
	return fcntl(fd, F_OFD_SETLK, &lock);
}

static int open_lock(const struct store *store)
{
	int fd = openat(store_fd(store), "run/fetch.lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0 && errno == ENOENT && mkdirat(store_fd(store), "run", 0755) == 0)
		fd = openat(store_fd(store), "run/fetch.lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	return fd;
}

/* The log of a service that nobody supervises, kept small. Only the starter, under its lock, turns it over. */
static int open_log(const struct store *store)
{
	struct stat st;
	if (fstatat(store_fd(store), "run/fetch.log", &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size > LOG_BYTES_MAX)
		renameat(store_fd(store), "run/fetch.log", store_fd(store), "run/fetch.log.1");
	return openat(store_fd(store), "run/fetch.log", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
}

/* Finds the program: named by the environment, beside this one, or where it was installed. */
static bool find_program(char *out, size_t cap, struct fault *f)
{
	const char *named = getenv("PKGMIRROR_FETCH");
	if (named != NULL) {
		snprintf(out, cap, "%s", named);
	} else {
		ssize_t n = readlink("/proc/self/exe", out, cap - 1);
		char *slash = NULL;
		if (n > 0) {
			out[n] = '\0';
			slash = strrchr(out, '/');
		}
		if (slash != NULL)
			snprintf(slash, cap - (size_t)(slash - out), "/pkgmirror-fetch");
		if (slash == NULL || access(out, X_OK) != 0)
			snprintf(out, cap, "%s/pkgmirror-fetch", PKGMIRROR_LIBEXECDIR);
	}
	if (access(out, X_OK) != 0)
		return fault_errno(f, FAULT_SYSTEM, errno, "cannot run the fetch service %s", out);
	return true;
}

/* Copies what may be kept of the environment; `ready` is added. The array ends with NULL. */
static void keep_environment(char store[KEPT_COUNT][VARIABLE_CAP], char *out[KEPT_COUNT + 2], char *ready)
{
	size_t n = 0;
	for (size_t i = 0; i < KEPT_COUNT; i++) {
		const char *value = getenv(KEPT_ENVIRONMENT[i]);
		int len = value ? snprintf(store[i], VARIABLE_CAP, "%s=%s", KEPT_ENVIRONMENT[i], value) : -1;
		if (len > 0 && len < VARIABLE_CAP)
			out[n++] = store[i];
	}
	out[n++] = ready;
	out[n] = NULL;
}

/* The child's way from fork to exec: only calls that are safe after a fork of a threaded program. */
static void become_service(char *const argv[], char *const envp[], int log_fd, int ready_fd)
{
	sigset_t none;
	int fds[3];
	/* First of all: a web server that finds the socket of a responder that was killed now still open here takes it
	 * for one that lives, and starts no other. */
	close(STDIN_FILENO);
	if (setsid() < 0 || fork() != 0)
		_exit(0);
	/* The threads of a responder block the signals that a service must hear. */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGTERM, SIG_DFL); /* a CGI ignores it, and a starter these four */
	signal(SIGINT, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	signal(SIGUSR1, SIG_DFL);
	/* Copies above all targets first: one of the two may sit on a target number. */
	fds[0] = open("/dev/null", O_RDONLY);
	fds[1] = fcntl(log_fd, F_DUPFD, 64);
	fds[2] = fcntl(ready_fd, F_DUPFD, 64);
	if (fds[0] < 0 || fds[1] < 0 || fds[2] < 0 || dup2(fds[0], STDIN_FILENO) < 0 ||
	    dup2(fds[1], STDOUT_FILENO) < 0 || dup2(fds[1], STDERR_FILENO) < 0 || dup2(fds[2], READY_FD) < 0)
		_exit(126);
	/* A kept FastCGI connection would never look closed to the web server. */
	if (close_range(READY_FD + 1, ~0U, 0) != 0)
		for (int fd = READY_FD + 1; fd < 4096; fd++)
			close(fd);
	execve(argv[0], argv, envp);
	_exit(127);
}

static void reap(pid_t child)
{
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		continue;
}

/* Starts a service and waits until it says that it is ready, or ended. */
static bool start(const struct config *c, const struct store *store, int64_t deadline, struct fault *f)
{
	char program[1024], kept[KEPT_COUNT][VARIABLE_CAP], ready_text[] = "PKGMIRROR_READY_FD=3";
	char option[] = "--config", *envp[KEPT_COUNT + 2];
	char *argv[] = {program, option, c->file, NULL};
	int pipe_fds[2] = {-1, -1}, log_fd = -1;
	bool ok = false;

	if (!find_program(program, sizeof program, f))
		return false;
	keep_environment(kept, envp, ready_text);
	log_fd = open_log(store);
	if (log_fd < 0 || pipe2(pipe_fds, O_CLOEXEC) != 0) {
		fault_errno(f, FAULT_SYSTEM, errno, "cannot start the fetch service");
		goto out;
	}
	pid_t child = fork();
	if (child < 0) {
		fault_errno(f, FAULT_SYSTEM, errno, "cannot start the fetch service");
		goto out;
	}
	if (child == 0)
		become_service(argv, envp, log_fd, pipe_fds[1]);
	close(pipe_fds[1]);
	pipe_fds[1] = -1;
	reap(child);

	struct pollfd wait = {.fd = pipe_fds[0], .events = POLLIN};
	char byte = 0;
	for (int64_t left = deadline - now_ms(); left > 0; left = deadline - now_ms()) {
		int n = poll(&wait, 1, (int)left);
		if (n > 0 || (n < 0 && errno != EINTR))
			break;
	}
	/* No byte: another service lives after all, or this one failed. The caller connects again and will see. */
	ok = wait.revents != 0 && read(pipe_fds[0], &byte, 1) == 1;
	if (!ok)
		fault_set(f, FAULT_SYSTEM, "the fetch service did not start, see %s/run/fetch.log", c->state_dir);
out:
	if (log_fd >= 0)
		close(log_fd);
	if (pipe_fds[0] >= 0)
		close(pipe_fds[0]);
	if (pipe_fds[1] >= 0)
		close(pipe_fds[1]);
	return ok;
}

int service_connect(const struct config *c, const struct store *store, struct fault *f)
{
	const int64_t deadline = now_ms() + START_LIMIT_MS;
	int fd = service_connect_running(c), lock_fd = -1, failures = 0;

	if (fd >= 0)
		return fd;
	lock_fd = open_lock(store);
	if (lock_fd < 0) {
		fault_errno(f, FAULT_SYSTEM, errno, "cannot open %s/run/fetch.lock", c->state_dir);
		return -1;
	}
	fault_set(f, FAULT_SYSTEM, "the fetch service did not start in time");
	while (fd < 0 && now_ms() < deadline && failures < START_FAILURES_MAX) {
		int pause_ms = RETRY_MS;
		bool starter = lock_byte(lock_fd, BYTE_STARTER) == 0;
		fd = service_connect_running(c);
		/* A failure may be one that is about to leave and still holds its claim: give it time. */
		if (fd < 0 && starter && !start(c, store, deadline, f)) {
			failures++;
			pause_ms = FAILED_PAUSE_MS;
		}
		if (fd < 0)
			fd = service_connect_running(c);
		if (fd < 0)
			nanosleep(&(struct timespec){.tv_nsec = pause_ms * 1000000L}, NULL);
	}
	close(lock_fd);
	return fd;
}

int service_connect_by(int starter_fd, int stop_fd, const struct config *c, const struct store *store, struct fault *f)
{
	const int64_t deadline = now_ms() + START_LIMIT_MS;
	if (starter_fd < 0)
		return service_connect(c, store, f);
	int fd = service_connect_running(c);
	/* It may leave between its start and our connection. */
	while (fd < 0 && starter_ask(starter_fd, stop_fd, deadline, f))
		fd = service_connect_running(c);
	/* Nor does a starter that could not answer tell that there is none. */
	return fd >= 0 ? fd : service_connect_running(c);
}

bool service_is_running(const struct store *store)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = BYTE_SERVICE, .l_len = 1};
	int fd = openat(store_fd(store), "run/fetch.lock", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	bool held = fd >= 0 && fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
	if (fd >= 0)
		close(fd);
	return held;
}

int service_claim(const struct store *store, struct fault *f)
{
	int fd = open_lock(store);
	if (fd < 0) {
		fault_errno(f, FAULT_SYSTEM, errno, "cannot open run/fetch.lock");
		return -1;
	}
	if (lock_byte(fd, BYTE_SERVICE) != 0) {
		fault_set(f, FAULT_BUSY, "another fetch service works on this state_dir");
		close(fd);
		return -1;
	}
	return fd;
}

bool service_claim_holds(const struct store *store, int claim_fd)
{
	struct stat held, named;
	return fstat(claim_fd, &held) == 0 &&
	       fstatat(store_fd(store), "run/fetch.lock", &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       held.st_ino == named.st_ino && held.st_dev == named.st_dev;
}

void service_turn_log(const struct store *store)
{
	struct stat ours, named;
	if (fstat(STDERR_FILENO, &ours) != 0 || ours.st_size <= LOG_BYTES_MAX ||
	    fstatat(store_fd(store), "run/fetch.log", &named, AT_SYMLINK_NOFOLLOW) != 0 ||
	    ours.st_ino != named.st_ino || ours.st_dev != named.st_dev)
		return;
	int fd = open_log(store);
	if (fd < 0)
		return;
	dup2(fd, STDERR_FILENO);
	dup2(fd, STDOUT_FILENO);
	close(fd);
}

int service_listen(const struct config *c, struct fault *f)
{
	struct sockaddr_un address;
	if (!socket_address(c, &address)) {
		fault_set(f, FAULT_SYSTEM, "state_dir %s is too long for a socket", c->state_dir);
		return -1;
	}
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t mask = umask(0117);
	unlink(address.sun_path);
	bool ok =
	    fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 && listen(fd, BACKLOG) == 0;
	int error = errno;
	umask(mask);
	if (ok)
		return fd;
	fault_errno(f, FAULT_SYSTEM, error, "cannot listen on %s", address.sun_path);
	if (fd >= 0)
		close(fd);
	return -1;
}

void service_ready(void)
{
	if (getenv("PKGMIRROR_READY_FD") == NULL)
		return;
	ssize_t ignored = write(READY_FD, "+", 1);
	(void)ignored;
	close(READY_FD);
	unsetenv("PKGMIRROR_READY_FD");
}
