/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The values of control messages' fields: limits exactly at and past, in both directions.
 */
#include <errno.h>
#include <string.h>

#include "message_tools.h"
#include "unit.h"
#include "wire/message.h"

/* Encodes and decodes again; the two agree whether it is possible. */
static void expect_valid(const struct message *message, bool valid, const char *what)
{
	struct message back;
	uint8_t first[sizeof(buffer)];
	size_t len, again;

	ck_assert_msg(encode(message, &len) == (valid ? 0 : -EINVAL), "%s", what);
	if (!valid)
		return;
	memcpy(first, buffer, len);
	ck_assert_int_eq(decode(first, len, &back), 0);
	ck_assert_int_eq(encode(&back, &again), 0);
	ck_assert_uint_eq(again, len);
	ck_assert_mem_eq(buffer, first, len);
}

/*
 * The same for a number that stands on the wire as the last field: what encoding refuses, decoding
 * does.
 */
static void expect_number(
	enum message_type type, uint16_t number, size_t size, uint64_t value, bool valid)
{
	const struct message_sample *from = &message_samples[type - 1];
	struct part parts[PARTS_MAX];
	size_t count = split(from, parts, PARTS_MAX);
	struct writer writer = build((uint16_t)type);
	struct message message;
	uint8_t bytes[8];
	int r;

	for (size_t i = 0; i < count; i++) {
		if (parts[i].number != number)
			build_field(
				&writer, parts[i].number, parts[i].value.data, parts[i].value.len);
	}
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
	build_field(&writer, number, bytes, size);
	r = build_done(&writer, &message);
	ck_assert_msg(r == (valid ? 0 : -EINVAL), "message %d, field %u = %ju: %d", type, number,
		(uintmax_t)value, r);
}

