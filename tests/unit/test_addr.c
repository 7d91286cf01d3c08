/* SPDX-License-Identifier: Apache-2.0 */
#include "base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "parse.h"
#include "unit.h"

START_TEST(addresses_round_trip)
{
	static const char *const texts[] = { "0.0.0.0", "10.1.2.3", "255.255.255.255", "::", "::1",
		"2001:db8::1", "fe80::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		"::ffff:192.0.2.1" };
	char out[ADDR_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct addr addr = addr_of(texts[i]);

		ck_assert_str_eq(addr_format(&addr, out), texts[i]);
		ck_assert_uint_eq(addr_size(&addr), strchr(texts[i], ':') ? 16 : 4);
	}
	ck_assert_str_eq(addr_format(&(struct addr){ .family = AF_UNSPEC }, out), "none");
}
END_TEST

START_TEST(what_is_no_address_is_refused)
{
	static const char *const texts[] = { "", " ", "10", "10.1", "10.1.2.256", "10.1.2.3.4",
		"10.1.2.3 ", "fe80::1%eth0", "2001:db8::1::2", "[::1]", "host", "10.1.2.3/8",
		"1:2:3:4:5:6:7:8:9" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct addr addr = { .family = 99 };

		ck_assert_msg(addr_parse(texts[i], &addr) == -EINVAL, "taken: %s", texts[i]);
		ck_assert_uint_eq(addr.family, 99);
	}
}
END_TEST

START_TEST(order_is_family_then_bytes)
{
	static const char *const sorted[] = { "0.0.0.1", "10.0.0.0", "10.0.0.1", "192.0.2.1", "::1",
		"2001:db8::", "ff02::1" };
	size_t count = ARRAY_SIZE(sorted);

	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < count; j++) {
			struct addr a = addr_of(sorted[i]), b = addr_of(sorted[j]);
			int order = addr_compare(&a, &b);

			ck_assert_int_eq((order > 0) - (order < 0), (i > j) - (i < j));
			ck_assert_int_eq(addr_equal(&a, &b), i == j);
		}
	}
}
END_TEST

