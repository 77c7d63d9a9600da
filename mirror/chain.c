/* chain: see chain.h. */
#include "chain.h"

#include <sodium.h>

#include <string.h>

void chain_hash(const char *previous, const char *row, char out[CHAIN_HASH_CAP])
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	crypto_hash_sha256_state state;
	crypto_hash_sha256_init(&state);
	crypto_hash_sha256_update(&state, (const unsigned char *)previous, strlen(previous));
	crypto_hash_sha256_update(&state, (const unsigned char *)"\n", 1);
	crypto_hash_sha256_update(&state, (const unsigned char *)row, strlen(row));
	crypto_hash_sha256_final(&state, hash);
	sodium_bin2hex(out, CHAIN_HASH_CAP, hash, sizeof hash);
}
