/* SPDX-License-Identifier: Apache-2.0 */
/* check: threads */
#include "lane/filter.h"

#include <errno.h>
#include <netinet/in.h>

#include "tests/unit/inner_packet.h"
#include "tests/unit/parse.h"
#include "tests/unit/unit.h"

/*
 * "They" are 10.1.0.0/16, 192.0.2.7/32 and 2001:db8:1::/48; "we" are 10.2.0.0/16 and
 * 2001:db8:2::/48. Everybody else is a stranger.
 */
static struct filter *new_filter(void)
{
	static const char *const theirs[] = { "10.1.0.0/16", "192.0.2.7", "2001:db8:1::/48" };
	static const char *const ours[] = { "10.2.0.0/16", "2001:db8:2::/48" };
	struct prefix their[3], our[2];
	struct filter *filter;

	for (int i = 0; i < 3; i++)
		their[i] = prefix_of(theirs[i]);
	for (int i = 0; i < 2; i++)
		our[i] = prefix_of(ours[i]);
	ck_assert_int_eq(filter_new(their, 3, our, 2, &filter), 0);
	return filter;
}

static void put_addresses(uint8_t *header, const char *source, const char *destination)
{
	struct addr from, to;

	from = addr_of(source);
	to = addr_of(destination);
	if (from.family == AF_INET) {
		memcpy(header + 12, from.bytes, 4);
		memcpy(header + 16, to.bytes, 4);
	} else {
		memcpy(header + 8, from.bytes, 16);
		memcpy(header + 24, to.bytes, 16);
	}
}

static bool is_v6(const char *addr)
{
	return strchr(addr, ':') != NULL;
}

static void begin(struct inner_packet *packet, const char *source, const char *destination,
	uint8_t v4, uint8_t v6)
{
	if (is_v6(source))
		inner_v6(packet, v6);
	else
		inner_v4(packet, v4);
	put_addresses(packet->data, source, destination);
}

static void make_udp(struct inner_packet *packet, const char *source, const char *destination)
{
	begin(packet, source, destination, IPPROTO_UDP, IPPROTO_UDP);
	inner_udp(packet, 10);
	inner_finish(packet);
}

/* RFC 792 and RFC 4443: type, code, checksum, four more bytes, then what is quoted. */
static void make_icmp(struct inner_packet *packet, uint8_t type, const char *source,
	const char *destination, const char *quoted_source, const char *quoted_destination)
{
	const uint8_t head[8] = { type };
	struct inner_packet quoted;

	make_udp(&quoted, quoted_source, quoted_destination);
	begin(packet, source, destination, IPPROTO_ICMP, IPPROTO_ICMPV6);
	inner_add(packet, head, sizeof(head));
	inner_add(packet, quoted.data, quoted.len);
	inner_finish(packet);
}

static enum filter_verdict judge(bool in, const struct inner_packet *bytes)
{
	struct filter *filter = new_filter();
	struct packet packet;
	enum filter_verdict verdict;

	ck_assert_int_eq(packet_parse(bytes->data, bytes->len, &packet), 0);
	verdict = in ? filter_judge_in(filter, &packet, bytes->data)
		     : filter_judge_out(filter, &packet, bytes->data);
	filter_unref(filter);
	return verdict;
}