START_TEST(adding_carries_and_ends)
{
	static const struct {
		const char *from;
		uint64_t offset;
		const char *to; /* NULL: past the end */
	} cases[] = {
		{ "10.0.0.0", 0, "10.0.0.0" },
		{ "10.0.0.255", 1, "10.0.1.0" },
		{ "10.255.255.255", 1, "11.0.0.0" },
		{ "0.0.0.0", UINT32_MAX, "255.255.255.255" },
		{ "0.0.0.1", UINT32_MAX, NULL },
		{ "255.255.255.255", 1, NULL },
		{ "10.0.0.0", 1ull << 32, NULL },
		{ "2001:db8::ffff", 1, "2001:db8::1:0" },
		{ "2001:db8::", UINT64_MAX, "2001:db8::ffff:ffff:ffff:ffff" },
		{ "2001:db8::1", UINT64_MAX, "2001:db8:0:1::" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 1, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct addr from = addr_of(cases[i].from), sum = addr_of("192.0.2.99");
		char out[ADDR_TEXT_MAX];
		int r = addr_add(&from, cases[i].offset, &sum);

		ck_assert_int_eq(r, cases[i].to ? 0 : -ERANGE);
		ck_assert_str_eq(addr_format(&sum, out), cases[i].to ? cases[i].to : "192.0.2.99");
	}
}
END_TEST

START_TEST(special_ranges)
{
	static const struct {
		const char *text;
		bool loopback, multicast, link_local;
	} cases[] = {
		{ "127.0.0.1", true, false, false },
		{ "127.255.255.255", true, false, false },
		{ "126.255.255.255", false, false, false },
		{ "128.0.0.0", false, false, false },
		{ "223.255.255.255", false, false, false },
		{ "224.0.0.0", false, true, false },
		{ "239.255.255.255", false, true, false },
		{ "240.0.0.0", false, false, false },
		{ "169.253.255.255", false, false, false },
		{ "169.254.0.0", false, false, true },
		{ "169.255.0.0", false, false, false },
		{ "::1", true, false, false },
		{ "::2", false, false, false },
		{ "ff00::", false, true, false },
		{ "feff::", false, false, false },
		{ "fe7f::", false, false, false },
		{ "fe80::", false, false, true },
		{ "febf:ffff::", false, false, true },
		{ "fec0::", false, false, false },
		{ "7f00:1::", false, false, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct addr addr = addr_of(cases[i].text);

		ck_assert_msg(addr_is_loopback(&addr) == cases[i].loopback, "%s", cases[i].text);
		ck_assert_msg(addr_is_multicast(&addr) == cases[i].multicast, "%s", cases[i].text);
		ck_assert_msg(
			addr_is_link_local(&addr) == cases[i].link_local, "%s", cases[i].text);
	}
	ck_assert(!addr_is_loopback(&(struct addr){ .family = AF_UNSPEC }));
	ck_assert(!addr_is_multicast(&(struct addr){ .family = AF_UNSPEC }));
	ck_assert(!addr_is_link_local(&(struct addr){ .family = AF_UNSPEC }));
}
END_TEST

START_TEST(prefixes_round_trip)
{
	static const char *const texts[] = { "0.0.0.0/0", "10.0.0.0/8", "10.1.2.3/32", "10.1.2.3/8",
		"::/0", "2001:db8::/32", "::1/128", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff0/124" };
	char out[ADDR_TEXT_MAX];
	struct prefix prefix;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		prefix = prefix_of(texts[i]);
		ck_assert_str_eq(prefix_format(&prefix, out), texts[i]);
	}
	prefix = prefix_of("192.0.2.1");
	ck_assert_uint_eq(prefix.len, 32);
	prefix = prefix_of("2001:db8::1");
	ck_assert_uint_eq(prefix.len, 128);
}
END_TEST

START_TEST(what_is_no_prefix_is_refused)
{
	static const char *const texts[] = { "", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "::/129",
		"10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/ 8", "10.0.0.0/8 ", "10.0.0.0/08",
		"10.0.0.0/8/8", "10.0.0.0/0x8", "10.0.0.0/4294967304", "host/8",
		"10.0.0.0/18446744073709551624",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc/1" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct prefix prefix;

		ck_assert_msg(prefix_parse(texts[i], &prefix) == -EINVAL, "taken: %s", texts[i]);
	}
}
END_TEST

START_TEST(host_bits_at_every_length)
{
	/*
	 * An address of ones has host bits at every length but the full one; one with a single bit
	 * set at place n has them at lengths up to n.
	 */
	for (uint8_t len = 0; len <= 128; len++) {
		struct prefix ones = { .addr = addr_of("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
			.len = len };

		struct prefix network = prefix_network(&ones);

		ck_assert_int_eq(prefix_has_host_bits(&ones), len < 128);
		ck_assert(!prefix_has_host_bits(&network) && prefix_contains(&network, &ones));
		ck_assert_uint_eq(network.len, len);
		for (uint8_t bit = 0; bit < 128; bit++) {
			struct prefix single = { .addr = { .family = AF_INET6 }, .len = len };

			single.addr.bytes[bit / 8] = (uint8_t)(0x80 >> (bit % 8));
			ck_assert_int_eq(prefix_has_host_bits(&single), len <= bit);
		}
	}
	struct prefix here = { addr_of("192.168.178.20"), 22 },
		      network = prefix_of("192.168.176.0/22");

	here = prefix_network(&here);
	ck_assert(prefix_equal(&here, &network));
	ck_assert(prefix_has_host_bits(&(struct prefix){ addr_of("10.0.0.1"), 31 }));
	ck_assert(!prefix_has_host_bits(&(struct prefix){ addr_of("10.0.0.1"), 32 }));
}
END_TEST

START_TEST(containment)
{
	static const struct {
		const char *outer, *inner;
		bool contains, overlaps;
	} cases[] = {
		{ "10.0.0.0/8", "10.1.0.0/16", true, true },
		{ "10.1.0.0/16", "10.0.0.0/8", false, true },
		{ "10.0.0.0/8", "10.0.0.0/8", true, true },
		{ "10.0.0.0/9", "10.128.0.0/9", false, false },
		{ "0.0.0.0/0", "10.0.0.0/8", true, true },
		{ "0.0.0.0/0", "::/0", false, false },
		{ "::/0", "2001:db8::/32", true, true },
		{ "2001:db8::/33", "2001:db8:8000::/33", false, false },
		{ "2001:db8::1/128", "2001:db8::1/128", true, true },
		{ "10.0.0.0/31", "10.0.0.1/32", true, true },
		{ "10.0.0.0/31", "10.0.0.2/32", false, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct prefix outer = prefix_of(cases[i].outer), inner = prefix_of(cases[i].inner);

		ck_assert_int_eq(prefix_contains(&outer, &inner), cases[i].contains);
		ck_assert_int_eq(prefix_overlaps(&outer, &inner), cases[i].overlaps);
		ck_assert_int_eq(prefix_overlaps(&inner, &outer), cases[i].overlaps);
		if (cases[i].contains)
			ck_assert(prefix_contains_addr(&outer, &inner.addr));
		if (!cases[i].overlaps)
			ck_assert(!prefix_contains_addr(&outer, &inner.addr));
	}
	ck_assert(!prefix_contains_addr(
		&(struct prefix){ .len = 0 }, &(struct addr){ .family = AF_UNSPEC }));
}
END_TEST

START_TEST(prefix_order_puts_shorter_first)
{
	struct prefix wide = prefix_of("10.0.0.0/8"), narrow = prefix_of("10.0.0.0/16");
	struct prefix later = prefix_of("10.0.0.1/8"), host = prefix_of("10.0.0.1/32");
	struct prefix of_host = prefix_host(&host.addr);

	ck_assert_int_lt(prefix_compare(&wide, &narrow), 0);
	ck_assert_int_gt(prefix_compare(&later, &narrow), 0);
	ck_assert_int_eq(prefix_compare(&wide, &wide), 0);
	ck_assert(prefix_equal(&of_host, &host));
	ck_assert(!prefix_equal(&wide, &narrow));
}
END_TEST

START_TEST(endpoints_round_trip)
{
	char out[ENDPOINT_TEXT_MAX];
	struct endpoint endpoint;

	ck_assert_int_eq(endpoint_parse("192.0.2.1:443", 0, &endpoint), 0);
	ck_assert_str_eq(endpoint_format(&endpoint, out), "192.0.2.1:443");
	ck_assert_int_eq(endpoint_parse("[2001:db8::1]:65535", 0, &endpoint), 0);
	ck_assert_str_eq(endpoint_format(&endpoint, out), "[2001:db8::1]:65535");
	ck_assert_int_eq(endpoint_parse("192.0.2.1", 443, &endpoint), 0);
	ck_assert_str_eq(endpoint_format(&endpoint, out), "192.0.2.1:443");
	ck_assert_int_eq(endpoint_parse("[::1]", 8443, &endpoint), 0);
	ck_assert_str_eq(endpoint_format(&endpoint, out), "[::1]:8443");
	ck_assert_int_eq(endpoint_parse("2001:db8::1", 443, &endpoint), 0);
	ck_assert_str_eq(endpoint_format(&endpoint, out), "[2001:db8::1]:443");
}
END_TEST

START_TEST(what_is_no_endpoint_is_refused)
{
	static const char *const texts[] = { "", ":443", "[]:443", "192.0.2.1:", "192.0.2.1:0",
		"192.0.2.1:65536", "192.0.2.1:-1", "192.0.2.1:443x", "[::1", "[::1]443",
		"[::1]:", "host:443", "[192.0.2.1]:443", "192.0.2.1:0443" };
	struct endpoint endpoint;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		ck_assert_msg(
			endpoint_parse(texts[i], 443, &endpoint) == -EINVAL, "taken: %s", texts[i]);
	ck_assert_int_eq(endpoint_parse("192.0.2.1", 0, &endpoint), -EINVAL);
}
END_TEST

START_TEST(endpoints_are_split)
{
	char host[16] = "before";
	uint16_t port = 7;

	ck_assert_int_eq(endpoint_split("vpn.example:8443", 443, host, sizeof(host), &port), 0);
	ck_assert_str_eq(host, "vpn.example");
	ck_assert_uint_eq(port, 8443);
	ck_assert_int_eq(endpoint_split("vpn", 443, host, sizeof(host), &port), 0);
	ck_assert_str_eq(host, "vpn");
	ck_assert_uint_eq(port, 443);
	ck_assert_int_eq(endpoint_split("[::1]:9", 443, host, sizeof(host), &port), 0);
	ck_assert_str_eq(host, "::1");
	ck_assert_uint_eq(port, 9);
	ck_assert_int_eq(endpoint_split("0123456789abcde", 443, host, sizeof(host), &port), 0);
	ck_assert_int_eq(
		endpoint_split("0123456789abcdef", 1, host, sizeof(host), &port), -ENAMETOOLONG);
	ck_assert_str_eq(host, "0123456789abcde");
	ck_assert_uint_eq(port, 443);
	ck_assert_int_eq(endpoint_split("vpn", 0, host, sizeof(host), &port), -EINVAL);
}
END_TEST

START_TEST(sockaddrs_round_trip)
{
	static const char *const texts[] = { "192.0.2.1:443", "[2001:db8::1]:8443" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct endpoint endpoint, back;
		struct sockaddr_storage storage;
		char out[ENDPOINT_TEXT_MAX];
		socklen_t len;

		ck_assert_int_eq(endpoint_parse(texts[i], 0, &endpoint), 0);
		len = endpoint_to_sockaddr(&endpoint, &storage);
		ck_assert_int_eq(
			endpoint_from_sockaddr((struct sockaddr *)&storage, len, &back), 0);
		ck_assert_str_eq(endpoint_format(&back, out), texts[i]);
		ck_assert_int_eq(
			endpoint_from_sockaddr((struct sockaddr *)&storage, len - 1, &back),
			-EAFNOSUPPORT);
	}
}
END_TEST

START_TEST(mapped_addresses_become_ipv4)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(443) };
	struct sockaddr_storage storage;
	struct endpoint endpoint;
	char out[ENDPOINT_TEXT_MAX];

	ck_assert_int_eq(inet_pton(AF_INET6, "::ffff:192.0.2.1", &in6.sin6_addr), 1);
	ck_assert_int_eq(
		endpoint_from_sockaddr((struct sockaddr *)&in6, sizeof(in6), &endpoint), 0);
	ck_assert_str_eq(endpoint_format(&endpoint, out), "192.0.2.1:443");

	endpoint.addr.family = AF_UNSPEC;
	ck_assert_uint_eq(endpoint_to_sockaddr(&endpoint, &storage), 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("addr");

	unit_add(suite, "addresses", addresses_round_trip);
	unit_add(suite, "bad addresses", what_is_no_address_is_refused);
	unit_add(suite, "order", order_is_family_then_bytes);
	unit_add(suite, "adding", adding_carries_and_ends);
	unit_add(suite, "special ranges", special_ranges);
	unit_add(suite, "prefixes", prefixes_round_trip);
	unit_add(suite, "bad prefixes", what_is_no_prefix_is_refused);
	unit_add(suite, "host bits", host_bits_at_every_length);
	unit_add(suite, "containment", containment);
	unit_add(suite, "prefix order", prefix_order_puts_shorter_first);
	unit_add(suite, "endpoints", endpoints_round_trip);
	unit_add(suite, "bad endpoints", what_is_no_endpoint_is_refused);
	unit_add(suite, "splitting", endpoints_are_split);
	unit_add(suite, "sockaddrs", sockaddrs_round_trip);
	unit_add(suite, "mapped", mapped_addresses_become_ipv4);
	return suite;
}

int main(void)
{
	return unit_run("addr", suite());
}
