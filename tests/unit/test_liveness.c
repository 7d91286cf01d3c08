/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/liveness.h"

#include "base/container.h"
#include "tests/unit/unit.h"

enum { PINGS_MAX = 1000 };

/* A peer as liveness sees it, and what liveness asked for. */
struct peer {
	struct liveness liveness;
	struct loop *loop;
	struct loop_timer end; /* of tests in which the peer does not die */
	bool talks;            /* it was heard just now, always */
	struct mono heard;     /* else then */
	struct mono started, died;
	uint64_t pings[PINGS_MAX];
	int ping_count, deaths;
};

static struct mono heard(struct liveness *liveness)
{
	struct peer *peer = container_of(liveness, struct peer, liveness);

	return peer->talks ? mono_now() : peer->heard;
}

static void send_ping(struct liveness *liveness, uint64_t time)
{
	struct peer *peer = container_of(liveness, struct peer, liveness);

	ck_assert_int_lt(peer->ping_count, PINGS_MAX);
	peer->pings[peer->ping_count++] = time;
}

static void dead(struct liveness *liveness)
{
	struct peer *peer = container_of(liveness, struct peer, liveness);

	peer->deaths++;
	peer->died = mono_now();
	ck_assert(!liveness->timer.running);
	loop_stop(peer->loop);
}

static const struct liveness_events events = {
	.heard = heard,
	.send_ping = send_ping,
	.dead = dead,
};

static void start(struct peer *peer, int ping_ms, int dead_ms)
{
	const struct duration ping = DURATION_MS(ping_ms), limit = DURATION_MS(dead_ms);

	if (!peer->loop)
		ck_assert_int_eq(loop_new(&peer->loop), 0);
	peer->started = mono_now();
	peer->heard = peer->started;
	liveness_start(&peer->liveness, peer->loop, &events, ping, limit);
}

static void stop_loop(struct loop_timer *timer)
{
	loop_stop(container_of(timer, struct peer, end)->loop);
}

static void run_for(struct peer *peer, int ms)
{
	loop_timer_start(peer->loop, &peer->end, mono_add(mono_now(), DURATION_MS(ms)), stop_loop);
	ck_assert_int_eq(loop_run(peer->loop), 0);
}

START_TEST(first_ping_at_once)
{
	struct peer peer = { 0 };

	start(&peer, 1000, 3000);
	ck_assert_int_eq(peer.ping_count, 1);
	ck_assert(!peer.liveness.measured);
	liveness_stop(&peer.liveness);
	loop_free(peer.loop);
}
END_TEST

START_TEST(silence_pings_then_kills)
{
	struct peer peer = { 0 };

	start(&peer, 20, 300);
	ck_assert_int_eq(loop_run(peer.loop), 0);
	ck_assert_int_eq(peer.deaths, 1);
	ck_assert_int_ge(mono_since(peer.died, peer.started).ns, DURATION_MS(300).ns);
	/* One at the start and one each 20 ms; a busy machine may delay all but one of them. */
	ck_assert_int_ge(peer.ping_count, 2);
	ck_assert_int_le(peer.ping_count, 15);
	for (int i = 1; i < peer.ping_count; i++)
		ck_assert_uint_ge(peer.pings[i] - peer.pings[i - 1], (uint64_t)DURATION_MS(20).ns);
	loop_free(peer.loop);
}
END_TEST

START_TEST(talking_peer_is_left_alone)
{
	struct peer peer = { .talks = true };

	start(&peer, 20, 60);
	run_for(&peer, 200);
	ck_assert_int_eq(peer.deaths, 0);
	ck_assert_int_eq(peer.ping_count, 1);
	liveness_stop(&peer.liveness);
	loop_free(peer.loop);
}
END_TEST

START_TEST(stopped_watch_is_silent)
{
	struct peer peer = { 0 };

	liveness_stop(&peer.liveness); /* never started: fine */
	start(&peer, 5, 20);
	liveness_stop(&peer.liveness);
	liveness_stop(&peer.liveness);
	run_for(&peer, 50);
	ck_assert_int_eq(peer.deaths, 0);
	ck_assert_int_eq(peer.ping_count, 1);
	loop_free(peer.loop);
}
END_TEST