START_TEST(in)
{
	static const struct {
		const char *source, *destination;
		enum filter_verdict verdict;
	} cases[] = {
		{ "10.1.0.1", "10.2.0.1", FILTER_PASS },
		{ "10.1.255.255", "10.2.255.255", FILTER_PASS },
		{ "10.1.0.1", "203.0.113.1", FILTER_DESTINATION }, /* announced to nobody */
		{ "10.1.0.1", "10.3.0.1", FILTER_DESTINATION },    /* another peer's */
		{ "10.1.0.1", "10.1.0.2", FILTER_DESTINATION },    /* their own */
		{ "10.1.0.1", "255.255.255.255", FILTER_DESTINATION },
		{ "10.1.0.1", "127.0.0.1", FILTER_DESTINATION },
		{ "203.0.113.1", "203.0.113.2", FILTER_SOURCE },
		{ "192.0.2.7", "10.2.0.1", FILTER_PASS },
		{ "192.0.2.6", "10.2.0.1", FILTER_SOURCE },
		{ "192.0.2.8", "10.2.0.1", FILTER_SOURCE },
		{ "10.0.255.255", "10.2.0.1", FILTER_SOURCE },
		{ "10.2.0.1", "10.2.0.2", FILTER_SOURCE }, /* ours */
		{ "2001:db8:1::5", "2001:db8:2::1", FILTER_PASS },
		{ "2001:db8:1::5", "2001:db8:3::1", FILTER_DESTINATION },
		{ "2001:db8:1::5", "::1", FILTER_DESTINATION },
		{ "2001:db8:2::5", "2001:db8:2::1", FILTER_SOURCE },
		{ "::ffff:10.1.0.1", "2001:db8:2::1",
			FILTER_SOURCE }, /* no IPv4 source in IPv6's clothes */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct inner_packet packet;

		make_udp(&packet, cases[i].source, cases[i].destination);
		ck_assert_msg(judge(true, &packet) == cases[i].verdict, "%s", cases[i].source);
	}
}
END_TEST

START_TEST(out)
{
	static const struct {
		const char *source, *destination;
		enum filter_verdict verdict;
	} cases[] = {
		{ "10.2.0.1", "10.1.0.1", FILTER_PASS },
		{ "10.2.255.255", "192.0.2.7", FILTER_PASS },
		{ "10.2.0.1", "10.3.0.1", FILTER_DESTINATION },
		{ "10.2.0.1", "10.2.0.2", FILTER_DESTINATION },
		{ "10.3.0.1", "10.1.0.1", FILTER_SOURCE }, /* another peer: this isolates them */
		{ "10.1.0.1", "10.1.0.2", FILTER_SOURCE },
		{ "2001:db8:2::1", "2001:db8:1::1", FILTER_PASS },
		{ "2001:db8:3::1", "2001:db8:1::1", FILTER_SOURCE },
		{ "2001:db8:2::1", "2001:db8:3::1", FILTER_DESTINATION },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct inner_packet packet;

		make_udp(&packet, cases[i].source, cases[i].destination);
		ck_assert_msg(judge(false, &packet) == cases[i].verdict, "%s to %s",
			cases[i].source, cases[i].destination);
	}
}
END_TEST

enum { UNREACHABLE4 = 3, TIME_EXCEEDED4 = 11, ECHO4 = 8, TOO_BIG6 = 2, ECHO6 = 128 };

