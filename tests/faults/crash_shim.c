/* crash_shim: preloaded into the programs of a mirror, counts their calls that reach the kernel and kills the process
 * that makes a chosen one, with SIGKILL, before it, after it, or in the midst of a write.
 *
 * What to do stands in the file "crash_shim.control" beside this library (tests/faults/crash_control.py writes it),
 * which is mapped: nothing here depends on the environment or on descriptors, and a confined process can still be
 * killed. Not linked into anything. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* clang-format off */
#define EACH_CALL(X) \
	X(accept) X(close) X(connect) X(execve) X(fallocate) X(fchmod) X(fcntl) X(fork) X(fstat) X(fsync) X(ftruncate) \
	X(futimens) X(link) X(mkdir) X(mmap) X(open) X(pipe) X(poll) X(read) X(readlink) X(recv) X(rename) X(rmdir) X(send) \
	X(symlink) X(sync_file_range) X(unlink) X(waitpid) X(write)
/* clang-format on */
#define ENUM_OF(name) CALL_##name,
#define NAME_OF(name) #name,

enum call { EACH_CALL(ENUM_OF) CALLS };
enum role { ROLE_RESPONDER, ROLE_FETCH, ROLE_WARM, ROLE_JUDGE, ROLE_STARTER, ROLES, ROLE_NONE = ROLES };
enum how { HOW_BEFORE, HOW_AFTER, HOW_TORN };
enum { NAME_CAP = 16, CALLS_CAP = 32, WHAT_CAP = 64, ANY = -1 };

static const char *const NAMES[] = {EACH_CALL(NAME_OF)};

/* Agrees with crash_control.py. */
struct control {
	_Atomic int32_t armed;
	int32_t role, call, how; /* whom, at which call (ANY: each) */
	int64_t at;              /* at the how manieth */
	_Atomic int64_t seen;
	_Atomic int32_t killed; /* the process id; 0: nobody yet */
	_Atomic int32_t waits;  /* one that cannot kill itself */
	int32_t killed_role, killed_call;
	char killed_what[WHAT_CAP];
	int64_t later_sec[ROLES]; /* what time() tells more than it is */
	int32_t calls;
	char names[CALLS_CAP][NAME_CAP];
	_Atomic int64_t counts[ROLES][CALLS_CAP];
};

_Static_assert((int)CALLS <= (int)CALLS_CAP, "more calls than there is room for");

static struct control *control;
static enum role role = ROLE_NONE;
static char what[WHAT_CAP];

static enum role role_of(const char *program)
{
	return strcmp(program, "pkgmirror.fcgi") == 0    ? ROLE_RESPONDER
	       : strcmp(program, "pkgmirror-fetch") == 0 ? ROLE_FETCH
	       : strcmp(program, "pkgmirror-warm") == 0  ? ROLE_WARM
	                                                 : ROLE_NONE;
}

/* The warmer's command: its last word but for options and paths. */
static const char *command_of(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (argv[i][0] >= 'a' && argv[i][0] <= 'z')
			return argv[i];
	return "";
}

__attribute__((constructor)) static void set_up(int argc, char **argv)
{
	char path[512];
	Dl_info info;
	if (argc < 1 || dladdr(NAMES, &info) == 0)
		return;
	const char *slash = strrchr(argv[0], '/');
	enum role own = role_of(slash != NULL ? slash + 1 : argv[0]);
	snprintf(path, sizeof path, "%s", info.dli_fname);
	char *end = strrchr(path, '/');
	if (own == ROLE_NONE || end == NULL)
		return;
	snprintf(end, sizeof path - (size_t)(end - path), "/crash_shim.control");
	long fd = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
	void *at = fd >= 0 ? mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, (int)fd, 0) : MAP_FAILED;
	if (fd >= 0)
		syscall(SYS_close, fd);
	if (at == MAP_FAILED)
		return;
	control = at;
	for (int i = 0; i < CALLS; i++)
		snprintf(control->names[i], NAME_CAP, "%s", NAMES[i]);
	control->calls = CALLS;
	snprintf(what, sizeof what, "%s", command_of(argc, argv));
	role = own;
}

static void die(void)
{
	syscall(SYS_tgkill, getpid(), gettid(), SIGKILL); /* a confined process may signal itself this way alone */
	/* Where a filter forbids that: just as sudden. */
	__builtin_trap();
}

/* Counts a call. True when the process is to die of it. */
static bool is_due(enum call call)
{
	int32_t nobody = 0;
	if (role == ROLE_NONE)
		return false;
	atomic_fetch_add(&control->counts[role][call], 1);
	if (!atomic_load(&control->armed) || control->role != (int32_t)role ||
	    (control->call != ANY && control->call != (int32_t)call) ||
	    atomic_fetch_add(&control->seen, 1) + 1 != control->at ||
	    !atomic_compare_exchange_strong(&control->killed, &nobody, getpid()))
		return false;
	control->killed_role = (int32_t)role;
	control->killed_call = (int32_t)call;
	memcpy(control->killed_what, what, sizeof what);
	return true;
}