START_TEST(probe_kills_the_silent)
{
	struct peer peer = { 0 };
	struct mono probed;

	start(&peer, 60000, 180000);
	probed = mono_now();
	liveness_probe(&peer.liveness);
	ck_assert_int_eq(peer.ping_count, 2);
	liveness_probe(&peer.liveness); /* one is pending */
	ck_assert_int_eq(peer.ping_count, 2);
	ck_assert_int_eq(loop_run(peer.loop), 0);
	ck_assert_int_eq(peer.deaths, 1);
	ck_assert_int_ge(mono_since(peer.died, probed).ns, DURATION_MS(LIVENESS_PROBE_MS).ns);
	loop_free(peer.loop);
}
END_TEST

/* Where the round trip is known, a probe waits for several, within its bounds. */
START_TEST(probe_goes_by_the_round_trip)
{
	static const struct {
		int rtt_ms, wait_ms;
	} cases[] = { { 0, LIVENESS_PROBE_LEAST_MS }, { 50, LIVENESS_PROBE_LEAST_MS },
		{ 100, 100 * LIVENESS_PROBE_RTTS }, { 1000, LIVENESS_PROBE_MS } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct peer peer = { 0 };

		start(&peer, 60000, 180000);
		liveness_pong(&peer.liveness, peer.pings[0]);
		ck_assert(peer.liveness.measured);
		peer.liveness.rtt_smooth = DURATION_MS(cases[i].rtt_ms);
		liveness_probe(&peer.liveness);
		ck_assert_int_eq(mono_since(peer.liveness.timer.due, peer.liveness.probed).ns,
			DURATION_MS(cases[i].wait_ms).ns);
		liveness_stop(&peer.liveness);
		loop_free(peer.loop);
	}
}
END_TEST

/* A second probe does not put off the end of the first. */
START_TEST(pending_probe_stays)
{
	struct peer peer = { 0 };
	struct mono before, due;

	start(&peer, 60000, 180000);
	before = mono_now();
	liveness_probe(&peer.liveness);
	due = peer.liveness.timer.due;
	ck_assert_int_ge(mono_since(due, before).ns, DURATION_MS(LIVENESS_PROBE_MS).ns);
	liveness_probe(&peer.liveness);
	ck_assert_int_eq(peer.liveness.timer.due.ns, due.ns);
	liveness_stop(&peer.liveness);
	loop_free(peer.loop);
}
END_TEST

START_TEST(answered_probe_is_over)
{
	struct peer peer = { 0 };

	start(&peer, 60000, 180000);
	liveness_probe(&peer.liveness);
	while (!mono_before(peer.liveness.probed, peer.heard))
		peer.heard = mono_now();
	run_for(&peer, LIVENESS_PROBE_MS + 200);
	ck_assert_int_eq(peer.deaths, 0);
	ck_assert_int_eq(peer.ping_count, 2);
	ck_assert(!peer.liveness.probing);
	/* The next doubt is a new one, also right after an answer that nobody has looked at. */
	liveness_probe(&peer.liveness);
	ck_assert_int_eq(peer.ping_count, 3);
	while (!mono_before(peer.liveness.probed, peer.heard))
		peer.heard = mono_now();
	liveness_probe(&peer.liveness);
	ck_assert_int_eq(peer.ping_count, 4);
	liveness_stop(&peer.liveness);
	loop_free(peer.loop);
}
END_TEST

START_TEST(probe_is_never_more_patient)
{
	struct peer peer = { 0 };
	struct mono dead_due;

	start(&peer, 100, 300);
	dead_due = mono_add(peer.heard, DURATION_MS(300));
	liveness_probe(&peer.liveness);
	ck_assert(!mono_before(dead_due, peer.liveness.timer.due));
	ck_assert_int_eq(loop_run(peer.loop), 0);
	ck_assert_int_eq(peer.deaths, 1);
	ck_assert(!mono_before(peer.died, dead_due));
	loop_free(peer.loop);
}
END_TEST

START_TEST(stopped_watch_does_not_probe)
{
	struct peer peer = { 0 };

	liveness_probe(&peer.liveness); /* never started */
	start(&peer, 60000, 180000);
	liveness_probe(&peer.liveness);
	liveness_stop(&peer.liveness);
	liveness_probe(&peer.liveness);
	ck_assert_int_eq(peer.ping_count, 2);
	ck_assert(!peer.liveness.timer.running);
	start(&peer, 60000, 180000);
	ck_assert(!peer.liveness.probing);
	liveness_stop(&peer.liveness);
	loop_free(peer.loop);
}
END_TEST

