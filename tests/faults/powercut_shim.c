/* powercut_shim: preloaded into the programs of a mirror, writes down everything that they do to the files below one
 * folder, in the order in which it is done: what is written, named, renamed, removed, and what is synced.
 *
 * The record is the file "powercut_shim.log" beside this library (tests/faults/powercut_model.py makes and reads it),
 * which is mapped: nothing here depends on the environment or on descriptors. All of them do one thing at a time
 * meanwhile. What is written through a mapping is not seen: the counters, and SQLite's -shm, which it makes anew. Not
 * linked into anything. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PATH_CAP = 1024, ROOT_CAP = 256, ALIGNMENT = 8 };
#define LOG_BYTES ((size_t)256 * 1024 * 1024)

/* Agrees with powercut_model.py. */
enum kind { CREATE = 1, MAKE_FOLDER, SYMLINK, LINK, RENAME, REMOVE, WRITE, TRUNCATE, SYNC, SYNC_FOLDER };

struct journal {
	_Atomic int32_t on, lock;
	_Atomic int64_t used; /* bytes of records behind this struct */
	char root[ROOT_CAP];
};

/* A path, then what the kind has: another path, or bytes. */
struct record {
	int32_t kind, path_len;
	int64_t inode, offset, len;
};

static struct journal *journal;
static size_t root_len;

__attribute__((constructor)) static void set_up(void)
{
	char path[PATH_CAP];
	Dl_info info;
	if (dladdr(&journal, &info) == 0)
		return;
	snprintf(path, sizeof path, "%s", info.dli_fname);
	char *end = strrchr(path, '/');
	if (end == NULL)
		return;
	snprintf(end, sizeof path - (size_t)(end - path), "/powercut_shim.log");
	long fd = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
	void *at = fd >= 0 ? mmap(NULL, LOG_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, (int)fd, 0) : MAP_FAILED;
	if (fd >= 0)
		syscall(SYS_close, fd);
	if (at == MAP_FAILED)
		return;
	journal = at;
	root_len = strlen(journal->root);
}

static bool is_on(void)
{
	return journal != NULL && atomic_load(&journal->on) != 0;
}

static void lock(void)
{
	int32_t free = 0;
	while (!atomic_compare_exchange_weak(&journal->lock, &free, 1)) {
		free = 0;
		sched_yield();
	}
}

static void unlock(void)
{
	atomic_store(&journal->lock, 0);
}

/* Where an absolute path lies below the root; NULL when it does not. "" is the root. */
static const char *inside(const char *path)
{
	if (strncmp(path, journal->root, root_len) != 0 || (path[root_len] != '/' && path[root_len] != '\0'))
		return NULL;
	return path[root_len] == '/' ? path + root_len + 1 : path + root_len;
}

