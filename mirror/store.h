/* store: the files below state_dir. All access is by openat() below one directory descriptor.
 *
 * A file becomes visible only by fsync and rename of the very inode that was verified. store/ holds the files, public/
 * the links that clients see, part/ what grows, quarantine/ what was refused, index/ the documents that are rebuilt.
 * Called by the responder (open, document_open), the fetch service and the warmer. Paths are relative and were checked
 * by route; a ".." or an absolute path is refused all the same. */
#ifndef PKGMIRROR_STORE_H
#define PKGMIRROR_STORE_H

#include "fault.h"

#include <stdint.h>
#include <sys/types.h>

struct store;

struct store_info {
	int64_t size;
	int64_t mtime; /* UTC seconds */
	ino_t inode;
	dev_t device;
};

/* Opens state_dir. With `create`, makes it (0755) and its folders, and checks that they can be written and are on one
 * file system (but for run/), and, when this process is root's, that its run/ is no other user's. The caller closes it
 * with store_close. NULL with FAULT_SYSTEM or FAULT_FULL and a line that names the folder. */
struct store *store_open(const char *state_dir, bool create, struct fault *f) __attribute__((warn_unused_result));

/* Closes it. NULL is fine. */
void store_close(struct store *s);

/* The descriptor of state_dir, for openat. Borrowed. */
int store_fd(const struct store *s);

/* Opens the published file public/PATH for reading. Returns an fd that the caller closes, and its info; -1 with
 * FAULT_ABSENT when there is none (a dangling link counts as none), with FAULT_SYSTEM when it cannot be opened. */
int store_open_public(const struct store *s, const char *path, struct store_info *info, struct fault *f)
    __attribute__((warn_unused_result));

/* stat of public/PATH, following the link. False when there is no regular file. No fault: a miss is no error. */
bool store_stat_public(const struct store *s, const char *path, struct store_info *info)
    __attribute__((warn_unused_result));

/* Opens any regular file below state_dir for reading. As store_open_public. */
int store_open_file(const struct store *s, const char *relative, struct store_info *info, struct fault *f)
    __attribute__((warn_unused_result));

/* Opens part/PATH for reading and writing, making folders on the way. fresh: a new inode, an older part is unlinked
 * first, so that whoever follows the old one never sees a mixture. Otherwise the part is opened, or made. Returns an fd
 * that the caller closes; -1 with FAULT_SYSTEM or FAULT_FULL. */
int store_part_open(const struct store *s, const char *path, bool fresh, struct store_info *info, struct fault *f)
    __attribute__((warn_unused_result));

/* Removes part/PATH. Absence is fine. */
void store_part_remove(const struct store *s, const char *path);

/* Makes the part (its descriptor is fd, opened by store_part_open) the store file `relative` ("store/zig/…"): sets its
 * mtime (UTC seconds, 0 = leave it) and mode 0644, fsyncs it, renames it, fsyncs the folders. Not visible to clients
 * yet. Blocks for the disk. FAULT_SYSTEM or FAULT_FULL: nothing has changed then, or the next job finds the whole file.
 */
bool store_settle(const struct store *s, const char *path, int fd, const char *relative, int64_t mtime, struct fault *f)
    __attribute__((warn_unused_result));

/* Makes public/PATH a relative link to the store file `relative`, replacing an older link by rename, and fsyncs the
 * folder. FAULT_SYSTEM or FAULT_FULL. */
bool store_link(const struct store *s, const char *path, const char *relative, struct fault *f)
    __attribute__((warn_unused_result));

/* Removes the link public/PATH, for good as soon as it returns. Absence is fine. */
void store_unlink(const struct store *s, const char *path);

/* Moves a file below state_dir (a part, or a store file) to quarantine/PATH.<UTC seconds>.<n>, out of every client's
 * reach, for good as soon as it returns. The new place is written to out. FAULT_SYSTEM otherwise. */
bool store_quarantine(const struct store *s, const char *relative, const char *path, int64_t now, char *out, size_t cap,
    struct fault *f) __attribute__((warn_unused_result));

/* Moves one store file to another place of the store (a build that became nominated) and repoints its link; the old
 * name goes last, so that a reader never misses the file. One that a crash interrupted is finished by another call. The
 * caller has the lease of `path`. FAULT_ABSENT when the file is at neither place; FAULT_SYSTEM or FAULT_FULL. */
bool store_move(const struct store *s, const char *path, const char *from, const char *to, struct fault *f)
    __attribute__((warn_unused_result));