START_TEST(icmp_in)
{
	struct inner_packet packet;

	/* A router behind them answers what we sent to them. */
	make_icmp(&packet, TIME_EXCEEDED4, "203.0.113.1", "10.2.0.1", "10.2.0.1", "10.1.0.1");
	ck_assert_int_eq(judge(true, &packet), FILTER_PASS);
	make_icmp(&packet, TOO_BIG6, "2001:db8:9::1", "2001:db8:2::1", "2001:db8:2::1",
		"2001:db8:1::1");
	ck_assert_int_eq(judge(true, &packet), FILTER_PASS);
	/* What it quotes never went their way. */
	make_icmp(&packet, UNREACHABLE4, "203.0.113.1", "10.2.0.1", "10.2.0.1", "10.3.0.1");
	ck_assert_int_eq(judge(true, &packet), FILTER_SOURCE);
	make_icmp(&packet, TOO_BIG6, "2001:db8:9::1", "2001:db8:2::1", "2001:db8:1::1",
		"2001:db8:2::1");
	ck_assert_int_eq(judge(true, &packet), FILTER_SOURCE);
	/* Its sender may not reach them. */
	make_icmp(&packet, UNREACHABLE4, "203.0.113.1", "10.3.0.1", "10.3.0.1", "10.1.0.1");
	ck_assert_int_eq(judge(true, &packet), FILTER_SOURCE);
	/* Its destination is not the sender of what it quotes, but another address of ours. */
	make_icmp(&packet, UNREACHABLE4, "8.8.8.8", "10.2.0.9", "10.2.0.1", "10.1.0.1");
	ck_assert_int_eq(judge(true, &packet), FILTER_SOURCE);
	make_icmp(&packet, TOO_BIG6, "2001:db8:9::1", "2001:db8:2::9", "2001:db8:2::1",
		"2001:db8:1::1");
	ck_assert_int_eq(judge(true, &packet), FILTER_SOURCE);
	/* A source of theirs is no way around any of it. */
	make_icmp(&packet, UNREACHABLE4, "10.1.0.1", "10.2.0.1", "10.2.0.1", "10.1.0.1");
	ck_assert_int_eq(judge(true, &packet), FILTER_PASS);
	make_icmp(&packet, UNREACHABLE4, "10.1.0.1", "10.2.0.9", "10.2.0.1", "10.1.0.1");
	ck_assert_int_eq(judge(true, &packet), FILTER_SOURCE);
	make_icmp(&packet, UNREACHABLE4, "10.1.0.1", "10.2.0.1", "10.2.0.1", "8.8.8.8");
	ck_assert_int_eq(judge(true, &packet), FILTER_SOURCE);
	make_icmp(&packet, TOO_BIG6, "2001:db8:1::1", "2001:db8:2::9", "2001:db8:2::1",
		"2001:db8:1::1");
	ck_assert_int_eq(judge(true, &packet), FILTER_SOURCE);
	/* No error: what looks like a quote is payload. */
	make_icmp(&packet, ECHO4, "203.0.113.1", "10.2.0.1", "10.2.0.1", "10.1.0.1");
	ck_assert_int_eq(judge(true, &packet), FILTER_SOURCE);
	make_icmp(
		&packet, ECHO6, "2001:db8:9::1", "2001:db8:2::1", "2001:db8:2::1", "2001:db8:1::1");
	ck_assert_int_eq(judge(true, &packet), FILTER_SOURCE);
}
END_TEST

START_TEST(icmp_out)
{
	struct inner_packet packet;

	/* A router on our side answers what they sent. */
	make_icmp(&packet, UNREACHABLE4, "203.0.113.1", "10.1.0.1", "10.1.0.1", "10.2.0.9");
	ck_assert_int_eq(judge(false, &packet), FILTER_PASS);
	make_icmp(&packet, TOO_BIG6, "2001:db8:9::1", "2001:db8:1::1", "2001:db8:1::1",
		"2001:db8:2::1");
	ck_assert_int_eq(judge(false, &packet), FILTER_PASS);
	/* It quotes a packet that was not theirs. */
	make_icmp(&packet, UNREACHABLE4, "203.0.113.1", "10.1.0.1", "10.3.0.1", "10.2.0.9");
	ck_assert_int_eq(judge(false, &packet), FILTER_SOURCE);
	/* It quotes a packet to another peer, which they may not reach. */
	make_icmp(&packet, UNREACHABLE4, "10.3.0.1", "10.1.0.1", "10.1.0.1", "10.3.0.1");
	ck_assert_int_eq(judge(false, &packet), FILTER_SOURCE);
	make_icmp(&packet, TOO_BIG6, "2001:db8:3::1", "2001:db8:1::1", "2001:db8:1::1",
		"2001:db8:3::1");
	ck_assert_int_eq(judge(false, &packet), FILTER_SOURCE);
	/* Its destination is theirs, but not the sender of what it quotes. */
	make_icmp(&packet, UNREACHABLE4, "10.2.0.9", "10.1.0.9", "10.1.0.1", "10.2.0.9");
	ck_assert_int_eq(judge(false, &packet), FILTER_SOURCE);
	/* An error for somebody else is not for this peer, whatever it quotes. */
	make_icmp(&packet, UNREACHABLE4, "203.0.113.1", "10.3.0.1", "10.1.0.1", "10.2.0.9");
	ck_assert_int_eq(judge(false, &packet), FILTER_DESTINATION);
	make_icmp(&packet, ECHO4, "203.0.113.1", "10.1.0.1", "10.1.0.1", "10.2.0.9");
	ck_assert_int_eq(judge(false, &packet), FILTER_SOURCE);
}
END_TEST

