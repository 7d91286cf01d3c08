/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/packet.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "inner_packet.h"
#include "random.h"
#include "unit.h"

static struct inner_packet inner;

static int parse(struct packet *packet)
{
	return packet_parse(inner.data, inner.len, packet);
}

START_TEST(ipv4_is_parsed)
{
	static const uint8_t source[] = { 10, 0, 0, 1 }, destination[] = { 10, 0, 0, 2 };
	struct packet packet;

	inner_v4(&inner, IPPROTO_UDP);
	inner_udp(&inner, 100);
	inner_finish(&inner);
	ck_assert_int_eq(parse(&packet), 0);
	ck_assert_uint_eq(packet.family, AF_INET);
	ck_assert_uint_eq(packet.protocol, IPPROTO_UDP);
	ck_assert(!packet.fragment);
	ck_assert(packet.first);
	ck_assert_uint_eq(packet.transport, 20);
	ck_assert_uint_eq(packet.length, 128);
	ck_assert_mem_eq(packet.source, source, 4);
	ck_assert_mem_eq(packet.destination, destination, 4);
}
END_TEST

START_TEST(ipv6_is_parsed)
{
	static const uint8_t source[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 };
	static const uint8_t destination[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 2 };
	struct packet packet;

	inner_v6(&inner, IPPROTO_TCP);
	inner_tcp(&inner, 5, 10);
	inner_finish(&inner);
	ck_assert_int_eq(parse(&packet), 0);
	ck_assert_uint_eq(packet.family, AF_INET6);
	ck_assert_uint_eq(packet.protocol, IPPROTO_TCP);
	ck_assert(!packet.fragment);
	ck_assert(packet.first);
	ck_assert_uint_eq(packet.transport, 40);
	ck_assert_uint_eq(packet.length, 70);
	ck_assert_mem_eq(packet.source, source, 16);
	ck_assert_mem_eq(packet.destination, destination, 16);
}
END_TEST

START_TEST(ipv4_options_move_the_transport)
{
	struct packet packet;

	for (uint8_t words = 5; words <= 15; words++) {
		inner_v4(&inner, IPPROTO_TCP);
		inner.data[0] = (uint8_t)(0x40 | words);
		inner_fill(&inner, 1, (words - 5u) * 4u);
		inner_tcp(&inner, 5, 0);
		inner_finish(&inner);
		ck_assert_int_eq(parse(&packet), 0);
		ck_assert_uint_eq(packet.transport, words * 4u);
	}
	for (uint8_t words = 0; words < 5; words++) {
		inner.data[0] = (uint8_t)(0x40 | words);
		ck_assert_int_eq(parse(&packet), -EBADMSG);
	}
	/* A header that claims more than there is. */
	inner_v4(&inner, IPPROTO_TCP);
	inner.data[0] = 0x46;
	inner_fill(&inner, 1, 3);
	inner_finish(&inner);
	ck_assert_int_eq(parse(&packet), -EBADMSG);
}
END_TEST

START_TEST(every_other_version_is_refused)
{
	struct packet packet = { .length = 77 };

	for (unsigned version = 0; version < 16; version++) {
		if (version == 4 || version == 6)
			continue;
		inner_v4(&inner, IPPROTO_UDP);
		inner_udp(&inner, 40);
		inner_finish(&inner);
		inner.data[0] = (uint8_t)(version << 4 | 5);
		ck_assert_int_eq(parse(&packet), -EPROTONOSUPPORT);
	}
	ck_assert_int_eq(packet_parse(inner.data, 0, &packet), -EBADMSG);
	ck_assert_uint_eq(packet.length, 77);
}
END_TEST

START_TEST(lengths_must_agree)
{
	struct packet packet;

	for (int v6 = 0; v6 < 2; v6++) {
		if (v6)
			inner_v6(&inner, IPPROTO_UDP);
		else
			inner_v4(&inner, IPPROTO_UDP);
		inner_udp(&inner, 100);
		inner_finish(&inner);
		for (size_t len = 0; len <= inner.len + 1; len++) {
			/* An exact copy, so that reading past it is noticed. */
			uint8_t *copy = malloc(len + 1);
			size_t header = v6 ? 40 : 20;
			int expected = len < header ? -EBADMSG : len == inner.len ? 0 : -EMSGSIZE;

			ck_assert_ptr_nonnull(copy);
			memcpy(copy, inner.data, len);
			ck_assert_int_eq(packet_parse(copy, len, &packet), expected);
			free(copy);
		}
	}
	/* A jumbogram's payload length is 0 (RFC 2675): it agrees with nothing that is longer. */
	inner.data[4] = inner.data[5] = 0;
	ck_assert_int_eq(parse(&packet), -EMSGSIZE);
}
END_TEST

