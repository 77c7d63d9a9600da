/* pkgmirror-warm: everything that happens without a request. See pkgmirror-warm(8). This file reads the command line,
 * opens what the command needs and runs it. */
#include "mirror/log.h"
#include "mirror/sandbox_policy.h"
#include "mirror/starter.h"
#include "warmer/lock.h"
#include "warmer/warmer.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a command needs of main. */
enum command_need {
	NEEDS_CONFIG, /* nothing else: another mirror is its business */
	NEEDS_STORE,  /* and the store; it opens the catalogue and takes the lock by itself */
	NEEDS_READ,   /* looks at store and catalogue */
	NEEDS_WRITE   /* changes them: one at a time, unless it is a dry run */
};

struct command {
	const char *name;
	int (*run)(struct warmer *w, int argc, char **argv);
	enum command_need need;
};

/* The first is what is done when none is named. */
static const struct command COMMANDS[] = {
    {"warm", command_warm, NEEDS_STORE},
    {"accept", command_accept, NEEDS_WRITE},
    {"adopt", command_adopt, NEEDS_WRITE},
    {"check", command_check, NEEDS_CONFIG},
    {"estimate", command_estimate, NEEDS_STORE},
    {"export", command_export, NEEDS_READ},
    {"fold", command_fold, NEEDS_WRITE},
    {"import", command_import, NEEDS_WRITE},
    {"prune", command_prune, NEEDS_WRITE},
    {"verify", command_verify, NEEDS_WRITE},
};

static const char USAGE[] =
    "usage: pkgmirror-warm [--config FILE] [--quiet] [--json] [--dry-run] [--no-sandbox]\n"
    "                      [COMMAND [ARGUMENT]...]\n"
    "\n"
    "Everything of pkgmirror that happens without a request.\n"
    "\n"
    "  warm [--watch]  get what the configuration says should be here (the default)\n"
    "  estimate        say what is here and what is lacking\n"
    "  accept PATH...  publish from now on what was refused as changed\n"
    "  adopt [--how WAY] DIR...\n"
    "                  take in the files of another mirror\n"
    "  check [--all] URL\n"
    "                  hold any mirror against its upstream\n"
    "  export [--class CLASS] DIR\n"
    "                  write a bundle for a mirror without internet\n"
    "  import [--how WAY] DIR\n"
    "                  take in a bundle\n"
    "  fold [LOG]...   count hits from the journal and from access logs\n"
    "  prune [--class CLASS]... [--days N]\n"
    "                  remove what was not used for long, or is beyond max_bytes\n"
    "  verify [--sample N%] [--speed BYTES] [PATH]...\n"
    "                  read the files again and compare them\n"
    "\n"
    "  --config FILE   the configuration (default: PKGMIRROR_CONFIG, else the built-in path)\n"
    "  --quiet         print nothing but complaints\n"
    "  --json          print results as JSON, one object a line\n"
    "  --dry-run       say what would be done, do nothing\n"
    "  --no-sandbox    do not confine this process; a line says so\n"
    "  --version       print the version\n"
    "  --help          print this\n"
    "\n"
    "Exit status: 0 done, 1 some failed, 2 usage or configuration, 3 integrity failure, 75 another one is running.\n";

struct options {
	const char *config;
	bool version, help;
	int operand; /* of argv: the command; argc when there is none */
};

/* Reads the options up to the command; with `all` also those behind it that main has to know first. What belongs to
 * commands is passed over then: they judge it themselves. */
static bool parse_options(struct warmer *w, int argc, char **argv, bool all, struct options *out)
{
	static const struct option LONG[] = {{"config", required_argument, NULL, 'c'},
	    {"quiet", no_argument, NULL, 'q'}, {"json", no_argument, NULL, 'j'}, {"dry-run", no_argument, NULL, 'n'},
	    {"no-sandbox", no_argument, NULL, 's'}, {"watch", no_argument, NULL, 'w'},
	    {"version", no_argument, NULL, 'V'}, {"help", no_argument, NULL, 'h'}, {0}};
	int c;
	optind = 0;
	opterr = !all;
	while ((c = getopt_long(argc, argv, all ? "" : "+", LONG, NULL)) != -1) {
		if (c == 'c')
			out->config = optarg;
		else if (c == 'V')
			out->version = true;
		else if (c == 'h')
			out->help = true;
		else if (c == 'n')
			w->dry_run = true;
		else if (c == 's')
			sandbox_switch_off();
		else if (c == '?' && !all)
			return false;
		else if (c == 'q')
			w->quiet = true;
		else if (c == 'j')
			w->json = true;
		else if (c == 'w')
			w->watch = true;
	}
	out->operand = optind;
	opterr = 1;
	return true;
}

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < sizeof COMMANDS / sizeof COMMANDS[0]; i++)
		if (strcmp(COMMANDS[i].name, name) == 0)
			return &COMMANDS[i];
	return NULL;
}

