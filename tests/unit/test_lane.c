/* SPDX-License-Identifier: Apache-2.0 */
/* check: threads */
/* check: no-valgrind */
/* It runs hundreds of handshakes on threads. */
/*
 * The life of a lane: handshake, control messages, deadlines, orders, ends. Packets are in
 * test_lane_packets.c, a peer that misbehaves in test_lane_peer.c.
 */
#include <errno.h>
#include <time.h>

#include "tests/unit/lane_fixture.h"
#include "tests/unit/lane_raw.h"
#include "tests/unit/random.h"
#include "tests/unit/unit.h"

START_TEST(handshake_shows_both_ends)
{
	struct side client, server;
	const struct side *sides[] = { &client, &server };

	sides_start(&client, &server);
	ck_assert_str_eq(client.peer.identity.name, "hub");
	ck_assert_str_eq(server.peer.identity.name, "branch-a");
	for (int i = 0; i < 2; i++) {
		const struct lane_peer *peer = &sides[i]->peer;

		ck_assert_int_eq(strncmp(peer->cipher, "TLS_", 4), 0);
		ck_assert_str_ne(peer->group, "");
		ck_assert_int_gt(peer->not_after, time(NULL)); /* valid for a day: tls_fixture.h */
		ck_assert_int_le(peer->not_after, time(NULL) + 86400);
		ck_assert_int_le(mono_since(mono_now(), lane_heard(sides[i]->lane)).ns,
			DURATION_S(LANES_WAIT_S).ns);
	}
	ck_assert_str_eq(client.peer.cipher, server.peer.cipher);
	ck_assert_str_eq(client.peer.group, server.peer.group);
	sides_finish(&client, &server);
}
END_TEST

START_TEST(control_both_ways_in_order)
{
	enum { MESSAGES = 150 };
	struct side client, server;

	sides_start(&client, &server);
	for (uint32_t i = 0; i < MESSAGES; i++) {
		side_send(&client, i);
		side_send(&server, i);
	}
	AWAIT(client.heard == MESSAGES && server.heard == MESSAGES);
	ck_assert_uint_eq(counter_read(&lane_counters(client.lane)->in_control), MESSAGES);
	ck_assert_uint_eq(counter_read(&lane_counters(client.lane)->out_control), MESSAGES);
	sides_finish(&client, &server);
	ck_assert_uint_eq(server.heard, MESSAGES);
}
END_TEST

START_TEST(control_too_long)
{
	static const uint8_t message[FRAME_CONTROL_MAX + 1];
	struct side client, server;

	sides_start(&client, &server);
	ck_assert_int_eq(lane_send_control(client.lane, message, sizeof(message)), -EMSGSIZE);
	side_send(&client, 0);
	AWAIT(server.heard == 1);
	sides_finish(&client, &server);
}
END_TEST

START_TEST(owner_changes)
{
	struct side client, server, heir;

	sides_start(&client, &server);
	side_send(&client, 0);
	AWAIT(server.heard == 1);
	heir = server;
	lane_set_owner(server.lane, &heir.owner);
	side_send(&client, 1);
	AWAIT(heir.heard == 2);
	ck_assert_uint_eq(server.heard, 1);
	sides_finish(&client, &heir);
	ck_assert(!server.ended);
}
END_TEST

/* What was said before lane_end() arrives, then both ends are over. */
START_TEST(end_flushes_goodbye)
{
	enum { MESSAGES = 50 };
	struct side client, server;

	sides_start(&client, &server);
	for (uint32_t i = 0; i < MESSAGES; i++)
		side_send(&client, i);
	side_end_with_goodbye(&client);
	lane_end(client.lane); /* again: nothing */
	AWAIT(client.ended && server.ended);
	ck_assert_uint_eq(server.heard, MESSAGES);
	ck_assert_uint_eq(server.goodbyes, 1);
	ck_assert_int_eq(client.end, LANE_END_ORDERED);
	ck_assert_int_eq(server.end, LANE_END_CLOSED);
	ck_assert(!client.faulted && !server.faulted);
	sides_finish(&client, &server);
}
END_TEST

