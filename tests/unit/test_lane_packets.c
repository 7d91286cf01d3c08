/* SPDX-License-Identifier: Apache-2.0 */
/* check: threads */
/* check: no-valgrind */
/* It carries megabytes through TLS on threads. */
/* Packets through lanes: what arrives, byte for byte, and what is dropped and counted instead. */
#include <netinet/in.h>

#include "tests/unit/lane_fixture.h"
#include "tests/unit/lane_raw.h"
#include "tests/unit/parse.h"
#include "tests/unit/random.h"
#include "tests/unit/segment_model.h"
#include "tests/unit/unit.h"

static struct inner_packet packet;

/* Sent by one side's host, it comes out at the other's. */
static void pass(struct side *from, struct side *to, const struct vnet *vnet)
{
	host_send(from, vnet, &packet);
	host_expect(to, vnet, &packet);
}

START_TEST(all_sizes_both_ways)
{
	static const size_t sizes[] = { 20, 21, 28, 40, 41, 576, 1279, 1280, 1499, 1500, 9000,
		16365, 16366, 16379, 16380, 16381, 16384, 32768, 49152, 65534, 65535 };
	enum { COUNT = ARRAY_SIZE(sizes), RANDOM = 40 };
	struct random random = { .state = 1 };
	struct side client, server;
	uint64_t bytes = 0, packets = 0;

	sides_carry(&client, &server, 0);
	for (uint32_t i = 0; i < COUNT + RANDOM; i++) {
		size_t len = i < COUNT ? sizes[i] : 20 + random_below(&random, 65535 - 20 + 1);

		lanes_packet(&packet, true, AF_INET, len, i);
		pass(&client, &server, &lanes_bare);
		lanes_packet(&packet, false, AF_INET, len, i);
		pass(&server, &client, &lanes_bare);
		bytes += len;
		packets++;
		if (len < 40)
			continue;
		lanes_packet(&packet, true, AF_INET6, len, i);
		pass(&client, &server, &lanes_bare);
		lanes_packet(&packet, false, AF_INET6, len, i);
		pass(&server, &client, &lanes_bare);
		bytes += len;
		packets++;
	}
	ck_assert_uint_eq(counter_read(&lane_counters(client.lane)->out_packets), packets);
	ck_assert_uint_eq(counter_read(&lane_counters(client.lane)->out_bytes), bytes);
	ck_assert_uint_eq(counter_read(&lane_counters(server.lane)->out_packets), packets);
	/* Counted after the write that brought the last one here: so this may be a moment behind. */
	AWAIT(counter_read(&lane_counters(server.lane)->in_packets) == packets);
	AWAIT(counter_read(&lane_counters(client.lane)->in_bytes) == bytes);
	side_assert_drops(&client, DROP_IN_TUN, 0);
	side_assert_drops(&server, DROP_IN_TUN, 0);
	sides_finish(&client, &server);
}
END_TEST

/* Many at once, with control messages between: nothing is lost or overtaken. */
START_TEST(bursts_in_order)
{
	enum { BURSTS = 20, BURST = 40 };
	struct side client, server;

	sides_carry(&client, &server, 0);
	for (uint32_t i = 0; i < BURSTS; i++) {
		for (uint32_t j = 0; j < BURST; j++) {
			lanes_packet(&packet, true, AF_INET, 20 + j * 30, i * BURST + j);
			host_send(&client, &lanes_bare, &packet);
		}
		side_send(&client, i);
		side_send(&server, i);
		for (uint32_t j = 0; j < BURST; j++) {
			lanes_packet(&packet, true, AF_INET, 20 + j * 30, i * BURST + j);
			host_expect(&server, &lanes_bare, &packet);
		}
	}
	AWAIT(client.heard == BURSTS && server.heard == BURSTS);
	sides_finish(&client, &server);
}
END_TEST

/*
 * The longest packet comes when a burst has left just enough room for it, one byte more, one less
 * and so on: it waits for the next burst or is taken whole.
 */
START_TEST(burst_ends_at_the_edge)
{
	enum { FRAMES = WORKER_STAGE_SIZE - FRAME_MAX, AROUND = 5 };
	struct side client, server;

	for (size_t used = FRAMES - AROUND; used <= FRAMES + AROUND; used++) {
		size_t first = used / 2 - FRAME_HEADER;
		const size_t sizes[] = { first, used - first - 2u * FRAME_HEADER,
			FRAME_PACKET_MAX };

		sides_start(&client, &server);
		side_carry(&server, 0);
		lanes_run(server.worker);
		side_make_tun(&client);
		for (uint32_t i = 0; i < 3; i++) {
			lanes_packet(&packet, true, AF_INET, sizes[i], i);
			host_send(&client, &lanes_bare, &packet);
		}
		side_carry(&client, 0);
		for (uint32_t i = 0; i < 3; i++) {
			lanes_packet(&packet, true, AF_INET, sizes[i], i);
			host_expect(&server, &lanes_bare, &packet);
		}
		sides_finish(&client, &server);
	}
}
END_TEST

