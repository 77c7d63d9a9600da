/* tree: what a package archive would unpack to: its files and links with their hashes, and where Zig might see
 * something else. Called by zighash, which makes one hash of it. */
#ifndef PKGMIRROR_TREE_H
#define PKGMIRROR_TREE_H

#include "archive.h"
#include "sha256.h"

enum { TREE_REASON_CAP = 160 };

/* What an archive holds at one path. Folders are not kept. */
struct tree_item {
	char *path; /* as Zig would unpack it, the top folder included; as it stands where that cannot be */
	enum archive_kind kind;
	size_t place;                   /* in the archive */
	unsigned char hash[SHA256_LEN]; /* of a file: its path inside the package, two zeros, its content; of a link:
	                                   its path, its target */
	int64_t size;
};

struct tree {
	struct tree_item *items;
	size_t count, cap;
	char root[ARCHIVE_NAME_CAP];  /* the only top folder; "" = there is none */
	char guess[ARCHIVE_NAME_CAP]; /* the top folder that the hashes were computed without */
	bool any;                     /* a member with a name came */
	bool sure;                    /* nothing came that Zig would stumble over */
	bool clean;                   /* all names were without ".", ".." and empty segments */
	char reason[TREE_REASON_CAP]; /* why it is not sure */
	struct sha256 *running;       /* of the present file */
	bool is_manifest;
	char *manifest; /* of build.zig.zon; NULL: there is none */
	size_t manifest_len;
};

/* Judges the archive behind fd like archive_check and reads it (the position moves). The caller frees what *t holds
 * with tree_clear after a success. FAULT_INTEGRITY when it is no whole archive, FAULT_SYSTEM when memory is short.
 * Blocks for as long as unpacking takes, three times over. */
bool tree_read(int fd, struct tree *t, struct fault *f) __attribute__((warn_unused_result));

/* Frees what a tree holds. */
void tree_clear(struct tree *t);

/* Remembers the first reason why it is not sure what Zig would see. */
void tree_doubt(struct tree *t, const char *why, const char *path);

/* The path below the top folder `root` ("": none): a part of `path`. */
const char *tree_inside(const char *path, const char *root);

#endif
