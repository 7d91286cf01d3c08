/* SPDX-License-Identifier: Apache-2.0 */
/* check: no-valgrind */
/* It encodes and decodes a hundred thousand random messages. */
/*
 * The structure of control messages: lengths, order, what is missing, repeated or unknown. The
 * fields' values are in test_message_field.c.
 */
#include <errno.h>
#include <string.h>

#include "message_tools.h"
#include "random.h"
#include "unit.h"
#include "wire/message.h"

static bool is_list(enum message_type type, uint16_t number)
{
	return type == MESSAGE_ANNOUNCE || type == MESSAGE_WITHDRAW || type == MESSAGE_REFUSE ||
		type == MESSAGE_PUSH || (type == MESSAGE_WELCOME && number >= 15);
}

/* docs/protocol.md: which fields may be left out. */
static bool is_optional(enum message_type type, uint16_t number)
{
	switch (type) {
	case MESSAGE_HELLO:
		return number == 4 || number == 6;
	case MESSAGE_WELCOME:
		return number == 5 || number >= 14;
	case MESSAGE_JOIN:
		return number == 4;
	case MESSAGE_JOINED:
	case MESSAGE_PUSH:
		return true;
	case MESSAGE_GOODBYE:
		return number == 2 || number == 3;
	case MESSAGE_SIGN:
		return number == 3;
	case MESSAGE_ISSUED:
		return number >= 3;
	default:
		return false;
	}
}

/* ---- the documented examples ---- */

START_TEST(examples_encode_to_the_documented_bytes)
{
	const struct message_sample *from = &message_samples[_i];
	struct message message;
	struct writer writer;
	size_t len;

	ck_assert_int_eq(from->type, _i + 1);
	ck_assert_int_eq(decode(from->data, from->len, &message), 0);
	ck_assert_int_eq(message.type, from->type);
	ck_assert_int_eq(encode(&message, &len), 0);
	ck_assert_uint_eq(len, from->len);
	ck_assert_mem_eq(buffer, from->data, len);
	for (size_t room = 0; room < len; room++) {
		writer_init(&writer, buffer, room);
		ck_assert_int_eq(message_encode(&writer, &message), -ENOBUFS);
		ck_assert_uint_eq(writer.len, 0);
	}
}
END_TEST

START_TEST(hello_says_what_it_means)
{
	static const uint8_t instance[] = { SAMPLE_INSTANCE };
	struct message message = sample(MESSAGE_HELLO);

	ck_assert_uint_eq(message.hello.version, 1);
	ck_assert_str_eq(message.hello.name.name, "branch-a");
	ck_assert_mem_eq(message.hello.instance, instance, sizeof(instance));
	ck_assert_uint_eq(message.hello.offloads, 7);
	ck_assert_uint_eq(message.hello.lanes, 1);
	ck_assert_uint_eq(message.hello.mtu, 1500);
}
END_TEST

START_TEST(welcome_says_what_it_means)
{
	static const uint8_t token[] = { SAMPLE_TOKEN };
	struct message message = sample(MESSAGE_WELCOME);
	const struct message_welcome *welcome = &message.welcome;
	char out[ADDR_TEXT_MAX];

	ck_assert_uint_eq(welcome->version, 1);
	ck_assert_str_eq(welcome->name.name, "gw-b");
	ck_assert_uint_eq(welcome->session_id, 0x1122334455667788);
	ck_assert_mem_eq(welcome->token, token, sizeof(token));
	ck_assert_uint_eq(welcome->offloads, 7);
	ck_assert_uint_eq(welcome->lanes, 1);
	ck_assert_uint_eq(welcome->mtu, 1500);
	ck_assert_str_eq(addr_format(&welcome->client4, out), "10.99.0.2");
	ck_assert_str_eq(addr_format(&welcome->server4, out), "10.99.0.1");
	ck_assert_str_eq(addr_format(&welcome->client6, out), "fd99::2");
	ck_assert_str_eq(addr_format(&welcome->server6, out), "fd99::1");
	ck_assert_uint_eq(welcome->ping_ms, 5000);
	ck_assert_uint_eq(welcome->dead_ms, 15000);
	ck_assert_uint_eq(welcome->linger_ms, 120000);
	ck_assert_uint_eq(welcome->dns_count, 1);
	ck_assert_str_eq(addr_format(&welcome->dns[0], out), "10.99.0.1");
	ck_assert_uint_eq(welcome->domain_count, 1);
	ck_assert_str_eq(welcome->domains[0], "lan.example");
}
END_TEST

