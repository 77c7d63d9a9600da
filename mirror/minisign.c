/* minisign: see minisign.h. */
#include "minisign.h"

#include <sodium.h>

#include <stdio.h>
#include <string.h>

/* What the base64 lines hold, as minisign(1) writes them. */
struct key_wire {
	unsigned char algorithm[2], id[8], key[32];
};

struct signature_wire {
	unsigned char algorithm[2], id[8], signature[64];
};

static const char COMMENT_PREFIX[] = "untrusted comment: ";
static const char TRUSTED_PREFIX[] = "trusted comment: ";

/* Decodes exactly `cap` bytes from exactly the len characters of text. libsodium takes bytes from 0x80 on for an 'A'.
 */
static bool decode(const char *text, size_t len, void *out, size_t cap)
{
	size_t got = 0;
	const char *end = NULL;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] >= 0x80)
			return false;
	return sodium_base642bin(out, cap, text, len, NULL, &got, &end, sodium_base64_VARIANT_ORIGINAL) == 0 &&
	       got == cap && end == text + len;
}

bool minisign_key_parse(const char *text, size_t len, struct minisign_key *out, struct fault *f)
{
	struct key_wire wire;
	if (len != 56 || !decode(text, len, &wire, sizeof wire))
		return fault_set(f, FAULT_INTEGRITY, "not a minisign public key: 56 characters of base64 are expected");
	if (memcmp(wire.algorithm, "Ed", 2) != 0)
		return fault_set(f, FAULT_INTEGRITY, "not a minisign public key: unknown algorithm");
	memcpy(out->id, wire.id, sizeof out->id);
	memcpy(out->key, wire.key, sizeof out->key);
	return true;
}

struct line {
	const char *text;
	size_t len;
};

/* The next line of *text, without its LF or CRLF. */
static bool take_line(const char **text, const char *end, struct line *out)
{
	if (*text == end)
		return false;
	const char *lf = memchr(*text, '\n', (size_t)(end - *text));
	out->text = *text;
	out->len = (size_t)((lf != NULL ? lf : end) - *text);
	*text = lf != NULL ? lf + 1 : end;
	if (out->len > 0 && out->text[out->len - 1] == '\r')
		out->len--;
	return true;
}

static bool begins(const struct line *l, const char *prefix)
{
	return l->len >= strlen(prefix) && memcmp(l->text, prefix, strlen(prefix)) == 0;
}

static bool parse_comment(const struct line *l, struct minisign_signature *out, struct fault *f)
{
	if (!begins(l, TRUSTED_PREFIX))
		return fault_set(f, FAULT_INTEGRITY, "signature: the third line is no trusted comment");
	out->comment_len = l->len - strlen(TRUSTED_PREFIX);
	if (out->comment_len >= sizeof out->comment)
		return fault_set(f, FAULT_INTEGRITY, "signature: the trusted comment is too long");
	memcpy(out->comment, l->text + strlen(TRUSTED_PREFIX), out->comment_len);
	out->comment[out->comment_len] = '\0';
	/* A tab separates the fields; any other control byte would only serve to deceive a reader. */
	for (size_t i = 0; i < out->comment_len; i++)
		if (((unsigned char)out->comment[i] < 0x20 && out->comment[i] != '\t') || out->comment[i] == 0x7f)
			return fault_set(f, FAULT_INTEGRITY, "signature: a control byte in the trusted comment");
	return true;
}

bool minisign_parse(const char *text, size_t len, struct minisign_signature *out, struct fault *f)
{
	const char *p = text, *end = text + len;
	struct line comment, signature, trusted, global, more;
	struct signature_wire wire;

	if (len > MINISIGN_FILE_MAX)
		return fault_set(f, FAULT_INTEGRITY, "signature: over %d bytes", MINISIGN_FILE_MAX);
	if (!take_line(&p, end, &comment) || !take_line(&p, end, &signature) || !take_line(&p, end, &trusted) ||
	    !take_line(&p, end, &global) || take_line(&p, end, &more))
		return fault_set(f, FAULT_INTEGRITY, "signature: four lines are expected");
	if (!begins(&comment, COMMENT_PREFIX))
		return fault_set(f, FAULT_INTEGRITY, "signature: the first line is no untrusted comment");
	if (!decode(signature.text, signature.len, &wire, sizeof wire))
		return fault_set(f, FAULT_INTEGRITY, "signature: the second line is no signature");
	if (memcmp(wire.algorithm, "ED", 2) != 0 && memcmp(wire.algorithm, "Ed", 2) != 0)
		return fault_set(f, FAULT_INTEGRITY, "signature: unknown algorithm");
	out->prehashed = wire.algorithm[1] == 'D';
	memcpy(out->key_id, wire.id, sizeof out->key_id);
	memcpy(out->signature, wire.signature, sizeof out->signature);
	if (!parse_comment(&trusted, out, f))
		return false;
	if (!decode(global.text, global.len, out->global, sizeof out->global))
		return fault_set(f, FAULT_INTEGRITY, "signature: the fourth line is no global signature");
	return true;
}