static void lengthen(struct inner_packet *packet, size_t len)
{
	inner_fill(packet, 0xab, len - packet->len);
	inner_finish(packet);
}

/* What an error may hold besides: as much as hosts send, in one piece, and about no error. */
START_TEST(icmp_limits)
{
	static const struct {
		bool in;
		const char *router, *sender, *receiver;
		uint8_t type, echo;
	} cases[] = {
		{ true, "203.0.113.1", "10.2.0.1", "10.1.0.1", UNREACHABLE4, ECHO4 },
		{ true, "10.1.0.1", "10.2.0.1", "10.1.0.1", UNREACHABLE4, ECHO4 },
		{ true, "2001:db8:9::1", "2001:db8:2::1", "2001:db8:1::1", TOO_BIG6, ECHO6 },
		{ true, "2001:db8:1::1", "2001:db8:2::1", "2001:db8:1::1", TOO_BIG6, ECHO6 },
		{ false, "10.2.0.9", "10.1.0.1", "10.2.0.9", TIME_EXCEEDED4, ECHO4 },
		{ false, "2001:db8:9::1", "2001:db8:1::1", "2001:db8:2::1", TOO_BIG6, ECHO6 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *router = cases[i].router, *sender = cases[i].sender,
			   *receiver = cases[i].receiver;
		size_t quote = is_v6(router) ? 48 : 28; /* where it begins */
		size_t protocol = is_v6(router) ? 6 : 9, type = is_v6(router) ? 40 : 20;
		struct inner_packet packet;
		bool inward = cases[i].in;

		make_icmp(&packet, cases[i].type, router, sender, sender, receiver);
		lengthen(&packet, FILTER_ERROR_MAX);
		ck_assert_msg(judge(inward, &packet) == FILTER_PASS, "case %zu", i);
		lengthen(&packet, FILTER_ERROR_MAX + 1);
		ck_assert_msg(judge(inward, &packet) == FILTER_SOURCE, "case %zu: too long", i);
		make_icmp(&packet, cases[i].type, router, sender, sender, receiver);
		packet.data[quote + protocol] = is_v6(router) ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
		packet.data[quote + type] = cases[i].echo;
		ck_assert_msg(judge(inward, &packet) == FILTER_PASS, "case %zu: about a ping", i);
		packet.data[quote + type] = cases[i].type;
		ck_assert_msg(
			judge(inward, &packet) == FILTER_SOURCE, "case %zu: about an error", i);
		/* Nothing quoted. */
		packet.len = quote;
		inner_finish(&packet);
		ck_assert_msg(judge(inward, &packet) == FILTER_SOURCE, "case %zu: no quote", i);
		if (is_v6(router))
			continue;
		make_icmp(&packet, cases[i].type, router, sender, sender, receiver);
		packet.data[6] = 0x20; /* more fragments */
		ck_assert_msg(judge(inward, &packet) == FILTER_SOURCE, "case %zu: first part", i);
	}
}
END_TEST

/* We are the way to everywhere, and 10.1.0.0/16 and 10.3.0.0/16 are peers': they are not ours. */
START_TEST(excluded_prefixes_are_outside_a_wide_one)
{
	static const struct {
		const char *source, *destination;
		enum filter_verdict verdict;
	} cases[] = {
		{ "203.0.113.1", "10.1.0.1", FILTER_PASS },
		{ "10.3.0.1", "10.1.0.1", FILTER_SOURCE },
		{ "10.3.7.1", "10.1.0.1", FILTER_PASS }, /* ours by a longer prefix */
		{ "10.3.8.1", "10.1.0.1", FILTER_PASS }, /* and by one that is as long */
		{ "10.1.0.2", "10.1.0.1", FILTER_SOURCE },
		{ "203.0.113.1", "10.3.0.1", FILTER_DESTINATION },
	};
	static const char *const ours[] = { "0.0.0.0/0", "10.3.7.0/24", "10.3.8.0/24" };
	static const char *const excluded[] = { "10.1.0.0/16", "10.3.0.0/16", "10.3.8.0/24" };
	struct prefix their, our[3], away[3];
	struct filter_exclusions *exclusions;
	struct filter *filter;

	their = prefix_of("10.1.0.0/16");
	for (int i = 0; i < 3; i++) {
		our[i] = prefix_of(ours[i]);
		away[i] = prefix_of(excluded[i]);
	}
	ck_assert_int_eq(filter_exclusions_new(&(struct prefix_list){ away, 3 }, &exclusions), 0);
	ck_assert_int_eq(filter_new(&their, 1, our, 3, &filter), 0);
	filter_set_exclusions(filter, NULL, exclusions);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct inner_packet bytes;
		struct packet packet;

		make_udp(&bytes, cases[i].source, cases[i].destination);
		ck_assert_int_eq(packet_parse(bytes.data, bytes.len, &packet), 0);
		ck_assert_msg(filter_judge_out(filter, &packet, bytes.data) == cases[i].verdict,
			"%s to %s", cases[i].source, cases[i].destination);
	}
	/* And the other way: the way to everywhere takes what is for everywhere, not for peers. */
	for (size_t i = 0; i < 5; i++) {
		struct inner_packet bytes;
		struct packet packet;

		make_udp(&bytes, "10.1.0.1", cases[i].source);
		ck_assert_int_eq(packet_parse(bytes.data, bytes.len, &packet), 0);
		ck_assert_msg(filter_judge_in(filter, &packet, bytes.data) ==
				(cases[i].verdict == FILTER_SOURCE ? FILTER_DESTINATION
								   : cases[i].verdict),
			"to %s", cases[i].source);
	}
	filter_unref(filter);
	/* The same on the other side: what goes past the tunnel does not come out of it. */
	ck_assert_int_eq(filter_new(our, 1, &their, 1, &filter), 0);
	filter_set_exclusions(filter, exclusions, NULL);
	filter_exclusions_unref(exclusions); /* the snapshot has its own */
	for (size_t i = 0; i < 2; i++) {
		struct inner_packet bytes;
		struct packet packet;

		make_udp(&bytes, cases[i].source, "10.1.0.1");
		ck_assert_int_eq(packet_parse(bytes.data, bytes.len, &packet), 0);
		ck_assert_int_eq(filter_judge_in(filter, &packet, bytes.data), cases[i].verdict);
	}
	filter_unref(filter);
}
END_TEST

