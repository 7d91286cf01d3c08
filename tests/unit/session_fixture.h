/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session between simulated lanes, a simulated netd (netd_bench.h) and an engine that counts what it
 * hears. A file that includes this has the functions of lane/lane.h from here, as far as sessions call
 * them. The test plays the peer: it says messages on a lane, and reads what was sent on it.
 */
#ifndef CULVERT_TESTS_UNIT_SESSION_FIXTURE_H
#define CULVERT_TESTS_UNIT_SESSION_FIXTURE_H

#include "engine/session_internal.h"

#include "base/container.h"
#include "engine/descriptors.h"
#include "tests/unit/netd_fixture.h"
#include "tests/unit/settings_fixture.h"
#include "wire/frame.h"

enum { BENCH_LANES = 8, BENCH_SENT = 24 };

struct lane {
	struct lane_owner *owner;
	struct message sent[BENCH_SENT];
	size_t sent_count, sent_read;
	struct lane_carry carry;
	bool carries, sends, admitted, end_ordered, released, has_new_reach;
	int64_t valid_until;
	struct addr local;
	struct lane_counters counters;
};

static struct fixture {
	struct session_world world;
	struct descriptors descriptors;
	struct identity own, name;
	struct prefix_list announced;
	struct settings *settings;
	struct loop *loop;
	struct session *session; /* NULL once it has ended */
	struct lane lanes[BENCH_LANES];
	size_t lane_count;
	int carry_error;
	bool addresses_are_here;
	unsigned idle, wanted, wanted_at_once, offered, changed, ended;
	uint32_t retry_after_ms;
	int fds[REQUEST_QUEUES_MAX];
} fixture;

/* ---- lanes ---- */

void lane_set_owner(struct lane *lane, struct lane_owner *owner)
{
	lane->owner = owner;
}

int lane_send_control(struct lane *lane, const void *payload, size_t len)
{
	struct problem problem;

	ck_assert(!lane->released);
	ck_assert_uint_lt(lane->sent_count, BENCH_SENT);
	ck_assert_int_eq(
		message_decode(payload, len, &lane->sent[lane->sent_count++], &problem), 0);
	return 0;
}

int lane_carry(struct lane *lane, const struct lane_carry *carry)
{
	ck_assert(!lane->carries);
	if (fixture.carry_error)
		return fixture.carry_error;
	lane->carry = *carry;
	lane->carries = true;
	return 0;
}

int lane_carry_on(struct lane *lane)
{
	ck_assert(lane->carries);
	lane->sends = true;
	return 0;
}

int lane_set_filter(struct lane *lane, struct reach *reach)
{
	ck_assert_ptr_nonnull(reach);
	lane->has_new_reach = true;
	return 0;
}

void lane_admit(struct lane *lane)
{
	lane->admitted = true;
}

void lane_end(struct lane *lane)
{
	lane->end_ordered = true;
}

void lane_release(struct lane *lane)
{
	lane->released = true;
}

struct addr lane_local(const struct lane *lane)
{
	return lane->local;
}

int64_t lane_valid_until(const struct lane *lane)
{
	return lane->valid_until;
}

struct stray *lane_stray(struct lane *lane)
{
	return &lane->counters.stray;
}

const struct lane_counters *lane_counters(const struct lane *lane)
{
	return &lane->counters;
}

struct mono lane_heard(const struct lane *lane)
{
	(void)lane;
	return mono_now();
}

const char *lane_end_text(enum lane_end end)
{
	return end == LANE_END_CLOSED ? "the other end closed the connection" : "lane ended";
}

bool local_address_is_here(const struct addr *address)
{
	(void)address;
	return fixture.addresses_are_here;
}

/* ---- the engine ---- */

static inline void on_idle(struct session *session, uint32_t retry_after_ms)
{
	ck_assert_int_eq(session->state, SESSION_IDLE);
	fixture.idle++;
	fixture.retry_after_ms = retry_after_ms;
}

static inline void on_lane_wanted(struct session *session, bool at_once)
{
	ck_assert(session_wants_lane(session));
	fixture.wanted++;
	fixture.wanted_at_once += at_once;
}

static inline void on_offered(struct session *session, const struct message_prefixes *prefixes)
{
	(void)session;
	ck_assert_uint_gt(prefixes->count, 0);
	fixture.offered++;
}

static inline void on_changed(struct session *session)
{
	(void)session;
	fixture.changed++;
}

static inline int on_gather(const struct session *session, struct prefix_list *list)
{
	(void)session;
	return prefix_list_append(list, fixture.announced.items, fixture.announced.count);
}

