/* command_warm: gets what the configuration says should be here, once or again and again. See pkgmirror-warm(8). */
#include "warmer/lock.h"
#include "warmer/round.h"
#include "warmer/watch.h"

#include <stdio.h>
#include <unistd.h>

static enum warmer_exit complain(const struct fault *f)
{
	warmer_complain(NULL, f);
	return f->class == FAULT_BUSY ? WARMER_ANOTHER : WARMER_FAILED;
}

static enum warmer_exit once(struct warmer *w)
{
	struct round r = {.update = true, .wake_fd = -1};
	struct fault f;
	int lock = lock_take(w->store, LOCK_WORK, &f);
	if (lock < 0)
		return complain(&f);
	enum warmer_exit status = warmer_open_catalog(w, CATALOG_WRITE, &f) ? round_run(w, &r) : complain(&f);
	warmer_close_catalog(w);
	close(lock);
	return status;
}

int command_warm(struct warmer *w, int argc, char **argv)
{
	static const struct option OWN[] = {{"watch", no_argument, NULL, 'w'}, {0}};
	int c;
	while ((c = warmer_option(w, argc, argv, OWN)) != -1) {
		if (c != 'w')
			return WARMER_USAGE;
		w->watch = true;
	}
	if (optind < argc) {
		fprintf(stderr, "pkgmirror-warm: unexpected argument %s\n", argv[optind]);
		return WARMER_USAGE;
	}
	if (w->dry_run)
		return round_estimate(w);
	return w->watch ? watch_run(w) : once(w);
}