START_TEST(both_end_at_once)
{
	struct side client, server;

	sides_carry(&client, &server, 0);
	side_end_with_goodbye(&client);
	side_end_with_goodbye(&server);
	AWAIT(client.ended && server.ended);
	/* One may hear of the other's end before it has its order; then it was just closed. */
	ck_assert(client.end == LANE_END_ORDERED || server.end == LANE_END_ORDERED);
	ck_assert(client.end == LANE_END_ORDERED || client.end == LANE_END_CLOSED);
	ck_assert(server.end == LANE_END_ORDERED || server.end == LANE_END_CLOSED);
	sides_finish(&client, &server);
}
END_TEST

START_TEST(end_before_handshake)
{
	struct side client, server;
	int fds[2];

	lanes_connect(SOCK_STREAM, fds);
	side_start(&client, 0, TLS_CLIENT, fds[0], LANES_LONG_MS);
	lane_end(client.lane);
	side_start(&server, 1, TLS_SERVER, fds[1], LANES_LONG_MS);
	AWAIT(client.ended && server.ended);
	ck_assert_int_eq(client.end, LANE_END_ORDERED);
	ck_assert_int_eq(server.end, LANE_END_CLOSED);
	ck_assert(!client.secured && !server.secured);
	sides_finish(&client, &server);
}
END_TEST

static void give_every_order(struct side *side)
{
	struct filter *filter = side_filter(side->role);

	side_send(side, 0);
	side_carry(side, 0);
	ck_assert_int_eq(lane_set_filter(side->lane, filter), 0);
	filter_unref(filter);
	side_send(side, 1);
	lane_end(side->lane);
	lane_end(side->lane);
	lane_cut(side->lane);
	lane_cut(side->lane);
}

/* A peer that neither speaks nor closes: draining alone would take its time. */
START_TEST(cut_waits_for_nobody)
{
	struct mono begin = mono_now();
	struct side server;
	int fds[2];

	for (int round = 0; round < 20; round++) {
		lanes_connect(SOCK_STREAM, fds);
		side_start(&server, 1, TLS_SERVER, fds[1], LANES_LONG_MS);
		if (round % 2)
			lane_end(server.lane);
		lane_cut(server.lane);
		AWAIT(server.ended);
		ck_assert_int_eq(server.end, LANE_END_ORDERED);
		ck_assert(!server.secured && !server.faulted);
		side_finish(&server);
		close(fds[0]);
	}
	/* Ten of them drained: a second each. */
	ck_assert_int_lt(mono_since(mono_now(), begin).ns, DURATION_S(5).ns);
}
END_TEST

START_TEST(orders_after_the_end)
{
	struct side client, server;

	sides_start(&client, &server);
	lane_end(client.lane);
	AWAIT(client.ended && server.ended);
	give_every_order(&client);
	give_every_order(&server);
	lanes_run(client.worker);
	lanes_run(server.worker); /* a report after the end would have failed the test */
	ck_assert_uint_eq(counter_read(&lane_counters(server.lane)->out_control), 0);
	ck_assert_int_eq(server.end, LANE_END_CLOSED);
	sides_finish(&client, &server);
}
END_TEST

/* The sanitizers see what would be used after it was freed, and what would be left. */
START_TEST(release_with_orders_queued)
{
	struct side client, server;

	sides_start(&client, &server);
	lane_end(server.lane);
	AWAIT(client.ended && server.ended);
	for (int i = 0; i < 20; i++)
		give_every_order(&client);
	lane_release(client.lane);
	lane_release(server.lane);
	lane_release(NULL);
	close(client.queue);
	close(client.host);
}
END_TEST

START_TEST(deadline_without_tls)
{
	struct mono begin = mono_now();
	struct side server;
	struct raw *raw = raw_start(&server, TLS_SERVER, 100, false);

	raw_send_bytes(raw, "\x16", 1); /* the first byte of a handshake, and no more */
	AWAIT(raw->eof);
	ck_assert_int_ge(mono_since(mono_now(), begin).ns, DURATION_MS(100).ns);
	raw_close(raw);
	AWAIT(server.ended);
	ck_assert_int_eq(server.end, LANE_END_DEADLINE);
	ck_assert(!server.secured && !server.faulted);
	side_finish(&server);
	raw_free(raw);
}
END_TEST

