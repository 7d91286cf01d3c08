/* SPDX-License-Identifier: Apache-2.0 */
/* check: threads */
/* check: no-valgrind */
/* It carries megabytes through TLS on threads. */
/*
 * A lane whose peer does not read: what waits, for how long, and what an end does about it. The peer is a raw one
 * (lane_raw.h).
 */
#include <errno.h>

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

/* Sends messages from number `next` on until `bytes` are under way; returns the number after. */
static uint32_t send_bytes(uint32_t next, size_t bytes)
{
	static uint8_t message[FRAME_CONTROL_MAX];

	for (size_t sent = 0; sent + FRAME_CONTROL_MAX <= bytes; next++) {
		side_send(&lane, next);
		sent += lanes_message(next, message);
	}
	return next;
}

/*
 * The socket is full long before: the rest waits in the lane, and comes when the peer reads. Then
 * there is room for as much again.
 */
START_TEST(backlog_is_kept)
{
	uint32_t before = 0;

	start();
	for (int round = 0; round < 3; round++) {
		raw->paused = true;
		uint32_t next = send_bytes(before, LANE_CONTROL_QUEUE_MAX);
		lanes_run(lane.worker);
		ck_assert_uint_lt(counter_read(&lane_counters(lane.lane)->out_control), next);
		ck_assert_uint_eq(raw->heard, before);
		ck_assert(!lane.ended);
		raw->paused = false;
		AWAIT(raw->heard == next);
		before = next;
	}
	finish();
}
END_TEST

/* ---- packets for a peer that does not read ---- */

enum { PACKET_LEN = 1400 };

static uint64_t waiting(void)
{
	return counter_read(&lane_counters(lane.lane)->queue_bytes) / PACKET_LEN;
}

static uint64_t encrypted(void)
{
	return counter_read(&lane_counters(lane.lane)->out_packets);
}

static bool offer_packet(const uint8_t *bytes, size_t len)
{
	ssize_t n = send(lane.host, bytes, len, MSG_NOSIGNAL);

	ck_assert(n == (ssize_t)len || (n < 0 && errno == EAGAIN));
	return n >= 0;
}

/* A carrying lane whose peer does not read, and so many packets of one flow that it has taken. */
static void start_with_packets(uint32_t count)
{
	static struct inner_packet packet;
	uint8_t bytes[VNET_SIZE + PACKET_LEN] = { 0 };

	raw = raw_start(&lane, TLS_CLIENT, LANES_LONG_MS, true);
	side_carry(&lane, 0);
	lanes_run(lane.worker);
	raw->paused = true;
	raw->packet_len = PACKET_LEN;
	raw->losses = true; /* CoDel may take some when this machine is slow */
	for (uint32_t i = 0; i < count; i++) {
		lanes_packet(&packet, true, AF_INET, PACKET_LEN, i);
		memcpy(bytes + VNET_SIZE, packet.data, PACKET_LEN);
		AWAIT(offer_packet(bytes, sizeof(bytes)));
	}
	AWAIT(encrypted() + waiting() + side_drops(&lane, DROP_OUT_QUEUE) == count);
	lanes_run(lane.worker);
	ck_assert_uint_gt(waiting(), 0);
	ck_assert_uint_eq(raw->packets, 0);
}

/* The lane's own memory, between two bursts: a queue that is full and an output. */
static void assert_memory(void)
{
	ck_assert_uint_le(atomic_load(&lanes.workers[lane.worker]->kept),
		FLOW_BYTES_MOST + FLOW_TABLE_BYTES + WORKER_OUTPUT_SIZE);
}

/*
 * TUN is read all the same, and what cannot be sent waits in the lane's queue. A control message goes
 * before all of it.
 */
START_TEST(packets_wait_in_the_queue)
{
	enum { COUNT = FLOW_BYTES_MOST / 2048 / 2 };

	start_with_packets(COUNT);
	uint64_t ahead = encrypted();
	side_assert_drops(&lane, DROP_OUT_QUEUE, 0);
	side_send(&lane, 0);
	side_send(&lane, 1);
	lanes_run(lane.worker);
	assert_memory();
	ck_assert_uint_eq(encrypted(), ahead);
	raw->paused = false;
	AWAIT(raw->packets + side_drops(&lane, DROP_OUT_DELAY) == COUNT && raw->heard == 2);
	ck_assert_uint_eq(raw->packets_before, ahead);
	ck_assert_uint_eq(raw->next, COUNT);
	ck_assert_uint_eq(encrypted(), raw->packets);
	ck_assert_uint_eq(waiting(), 0);
	side_assert_drops(&lane, DROP_OUT_DELAY, side_drops(&lane, DROP_OUT_DELAY));
	finish();
}
END_TEST

