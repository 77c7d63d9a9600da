/* command_check: holds any mirror against its upstream by the rules of the community's list. See pkgmirror-warm(8). */
#include "mirror/catalog_warm.h"
#include "mirror/index.h"
#include "mirror/url.h"
#include "mirror/zigfile.h"
#include "warmer/check.h"
#include "warmer/curl.h"
#include "warmer/judge.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { NAME_CAP = 200, URL_CAP = 2048, SHORT_SEC = 60, LONG_SEC = 1800, FILES_MAX = 4096 };

/* A file of the two newest versions. */
struct target {
	char file[NAME_CAP];
	struct zigfile_version version;
	bool rare; /* source or bootstrap */
};

struct checked {
	struct check table;
	char base[URL_CAP]; /* without a slash at its end */
	struct url url;
	bool all;
	char folder[64]; /* ours for now: a catalogue for the index, and bodies */
	int body_fd, other_fd;
	struct target targets[FILES_MAX];
	size_t count;
	struct zigfile_version stable, dev;
	bool has_stable, has_dev;
};

/* Asks the mirror. */
static bool ask(
    struct checked *x, const char *path, struct curl_wish wish, int fd, struct curl_answer *a, struct fault *f)
{
	char url[URL_CAP + 256];
	snprintf(url, sizeof url, "%s/%s?source=pkgmirror-check", x->base, path);
	wish.url = url;
	wish.ca_file = x->table.warmer->config->ca_file;
	wish.tls13 = x->url.tls;
	wish.max_bytes = wish.max_bytes > 0 ? wish.max_bytes : x->table.warmer->config->max_file_bytes;
	wish.timeout_sec = wish.timeout_sec > 0 ? wish.timeout_sec : SHORT_SEC;
	return curl_ask(x->table.warmer, &wish, fd, a, f);
}

static bool ask_upstream(
    struct checked *x, const char *url, int64_t max_bytes, int fd, struct curl_answer *a, struct fault *f)
{
	const struct curl_wish wish = {
	    .url = url, .ca_file = x->table.warmer->config->ca_file, .max_bytes = max_bytes, .timeout_sec = SHORT_SEC};
	return curl_ask(x->table.warmer, &wish, fd, a, f);
}

/* A row for an answer that is none, or not a 200 with the bytes as they are. True when it is one. */
static bool is_plain(
    struct checked *x, const char *what, bool answered, const struct curl_answer *a, const struct fault *f)
{
	if (!answered)
		check_row(&x->table, CHECK_FAILED, what, "%s", f->text);
	else if (a->status != 200)
		check_row(&x->table, CHECK_FAILED, what, "status %d instead of 200", a->status);
	else if (a->encoding[0] != '\0')
		check_row(&x->table, CHECK_FAILED, what, "has Content-Encoding %s", a->encoding);
	else
		return true;
	return false;
}

static bool digest_body(struct checked *x, struct digest_result *d, struct fault *f)
{
	struct pace pace = {0};
	return judge_digest(x->table.warmer, x->body_fd, &pace, d, f);
}

/* The file: its bytes as the index lists them. They stay in body_fd. */
static bool check_file(
    struct checked *x, const char *file, const struct catalog_artifact *listed, struct digest_result *d)
{
	struct curl_answer a;
	struct fault f = {0};
	const struct curl_wish wish = {.timeout_sec = LONG_SEC};
	if (!is_plain(x, file, ask(x, file, wish, x->body_fd, &a, &f), &a, &f))
		return false;
	if (!digest_body(x, d, &f)) {
		check_row(&x->table, CHECK_FAILED, file, "%s", f.text);
		return false;
	}
	if (d->bytes != listed->size || strcmp(d->sha256_hex, listed->sha256) != 0) {
		check_row(&x->table, CHECK_FORGED, file,
		    "%lld bytes with SHA-256 %.16s…, upstream has %lld with %.16s…", (long long)d->bytes, d->sha256_hex,
		    (long long)listed->size, listed->sha256);
		return false;
	}
	if (a.type[0] == '\0' || strncmp(a.type, "text/", 5) == 0)
		check_row(&x->table, CHECK_WARN, file, "Content-Type is \"%s\": zig fetch does not take it", a.type);
	else
		check_row(&x->table, CHECK_GOOD, file, "%lld bytes, %s", (long long)d->bytes, a.type);
	return true;
}