START_TEST(bare_headers_are_packets)
{
	struct packet packet;

	inner_v4(&inner, IPPROTO_TCP);
	inner_finish(&inner);
	ck_assert_int_eq(parse(&packet), 0);
	ck_assert_uint_eq(packet.transport, 20);
	inner_v6(&inner, IPPROTO_NONE);
	inner_finish(&inner);
	ck_assert_int_eq(parse(&packet), 0);
	ck_assert_uint_eq(packet.protocol, IPPROTO_NONE);
	ck_assert_uint_eq(packet.transport, 40);
}
END_TEST

START_TEST(ipv4_fragments)
{
	static const struct {
		uint16_t field;
		bool fragment, first;
	} cases[] = {
		{ 0x0000, false, true }, { 0x4000, false, true }, /* don't fragment */
		{ 0x2000, true, true }, { 0x0001, true, false }, { 0x2001, true, false },
		{ 0x1fff, true, false }, { 0x8000, false, true }, /* the reserved bit */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct packet packet;

		inner_v4(&inner, IPPROTO_UDP);
		inner.data[6] = (uint8_t)(cases[i].field >> 8);
		inner.data[7] = (uint8_t)cases[i].field;
		inner_udp(&inner, 8);
		inner_finish(&inner);
		ck_assert_int_eq(parse(&packet), 0);
		ck_assert_int_eq(packet.fragment, cases[i].fragment);
		ck_assert_int_eq(packet.first, cases[i].first);
		ck_assert_uint_eq(packet.transport, cases[i].first ? 20 : 0);
	}
}
END_TEST

START_TEST(ipv6_extensions_are_followed)
{
	struct packet packet;

	inner_v6(&inner, IPPROTO_HOPOPTS);
	inner_extension(&inner, IPPROTO_DSTOPTS, 0);
	inner_extension(&inner, IPPROTO_ROUTING, 2);
	inner_extension(&inner, IPPROTO_TCP, 1);
	inner_tcp(&inner, 5, 3);
	inner_finish(&inner);
	ck_assert_int_eq(parse(&packet), 0);
	ck_assert_uint_eq(packet.protocol, IPPROTO_TCP);
	ck_assert_uint_eq(packet.transport, 40 + 8 + 24 + 16);
	ck_assert(!packet.fragment);
}
END_TEST

START_TEST(ipv6_fragments)
{
	static const struct {
		uint16_t field;
		bool first;
	} cases[] = { { 0x0000, true }, { 0x0001, true }, { 0x0008, false }, { 0xfff9, false },
		{ 0x0006, true } /* reserved bits */ };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct packet packet;

		inner_v6(&inner, IPPROTO_FRAGMENT);
		inner_fragment(&inner, IPPROTO_UDP, cases[i].field);
		inner_udp(&inner, 8);
		inner_finish(&inner);
		ck_assert_int_eq(parse(&packet), 0);
		ck_assert(packet.fragment);
		ck_assert_int_eq(packet.first, cases[i].first);
		ck_assert_uint_eq(packet.protocol, IPPROTO_UDP);
		ck_assert_uint_eq(packet.transport, cases[i].first ? 48 : 0);
	}
}
END_TEST

START_TEST(a_later_fragment_holds_no_header)
{
	struct packet packet;

	/* What follows its fragment header is data, even where "next header" is an extension. */
	inner_v6(&inner, IPPROTO_FRAGMENT);
	inner_fragment(&inner, IPPROTO_DSTOPTS, 0x0008);
	inner_fill(&inner, 0xff, 3);
	inner_finish(&inner);
	ck_assert_int_eq(parse(&packet), 0);
	ck_assert(!packet.first);
	ck_assert_uint_eq(packet.transport, 0);
}
END_TEST

