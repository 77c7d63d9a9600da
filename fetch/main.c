/* pkgmirror-fetch: the fetch service. One process a state_dir, the only one that talks to upstreams and the only one
 * that publishes what came from them. See pkgmirror-fetch(8). */
#include "fetch/documents.h"
#include "fetch/fetch.h"
#include "fetch/loop.h"
#include "mirror/digest.h"
#include "mirror/log.h"
#include "mirror/sandbox_policy.h"
#include "mirror/service.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { EXIT_CONFIG = 2, EXIT_ANOTHER = 75, FILES_WANTED = 4096 };

static const char USAGE[] = "usage: pkgmirror-fetch [--config FILE] [--stay] [--no-sandbox]\n"
                            "\n"
                            "The fetch service of pkgmirror. The responder starts it when it is needed.\n"
                            "\n"
                            "  --config FILE  the configuration (default: PKGMIRROR_CONFIG, else the built-in path)\n"
                            "  --stay         do not leave after fetch_linger, for a supervisor such as systemd\n"
                            "  --no-sandbox   do not confine this process; its log says so\n"
                            "  --version      print the version\n"
                            "  --help         print this\n";

struct options {
	const char *config;
	bool stay;
};

/* Returns -1 to go on, else the exit status. */
static int parse_options(int argc, char **argv, struct options *out)
{
	static const struct option LONG[] = {{"config", required_argument, NULL, 'c'}, {"stay", no_argument, NULL, 's'},
	    {"no-sandbox", no_argument, NULL, 'n'}, {"version", no_argument, NULL, 'V'},
	    {"help", no_argument, NULL, 'h'}, {0}};
	int c;
	while ((c = getopt_long(argc, argv, "", LONG, NULL)) != -1) {
		if (c == 'c') {
			out->config = optarg;
		} else if (c == 's') {
			out->stay = true;
		} else if (c == 'n') {
			sandbox_switch_off();
		} else if (c == 'V') {
			printf("pkgmirror-fetch %s\n", PACKAGE_VERSION);
			return EXIT_SUCCESS;
		} else {
			fputs(USAGE, c == 'h' ? stdout : stderr);
			return c == 'h' ? EXIT_SUCCESS : EXIT_CONFIG;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "pkgmirror-fetch: unexpected argument %s\n", argv[optind]);
		return EXIT_CONFIG;
	}
	return -1;
}

static int open_signals(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a write that fails will tell */
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* A descriptor a client, two a job, and those of the connections to upstreams. */
static void raise_limits(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < FILES_WANTED) {
		limit.rlim_cur = limit.rlim_max < FILES_WANTED ? limit.rlim_max : FILES_WANTED;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* The service's place: where it listens, and that nobody else does. */
struct place {
	const struct config *config;
	const struct store *store;
	int claim_fd;
};

static bool holds(void *arg)
{
	const struct place *p = arg;
	return service_claim_holds(p->store, p->claim_fd);
}

static int relisten(void *arg)
{
	const struct place *p = arg;
	struct fault f;
	int fd = service_listen(p->config, &f);
	if (fd < 0)
		log_fault(&f, "listen", NULL);
	return fd;
}

static void unlisten(void *arg)
{
	const struct place *p = arg;
	char path[256];
	snprintf(path, sizeof path, "%s/run/fetch.sock", p->config->state_dir);
	unlink(path);
}

static int failed(const struct fault *f, const char *event, int status)
{
	log_fault(f, event, NULL);
	return status;
}

/* The exit status of a service that has ended, and a line that says why. */
static int told_why(const struct loop_options *o)
{
	if (!o->displaced && !o->starved) {
		log_event(LOG_INFO_LEVEL, "stop", "why", "asked to, or idle", NULL);
		return EXIT_SUCCESS;
	}
	log_event(LOG_ERROR_LEVEL, "stop", "why",
	    o->displaced ? "run/ was deleted or replaced: this service has lost its place"
	                 : "Cannot allocate memory: OpenSSL was denied some, the next service begins afresh",
	    NULL);
	return EXIT_FAILURE;
}

/* Everything between the claim and its end. */
static int serve(struct fetch *x, int claim_fd, int signal_fd, bool stay)
{
	struct fault f;
	int status = EXIT_FAILURE;
	const struct config *c = x->config;
	struct place place = {.config = c, .store = x->store, .claim_fd = claim_fd};
	struct loop_options o = {.signal_fd = signal_fd,
	    .stay = stay,
	    .relisten = relisten,
	    .unlisten = unlisten,
	    .holds = holds,
	    .arg = &place};

	/* Without a catalogue the files are still served, found and verified by signature. */
	x->catalog = catalog_open(c->state_dir, CATALOG_WRITE, store_on_network(x->store), &f);
	if (x->catalog == NULL)
		log_fault(&f, "catalog", NULL);
	x->pool = transfer_pool_new(c, &f);
	if (x->pool == NULL)
		return failed(&f, "start", EXIT_FAILURE);
	if (!queue_init(&x->queue, c->max_fetches, c->warmer.connections, c->miss_limit) || !documents_new(x))
		goto out;
	documents_begin(x);
	o.listener = service_listen(c, &f);
	if (o.listener < 0) {
		log_fault(&f, "listen", NULL);
		goto out;
	}
	log_event(LOG_INFO_LEVEL, "start", "version", PACKAGE_VERSION, "state_dir", c->state_dir, NULL);
	service_ready();
	int listener = loop_run(x, &o);
	close(listener);
	status = told_why(&o);
out:
	documents_free(x->documents);
	queue_clear(&x->queue);
	transfer_pool_free(x->pool);
	catalog_close(x->catalog);
	return status;
}

int main(int argc, char **argv)
{
	struct options options = {0};
	struct fault f;
	struct fetch x = {0};
	struct config *c = NULL;
	struct store *store = NULL;
	int claim = -1, signal_fd = -1, status = parse_options(argc, argv, &options);

	if (status >= 0)
		return status;
	digest_watch_memory();
	log_open("pkgmirror-fetch", STDERR_FILENO, LOG_INFO_LEVEL);
	c = config_load(config_path(options.config), &f);
	if (c == NULL)
		return failed(&f, "config", EXIT_CONFIG);
	store = store_open(c->state_dir, true, &f);
	if (store == NULL) {
		status = failed(&f, "start", EXIT_FAILURE);
		goto out;
	}
	claim = service_claim(store, &f);
	if (claim < 0) {
		status = failed(&f, "start", f.class == FAULT_BUSY ? EXIT_ANOTHER : EXIT_FAILURE);
		goto out;
	}
	raise_limits();
	signal_fd = open_signals();
	if (signal_fd < 0) {
		fault_errno(&f, FAULT_SYSTEM, errno, "cannot hear signals");
		status = failed(&f, "start", EXIT_FAILURE);
		goto out;
	}
	sandbox_service(c);
	x.config = c;
	x.store = store;
	x.counters = counters_open(store);
	if (x.counters == NULL) {
		fault_errno(&f, FAULT_SYSTEM, ENOMEM, "cannot count");
		status = failed(&f, "start", EXIT_FAILURE);
		goto out;
	}
	status = serve(&x, claim, signal_fd, options.stay);
out:
	if (signal_fd >= 0)
		close(signal_fd);
	if (claim >= 0)
		close(claim);
	counters_close(x.counters);
	store_close(store);
	config_free(c);
	return status;
}
