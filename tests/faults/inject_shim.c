/* inject_shim: preloaded into our programs, makes the k-th call of a class fail, once, and tells which one that was.
 *
 * What to do stands in a control file beside the library, NAME.control, which inject_control.py writes and all
 * processes map: no environment has to reach a service that a responder starts. It counts calls of the chosen class
 * made by the chosen program, of every library in it. In a recording it notes a hash of the stack of each call, by
 * which the driver knows calls of one place. */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

/* A wrapper declares what the C library declares, by other names of the same types; and dladdr wants a function's
 * address. */
#pragma GCC diagnostic ignored "-Wpedantic"

enum {
	PROGRAM_CAP = 32,
	CALL_CAP = 32,
	STACK_CAP = 24,
	STACK_TEXT_CAP = 2048,
	CALLS_CAP = 1 << 19,
	SKIPPED = 2,
	ERROR_SEEN = 0x20,
	INNERMOST = 2
};

/* Classes of calls. */
enum {
	SPACE = 1,  /* may find no room: ENOSPC, EDQUOT, EFBIG */
	IO = 2,     /* may find a broken disk: EIO */
	FD = 4,     /* needs a descriptor: EMFILE, ENFILE */
	MEMORY = 8, /* needs memory: ENOMEM, EAGAIN of a thread or process */
	NET = 16    /* speaks to a peer: ENOBUFS, ECONNRESET */
};

/* As in inject_control.py. */
struct control {
	char program[PROGRAM_CAP]; /* the one that is struck; its name may be cut */
	int32_t classes;
	int32_t error;
	int64_t at; /* which call fails; 0: none */
	int32_t recording;
	_Atomic int32_t struck; /* calls that failed: 0 or 1 */
	_Atomic int64_t count;  /* calls of the class so far */
	char call[CALL_CAP];    /* that failed */
	char stack[STACK_TEXT_CAP];
	char crash[STACK_TEXT_CAP]; /* of a program that died of SIGSEGV, SIGBUS or SIGABRT */
	uint64_t places[CALLS_CAP]; /* of a recording: by call, the hash of its stack */
};

static struct control *control;

/* glibc's own, which an interposed allocator must not look up by name: that allocates. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

static void *next(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

static const char *program_name(void)
{
	const char *slash = strrchr(program_invocation_name, '/');
	return slash != NULL ? slash + 1 : program_invocation_name;
}

static uintptr_t own_from, own_to; /* where the program itself lies, without its libraries */

static int note_own(struct dl_phdr_info *info, size_t size, void *unused)
{
	(void)size, (void)unused;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];
		uintptr_t from = info->dlpi_addr + part->p_vaddr;
		if (part->p_type != PT_LOAD)
			continue;
		own_from = own_from == 0 || from < own_from ? from : own_from;
		own_to = from + part->p_memsz > own_to ? from + part->p_memsz : own_to;
	}
	return 1; /* the first is the program */
}

/* The place of a call: the way through our own program to the library, and the last two functions of that library. What
 * happens between is the library's affair. */
static uint64_t hash_stack(void *const *stack, int depth)
{
	uint64_t hash = 14695981039346656037ULL;
	for (int i = SKIPPED; i < depth; i++) {
		uintptr_t at = (uintptr_t)stack[i];
		if (i < SKIPPED + INNERMOST || (at >= own_from && at < own_to))
			hash = (hash ^ at) * 1099511628211ULL;
	}
	return hash;
}

/* "FILE+OFFSET FILE+OFFSET ...", which addr2line understands. */
static void write_stack(void *const *stack, int depth, char out[STACK_TEXT_CAP])
{
	size_t len = 0;
	Dl_info place;
	out[0] = '\0';
	for (int i = SKIPPED; i < depth; i++) {
		if (dladdr(stack[i], &place) == 0 || place.dli_fname == NULL)
			continue;
		int n = snprintf(out + len, STACK_TEXT_CAP - len, "%s+%#lx ", place.dli_fname,
		    (unsigned long)((const char *)stack[i] - (const char *)place.dli_fbase - 1));
		if (n < 0 || (size_t)n >= STACK_TEXT_CAP - len)
			break;
		len += (size_t)n;
	}
}

/* Notes where the program dies. It dies all the same: the handler is gone when this returns. */
static void on_crash(int number)
{
	void *stack[STACK_CAP];
	(void)number;
	write_stack(stack, backtrace(stack, STACK_CAP), control->crash);
}