/*
 * So many small packets that they are read at once, and long ones right behind them, which nobody
 * could foresee: they come whole, and in order, though they are too many for one burst.
 */
START_TEST(long_ones_among_many_small)
{
	enum { SMALL = 13, LONG = 4, COUNT = SMALL + LONG + 20 };
	struct side client, server;

	for (uint32_t round = 0; round < 3; round++) {
		sides_start(&client, &server);
		side_carry(&server, 0);
		lanes_run(server.worker);
		side_make_tun(&client);
		for (uint32_t i = 0; i < 2 * COUNT; i++) {
			uint32_t number = i % COUNT;
			bool is_long = number >= SMALL - round && number < SMALL - round + LONG;

			lanes_packet(
				&packet, true, AF_INET, is_long ? FRAME_PACKET_MAX : 64, number);
			if (i == COUNT)
				side_carry(&client, 0);
			if (i < COUNT)
				host_send(&client, &lanes_bare, &packet);
			else
				host_expect(&server, &lanes_bare, &packet);
		}
		ck_assert_uint_eq(counter_read(&lane_counters(client.lane)->out_packets), COUNT);
		sides_finish(&client, &server);
	}
}
END_TEST

/* Of `len` bytes with its TCP header where `family` has it. */
static void make_tcp(bool from_client, int family, size_t len)
{
	size_t header = family == AF_INET ? 20 : 40;

	if (family == AF_INET)
		inner_v4(&packet, IPPROTO_TCP);
	else
		inner_v6(&packet, IPPROTO_TCP);
	inner_tcp(&packet, 5, len - header - 20);
	if (family == AF_INET)
		lanes_set_addresses(&packet, from_client ? "10.1.0.5" : "10.2.0.7",
			from_client ? "10.2.0.7" : "10.1.0.5");
	else
		lanes_set_addresses(&packet, from_client ? "2001:db8:1::5" : "2001:db8:2::7",
			from_client ? "2001:db8:2::7" : "2001:db8:1::5");
	inner_finish(&packet);
}

static const struct vnet tso4 = {
	.flags = VNET_NEEDS_CSUM,
	.gso_type = VNET_GSO_TCPV4,
	.header_len = 40,
	.gso_size = 1448,
	.csum_start = 20,
	.csum_offset = 16,
};
static const struct vnet tso6 = {
	.flags = VNET_NEEDS_CSUM,
	.gso_type = VNET_GSO_TCPV6,
	.header_len = 60,
	.gso_size = 1428,
	.csum_start = 40,
	.csum_offset = 16,
};
static const struct vnet csum4 = {
	.flags = VNET_NEEDS_CSUM,
	.csum_start = 20,
	.csum_offset = 16,
};

START_TEST(superpackets)
{
	static const size_t sizes[] = { 1489, 1500, 16384, 40000, 65534, 65535 };
	struct side client, server;

	sides_carry(&client, &server, OFFLOAD_ALL);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		make_tcp(true, AF_INET, sizes[i]);
		pass(&client, &server, &tso4);
		pass(&client, &server, &csum4);
		pass(&client, &server, &lanes_bare);
		make_tcp(false, AF_INET6, sizes[i]);
		pass(&server, &client, &tso6);
	}
	side_assert_drops(&client, DROP_IN_TUN, 0);
	side_assert_drops(&server, DROP_IN_TUN, 0);
	sides_finish(&client, &server);
}
END_TEST

/* Also where the peer, an older one, says otherwise: the kernel would drop a full segment behind options. */
START_TEST(one_segment_is_no_superpacket)
{
	static const size_t sizes[] = { 60, 1488 };
	struct side client, server;

	sides_carry(&client, &server, OFFLOAD_ALL);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		make_tcp(true, AF_INET, sizes[i]);
		host_send(&client, &tso4, &packet);
		host_expect(&server, &csum4, &packet);
	}
	sides_finish(&client, &server);
}
END_TEST

