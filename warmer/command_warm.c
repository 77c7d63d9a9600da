/* command_warm: gets what the configuration says should be here. See pkgmirror-warm(8). */
#include "warmer/warmer.h"

#include <stdio.h>

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
	return WARMER_DONE;
}