START_TEST(the_others_say_what_they_mean)
{
	static const uint8_t token[] = { SAMPLE_TOKEN }, instance[] = { SAMPLE_INSTANCE };
	char out[ADDR_TEXT_MAX];
	struct message message = sample(MESSAGE_JOIN);

	ck_assert_uint_eq(message.join.session_id, 0x1122334455667788);
	ck_assert_mem_eq(message.join.token, token, sizeof(token));
	ck_assert_mem_eq(message.join.instance, instance, sizeof(instance));
	ck_assert(message.join.claim_control);
	message = sample(MESSAGE_ANNOUNCE);
	ck_assert_uint_eq(message.prefixes.count, 2);
	ck_assert_str_eq(prefix_format(&message.prefixes.prefix[0], out), "192.168.10.0/24");
	ck_assert_str_eq(prefix_format(&message.prefixes.prefix[1], out), "fd00:10::/48");
	message = sample(MESSAGE_REFUSE);
	ck_assert_uint_eq(message.prefixes.count, 1);
	ck_assert_uint_eq(message.prefixes.reason[0], ROUTE_NOT_ALLOWED);
	ck_assert_str_eq(prefix_format(&message.prefixes.prefix[0], out), "192.168.10.0/24");
	message = sample(MESSAGE_PONG);
	ck_assert_uint_eq(message.time.time, 0x0123456789ab);
	message = sample(MESSAGE_NOTICE);
	ck_assert_str_eq(message.notice.text, "reboot at 02h");
	message = sample(MESSAGE_SIGN);
	ck_assert_uint_eq(message.sign.number, 7);
	ck_assert_uint_eq(message.sign.piece.total, 4100);
	ck_assert_uint_eq(message.sign.piece.offset, 4096);
	ck_assert_uint_eq(message.sign.piece.len, 4);
	ck_assert_mem_eq(message.sign.piece.data, "\xde\xad\xbe\xef", 4);
	message = sample(MESSAGE_ISSUED);
	ck_assert_uint_eq(message.issued.number, 7);
	ck_assert_uint_eq(message.issued.verdict, MESSAGE_VERDICT_LATER);
	ck_assert_uint_eq(message.issued.retry_after_ms, 60000);
	ck_assert_str_eq(message.issued.text, "too many now.");
	message = sample(MESSAGE_TRUST);
	ck_assert_mem_eq(message.trust.hash, token, sizeof(token));
	ck_assert_uint_eq(message.trust.piece.total, 0);
	message = sample(MESSAGE_GOODBYE);
	ck_assert_uint_eq(message.goodbye.code, GOODBYE_SHUTDOWN);
	ck_assert_uint_eq(message.goodbye.retry_after_ms, 2000);
	ck_assert_str_eq(message.goodbye.text, "reboot");
}
END_TEST

/* ---- structure ---- */

START_TEST(cut_payloads_are_refused)
{
	const struct message_sample *from = &message_samples[_i];
	struct message message = { .type = MESSAGE_TYPE_COUNT };

	for (size_t len = 0; len < from->len; len++)
		ck_assert_int_eq(decode(from->data, len, &message), -EBADMSG);
	memcpy(buffer, from->data, from->len);
	buffer[from->len] = 0;
	ck_assert_int_eq(decode(buffer, from->len + 1, &message), -EBADMSG);
	/* The length of the message itself, one off in both directions. */
	buffer[3]++;
	ck_assert_int_eq(decode(buffer, from->len, &message), -EBADMSG);
	if (from->len > 4) {
		buffer[3] = (uint8_t)(buffer[3] - 2);
		ck_assert_int_eq(decode(buffer, from->len, &message), -EBADMSG);
	}
	/* Failures leave the result alone. */
	ck_assert_int_eq(message.type, MESSAGE_TYPE_COUNT);
}
END_TEST

START_TEST(messages_cut_inside_a_field_are_refused)
{
	const struct message_sample *from = &message_samples[_i];
	struct part parts[PARTS_MAX];
	size_t count = split(from, parts, PARTS_MAX);

	for (size_t len = 4; len < from->len; len++) {
		struct message message;
		bool boundary = false, complete = true;
		int expected;

		for (size_t i = 0; i < count; i++) {
			boundary = boundary || parts[i].at == len;
			if (parts[i].at >= len && !is_optional(from->type, parts[i].number) &&
				!(i > 0 && is_list(from->type, parts[i].number)))
				complete = false;
		}
		expected = !boundary ? -EBADMSG : complete ? 0 : -ENODATA;
		memcpy(buffer, from->data, len);
		buffer[2] = 0;
		buffer[3] = (uint8_t)(len - 4);
		ck_assert_msg(decode(buffer, len, &message) == expected, "message %d cut at %zu",
			_i + 1, len);
	}
}
END_TEST