START_TEST(numbers_are_limited)
{
	static const struct {
		enum message_type type;
		uint16_t number;
		size_t size;
		uint64_t min, max;
	} rows[] = {
		{ MESSAGE_HELLO, 1, 2, 1, 65535 },
		{ MESSAGE_HELLO, 4, 4, 0, UINT32_MAX },
		{ MESSAGE_HELLO, 5, 1, 1, 64 },
		{ MESSAGE_HELLO, 6, 4, 1280, 65535 },
		{ MESSAGE_WELCOME, 1, 2, 1, 65535 },
		{ MESSAGE_WELCOME, 3, 8, 0, UINT64_MAX },
		{ MESSAGE_WELCOME, 5, 4, 0, UINT32_MAX },
		{ MESSAGE_WELCOME, 6, 1, 1, 64 },
		{ MESSAGE_WELCOME, 7, 4, 1280, 65535 },
		{ MESSAGE_WELCOME, 12, 4, 100, 14999 },     /* under the sample's dead */
		{ MESSAGE_WELCOME, 13, 4, 5001, 86400000 }, /* above the sample's ping */
		{ MESSAGE_WELCOME, 14, 4, 0, 86400000 },
		{ MESSAGE_JOIN, 1, 8, 0, UINT64_MAX },
		{ MESSAGE_JOIN, 4, 1, 0, 1 },
		{ MESSAGE_PING, 1, 8, 0, UINT64_MAX },
		{ MESSAGE_PONG, 1, 8, 0, UINT64_MAX },
		{ MESSAGE_GOODBYE, 1, 2, 1, 65535 },
		{ MESSAGE_GOODBYE, 2, 4, 0, 86400000 },
		{ MESSAGE_SIGN, 1, 4, 1, UINT32_MAX },
		{ MESSAGE_SIGN, 2, 4, 4100, 24576 }, /* the sample's piece ends at 4,100 */
		{ MESSAGE_SIGN, 3, 4, 0, 4096 },
		{ MESSAGE_ISSUED, 1, 4, 1, UINT32_MAX },
		{ MESSAGE_ISSUED, 2, 1, 1, UINT8_MAX }, /* 0 needs a piece */
		{ MESSAGE_ISSUED, 3, 4, 0, 86400000 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t most = rows[i].size == 8 ? UINT64_MAX : (1ull << (8 * rows[i].size)) - 1;

		expect_number(rows[i].type, rows[i].number, rows[i].size, rows[i].min, true);
		expect_number(rows[i].type, rows[i].number, rows[i].size, rows[i].max, true);
		if (rows[i].min > 0)
			expect_number(
				rows[i].type, rows[i].number, rows[i].size, rows[i].min - 1, false);
		if (rows[i].max < most) {
			expect_number(
				rows[i].type, rows[i].number, rows[i].size, rows[i].max + 1, false);
			expect_number(rows[i].type, rows[i].number, rows[i].size, most, false);
		}
	}
}
END_TEST

START_TEST(pieces_fit_their_total)
{
	struct message message = { .type = MESSAGE_SIGN,
		.sign = { .number = 1, .piece = { .total = 1, .len = 1 } } };
	struct message_piece *piece = &message.sign.piece;

	expect_valid(&message, true, "one byte");
	piece->len = 0;
	expect_valid(&message, false, "no byte");
	piece->len = 2;
	expect_valid(&message, false, "past the total");
	*piece = (struct message_piece){ .total = MESSAGE_SIGN_MAX, .len = MESSAGE_PIECE_MAX };
	expect_valid(&message, true, "the largest piece");
	piece->offset = MESSAGE_SIGN_MAX - MESSAGE_PIECE_MAX;
	expect_valid(&message, true, "the last piece");
	piece->offset++;
	expect_valid(&message, false, "a byte too late");
	piece->offset = UINT32_MAX;
	expect_valid(&message, false, "a sum that overflows");
	piece->offset = 0;
	piece->len = MESSAGE_PIECE_MAX + 1;
	expect_valid(&message, false, "a piece too large");
	message = (struct message){ .type = MESSAGE_ISSUED,
		.issued = { .number = 1, .piece = { .total = 3, .len = 3 } } };
	expect_valid(&message, true, "issued");
	message.issued.piece = (struct message_piece){ .total = 0 };
	expect_valid(&message, false, "issued without a piece");
	message.issued.verdict = MESSAGE_VERDICT_REFUSED;
	expect_valid(&message, true, "refused without a text");
	message.issued.piece = (struct message_piece){ .total = 3, .len = 3 };
	expect_valid(&message, false, "refused with a piece");
	message = (struct message){ .type = MESSAGE_TRUST };
	expect_valid(&message, true, "a client's trust");
	message.trust.piece.total = 1;
	expect_valid(&message, false, "a total without a piece");
	message.trust.piece.len = 1;
	expect_valid(&message, true, "a server's trust");
}
END_TEST

START_TEST(encoding_holds_to_the_same_limits)
{
	struct message message = sample(MESSAGE_HELLO);

	message.hello.mtu = 0; /* the server's choice: left out */
	expect_valid(&message, true, "no mtu");
	message.hello.mtu = 1279;
	expect_valid(&message, false, "mtu 1279");
	message.hello.mtu = 65536;
	expect_valid(&message, false, "mtu 65536");
	message = sample(MESSAGE_HELLO);
	message.hello.lanes = 0;
	expect_valid(&message, false, "no lane");
	message.hello.lanes = 65;
	expect_valid(&message, false, "65 lanes");
	message = sample(MESSAGE_HELLO);
	message.hello.version = 0;
	expect_valid(&message, false, "version 0");
	message = sample(MESSAGE_WELCOME);
	message.welcome.mtu = 0;
	expect_valid(&message, false, "a welcome without mtu");
	message = sample(MESSAGE_WELCOME);
	message.welcome.dead_ms = message.welcome.ping_ms;
	expect_valid(&message, false, "dead not above ping");
	message = sample(MESSAGE_WELCOME);
	message.welcome.linger_ms = 86400001;
	expect_valid(&message, false, "a linger of more than a day");
	message = sample(MESSAGE_GOODBYE);
	message.goodbye.code = 0;
	expect_valid(&message, false, "goodbye code 0");
	message.goodbye.code = 999;
	expect_valid(&message, true, "a newer peer's goodbye code");
}
END_TEST

START_TEST(absent_options_are_zero)
{
	struct message message;

	memcpy(buffer, sample_hello, sizeof(sample_hello));
	buffer[3] = sizeof(sample_hello) - 4 - SAMPLE_HELLO_MTU;
	ck_assert_int_eq(decode(buffer, sizeof(sample_hello) - SAMPLE_HELLO_MTU, &message), 0);
	ck_assert_uint_eq(message.hello.mtu, 0);
}
END_TEST

START_TEST(identities_are_held_to_their_rules)
{
	static const char *const bad[] = { "", ".", "..", "a/b", "a b", "a\nb", "\xc3\xa4" };
	struct message message = sample(MESSAGE_HELLO);
	char name[IDENTITY_MAX + 1];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct writer writer = build(MESSAGE_HELLO);

		(void)snprintf(
			message.hello.name.name, sizeof(message.hello.name.name), "%s", bad[i]);
		expect_valid(&message, false, bad[i]);
		ck_assert_int_eq(writer_copy(&writer, sample_hello + 4, 6), 0);
		build_field(&writer, 2, bad[i], strlen(bad[i]));
		ck_assert_int_eq(build_done(&writer, &message), -EINVAL);
	}
	memset(message.hello.name.name, 'a', sizeof(message.hello.name.name));
	expect_valid(&message, false, "a name without its end");
	message.hello.name.name[IDENTITY_MAX] = '\0';
	expect_valid(&message, true, "the longest name");
	for (size_t len = IDENTITY_MAX; len <= sizeof(name); len++) {
		struct writer writer = build(MESSAGE_HELLO);
		struct message other;

		memset(name, 'a', sizeof(name));
		build_field(&writer, 2, name, len);
		/* With nothing else there, a good name leads on to what is missing. */
		ck_assert_int_eq(
			build_done(&writer, &other), len <= IDENTITY_MAX ? -ENODATA : -EINVAL);
	}
}
END_TEST