/* "Checked already" is this host's knowledge, which the other does not have to believe. */
START_TEST(data_valid_does_not_travel)
{
	const struct vnet valid = { .flags = VNET_DATA_VALID };
	struct side client, server;

	sides_carry(&client, &server, OFFLOAD_ALL);
	make_tcp(true, AF_INET, 1500);
	host_send(&client, &valid, &packet);
	host_expect(&server, &lanes_bare, &packet);
	sides_finish(&client, &server);
}
END_TEST

/*
 * A segment in a VXLAN datagram, as the kernel of a host with both leaves it: the datagram is whole, the
 * segment's checksum is to be made. The peer gets it made, though it would make checksums itself.
 */
START_TEST(inner_checksum_is_made_here)
{
	enum { INNER = 20 + 8 + 8 + 14, SEGMENT = INNER + 20, LEN = SEGMENT + 20 + 301 };
	struct vnet inner = { .flags = VNET_NEEDS_CSUM, .csum_start = SEGMENT, .csum_offset = 16 };
	struct side client, server;

	sides_carry(&client, &server, OFFLOAD_ALL);
	lanes_packet(&packet, true, AF_INET, LEN, 1);
	packet.data[9] = IPPROTO_UDP;
	packet.data[INNER] = 0x45;
	packet.data[SEGMENT + 12] = 0x50;
	model_finish_ipv4(packet.data + INNER, LEN - INNER);
	model_put16(packet.data + SEGMENT + 16,
		model_pseudo_sum(packet.data + INNER, IPPROTO_TCP, LEN - SEGMENT));
	host_send(&client, &inner, &packet);
	model_finish(packet.data + INNER, LEN - INNER, 20, 16, IPPROTO_TCP);
	host_expect(&server, &lanes_bare, &packet);
	side_assert_drops(&client, DROP_OUT_OFFLOAD, 0);
	side_assert_drops(&server, DROP_IN_OFFLOAD, 0);

	/* What is still to be segmented in there cannot be finished; no TUN of ours asks for it. */
	inner.gso_type = VNET_GSO_TCPV4;
	inner.gso_size = 100;
	host_send(&client, &inner, &packet);
	lanes_packet(&packet, true, AF_INET, 64, 2);
	pass(&client, &server, &lanes_bare);
	side_assert_drops(&client, DROP_OUT_OFFLOAD, 1);
	sides_finish(&client, &server);
}
END_TEST

/* A packet that may pass, sent last: when it is there, all before it were judged. */
static void pass_marker(struct side *from, struct side *to)
{
	lanes_packet(&packet, from->role == TLS_CLIENT, AF_INET, 64, 4711);
	pass(from, to, &lanes_bare);
}

static void expect_out_drop(enum drop_reason reason, const char *source, const char *destination)
{
	struct side client, server;

	sides_carry(&client, &server, OFFLOAD_CSUM);
	for (uint32_t i = 0; i < 3; i++) {
		lanes_packet(&packet, true, strchr(source, ':') ? AF_INET6 : AF_INET, 100, i);
		lanes_set_addresses(&packet, source, destination);
		host_send(&client, &lanes_bare, &packet);
	}
	pass_marker(&client, &server);
	side_assert_drops(&client, reason, 3);
	ck_assert_uint_eq(counter_read(&lane_counters(client.lane)->out_packets), 1);
	side_assert_drops(&server, DROP_IN_SOURCE, 0);
	sides_finish(&client, &server);
}

START_TEST(out_source)
{
	expect_out_drop(DROP_OUT_SOURCE, "10.3.0.1", "10.2.0.7");
	expect_out_drop(DROP_OUT_SOURCE, "2001:db8:2::1", "2001:db8:2::7");
}
END_TEST

START_TEST(out_destination)
{
	expect_out_drop(DROP_OUT_DESTINATION, "10.1.0.5", "10.3.0.1");
	expect_out_drop(DROP_OUT_DESTINATION, "2001:db8:1::5", "2001:db8:1::6");
}
END_TEST

START_TEST(out_noise)
{
	expect_out_drop(DROP_OUT_NOISE, "10.1.0.5", "224.0.0.1");
	expect_out_drop(DROP_OUT_NOISE, "fe80::1", "ff02::2");
}
END_TEST