/* A ping of so many milliseconds ago is answered now. */
static void answer_after(struct peer *peer, int ms)
{
	peer->liveness.pinged = mono_now(); /* an answer to a later ping does not count */
	liveness_pong(&peer->liveness, (uint64_t)(mono_now().ns - DURATION_MS(ms).ns));
}

/* RFC 6298, 2: the smoothed time is 7/8 of the old and 1/8 of the new one. */
START_TEST(round_trips)
{
	struct peer peer = { 0 };
	struct liveness *liveness = &peer.liveness;
	struct duration first;

	start(&peer, 60000, 180000);
	answer_after(&peer, 800);
	ck_assert(liveness->measured);
	first = liveness->rtt_last;
	ck_assert_int_ge(first.ns, DURATION_MS(800).ns);
	ck_assert_int_eq(liveness->rtt_smooth.ns, first.ns);
	ck_assert_int_eq(liveness->rtt_least.ns, first.ns);

	answer_after(&peer, 1600);
	ck_assert_int_ge(liveness->rtt_last.ns, DURATION_MS(1600).ns);
	ck_assert_int_eq(liveness->rtt_smooth.ns, (first.ns * 7 + liveness->rtt_last.ns) / 8);
	ck_assert_int_eq(liveness->rtt_least.ns, first.ns);

	answer_after(&peer, 10);
	ck_assert_int_lt(liveness->rtt_least.ns, first.ns);
	ck_assert_int_eq(liveness->rtt_least.ns, liveness->rtt_last.ns);
	liveness_stop(liveness);
	loop_free(peer.loop);
}
END_TEST

START_TEST(impossible_pongs)
{
	struct peer peer = { 0 };
	struct liveness *liveness = &peer.liveness;
	struct mono now;

	start(&peer, 60000, 180000);
	now = mono_now();
	liveness_pong(liveness, UINT64_MAX);
	liveness_pong(liveness, (uint64_t)now.ns + 1000000000u);          /* from the future */
	liveness_pong(liveness, peer.pings[0] + 1);                       /* after the last ping */
	liveness_pong(liveness, (uint64_t)(now.ns - DURATION_S(200).ns)); /* older than any life */
	ck_assert(!liveness->measured);
	liveness_pong(liveness, peer.pings[0]);
	ck_assert(liveness->measured);
	liveness_stop(liveness);
	loop_free(peer.loop);
}
END_TEST

START_TEST(new_start_forgets)
{
	struct peer peer = { 0 };

	start(&peer, 60000, 180000);
	liveness_pong(&peer.liveness, peer.pings[0]);
	ck_assert(peer.liveness.measured);
	start(&peer, 60000, 180000);
	ck_assert(!peer.liveness.measured);
	ck_assert_int_eq(peer.ping_count, 2);
	liveness_stop(&peer.liveness);
	loop_free(peer.loop);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("liveness");

	unit_add(s, "first_ping_at_once", first_ping_at_once);
	unit_add(s, "silence_pings_then_kills", silence_pings_then_kills);
	unit_add(s, "talking_peer_is_left_alone", talking_peer_is_left_alone);
	unit_add(s, "stopped_watch_is_silent", stopped_watch_is_silent);
	unit_add(s, "probe_kills_the_silent", probe_kills_the_silent);
	unit_add(s, "probe_goes_by_the_round_trip", probe_goes_by_the_round_trip);
	unit_add(s, "pending_probe_stays", pending_probe_stays);
	unit_add(s, "answered_probe_is_over", answered_probe_is_over);
	unit_add(s, "probe_is_never_more_patient", probe_is_never_more_patient);
	unit_add(s, "stopped_watch_does_not_probe", stopped_watch_does_not_probe);
	unit_add(s, "round_trips", round_trips);
	unit_add(s, "impossible_pongs", impossible_pongs);
	unit_add(s, "new_start_forgets", new_start_forgets);
	return s;
}

int main(void)
{
	return unit_run("liveness", suite());
}
