/* command_accept: an operator judges what was refused since its content is another than what its path was known by. See
 * pkgmirror-warm(8). */
#include "mirror/catalog_trust.h"
#include "warmer/json.h"
#include "warmer/warmer.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { BY_CAP = 64, PRIORITY_ACCEPTED = 10 };

/* Who accepts: for the ledger. */
static void who(char out[BY_CAP])
{
	const struct passwd *user = getpwuid(getuid());
	const char *sudo = getenv("SUDO_USER");
	if (sudo != NULL && *sudo != '\0')
		snprintf(out, BY_CAP, "%s", sudo);
	else if (user != NULL)
		snprintf(out, BY_CAP, "%s", user->pw_name);
	else
		snprintf(out, BY_CAP, "user %ld", (long)getuid());
}

static void print(const struct warmer *w, const char *path, const struct catalog_changed *c)
{
	if (w->json) {
		struct json j = json_begin(stdout);
		json_text(&j, "event", "file");
		json_text(&j, "path", path);
		json_text(&j, "content", c->content);
		json_text(&j, "known", c->known);
		json_text(&j, "sha256", c->sha256);
		json_text(&j, "url", c->url);
		json_bool(&j, "accepted", !w->dry_run);
		json_end(&j);
	} else if (!w->quiet) {
		printf("%s\n  was known by  %s\n  %s  %s\n  came from     %s\n", path, c->known,
		    w->dry_run ? "waits:      " : "is now      ", c->content, c->url);
	}
}

static enum warmer_exit accept_path(struct warmer *w, const char *path)
{
	struct fault f;
	struct catalog_changed changed;
	char by[BY_CAP];
	int64_t now = time(NULL);
	if (w->catalog == NULL) {
		fault_set(&f, FAULT_ABSENT, "there is no catalogue yet");
		warmer_complain(path, &f);
		return WARMER_FAILED;
	}
	who(by);
	if (!catalog_changed_get(w->catalog, path, &changed, &f) ||
	    (!w->dry_run && (!catalog_accept(w->catalog, path, changed.content, by, now, &f) ||
	                        !catalog_want(w->catalog, path, "accepted", PRIORITY_ACCEPTED, now, &f)))) {
		warmer_complain(NULL, &f);
		return WARMER_FAILED;
	}
	print(w, path, &changed);
	return WARMER_DONE;
}

int command_accept(struct warmer *w, int argc, char **argv)
{
	enum warmer_exit status = WARMER_DONE;
	if (warmer_option(w, argc, argv, NULL) != -1)
		return WARMER_USAGE;
	if (optind == argc) {
		fputs("pkgmirror-warm: accept which path? pkgmirror-inspect lists what waits\n", stderr);
		return WARMER_USAGE;
	}
	for (int i = optind; i < argc; i++)
		if (accept_path(w, argv[i][0] == '/' ? argv[i] + 1 : argv[i]) != WARMER_DONE)
			status = WARMER_FAILED;
	return status;
}