/* The path behind a descriptor. */
static bool path_of(int fd, char out[PATH_CAP])
{
	char link[64];
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	long n = syscall(SYS_readlinkat, AT_FDCWD, link, out, PATH_CAP - 1);
	out[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* The place of a path below the root; NULL when it is elsewhere. */
static const char *place(int dir, const char *path, char out[PATH_CAP])
{
	char folder[PATH_CAP];
	if (!is_on())
		return NULL;
	if (strncmp(path, "/proc/self/fd/", 14) == 0) {
		long n = syscall(SYS_readlinkat, AT_FDCWD, path, out, PATH_CAP - 1);
		out[n > 0 ? n : 0] = '\0';
	} else if (path[0] == '/') {
		snprintf(out, PATH_CAP, "%s", path);
	} else if (dir == AT_FDCWD || !path_of(dir, folder)) {
		return NULL;
	} else {
		snprintf(out, PATH_CAP, "%.500s/%.500s", folder, path);
	}
	return inside(out);
}

static void note(enum kind kind, const char *path, int64_t inode, int64_t offset, const void *bytes, size_t len)
{
	struct record r = {
	    .kind = kind, .path_len = (int32_t)strlen(path), .inode = inode, .offset = offset, .len = (int64_t)len};
	size_t at = (size_t)atomic_load(&journal->used), all = sizeof r + (size_t)r.path_len + len;
	all = (all + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	if (sizeof *journal + at + all > LOG_BYTES) {
		atomic_store(&journal->on, -1); /* the reader sees that it is not whole */
		return;
	}
	char *out = (char *)(journal + 1) + at;
	memcpy(out, &r, sizeof r);
	memcpy(out + sizeof r, path, (size_t)r.path_len);
	if (len > 0)
		memcpy(out + sizeof r + r.path_len, bytes, len);
	atomic_store(&journal->used, (int64_t)(at + all));
}

#define NEXT(type, name, parameters)                                                                                   \
	static type(*next) parameters;                                                                                 \
	if (next == NULL)                                                                                              \
	*(void **)&next = dlsym(RTLD_NEXT, #name)

/* What is left of a call inside the lock, and errno as the call left it. */
#define LEAVE(result)                                                                                                  \
	do {                                                                                                           \
		int kept = errno;                                                                                      \
		unlock();                                                                                              \
		errno = kept;                                                                                          \
		return result;                                                                                         \
	} while (0)

/* ---- opening: what is new, what is emptied --------------------------------------------------------------------------
 */

static void note_open(int fd, const char *at, int flags, bool was_there)
{
	struct stat st;
	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return;
	if (!was_there)
		note(CREATE, at, (int64_t)st.st_ino, 0, NULL, 0);
	else if ((flags & O_TRUNC) != 0)
		note(TRUNCATE, at, (int64_t)st.st_ino, 0, NULL, 0);
}

#define OPEN_BODY(call, dir)                                                                                           \
	va_list more;                                                                                                  \
	va_start(more, flags);                                                                                         \
	mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;                                 \
	va_end(more);                                                                                                  \
	char whole[PATH_CAP];                                                                                          \
	struct stat st;                                                                                                \
	const char *at = (flags & (O_CREAT | O_TRUNC)) != 0 ? place(dir, path, whole) : NULL;                          \
	if (at == NULL)                                                                                                \
		return call;                                                                                           \
	lock();                                                                                                        \
	bool was_there = fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0;                                            \
	int fd = call;                                                                                                 \
	note_open(fd, at, flags, was_there);                                                                           \
	LEAVE(fd)

#define WRAP_OPEN(name)                                                                                                \
	int name(const char *path, int flags, ...)                                                                     \
	{                                                                                                              \
		NEXT(int, name, (const char *, int, ...));                                                             \
		OPEN_BODY(next(path, flags, mode), AT_FDCWD);                                                          \
	}

#define WRAP_OPENAT(name)                                                                                              \
	int name(int dir, const char *path, int flags, ...)                                                            \
	{                                                                                                              \
		NEXT(int, name, (int, const char *, int, ...));                                                        \
		OPEN_BODY(next(dir, path, flags, mode), dir);                                                          \
	}

WRAP_OPEN(open)
WRAP_OPEN(open64)
WRAP_OPENAT(openat)
WRAP_OPENAT(openat64)

/* ---- content
 * ---------------------------------------------------------------------------------------------------------- */

/* The inode of a regular file below the root; -1 of anything else. */
static int64_t inode_of(int fd, char whole[PATH_CAP])
{
	struct stat st;
	return is_on() && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && path_of(fd, whole) && inside(whole) != NULL
	           ? (int64_t)st.st_ino
	           : -1;
}

#define WRAP_WRITE(name, parameters, arguments, where)                                                                 \
	ssize_t name parameters;                                                                                       \
	ssize_t name parameters                                                                                        \
	{                                                                                                              \
		NEXT(ssize_t, name, parameters);                                                                       \
		char whole[PATH_CAP];                                                                                  \
		int64_t inode = inode_of(fd, whole);                                                                   \
		if (inode < 0)                                                                                         \
			return next arguments;                                                                         \
		lock();                                                                                                \
		ssize_t n = next arguments;                                                                            \
		if (n > 0)                                                                                             \
			note(WRITE, inside(whole), inode, where, bytes, (size_t)n);                                    \
		LEAVE(n);                                                                                              \
	}

/* After the call: where an appended or plain write began. */
WRAP_WRITE(write, (int fd, const void *bytes, size_t len), (fd, bytes, len), (int64_t)lseek(fd, 0, SEEK_CUR) - n)
WRAP_WRITE(pwrite, (int fd, const void *bytes, size_t len, off_t at), (fd, bytes, len, at), at)
WRAP_WRITE(pwrite64, (int fd, const void *bytes, size_t len, off64_t at), (fd, bytes, len, at), at)

#define WRAP_TRUNCATE(name, type)                                                                                      \
	int name(int fd, type len)                                                                                     \
	{                                                                                                              \
		NEXT(int, name, (int, type));                                                                          \
		char whole[PATH_CAP];                                                                                  \
		int64_t inode = inode_of(fd, whole);                                                                   \
		if (inode < 0)                                                                                         \
			return next(fd, len);                                                                          \
		lock();                                                                                                \
		int result = next(fd, len);                                                                            \
		if (result == 0)                                                                                       \
			note(TRUNCATE, inside(whole), inode, len, NULL, 0);                                            \
		LEAVE(result);                                                                                         \
	}

WRAP_TRUNCATE(ftruncate, off_t)
WRAP_TRUNCATE(ftruncate64, off64_t)

static void note_sync(int fd)
{
	struct stat st;
	char whole[PATH_CAP];
	if (fstat(fd, &st) != 0 || !path_of(fd, whole) || inside(whole) == NULL)
		return;
	note(S_ISDIR(st.st_mode) ? SYNC_FOLDER : SYNC, inside(whole), (int64_t)st.st_ino, 0, NULL, 0);
}

#define WRAP_SYNC(name)                                                                                                \
	int name(int fd)                                                                                               \
	{                                                                                                              \
		NEXT(int, name, (int));                                                                                \
		if (!is_on())                                                                                          \
			return next(fd);                                                                               \
		lock();                                                                                                \
		int result = next(fd);                                                                                 \
		if (result == 0)                                                                                       \
			note_sync(fd);                                                                                 \
		LEAVE(result);                                                                                         \
	}

WRAP_SYNC(fsync)
WRAP_SYNC(fdatasync)

/* ---- names
 * ------------------------------------------------------------------------------------------------------------ */

/* One that changes a name `at` below the root. */
#define WRAP_NAME(name, parameters, arguments, dir, path, noted)                                                       \
	int name parameters                                                                                            \
	{                                                                                                              \
		NEXT(int, name, parameters);                                                                           \
		char whole[PATH_CAP];                                                                                  \
		const char *at = place(dir, path, whole);                                                              \
		if (at == NULL)                                                                                        \
			return next arguments;                                                                         \
		lock();                                                                                                \
		int result = next arguments;                                                                           \
		if (result == 0)                                                                                       \
			noted;                                                                                         \
		LEAVE(result);                                                                                         \
	}

/* One with two of them. A file from outside the root has no first one. */
#define WRAP_NAMES(name, parameters, arguments, from_dir, from, to_dir, to, kind)                                      \
	int name parameters                                                                                            \
	{                                                                                                              \
		NEXT(int, name, parameters);                                                                           \
		char whole_from[PATH_CAP], whole_to[PATH_CAP];                                                         \
		const char *old = place(from_dir, from, whole_from), *new = place(to_dir, to, whole_to);               \
		if (new == NULL)                                                                                       \
			return next arguments;                                                                         \
		lock();                                                                                                \
		int result = next arguments;                                                                           \
		if (result == 0)                                                                                       \
			note(kind, old != NULL ? old : "", 0, 0, new, strlen(new));                                    \
		LEAVE(result);                                                                                         \
	}

static void note_made(const char *path, const char *at)
{
	struct stat st;
	if (lstat(path, &st) == 0 && S_ISREG(st.st_mode))
		note(CREATE, at, (int64_t)st.st_ino, 0, NULL, 0);
}

WRAP_NAME(
    mknod, (const char *path, mode_t mode, dev_t device), (path, mode, device), AT_FDCWD, path, note_made(path, at))
WRAP_NAME(mkdir, (const char *path, mode_t mode), (path, mode), AT_FDCWD, path, note(MAKE_FOLDER, at, 0, 0, NULL, 0))
WRAP_NAME(mkdirat, (int dir, const char *path, mode_t mode), (dir, path, mode), dir, path,
    note(MAKE_FOLDER, at, 0, 0, NULL, 0))
WRAP_NAME(rmdir, (const char *path), (path), AT_FDCWD, path, note(REMOVE, at, 0, 0, NULL, 0))
WRAP_NAME(unlink, (const char *path), (path), AT_FDCWD, path, note(REMOVE, at, 0, 0, NULL, 0))
WRAP_NAME(
    unlinkat, (int dir, const char *path, int flags), (dir, path, flags), dir, path, note(REMOVE, at, 0, 0, NULL, 0))
WRAP_NAME(symlinkat, (const char *target, int dir, const char *path), (target, dir, path), dir, path,
    note(SYMLINK, at, 0, 0, target, strlen(target)))
WRAP_NAMES(rename, (const char *from, const char *to), (from, to), AT_FDCWD, from, AT_FDCWD, to, RENAME)
WRAP_NAMES(renameat, (int from_dir, const char *from, int to_dir, const char *to), (from_dir, from, to_dir, to),
    from_dir, from, to_dir, to, RENAME)
WRAP_NAMES(linkat, (int from_dir, const char *from, int to_dir, const char *to, int flags),
    (from_dir, from, to_dir, to, flags), from_dir, from, to_dir, to, LINK)