START_TEST(texts_are_bounded_and_hold_no_nul)
{
	struct message message = { .type = MESSAGE_NOTICE };
	char text[MESSAGE_TEXT_MAX + 1];

	expect_valid(&message, false, "an empty notice");
	memset(message.notice.text, 0xff, sizeof(message.notice.text));
	expect_valid(&message, false, "a text without its end");
	message.notice.text[MESSAGE_TEXT_MAX] = '\0';
	expect_valid(&message, true, "the longest text, of any bytes");
	memset(text, 'x', sizeof(text));
	for (size_t len = 0; len <= sizeof(text); len++) {
		struct writer writer = build(MESSAGE_NOTICE);
		bool good = len >= 1 && len <= MESSAGE_TEXT_MAX;

		build_field(&writer, 1, text, len);
		ck_assert_int_eq(build_done(&writer, &message), good ? 0 : -EINVAL);
		if (good)
			ck_assert_uint_eq(strlen(message.notice.text), len);
	}
	for (size_t at = 0; at < 5; at++) {
		struct writer writer = build(MESSAGE_NOTICE);

		memset(text, 'x', 5);
		text[at] = '\0';
		build_field(&writer, 1, text, 5);
		ck_assert_int_eq(build_done(&writer, &message), -EINVAL);
	}
	message = sample(MESSAGE_GOODBYE);
	message.goodbye.text[0] = '\0';
	expect_valid(&message, true, "a goodbye without text");
}
END_TEST

/* Decodes a welcome in which one field has another value. */
static int welcome_with(uint16_t number, const void *value, size_t len)
{
	const struct message_sample *from = &message_samples[MESSAGE_WELCOME - 1];
	struct part parts[PARTS_MAX];
	size_t count = split(from, parts, PARTS_MAX);
	struct writer writer = build(MESSAGE_WELCOME);
	struct message message;

	for (size_t i = 0; i < count; i++) {
		bool it = parts[i].number == number;

		build_field(&writer, parts[i].number, it ? value : parts[i].value.data,
			it ? len : parts[i].value.len);
	}
	return build_done(&writer, &message);
}

START_TEST(addresses_are_hosts)
{
	static const uint8_t good4[] = { 192, 168, 1, 1 }, link4[] = { 169, 254, 1, 1 };
	static const uint8_t bad4[][4] = { { 0 }, { 127, 0, 0, 1 }, { 224, 0, 0, 1 },
		{ 255, 255, 255, 255 }, { 10, 99, 0, 1 } /* the server's own */ };
	static const uint8_t good6[16] = { 0xfd, [15] = 9 };
	static const uint8_t bad6[][16] = { { 0 }, { [15] = 1 }, { 0xff, 0x02, [15] = 1 },
		{ 0xfd, 0x99, [15] = 1 } };

	ck_assert_int_eq(welcome_with(8, good4, 4), 0);
	ck_assert_int_eq(welcome_with(8, link4, 4), 0);
	ck_assert_int_eq(welcome_with(10, good6, 16), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad4); i++)
		ck_assert_int_eq(welcome_with(8, bad4[i], 4), -EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(bad6); i++)
		ck_assert_int_eq(welcome_with(10, bad6[i], 16), -EINVAL);
	/* Each field is of its family. */
	ck_assert_int_eq(welcome_with(8, good6, 16), -EINVAL);
	ck_assert_int_eq(welcome_with(10, good4, 4), -EINVAL);
}
END_TEST

