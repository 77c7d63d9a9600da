/* main: the responder pkgmirror.fcgi: command line, mode, start and stop. Everything else is in its rooms.
 *
 * A CGI takes no options: a web server may pass the words of a query as arguments (RFC 3875 section 4.4), and those are
 * a stranger's. */
#include "cgi/gateway.h"
#include "cgi/journal.h"
#include "cgi/listener.h"
#include "cgi/respond.h"
#include "cgi/serve.h"
#include "cgi/workers.h"
#include "mirror/attest.h"
#include "mirror/catalog.h"
#include "mirror/log.h"
#include "mirror/sandbox_policy.h"
#include "mirror/starter.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

enum {
	THREADS = 32,
	FINISH_LIMIT_SEC = 30,
	EXIT_CONFIG = 2,
	FDS_PER_THREAD = 8,
	FDS_OWN = 64,
	HEAPS = 2,
	TRIM_BEATS = 10
};

struct options {
	const char *config;
	const char *socket;
	int threads;
	bool check;
};

static const char USAGE[] = "usage: pkgmirror.fcgi [--config FILE] [--threads N] [--socket PATH] [--no-sandbox]\n"
                            "       pkgmirror.fcgi [--config FILE] --check-config\n"
                            "       pkgmirror.fcgi --version | --help\n";

static int complain(const struct fault *f)
{
	fprintf(stderr, "pkgmirror.fcgi: %s\n", f->text);
	return f->class == FAULT_CONFIG || f->class == FAULT_NONE ? EXIT_CONFIG : EXIT_FAILURE;
}

static bool parse_threads(const char *text, int *out)
{
	char *end;
	errno = 0;
	long n = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || n < 1 || n > WORKERS_MAX) {
		fprintf(stderr, "pkgmirror.fcgi: --threads wants a number from 1 to %d\n", WORKERS_MAX);
		return false;
	}
	*out = (int)n;
	return true;
}

