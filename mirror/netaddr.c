/* netaddr: see netaddr.h. */
#include "netaddr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct range4 {
	uint32_t base;
	int bits;
};

/* The IANA IPv4 special-purpose registry, what is not globally reachable, and multicast and reserved. */
static const struct range4 SPECIAL4[] = {
    {0x00000000, 8},  /* 0.0.0.0/8 this network */
    {0x0a000000, 8},  /* 10.0.0.0/8 private */
    {0x64400000, 10}, /* 100.64.0.0/10 shared */
    {0x7f000000, 8},  /* 127.0.0.0/8 loopback */
    {0xa9fe0000, 16}, /* 169.254.0.0/16 link local */
    {0xac100000, 12}, /* 172.16.0.0/12 private */
    {0xc0000000, 24}, /* 192.0.0.0/24 protocol assignments */
    {0xc0000200, 24}, /* 192.0.2.0/24 documentation */
    {0xc0586300, 24}, /* 192.88.99.0/24 6to4 relay, deprecated */
    {0xc0a80000, 16}, /* 192.168.0.0/16 private */
    {0xc6120000, 15}, /* 198.18.0.0/15 benchmarking */
    {0xc6336400, 24}, /* 198.51.100.0/24 documentation */
    {0xcb007100, 24}, /* 203.0.113.0/24 documentation */
    {0xe0000000, 3},  /* 224.0.0.0/3 multicast, reserved, broadcast */
};

struct range6 {
	unsigned char base[16];
	int bits;
};

/* Of IPv6 only 2000::/3 is global unicast; these are its special ranges. */
static const struct range6 SPECIAL6[] = {
    {{0x20, 0x01, 0x00, 0x00}, 23}, /* 2001::/23 protocol assignments, Teredo */
    {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* 2001:db8::/32 documentation */
    {{0x3f, 0xff, 0x00, 0x00}, 20}, /* 3fff::/20 documentation */
};

static const struct range6 GLOBAL6 = {{0x20}, 3};
static const struct range6 MAPPED = {{[10] = 0xff, [11] = 0xff}, 96};
static const struct range6 NAT64 = {{0x00, 0x64, 0xff, 0x9b}, 96};
static const struct range6 SIX_TO_FOUR = {{0x20, 0x02}, 16};

static bool in_range6(const unsigned char *a, const struct range6 *r)
{
	int whole = r->bits / 8, rest = r->bits % 8;
	if (memcmp(a, r->base, (size_t)whole) != 0)
		return false;
	return rest == 0 || ((a[whole] ^ r->base[whole]) >> (8 - rest)) == 0;
}

static bool is_public4(uint32_t address)
{
	for (size_t i = 0; i < sizeof SPECIAL4 / sizeof SPECIAL4[0]; i++)
		if (((address ^ SPECIAL4[i].base) >> (32 - SPECIAL4[i].bits)) == 0)
			return false;
	return true;
}

static uint32_t embedded4(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool is_public6(const unsigned char *a)
{
	if (in_range6(a, &MAPPED) || in_range6(a, &NAT64))
		return is_public4(embedded4(a + 12));
	if (in_range6(a, &SIX_TO_FOUR))
		return is_public4(embedded4(a + 2));
	if (!in_range6(a, &GLOBAL6))
		return false;
	for (size_t i = 0; i < sizeof SPECIAL6 / sizeof SPECIAL6[0]; i++)
		if (in_range6(a, &SPECIAL6[i]))
			return false;
	return true;
}

bool netaddr_is_public(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET) {
		struct sockaddr_in in;
		memcpy(&in, address, sizeof in);
		return is_public4(ntohl(in.sin_addr.s_addr));
	}
	if (address->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;
		memcpy(&in6, address, sizeof in6);
		return is_public6(in6.sin6_addr.s6_addr);
	}
	return false;
}

void netaddr_text(const struct sockaddr *address, char out[NETADDR_TEXT_CAP])
{
	out[0] = '\0';
	if (address->sa_family == AF_INET) {
		struct sockaddr_in in;
		memcpy(&in, address, sizeof in);
		inet_ntop(AF_INET, &in.sin_addr, out, NETADDR_TEXT_CAP);
	} else if (address->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;
		memcpy(&in6, address, sizeof in6);
		inet_ntop(AF_INET6, &in6.sin6_addr, out, NETADDR_TEXT_CAP);
	}
}

/* Parses an IPv6 address. The zone of a link-local one (RFC 4007 section 11) names an interface, not a client. */
static bool parse6(const char *text, struct in6_addr *out)
{
	char plain[INET6_ADDRSTRLEN];
	size_t len = strcspn(text, "%");
	if (len >= sizeof plain)
		return false;
	snprintf(plain, sizeof plain, "%.*s", (int)len, text);
	return inet_pton(AF_INET6, plain, out) == 1;
}

void netaddr_network(const char *text, char out[NETADDR_TEXT_CAP])
{
	struct in_addr v4;
	struct in6_addr v6;
	char network[INET6_ADDRSTRLEN];

	snprintf(out, NETADDR_TEXT_CAP, "-");
	if (inet_pton(AF_INET, text, &v4) == 1) {
		inet_ntop(AF_INET, &v4, out, NETADDR_TEXT_CAP);
	} else if (parse6(text, &v6)) {
		if (in_range6(v6.s6_addr, &MAPPED)) {
			inet_ntop(AF_INET, v6.s6_addr + 12, out, NETADDR_TEXT_CAP);
			return;
		}
		memset(v6.s6_addr + 8, 0, 8);
		if (inet_ntop(AF_INET6, &v6, network, sizeof network) != NULL)
			snprintf(out, NETADDR_TEXT_CAP, "%s/64", network);
	}
}

bool netaddr_is_loopback(const char *text)
{
	struct in_addr v4;
	struct in6_addr v6;
	if (inet_pton(AF_INET, text, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	if (!parse6(text, &v6))
		return false;
	return in_range6(v6.s6_addr, &MAPPED) ? v6.s6_addr[12] == 127 : IN6_IS_ADDR_LOOPBACK(&v6);
}