START_TEST(addresses_come_in_pairs)
{
	struct message message = sample(MESSAGE_WELCOME);
	struct addr none = { .family = AF_UNSPEC };

	message.welcome.client4 = none;
	expect_valid(&message, false, "half a pair");
	message.welcome.server4 = none;
	expect_valid(&message, true, "IPv6 alone");
	message.welcome.server6 = none;
	expect_valid(&message, false, "half a pair");
	message.welcome.client6 = none;
	expect_valid(&message, false, "no address at all");
	message = sample(MESSAGE_WELCOME);
	message.welcome.client6 = message.welcome.server6 = none;
	expect_valid(&message, true, "IPv4 alone");
	message.welcome.client4 = message.welcome.server4;
	expect_valid(&message, false, "one address for both");
	message = sample(MESSAGE_WELCOME);
	message.welcome.client6 = message.welcome.client4;
	expect_valid(&message, false, "an IPv4 address as IPv6");
}
END_TEST

START_TEST(resolvers_and_domains_are_bounded)
{
	static const uint8_t loopback[] = { 127, 0, 0, 53 }, v6[16] = { 0xfd, [15] = 53 };
	struct message message = sample(MESSAGE_WELCOME);

	ck_assert_int_eq(welcome_with(15, v6, 16), 0);
	ck_assert_int_eq(welcome_with(15, loopback, 4), -EINVAL);
	for (size_t len = 0; len < 20; len++)
		ck_assert_int_eq(welcome_with(15,
					 "\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a"
					 "\x0a\x0a\x0a\x0a\x0a\x0a\x0a",
					 len),
			len == 4 || len == 16 ? 0 : -EINVAL);
	ck_assert_int_eq(welcome_with(16, "A-z_0.9", 7), 0);
	ck_assert_int_eq(welcome_with(16, "", 0), -EINVAL);
	ck_assert_int_eq(welcome_with(16, "a b", 3), -EINVAL);
	ck_assert_int_eq(welcome_with(16, "a\nnameserver", 12), -EINVAL);
	ck_assert_int_eq(welcome_with(16, "a\0b", 3), -EINVAL);

	for (uint8_t i = 0; i < MESSAGE_DNS_MAX; i++)
		message.welcome.dns[i] = message.welcome.server4;
	message.welcome.dns_count = MESSAGE_DNS_MAX;
	for (uint8_t i = 0; i < MESSAGE_DOMAIN_MAX; i++) {
		memset(message.welcome.domains[i], 'a', MESSAGE_DOMAIN_TEXT_MAX);
		message.welcome.domains[i][MESSAGE_DOMAIN_TEXT_MAX] = '\0';
	}
	message.welcome.domain_count = MESSAGE_DOMAIN_MAX;
	expect_valid(&message, true, "as many as there may be");
	message.welcome.domain_count++;
	expect_valid(&message, false, "a domain too many");
	message.welcome.domain_count = 1;
	message.welcome.dns_count++;
	expect_valid(&message, false, "a resolver too many");
	message.welcome.dns_count = 0;
	message.welcome.domains[0][MESSAGE_DOMAIN_TEXT_MAX] = 'a';
	expect_valid(&message, false, "a domain without its end");
}
END_TEST

START_TEST(too_long_lists_are_refused)
{
	static const struct {
		uint16_t number;
		const char *value;
		size_t len, max;
	} lists[] = { { 15, "\x0a\x00\x00\x01", 4, MESSAGE_DNS_MAX },
		{ 16, "lan", 3, MESSAGE_DOMAIN_MAX } };

	for (size_t i = 0; i < 2; i++) {
		for (size_t extra = 0; extra < 2; extra++) {
			struct writer writer = build(MESSAGE_WELCOME);
			struct message message;

			for (size_t n = 0; n < lists[i].max + extra; n++)
				build_field(&writer, lists[i].number, lists[i].value, lists[i].len);
			ck_assert_int_eq(build_done(&writer, &message), extra ? -EINVAL : -ENODATA);
		}
	}
}
END_TEST

