/* room: see room.h. */
#include "warmer/room.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

enum { KEPT_PART = 20, BLOCK_UNIT = 512 };
static const int64_t KEPT_MAX = INT64_C(1) << 30;

int64_t room_free(const struct store *store)
{
	struct statvfs fs;
	if (fstatvfs(store_fd(store), &fs) != 0)
		return INT64_MAX;
	int64_t unit = (int64_t)fs.f_frsize, kept = (int64_t)fs.f_blocks / KEPT_PART * unit;
	int64_t left = (int64_t)fs.f_bavail * unit - (kept < KEPT_MAX ? kept : KEPT_MAX);
	return left > 0 ? left : 0;
}

int64_t room_needed(const struct store *store, const struct plan_item *item)
{
	char part[WIRE_PATH_CAP + 8];
	struct stat st;
	int64_t need = plan_room(item);
	snprintf(part, sizeof part, "part/%s", item->path);
	if (fstatat(store_fd(store), part, &st, AT_SYMLINK_NOFOLLOW) == 0)
		need -= (int64_t)st.st_blocks * BLOCK_UNIT;
	return need > 0 ? need : 0;
}