static inline struct reach_bar *on_barred(const struct session *session)
{
	(void)session;
	return NULL;
}

static inline void on_ended(struct session *session)
{
	ck_assert_int_eq(session->state, SESSION_ENDED);
	fixture.session = NULL;
	fixture.ended++;
}

static const struct session_events bench_events = {
	.idle = on_idle,
	.lane_wanted = on_lane_wanted,
	.offered = on_offered,
	.changed = on_changed,
	.gather_offer = on_gather,
	.gather_sources = on_gather,
	.exclusions = on_barred,
	.ended = on_ended,
};

/* ---- the test's hands ---- */

static inline void bench_begin(struct settings *settings)
{
	struct prefix route = prefix("10.2.0.0/16");

	fixture = (struct fixture){ .settings = settings, .addresses_are_here = true };
	netd = (struct netd_fixture){ .tun_offloads = 3 };
	ck_assert_int_eq(loop_new(&fixture.loop), 0);
	ck_assert_int_eq(identity_set(&fixture.own, "this-end", 8), 0);
	fixture.name = settings->peers[0].name;
	ck_assert_int_eq(prefix_list_append(&fixture.announced, &route, 1), 0);
	settings->lanes = 4;
	settings->linger = DURATION_S(60);
	settings->peers[0].max_routes = 100;
	route = prefix("10.0.0.0/8");
	ck_assert_int_eq(prefix_list_append(&settings->peers[0].accept_routes, &route, 1), 0);
	fixture.world = (struct session_world){
		.loop = fixture.loop,
		.settings = settings,
		.identity = &fixture.own,
		.announced = &fixture.announced,
		.descriptors = &fixture.descriptors,
		.events = &bench_events,
		.ready = true,
	};
	ck_assert_int_eq(
		session_new(&fixture.world, &fixture.name, &settings->peers[0], &fixture.session),
		0);
}

static inline void fixture_expire(struct loop_timer *timer)
{
	ck_assert(timer->running);
	loop_timer_stop(fixture.loop, timer);
	timer->expired(timer);
}

static inline struct lane *bench_lane(void)
{
	ck_assert_uint_lt(fixture.lane_count, BENCH_LANES);
	return &fixture.lanes[fixture.lane_count++];
}

static inline void fixture_say(struct lane *lane, const struct message *message)
{
	uint8_t payload[FRAME_CONTROL_MAX];
	struct writer writer;

	writer_init(&writer, payload, sizeof(payload));
	ck_assert_int_eq(message_encode(&writer, message), 0);
	lane->owner->control(lane->owner, lane, payload, writer.len);
}

static inline void fixture_end_lane(struct lane *lane, enum lane_end end)
{
	lane->owner->ended(lane->owner, lane, end, "");
	ck_assert(lane->released);
}

/* The next message on this lane that was not read yet and is no ping; NULL: none. */
static inline const struct message *fixture_read(struct lane *lane)
{
	while (lane->sent_read < lane->sent_count) {
		const struct message *message = &lane->sent[lane->sent_read++];

		if (message->type != MESSAGE_PING)
			return message;
	}
	return NULL;
}

static inline const struct message *fixture_expect(struct lane *lane, enum message_type type)
{
	const struct message *message = fixture_read(lane);

	ck_assert_msg(message != NULL, "%s was not sent", message_type_name(type));
	ck_assert_str_eq(message_type_name(message->type), message_type_name(type));
	return message;
}

static inline void fixture_expect_goodbye(struct lane *lane, uint16_t code)
{
	const struct message *message = fixture_expect(lane, MESSAGE_GOODBYE);

	ck_assert_uint_eq(message->goodbye.code, code);
}

static inline void ck_state(enum session_state state)
{
	ck_assert_ptr_nonnull(fixture.session);
	ck_assert_str_eq(session_state_text(fixture.session->state), session_state_text(state));
}

static inline void bench_end(void)
{
	struct session *session = fixture.session;

	if (session) {
		fixture.world.stopping = true;
		session_leave(session, GOODBYE_SHUTDOWN, "the test ends", true);
		for (size_t i = 0; i < fixture.lane_count; i++) {
			if (fixture.lanes[i].owner && !fixture.lanes[i].released)
				fixture_end_lane(&fixture.lanes[i], LANE_END_ORDERED);
		}
		while (netd.asked_count > 0)
			netd_answer(&(struct request_reply){ .count = 0 }, NULL, 0);
		fixture_expire(&session->reap);
	}
	ck_assert_uint_eq(fixture.ended, 1);
	prefix_list_free(&fixture.announced);
	settings_free(fixture.settings);
	loop_free(fixture.loop);
}

#endif