START_TEST(prefixes_are_bounded)
{
	struct message message = { .type = MESSAGE_ANNOUNCE };
	size_t len;

	expect_valid(&message, false, "no prefix");
	for (unsigned i = 0; i < MESSAGE_PREFIX_MAX; i++) {
		message.prefixes.prefix[i].addr = (struct addr){ .family = AF_INET6,
			.bytes = { 0xfd, (uint8_t)i } };
		message.prefixes.prefix[i].len = 48;
	}
	message.prefixes.count = MESSAGE_PREFIX_MAX;
	expect_valid(&message, true, "as many as there may be");
	ck_assert_int_eq(encode(&message, &len), 0);
	/* One more on the wire: a copy of the last. */
	memcpy(buffer + len, buffer + len - 22, 22);
	len += 22;
	buffer[2] = (uint8_t)((len - 4) >> 8);
	buffer[3] = (uint8_t)(len - 4);
	ck_assert_int_eq(decode(buffer, len, &message), -EINVAL);
	message.prefixes.count = MESSAGE_PREFIX_MAX + 1;
	expect_valid(&message, false, "a prefix too many");
}
END_TEST

START_TEST(prefix_fields_are_checked)
{
	static const struct {
		uint8_t value[20];
		size_t len;
		bool good;
	} cases[] = {
		{ { 4, 0, 0, 0, 0, 0 }, 6, true },
		{ { 4, 32, 10, 0, 0, 1 }, 6, true },
		{ { 4, 33, 10, 0, 0, 1 }, 6, false },
		{ { 4, 8, 10, 0, 0, 1 }, 6, true }, /* host bits: the receiver judges them */
		{ { 6, 128, [17] = 1 }, 18, true },
		{ { 6, 129, [17] = 1 }, 18, false },
		{ { 5, 8, 10, 0, 0, 0 }, 6, false },
		{ { 0, 8, 10, 0, 0, 0 }, 6, false },
		{ { 2, 8, 10, 0, 0, 0 }, 6, false }, /* AF_INET is no wire number */
		{ { 6, 8, 10, 0, 0, 0 }, 6, false },
		{ { 4, 8, [17] = 1 }, 18, false },
	};
	struct message message;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct writer writer = build(MESSAGE_WITHDRAW);

		build_field(&writer, 1, cases[i].value, cases[i].len);
		ck_assert_msg(build_done(&writer, &message) == (cases[i].good ? 0 : -EINVAL),
			"case %zu", i);
	}
	message = sample(MESSAGE_WITHDRAW);
	message.prefixes.prefix[0].len = 33;
	expect_valid(&message, false, "a length past the address");
	message.prefixes.prefix[0] = (struct prefix){ .len = 0 };
	expect_valid(&message, false, "a prefix of no family");
	message = sample(MESSAGE_REFUSE);
	message.prefixes.reason[0] = 200;
	expect_valid(&message, true, "a newer peer's reason");
	message.prefixes.reason[0] = ROUTE_ACCEPTED;
	expect_valid(&message, false, "a refusal that accepts");
	memcpy(buffer, sample_refuse, sizeof(sample_refuse));
	buffer[8] = ROUTE_ACCEPTED;
	ck_assert_int_eq(decode(buffer, sizeof(sample_refuse), &message), -EINVAL);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("message_field");

	unit_add(suite, "numbers", numbers_are_limited);
	unit_add(suite, "encoding", encoding_holds_to_the_same_limits);
	unit_add(suite, "pieces", pieces_fit_their_total);
	unit_add(suite, "absent", absent_options_are_zero);
	unit_add(suite, "identities", identities_are_held_to_their_rules);
	unit_add(suite, "texts", texts_are_bounded_and_hold_no_nul);
	unit_add(suite, "addresses", addresses_are_hosts);
	unit_add(suite, "pairs", addresses_come_in_pairs);
	unit_add(suite, "resolvers", resolvers_and_domains_are_bounded);
	unit_add(suite, "long lists", too_long_lists_are_refused);
	unit_add(suite, "prefixes", prefixes_are_bounded);
	unit_add(suite, "prefix fields", prefix_fields_are_checked);
	return suite;
}

int main(void)
{
	return unit_run("message_field", suite());
}
