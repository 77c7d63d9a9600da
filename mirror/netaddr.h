/* netaddr: what an IP address is. Pure.
 *
 * Which network a client belongs to for limits, and which addresses an upstream must not have (IANA's special-purpose
 * registries). */
#ifndef PKGMIRROR_NETADDR_H
#define PKGMIRROR_NETADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

enum { NETADDR_TEXT_CAP = 64 };

/* The network of the client with the address `text` (REMOTE_ADDR): IPv4 as it is (/32), IPv4-mapped IPv6 as IPv4, IPv6
 * by its first 64 bits ("2001:db8:1:2::/64"), whatever its zone ("%eth0"). "-" when text is no address. Writes a
 * NUL-terminated text. */
void netaddr_network(const char *text, char out[NETADDR_TEXT_CAP]);

/* True when text is a loopback address: 127.0.0.0/8, ::1, or the former embedded in IPv6. */
bool netaddr_is_loopback(const char *text);

/* True when an upstream connection may go there: a global unicast address. False for loopback, private, link-local,
 * shared, multicast, documentation, reserved and unspecified ranges, for IPv4 embedded in IPv6 (mapped, NAT64, 6to4)
 * that is one of them, and for families other than IPv4 and IPv6. */
bool netaddr_is_public(const struct sockaddr *address);

/* The address without port as text, "" for other families. */
void netaddr_text(const struct sockaddr *address, char out[NETADDR_TEXT_CAP]);

#endif
