/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What ties versions together: feature bits in hello and welcome, the class of a goodbye, and the
 * codes that a peer of 0.1.0 can be told.
 */
#include "wire/feature.h"

#include <string.h>

#include "tests/unit/unit.h"
#include "wire/frame.h"
#include "wire/message.h"

static struct message through_the_wire(const struct message *message)
{
	uint8_t bytes[FRAME_CONTROL_MAX];
	struct writer writer;
	struct message back;

	writer_init(&writer, bytes, sizeof(bytes));
	ck_assert_int_eq(message_encode(&writer, message), 0);
	ck_assert_int_eq(message_decode(bytes, writer.len, &back, NULL), 0);
	return back;
}

static struct message hello(uint32_t features)
{
	struct message message = {
		.type = MESSAGE_HELLO,
		.hello = { .version = MESSAGE_VERSION, .lanes = 1, .features = features },
	};

	ck_assert_int_eq(identity_set(&message.hello.name, "a", 1), 0);
	return message;
}

START_TEST(hello_carries_bits_that_nobody_knows_yet)
{
	struct message message = hello(0xfffffffe);

	ck_assert_uint_eq(through_the_wire(&message).hello.features, 0xfffffffe);
}
END_TEST

/* So a hello of ours without features has the bytes of 0.1.0. */
START_TEST(no_features_need_no_byte)
{
	struct message none = hello(0), ours = hello(FEATURES_OURS);
	uint8_t bytes[FRAME_CONTROL_MAX];
	struct writer without, with;

	writer_init(&without, bytes, sizeof(bytes));
	ck_assert_int_eq(message_encode(&without, &none), 0);
	writer_init(&with, bytes, sizeof(bytes));
	ck_assert_int_eq(message_encode(&with, &ours), 0);
	ck_assert_uint_eq(with.len, without.len + 8);
}
END_TEST

static struct message goodbye(uint16_t code, uint8_t class)
{
	return (struct message){
		.type = MESSAGE_GOODBYE,
		.goodbye = { .code = code, .class = class },
	};
}

static enum goodbye_class heard(uint16_t code, uint8_t class)
{
	struct message message = goodbye(code, class);

	message = through_the_wire(&message);
	return goodbye_class(&message.goodbye);
}

START_TEST(an_unknown_code_has_the_class_beside_it)
{
	ck_assert_int_eq(heard(GOODBYE_CODE_COUNT, GOODBYE_CLASS_RETRY), GOODBYE_CLASS_RETRY);
	ck_assert_int_eq(heard(GOODBYE_CODE_COUNT, GOODBYE_CLASS_WAIT), GOODBYE_CLASS_WAIT);
	ck_assert_int_eq(heard(UINT16_MAX, GOODBYE_CLASS_STOP), GOODBYE_CLASS_STOP);
	ck_assert_int_eq(heard(UINT16_MAX, 0), GOODBYE_CLASS_RETRY);
	ck_assert_int_eq(heard(UINT16_MAX, GOODBYE_CLASS_STOP + 1), GOODBYE_CLASS_WAIT);
	ck_assert_int_eq(heard(UINT16_MAX, UINT8_MAX), GOODBYE_CLASS_WAIT);
}
END_TEST

/* Only its own code keeps a client away: a liar gains nothing by a class. */
START_TEST(a_known_code_decides_by_itself)
{
	ck_assert_int_eq(heard(GOODBYE_SHUTDOWN, GOODBYE_CLASS_STOP), GOODBYE_CLASS_RETRY);
	ck_assert_int_eq(heard(GOODBYE_REPLACED, GOODBYE_CLASS_RETRY), GOODBYE_CLASS_STOP);
	ck_assert_int_eq(heard(GOODBYE_REPLACED, 0), GOODBYE_CLASS_STOP);
	ck_assert_int_eq(heard(GOODBYE_LIMIT, 0), GOODBYE_CLASS_WAIT);
}
END_TEST

START_TEST(an_old_peer_hears_old_codes_only)
{
	for (uint16_t code = 1; code < GOODBYE_CODE_COUNT + 3; code++) {
		ck_assert_uint_eq(goodbye_code_for(FEATURE_GOODBYE_CLASS, code), code);
		if (code <= GOODBYE_OLD_LAST)
			ck_assert_uint_eq(goodbye_code_for(0, code), code);
		else
			ck_assert_uint_le(goodbye_code_for(0, code), GOODBYE_OLD_LAST);
		ck_assert_int_eq(
			goodbye_code_class(goodbye_code_for(0, code)), goodbye_code_class(code));
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("feature");

	unit_add(suite, "unknown bits", hello_carries_bits_that_nobody_knows_yet);
	unit_add(suite, "no features", no_features_need_no_byte);
	unit_add(suite, "unknown code", an_unknown_code_has_the_class_beside_it);
	unit_add(suite, "known code", a_known_code_decides_by_itself);
	unit_add(suite, "old peer", an_old_peer_hears_old_codes_only);
	return suite;
}

int main(void)
{
	return unit_run("feature", suite());
}
