/* SPDX-License-Identifier: Apache-2.0 */
/* check: threads */
/* check: no-valgrind */
/* It carries megabytes through TLS on threads. */
/*
 * A lane whose peer breaks the protocol, or goes away in every way there is. The peer is a raw one
 * (lane_raw.h).
 */
#include "base/error_text.h"
#include "lane/lane_internal.h"
#include "tests/unit/lane_fixture.h"
#include "tests/unit/lane_raw.h"
#include "tests/unit/unit.h"

static struct side lane;
static struct raw *raw;

static void start(void)
{
	raw = raw_start(&lane, TLS_SERVER, LANES_LONG_MS, true);
}

static void finish(void)
{
	raw_free(raw);
	AWAIT(lane.ended);
	side_finish(&lane);
}

/* ---- breaking the protocol ---- */

/* The owner hears of it with code and words, says goodbye, and the peer hears that. */
static void expect_fault(uint16_t code, const char *words)
{
	AWAIT(lane.faulted);
	ck_assert_uint_eq(lane.fault_code, code);
	ck_assert_msg(strstr(lane.fault_text, words) != NULL, "%s", lane.fault_text);
	AWAIT(raw->eof);
	ck_assert(raw->goodbye_notified && !raw->broken);
	ck_assert_uint_eq(raw->goodbyes, 1);
	raw_close(raw);
	AWAIT(lane.ended);
	ck_assert_int_eq(lane.end, LANE_END_ORDERED);
}

START_TEST(unknown_frame_type)
{
	static const uint8_t types[] = { 0, 4, 255 };

	for (size_t i = 0; i < sizeof(types); i++) {
		start();
		raw_message(raw, 0);
		raw_frame(raw, types[i], "culvert", 7);
		raw_message(raw, 1); /* not looked at any more */
		expect_fault(GOODBYE_PROTOCOL, "unknown frame type");
		ck_assert_uint_eq(lane.heard, 1);
		finish();
	}
}
END_TEST

START_TEST(unknown_frame_type_while_carrying)
{
	start();
	side_carry(&lane, 0);
	lanes_run(lane.worker);
	raw_frame(raw, 9, "culvert", 7);
	expect_fault(GOODBYE_PROTOCOL, "unknown frame type");
	finish();
}
END_TEST