static bool begin(enum call call)
{
	bool due = is_due(call);
	if (due && control->how == HOW_BEFORE)
		die();
	return due;
}

/* The next definition of a function, the C library's or a sanitizer's. */
#define NEXT(type, name, parameters)                                                                                   \
	static type(*next) parameters;                                                                                 \
	if (next == NULL)                                                                                              \
	*(void **)&next = dlsym(RTLD_NEXT, #name)

#define WRAP(call, type, name, parameters, arguments)                                                                  \
	type name parameters;                                                                                          \
	type name parameters                                                                                           \
	{                                                                                                              \
		NEXT(type, name, parameters);                                                                          \
		bool due = begin(CALL_##call);                                                                         \
		type result = next arguments;                                                                          \
		if (due)                                                                                               \
			die();                                                                                         \
		return result;                                                                                         \
	}

/* One that writes `len` bytes may come to half of them. */
#define WRAP_WRITE(call, name, parameters, arguments)                                                                  \
	ssize_t name parameters;                                                                                       \
	ssize_t name parameters                                                                                        \
	{                                                                                                              \
		NEXT(ssize_t, name, parameters);                                                                       \
		bool due = begin(CALL_##call);                                                                         \
		if (due && control->how == HOW_TORN)                                                                   \
			len = (len + 1) / 2;                                                                           \
		ssize_t result = next arguments;                                                                       \
		if (due)                                                                                               \
			die();                                                                                         \
		return result;                                                                                         \
	}

/* The mode that open() has as a third argument, or none. */
#define MODE_OF(flags, out)                                                                                            \
	do {                                                                                                           \
		va_list more;                                                                                          \
		va_start(more, flags);                                                                                 \
		(out) = ((flags) & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;                             \
		va_end(more);                                                                                          \
	} while (0)

#define WRAP_OPEN(name)                                                                                                \
	int name(const char *path, int flags, ...)                                                                     \
	{                                                                                                              \
		NEXT(int, name, (const char *, int, ...));                                                             \
		mode_t mode;                                                                                           \
		MODE_OF(flags, mode);                                                                                  \
		bool due = begin(CALL_open);                                                                           \
		int result = next(path, flags, mode);                                                                  \
		if (due)                                                                                               \
			die();                                                                                         \
		return result;                                                                                         \
	}

#define WRAP_OPENAT(name)                                                                                              \
	int name(int dir, const char *path, int flags, ...)                                                            \
	{                                                                                                              \
		NEXT(int, name, (int, const char *, int, ...));                                                        \
		mode_t mode;                                                                                           \
		MODE_OF(flags, mode);                                                                                  \
		bool due = begin(CALL_open);                                                                           \
		int result = next(dir, path, flags, mode);                                                             \
		if (due)                                                                                               \
			die();                                                                                         \
		return result;                                                                                         \
	}

/* Of two kinds of third argument both are as wide as a pointer. */
#define WRAP_FCNTL(name)                                                                                               \
	int name(int fd, int command, ...)                                                                             \
	{                                                                                                              \
		NEXT(int, name, (int, int, ...));                                                                      \
		va_list more;                                                                                          \
		va_start(more, command);                                                                               \
		void *argument = va_arg(more, void *);                                                                 \
		va_end(more);                                                                                          \
		bool due = begin(CALL_fcntl);                                                                          \
		int result = next(fd, command, argument);                                                              \
		if (due)                                                                                               \
			die();                                                                                         \
		return result;                                                                                         \
	}

WRAP_OPEN(open)
WRAP_OPEN(open64)
WRAP_OPENAT(openat)
WRAP_OPENAT(openat64)
WRAP_FCNTL(fcntl)
WRAP_FCNTL(fcntl64)

/* What a fortified open becomes when no mode is given. */
WRAP(open, int, __open_2, (const char *path, int flags), (path, flags))
WRAP(open, int, __openat_2, (int dir, const char *path, int flags), (dir, path, flags))
WRAP(accept, int, accept, (int fd, __SOCKADDR_ARG address, socklen_t *len), (fd, address, len))
WRAP(accept, int, accept4, (int fd, __SOCKADDR_ARG address, socklen_t *len, int flags), (fd, address, len, flags))
WRAP(close, int, close, (int fd), (fd))
WRAP(connect, int, connect, (int fd, __CONST_SOCKADDR_ARG address, socklen_t len), (fd, address, len))
WRAP(execve, int, execve, (const char *path, char *const argv[], char *const envp[]), (path, argv, envp))
WRAP(fallocate, int, fallocate, (int fd, int mode, off_t at, off_t len), (fd, mode, at, len))
WRAP(fchmod, int, fchmod, (int fd, mode_t mode), (fd, mode))
WRAP(fstat, int, fstat, (int fd, struct stat *st), (fd, st))
WRAP(fstat, int, fstat64, (int fd, struct stat64 *st), (fd, st))
WRAP(fstat, int, fstatat, (int dir, const char *path, struct stat *st, int flags), (dir, path, st, flags))
WRAP(fstat, int, stat, (const char *path, struct stat *st), (path, st))
WRAP(fstat, int, stat64, (const char *path, struct stat64 *st), (path, st))
WRAP(fsync, int, fsync, (int fd), (fd))
WRAP(fsync, int, fdatasync, (int fd), (fd))
WRAP(ftruncate, int, ftruncate, (int fd, off_t len), (fd, len))
WRAP(ftruncate, int, ftruncate64, (int fd, off64_t len), (fd, len))
WRAP(futimens, int, futimens, (int fd, const struct timespec times[2]), (fd, times))
WRAP(futimens, int, utimensat, (int dir, const char *path, const struct timespec times[2], int flags),
    (dir, path, times, flags))
WRAP(link, int, linkat, (int from_dir, const char *from, int to_dir, const char *to, int flags),
    (from_dir, from, to_dir, to, flags))
WRAP(mkdir, int, mkdir, (const char *path, mode_t mode), (path, mode))
WRAP(mkdir, int, mkdirat, (int dir, const char *path, mode_t mode), (dir, path, mode))
WRAP(mmap, void *, mmap, (void *at, size_t len, int protection, int flags, int fd, off_t offset),
    (at, len, protection, flags, fd, offset))
WRAP(mmap, void *, mmap64, (void *at, size_t len, int protection, int flags, int fd, off64_t offset),
    (at, len, protection, flags, fd, offset))
WRAP(pipe, int, pipe2, (int fds[2], int flags), (fds, flags))
WRAP(poll, int, poll, (struct pollfd * fds, nfds_t count, int timeout), (fds, count, timeout))
WRAP(read, ssize_t, pread, (int fd, void *bytes, size_t len, off_t at), (fd, bytes, len, at))
WRAP(read, ssize_t, pread64, (int fd, void *bytes, size_t len, off64_t at), (fd, bytes, len, at))
WRAP(read, ssize_t, read, (int fd, void *bytes, size_t len), (fd, bytes, len))
WRAP(readlink, ssize_t, readlinkat, (int dir, const char *path, char *out, size_t cap), (dir, path, out, cap))
WRAP(recv, ssize_t, recv, (int fd, void *bytes, size_t len, int flags), (fd, bytes, len, flags))
WRAP(recv, ssize_t, recvfrom, (int fd, void *bytes, size_t len, int flags, __SOCKADDR_ARG from, socklen_t *from_len),
    (fd, bytes, len, flags, from, from_len))
WRAP(rename, int, rename, (const char *from, const char *to), (from, to))
WRAP(rename, int, renameat, (int from_dir, const char *from, int to_dir, const char *to), (from_dir, from, to_dir, to))
WRAP(rmdir, int, rmdir, (const char *path), (path))
WRAP(symlink, int, symlinkat, (const char *target, int dir, const char *path), (target, dir, path))
WRAP(sync_file_range, int, sync_file_range, (int fd, off64_t at, off64_t len, unsigned flags), (fd, at, len, flags))
WRAP(unlink, int, unlink, (const char *path), (path))
WRAP(unlink, int, unlinkat, (int dir, const char *path, int flags), (dir, path, flags))
WRAP(waitpid, pid_t, waitpid, (pid_t pid, int *status, int options), (pid, status, options))
WRAP_WRITE(send, send, (int fd, const void *bytes, size_t len, int flags), (fd, bytes, len, flags))
WRAP_WRITE(send, sendto, (int fd, const void *bytes, size_t len, int flags, __CONST_SOCKADDR_ARG to, socklen_t to_len),
    (fd, bytes, len, flags, to, to_len))
WRAP_WRITE(write, pwrite, (int fd, const void *bytes, size_t len, off_t at), (fd, bytes, len, at))
WRAP_WRITE(write, pwrite64, (int fd, const void *bytes, size_t len, off64_t at), (fd, bytes, len, at))
WRAP_WRITE(write, write, (int fd, const void *bytes, size_t len), (fd, bytes, len))

/* A child of the service or the warmer judges an archive, unless it makes a session of its own: then it starts a
 * service, and so does a child of the responder. */
pid_t fork(void)
{
	NEXT(pid_t, fork, (void));
	bool due = begin(CALL_fork);
	pid_t pid = next();
	if (due && pid != 0)
		die();
	if (pid == 0 && role != ROLE_NONE)
		role = role == ROLE_RESPONDER || role == ROLE_STARTER ? ROLE_STARTER : ROLE_JUDGE;
	return pid;
}

pid_t setsid(void)
{
	NEXT(pid_t, setsid, (void));
	if (role != ROLE_NONE)
		role = ROLE_STARTER;
	return next();
}

time_t time(time_t *out)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME_COARSE, &t);
	time_t now = t.tv_sec + (role < ROLES ? (time_t)control->later_sec[role] : 0);
	if (out != NULL)
		*out = now;
	return now;
}