START_TEST(ipv6_extensions_are_bounded)
{
	struct packet packet;

	for (unsigned count = 0; count <= PACKET_EXTENSIONS_MAX + 1; count++) {
		inner_v6(&inner, count > 0 ? IPPROTO_DSTOPTS : IPPROTO_UDP);
		for (unsigned i = 1; i <= count; i++)
			inner_extension(&inner, i < count ? IPPROTO_DSTOPTS : IPPROTO_UDP, 0);
		inner_udp(&inner, 0);
		inner_finish(&inner);
		ck_assert_int_eq(parse(&packet), count <= PACKET_EXTENSIONS_MAX ? 0 : -EBADMSG);
	}
	/* A whole packet of them costs no more. */
	inner_v6(&inner, IPPROTO_DSTOPTS);
	while (inner.len + 8 <= sizeof(inner.data))
		inner_extension(&inner, IPPROTO_DSTOPTS, 0);
	inner_finish(&inner);
	ck_assert_int_eq(parse(&packet), -EBADMSG);
}
END_TEST

START_TEST(cut_extensions_are_refused)
{
	size_t end;

	inner_v6(&inner, IPPROTO_HOPOPTS);
	inner_extension(&inner, IPPROTO_FRAGMENT, 3);
	inner_fragment(&inner, IPPROTO_ROUTING, 1);
	inner_extension(&inner, IPPROTO_UDP, 0);
	end = inner.len;
	for (size_t len = 40; len <= end; len++) {
		uint8_t *copy = malloc(len);
		struct packet packet;

		ck_assert_ptr_nonnull(copy);
		inner.len = len;
		inner_finish(&inner);
		memcpy(copy, inner.data, len);
		ck_assert_int_eq(packet_parse(copy, len, &packet), len == end ? 0 : -EBADMSG);
		free(copy);
	}
}
END_TEST

/* A header that says that it is longer than the packet hides what follows it, though its own 8 bytes name that. */
START_TEST(an_extension_past_the_end_is_refused)
{
	static const uint8_t headers[] = { IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_DSTOPTS };

	for (size_t i = 0; i < sizeof(headers); i++) {
		struct packet packet = { .length = 77 };

		inner_v6(&inner, headers[i]);
		inner_extension(&inner, IPPROTO_UDP, 0);
		inner_finish(&inner);
		ck_assert_int_eq(parse(&packet), 0);
		inner.data[41] = 1; /* another 8 bytes */
		packet.length = 77;
		ck_assert_int_eq(parse(&packet), -EBADMSG);
		ck_assert_uint_eq(packet.length, 77);
	}
}
END_TEST

static bool quoted(struct packet_quote *quote)
{
	struct packet packet;

	bool is_quoted;

	inner_finish(&inner);
	ck_assert_int_eq(parse(&packet), 0);
	is_quoted = packet_quoted(&packet, inner.data, quote);
	ck_assert(!is_quoted || packet_is_error(&packet, inner.data));
	return is_quoted;
}

START_TEST(icmp_errors_quote)
{
	static const uint8_t quote[28] = { 0x45, 0, 0, 200, [9] = IPPROTO_UDP, [12] = 192, 0, 2, 1,
		198, 51, 100, 7 };

	for (unsigned type = 0; type < 256; type++) {
		bool expected = type == 3 || type == 4 || type == 11 || type == 12;
		struct packet_quote found = { .source = NULL };

		inner_v4(&inner, IPPROTO_ICMP);
		inner_icmp(&inner, (uint8_t)type);
		inner_add(&inner, quote, sizeof(quote));
		ck_assert_msg(quoted(&found) == expected, "type %u", type);
		if (expected) {
			ck_assert_mem_eq(found.source, quote + 12, 4);
			ck_assert_mem_eq(found.destination, quote + 16, 4);
		} else {
			ck_assert_ptr_null(found.source);
		}
	}
}
END_TEST

START_TEST(icmpv6_errors_quote)
{
	static const uint8_t quote[48] = {
		0x60, [6] = IPPROTO_UDP, [8] = 0xfd, [23] = 1, [24] = 0xfc, [39] = 2
	};

	for (unsigned type = 0; type < 256; type++) {
		bool expected = type < 128; /* the rest informs */
		struct packet_quote found = { .source = NULL };

		inner_v6(&inner, IPPROTO_ICMPV6);
		inner_icmp(&inner, (uint8_t)type);
		inner_add(&inner, quote, sizeof(quote));
		ck_assert_msg(quoted(&found) == expected, "type %u", type);
		if (expected) {
			ck_assert_mem_eq(found.source, quote + 8, 16);
			ck_assert_mem_eq(found.destination, quote + 24, 16);
		}
	}
}
END_TEST