/* check_destination = false: where a packet goes is routing's business, its source is judged. */
START_TEST(destinations_left_to_routing)
{
	struct filter *filter = new_filter();
	struct inner_packet bytes;
	struct packet packet;

	filter_allow_destinations(filter);
	make_udp(&bytes, "10.1.0.1", "203.0.113.1");
	ck_assert_int_eq(packet_parse(bytes.data, bytes.len, &packet), 0);
	ck_assert_int_eq(filter_judge_in(filter, &packet, bytes.data), FILTER_PASS);
	make_udp(&bytes, "203.0.113.1", "10.2.0.1");
	ck_assert_int_eq(packet_parse(bytes.data, bytes.len, &packet), 0);
	ck_assert_int_eq(filter_judge_in(filter, &packet, bytes.data), FILTER_SOURCE);
	make_udp(&bytes, "10.2.0.1", "203.0.113.1");
	ck_assert_int_eq(packet_parse(bytes.data, bytes.len, &packet), 0);
	ck_assert_int_eq(filter_judge_out(filter, &packet, bytes.data), FILTER_DESTINATION);
	filter_unref(filter);
}
END_TEST

/* A route that netd is adding: packets may go there, and none may come from there yet. */
START_TEST(expected_prefixes_are_for_the_way_out)
{
	struct filter *filter = new_filter();
	struct prefix soon[] = { prefix_of("10.3.0.0/16"), prefix_of("2001:db8:3::/48") };
	struct inner_packet bytes;
	struct packet packet;

	ck_assert_int_eq(filter_expect(filter, soon, ARRAY_SIZE(soon)), 0);
	make_udp(&bytes, "10.2.0.1", "10.3.0.1");
	ck_assert_int_eq(packet_parse(bytes.data, bytes.len, &packet), 0);
	ck_assert_int_eq(filter_judge_out(filter, &packet, bytes.data), FILTER_PASS);
	make_udp(&bytes, "2001:db8:2::1", "2001:db8:3::1");
	ck_assert_int_eq(packet_parse(bytes.data, bytes.len, &packet), 0);
	ck_assert_int_eq(filter_judge_out(filter, &packet, bytes.data), FILTER_PASS);
	make_icmp(&bytes, 3, "10.2.0.1", "10.3.0.1", "10.3.0.1", "10.2.0.1");
	ck_assert_int_eq(packet_parse(bytes.data, bytes.len, &packet), 0);
	ck_assert_int_eq(filter_judge_out(filter, &packet, bytes.data), FILTER_PASS);
	make_udp(&bytes, "10.2.0.1", "10.4.0.1");
	ck_assert_int_eq(packet_parse(bytes.data, bytes.len, &packet), 0);
	ck_assert_int_eq(filter_judge_out(filter, &packet, bytes.data), FILTER_DESTINATION);
	make_udp(&bytes, "10.3.0.1", "10.2.0.1");
	ck_assert_int_eq(packet_parse(bytes.data, bytes.len, &packet), 0);
	ck_assert_int_eq(filter_judge_in(filter, &packet, bytes.data), FILTER_SOURCE);
	filter_unref(filter);
}
END_TEST