/* A peer with a certificate hears why; a lane that is admitted or carries has no deadline. */
START_TEST(deadline_without_carry)
{
	enum { DEADLINE_MS = 1500 };
	static struct inner_packet packet;
	struct side client, server, late;
	int fds[2];

	lanes_connect(SOCK_STREAM, fds);
	side_start(&client, 0, TLS_CLIENT, fds[0], DEADLINE_MS);
	side_start(&server, 1, TLS_SERVER, fds[1], DEADLINE_MS);
	AWAIT(client.secured && server.secured);
	lane_admit(client.lane);
	lane_admit(client.lane); /* again: nothing */
	side_carry(&server, 0);
	struct mono begin = mono_now();
	struct raw *raw = raw_start(&late, TLS_SERVER, DEADLINE_MS, true);
	AWAIT(late.faulted);
	ck_assert_int_ge(mono_since(mono_now(), begin).ns, DURATION_MS(DEADLINE_MS).ns);
	ck_assert_uint_eq(late.fault_code, GOODBYE_DEADLINE);
	ck_assert_str_ne(late.fault_text, "");
	AWAIT(raw->eof);
	ck_assert(raw->goodbye_notified);
	ck_assert_uint_eq(raw->goodbyes, 1);
	raw_close(raw);
	AWAIT(late.ended);
	ck_assert_int_eq(late.end, LANE_END_ORDERED);

	ck_assert(!client.faulted && !client.ended && !server.faulted && !server.ended);
	side_carry(&client, 0);
	lanes_packet(&packet, true, AF_INET, 100, 1);
	host_send(&client, &lanes_bare, &packet);
	host_expect(&server, &lanes_bare, &packet);
	side_finish(&late);
	raw_free(raw);
	sides_finish(&client, &server);
}
END_TEST

/* The server says why; the client hears it as an alert, after its own handshake was done. */
START_TEST(unknown_authority)
{
	struct fixture_pair other_ca = fixture_ca("Another CA");
	struct fixture_pair stranger = fixture_client(&other_ca, "branch-a");
	struct tls_context *ours = pki.client_context;
	struct side client, server;
	int fds[2];

	pki.client_context = fixture_context(TLS_CLIENT, &stranger, &pki.ca, NULL);
	lanes_connect(SOCK_STREAM, fds);
	side_start(&server, 1, TLS_SERVER, fds[1], LANES_LONG_MS);
	side_start(&client, 0, TLS_CLIENT, fds[0], LANES_LONG_MS);
	AWAIT(client.ended && server.ended);
	ck_assert(!server.secured);
	ck_assert_int_eq(server.end, LANE_END_HANDSHAKE);
	ck_assert_ptr_nonnull(strstr(server.end_text, "branch-a"));
	ck_assert_int_eq(client.end, LANE_END_BROKEN);
	ck_assert_str_ne(client.end_text, "");
	sides_finish(&client, &server);
	tls_context_unref(pki.client_context);
	pki.client_context = ours;
	fixture_free(&stranger);
	fixture_free(&other_ca);
}
END_TEST

START_TEST(not_tls)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost: hub\r\n\r\n";
	struct side server;
	struct raw *raw = raw_start(&server, TLS_SERVER, LANES_LONG_MS, false);

	raw_send_bytes(raw, request, sizeof(request) - 1);
	AWAIT(raw->eof);
	raw_close(raw);
	AWAIT(server.ended);
	ck_assert_int_eq(server.end, LANE_END_HANDSHAKE);
	ck_assert_ptr_nonnull(strstr(server.end_text, "HTTP"));
	ck_assert(!server.secured);
	side_finish(&server);
	raw_free(raw);
}
END_TEST

/* ---- many ---- */

enum { PAIRS = 100, PAIRS_LIVE = 20 };

static struct couple {
	struct side client, server;
	uint32_t sent[2], packets;
	bool live, carries, ordered[2];
	bool patient; /* is not ended before it carries */
} couples[PAIRS];

