/* chain: see chain.h. The names are those of FIPS 202. */
#include "chain.h"

#include <stddef.h>
#include <stdint.h>

enum { LANES = 25, ROUNDS = 24, RATE_BYTES = 136, HASH_BYTES = 32 };

/* A state of 1600 bits that takes bytes in and is stirred when a block is full. */
struct sponge {
	uint64_t lanes[LANES];
	size_t at; /* the next byte of the block */
};

static uint64_t rotate(uint64_t lane, unsigned by)
{
	return lane << by | lane >> (64 - by);
}

static void theta(uint64_t a[LANES])
{
	uint64_t c[5];
	for (int x = 0; x < 5; x++)
		c[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
	for (int x = 0; x < 5; x++)
		for (int y = 0; y < LANES; y += 5)
			a[y + x] ^= c[(x + 4) % 5] ^ rotate(c[(x + 1) % 5], 1);
}

/* Turns each lane and moves it to its new place, along the one cycle that goes through all of them but the first. */
static void rho_pi(uint64_t a[LANES])
{
	static const unsigned char PLACES[] = {
	    10, 7, 11, 17, 18, 3, 5, 16, 8, 21, 24, 4, 15, 23, 19, 13, 12, 2, 20, 14, 22, 9, 6, 1};
	uint64_t carried = a[1];
	for (unsigned t = 0; t < sizeof PLACES; t++) {
		const uint64_t lane = a[PLACES[t]];
		a[PLACES[t]] = rotate(carried, (t + 1) * (t + 2) / 2 % 64);
		carried = lane;
	}
}

static void chi(uint64_t a[LANES])
{
	for (int y = 0; y < LANES; y += 5) {
		uint64_t row[5];
		for (int x = 0; x < 5; x++)
			row[x] = a[y + x];
		for (int x = 0; x < 5; x++)
			a[y + x] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5]);
	}
}

static void keccak(uint64_t a[LANES])
{
	static const uint64_t CONSTANTS[ROUNDS] = {0x0000000000000001, 0x0000000000008082, 0x800000000000808a,
	    0x8000000080008000, 0x000000000000808b, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
	    0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a, 0x000000008000808b,
	    0x800000000000008b, 0x8000000000008089, 0x8000000000008003, 0x8000000000008002, 0x8000000000000080,
	    0x000000000000800a, 0x800000008000000a, 0x8000000080008081, 0x8000000000008080, 0x0000000080000001,
	    0x8000000080008008};
	for (int round = 0; round < ROUNDS; round++) {
		theta(a);
		rho_pi(a);
		chi(a);
		a[0] ^= CONSTANTS[round];
	}
}

static void flip(struct sponge *s, size_t at, unsigned char byte)
{
	s->lanes[at / 8] ^= (uint64_t)byte << at % 8 * 8;
}

static void absorb(struct sponge *s, const char *text)
{
	for (; *text != '\0'; text++) {
		flip(s, s->at++, (unsigned char)*text);
		if (s->at < RATE_BYTES)
			continue;
		keccak(s->lanes);
		s->at = 0;
	}
}

/* Pads, and writes the hash. */
static void squeeze(struct sponge *s, char out[CHAIN_HASH_CAP])
{
	static const char DIGITS[] = "0123456789abcdef";
	flip(s, s->at, 0x06);
	flip(s, RATE_BYTES - 1, 0x80);
	keccak(s->lanes);
	for (size_t i = 0; i < HASH_BYTES; i++) {
		const unsigned byte = s->lanes[i / 8] >> i % 8 * 8 & 0xff;
		*out++ = DIGITS[byte >> 4];
		*out++ = DIGITS[byte & 15];
	}
	*out = '\0';
}

void chain_hash(const char *previous, const char *row, char out[CHAIN_HASH_CAP])
{
	struct sponge s = {0};
	absorb(&s, previous);
	absorb(&s, "\n");
	absorb(&s, row);
	squeeze(&s, out);
}