/* What is more than it holds is dropped, oldest first; the newest arrives. */
START_TEST(full_queue_drops)
{
	enum { COUNT = FLOW_BYTES_MOST / 2048 * 2 };
	uint64_t full;

	start_with_packets(COUNT);
	assert_memory();
	full = side_drops(&lane, DROP_OUT_QUEUE);
	ck_assert_uint_gt(full, 0);
	ck_assert_uint_gt(waiting(), COUNT / 4);
	ck_assert(!lane.ended);
	raw->paused = false;
	AWAIT(raw->packets + full + side_drops(&lane, DROP_OUT_DELAY) == COUNT);
	ck_assert_uint_eq(raw->next, COUNT);
	ck_assert_uint_eq(side_drops(&lane, DROP_OUT_QUEUE), full);
	finish();
}
END_TEST

/* However the lane ends: what waited is gone, and the memory is given back. */
START_TEST(end_with_a_full_queue)
{
	enum { COUNT = FLOW_BYTES_MOST / 2048 * 2 };

	for (int resets = 0; resets < 2; resets++) {
		start_with_packets(COUNT);
		if (resets)
			raw_close(raw);
		else
			lane_end(lane.lane);
		AWAIT(lane.ended);
		ck_assert_int_eq(lane.end, resets ? LANE_END_BROKEN : LANE_END_ORDERED);
		ck_assert_uint_eq(counter_read(&lane_counters(lane.lane)->queue_bytes), 0);
		ck_assert_uint_eq(atomic_load(&lanes.workers[lane.worker]->kept), 0);
		finish();
	}
}
END_TEST

/*
 * What will not be sent any more does not wait for the peer to close, either: a lane that held it would
 * go on asking whether the connection takes more, and be told yes for as long as that takes.
 */
START_TEST(end_drops_what_waits)
{
	start_with_packets(FLOW_BYTES_MOST / 2048 / 2);
	uint64_t waited = waiting();
	lane_end(lane.lane);
	lanes_run(lane.worker);
	ck_assert(!lane.ended);
	ck_assert_uint_eq(waiting(), 0);
	ck_assert_uint_eq(side_drops(&lane, DROP_OUT_STALE), waited);
	raw->paused = false;
	AWAIT(raw->eof);
	raw_close(raw);
	AWAIT(lane.ended);
	finish();
}
END_TEST

START_TEST(stuck)
{
	start();
	raw->paused = true;
	send_bytes(0, 2 * LANE_CONTROL_QUEUE_MAX);
	AWAIT(lane.ended);
	ck_assert_int_eq(lane.end, LANE_END_STUCK);
	ck_assert_str_ne(lane.end_text, "");
	ck_assert(!lane.faulted);
	finish();
}
END_TEST

/* An order to end waits for such a peer, but not for ever. */
START_TEST(end_does_not_wait_for_ever)
{
	start();
	raw->paused = true;
	send_bytes(0, LANE_CONTROL_QUEUE_MAX);
	struct mono begin = mono_now();
	side_end_with_goodbye(&lane);
	AWAIT(lane.ended);
	ck_assert_int_ge(mono_since(mono_now(), begin).ns, DURATION_MS(LANE_FLUSH_MS).ns);
	ck_assert_int_eq(lane.end, LANE_END_ORDERED);
	finish();
}
END_TEST

/* With a backlog when the order comes: it is sent in full, the goodbye last. */
START_TEST(end_sends_the_backlog)
{
	start();
	raw->paused = true;
	uint32_t count = send_bytes(0, LANE_CONTROL_QUEUE_MAX / 2);
	side_end_with_goodbye(&lane);
	lanes_run(lane.worker);
	raw->paused = false;
	AWAIT(raw->eof);
	ck_assert_uint_eq(raw->heard, count);
	ck_assert_uint_eq(raw->goodbyes, 1);
	ck_assert(raw->goodbye_notified && !raw->broken);
	raw_close(raw);
	AWAIT(lane.ended);
	ck_assert_int_eq(lane.end, LANE_END_ORDERED);
	finish();
}
END_TEST

/* After lane_end() the peer may talk on; nobody listens. */
START_TEST(end_stops_reading)
{
	start();
	lane_end(lane.lane);
	AWAIT(raw->eof);
	for (uint32_t i = 0; i < 100; i++)
		raw_message(raw, i);
	AWAIT(raw->output.len == 0);
	raw_close(raw);
	AWAIT(lane.ended);
	ck_assert_uint_eq(lane.heard, 0);
	ck_assert_int_eq(lane.end, LANE_END_ORDERED);
	finish();
}
END_TEST

static Suite *suite(void)
{
	const TTest *const silent[] = { backlog_is_kept, packets_wait_in_the_queue,
		full_queue_drops, end_with_a_full_queue, end_drops_what_waits, stuck,
		end_does_not_wait_for_ever, end_sends_the_backlog, end_stops_reading };
	Suite *s = suite_create("lane_stuck");

	lanes_add(s, "does not read", silent, ARRAY_SIZE(silent));
	return s;
}

int main(void)
{
	return unit_run("lane_stuck", suite());
}