/* How a file comes into the store from elsewhere on this machine. */
enum store_way {
	STORE_AUTO,    /* the first of these that goes */
	STORE_REFLINK, /* shares the blocks, as long as nobody writes */
	STORE_LINK,    /* another name of the same file; of a file that is ours and that nobody else may write */
	STORE_COPY
};

/* Makes part/PATH, a new one, of the file behind source_fd. FAULT_SYSTEM, FAULT_FULL: there is no part then. */
bool store_part_bring(const struct store *s, const char *path, int source_fd, enum store_way way, struct fault *f)
    __attribute__((warn_unused_result));

/* Copies the whole file behind source_fd to the empty one behind fd: by reflink where that goes and reflink is true.
 * FAULT_SYSTEM, FAULT_FULL. */
bool store_copy(int source_fd, int fd, bool reflink, struct fault *f) __attribute__((warn_unused_result));

/* Where the link public/PATH points, as a path below state_dir ("store/zig/…"). False with errno when there
 * is no such link (ENOENT, ENOTDIR, EINVAL), it points out of state_dir (ENOENT), or it cannot be read. */
bool store_target(const struct store *s, const char *path, char *out, size_t cap) __attribute__((warn_unused_result));

/* Removes the store file `relative`, then the link public/PATH, and the folders that are empty then, and fsyncs what
 * held them. A crash in between leaves a link that leads nowhere, which is a miss and tells the next one what is left
 * to do. Who reads the file goes on reading it. Absence is fine. FAULT_SYSTEM. */
bool store_remove(const struct store *s, const char *path, const char *relative, struct fault *f)
    __attribute__((warn_unused_result));

/* Removes a store file without a link, likewise. */
bool store_remove_file(const struct store *s, const char *relative, struct fault *f)
    __attribute__((warn_unused_result));

/* A lease: the right to write the part and to publish one path, held by an open-file-description lock on one byte of
 * run/leases at the offset hash(PATH), freed by the kernel when its holder dies. */
struct store_lease {
	int fd; /* -1: not held */
	int64_t offset;
};

/* Takes the lease of PATH without waiting. False with FAULT_BUSY when another process has it, FAULT_SYSTEM otherwise.
 */
bool store_lease_take(const struct store *s, const char *path, struct store_lease *lease, struct fault *f)
    __attribute__((warn_unused_result));

/* Gives it back. A lease that is not held is fine. */
void store_lease_drop(struct store_lease *lease);

/* A document (index.json, community-mirrors.txt) as built: index/NAME is a link to index/DIGEST-NAME. */
struct store_document {
	int64_t checked_at; /* UTC seconds: when it was last known to be fresh (the link's mtime) */
	char digest[40];    /* names the content: a strong validator */
	struct store_info info;
};

/* Opens document NAME. Returns an fd that the caller closes; -1 with FAULT_ABSENT when it was never built. */
int store_document_open(const struct store *s, const char *name, struct store_document *out, struct fault *f)
    __attribute__((warn_unused_result));

/* Seconds since document NAME was last known to be fresh, 0 for a clock that went back; -1 when it was never built. */
int64_t store_document_age(const struct store *s, const char *name, int64_t now);

/* Writes document NAME with the len bytes (written, fsynced, renamed), named by `digest` ([0-9a-f]{1,39}), checked at
 * `now`, and removes the file that it replaces. When the digest is that of the present one only the time is noted.
 * FAULT_SYSTEM or FAULT_FULL: the older one stays. */
bool store_document_write(const struct store *s, const char *name, const char *digest, const void *data, size_t len,
    int64_t now, struct fault *f) __attribute__((warn_unused_result));

/* Notes that document NAME was found unchanged upstream at `now`. Absence is fine. */
void store_document_touch(const struct store *s, const char *name, int64_t now);

/* Removes parts that nobody has written for `age_sec` and whose lease is free, and as old files of index/ that are no
 * document's. Returns how many. */
int store_sweep(const struct store *s, int64_t now, int64_t age_sec);

/* Free bytes for us on the file system of state_dir; -1 when unknown. */
int64_t store_free_bytes(const struct store *s);

/* True when state_dir is on a network file system (NFS, SMB, FUSE): SQLite's WAL does not work there. */
bool store_on_network(const struct store *s);

/* Where nobody folds it, the journal ends here: a statistic must not fill the disk. */
enum { STORE_JOURNAL_MAX = 64 * 1024 * 1024 };

/* Appends whole lines to the journal run/hits.log with one O_APPEND write, unless that has STORE_JOURNAL_MAX bytes.
 * Never fails the caller: errors are dropped. */
void store_journal(const struct store *s, const char *lines, size_t len);

#endif