/* The unwinder is loaded now, when nothing is counted yet: that allocates. */
__attribute__((constructor)) static void begin(void)
{
	Dl_info own;
	void *stack[STACK_CAP];
	char path[4096];
	(void)backtrace(stack, STACK_CAP);
	if (dladdr((void *)begin, &own) == 0)
		return;
	int n = snprintf(path, sizeof path, "%s.control", own.dli_fname);
	int fd = n > 0 && (size_t)n < sizeof path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC) : -1;
	if (fd < 0)
		return;
	void *map = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	syscall(SYS_close, fd);
	const struct control *wanted = map;
	if (map == MAP_FAILED || strncmp(wanted->program, program_name(), PROGRAM_CAP - 1) != 0)
		return;
	control = map;
	dl_iterate_phdr(note_own, NULL);
	static const int DEADLY[] = {SIGSEGV, SIGBUS, SIGABRT};
	const struct sigaction noted = {.sa_handler = on_crash, .sa_flags = (int)SA_RESETHAND};
	for (size_t i = 0; i < sizeof DEADLY / sizeof DEADLY[0]; i++)
		sigaction(DEADLY[i], &noted, NULL);
}

static __thread int inside; /* the unwinder may call what we count */

/* Whether this call, which belongs to `classes`, is the one that fails. errno is then what the driver chose. */
static int __attribute__((noinline)) strikes(int classes, const char *name)
{
	void *stack[STACK_CAP];
	if (control == NULL || (control->classes & classes) == 0 || inside)
		return 0;
	int saved = errno;
	int64_t number = atomic_fetch_add(&control->count, 1) + 1;
	if (number != control->at && !control->recording)
		return 0;
	inside = 1;
	int depth = backtrace(stack, STACK_CAP);
	if (control->recording && number <= CALLS_CAP)
		control->places[number - 1] = hash_stack(stack, depth);
	int hit = number == control->at;
	if (hit) {
		snprintf(control->call, sizeof control->call, "%s", name);
		write_stack(stack, depth, control->stack);
		atomic_store(&control->struck, 1);
	}
	inside = 0;
	errno = hit ? control->error : saved;
	return hit;
}

