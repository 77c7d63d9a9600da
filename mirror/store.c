/* store: see store.h. This file has the folders, the published files, the parts and what moves between them; leases are
 * in store_lease.c, the rebuilt documents in store_document.c, what clears old parts away in store_sweep.c. */
#include "store.h"
#include "store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

enum { QUARANTINE_TRIES = 1000 };

static const char *const FOLDERS[] = {"store", "public", "part", "quarantine", "index", "run"};

bool store_path_ok(const char *relative)
{
	size_t len = strlen(relative);
	if (len == 0 || len >= STORE_PATH_CAP || relative[0] == '/' || relative[len - 1] == '/')
		return false;
	for (const char *segment = relative; segment != NULL;) {
		const char *slash = strchr(segment, '/');
		size_t n = slash ? (size_t)(slash - segment) : strlen(segment);
		if (n == 0 || (n == 1 && segment[0] == '.') || (n == 2 && segment[0] == '.' && segment[1] == '.'))
			return false;
		segment = slash ? slash + 1 : NULL;
	}
	return true;
}

bool store_join(char out[STORE_PATH_CAP], const char *folder, const char *path, struct fault *f)
{
	int n = snprintf(out, STORE_PATH_CAP, "%s/%s", folder, path);
	if (n < 0 || n >= STORE_PATH_CAP || !store_path_ok(out))
		return fault_set(f, FAULT_SYSTEM, "%s: not a path of the store: %s", folder, path);
	return true;
}

