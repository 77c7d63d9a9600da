/* command_fold: counts hits from the journal and from access logs. See pkgmirror-warm(8). */
#include "warmer/fold.h"
#include "warmer/json.h"

#include <stdio.h>
#include <unistd.h>

static void print(const struct warmer *w, const struct fold_result *r)
{
	if (w->json) {
		struct json j = json_begin(stdout);
		json_text(&j, "event", "summary");
		json_int(&j, "hits", r->hits);
		json_int(&j, "bots", r->bots);
		json_int(&j, "errors", r->errors);
		json_int(&j, "others", r->others);
		json_int(&j, "unreadable", r->unreadable);
		json_end(&j);
	} else if (!w->quiet && !w->watch) {
		printf("%lld hits, %lld of robots, %lld errors, %lld others, %lld unreadable lines\n",
		    (long long)r->hits, (long long)r->bots, (long long)r->errors, (long long)r->others,
		    (long long)r->unreadable);
	}
}

int command_fold(struct warmer *w, int argc, char **argv)
{
	struct fold_result r = {0};
	struct fault f;
	bool ok;
	if (warmer_option(w, argc, argv, NULL) != -1)
		return WARMER_USAGE;
	ok = fold_known(w, &r);
	for (int i = optind; i < argc && !warmer_stopping(w); i++)
		if (!fold_access(w, argv[i], &r, &f)) {
			warmer_complain(NULL, &f);
			ok = false;
		}
	print(w, &r);
	return ok ? WARMER_DONE : WARMER_FAILED;
}