START_TEST(each_required_field_must_be_there)
{
	const struct message_sample *from = &message_samples[_i];
	struct part parts[PARTS_MAX];
	size_t count = split(from, parts, PARTS_MAX);

	for (size_t gone = 0; gone < count; gone++) {
		struct writer writer = build((uint16_t)from->type);
		bool address = from->type == MESSAGE_WELCOME && parts[gone].number >= 8 &&
			parts[gone].number <= 11;
		struct message message;
		int expected = is_optional(from->type, parts[gone].number) ? 0
			: address                                          ? -EINVAL
			: from->type == MESSAGE_ANNOUNCE                   ? 0
									   : -ENODATA;

		for (size_t i = 0; i < count; i++) {
			if (i != gone)
				build_field(&writer, parts[i].number, parts[i].value.data,
					parts[i].value.len);
		}
		ck_assert_msg(build_done(&writer, &message) == expected,
			"message %d without field %u", _i + 1, parts[gone].number);
	}
	if (count > 0 && from->type != MESSAGE_JOINED && from->type != MESSAGE_PUSH) {
		struct writer writer = build((uint16_t)from->type);
		struct message message;

		ck_assert_int_eq(build_done(&writer, &message), -ENODATA);
	}
}
END_TEST

START_TEST(each_field_stands_there_once)
{
	const struct message_sample *from = &message_samples[_i];
	struct part parts[PARTS_MAX];
	size_t count = split(from, parts, PARTS_MAX);

	for (size_t twice = 0; twice < count; twice++) {
		struct writer writer = build((uint16_t)from->type);
		struct message message;

		for (size_t i = 0; i < count; i++)
			build_field(
				&writer, parts[i].number, parts[i].value.data, parts[i].value.len);
		build_field(&writer, parts[twice].number, parts[twice].value.data,
			parts[twice].value.len);
		ck_assert_int_eq(build_done(&writer, &message),
			is_list(from->type, parts[twice].number) ? 0 : -EEXIST);
	}
}
END_TEST

START_TEST(order_does_not_matter)
{
	const struct message_sample *from = &message_samples[_i];
	struct part parts[PARTS_MAX];
	size_t count = split(from, parts, PARTS_MAX), len;
	struct writer writer = build((uint16_t)from->type);
	struct message message;

	if (from->type == MESSAGE_ANNOUNCE)
		return; /* a list keeps its order */
	for (size_t i = count; i > 0; i--)
		build_field(&writer, parts[i - 1].number, parts[i - 1].value.data,
			parts[i - 1].value.len);
	ck_assert_int_eq(build_done(&writer, &message), 0);
	ck_assert_int_eq(encode(&message, &len), 0);
	ck_assert_uint_eq(len, from->len);
	ck_assert_mem_eq(buffer, from->data, len);
}
END_TEST

START_TEST(unknown_fields_are_skipped)
{
	static const uint16_t unknown[] = { 0, 99, 500, 0x8000, 0xffff };
	static const uint8_t junk[300];
	const struct message_sample *from = &message_samples[_i];
	struct part parts[PARTS_MAX];
	size_t count = split(from, parts, PARTS_MAX), len;
	struct writer writer = build((uint16_t)from->type);
	struct message message;

	for (size_t i = 0; i <= count; i++) {
		for (size_t u = 0; u < 2 * ARRAY_SIZE(unknown); u++)
			build_field(&writer, unknown[u / 2], junk, u % 2 == 0 ? 0 : 30);
		if (i < count)
			build_field(
				&writer, parts[i].number, parts[i].value.data, parts[i].value.len);
	}
	build_field(&writer, 1000, junk, sizeof(junk));
	ck_assert_int_eq(build_done(&writer, &message), 0);
	ck_assert_int_eq(encode(&message, &len), 0);
	ck_assert_uint_eq(len, from->len);
	ck_assert_mem_eq(buffer, from->data, len);
}
END_TEST