const struct minisign_key *minisign_key_of(const struct minisign_keys *keys, const struct minisign_signature *s)
{
	bool now = memcmp(keys->now.id, s->key_id, sizeof s->key_id) == 0;
	for (size_t i = 0; i < keys->old_count && !now; i++)
		if (memcmp(keys->old[i].id, s->key_id, sizeof s->key_id) == 0)
			return &keys->old[i];
	return &keys->now;
}

static bool check_key_id(const struct minisign_signature *s, const struct minisign_key *key, struct fault *f)
{
	char theirs[MINISIGN_KEY_ID_HEX_CAP], ours[MINISIGN_KEY_ID_HEX_CAP];
	if (memcmp(s->key_id, key->id, sizeof key->id) == 0)
		return true;
	minisign_key_id_hex(s->key_id, theirs);
	minisign_key_id_hex(key->id, ours);
	return fault_set(f, FAULT_INTEGRITY, "signature: made by key %s, not by %s", theirs, ours);
}

/* Whether a field of the comment is "file:" and the name. */
static bool names_file(const char *comment, const char *file)
{
	for (const char *p = comment; *p != '\0';) {
		size_t len = strcspn(p, "\t ");
		if (len == strlen("file:") + strlen(file) && memcmp(p, "file:", 5) == 0 &&
		    memcmp(p + 5, file, strlen(file)) == 0)
			return true;
		p += len;
		p += strspn(p, "\t ");
	}
	return false;
}

bool minisign_check_comment(
    const struct minisign_signature *s, const struct minisign_key *key, const char *file, struct fault *f)
{
	unsigned char signed_bytes[sizeof s->signature + MINISIGN_COMMENT_CAP];
	if (!check_key_id(s, key, f))
		return false;
	memcpy(signed_bytes, s->signature, sizeof s->signature);
	memcpy(signed_bytes + sizeof s->signature, s->comment, s->comment_len);
	if (crypto_sign_verify_detached(s->global, signed_bytes, sizeof s->signature + s->comment_len, key->key) != 0)
		return fault_set(f, FAULT_INTEGRITY, "signature: the trusted comment is not signed by the key");
	if (file != NULL && !names_file(s->comment, file))
		return fault_set(f, FAULT_INTEGRITY, "signature: the trusted comment does not name %s", file);
	return true;
}

bool minisign_verify_prehashed(const struct minisign_signature *s, const struct minisign_key *key,
    const unsigned char blake2b[64], struct fault *f)
{
	if (!s->prehashed)
		return fault_set(f, FAULT_INTEGRITY, "signature: a legacy one, which signs the file's own bytes");
	if (!check_key_id(s, key, f))
		return false;
	if (crypto_sign_verify_detached(s->signature, blake2b, 64, key->key) != 0)
		return fault_set(f, FAULT_INTEGRITY, "signature: does not fit the file");
	return true;
}

bool minisign_verify_legacy(
    const struct minisign_signature *s, const struct minisign_key *key, const void *data, size_t len, struct fault *f)
{
	if (s->prehashed)
		return fault_set(f, FAULT_INTEGRITY, "signature: a prehashed one, which signs the file's digest");
	if (!check_key_id(s, key, f))
		return false;
	if (crypto_sign_verify_detached(s->signature, data, len, key->key) != 0)
		return fault_set(f, FAULT_INTEGRITY, "signature: does not fit the file");
	return true;
}

void minisign_key_id_hex(const unsigned char id[8], char out[MINISIGN_KEY_ID_HEX_CAP])
{
	for (int i = 0; i < 8; i++)
		snprintf(out + i * 2, 3, "%02X", id[7 - i]);
}

void minisign_key_text(const struct minisign_key *key, char out[MINISIGN_KEY_TEXT_CAP])
{
	unsigned char raw[2 + sizeof key->id + sizeof key->key] = {'E', 'd'};
	memcpy(raw + 2, key->id, sizeof key->id);
	memcpy(raw + 2 + sizeof key->id, key->key, sizeof key->key);
	sodium_bin2base64(out, MINISIGN_KEY_TEXT_CAP, raw, sizeof raw, sodium_base64_VARIANT_ORIGINAL);
}