START_TEST(nothing_reaches_nothing)
{
	struct inner_packet bytes;
	struct packet packet;
	struct filter *filter;

	make_udp(&bytes, "10.1.0.1", "10.2.0.1");
	ck_assert_int_eq(packet_parse(bytes.data, bytes.len, &packet), 0);
	ck_assert_int_eq(filter_new(NULL, 0, NULL, 0, &filter), 0);
	ck_assert_int_eq(filter_judge_in(filter, &packet, bytes.data), FILTER_SOURCE);
	ck_assert_int_eq(filter_judge_out(filter, &packet, bytes.data), FILTER_DESTINATION);
	filter_unref(filter);
}
END_TEST

START_TEST(refuses_host_bits)
{
	struct prefix good, bad;
	struct filter *filter = NULL;

	good = prefix_of("10.0.0.0/8");
	bad = prefix_of("10.0.0.1/8");
	ck_assert_int_eq(filter_new(&bad, 1, &good, 1, &filter), -EINVAL);
	ck_assert_int_eq(filter_new(&good, 1, &bad, 1, &filter), -EINVAL);
	ck_assert_ptr_null(filter);
}
END_TEST

/* The snapshot lives until its last reference goes: a sanitizer sees it if not. */
START_TEST(references)
{
	struct filter *filter = new_filter();
	struct inner_packet bytes;
	struct packet packet;

	ck_assert_ptr_eq(filter_ref(filter), filter);
	filter_unref(filter);
	make_udp(&bytes, "10.1.0.1", "10.2.0.1");
	ck_assert_int_eq(packet_parse(bytes.data, bytes.len, &packet), 0);
	ck_assert_int_eq(filter_judge_in(filter, &packet, bytes.data), FILTER_PASS);
	filter_unref(filter);
	filter_unref(NULL);
	ck_assert_ptr_null(filter_ref(NULL));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("filter");

	unit_add(s, "in", in);
	unit_add(s, "out", out);
	unit_add(s, "icmp_in", icmp_in);
	unit_add(s, "icmp_out", icmp_out);
	unit_add(s, "icmp_limits", icmp_limits);
	unit_add(s, "excluded", excluded_prefixes_are_outside_a_wide_one);
	unit_add(s, "left_to_routing", destinations_left_to_routing);
	unit_add(s, "expected", expected_prefixes_are_for_the_way_out);
	unit_add(s, "nothing_reaches_nothing", nothing_reaches_nothing);
	unit_add(s, "refuses_host_bits", refuses_host_bits);
	unit_add(s, "references", references);
	return s;
}

int main(void)
{
	return unit_run("filter", suite());
}