/* Opens the folder that holds `relative`. */
static int open_parent(const struct store *s, const char *relative)
{
	char folder[STORE_PATH_CAP];
	const char *slash = strrchr(relative, '/');
	if (slash == NULL)
		return openat(s->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(folder, sizeof folder, "%.*s", (int)(slash - relative), relative);
	return openat(s->fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

bool store_sync_parent(const struct store *s, const char *relative, struct fault *f)
{
	int fd = open_parent(s, relative);
	bool ok = fd >= 0 && fsync(fd) == 0;
	if (!ok)
		fault_errno(f, FAULT_SYSTEM, errno, "cannot sync the folder of %s", relative);
	if (fd >= 0)
		close(fd);
	return ok;
}

bool store_sync_removal(const struct store *s, const char *relative, struct fault *f)
{
	char path[STORE_PATH_CAP];
	struct stat st;
	snprintf(path, sizeof path, "%s", relative);
	/* The folder may be gone with the file: then its own name has to go for good. */
	for (char *slash = strrchr(path, '/'); slash != NULL; slash = strrchr(path, '/')) {
		*slash = '\0';
		if (fstatat(s->fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0) {
			*slash = '/';
			break;
		}
	}
	return store_sync_parent(s, path, f);
}

bool store_make_parents(const struct store *s, const char *relative, bool durable, struct fault *f)
{
	char folder[STORE_PATH_CAP];
	for (const char *slash = strchr(relative, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		snprintf(folder, sizeof folder, "%.*s", (int)(slash - relative), relative);
		if (mkdirat(s->fd, folder, 0755) == 0) {
			if (durable && !store_sync_parent(s, folder, f))
				return false;
		} else if (errno != EEXIST) {
			return fault_errno(f, FAULT_SYSTEM, errno, "cannot make the folder %s", folder);
		}
	}
	return true;
}

void store_drop_parents(const struct store *s, const char *relative)
{
	char folder[STORE_PATH_CAP];
	snprintf(folder, sizeof folder, "%s", relative);
	for (char *slash = strrchr(folder, '/'); slash != NULL; slash = strrchr(folder, '/')) {
		*slash = '\0';
		if (strchr(folder, '/') == NULL || unlinkat(s->fd, folder, AT_REMOVEDIR) != 0)
			return;
	}
}

/* A file is published by renaming it: but for run/, all of it is on the file system of store/. */
static bool is_beside_store(const struct store *s, const char *state_dir, const char *folder, struct fault *f)
{
	struct stat st, own;
	if (strcmp(folder, "run") == 0 || fstatat(s->fd, folder, &own, 0) != 0 ||
	    fstatat(s->fd, FOLDERS[0], &st, 0) != 0)
		return true;
	return own.st_dev == st.st_dev ||
	       fault_set(f, FAULT_SYSTEM,
	           "state_dir %s: %s is on another file system than %s, and files are renamed between them", state_dir,
	           folder, FOLDERS[0]);
}

/* New ones are synced, else a power cut could lose what was synced inside them. */
static bool make_folders(const struct store *s, const char *state_dir, struct fault *f)
{
	bool made = false;
	for (size_t i = 0; i < sizeof FOLDERS / sizeof FOLDERS[0]; i++) {
		if (mkdirat(s->fd, FOLDERS[i], 0755) == 0)
			made = true;
		else if (errno != EEXIST)
			return fault_errno(
			    f, FAULT_SYSTEM, errno, "state_dir %s: cannot make %s", state_dir, FOLDERS[i]);
		if (faccessat(s->fd, FOLDERS[i], W_OK | X_OK, AT_EACCESS) != 0)
			return fault_errno(
			    f, FAULT_SYSTEM, errno, "state_dir %s: cannot write in %s", state_dir, FOLDERS[i]);
		if (!is_beside_store(s, state_dir, FOLDERS[i], f))
			return false;
	}
	if (made && fsync(s->fd) != 0)
		return fault_errno(f, FAULT_SYSTEM, errno, "state_dir %s: cannot sync it", state_dir);
	return true;
}

/* What root makes in the state of another user, that user's services could not change any more. */
static bool is_right_user(const struct store *s, const char *state_dir, struct fault *f)
{
	struct stat st;
	if (geteuid() != 0 || fstatat(s->fd, "run", &st, AT_SYMLINK_NOFOLLOW) != 0 || st.st_uid == 0)
		return true;
	return fault_set(f, FAULT_SYSTEM, "state_dir %s belongs to user %u: run this as that user, not as root",
	    state_dir, (unsigned)st.st_uid);
}

struct store *store_open(const char *state_dir, bool create, struct fault *f)
{
	struct store *s = calloc(1, sizeof *s);
	if (s == NULL) {
		fault_errno(f, FAULT_SYSTEM, ENOMEM, "state_dir %s", state_dir);
		return NULL;
	}
	s->fd = -1;
	if (create && mkdir(state_dir, 0755) != 0 && errno != EEXIST) {
		fault_errno(f, FAULT_SYSTEM, errno, "state_dir %s: cannot make it", state_dir);
		goto failed;
	}
	s->fd = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->fd < 0) {
		fault_errno(f, FAULT_SYSTEM, errno, "state_dir %s", state_dir);
		goto failed;
	}
	if (create && (!is_right_user(s, state_dir, f) || !make_folders(s, state_dir, f)))
		goto failed;
	return s;
failed:
	store_close(s);
	return NULL;
}

void store_close(struct store *s)
{
	if (s == NULL)
		return;
	if (s->fd >= 0)
		close(s->fd);
	free(s);
}

int store_fd(const struct store *s)
{
	return s->fd;
}

static void fill_info(const struct stat *st, struct store_info *info)
{
	if (info == NULL)
		return;
	*info = (struct store_info){
	    .size = st->st_size, .mtime = st->st_mtim.tv_sec, .inode = st->st_ino, .device = st->st_dev};
}

int store_open_file(const struct store *s, const char *relative, struct store_info *info, struct fault *f)
{
	struct stat st;
	if (!store_path_ok(relative)) {
		fault_set(f, FAULT_ABSENT, "not a path of the store");
		return -1;
	}
	int fd = openat(s->fd, relative, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0) {
		bool absent = errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == ENAMETOOLONG;
		fault_errno(f, absent ? FAULT_ABSENT : FAULT_SYSTEM, errno, "cannot open %s", relative);
		return -1;
	}
	bool known = fstat(fd, &st) == 0;
	if (!known || !S_ISREG(st.st_mode)) {
		if (known)
			fault_set(f, FAULT_ABSENT, "%s is not a regular file", relative);
		else
			fault_errno(f, FAULT_SYSTEM, errno, "cannot stat %s", relative);
		close(fd);
		return -1;
	}
	fill_info(&st, info);
	return fd;
}

int store_open_public(const struct store *s, const char *path, struct store_info *info, struct fault *f)
{
	char relative[STORE_PATH_CAP];
	if (!store_join(relative, "public", path, f))
		return -1;
	return store_open_file(s, relative, info, f);
}

bool store_stat_public(const struct store *s, const char *path, struct store_info *info)
{
	char relative[STORE_PATH_CAP];
	struct stat st;
	if (!store_join(relative, "public", path, NULL) || fstatat(s->fd, relative, &st, 0) != 0 ||
	    !S_ISREG(st.st_mode))
		return false;
	fill_info(&st, info);
	return true;
}

int store_part_open(const struct store *s, const char *path, bool fresh, struct store_info *info, struct fault *f)
{
	char relative[STORE_PATH_CAP];
	struct stat st;
	if (!store_join(relative, "part", path, f) || !store_make_parents(s, relative, false, f))
		return -1;
	/* One that has another name as well is somebody else's file: of adopt or of a move that was killed. */
	fresh = fresh || (fstatat(s->fd, relative, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_nlink > 1);
	if (fresh && unlinkat(s->fd, relative, 0) != 0 && errno != ENOENT) {
		fault_errno(f, FAULT_SYSTEM, errno, "cannot replace %s", relative);
		return -1;
	}
	int fd = openat(s->fd, relative, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0 || fstat(fd, &st) != 0) {
		fault_errno(f, FAULT_SYSTEM, errno, "cannot write %s", relative);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	fill_info(&st, info);
	return fd;
}

void store_part_remove(const struct store *s, const char *path)
{
	char relative[STORE_PATH_CAP];
	if (!store_join(relative, "part", path, NULL))
		return;
	unlinkat(s->fd, relative, 0);
	store_drop_parents(s, relative);
}

bool store_settle(const struct store *s, const char *path, int fd, const char *relative, int64_t mtime, struct fault *f)
{
	char part[STORE_PATH_CAP];
	struct stat verified, named;
	const struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, {.tv_sec = mtime}};

	if (!store_join(part, "part", path, f) || !store_path_ok(relative))
		return fault_set(f, FAULT_SYSTEM, "not a path of the store: %s", relative);
	if (fstat(fd, &verified) != 0 || fstatat(s->fd, part, &named, AT_SYMLINK_NOFOLLOW) != 0)
		return fault_errno(f, FAULT_SYSTEM, errno, "cannot stat %s", part);
	if (verified.st_ino != named.st_ino || verified.st_dev != named.st_dev)
		return fault_set(f, FAULT_SYSTEM, "%s is not the file that was verified", part);
	if (fchmod(fd, 0644) != 0 || (mtime > 0 && futimens(fd, times) != 0) || fsync(fd) != 0)
		return fault_errno(f, FAULT_SYSTEM, errno, "cannot sync %s", part);
	if (!store_make_parents(s, relative, true, f))
		return false;
	if (renameat(s->fd, part, s->fd, relative) != 0)
		return fault_errno(f, FAULT_SYSTEM, errno, "cannot move %s to %s", part, relative);
	store_drop_parents(s, part);
	return store_sync_parent(s, relative, f);
}

void store_temporary(char out[STORE_PATH_CAP], const char *stem)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(out, STORE_PATH_CAP, "%s-%ld-%ld", stem, (long)getpid(), now.tv_nsec);
}

bool store_symlink(const struct store *s, const char *target, const char *relative, struct fault *f)
{
	char temporary[STORE_PATH_CAP];
	int made;
	store_temporary(temporary, "part/.link");
	/* Somebody may have deleted part/. */
	if (!store_make_parents(s, temporary, false, f) || !store_make_parents(s, relative, true, f))
		return false;
	while ((made = symlinkat(target, s->fd, temporary)) != 0 && errno == EEXIST)
		store_temporary(temporary, "part/.link");
	if (made != 0)
		return fault_errno(f, FAULT_SYSTEM, errno, "cannot link %s", relative);
	if (renameat(s->fd, temporary, s->fd, relative) != 0) {
		fault_errno(f, FAULT_SYSTEM, errno, "cannot link %s", relative);
		unlinkat(s->fd, temporary, 0);
		return false;
	}
	return store_sync_parent(s, relative, f);
}

bool store_link(const struct store *s, const char *path, const char *relative, struct fault *f)
{
	char public[STORE_PATH_CAP], target[STORE_PATH_CAP] = "";
	size_t len = 0;

	if (!store_join(public, "public", path, f) || !store_path_ok(relative))
		return fault_set(f, FAULT_SYSTEM, "not a path of the store: %s", relative);
	for (const char *slash = strchr(public, '/'); slash != NULL; slash = strchr(slash + 1, '/'))
		len += (size_t)snprintf(target + len, len < sizeof target ? sizeof target - len : 0, "../");
	if (len + strlen(relative) >= sizeof target)
		return fault_set(f, FAULT_SYSTEM, "path too long: %s", relative);
	snprintf(target + len, sizeof target - len, "%s", relative);
	return store_symlink(s, target, public, f);
}

void store_unlink(const struct store *s, const char *path)
{
	char public[STORE_PATH_CAP];
	if (!store_join(public, "public", path, NULL))
		return;
	if (unlinkat(s->fd, public, 0) != 0)
		return;
	store_drop_parents(s, public);
	/* Whatever follows counts on it that nobody is led there any more. */
	(void)!store_sync_removal(s, public, NULL);
}

/* link and unlink, not rename: a rename would silently replace what is there. */
static bool move_new(const struct store *s, const char *from, const char *to, struct fault *f)
{
	if (linkat(s->fd, from, s->fd, to, 0) != 0)
		return fault_errno(f, FAULT_SYSTEM, errno, "cannot move %s to %s", from, to);
	if (unlinkat(s->fd, from, 0) != 0)
		return fault_errno(f, FAULT_SYSTEM, errno, "cannot remove %s", from);
	store_drop_parents(s, from);
	return true;
}

bool store_quarantine(
    const struct store *s, const char *relative, const char *path, int64_t now, char *out, size_t cap, struct fault *f)
{
	char place[STORE_PATH_CAP], name[STORE_PATH_CAP];
	struct stat st;
	int n = 0;

	if (!store_path_ok(relative))
		return fault_set(f, FAULT_SYSTEM, "not a path of the store: %s", relative);
	do {
		int len = snprintf(name, sizeof name, "%s.%lld.%d", path, (long long)now, n);
		if (len < 0 || (size_t)len >= sizeof name || !store_join(place, "quarantine", name, f))
			return fault_set(f, FAULT_SYSTEM, "path too long: %s", path);
	} while (fstatat(s->fd, place, &st, AT_SYMLINK_NOFOLLOW) == 0 && ++n < QUARANTINE_TRIES);
	if (out != NULL)
		snprintf(out, cap, "%s", place);
	return store_make_parents(s, place, true, f) && move_new(s, relative, place, f) &&
	       store_sync_parent(s, place, f) && store_sync_removal(s, relative, f);
}

static bool stat_regular(const struct store *s, const char *relative, int flags, struct stat *st)
{
	return fstatat(s->fd, relative, st, flags) == 0 && S_ISREG(st->st_mode);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev;
}

/* Gives the file `from` the name `to` as well, unless what clients see has that name already: then `from` is what an
 * interrupted move left. Another file of that name, which nobody sees, gives way. */
static bool name_twice(
    const struct store *s, const char *path, const struct stat *old, const char *from, const char *to, struct fault *f)
{
	char public[STORE_PATH_CAP];
	struct stat new, seen;
	bool taken = stat_regular(s, to, AT_SYMLINK_NOFOLLOW, &new);
	if (taken && same_file(old, &new))
		return true;
	if (taken && store_join(public, "public", path, NULL) && stat_regular(s, public, 0, &seen) &&
	    same_file(&seen, &new))
		return true;
	if (taken)
		unlinkat(s->fd, to, 0);
	return store_make_parents(s, to, true, f) &&
	       (linkat(s->fd, from, s->fd, to, 0) == 0 ||
	           fault_errno(f, FAULT_SYSTEM, errno, "cannot move %s to %s", from, to));
}

bool store_move(const struct store *s, const char *path, const char *from, const char *to, struct fault *f)
{
	struct stat old, new;
	if (!store_path_ok(from) || !store_path_ok(to))
		return fault_set(f, FAULT_SYSTEM, "not a path of the store: %s", to);
	bool here = stat_regular(s, from, AT_SYMLINK_NOFOLLOW, &old);
	if (!here && !stat_regular(s, to, AT_SYMLINK_NOFOLLOW, &new))
		return fault_set(f, FAULT_ABSENT, "%s is not in the store", from);
	if ((here && !name_twice(s, path, &old, from, to, f)) || !store_sync_parent(s, to, f) ||
	    !store_link(s, path, to, f))
		return false;
	if (!here || unlinkat(s->fd, from, 0) != 0)
		return true;
	store_drop_parents(s, from);
	return store_sync_removal(s, from, f);
}

int64_t store_free_bytes(const struct store *s)
{
	struct statfs fs;
	if (fstatfs(s->fd, &fs) != 0)
		return -1;
	return (int64_t)fs.f_bavail * (int64_t)fs.f_bsize;
}

bool store_on_network(const struct store *s)
{
	/* statfs(2): NFS, SMB, CIFS, SMB2, FUSE, 9P, Ceph */
	static const unsigned long NETWORK[] = {
	    0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x65735546, 0x01021997, 0x00c36400};
	struct statfs fs;
	if (fstatfs(s->fd, &fs) != 0)
		return false;
	for (size_t i = 0; i < sizeof NETWORK / sizeof NETWORK[0]; i++)
		if (((unsigned long)fs.f_type & 0xffffffffUL) == NETWORK[i])
			return true;
	return false;
}

void store_journal(const struct store *s, const char *lines, size_t len)
{
	struct stat st;
	int fd = openat(s->fd, "run/hits.log", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && st.st_size < STORE_JOURNAL_MAX) {
		ssize_t ignored = write(fd, lines, len);
		(void)ignored;
	}
	close(fd);
}