static void couple_start(struct couple *couple, struct random *random)
{
	int fds[2];

	lanes_connect(SOCK_STREAM, fds);
	side_start(&couple->client, (unsigned)random_below(random, LANES_WORKERS), TLS_CLIENT,
		fds[0], LANES_LONG_MS);
	side_start(&couple->server, (unsigned)random_below(random, LANES_WORKERS), TLS_SERVER,
		fds[1], LANES_LONG_MS);
	couple->live = true;
	couple->patient = (couple - couples) % 2 == 0;
}

static void couple_packet(struct couple *couple, struct side *side, struct random *random)
{
	static struct inner_packet packet;

	if (!couple->carries)
		return;
	lanes_packet(&packet, side->role == TLS_CLIENT, AF_INET6, 40 + random_below(random, 1400),
		couple->packets++);
	ssize_t n = send(side->host, packet.data, packet.len, MSG_NOSIGNAL);
	ck_assert(n > 0 || errno == EAGAIN);
}

static void couple_act(struct couple *couple, struct random *random)
{
	size_t which = random_below(random, 2);
	struct side *side = which == 0 ? &couple->client : &couple->server;
	bool secured = couple->client.secured && couple->server.secured;

	switch (random_below(random, 8)) {
	case 0:
	case 1:
	case 2:
		if (side->secured)
			side_send(side, couple->sent[which]++);
		break;
	case 3:
		if (!secured || couple->carries)
			break;
		couple->carries = true;
		side_carry(&couple->client, OFFLOAD_ALL);
		side_carry(&couple->server, OFFLOAD_ALL);
		break;
	case 4:
	case 5:
		couple_packet(couple, side, random);
		break;
	case 6:
		if (random_below(random, 4) == 0 && (couple->carries || !couple->patient)) {
			lane_end(side->lane);
			couple->ordered[which] = true;
		}
		break;
	default:
		break;
	}
}

/* True: both have ended, and were given back. */
static bool couple_reap(struct couple *couple)
{
	struct side *sides[] = { &couple->client, &couple->server };

	if (!sides[0]->ended || !sides[1]->ended)
		return false;
	ck_assert(couple->ordered[0] || couple->ordered[1]);
	for (int i = 0; i < 2; i++) {
		enum lane_end end = sides[i]->end;

		ck_assert_msg(end == LANE_END_ORDERED
				? couple->ordered[i]
				: end == LANE_END_CLOSED || end == LANE_END_BROKEN,
			"ended with %s: %s", lane_end_text(end), sides[i]->end_text);
		ck_assert(!sides[i]->faulted);
		side_finish(sides[i]);
	}
	couple->live = false;
	return true;
}

START_TEST(many)
{
	struct random random = { .state = 20 };
	struct mono limit = mono_add(mono_now(), DURATION_S(LANES_WAIT_S));
	size_t started = 0, done = 0, carried = 0;

	while (done < PAIRS) {
		if (started < PAIRS && started - done < PAIRS_LIVE)
			couple_start(&couples[started++], &random);
		for (size_t i = 0; i < started; i++) {
			if (!couples[i].live)
				continue;
			couple_act(&couples[i], &random);
			done += couple_reap(&couples[i]);
		}
		lanes_step(limit, "all pairs have ended");
	}
	for (size_t i = 0; i < PAIRS; i++)
		carried += couples[i].carries;
	ck_assert_uint_ge(carried, PAIRS / 2);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const life[] = { handshake_shows_both_ends, control_both_ways_in_order,
		control_too_long, owner_changes, end_flushes_goodbye, both_end_at_once,
		end_before_handshake, orders_after_the_end, cut_waits_for_nobody,
		release_with_orders_queued };
	const TTest *const refused[] = { deadline_without_tls, deadline_without_carry,
		unknown_authority, not_tls };
	const TTest *const crowd[] = { many };
	Suite *s = suite_create("lane");

	lanes_add(s, "life", life, ARRAY_SIZE(life));
	lanes_add(s, "refused", refused, ARRAY_SIZE(refused));
	lanes_add(s, "crowd", crowd, ARRAY_SIZE(crowd));
	return s;
}

int main(void)
{
	return unit_run("lane", suite());
}
