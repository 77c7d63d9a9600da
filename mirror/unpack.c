/* unpack: see unpack.h. */
#include "unpack.h"

#include "archive.h"
#include "sandbox_policy.h"
#include "sanitized.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CPU_LIMIT_SEC = 300, WALL_LIMIT_SEC = 900, FILES_MAX = 16, FILE_AT = 3, PIPE_AT = 4 };
#define MEMORY_MAX_BYTES (UINT64_C(1) << 30)

struct unpack {
	pid_t pid; /* 0: it has been waited for */
	int fd;
	size_t len; /* of the answer so far */
	union {
		struct unpack_result result;
		unsigned char bytes[sizeof(struct unpack_result)];
	} answer;
};

static void set_limit(int resource, uint64_t value)
{
	const struct rlimit limit = {.rlim_cur = (rlim_t)value, .rlim_max = (rlim_t)value};
	setrlimit(resource, &limit);
}

/* Takes away what a child that was taken over could use. The answer goes to PIPE_AT, the file is at FILE_AT. */
static bool confine(int file, int pipe)
{
	sigset_t none;
	/* First out of the way of each other. */
	int high_file = fcntl(file, F_DUPFD, PIPE_AT + 1), high_pipe = fcntl(pipe, F_DUPFD, PIPE_AT + 1);
	if (high_file < 0 || high_pipe < 0 || dup2(high_file, FILE_AT) < 0 || dup2(high_pipe, PIPE_AT) < 0)
		return false;
	close(STDIN_FILENO);
	close(STDOUT_FILENO);
	if (!SANITIZED)
		close(STDERR_FILENO);
	if (close_range(PIPE_AT + 1, ~0U, 0) != 0)
		return false;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGXFSZ, SIG_DFL);
	alarm(WALL_LIMIT_SEC);
	set_limit(RLIMIT_CPU, CPU_LIMIT_SEC);
	set_limit(RLIMIT_FSIZE, 0);
	set_limit(RLIMIT_CORE, 0);
	set_limit(RLIMIT_NOFILE, FILES_MAX);
	if (!SANITIZED) /* it maps terabytes of shadow */
		set_limit(RLIMIT_AS, MEMORY_MAX_BYTES);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	sandbox_unpack();
	return true;
}

/* Whether all of the file can be read: a disk that fails says nothing of an archive. */
static bool is_readable(int fd, struct fault *f)
{
	char block[16 * 1024];
	ssize_t n = 1;
	for (off_t at = 0; n > 0 || (n < 0 && errno == EINTR); at += n > 0 ? n : 0)
		n = pread(fd, block, sizeof block, at);
	return n == 0 || fault_errno(f, FAULT_SYSTEM, errno, "archive: cannot be read");
}

/* Judges the archive. Only what fails twice, while the file can be read, is the archive's fault: a single failure may
 * be the disk's, or the machine was short of memory. */
static void judge(bool package, struct unpack_result *r)
{
	for (int tries = 0; tries < 2; tries++) {
		*r = (struct unpack_result){0};
		if (package ? zighash_compute(FILE_AT, &r->zig, &r->fault) : archive_check(FILE_AT, NULL, &r->fault)) {
			r->fault = (struct fault){0};
			return;
		}
	}
	/* Memory that the limit denied is the archive's fault. */
	if (is_readable(FILE_AT, &r->fault) && r->fault.class == FAULT_SYSTEM)
		r->fault.class = FAULT_INTEGRITY;
}

/* The child's whole life. */
static void run_child(int file, int pipe, bool package, pid_t parent)
{
	struct unpack_result result = {0};
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != parent || !confine(file, pipe))
		_exit(EXIT_FAILURE);
	judge(package, &result);
	/* Less than PIPE_BUF: it goes whole or not at all. */
	ssize_t n = write(PIPE_AT, &result, sizeof result);
	_exit(n == sizeof result ? EXIT_SUCCESS : EXIT_FAILURE);
}

