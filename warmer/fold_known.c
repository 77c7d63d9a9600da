/* fold_known: which logs are folded without being named. See fold.h. */
#include "warmer/fold.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

bool fold_access(struct warmer *w, const char *path, struct fold_result *r, struct fault *f)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return fault_errno(f, errno == ENOENT ? FAULT_ABSENT : FAULT_SYSTEM, errno, "%s", path);
	bool ok = fold_file(w, fd, path, FOLD_ACCESS, r, f);
	close(fd);
	return ok;
}

/* A log and what a rotation made of it: one of them has to be there. */
static bool fold_rotated(struct warmer *w, const char *path, struct fold_result *r)
{
	char older[PATH_MAX];
	struct fault f, older_f;
	bool fits = snprintf(older, sizeof older, "%s.1", path) < (int)sizeof older;
	bool older_ok = fits && fold_access(w, older, r, &older_f);
	bool older_absent = !fits || (!older_ok && older_f.class == FAULT_ABSENT);
	if (!older_ok && !older_absent)
		warmer_complain(NULL, &older_f);
	/* Between a rotation and the first line after it there may be no other. */
	bool ok = fold_access(w, path, r, &f) || (f.class == FAULT_ABSENT && older_ok);
	if (!ok)
		warmer_complain(NULL, &f);
	return ok && (older_ok || older_absent);
}

bool fold_known(struct warmer *w, struct fold_result *r)
{
	const struct config_list *logs = &w->config->warmer.access_logs;
	struct fault f;
	bool ok = fold_journal(w, r, &f);
	if (!ok)
		warmer_complain(NULL, &f);
	for (size_t i = 0; i < logs->count && !warmer_stopping(w); i++)
		ok = fold_rotated(w, logs->items[i], r) && ok;
	return ok;
}
