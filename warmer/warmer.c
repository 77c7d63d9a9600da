/* warmer: see warmer.h. */
#include "warmer/warmer.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { OPTIONS_MAX = 32, OPTION_CONFIG = 1, OPTION_QUIET, OPTION_JSON, OPTION_DRY_RUN, OPTION_NO_SANDBOX };

bool warmer_stopping(struct warmer *w)
{
	struct signalfd_siginfo info;
	while (w->signal_fd >= 0 && read(w->signal_fd, &info, sizeof info) == sizeof info) {
		if (info.ssi_signo == SIGWINCH)
			w->resized = true;
		else
			w->stopping = true;
	}
	return w->stopping;
}

int warmer_option(struct warmer *w, int argc, char **argv, const struct option *own)
{
	/* --config was read by main already: without it there is no warmer. */
	static const struct option COMMON[] = {{"config", required_argument, NULL, OPTION_CONFIG},
	    {"quiet", no_argument, NULL, OPTION_QUIET}, {"json", no_argument, NULL, OPTION_JSON},
	    {"dry-run", no_argument, NULL, OPTION_DRY_RUN}, {"no-sandbox", no_argument, NULL, OPTION_NO_SANDBOX}, {0}};
	struct option all[OPTIONS_MAX] = {0};
	size_t n = 0;
	int c;
	for (; own != NULL && own[n].name != NULL && n < OPTIONS_MAX - sizeof COMMON / sizeof COMMON[0]; n++)
		all[n] = own[n];
	memcpy(all + n, COMMON, sizeof COMMON);
	for (;;) {
		c = getopt_long(argc, argv, "", all, NULL);
		if (c == OPTION_QUIET)
			w->quiet = true;
		else if (c == OPTION_JSON)
			w->json = true;
		else if (c == OPTION_DRY_RUN)
			w->dry_run = true;
		else if (c == OPTION_NO_SANDBOX)
			continue; /* main has seen to it */
		else if (c != OPTION_CONFIG)
			break;
	}
	if (w->quiet)
		w->json = false; /* complaints alone are for people */
	return c;
}

bool warmer_open_catalog(struct warmer *w, enum catalog_mode mode, struct fault *f)
{
	if (w->catalog == NULL)
		w->catalog = catalog_open(w->config->state_dir, mode, store_on_network(w->store), f);
	return w->catalog != NULL;
}

void warmer_close_catalog(struct warmer *w)
{
	catalog_close(w->catalog);
	w->catalog = NULL;
}

void warmer_complain(const char *what, const struct fault *f)
{
	fputs("pkgmirror-warm: ", stderr);
	/* It may be the name of a stranger's file, and this a terminal. */
	for (const char *p = what != NULL ? what : ""; *p != '\0'; p++)
		fputc((unsigned char)*p < ' ' || *p == 0x7f ? '?' : *p, stderr);
	fprintf(stderr, "%s%s\n", what != NULL ? ": " : "", f->text);
}