START_TEST(what_quotes_nothing)
{
	static const uint8_t quote4[20] = { 0x45 }, quote6[40] = { 0x60 };
	struct packet_quote found;

	/* Too short for an IP header. */
	for (size_t len = 0; len <= 20; len++) {
		inner_v4(&inner, IPPROTO_ICMP);
		inner_icmp(&inner, 3);
		inner_add(&inner, quote4, len);
		ck_assert_int_eq(quoted(&found), len == 20);
	}
	for (size_t len = 0; len <= 40; len++) {
		inner_v6(&inner, IPPROTO_ICMPV6);
		inner_icmp(&inner, 1);
		inner_add(&inner, quote6, len);
		ck_assert_int_eq(quoted(&found), len == 40);
	}
	/* No whole ICMP header. */
	inner_v4(&inner, IPPROTO_ICMP);
	inner_fill(&inner, 3, 7);
	ck_assert(!quoted(&found));
	/* Of the other family. */
	inner_v4(&inner, IPPROTO_ICMP);
	inner_icmp(&inner, 3);
	inner_add(&inner, quote6, sizeof(quote6));
	ck_assert(!quoted(&found));
	inner_v6(&inner, IPPROTO_ICMPV6);
	inner_icmp(&inner, 1);
	inner_add(&inner, quote4, sizeof(quote4));
	inner_fill(&inner, 0, 20);
	ck_assert(!quoted(&found));
	/* ICMP over IPv6 and the other way round mean nothing. */
	inner_v6(&inner, IPPROTO_ICMP);
	inner_icmp(&inner, 3);
	inner_add(&inner, quote6, sizeof(quote6));
	ck_assert(!quoted(&found));
	inner_v4(&inner, IPPROTO_ICMPV6);
	inner_icmp(&inner, 3);
	inner_add(&inner, quote4, sizeof(quote4));
	ck_assert(!quoted(&found));
	/* Another protocol, and a later fragment. */
	inner_v4(&inner, IPPROTO_UDP);
	inner_icmp(&inner, 3);
	inner_add(&inner, quote4, sizeof(quote4));
	ck_assert(!quoted(&found));
	inner_v4(&inner, IPPROTO_ICMP);
	inner.data[7] = 1;
	inner_icmp(&inner, 3);
	inner_add(&inner, quote4, sizeof(quote4));
	ck_assert(!quoted(&found));
}
END_TEST

/* An ICMP error with `quote` cut to `len` bytes; true when that is an error itself. */
static bool quotes_error(bool v6, const uint8_t *quote, size_t len)
{
	struct packet_quote found;

	if (v6)
		inner_v6(&inner, IPPROTO_ICMPV6);
	else
		inner_v4(&inner, IPPROTO_ICMP);
	inner_icmp(&inner, 3);
	inner_add(&inner, quote, len);
	ck_assert(quoted(&found));
	return found.error;
}

START_TEST(errors_about_errors)
{
	uint8_t quote4[28] = { 0x46, [9] = IPPROTO_ICMP }; /* 24 bytes of header */
	uint8_t quote6[56] = { 0x60, [6] = IPPROTO_DSTOPTS, [40] = IPPROTO_ICMPV6 };

	for (unsigned type = 0; type < 256; type++) {
		quote4[24] = quote6[48] = (uint8_t)type;
		ck_assert_msg(quotes_error(false, quote4, sizeof(quote4)) ==
				(type == 3 || type == 4 || type == 5 || type == 11 || type == 12),
			"type %u", type);
		ck_assert_msg(quotes_error(true, quote6, sizeof(quote6)) == (type < 128),
			"type %u of ICMPv6", type);
	}
	/* As long as the quote does not show its type it may be one. */
	quote4[24] = 8;
	for (size_t len = 20; len <= sizeof(quote4); len++)
		ck_assert_int_eq(quotes_error(false, quote4, len), len <= 24);
	quote6[48] = 128;
	for (size_t len = 40; len <= sizeof(quote6); len++)
		ck_assert_int_eq(quotes_error(true, quote6, len), len <= 48);
	/* A later fragment has no type, and other protocols have other bytes there. */
	quote4[24] = 3;
	quote4[7] = 1;
	ck_assert(!quotes_error(false, quote4, sizeof(quote4)));
	quote4[7] = 0;
	quote4[9] = IPPROTO_UDP;
	ck_assert(!quotes_error(false, quote4, sizeof(quote4)));
	quote6[6] = IPPROTO_UDP;
	ck_assert(!quotes_error(true, quote6, 40));
}
END_TEST

