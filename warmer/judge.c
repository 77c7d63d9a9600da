/* judge: see judge.h. */
#include "warmer/judge.h"
#include "mirror/archive.h"
#include "mirror/catalog_keep.h"
#include "mirror/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 256 * 1024, LONGEST_MS = 60 * 1000 };

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Waits until as much time has gone as the bytes so far may take, or until asked to stop. */
static void keep_pace(struct warmer *w, struct pace *pace, int64_t bytes)
{
	int64_t now = now_ms();
	const int64_t end = now + pace_wait_ms(pace, bytes, now);
	struct pollfd stop = {.fd = w->signal_fd, .events = POLLIN};
	for (; now < end && !warmer_stopping(w); now = now_ms())
		poll(&stop, 1, (int)(end - now < LONGEST_MS ? end - now : LONGEST_MS));
}

static bool digest_pieces(struct warmer *w, int fd, struct pace *pace, struct digest *d, char *buffer, struct fault *f)
{
	for (int64_t at = 0;;) {
		if (warmer_stopping(w))
			return fault_set(f, FAULT_BUSY, "asked to stop");
		ssize_t n = pread(fd, buffer, PIECE, at);
		if (n < 0)
			return fault_errno(f, FAULT_SYSTEM, errno, "cannot be read");
		if (n == 0)
			return true;
		digest_add(d, buffer, (size_t)n);
		at += n;
		keep_pace(w, pace, n);
	}
}

bool judge_digest(struct warmer *w, int fd, struct pace *pace, struct digest_result *out, struct fault *f)
{
	struct digest *d = digest_new();
	char *buffer = malloc(PIECE);
	bool ok = false;
	if (d == NULL || buffer == NULL)
		fault_errno(f, FAULT_SYSTEM, ENOMEM, "cannot digest");
	else
		ok = digest_pieces(w, fd, pace, d, buffer, f);
	if (ok)
		digest_finish(d, out);
	digest_free(d);
	free(buffer);
	return ok;
}

size_t judge_read_signature(int fd, char text[MINISIGN_FILE_MAX + 1])
{
	ssize_t n = pread(fd, text, MINISIGN_FILE_MAX + 1, 0);
	return n > 0 ? (size_t)n : 0;
}

const char *judge_class_name(const struct route *r, unsigned class)
{
	if (r->kind == ROUTE_PACKAGE)
		return "package";
	if (r->kind == ROUTE_ARTIFACT)
		return "artifact";
	return class == CLASS_NOMINATED ? "nominated" : class == CLASS_DEV ? "dev" : "stable";
}

/* What an index says of the file, and its class. *found: one does. */
static bool look_up(struct warmer *w, const struct judge_case *c, struct catalog_artifact *listed, bool *found,
    struct judge_verdict *out, struct fault *f)
{
	*found = false;
	if (c->route->kind != ROUTE_TOOLCHAIN)
		return true;
	out->class = route_class(c->route);
	if (w->catalog == NULL)
		return true;
	*found = catalog_artifact_get(w->catalog, c->route->zig.base, listed, f);
	if (!*found)
		return f->class == FAULT_ABSENT;
	if (listed->nominated && out->class == CLASS_DEV)
		out->class = CLASS_NOMINATED;
	/* Of a signature nothing is listed; and an index that came along with files proves nothing of them. */
	if (c->route->signature || !catalog_listed_upstream(w->catalog, c->route->zig.base))
		*found = false;
	return true;
}

/* The child that unpacks; asked again and again for a stop of ours. */
static bool unpack(struct warmer *w, const struct judge_case *c, bool package, struct zighash *zig, struct fault *f)
{
	struct unpack_result r = {0};
	struct unpack *u = unpack_start(c->fd, package, f);
	bool done = false;
	if (u == NULL)
		return false;
	while (!done && !warmer_stopping(w)) {
		struct pollfd waits[] = {
		    {.fd = unpack_fd(u), .events = POLLIN}, {.fd = w->signal_fd, .events = POLLIN}};
		poll(waits, 2, 1000);
		done = unpack_done(u, &r);
	}
	unpack_stop(u);
	if (!done)
		return fault_set(f, FAULT_BUSY, "asked to stop");
	*zig = r.zig;
	if (r.fault.class != FAULT_NONE)
		*f = r.fault;
	return r.fault.class == FAULT_NONE;
}

/* A package is known by its content, an artifact that no key signs by its bytes. */
static bool judge_content(struct warmer *w, const struct judge_case *c, struct judge_verdict *out, struct fault *f)
{
	const bool package = c->route->kind == ROUTE_PACKAGE && !c->route->signature;
	const bool vouched = strcmp(out->proof.verdict, "tls") != 0;
	char known[CATALOG_CONTENT_CAP] = "";
	if (!package && (vouched || c->route->kind != ROUTE_ARTIFACT))
		return vouched || c->own ||
		       fault_set(f, FAULT_INTEGRITY, "neither a signature nor an index vouches for it");
	if ((package || archive_is_known(c->route->path)) && !unpack(w, c, package, &out->zig, f))
		return false;
	snprintf(out->content, sizeof out->content, "%s",
	    !package                        ? c->digest->sha256_hex
	    : out->zig.hash[0] != '\0'      ? out->zig.hash
	    : out->zig.multihash[0] != '\0' ? out->zig.multihash
	                                    : out->zig.tree);
	if (w->catalog != NULL && !catalog_trusted_content(w->catalog, c->route->path, known, f))
		return false;
	if (known[0] != '\0' && strcmp(known, out->content) != 0)
		return fault_set(
		    f, FAULT_INTEGRITY, "has another content (%s) than what is known of it (%s)", out->content, known);
	if (known[0] != '\0' && !vouched)
		out->proof.verdict = "pinned";
	return known[0] != '\0' || vouched || c->own ||
	       fault_set(f, FAULT_INTEGRITY, "nothing vouches for it: no signature, and it was never fetched");
}

bool judge_file(struct warmer *w, const struct judge_case *c, struct judge_verdict *out, struct fault *f)
{
	char name[256];
	bool found;
	struct catalog_artifact listed = {0};
	struct route_source source = {0};
	*out = (struct judge_verdict){.proof.verdict = "bad"};
	if (!look_up(w, c, &listed, &found, out, f))
		return false;
	if (!route_source(w->config, c->route, found ? listed.url : NULL, 0, &source))
		source.url[0] = '\0';
	verify_name(c->route, source.url, name, sizeof name);
	const struct verify_case v = {.route = c->route,
	    .file = name,
	    .fd = c->fd,
	    .digest = c->digest,
	    .listed = found ? &listed : NULL,
	    .state = c->route->keys == NULL ? SIGNATURE_NONE
	             : c->signature != NULL ? SIGNATURE_PRESENT
	                                    : SIGNATURE_ABSENT,
	    .signature = c->signature,
	    .signature_len = c->signature_len};
	return verify_file(&v, &out->proof, f) && judge_content(w, c, out, f);
}
