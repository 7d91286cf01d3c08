/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session between simulated lanes, a simulated netd (netd_bench.h) and an engine that counts what it
 * hears. A file that includes this has the functions of lane/lane.h from here, as far as sessions call
 * them. The test plays the peer: it says messages on a lane, and reads what was sent on it.
 */
#ifndef CULVERT_TESTS_UNIT_SESSION_BENCH_H
#define CULVERT_TESTS_UNIT_SESSION_BENCH_H

#include "engine/session_internal.h"

#include "base/container.h"
#include "engine/descriptors.h"
#include "tests/unit/netd_bench.h"
#include "tests/unit/settings_bench.h"
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

static struct bench {
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
} bench;

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
	if (bench.carry_error)
		return bench.carry_error;
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

int lane_set_reach(struct lane *lane, struct reach *reach)
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
	return bench.addresses_are_here;
}

/* ---- the engine ---- */

static inline void on_idle(struct session *session, uint32_t retry_after_ms)
{
	ck_assert_int_eq(session->state, SESSION_IDLE);
	bench.idle++;
	bench.retry_after_ms = retry_after_ms;
}

static inline void on_lane_wanted(struct session *session, bool at_once)
{
	ck_assert(session_wants_lane(session));
	bench.wanted++;
	bench.wanted_at_once += at_once;
}

static inline void on_offered(struct session *session, const struct message_prefixes *prefixes)
{
	(void)session;
	ck_assert_uint_gt(prefixes->count, 0);
	bench.offered++;
}

static inline void on_changed(struct session *session)
{
	(void)session;
	bench.changed++;
}

static inline int on_gather(const struct session *session, struct prefix_list *list)
{
	(void)session;
	return prefix_list_append(list, bench.announced.items, bench.announced.count);
}

static inline struct reach_bar *on_barred(const struct session *session)
{
	(void)session;
	return NULL;
}

static inline void on_ended(struct session *session)
{
	ck_assert_int_eq(session->state, SESSION_ENDED);
	bench.session = NULL;
	bench.ended++;
}

static const struct session_events bench_events = {
	.idle = on_idle,
	.lane_wanted = on_lane_wanted,
	.offered = on_offered,
	.changed = on_changed,
	.gather_offer = on_gather,
	.gather_sources = on_gather,
	.barred = on_barred,
	.ended = on_ended,
};

/* ---- the test's hands ---- */

static inline void bench_begin(struct settings *settings)
{
	struct prefix route = prefix("10.2.0.0/16");

	bench = (struct bench){ .settings = settings, .addresses_are_here = true };
	netd = (struct netd_bench){ .tun_offloads = 3 };
	ck_assert_int_eq(loop_new(&bench.loop), 0);
	ck_assert_int_eq(identity_set(&bench.own, "this-end", 8), 0);
	bench.name = settings->peers[0].name;
	ck_assert_int_eq(prefix_list_append(&bench.announced, &route, 1), 0);
	settings->lanes = 4;
	settings->linger = DURATION_S(60);
	settings->peers[0].max_routes = 100;
	route = prefix("10.0.0.0/8");
	ck_assert_int_eq(prefix_list_append(&settings->peers[0].accept_routes, &route, 1), 0);
	bench.world = (struct session_world){
		.loop = bench.loop,
		.settings = settings,
		.identity = &bench.own,
		.announced = &bench.announced,
		.descriptors = &bench.descriptors,
		.events = &bench_events,
		.ready = true,
	};
	ck_assert_int_eq(
		session_new(&bench.world, &bench.name, &settings->peers[0], &bench.session), 0);
}

static inline void bench_expire(struct loop_timer *timer)
{
	ck_assert(timer->running);
	loop_timer_stop(bench.loop, timer);
	timer->expired(timer);
}

static inline struct lane *bench_lane(void)
{
	ck_assert_uint_lt(bench.lane_count, BENCH_LANES);
	return &bench.lanes[bench.lane_count++];
}

static inline void bench_say(struct lane *lane, const struct message *message)
{
	uint8_t payload[FRAME_CONTROL_MAX];
	struct writer writer;

	writer_init(&writer, payload, sizeof(payload));
	ck_assert_int_eq(message_encode(&writer, message), 0);
	lane->owner->control(lane->owner, lane, payload, writer.len);
}

static inline void bench_end_lane(struct lane *lane, enum lane_end end)
{
	lane->owner->ended(lane->owner, lane, end, "");
	ck_assert(lane->released);
}

/* The next message on this lane that was not read yet and is no ping; NULL: none. */
static inline const struct message *bench_read(struct lane *lane)
{
	while (lane->sent_read < lane->sent_count) {
		const struct message *message = &lane->sent[lane->sent_read++];

		if (message->type != MESSAGE_PING)
			return message;
	}
	return NULL;
}

static inline const struct message *bench_expect(struct lane *lane, enum message_type type)
{
	const struct message *message = bench_read(lane);

	ck_assert_msg(message != NULL, "%s was not sent", message_type_name(type));
	ck_assert_str_eq(message_type_name(message->type), message_type_name(type));
	return message;
}

static inline void bench_expect_goodbye(struct lane *lane, uint16_t code)
{
	const struct message *message = bench_expect(lane, MESSAGE_GOODBYE);

	ck_assert_uint_eq(message->goodbye.code, code);
}

static inline void ck_state(enum session_state state)
{
	ck_assert_ptr_nonnull(bench.session);
	ck_assert_str_eq(session_state_text(bench.session->state), session_state_text(state));
}

static inline void bench_end(void)
{
	struct session *session = bench.session;

	if (session) {
		bench.world.stopping = true;
		session_leave(session, GOODBYE_SHUTDOWN, "the test ends", true);
		for (size_t i = 0; i < bench.lane_count; i++) {
			if (bench.lanes[i].owner && !bench.lanes[i].released)
				bench_end_lane(&bench.lanes[i], LANE_END_ORDERED);
		}
		while (netd.asked_count > 0)
			netd_answer(&(struct request_reply){ .count = 0 }, NULL, 0);
		bench_expire(&session->reap);
	}
	ck_assert_uint_eq(bench.ended, 1);
	prefix_list_free(&bench.announced);
	settings_free(bench.settings);
	loop_free(bench.loop);
}

#endif