/* Reads the command line. True to go on; else *status is the exit status. */
static bool parse_options(int argc, char **argv, struct options *o, int *status)
{
	static const struct option LONG[] = {{"config", required_argument, NULL, 'c'},
	    {"threads", required_argument, NULL, 't'}, {"socket", required_argument, NULL, 's'},
	    {"check-config", no_argument, NULL, 'k'}, {"no-sandbox", no_argument, NULL, 'n'},
	    {"version", no_argument, NULL, 'v'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	bool good = true;
	int option;
	*o = (struct options){.threads = THREADS};
	*status = EXIT_SUCCESS;
	while (good && (option = getopt_long(argc, argv, "", LONG, NULL)) != -1) {
		switch (option) {
		case 'c':
			o->config = optarg;
			break;
		case 's':
			o->socket = optarg;
			break;
		case 'k':
			o->check = true;
			break;
		case 'n':
			sandbox_switch_off();
			break;
		case 't':
			good = parse_threads(optarg, &o->threads);
			break;
		case 'v':
			printf("pkgmirror.fcgi %s\n", PACKAGE_VERSION);
			return false;
		case 'h':
			fputs(USAGE, stdout);
			return false;
		default:
			good = false;
		}
	}
	if (good && optind == argc)
		return true;
	fputs(USAGE, stderr);
	*status = EXIT_CONFIG;
	return false;
}

/* Whether the mirror can sign: who checks the configuration may be another user than who will read the key. */
static void print_signing_key(const struct config *c)
{
	struct attest_key key;
	struct fault f = {0};
	if (*c->signing_key == '\0')
		printf("# signing key: none\n");
	else if (attest_key_load(c->signing_key, &key, &f))
		printf("# signing key: %s\n", key.id);
	else
		printf("# signing key: cannot be used (%s)\n", f.text);
	attest_key_forget(&key);
}

static int cannot_print(void)
{
	struct fault f;
	fault_errno(&f, FAULT_SYSTEM, errno, "cannot print the configuration");
	return complain(&f);
}

static int check_config(const struct config *c)
{
	struct fault f = {0};
	if (!config_print(c, stdout))
		return cannot_print();
	struct store *store = store_open(c->state_dir, false, &f);
	if (store == NULL)
		printf("# journal mode: not known yet (%s)\n", f.text);
	else if (store_on_network(store))
		printf("# journal mode: TRUNCATE (state_dir is on a network file system)\n");
	else
		printf("# journal mode: WAL\n");
	store_close(store);
	print_signing_key(c);
	return fflush(stdout) == 0 ? EXIT_SUCCESS : cannot_print();
}

/* A CGI takes the state as it finds it when it can: the folders were made once, and a hit need not look at each. */
static struct store *open_store(const struct config *c, enum gateway_mode mode, struct fault *f)
{
	struct store *store = mode == GATEWAY_CGI ? store_open(c->state_dir, false, f) : NULL;
	return store ? store : store_open(c->state_dir, true, f);
}

/* What keeps a CGI from its work is an answer too. */
static int refuse_cgi(const struct fault *f)
{
	struct exchange *x = exchange_new(GATEWAY_CGI, 0);
	if (x != NULL) {
		const char *method = exchange_param(x, "REQUEST_METHOD");
		respond_fault(x, f, 0, NULL, method != NULL && strcmp(method, "HEAD") == 0);
		exchange_end(x);
	}
	exchange_free(x);
	return EXIT_FAILURE;
}

/* A program that runs confined by nothing starts its services itself. */
static bool make_starter(struct site *site, struct fault *f)
{
	if (sandbox_is_off())
		return true;
	site->starter_fd = starter_make(site->config, f);
	return site->starter_fd >= 0;
}

/* What a request is, is read before: by rooms that look at nothing else. Then a hit needs no starter, which costs. */
static void seal_cgi(struct site *site, bool may_start)
{
	struct fault f = {0};
	if (may_start) {
		/* The first miss of all finds no folder for its journal; what is allowed has to be there. */
		(void)!mkdirat(store_fd(site->store), "run", 0755);
		if (!make_starter(site, &f))
			log_fault(&f, "starter", NULL);
	}
	catalog_prepare(site->config->state_dir, store_on_network(site->store));
	sandbox_responder(site->config, NULL, LOG_DEBUG_LEVEL);
}

/* One request, one process. */
static int run_cgi(struct site *site)
{
	struct exchange *x = exchange_new(GATEWAY_CGI, 0);
	struct fault f;
	if (x == NULL) {
		fault_errno(&f, FAULT_SYSTEM, ENOMEM, "cannot answer");
		return complain(&f);
	}
	/* lighttpd sends it once it has the last byte, before the journal is written. A client that leaves is noticed
	 * by its pipe. */
	signal(SIGTERM, SIG_IGN);
	atomic_store(&site->waiting_max, INT_MAX);
	site->seal = seal_cgi;
	serve_exchange(site, x);
	bool aborted = exchange_is_aborted(x);
	exchange_free(x);
	return aborted ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* The signals that ask us to stop are waited for in one place; no thread is interrupted by them. */
static void block_stop_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, set, NULL);
}

/* A thread needs a handful of descriptors: its connection, the file, the fetch service, the journal. */
static void raise_descriptor_limit(int threads)
{
	const rlim_t wanted = (rlim_t)threads * FDS_PER_THREAD + FDS_OWN;
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		log_event(LOG_WARN_LEVEL, "descriptors", "wanted", log_int((int64_t)wanted).text, NULL);
}

/* Without its starter a responder serves what is here and nothing more: the web server, or systemd, starts another. */
static bool has_starter(const struct site *site)
{
	bool has = site->starter_fd < 0 || starter_lives(site->starter_fd);
	if (!has)
		log_event(LOG_ERROR_LEVEL, "starter", "error", "it has ended: this responder leaves", NULL);
	return has;
}

/* glibc gives almost every thread a heap of its own, and each keeps the most that its pages ever took: memory would
 * grow for as long as it takes until every heap has seen the greatest page. */
static void share_heaps(void)
{
#ifdef M_ARENA_MAX
	mallopt(M_ARENA_MAX, HEAPS);
#endif
}

/* Until we are asked to stop. False when it has to be before. */
static bool watch_over(const struct site *site, const sigset_t *stop)
{
	for (int beat = 1; sigtimedwait(stop, NULL, &(struct timespec){.tv_sec = JOURNAL_DELAY_SEC}) < 0; beat++) {
		if (!has_starter(site))
			return false;
		journal_flush(site->journal);
#ifdef __GLIBC__
		/* A moment of many pages is over, and its memory goes back. */
		if (beat % TRIM_BEATS == 0)
			malloc_trim(0);
#endif
	}
	return true;
}

static int run_fastcgi(struct site *site, const struct options *o, bool inherited)
{
	struct fault f = {0};
	struct listener *l = NULL;
	struct workers *w = NULL;
	sigset_t stop;
	bool complete;

	share_heaps();
	/* Before libfcgi puts its own handlers there, which forget what they hear. */
	block_stop_signals(&stop);
	if (!gateway_open(&f) || (l = listener_open(inherited, o->socket, &f)) == NULL)
		return complain(&f);
	raise_descriptor_limit(o->threads + WORKERS_WAITING_MAX);
	signal(SIGPIPE, SIG_IGN); /* libfcgi has put its own handler there */
	if (make_starter(site, &f)) {
		catalog_prepare(site->config->state_dir, store_on_network(site->store));
		sandbox_responder(site->config, o->socket, LOG_INFO_LEVEL);
		w = workers_start(site, l, o->threads, &f);
	}
	if (w == NULL) {
		listener_close(l);
		return complain(&f);
	}
	complete = watch_over(site, &stop);
	listener_stop(l);
	if (!workers_finish(w, FINISH_LIMIT_SEC)) {
		log_event(LOG_WARN_LEVEL, "stop", "unfinished", log_int(FINISH_LIMIT_SEC).text, NULL);
		journal_flush(site->journal);
		_exit(EXIT_FAILURE); /* threads still use what a normal exit would take away */
	}
	listener_close(l);
	return complete ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* A key that cannot be used takes nothing from the mirror but its signatures; it is told in time. */
static void look_at_key(const char *file)
{
	struct attest_key key;
	struct fault f = {0};
	if (!attest_key_load(file, &key, &f))
		log_fault(&f, "signing_key", NULL);
	attest_key_forget(&key);
}

int main(int argc, char **argv)
{
	const enum gateway_mode mode = gateway_mode();
	struct options o = {.threads = THREADS};
	struct site site = {.starter_fd = -1};
	struct fault f = {0};
	struct config *config = NULL;
	struct store *store = NULL;
	int status = EXIT_SUCCESS;

	if (mode != GATEWAY_CGI && !parse_options(argc, argv, &o, &status))
		return status;
	log_open("pkgmirror.fcgi", STDERR_FILENO, LOG_INFO_LEVEL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a write that fails will tell */
	config = config_load(config_path(o.config), &f);
	if (config != NULL && o.check) {
		status = check_config(config);
	} else if (config == NULL || (store = open_store(config, mode, &f)) == NULL) {
		status = mode == GATEWAY_CGI ? refuse_cgi(&f) : complain(&f);
	} else if ((site.counters = counters_open(store)) == NULL || (site.journal = journal_open(store)) == NULL) {
		fault_errno(&f, FAULT_SYSTEM, ENOMEM, "cannot start");
		status = mode == GATEWAY_CGI ? refuse_cgi(&f) : complain(&f);
	} else if (mode == GATEWAY_NEITHER && o.socket == NULL) {
		fault_set(
		    &f, FAULT_CONFIG, "standard input is no listening socket and this is no CGI request; see --help");
		status = complain(&f);
	} else {
		site.config = config;
		site.store = store;
		if (*config->signing_key != '\0' && mode != GATEWAY_CGI)
			look_at_key(config->signing_key);
		status = mode == GATEWAY_CGI ? run_cgi(&site) : run_fastcgi(&site, &o, mode == GATEWAY_FASTCGI);
	}
	if (site.starter_fd >= 0)
		close(site.starter_fd);
	journal_close(site.journal);
	counters_close(site.counters);
	store_close(store);
	config_free(config);
	return status;
}