/* A call that fails with `failed` and errno. */
#define WRAP(type, name, classes, failed, parameters, arguments)                                                       \
	type name parameters;                                                                                          \
	type name parameters                                                                                           \
	{                                                                                                              \
		static type(*real) parameters;                                                                         \
		if (strikes(classes, #name))                                                                           \
			return failed;                                                                                 \
		if (real == NULL)                                                                                      \
			*(void **)&real = next(#name);                                                                 \
		return real arguments;                                                                                 \
	}

/* One with an optional mode. */
#define WRAP_OPEN(name, parameters, flags, arguments)                                                                  \
	int name parameters;                                                                                           \
	int name parameters                                                                                            \
	{                                                                                                              \
		static int(*real) parameters;                                                                          \
		va_list more;                                                                                          \
		va_start(more, flags);                                                                                 \
		mode_t mode = (flags) & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;                              \
		va_end(more);                                                                                          \
		if (strikes(FD | IO | ((flags)&O_CREAT ? SPACE : 0), #name))                                           \
			return -1;                                                                                     \
		if (real == NULL)                                                                                      \
			*(void **)&real = next(#name);                                                                 \
		return real arguments;                                                                                 \
	}

/* ---- memory, threads, processes ---- */

void *malloc(size_t size)
{
	return strikes(MEMORY, "malloc") ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return strikes(MEMORY, "calloc") ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
	return strikes(MEMORY, "realloc") ? NULL : __libc_realloc(old, size);
}

void *reallocarray(void *old, size_t count, size_t size)
{
	size_t bytes;
	if (__builtin_mul_overflow(count, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return strikes(MEMORY, "reallocarray") ? NULL : __libc_realloc(old, bytes);
}

static int fail_posix(void)
{
	return errno;
}

WRAP(int, posix_memalign, MEMORY, fail_posix(), (void **out, size_t alignment, size_t size), (out, alignment, size))
WRAP(void *, aligned_alloc, MEMORY, NULL, (size_t alignment, size_t size), (alignment, size))
WRAP(void *, mmap, MEMORY, MAP_FAILED, (void *at, size_t len, int protection, int flags, int fd, off_t offset),
    (at, len, protection, flags, fd, offset))
WRAP(void *, mmap64, MEMORY, MAP_FAILED, (void *at, size_t len, int protection, int flags, int fd, off64_t offset),
    (at, len, protection, flags, fd, offset))
WRAP(int, pthread_create, MEMORY, EAGAIN,
    (pthread_t * thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument),
    (thread, attributes, run, argument))
WRAP(pid_t, fork, MEMORY, (errno = EAGAIN, -1), (void), ())

/* ---- descriptors ---- */

WRAP_OPEN(open, (const char *path, int flags, ...), flags, (path, flags, mode))
WRAP_OPEN(open64, (const char *path, int flags, ...), flags, (path, flags, mode))
WRAP_OPEN(openat, (int dir, const char *path, int flags, ...), flags, (dir, path, flags, mode))
WRAP_OPEN(openat64, (int dir, const char *path, int flags, ...), flags, (dir, path, flags, mode))
WRAP(FILE *, fopen, FD | IO, NULL, (const char *path, const char *mode), (path, mode))
WRAP(FILE *, fopen64, FD | IO, NULL, (const char *path, const char *mode), (path, mode))
WRAP(void *, opendir, FD | IO, NULL, (const char *path), (path))
WRAP(void *, fdopendir, IO, NULL, (int fd), (fd))
WRAP(int, socket, FD | NET, -1, (int family, int type, int protocol), (family, type, protocol))
WRAP(int, socketpair, FD, -1, (int family, int type, int protocol, int out[2]), (family, type, protocol, out))
WRAP(int, accept, FD, -1, (int fd, struct sockaddr *address, socklen_t *len), (fd, address, len))
WRAP(int, accept4, FD, -1, (int fd, struct sockaddr *address, socklen_t *len, int flags), (fd, address, len, flags))
WRAP(int, pipe, FD, -1, (int out[2]), (out))
WRAP(int, pipe2, FD, -1, (int out[2], int flags), (out, flags))
WRAP(int, dup, FD, -1, (int fd), (fd))
WRAP(int, dup2, FD, -1, (int fd, int to), (fd, to))
WRAP(int, dup3, FD, -1, (int fd, int to, int flags), (fd, to, flags))
WRAP(int, epoll_create1, FD, -1, (int flags), (flags))
WRAP(int, eventfd, FD, -1, (unsigned value, int flags), (value, flags))
WRAP(int, signalfd, FD, -1, (int fd, const sigset_t *set, int flags), (fd, set, flags))
WRAP(int, memfd_create, FD, -1, (const char *name, unsigned flags), (name, flags))

/* ---- files ---- */

WRAP(ssize_t, write, SPACE | IO, -1, (int fd, const void *from, size_t len), (fd, from, len))
WRAP(ssize_t, pwrite, SPACE | IO, -1, (int fd, const void *from, size_t len, off_t at), (fd, from, len, at))
WRAP(ssize_t, pwrite64, SPACE | IO, -1, (int fd, const void *from, size_t len, off64_t at), (fd, from, len, at))
WRAP(ssize_t, writev, SPACE | IO, -1, (int fd, const struct iovec *from, int count), (fd, from, count))
WRAP(int, fflush, SPACE | IO, EOF, (FILE * file), (file))
WRAP(int, fsync, SPACE | IO, -1, (int fd), (fd))
WRAP(int, fdatasync, SPACE | IO, -1, (int fd), (fd))
WRAP(int, ftruncate, SPACE | IO, -1, (int fd, off_t len), (fd, len))
WRAP(int, ftruncate64, SPACE | IO, -1, (int fd, off64_t len), (fd, len))
WRAP(int, fallocate, SPACE | IO, -1, (int fd, int mode, off_t at, off_t len), (fd, mode, at, len))
WRAP(int, fallocate64, SPACE | IO, -1, (int fd, int mode, off64_t at, off64_t len), (fd, mode, at, len))
WRAP(ssize_t, copy_file_range, SPACE | IO, -1,
    (int from, off64_t *from_at, int to, off64_t *to_at, size_t len, unsigned flags),
    (from, from_at, to, to_at, len, flags))
WRAP(int, mkdir, SPACE | IO, -1, (const char *path, mode_t mode), (path, mode))
WRAP(int, mkdirat, SPACE | IO, -1, (int dir, const char *path, mode_t mode), (dir, path, mode))
WRAP(int, link, SPACE | IO, -1, (const char *from, const char *to), (from, to))
WRAP(int, linkat, SPACE | IO, -1, (int from_dir, const char *from, int to_dir, const char *to, int flags),
    (from_dir, from, to_dir, to, flags))
WRAP(int, symlink, SPACE | IO, -1, (const char *target, const char *path), (target, path))
WRAP(int, symlinkat, SPACE | IO, -1, (const char *target, int dir, const char *path), (target, dir, path))
WRAP(int, rename, SPACE | IO, -1, (const char *from, const char *to), (from, to))
WRAP(int, renameat, SPACE | IO, -1, (int from_dir, const char *from, int to_dir, const char *to),
    (from_dir, from, to_dir, to))
WRAP(int, unlink, IO, -1, (const char *path), (path))
WRAP(int, unlinkat, IO, -1, (int dir, const char *path, int flags), (dir, path, flags))
WRAP(int, fchmod, IO, -1, (int fd, mode_t mode), (fd, mode))
WRAP(int, futimens, SPACE | IO, -1, (int fd, const struct timespec times[2]), (fd, times))
WRAP(int, utimensat, SPACE | IO, -1, (int dir, const char *path, const struct timespec times[2], int flags),
    (dir, path, times, flags))
WRAP(ssize_t, read, IO, -1, (int fd, void *to, size_t len), (fd, to, len))
WRAP(ssize_t, __read_chk, IO, -1, (int fd, void *to, size_t len, size_t cap), (fd, to, len, cap))
WRAP(ssize_t, pread, IO, -1, (int fd, void *to, size_t len, off_t at), (fd, to, len, at))
WRAP(ssize_t, pread64, IO, -1, (int fd, void *to, size_t len, off64_t at), (fd, to, len, at))
WRAP(ssize_t, __pread_chk, IO, -1, (int fd, void *to, size_t len, off_t at, size_t cap), (fd, to, len, at, cap))
WRAP(ssize_t, readlink, IO, -1, (const char *path, char *to, size_t cap), (path, to, cap))
WRAP(ssize_t, readlinkat, IO, -1, (int dir, const char *path, char *to, size_t cap), (dir, path, to, cap))
WRAP(int, fstat, IO, -1, (int fd, struct stat *out), (fd, out))
WRAP(int, fstat64, IO, -1, (int fd, struct stat64 *out), (fd, out))
WRAP(int, stat, IO, -1, (const char *path, struct stat *out), (path, out))
WRAP(int, stat64, IO, -1, (const char *path, struct stat64 *out), (path, out))
WRAP(int, lstat, IO, -1, (const char *path, struct stat *out), (path, out))
WRAP(int, lstat64, IO, -1, (const char *path, struct stat64 *out), (path, out))
WRAP(int, fstatat, IO, -1, (int dir, const char *path, struct stat *out, int flags), (dir, path, out, flags))
WRAP(int, fstatat64, IO, -1, (int dir, const char *path, struct stat64 *out, int flags), (dir, path, out, flags))
WRAP(int, fstatfs, IO, -1, (int fd, struct statfs *out), (fd, out))
WRAP(int, faccessat, IO, -1, (int dir, const char *path, int mode, int flags), (dir, path, mode, flags))
WRAP(int, access, IO, -1, (const char *path, int mode), (path, mode))

/* A stream knows that it has failed. */
char *fgets(char *to, int cap, FILE *file)
{
	static char *(*real)(char *, int, FILE *);
	if (strikes(IO, "fgets")) {
		file->_flags |= ERROR_SEEN;
		return NULL;
	}
	if (real == NULL)
		*(void **)&real = next("fgets");
	return real(to, cap, file);
}

/* ---- peers ---- */

WRAP(int, bind, NET, -1, (int fd, const struct sockaddr *address, socklen_t len), (fd, address, len))
WRAP(int, listen, NET, -1, (int fd, int backlog), (fd, backlog))
WRAP(int, connect, NET, -1, (int fd, const struct sockaddr *address, socklen_t len), (fd, address, len))
WRAP(ssize_t, send, NET, -1, (int fd, const void *from, size_t len, int flags), (fd, from, len, flags))
WRAP(ssize_t, sendto, NET, -1,
    (int fd, const void *from, size_t len, int flags, const struct sockaddr *address, socklen_t address_len),
    (fd, from, len, flags, address, address_len))
WRAP(ssize_t, recv, NET, -1, (int fd, void *to, size_t len, int flags), (fd, to, len, flags))
WRAP(ssize_t, __recv_chk, NET, -1, (int fd, void *to, size_t len, size_t cap, int flags), (fd, to, len, cap, flags))
