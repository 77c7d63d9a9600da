/* IP addresses: the network of a client, and where an upstream may not be. */
#include "mirror/netaddr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

union any {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
};

static union any address(const char *text)
{
	union any a = {0};
	if (inet_pton(AF_INET, text, &a.in.sin_addr) == 1)
		a.sa.sa_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &a.in6.sin6_addr) == 1)
		a.sa.sa_family = AF_INET6;
	else
		fail_msg("%s is no address", text);
	return a;
}

static void network_of_a_client_is_v4_or_half_of_v6(void **state)
{
	static const struct {
		const char *text, *network;
	} cases[] = {{"192.0.2.7", "192.0.2.7"}, {"::ffff:192.0.2.7", "192.0.2.7"}, {"::ffff:c000:207", "192.0.2.7"},
	    {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"}, {"2001:DB8:1:2::", "2001:db8:1:2::/64"}, {"::1", "::/64"},
	    {"fe80::1", "fe80::/64"}, {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff::/64"},
	    {"", "-"}, {"-", "-"}, {"unix:", "-"}, {"192.0.2", "-"}, {"192.0.2.256", "-"}, {"192.0.2.7 ", "-"},
	    {"[::1]", "-"}, {"fe80::1%eth0", "fe80::/64"}, {"fe80::2%", "fe80::/64"}, {"192.0.2.7%eth0", "-"},
	    {"1.2.3.4\n", "-"}, {"192.0.2.7:80", "-"}};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char out[NETADDR_TEXT_CAP];
		netaddr_network(cases[i].text, out);
		if (strcmp(out, cases[i].network) != 0)
			fail_msg("%s: %s", cases[i].text, out);
	}
}

/* Both ends of each special range, and their neighbours. */
static void public_is_what_no_registry_reserves(void **state)
{
	static const struct {
		const char *text;
		bool is_public;
	} cases[] = {{"0.0.0.0", false}, {"0.255.255.255", false}, {"1.0.0.0", true}, {"9.255.255.255", true},
	    {"10.0.0.0", false}, {"10.255.255.255", false}, {"11.0.0.0", true}, {"100.63.255.255", true},
	    {"100.64.0.0", false}, {"100.127.255.255", false}, {"100.128.0.0", true}, {"126.255.255.255", true},
	    {"127.0.0.0", false}, {"127.255.255.255", false}, {"128.0.0.0", true}, {"169.253.255.255", true},
	    {"169.254.0.0", false}, {"169.254.169.254", false}, {"169.254.255.255", false}, {"169.255.0.0", true},
	    {"172.15.255.255", true}, {"172.16.0.0", false}, {"172.31.255.255", false}, {"172.32.0.0", true},
	    {"191.255.255.255", true}, {"192.0.0.0", false}, {"192.0.0.255", false}, {"192.0.1.0", true},
	    {"192.0.2.0", false}, {"192.0.2.255", false}, {"192.0.3.0", true}, {"192.88.98.255", true},
	    {"192.88.99.1", false}, {"192.88.100.0", true}, {"192.167.255.255", true}, {"192.168.0.0", false},
	    {"192.168.255.255", false}, {"192.169.0.0", true}, {"198.17.255.255", true}, {"198.18.0.0", false},
	    {"198.19.255.255", false}, {"198.20.0.0", true}, {"198.51.99.255", true}, {"198.51.100.0", false},
	    {"198.51.101.0", true}, {"203.0.112.255", true}, {"203.0.113.7", false}, {"203.0.114.0", true},
	    {"223.255.255.255", true}, {"224.0.0.0", false}, {"239.255.255.255", false}, {"240.0.0.0", false},
	    {"255.255.255.255", false}, {"::", false}, {"::1", false}, {"::2", false}, {"::192.0.2.1", false},
	    {"::8.8.8.8", false}, {"100::1", false}, {"1fff:ffff::1", false}, {"2000::1", true}, {"2001::1", false},
	    {"2001:1ff:ffff::1", false}, {"2001:200::1", true}, {"2001:db7:ffff::1", true}, {"2001:db8::1", false},
	    {"2001:db8:ffff::1", false}, {"2001:db9::1", true}, {"2606:4700::1111", true}, {"3ffe::1", true},
	    {"3fff::1", false}, {"3fff:fff:ffff::1", false}, {"3fff:1000::1", true}, {"4000::1", false},
	    {"5f00::1", false}, {"fc00::1", false}, {"fdff::1", false}, {"fe80::1", false}, {"fec0::1", false},
	    {"ff02::1", false}, {"ff0e::1", false}, {"::ffff:8.8.8.8", true}, {"::ffff:127.0.0.1", false},
	    {"::ffff:10.1.2.3", false}, {"64:ff9b::8.8.8.8", true}, {"64:ff9b::192.168.1.1", false},
	    {"64:ff9b:1::8.8.8.8", false}, {"2002:808:808::1", true}, {"2002:7f00:1::1", false},
	    {"2002:a00:1::1", false}, {"2003::1", true}};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		union any a = address(cases[i].text);
		if (netaddr_is_public(&a.sa) != cases[i].is_public)
			fail_msg("%s is %spublic", cases[i].text, cases[i].is_public ? "not " : "");
	}
}

static void other_families_are_not_public_and_have_no_text(void **state)
{
	union any a = {.sa = {.sa_family = AF_UNIX}}, b = {.sa = {.sa_family = AF_UNSPEC}};
	char out[NETADDR_TEXT_CAP];
	(void)state;
	assert_false(netaddr_is_public(&a.sa));
	assert_false(netaddr_is_public(&b.sa));
	netaddr_text(&a.sa, out);
	assert_string_equal(out, "");
}

static void text_is_the_address_without_port(void **state)
{
	static const char *const texts[] = {"192.0.2.7", "255.255.255.255", "::", "2001:db8::1",
	    "1111:2222:3333:4444:5555:6666:7777:8888", "::ffff:192.0.2.7"};
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		char out[NETADDR_TEXT_CAP];
		union any a = address(texts[i]);
		a.in.sin_port = htons(443); /* at the same place in both */
		netaddr_text(&a.sa, out);
		assert_string_equal(out, texts[i]);
	}
}

static void loopback_is_known_in_all_its_forms(void **state)
{
	static const struct {
		const char *text;
		bool loopback;
	} cases[] = {{"127.0.0.1", true}, {"127.255.255.255", true}, {"::1", true}, {"::ffff:127.9.9.9", true},
	    {"126.255.255.255", false}, {"128.0.0.0", false}, {"::", false}, {"::2", false}, {"::127.0.0.1", false},
	    {"::ffff:128.0.0.1", false}, {"localhost", false}, {"", false}};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_int_equal(netaddr_is_loopback(cases[i].text), cases[i].loopback);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(network_of_a_client_is_v4_or_half_of_v6),
	    cmocka_unit_test(public_is_what_no_registry_reserves),
	    cmocka_unit_test(other_families_are_not_public_and_have_no_text),
	    cmocka_unit_test(text_is_the_address_without_port),
	    cmocka_unit_test(loopback_is_known_in_all_its_forms),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
