/* verify: see verify.h. */
#include "verify.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void verify_name(const struct route *r, const char *url, char *out, size_t cap)
{
	const char *slash = strrchr(url, '/');
	if (r->kind == ROUTE_TOOLCHAIN) {
		snprintf(out, cap, "%s", r->zig.base);
		return;
	}
	snprintf(out, cap, "%s", slash != NULL ? slash + 1 : r->match.file);
	size_t len = strlen(out), end = strlen(".minisig");
	if (r->signature && len > end && strcmp(out + len - end, ".minisig") == 0)
		out[len - end] = '\0';
}

static bool check_listed(const struct verify_case *v, struct fault *f)
{
	const struct catalog_artifact *a = v->listed;
	if (a == NULL)
		return true;
	if (a->size >= 0 && a->size != v->digest->bytes)
		return fault_set(f, FAULT_INTEGRITY, "%s: has %lld bytes, the index says %lld", v->file,
		    (long long)v->digest->bytes, (long long)a->size);
	if (a->sha256[0] != '\0' && strcmp(a->sha256, v->digest->sha256_hex) != 0)
		return fault_set(f, FAULT_INTEGRITY, "%s: has SHA-256 %s, the index says %s", v->file,
		    v->digest->sha256_hex, a->sha256);
	return true;
}

static bool verify_legacy(const struct verify_case *v, const struct minisign_signature *s, struct fault *f)
{
	size_t len = (size_t)v->digest->bytes;
	void *data = len > 0 ? mmap(NULL, len, PROT_READ, MAP_PRIVATE, v->fd, 0) : NULL;
	if (data == MAP_FAILED)
		return fault_errno(f, FAULT_SYSTEM, errno, "cannot read %s", v->file);
	bool ok = minisign_verify_legacy(s, minisign_key_of(v->route->keys, s), data != NULL ? data : "", len, f);
	if (data != NULL)
		munmap(data, len);
	return ok;
}

static void note(const struct minisign_signature *s, struct verify_verdict *out)
{
	minisign_key_id_hex(s->key_id, out->key_id);
	snprintf(out->comment, sizeof out->comment, "%s", s->comment);
}

/* A signature file proves itself: its global signature covers the comment, which names the file. */
static bool verify_signature_file(const struct verify_case *v, struct verify_verdict *out, struct fault *f)
{
	char text[MINISIGN_FILE_MAX + 1];
	struct minisign_signature s;
	ssize_t n = pread(v->fd, text, sizeof text, 0);
	if (n < 0)
		return fault_errno(f, FAULT_SYSTEM, errno, "cannot read the signature of %s", v->file);
	if (!minisign_parse(text, (size_t)n, &s, f) ||
	    !minisign_check_comment(&s, minisign_key_of(v->route->keys, &s), v->file, f))
		return false;
	note(&s, out);
	out->verdict = "signed";
	return true;
}

static bool verify_signed(const struct verify_case *v, struct verify_verdict *out, struct fault *f)
{
	struct minisign_signature s;
	if (!minisign_parse(v->signature, v->signature_len, &s, f))
		return false;
	const struct minisign_key *key = minisign_key_of(v->route->keys, &s);
	if (!minisign_check_comment(&s, key, v->file, f))
		return false;
	if (s.prehashed ? !minisign_verify_prehashed(&s, key, v->digest->blake2b, f) : !verify_legacy(v, &s, f))
		return false;
	note(&s, out);
	out->verdict = "signed";
	return true;
}

static bool judge_unsigned(const struct verify_case *v, struct verify_verdict *out, struct fault *f)
{
	bool listed = v->listed != NULL && v->listed->sha256[0] != '\0';
	/* A signature that is there and wrong outweighs an index. */
	if (v->state == SIGNATURE_FAILED && v->signature_fault->class == FAULT_INTEGRITY) {
		*f = *v->signature_fault;
		return false;
	}
	if (!v->flat && listed && v->route->require <= REQUIRE_DIGEST) {
		out->verdict = "digest";
		return true;
	}
	if (!v->flat && v->route->require == REQUIRE_TLS) {
		out->verdict = "tls";
		return true;
	}
	if (v->state == SIGNATURE_FAILED) {
		*f = *v->signature_fault;
		return false;
	}
	return fault_set(f, FAULT_INTEGRITY, "%s: has no signature%s", v->file,
	    v->flat  ? ", and comes from a flat mirror"
	    : listed ? ""
	             : ", and no index lists its digest");
}

bool verify_file(const struct verify_case *v, struct verify_verdict *out, struct fault *f)
{
	*out = (struct verify_verdict){.verdict = "bad"};
	if (v->route->signature)
		return verify_signature_file(v, out, f);
	if (!check_listed(v, f))
		return false;
	if (v->state != SIGNATURE_PRESENT)
		return judge_unsigned(v, out, f);
	if (verify_signed(v, out, f))
		return true;
	out->by_signature = f->class == FAULT_INTEGRITY;
	return false;
}