/* What upstream's signature of a file is. *len 0: it has none. False when it does not tell. */
static bool upstream_signature(
    struct checked *x, const char *url, char text[MINISIGN_FILE_MAX + 1], size_t *len, struct fault *f)
{
	char signature_url[URL_CAP + 16];
	struct curl_answer a;
	snprintf(signature_url, sizeof signature_url, "%s.minisig", url);
	*len = 0;
	if (!ask_upstream(x, signature_url, MINISIGN_FILE_MAX, x->other_fd, &a, f))
		return false;
	if (a.status == 200)
		*len = judge_read_signature(x->other_fd, text);
	return a.status == 200 || a.status == 404 || fault_set(f, FAULT_UPSTREAM, "upstream says %d", a.status);
}

static bool proves(
    struct checked *x, const char *text, size_t len, const char *file, const struct digest_result *d, struct fault *f)
{
	struct minisign_signature s;
	if (!minisign_parse(text, len, &s, f))
		return false;
	const struct minisign_key *key = minisign_key_of(&x->table.warmer->config->toolchains.keys, &s);
	return minisign_check_comment(&s, key, file, f) &&
	       (d == NULL || !s.prehashed || minisign_verify_prehashed(&s, key, d->blake2b, f));
}

/* The signature: upstream's bytes, by the key, naming and fitting the file (d NULL: that did not come). */
static void check_signature(struct checked *x, const char *file, const char *url, const struct digest_result *d)
{
	char path[NAME_CAP + 16], theirs[MINISIGN_FILE_MAX + 1], ours[MINISIGN_FILE_MAX + 1];
	size_t their_len, our_len;
	struct curl_answer a;
	struct fault f = {0};
	const struct curl_wish wish = {.max_bytes = MINISIGN_FILE_MAX};
	snprintf(path, sizeof path, "%s.minisig", file);
	if (!upstream_signature(x, url, theirs, &their_len, &f)) {
		check_row(&x->table, CHECK_WARN, path, "cannot be compared: %s", f.text);
		return;
	}
	bool answered = ask(x, path, wish, x->other_fd, &a, &f);
	if (their_len == 0 && answered && a.status == 404) {
		check_row(&x->table, CHECK_GOOD, path, "upstream has none, and neither has the mirror");
		return;
	}
	if (!is_plain(x, path, answered, &a, &f))
		return;
	our_len = judge_read_signature(x->other_fd, ours);
	if (our_len != their_len || memcmp(ours, theirs, our_len) != 0)
		check_row(&x->table, CHECK_FORGED, path, "is not what upstream has");
	else if (!proves(x, ours, our_len, file, d, &f))
		check_row(&x->table, CHECK_FORGED, path, "%s", f.text);
	else
		check_row(&x->table, CHECK_GOOD, path, "as upstream has it");
}

static void check_head(struct checked *x, const char *file, int64_t size)
{
	struct curl_answer a;
	struct fault f = {0};
	const struct curl_wish wish = {.head = true};
	if (!is_plain(x, "HEAD", ask(x, file, wish, x->other_fd, &a, &f), &a, &f))
		return;
	if (a.length >= 0 && a.length != size)
		check_row(&x->table, CHECK_FAILED, "HEAD", "Content-Length %lld instead of %lld", (long long)a.length,
		    (long long)size);
	else
		check_row(&x->table, a.length < 0 ? CHECK_WARN : CHECK_GOOD, "HEAD",
		    a.length < 0 ? "no Content-Length" : "as GET, without the bytes");
}

/* Bytes 10 to 29, as they are in the file. */
static void check_range(struct checked *x, const char *file)
{
	struct curl_answer a;
	struct fault f = {0};
	char part[21], whole[20];
	const struct curl_wish wish = {.range = "10-29", .timeout_sec = LONG_SEC};
	if (!ask(x, file, wish, x->other_fd, &a, &f)) {
		check_row(&x->table, CHECK_FAILED, "Range", "%s", f.text);
		return;
	}
	if (a.status == 200) {
		check_row(&x->table, CHECK_WARN, "Range", "is not obeyed: a download that broke off begins anew");
		return;
	}
	bool same = a.status == 206 && pread(x->other_fd, part, sizeof part, 0) == 20 &&
	            pread(x->body_fd, whole, sizeof whole, 10) == 20 && memcmp(part, whole, 20) == 0;
	if (same)
		check_row(&x->table, CHECK_GOOD, "Range", "206 with the bytes that were asked for");
	else
		check_row(&x->table, a.status == 206 ? CHECK_FORGED : CHECK_FAILED, "Range", "status %d, %lld bytes",
		    a.status, (long long)a.bytes);
}