START_TEST(out_malformed_and_offload)
{
	struct side client, server;

	sides_carry(&client, &server, OFFLOAD_CSUM); /* and no segmentation */
	lanes_packet(&packet, true, AF_INET, 100, 1);
	packet.data[0] = 0x55;
	host_send(&client, &lanes_bare, &packet);
	lanes_packet(&packet, true, AF_INET, 100, 1);
	packet.data[3]++; /* a length that is not its own */
	host_send(&client, &lanes_bare, &packet);
	pass_marker(&client, &server);
	side_assert_drops(&client, DROP_OUT_MALFORMED, 2);
	sides_finish(&client, &server);

	sides_carry(&client, &server, OFFLOAD_CSUM);
	make_tcp(true, AF_INET, 5000);
	host_send(&client, &tso4, &packet);
	pass(&client, &server, &csum4);
	pass_marker(&client, &server);
	side_assert_drops(&client, DROP_OUT_OFFLOAD, 1);
	sides_finish(&client, &server);
}
END_TEST

/* ---- from a peer that sends what no lane would ---- */

static struct raw *start_carrying(struct side *server, uint32_t offloads)
{
	struct raw *raw = raw_start(server, TLS_SERVER, LANES_LONG_MS, true);

	side_carry(server, offloads);
	lanes_run(server->worker);
	return raw;
}

/* Behind the bad ones comes a good one; the session lives on. */
static void finish_with_drops(
	struct side *server, struct raw *raw, enum drop_reason reason, uint64_t count)
{
	lanes_packet(&packet, true, AF_INET, 64, 4711);
	raw_packet(raw, &packet);
	host_expect(server, &lanes_bare, &packet);
	side_assert_drops(server, reason, count);
	ck_assert(!server->faulted && !server->ended);
	raw_free(raw);
	AWAIT(server->ended);
	side_finish(server);
}

START_TEST(in_source)
{
	struct side server;
	struct raw *raw = start_carrying(&server, OFFLOAD_ALL);

	lanes_packet(&packet, true, AF_INET, 100, 1);
	lanes_set_addresses(&packet, "10.2.0.1", "10.2.0.7"); /* ours */
	raw_packet(raw, &packet);
	lanes_set_addresses(&packet, "203.0.113.1", "10.2.0.7");
	raw_packet(raw, &packet);
	lanes_packet(&packet, true, AF_INET6, 100, 1);
	lanes_set_addresses(&packet, "2001:db8:3::1", "2001:db8:2::7");
	raw_packet(raw, &packet);
	raw_superpacket(raw, &csum4, &packet);
	finish_with_drops(&server, raw, DROP_IN_SOURCE, 4);
}
END_TEST

/* The first is noted, and another once that is cleared. */
START_TEST(in_destination)
{
	struct side server;
	struct raw *raw = start_carrying(&server, OFFLOAD_ALL);
	char text[ADDR_TEXT_MAX];
	struct addr stray;

	ck_assert(!stray_read(lane_stray(server.lane), &stray));
	lanes_packet(&packet, true, AF_INET6, 100, 1);
	lanes_set_addresses(&packet, "2001:db8:1::1", "2001:db8:3::7");
	raw_packet(raw, &packet);
	lanes_packet(&packet, true, AF_INET, 100, 1);
	lanes_set_addresses(&packet, "10.1.0.1", "203.0.113.1");
	raw_packet(raw, &packet);
	AWAIT(side_drops(&server, DROP_IN_DESTINATION) == 2);
	ck_assert(stray_read(lane_stray(server.lane), &stray));
	ck_assert_str_eq(addr_format(&stray, text), "2001:db8:3::7");
	stray_clear(lane_stray(server.lane));
	raw_packet(raw, &packet);
	AWAIT(side_drops(&server, DROP_IN_DESTINATION) == 3);
	ck_assert(stray_read(lane_stray(server.lane), &stray));
	ck_assert_str_eq(addr_format(&stray, text), "203.0.113.1");
	finish_with_drops(&server, raw, DROP_IN_DESTINATION, 3);
}
END_TEST

START_TEST(in_malformed)
{
	struct side server;
	struct raw *raw = start_carrying(&server, OFFLOAD_ALL);

	lanes_packet(&packet, true, AF_INET, 100, 1);
	packet.data[0] = 0x75; /* version 7 */
	raw_packet(raw, &packet);
	packet.data[0] = 0x43; /* a header of 12 bytes */
	raw_packet(raw, &packet);
	packet.data[0] = 0x45;
	packet.data[3]--;
	raw_packet(raw, &packet);
	raw_superpacket(raw, &csum4, &packet);
	finish_with_drops(&server, raw, DROP_IN_MALFORMED, 4);
}
END_TEST

START_TEST(in_noise)
{
	struct side server;
	struct raw *raw = start_carrying(&server, OFFLOAD_ALL);

	lanes_packet(&packet, true, AF_INET6, 100, 1);
	lanes_set_addresses(&packet, "fe80::1", "ff02::2");
	raw_packet(raw, &packet);
	finish_with_drops(&server, raw, DROP_IN_NOISE, 1);
}
END_TEST