/* As a router quotes it: the common header of 20 bytes, with a TTL (RFC 792) and "don't fragment". */
START_TEST(errors_about_a_common_quote)
{
	uint8_t quote[28] = { 0x45, [6] = 0x40, [8] = 64, [9] = IPPROTO_ICMP, [20] = 8 };

	ck_assert(!quotes_error(false, quote, sizeof(quote)));
	quote[20] = 3;
	ck_assert(quotes_error(false, quote, sizeof(quote)));
	quote[0] = 0x44; /* a header length under 20 hides where its type is */
	quote[20] = 8;
	ck_assert(quotes_error(false, quote, sizeof(quote)));
}
END_TEST

/* What quotes nothing is an error all the same, and so is what hides its type. */
START_TEST(errors_without_a_quote)
{
	struct packet packet;

	for (int cut = 0; cut <= 8; cut++) {
		inner_v4(&inner, IPPROTO_ICMP);
		inner_fill(&inner, 3, (size_t)cut);
		inner_finish(&inner);
		ck_assert_int_eq(parse(&packet), 0);
		ck_assert(packet_is_error(&packet, inner.data));
		inner_v6(&inner, IPPROTO_DSTOPTS);
		inner_extension(&inner, IPPROTO_ICMPV6, 0);
		inner_fill(&inner, 1, (size_t)cut);
		inner_finish(&inner);
		ck_assert_int_eq(parse(&packet), 0);
		ck_assert(packet_is_error(&packet, inner.data));
	}
	inner_v4(&inner, IPPROTO_ICMP);
	inner_icmp(&inner, 8);
	inner_finish(&inner);
	ck_assert_int_eq(parse(&packet), 0);
	ck_assert(!packet_is_error(&packet, inner.data));
	/* The type alone is enough to see that it is none. */
	inner_v4(&inner, IPPROTO_ICMP);
	inner_fill(&inner, 8, 1);
	inner_finish(&inner);
	ck_assert_int_eq(parse(&packet), 0);
	ck_assert(!packet_is_error(&packet, inner.data));
	inner_v4(&inner, IPPROTO_UDP);
	inner_finish(&inner);
	ck_assert_int_eq(parse(&packet), 0);
	ck_assert(!packet_is_error(&packet, inner.data));
}
END_TEST