static void check_absent(struct checked *x, const char *path, const char *what)
{
	struct curl_answer a;
	struct fault f = {0};
	const struct curl_wish wish = {0};
	if (!ask(x, path, wish, x->other_fd, &a, &f))
		check_row(&x->table, CHECK_FAILED, what, "%s", f.text);
	else
		check_row(&x->table, a.status == 404 ? CHECK_GOOD : CHECK_FAILED, what, "status %d%s", a.status,
		    a.status == 404 ? "" : " instead of 404");
}

static bool has_family(const struct checked *x, int family)
{
	char host[256];
	struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM}, *found = NULL;
	snprintf(host, sizeof host, "%.*s", (int)x->url.host_len, x->url.host);
	bool has = getaddrinfo(host, NULL, &hints, &found) == 0;
	if (found != NULL)
		freeaddrinfo(found);
	return has;
}

static bool is_address(const struct checked *x)
{
	char host[256];
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST}, *found = NULL;
	snprintf(host, sizeof host, "%.*s", (int)x->url.host_len, x->url.host);
	bool is = getaddrinfo(host, NULL, &hints, &found) == 0;
	if (found != NULL)
		freeaddrinfo(found);
	return is;
}

static void check_family(struct checked *x, const char *file, enum curl_family family)
{
	const bool four = family == CURL_IPV4;
	const char *what = four ? "IPv4" : "IPv6";
	struct curl_answer a;
	struct fault f = {0};
	const struct curl_wish wish = {.head = true, .family = family};
	if (!has_family(x, four ? AF_INET : AF_INET6)) {
		if (!is_address(x))
			check_row(&x->table, CHECK_WARN, what,
			    "the host has no such address; the community's list wants both");
		return;
	}
	if (is_plain(x, what, ask(x, file, wish, x->other_fd, &a, &f), &a, &f))
		check_row(&x->table, CHECK_GOOD, what, "%s", a.address);
}

/* ---- what to ask for ---- */

static bool newer(const struct zigfile_version *v, const struct zigfile_version *than, bool has)
{
	return !has || zigfile_version_compare(v, than) > 0;
}

static bool collect(void *arg, const struct catalog_warm_file *file)
{
	struct checked *x = arg;
	struct zigfile zig;
	if (file->nominated || x->count == FILES_MAX || !zigfile_parse(file->file, strlen(file->file), &zig) || zig.odd)
		return true;
	struct target *t = &x->targets[x->count++];
	snprintf(t->file, sizeof t->file, "%s", file->file);
	t->version = zig.number;
	t->rare = file->rare;
	if (zig.number.dev && newer(&zig.number, &x->dev, x->has_dev)) {
		x->dev = zig.number;
		x->has_dev = true;
	}
	if (!zig.number.dev && newer(&zig.number, &x->stable, x->has_stable)) {
		x->stable = zig.number;
		x->has_stable = true;
	}
	return true;
}

static int by_file(const void *a, const void *b)
{
	return strcmp(((const struct target *)a)->file, ((const struct target *)b)->file);
}

/* Upstream's index, judged as this mirror judges its own, in a catalogue that lives as long as the check. */
static bool read_index(struct checked *x, struct fault *f)
{
	struct warmer *w = x->table.warmer;
	char url[URL_CAP];
	struct curl_answer a;
	char *body = NULL;
	bool ok = false;
	snprintf(url, sizeof url, "%s/download/index.json", w->config->toolchains.upstream);
	if (!ask_upstream(x, url, INDEX_BYTES_MAX, x->body_fd, &a, f))
		return false;
	if (a.status != 200)
		return fault_set(f, FAULT_UPSTREAM, "status %d", a.status);
	body = malloc((size_t)a.bytes + 1);
	const struct index_document d = {.name = "index", .url = url, .body = body, .len = (size_t)a.bytes};
	if (body == NULL || pread(x->body_fd, body, (size_t)a.bytes, 0) != a.bytes)
		fault_errno(f, FAULT_SYSTEM, errno, "cannot be read");
	else
		ok = index_import(w->catalog, w->config, &d, time(NULL), f) &&
		     catalog_warm_files(w->catalog, collect, x, f);
	free(body);
	qsort(x->targets, x->count, sizeof x->targets[0], by_file);
	return ok;
}

