/* curl: see curl.h. */
#include "warmer/curl.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 40, TOLD_CAP = 4096, FIELDS = 6, MISSING = 127 };

/* What curl is asked to say at its end, behind complaints of its own: one field a line. */
static const char FORMAT[] = "%{stderr}\n%{http_code}\n%{size_download}\n%{remote_ip}\n%{content_type}\n"
                             "%header{content-length}\n%header{content-encoding}\n";

struct arguments {
	const char *all[ARGUMENTS_MAX];
	size_t count;
	char timeout[24], max[24];
};

static void add(struct arguments *a, const char *word)
{
	if (a->count < ARGUMENTS_MAX - 1)
		a->all[a->count++] = word;
}

static void add_pair(struct arguments *a, const char *option, const char *value)
{
	add(a, option);
	add(a, value);
}

static void build(struct arguments *a, const struct curl_wish *w)
{
	snprintf(a->timeout, sizeof a->timeout, "%d", w->timeout_sec);
	snprintf(a->max, sizeof a->max, "%lld", (long long)w->max_bytes);
	add_pair(a, "curl", "-q"); /* nobody's .curlrc */
	add_pair(a, "-sS", "--globoff");
	add_pair(a, "--proto", "=http,https");
	add_pair(a, "--max-redirs", "0");
	add_pair(a, "--connect-timeout", "30");
	add_pair(a, "--max-time", a->timeout);
	add_pair(a, "--max-filesize", a->max);
	add_pair(a, "-A", "pkgmirror-warm/" PACKAGE_VERSION " (check)");
	add_pair(a, "-H", "Accept-Encoding: gzip, deflate, zstd"); /* as zig does: a compressed answer shows */
	if (w->family != CURL_ANY)
		add(a, w->family == CURL_IPV4 ? "-4" : "-6");
	if (w->head)
		add(a, "--head");
	if (w->range != NULL)
		add_pair(a, "-r", w->range);
	if (w->ca_file != NULL && w->ca_file[0] != '\0')
		add_pair(a, "--cacert", w->ca_file);
	if (w->tls13)
		add(a, "--tlsv1.3");
	add_pair(a, "-w", FORMAT);
	add_pair(a, "--url", w->url);
}

/* Starts it: the body goes to out_fd, what it tells to tell_fd. */
static bool start(const struct arguments *a, int out_fd, int tell_fd, pid_t *pid, struct fault *f)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t none, defaults;
	char *argv[ARGUMENTS_MAX];
	for (size_t i = 0; i <= a->count; i++)
		argv[i] = a->all[i] != NULL ? strdup(a->all[i]) : NULL;
	sigemptyset(&none);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	sigaddset(&defaults, SIGXFSZ);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &defaults);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&files, out_fd, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&files, tell_fd, STDERR_FILENO);
	int error = posix_spawnp(pid, "curl", &files, &attributes, argv, environ);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attributes);
	for (size_t i = 0; i < a->count; i++)
		free(argv[i]);
	return error == 0 || fault_errno(f, FAULT_SYSTEM, error, "cannot run curl");
}

/* Reads what it tells until it ends; kills it when asked to stop. False then. */
static bool listen_to(struct warmer *w, int fd, pid_t pid, char told[TOLD_CAP])
{
	size_t len = 0;
	char more[512];
	for (;;) {
		struct pollfd waits[] = {{.fd = fd, .events = POLLIN}, {.fd = w->signal_fd, .events = POLLIN}};
		poll(waits, 2, -1);
		if (warmer_stopping(w)) {
			kill(pid, SIGKILL);
			return false;
		}
		if (waits[0].revents == 0)
			continue;
		ssize_t n = read(fd, more, sizeof more);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		/* The end counts: curl's own words are short. */
		if (len + (size_t)n >= TOLD_CAP)
			len = 0;
		memcpy(told + len, more, (size_t)n);
		len += (size_t)n;
	}
	told[len] = '\0';
	return true;
}

static void copy(char *out, size_t cap, const char *text)
{
	snprintf(out, cap, "%s", text);
}

/* Takes the last FIELDS lines; what stands before stays in `told`, on one line. */
static bool read_fields(char *told, struct curl_answer *out)
{
	char *fields[FIELDS];
	size_t len = strlen(told);
	if (len == 0 || told[len - 1] != '\n')
		return false;
	told[len - 1] = '\0';
	for (int i = FIELDS - 1; i >= 0; i--) {
		char *line = strrchr(told, '\n');
		if (line == NULL)
			return false;
		*line = '\0';
		fields[i] = line + 1;
	}
	out->status = (int)strtol(fields[0], NULL, 10);
	out->bytes = strtoll(fields[1], NULL, 10);
	copy(out->address, sizeof out->address, fields[2]);
	copy(out->type, sizeof out->type, fields[3]);
	out->length = fields[4][0] >= '0' && fields[4][0] <= '9' ? strtoll(fields[4], NULL, 10) : -1;
	copy(out->encoding, sizeof out->encoding, fields[5]);
	return true;
}

static bool judge(int status, char *told, struct curl_answer *out, struct fault *f)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == MISSING)
		return fault_set(f, FAULT_SYSTEM, "curl is not installed");
	bool fields = read_fields(told, out);
	if (fields && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	told[strcspn(told, "\n")] = '\0';
	return fault_set(f, FAULT_UPSTREAM, "%s", told[0] != '\0' ? told : "curl failed");
}

bool curl_ask(struct warmer *w, const struct curl_wish *wish, int out_fd, struct curl_answer *out, struct fault *f)
{
	struct arguments a = {0};
	char told[TOLD_CAP];
	int pipe_fds[2], status = 0;
	pid_t pid;
	*out = (struct curl_answer){.length = -1};
	build(&a, wish);
	if (ftruncate(out_fd, 0) != 0 || lseek(out_fd, 0, SEEK_SET) != 0 || pipe2(pipe_fds, O_CLOEXEC) != 0)
		return fault_errno(f, FAULT_SYSTEM, errno, "cannot run curl");
	bool ok = start(&a, out_fd, pipe_fds[1], &pid, f);
	close(pipe_fds[1]);
	if (ok) {
		ok = listen_to(w, pipe_fds[0], pid, told) || fault_set(f, FAULT_BUSY, "asked to stop");
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		ok = ok && judge(status, told, out, f);
	}
	close(pipe_fds[0]);
	return ok;
}