/* docs/protocol.md: the limits of each type; told by the header alone. */
START_TEST(frame_lengths)
{
	static const uint8_t headers[][FRAME_HEADER] = {
		{ FRAME_CONTROL, 0, 0, 0 },
		{ FRAME_CONTROL, 0, 0, 3 },
		{ FRAME_CONTROL, 0, 0x40, 0x01 },
		{ FRAME_PACKET, 0, 0, 0 },
		{ FRAME_PACKET, 0, 0, 19 },
		{ FRAME_PACKET, 1, 0, 0 },
		{ FRAME_OFFLOAD, 0, 0, 29 },
		{ FRAME_OFFLOAD, 1, 0, 10 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
		start();
		raw_write(raw, headers[i], sizeof(headers[i]));
		expect_fault(GOODBYE_PROTOCOL, "length");
		finish();
	}
}
END_TEST

/* Of two faults in one burst the first is told. */
START_TEST(first_fault_wins)
{
	static const uint8_t bad_length[FRAME_HEADER] = { FRAME_CONTROL, 0xff, 0xff, 0xff };

	for (int turn = 0; turn < 2; turn++) {
		start();
		raw_message(raw, 0);
		if (turn == 1)
			raw_write(raw, bad_length, sizeof(bad_length));
		raw_frame(raw, 9, "culvert", 7);
		if (turn == 0)
			raw_write(raw, bad_length, sizeof(bad_length));
		raw_message(raw, 1); /* not looked at any more */
		expect_fault(GOODBYE_PROTOCOL,
			turn == 0 ? "unknown frame type" : "frame length outside its limits");
		ck_assert_uint_eq(lane.heard, 1);
		finish();
	}
}
END_TEST

/* What message number `number` costs. */
static double cost(uint32_t number)
{
	uint8_t message[FRAME_CONTROL_MAX];
	double cost = (double)lanes_message(number, message) / LANE_CONTROL_WHOLE;

	return cost < 1.0 / LANE_CONTROL_LEAST ? 1.0 / LANE_CONTROL_LEAST : cost > 1 ? 1 : cost;
}

/* docs/protocol.md: 400 at once and 50 a second; the others are heard later, each, in order. */
START_TEST(control_flood)
{
	double costs = 0;
	uint32_t first = 0, all;
	struct mono start_time;

	start();
	while (costs + cost(first) <= LANE_CONTROL_BURST)
		costs += cost(first++);
	start_time = mono_now();
	for (all = 0, costs = 0; costs < LANE_CONTROL_BURST + LANE_CONTROL_PER_SECOND; all++) {
		AWAIT(raw->output.len < RAW_OUTPUT_MAX / 2);
		raw_message(raw, all);
		costs += cost(all);
	}
	AWAIT(lane.heard >= first);
	AWAIT(lane.heard == all);
	ck_assert_int_ge(mono_since(mono_now(), start_time).ns, DURATION_MS(900).ns);
	ck_assert(!lane.faulted && !lane.ended);
	finish();
}
END_TEST

/* While messages wait, the lane reads nothing: more than a burst does not wait. */
START_TEST(a_flood_waits_in_the_connection)
{
	enum { FLOOD = 100000 };
	uint32_t sent = 0;

	start();
	while (sent < FLOOD && raw->output.len < RAW_OUTPUT_MAX / 2) {
		for (int i = 0; i < 20 && raw->output.len < RAW_OUTPUT_MAX / 2; i++)
			raw_message(raw, sent++);
		lanes_step(mono_add(mono_now(), DURATION_S(LANES_WAIT_S)), "flood");
	}
	ck_assert_uint_lt(sent, FLOOD);
	ck_assert(!lane.faulted && !lane.ended);
	ck_assert_uint_ge(lane.heard, LANE_CONTROL_BURST);
	/* It was heard of all the time. */
	AWAIT(mono_since(mono_now(), lane_heard(lane.lane)).ns < DURATION_MS(500).ns);
	/* And its end is seen. */
	raw_close(raw);
	finish();
}
END_TEST

/* A record for each byte: frames know nothing of records. */
START_TEST(byte_by_byte)
{
	static struct inner_packet packet;
	uint8_t message[FRAME_CONTROL_MAX], header[FRAME_HEADER];
	struct writer writer;

	start();
	side_carry(&lane, 0);
	lanes_run(lane.worker);
	for (uint32_t i = 0; i < 3; i++) {
		size_t len = lanes_message(i, message);

		writer_init(&writer, header, sizeof(header));
		ck_assert_int_eq(frame_encode_header(&writer, FRAME_CONTROL, len), 0);
		for (size_t j = 0; j < sizeof(header); j++)
			raw_write(raw, &header[j], 1);
		for (size_t j = 0; j < len; j++)
			raw_write(raw, &message[j], 1);
		AWAIT(lane.heard == i + 1);
	}
	lanes_packet(&packet, true, AF_INET, 40, 1);
	writer_init(&writer, header, sizeof(header));
	ck_assert_int_eq(frame_encode_header(&writer, FRAME_PACKET, packet.len), 0);
	for (size_t j = 0; j < sizeof(header); j++)
		raw_write(raw, &header[j], 1);
	for (size_t j = 0; j < packet.len; j++) {
		raw_write(raw, &packet.data[j], 1);
		lanes_step(mono_add(mono_now(), DURATION_S(LANES_WAIT_S)), "step");
	}
	host_expect(&lane, &lanes_bare, &packet);
	finish();
}
END_TEST

/* ---- going away ---- */

/* What came before close_notify is still taken. */
START_TEST(peer_closes)
{
	start();
	raw_message(raw, 0);
	raw_message(raw, 1);
	tls_close(raw->tls);
	AWAIT(raw->eof); /* the lane has closed its own direction */
	ck_assert(raw->goodbye_notified);
	raw_close(raw);
	AWAIT(lane.ended);
	ck_assert_int_eq(lane.end, LANE_END_CLOSED);
	ck_assert_uint_eq(lane.heard, 2);
	finish();
}
END_TEST

START_TEST(peer_closes_without_notice)
{
	start();
	raw_message(raw, 0);
	AWAIT(lane.heard == 1);
	raw_close(raw);
	AWAIT(lane.ended);
	ck_assert_int_eq(lane.end, LANE_END_CLOSED);
	finish();
}
END_TEST

START_TEST(peer_half_closes)
{
	start();
	raw_message(raw, 0);
	AWAIT(lane.heard == 1);
	ck_assert_int_eq(shutdown(raw->fd, SHUT_WR), 0);
	AWAIT(lane.ended);
	ck_assert_int_eq(lane.end, LANE_END_CLOSED);
	finish();
}
END_TEST

START_TEST(peer_leaves_in_handshake)
{
	raw = raw_start(&lane, TLS_SERVER, LANES_LONG_MS, false);
	raw_send_bytes(raw, "\x16\x03\x01", 3);
	AWAIT(raw->output.len == 0);
	raw_close(raw);
	AWAIT(lane.ended);
	ck_assert_int_eq(lane.end, LANE_END_CLOSED);
	ck_assert(!lane.secured);
	finish();
}
END_TEST

/* Closed with bytes unread, which is a reset. */
START_TEST(peer_resets)
{
	start();
	raw->paused = true;
	side_send(&lane, 0);
	AWAIT(counter_read(&lane_counters(lane.lane)->out_control) == 1);
	lanes_run(lane.worker); /* the bytes have been sent */
	raw_close(raw);
	AWAIT(lane.ended);
	ck_assert_int_eq(lane.end, LANE_END_BROKEN);
	ck_assert_str_eq(lane.end_text, error_text(ECONNRESET));
	finish();
}
END_TEST

/* A record that was changed on the way. */
START_TEST(forged_record)
{
	static const uint8_t record[] = { 23, 3, 3, 0, 32, [36] = 1 };

	start();
	raw_message(raw, 0);
	raw_send_bytes(raw, record, sizeof(record));
	AWAIT(raw->eof);
	ck_assert(raw->broken); /* told by an alert */
	raw_close(raw);
	AWAIT(lane.ended);
	ck_assert_int_eq(lane.end, LANE_END_BROKEN);
	ck_assert_str_ne(lane.end_text, "");
	ck_assert_uint_eq(lane.heard, 1);
	finish();
}
END_TEST

static Suite *suite(void)
{
	const TTest *const breaks[] = { unknown_frame_type, unknown_frame_type_while_carrying,
		frame_lengths, first_fault_wins, control_flood, a_flood_waits_in_the_connection,
		byte_by_byte };
	const TTest *const leaves[] = { peer_closes, peer_closes_without_notice, peer_half_closes,
		peer_leaves_in_handshake, peer_resets, forged_record };
	Suite *s = suite_create("lane_peer");

	lanes_add(s, "breaks the protocol", breaks, ARRAY_SIZE(breaks));
	lanes_add(s, "leaves", leaves, ARRAY_SIZE(leaves));
	return s;
}

int main(void)
{
	return unit_run("lane_peer", suite());
}