START_TEST(each_field_has_its_size)
{
	const struct message_sample *from = &message_samples[_i];
	struct part parts[PARTS_MAX];
	size_t count = split(from, parts, PARTS_MAX);

	for (size_t i = 0; i < count; i++) {
		uint16_t number = parts[i].number;
		bool text = (from->type == MESSAGE_HELLO && number == 2) ||
			(from->type == MESSAGE_WELCOME && (number == 2 || number == 16)) ||
			from->type == MESSAGE_NOTICE ||
			(from->type == MESSAGE_GOODBYE && number == 3) ||
			(from->type == MESSAGE_PUSH && number == 2) ||
			(from->type == MESSAGE_SIGN && number == 4) ||
			(from->type == MESSAGE_ISSUED && number == 4);
		bool dns = (from->type == MESSAGE_WELCOME && number == 15) ||
			(from->type == MESSAGE_PUSH && number == 1);

		for (size_t len = 0; len < 300; len++) {
			struct writer writer = build((uint16_t)from->type);
			uint8_t value[300];
			struct message message;
			int r;

			if (text || dns)
				continue; /* theirs are below */
			memset(value, 1, sizeof(value));
			memcpy(value, parts[i].value.data, parts[i].value.len);
			for (size_t j = 0; j < count; j++) {
				if (j != i)
					build_field(&writer, parts[j].number, parts[j].value.data,
						parts[j].value.len);
			}
			build_field(&writer, number, value, len);
			r = build_done(&writer, &message);
			ck_assert_msg(r == (len == parts[i].value.len ? 0 : -EINVAL),
				"message %d, field %u with %zu bytes: %d", _i + 1, number, len, r);
		}
	}
}
END_TEST

START_TEST(unknown_messages_are_skipped)
{
	static const uint16_t types[] = { 0, MESSAGE_TYPE_COUNT, 99, 0x8000, 0xffff };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct writer writer = build(types[i]);
		struct message message = { .type = MESSAGE_HELLO };

		ck_assert_int_eq(writer_copy(&writer, "\xff\xff\xff", 3), 0);
		ck_assert_int_eq(build_done(&writer, &message), 0);
		ck_assert_int_eq(message.type, MESSAGE_UNKNOWN);
		/* Their length must be right all the same. */
		ck_assert_int_eq(decode(buffer, writer.len - 1, &message), -EBADMSG);
		ck_assert_int_eq(encode_only(&message), -EINVAL);
	}
	ck_assert_int_eq(encode_only(&(struct message){ .type = MESSAGE_TYPE_COUNT }), -EINVAL);
}
END_TEST

START_TEST(the_largest_payload_is_that_of_a_frame)
{
	struct writer writer = build(99);
	static const uint8_t zeros[FRAME_CONTROL_MAX];
	struct message message;

	ck_assert_int_eq(writer_copy(&writer, zeros, FRAME_CONTROL_MAX - 4), 0);
	ck_assert_int_eq(build_done(&writer, &message), 0);
	ck_assert_int_eq(writer_copy(&writer, zeros, 1), 0);
	ck_assert_int_eq(build_done(&writer, &message), -EBADMSG);
}
END_TEST

/* ---- words ---- */

START_TEST(problems_name_message_and_field)
{
	struct problem problem;
	struct message message;

	memcpy(buffer, sample_hello, sizeof(sample_hello));
	buffer[4 + 6 + 12 + 20 + 8 + 4] = 65; /* lanes */
	ck_assert_int_eq(message_decode(buffer, sizeof(sample_hello), &message, &problem), -EINVAL);
	ck_assert_ptr_nonnull(strstr(problem.text, "hello"));
	ck_assert_ptr_nonnull(strstr(problem.text, "lanes"));
	ck_assert_int_eq(message_decode(buffer, sizeof(sample_hello), &message, NULL), -EINVAL);
	ck_assert_int_eq(message_decode("\0\x08\0\0", 4, &message, &problem), -ENODATA);
	ck_assert_ptr_nonnull(strstr(problem.text, "ping"));
	ck_assert_ptr_nonnull(strstr(problem.text, "time"));
}
END_TEST