START_TEST(local_noise)
{
	static const struct {
		uint8_t addr[16];
		bool v6, noise;
	} cases[] = {
		{ { 10, 0, 0, 1 }, false, false },
		{ { 224, 0, 0, 251 }, false, true },
		{ { 239, 255, 255, 255 }, false, true },
		{ { 223, 255, 255, 255 }, false, false },
		{ { 240, 0, 0, 1 }, false, false },
		{ { 255, 255, 255, 255 }, false, true },
		{ { 255, 255, 255, 254 }, false, false },
		{ { 10, 255, 255, 255 }, false, false },
		{ { 127, 0, 0, 1 }, false, true },
		{ { 127, 255, 255, 254 }, false, true },
		{ { 126, 255, 255, 255 }, false, false },
		{ { 128, 0, 0, 1 }, false, false },
		{ { 0 }, false, true },
		{ { 0, 1, 2, 3 }, false, true },
		{ { 1, 0, 0, 1 }, false, false },
		{ { 169, 254, 1, 1 }, false, true },
		{ { 169, 253, 1, 1 }, false, false },
		{ { 0xfe, 0x80, [15] = 1 }, true, true },
		{ { 0xfe, 0xbf, [15] = 1 }, true, true },
		{ { 0xfe, 0xc0, [15] = 1 }, true, false },
		{ { 0xff, 0x02, [15] = 2 }, true, true },
		{ { 0xfd, 0, [15] = 2 }, true, false },
		{ { 0 }, true, true },
		{ { [15] = 1 }, true, true },
		{ { [15] = 2 }, true, false },
		{ { [14] = 1, [15] = 1 }, true, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		for (int destination = 0; destination < 2; destination++) {
			struct packet packet;
			bool v6 = cases[i].v6;
			size_t at = v6 ? (destination ? 24 : 8) : (destination ? 16 : 12);

			if (v6)
				inner_v6(&inner, IPPROTO_UDP);
			else
				inner_v4(&inner, IPPROTO_UDP);
			memcpy(inner.data + at, cases[i].addr, v6 ? 16 : 4);
			inner_udp(&inner, 0);
			inner_finish(&inner);
			ck_assert_int_eq(parse(&packet), 0);
			ck_assert_msg(
				packet_is_local_noise(&packet) == cases[i].noise, "case %zu", i);
		}
	}
}
END_TEST

START_TEST(random_packets_stay_inside)
{
	const int rounds = unit_rounds(200000);
	struct random random = { 4 };

	for (int i = 0; i < rounds; i++) {
		size_t len = 1 + random_below(&random, 120);
		uint8_t *copy = malloc(len);
		struct packet_quote quote;
		struct packet packet;

		ck_assert_ptr_nonnull(copy);
		random_fill(&random, copy, len);
		/* Mostly something that gets past the first checks. */
		copy[0] = random_below(&random, 2) == 0
			? (uint8_t)(0x40 | random_below(&random, 16))
			: 0x60;
		if (copy[0] != 0x60 && len > 9) {
			copy[2] = 0;
			copy[3] = (uint8_t)len;
			copy[9] = random_below(&random, 2) == 0 ? IPPROTO_ICMP : copy[9];
		} else if (copy[0] == 0x60 && len > 48) {
			static const uint8_t next[] = { 0, 43, 44, 60, 58, 6 };

			copy[4] = 0;
			copy[5] = (uint8_t)(len - 40);
			copy[6] = next[random_below(&random, sizeof(next))];
			copy[40] = next[random_below(&random, sizeof(next))];
			copy[41] &= 3;
		}
		if (packet_parse(copy, len, &packet) == 0) {
			ck_assert_uint_eq(packet.length, len);
			ck_assert_uint_le(packet.transport, len);
			ck_assert_int_eq(packet.first, packet.transport != 0);
			ck_assert(packet.source >= copy && packet.destination + 4 <= copy + len);
			if (packet_quoted(&packet, copy, &quote))
				ck_assert(quote.source > packet.destination &&
					quote.destination + 4 <= copy + len);
			(void)packet_is_error(&packet, copy);
			(void)packet_is_local_noise(&packet);
		}
		free(copy);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("packet");

	unit_add(suite, "ipv4", ipv4_is_parsed);
	unit_add(suite, "ipv6", ipv6_is_parsed);
	unit_add(suite, "ipv4 options", ipv4_options_move_the_transport);
	unit_add(suite, "versions", every_other_version_is_refused);
	unit_add(suite, "lengths", lengths_must_agree);
	unit_add(suite, "bare headers", bare_headers_are_packets);
	unit_add(suite, "ipv4 fragments", ipv4_fragments);
	unit_add(suite, "ipv6 extensions", ipv6_extensions_are_followed);
	unit_add(suite, "ipv6 fragments", ipv6_fragments);
	unit_add(suite, "later fragment", a_later_fragment_holds_no_header);
	unit_add(suite, "extension limit", ipv6_extensions_are_bounded);
	unit_add(suite, "cut extensions", cut_extensions_are_refused);
	unit_add(suite, "extension past the end", an_extension_past_the_end_is_refused);
	unit_add(suite, "icmp", icmp_errors_quote);
	unit_add(suite, "icmpv6", icmpv6_errors_quote);
	unit_add(suite, "no quote", what_quotes_nothing);
	unit_add(suite, "errors about errors", errors_about_errors);
	unit_add(suite, "common quote", errors_about_a_common_quote);
	unit_add(suite, "errors without a quote", errors_without_a_quote);
	unit_add(suite, "noise", local_noise);
	unit_add(suite, "random", random_packets_stay_inside);
	return suite;
}

int main(void)
{
	return unit_run("packet", suite());
}
