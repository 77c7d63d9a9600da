/* accept: accepts what was refused as changed: accept STATE_DIR PATH. Prints the content. For the test of what the
 * fetch service makes of an acceptance. */
#include "mirror/catalog_trust.h"

#include <stdio.h>
#include <time.h>

int main(int argc, char **argv)
{
	struct fault f = {0};
	struct catalog_changed changed;
	struct catalog *c = argc == 3 ? catalog_open(argv[1], CATALOG_WRITE, false, &f) : NULL;
	bool ok = c != NULL && catalog_changed_get(c, argv[2], &changed, &f) &&
	          catalog_accept(c, argv[2], changed.content, "a test", time(NULL), &f);
	catalog_close(c);
	if (ok)
		puts(changed.content);
	else
		fprintf(stderr, "accept: %s\n", f.text);
	return ok ? 0 : 1;
}