START_TEST(in_offload)
{
	struct vnet wrong = csum4;
	struct side server;
	struct raw *raw = start_carrying(&server, OFFLOAD_CSUM); /* and no segmentation */

	make_tcp(true, AF_INET, 5000);
	raw_superpacket(raw, &tso4, &packet);
	wrong.csum_start = 24;
	raw_superpacket(raw, &wrong, &packet);
	wrong = csum4;
	wrong.flags |= 0x40;
	raw_superpacket(raw, &wrong, &packet);
	raw_superpacket(raw, &csum4, &packet);
	host_expect(&server, &csum4, &packet);
	finish_with_drops(&server, raw, DROP_IN_OFFLOAD, 3);
}
END_TEST

START_TEST(in_not_ready)
{
	struct side server;
	struct raw *raw = raw_start(&server, TLS_SERVER, LANES_LONG_MS, true);

	lanes_packet(&packet, true, AF_INET, 100, 1);
	raw_packet(raw, &packet);
	raw_superpacket(raw, &csum4, &packet);
	raw_message(raw, 0);
	AWAIT(server.heard == 1);
	side_assert_drops(&server, DROP_IN_NOT_READY, 2);
	side_carry(&server, 0);
	lanes_run(server.worker);
	finish_with_drops(&server, raw, DROP_IN_NOT_READY, 2);
}
END_TEST

/* unix(7): a datagram longer than the send buffer is refused, as the kernel may refuse a packet. */
START_TEST(in_tun)
{
	struct side server;
	struct raw *raw = start_carrying(&server, 0);
	int least = 1;

	ck_assert_int_eq(setsockopt(server.queue, SOL_SOCKET, SO_SNDBUF, &least, sizeof(least)), 0);
	lanes_packet(&packet, true, AF_INET, 65535, 1);
	raw_packet(raw, &packet);
	finish_with_drops(&server, raw, DROP_IN_TUN, 1);
}
END_TEST

/* ---- changes on the way ---- */

START_TEST(new_filter)
{
	struct side client, server;
	struct prefix theirs, ours;
	struct filter *filter;

	sides_carry(&client, &server, 0);
	theirs = prefix_of("10.7.0.0/16");
	ours = prefix_of("10.2.0.0/16");
	ck_assert_int_eq(filter_new(&theirs, 1, &ours, 1, &filter), 0);
	ck_assert_int_eq(lane_set_filter(server.lane, filter), 0);
	filter_unref(filter);
	lanes_run(server.worker);
	lanes_packet(&packet, true, AF_INET, 100, 1);
	host_send(&client, &lanes_bare, &packet);
	AWAIT(side_drops(&server, DROP_IN_SOURCE) == 1);

	filter = side_filter(TLS_SERVER);
	ck_assert_int_eq(lane_set_filter(server.lane, filter), 0);
	filter_unref(filter);
	lanes_run(server.worker);
	pass_marker(&client, &server);
	side_assert_drops(&server, DROP_IN_SOURCE, 1);
	sides_finish(&client, &server);
}
END_TEST

START_TEST(interface_vanishes)
{
	struct side client, server;

	sides_carry(&client, &server, 0);
	pass_marker(&client, &server);
	close(server.host);
	server.host = -1;
	AWAIT(server.ended && client.ended);
	ck_assert_int_eq(server.end, LANE_END_TUN);
	ck_assert_ptr_nonnull(strstr(server.end_text, "interface"));
	ck_assert_int_eq(client.end, LANE_END_CLOSED);
	sides_finish(&client, &server);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const passing[] = { all_sizes_both_ways, bursts_in_order,
		burst_ends_at_the_edge, long_ones_among_many_small, superpackets,
		one_segment_is_no_superpacket, data_valid_does_not_travel,
		inner_checksum_is_made_here, new_filter, interface_vanishes };
	const TTest *const out[] = { out_source, out_destination, out_noise,
		out_malformed_and_offload };
	const TTest *const in[] = { in_source, in_destination, in_malformed, in_noise, in_offload,
		in_not_ready, in_tun };
	Suite *s = suite_create("lane_packets");

	lanes_add(s, "passing", passing, ARRAY_SIZE(passing));
	lanes_add(s, "out", out, ARRAY_SIZE(out));
	lanes_add(s, "in", in, ARRAY_SIZE(in));
	return s;
}

int main(void)
{
	return unit_run("lane_packets", suite());
}
