/* command_estimate: says what is here and what is lacking, by release. See pkgmirror-warm(8). */
#include "warmer/round.h"

#include <stdio.h>

int command_estimate(struct warmer *w, int argc, char **argv)
{
	if (warmer_option(w, argc, argv, NULL) != -1)
		return WARMER_USAGE;
	if (optind < argc) {
		fprintf(stderr, "pkgmirror-warm: unexpected argument %s\n", argv[optind]);
		return WARMER_USAGE;
	}
	return round_estimate(w);
}
