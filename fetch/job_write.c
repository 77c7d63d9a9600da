/* job_write: the bytes of a job on their way into the part: digested, and written in large pieces. See job_internal.h.
 *
 * libcurl hands them over 16 KiB at a time. The page cache keeps a file in pieces as large as the writes that made it,
 * and whoever sends the file pays for each piece: a third more processor time for each byte, measured with sendfile(2)
 * on ext4. So, once the first bytes are on their way to the clients, they are held back until they fill an aligned
 * piece, at most for some milliseconds. */
#include "fetch/job_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE_BYTES = 256 * 1024, HOLD_MS = 20, WRITE_OUT_BYTES = 8 * 1024 * 1024 };

static bool put(struct job *j, const char *p, size_t left)
{
	while (left > 0) {
		ssize_t n = pwrite(j->fd, p, left, j->at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fault_errno(&j->own, FAULT_SYSTEM, errno, "cannot write part/%s", j->route.path);
		digest_add(j->digest, p, (size_t)n);
		j->at += n;
		p += n;
		left -= (size_t)n;
	}
	if (j->told_at < JOB_EAGER_BYTES && j->at - j->told_at >= JOB_EAGER_STEP)
		job_tell(j);
	/* Writing out on the way keeps the last fsync short, which holds up everybody. */
	if (j->at - j->synced_at >= WRITE_OUT_BYTES) {
		sync_file_range(j->fd, j->synced_at, j->at - j->synced_at, SYNC_FILE_RANGE_WRITE);
		j->synced_at = j->at;
	}
	return true;
}

bool job_write_out(struct job *j)
{
	const size_t len = j->held_len;
	j->held_len = 0;
	return len == 0 || put(j, j->held, len);
}

bool job_write(struct job *j, const char *bytes, size_t len)
{
	if (j->held == NULL && j->at >= JOB_EAGER_BYTES)
		j->held = malloc(PIECE_BYTES);
	if (j->held == NULL)
		return put(j, bytes, len);
	while (len > 0) {
		const size_t room = PIECE_BYTES - (size_t)((j->at + (int64_t)j->held_len) % PIECE_BYTES);
		const size_t n = len < room ? len : room;
		if (j->held_len == 0)
			j->held_ms = fetch_now_ms();
		memcpy(j->held + j->held_len, bytes, n);
		j->held_len += n;
		if (n == room && !job_write_out(j))
			return false;
		bytes += n;
		len -= n;
	}
	return true;
}

int job_write_turn(struct job *j, int64_t now)
{
	const int64_t due = j->held_ms + HOLD_MS;
	if (j->held_len == 0)
		return INT_MAX;
	if (now < due)
		return (int)(due - now);
	/* A failure ends the transfer with its next bytes, or at its end. */
	(void)!job_write_out(j);
	return INT_MAX;
}

void job_write_end(struct job *j)
{
	free(j->held);
	j->held = NULL;
	j->held_len = 0;
}