struct unpack *unpack_start(int fd, bool package, struct fault *f)
{
	struct unpack *u = calloc(1, sizeof *u);
	pid_t parent = getpid();
	int ends[2] = {-1, -1};
	if (u == NULL || pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
		free(u);
		fault_errno(f, FAULT_SYSTEM, errno, "cannot judge an archive");
		return NULL;
	}
	u->fd = ends[0];
	u->pid = fork();
	if (u->pid == 0)
		run_child(fd, ends[1], package, parent);
	int error = errno;
	close(ends[1]);
	if (u->pid > 0)
		return u;
	close(u->fd);
	free(u);
	fault_errno(f, FAULT_SYSTEM, error, "cannot judge an archive");
	return NULL;
}

int unpack_fd(const struct unpack *u)
{
	return u->fd;
}

static bool is_text(const char *text, size_t cap)
{
	size_t n = strnlen(text, cap);
	for (size_t i = 0; i < n; i++)
		if (text[i] < ' ' || text[i] > '~')
			return false;
	return n < cap;
}

/* What a child that was taken over could send, made harmless. */
static bool take_answer(struct unpack *u, struct unpack_result *out)
{
	struct unpack_result *r = &u->answer.result;
	if (u->len != sizeof *r)
		return false;
	r->fault.text[FAULT_TEXT_CAP - 1] = '\0';
	r->zig.reason[ZIGHASH_REASON_CAP - 1] = '\0';
	if ((r->fault.class != FAULT_NONE && r->fault.class != FAULT_INTEGRITY && r->fault.class != FAULT_SYSTEM) ||
	    !is_text(r->zig.hash, sizeof r->zig.hash) || !is_text(r->zig.multihash, sizeof r->zig.multihash) ||
	    !is_text(r->zig.tree, sizeof r->zig.tree))
		return false;
	*out = *r;
	out->died = false;
	if (r->fault.class != FAULT_NONE)
		fault_set(&out->fault, r->fault.class, "%s", r->fault.text);
	return true;
}

static void blame(int status, struct fault *f)
{
	int signal_number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	if (signal_number == SIGXCPU || signal_number == SIGALRM)
		fault_set(f, FAULT_INTEGRITY, "archive: takes too long to unpack");
	else if (signal_number == SIGKILL)
		/* The kernel when memory is short, or a person: no limit of ours does. */
		fault_set(f, FAULT_SYSTEM, "archive: the process that unpacked it was killed");
	else if (signal_number == 0)
		/* It could not begin, or not answer. */
		fault_set(f, FAULT_SYSTEM, "archive: the process that unpacks it has failed (status %d)",
		    WEXITSTATUS(status));
	else
		fault_set(f, FAULT_INTEGRITY, "archive: the process that unpacked it died (signal %d)", signal_number);
}

/* Returns the status of the child once it is gone. */
static int reap(struct unpack *u)
{
	int status = 0;
	while (waitpid(u->pid, &status, 0) < 0 && errno == EINTR)
		continue;
	u->pid = 0;
	return status;
}

bool unpack_done(struct unpack *u, struct unpack_result *out)
{
	for (;;) {
		unsigned char beyond[64];
		bool full = u->len == sizeof u->answer;
		ssize_t n = full ? read(u->fd, beyond, sizeof beyond)
		                 : read(u->fd, u->answer.bytes + u->len, sizeof u->answer - u->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return false;
		if (n <= 0)
			break;
		u->len += full ? 0 : (size_t)n;
	}
	/* It has closed its end. One that did so by itself and goes on is of no use. */
	kill(u->pid, SIGKILL);
	int status = reap(u);
	*out = (struct unpack_result){0};
	if (!take_answer(u, out)) {
		out->died = true;
		blame(status, &out->fault);
	}
	return true;
}

void unpack_stop(struct unpack *u)
{
	if (u == NULL)
		return;
	if (u->pid > 0) {
		kill(u->pid, SIGKILL);
		reap(u);
	}
	close(u->fd);
	free(u);
}