static int run_named(struct warmer *w, const char *name)
{
	const struct command *command = find(name);
	char own_name[32], *argv[] = {own_name, NULL};
	if (command == NULL)
		return -1;
	snprintf(own_name, sizeof own_name, "%s", name);
	optind = 0;
	return command->run(w, 1, argv);
}

static int open_signals(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGWINCH);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a write that fails will tell */
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Seals this process in, by what the command does: its operands are files for some commands, and paths of the mirror
 * for others. */
static void seal(struct warmer *w, const struct command *command, char *const *arguments)
{
	static char *const NONE[] = {NULL};
	const bool files = command->run == command_adopt || command->run == command_export ||
	                   command->run == command_fold || command->run == command_import;
	struct fault f = {0};
	if (command->need == NEEDS_CONFIG) {
		sandbox_check(w->config);
		return;
	}
	/* Not confined it needs one as well: a wait for its answer can be broken off. */
	if ((w->starter_fd = starter_make(w->config, &f)) < 0)
		log_fault(&f, "starter", NULL);
	/* It is made by who opens the store; a rule needs it to be there. */
	if (command->need == NEEDS_STORE || (command->need == NEEDS_WRITE && !w->dry_run))
		(void)!mkdir(w->config->state_dir, 0755);
	sandbox_warmer(w->config, files ? arguments + 1 : NONE);
}

static int complain(const char *what, const struct fault *f, int status)
{
	warmer_complain(what, f);
	return status;
}

/* Opens what the command needs, runs it, closes. */
static int run(struct warmer *w, const struct command *command, int argc, char **argv)
{
	bool writes = command->need == NEEDS_WRITE && !w->dry_run;
	struct fault f;
	int lock = -1, status;

	if (command->need == NEEDS_CONFIG)
		return command->run(w, argc, argv);
	w->store = store_open(w->config->state_dir, writes || command->need == NEEDS_STORE, &f);
	if (w->store == NULL)
		return complain(NULL, &f, WARMER_FAILED);
	if (command->need == NEEDS_STORE) {
		status = command->run(w, argc, argv);
		goto out;
	}
	if (writes && (lock = lock_take(w->store, LOCK_WORK, &f)) < 0) {
		status = complain(NULL, &f, f.class == FAULT_BUSY ? WARMER_ANOTHER : WARMER_FAILED);
		goto out;
	}
	if (!warmer_open_catalog(w, writes ? CATALOG_WRITE : CATALOG_READ, &f) && (writes || f.class != FAULT_ABSENT)) {
		status = complain(NULL, &f, WARMER_FAILED);
		goto out;
	}
	status = command->run(w, argc, argv);
out:
	warmer_close_catalog(w);
	if (lock >= 0)
		close(lock);
	store_close(w->store);
	return status;
}

int main(int argc, char **argv)
{
	struct warmer w = {.starter_fd = -1, .signal_fd = -1, .command = run_named};
	struct options o = {0};
	struct fault f;
	const struct command *command = &COMMANDS[0];
	char **copy = NULL, **arguments, shown[64];
	static char name[] = "warm";
	int status = WARMER_FAILED, count;

	if (!parse_options(&w, argc, argv, false, &o))
		return WARMER_USAGE;
	/* The command with its arguments, or the default one without any. */
	static char *none[] = {name, NULL};
	arguments = o.operand < argc ? argv + o.operand : none;
	count = o.operand < argc ? argc - o.operand : 1;
	command = find(arguments[0]);
	/* A copy: looking ahead must not permute what the command will read. */
	copy = calloc((size_t)count + 1, sizeof *copy);
	if (copy == NULL) {
		fputs("pkgmirror-warm: out of memory\n", stderr);
		return WARMER_FAILED;
	}
	memcpy(copy, arguments, (size_t)count * sizeof *copy);
	(void)parse_options(&w, count, copy, true, &o);
	free(copy);
	if (o.version || o.help) {
		fputs(o.version ? "pkgmirror-warm " PACKAGE_VERSION "\n" : USAGE, stdout);
		return WARMER_DONE;
	}
	if (command == NULL) {
		fprintf(stderr, "pkgmirror-warm: no command %s, see --help\n", arguments[0]);
		return WARMER_USAGE;
	}
	if (w.watch && command->run != command_warm) {
		fputs("pkgmirror-warm: only warm can --watch\n", stderr);
		return WARMER_USAGE;
	}
	log_open("pkgmirror-warm", STDERR_FILENO, LOG_WARN_LEVEL);
	w.config = config_load(config_path(o.config), &f);
	if (w.config == NULL)
		return complain(NULL, &f, WARMER_USAGE);
	w.signal_fd = open_signals();
	/* As getopt_long names it when it complains. */
	snprintf(shown, sizeof shown, "pkgmirror-warm %s", command->name);
	arguments[0] = shown;
	seal(&w, command, arguments);
	optind = 0;
	status = run(&w, command, count, arguments);
	if (w.signal_fd >= 0)
		close(w.signal_fd);
	if (w.starter_fd >= 0)
		close(w.starter_fd);
	config_free(w.config);
	return status;
}