START_TEST(names_and_codes_have_words)
{
	ck_assert_str_eq(message_type_name(MESSAGE_UNKNOWN), "unknown");
	ck_assert_str_eq(message_type_name(MESSAGE_HELLO), "hello");
	ck_assert_str_eq(message_type_name(MESSAGE_END_OF_ROUTES), "end-of-routes");
	ck_assert_str_eq(message_type_name(MESSAGE_GOODBYE), "goodbye");
	ck_assert_str_eq(message_type_name((enum message_type)99), "unknown");
	for (uint16_t code = 1; code < GOODBYE_CODE_COUNT; code++) {
		ck_assert_str_ne(goodbye_code_text(code), "unknown reason");
		for (uint16_t other = 1; other < code; other++)
			ck_assert_str_ne(goodbye_code_text(code), goodbye_code_text(other));
	}
	for (unsigned code = 0; code <= GOODBYE_CODE_COUNT; code++)
		ck_assert_ptr_null(strstr(goodbye_code_text_sent((uint16_t)code), "the other end"));
	ck_assert_str_eq(goodbye_code_text(0), "unknown reason");
	ck_assert_str_eq(goodbye_code_text(GOODBYE_CODE_COUNT), "unknown reason");
	ck_assert_str_eq(goodbye_code_text(65535), "unknown reason");
}
END_TEST

/* ---- chance ---- */

START_TEST(mutated_samples_never_lead_astray)
{
	const int rounds = unit_rounds(5000);
	const struct message_sample *from = &message_samples[_i];
	struct random random = { (uint64_t)_i + 100 };

	for (int round = 0; round < rounds; round++) {
		uint8_t bytes[512];
		struct message message, back;
		size_t len = from->len, again;

		memcpy(bytes, from->data, len);
		for (size_t n = random_below(&random, 4) + 1; n > 0; n--)
			bytes[random_below(&random, len)] = (uint8_t)random_next(&random);
		if (decode(bytes, len, &message) < 0 || message.type == MESSAGE_UNKNOWN)
			continue;
		/* Whatever decodes can be said again, and means the same. */
		ck_assert_int_eq(encode(&message, &len), 0);
		memcpy(bytes, buffer, len);
		ck_assert_int_eq(decode(bytes, len, &back), 0);
		ck_assert_int_eq(encode(&back, &again), 0);
		ck_assert_uint_eq(again, len);
		ck_assert_mem_eq(buffer, bytes, len);
	}
}
END_TEST

START_TEST(random_fields_never_lead_astray)
{
	const int rounds = unit_rounds(10000);
	struct random random = { 3 };

	for (int round = 0; round < rounds; round++) {
		struct writer writer = build(
			(uint16_t)random_below(&random, MESSAGE_TYPE_COUNT + 1));
		struct message message;
		int r;

		for (size_t n = random_below(&random, 12); n > 0; n--) {
			uint8_t value[40];

			random_fill(&random, value, sizeof(value));
			build_field(&writer, (uint16_t)random_below(&random, 18), value,
				random_below(&random, sizeof(value) + 1));
		}
		r = build_done(&writer, &message);
		ck_assert(r == 0 || r == -EEXIST || r == -EINVAL || r == -ENODATA);
	}
}
END_TEST

/* Adds a test that runs once for each sample. */
static void add_each(Suite *suite, const char *name, const TTest *test)
{
	unit_add_loop(suite, name, test, 0, MESSAGE_SAMPLES);
}

static Suite *suite(void)
{
	Suite *suite = suite_create("message");

	add_each(suite, "examples", examples_encode_to_the_documented_bytes);
	unit_add(suite, "hello", hello_says_what_it_means);
	unit_add(suite, "welcome", welcome_says_what_it_means);
	unit_add(suite, "others", the_others_say_what_they_mean);
	add_each(suite, "cut", cut_payloads_are_refused);
	add_each(suite, "cut inside", messages_cut_inside_a_field_are_refused);
	add_each(suite, "required", each_required_field_must_be_there);
	add_each(suite, "repeated", each_field_stands_there_once);
	add_each(suite, "order", order_does_not_matter);
	add_each(suite, "unknown fields", unknown_fields_are_skipped);
	add_each(suite, "sizes", each_field_has_its_size);
	unit_add(suite, "unknown messages", unknown_messages_are_skipped);
	unit_add(suite, "largest", the_largest_payload_is_that_of_a_frame);
	unit_add(suite, "problems", problems_name_message_and_field);
	unit_add(suite, "words", names_and_codes_have_words);
	add_each(suite, "mutations", mutated_samples_never_lead_astray);
	unit_add(suite, "random", random_fields_never_lead_astray);
	return suite;
}

int main(void)
{
	return unit_run("message", suite());
}