/* All files of a version, or one of them that is like what most people ask for. */
static void check_version(struct checked *x, const struct zigfile_version *version, bool *general)
{
	const struct target *one = NULL;
	for (size_t i = 0; i < x->count; i++) {
		const struct target *t = &x->targets[i];
		if (zigfile_version_compare(&t->version, version) == 0 && !t->rare &&
		    (one == NULL || strstr(t->file, "x86_64-linux") != NULL || strstr(t->file, "linux-x86_64") != NULL))
			one = t;
	}
	for (size_t i = 0; i < x->count && !warmer_stopping(x->table.warmer); i++) {
		const struct target *t = &x->targets[i];
		struct catalog_artifact listed;
		struct digest_result d;
		struct fault f;
		if (zigfile_version_compare(&t->version, version) != 0 || (!x->all && t != one) ||
		    !catalog_artifact_get(x->table.warmer->catalog, t->file, &listed, &f))
			continue;
		bool good = check_file(x, t->file, &listed, &d);
		check_signature(x, t->file, listed.url, good ? &d : NULL);
		if (!good || *general)
			continue;
		*general = true;
		check_head(x, t->file, d.bytes);
		check_range(x, t->file);
		check_family(x, t->file, CURL_IPV4);
		check_family(x, t->file, CURL_IPV6);
	}
}

static void check_all(struct checked *x)
{
	struct fault f;
	bool general = false;
	if (!x->url.tls)
		check_row(&x->table, CHECK_WARN, "TLS", "none: not fit for the community's list");
	if (!read_index(x, &f)) {
		check_row(&x->table, CHECK_FAILED, "index.json of upstream", "%s", f.text);
		return;
	}
	if (x->has_stable)
		check_version(x, &x->stable, &general);
	if (x->has_dev)
		check_version(x, &x->dev, &general);
	check_absent(x, "zig-nothing", "a name that is no Zig file");
	check_absent(x, "zig-x86_64-linux-99.99.99.tar.xz", "a version that is none");
}

static int drop(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(path);
}

static int open_body(const struct checked *x, const char *name)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%s.XXXXXX", x->folder, name);
	return mkostemp(path, O_CLOEXEC);
}

static bool prepare(struct checked *x, struct fault *f)
{
	const char *folder = getenv("TMPDIR");
	int n = snprintf(x->folder, sizeof x->folder, "%s/pkgmirror-check.XXXXXX",
	    folder != NULL && strlen(folder) < 32 ? folder : "/tmp");
	if (n < 0 || mkdtemp(x->folder) == NULL) {
		x->folder[0] = '\0';
		return fault_errno(f, FAULT_SYSTEM, errno, "no temporary folder");
	}
	x->body_fd = open_body(x, "body");
	x->other_fd = open_body(x, "other");
	if (x->body_fd < 0 || x->other_fd < 0)
		return fault_errno(f, FAULT_SYSTEM, errno, "no temporary file");
	x->table.warmer->catalog = catalog_open(x->folder, CATALOG_WRITE, false, f);
	return x->table.warmer->catalog != NULL;
}

static void clean_up(struct checked *x)
{
	warmer_close_catalog(x->table.warmer);
	if (x->body_fd >= 0)
		close(x->body_fd);
	if (x->other_fd >= 0)
		close(x->other_fd);
	if (x->folder[0] != '\0')
		nftw(x->folder, drop, 8, FTW_DEPTH | FTW_PHYS);
}

static bool read_url(struct checked *x, const char *text)
{
	size_t len = strlen(text);
	len -= len > 0 && text[len - 1] == '/';
	if (len >= sizeof x->base)
		return false;
	memcpy(x->base, text, len);
	x->base[len] = '\0';
	return url_parse(x->base, &x->url) == NULL && strpbrk(x->base, "?{}") == NULL;
}

static int run(struct checked *x)
{
	struct fault f;
	int status = WARMER_FAILED;
	if (prepare(x, &f)) {
		check_all(x);
		status = check_end(&x->table, x->base);
	} else {
		warmer_complain(NULL, &f);
	}
	clean_up(x);
	return status;
}

int command_check(struct warmer *w, int argc, char **argv)
{
	static const struct option OWN[] = {{"all", no_argument, NULL, 'a'}, {0}};
	struct checked *x = calloc(1, sizeof *x);
	int c, status = WARMER_USAGE;
	if (x == NULL)
		return WARMER_FAILED;
	x->table.warmer = w;
	x->body_fd = x->other_fd = -1;
	while ((c = warmer_option(w, argc, argv, OWN)) == 'a')
		x->all = true;
	if (c == -1 && optind != argc - 1)
		fputs("pkgmirror-warm: check which mirror? A URL, without the file's name\n", stderr);
	else if (c == -1 && !read_url(x, argv[optind]))
		fprintf(stderr, "pkgmirror-warm: %s is no http or https URL\n", argv[optind]);
	else if (c == -1)
		status = run(x);
	free(x);
	return status;
}
