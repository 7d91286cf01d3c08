/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session between simulated lanes, a simulated netd (netd_fixture.h) and an engine that counts what it
 * hears. A file that includes this has the functions of lane/lane.h from here, as far as sessions call
 * them. The test plays the peer: it says messages on a lane, and reads what was sent on it.
 */
#ifndef CULVERT_TESTS_UNIT_SESSION_FIXTURE_H
#define CULVERT_TESTS_UNIT_SESSION_FIXTURE_H

#include "engine/session_internal.h"

#include "base/container.h"
#include "config/descriptors.h"
#include "tests/unit/netd_fixture.h"
#include "tests/unit/settings_fixture.h"
#include "wire/feature.h"
#include "wire/frame.h"

enum { FIXTURE_LANES = 8, FIXTURE_SENT = 24 };

struct lane {
	struct lane_owner *owner;
	struct message sent[FIXTURE_SENT];
	size_t sent_count, sent_read;
	struct lane_carry carry;
	int send_error, filter_error;
	bool carries, sends, admitted, end_ordered, released, has_new_reach;
	int64_t valid_until;
	struct tls_peer_chain *chain;
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
	struct mono now;         /* stands still unless the test moves it */
	struct lane lanes[FIXTURE_LANES];
	size_t lane_count;
	unsigned ups;
	bool beside;
	uint64_t last_session; /* as the newest hello named it */
	struct mono heard;     /* by every lane; 0: just now */
	int carry_error, offer_error, sources_error;
	struct filter_exclusions *exclusions;
	int exclusions_error;
	bool addresses_are_here;
	unsigned idle, added, wanted, wanted_at_once, offered, changed, ended;
	uint32_t retry_after_ms;
	int fds[REQUEST_QUEUES_MAX];
} fixture;

struct mono mono_now(void)
{
	return fixture.now;
}

/* ---- lanes ---- */

void lane_set_owner(struct lane *lane, struct lane_owner *owner)
{
	lane->owner = owner;
}

int lane_send_control(struct lane *lane, const void *payload, size_t len)
{
	struct problem problem;

	ck_assert(!lane->released);
	if (lane->send_error)
		return lane->send_error;
	ck_assert_uint_lt(lane->sent_count, FIXTURE_SENT);
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
	lane->sends = !carry->hold;
	return 0;
}

int lane_carry_on(struct lane *lane)
{
	ck_assert(lane->carries && !lane->sends);
	lane->sends = true;
	return 0;
}

int lane_set_filter(struct lane *lane, struct filter *reach)
{
	ck_assert_ptr_nonnull(reach);
	lane->has_new_reach = true;
	return lane->filter_error;
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

struct tls_peer_chain *lane_take_chain(struct lane *lane)
{
	struct tls_peer_chain *chain = lane->chain;

	lane->chain = NULL;
	return chain;
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
	return fixture.heard.ns != 0 ? fixture.heard : mono_now();
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

static inline void on_up(struct session *session)
{
	(void)session;
	fixture.ups++;
}

static inline bool on_doubted_session(struct session *session)
{
	(void)session;
	return fixture.beside;
}

static inline void on_lane_wanted(struct session *session, bool at_once)
{
	ck_assert(session_wants_lane(session));
	fixture.wanted++;
	fixture.wanted_at_once += at_once;
}

static inline void on_lane_added(struct session *session)
{
	(void)session;
	fixture.added++;
}

static inline void on_offered(struct session *session, const struct prefix *prefixes, size_t count)
{
	(void)session;
	ck_assert_ptr_nonnull(prefixes);
	ck_assert_uint_gt(count, 0);
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

static inline int on_gather_offer(const struct session *session, struct prefix_list *list)
{
	return fixture.offer_error ? fixture.offer_error : on_gather(session, list);
}

static inline int on_gather_sources(const struct session *session, struct prefix_list *list)
{
	return fixture.sources_error ? fixture.sources_error : on_gather(session, list);
}

static inline int on_exclusions(
	const struct session *session, struct filter_exclusions **ret_exclusions)
{
	(void)session;
	*ret_exclusions = fixture.exclusions;
	return fixture.exclusions_error;
}

static inline void on_ended(struct session *session)
{
	ck_assert_int_eq(session->state, SESSION_ENDED);
	fixture.session = NULL;
	fixture.ended++;
}

static const struct session_events fixture_events = {
	.idle = on_idle,
	.lane_wanted = on_lane_wanted,
	.lane_added = on_lane_added,
	.up = on_up,
	.doubted = on_doubted_session,
	.offered = on_offered,
	.changed = on_changed,
	.gather_offer = on_gather_offer,
	.gather_sources = on_gather_sources,
	.exclusions = on_exclusions,
	.ended = on_ended,
};

/* ---- the test's hands ---- */

static inline void fixture_begin(struct settings *settings)
{
	struct prefix route = prefix_of("10.2.0.0/16");

	fixture = (struct fixture){
		.settings = settings, .addresses_are_here = true, .now = { DURATION_S(1000).ns }
	};
	netd = (struct netd_fixture){ .tun_offloads = 3 };
	ck_assert_int_eq(loop_new(&fixture.loop), 0);
	ck_assert_int_eq(identity_set(&fixture.own, "this-end", 8), 0);
	fixture.name = settings->peers[0].name;
	ck_assert_int_eq(prefix_list_append(&fixture.announced, &route, 1), 0);
	settings->lanes = 4;
	settings->linger = DURATION_S(60);
	settings->peers[0].max_routes = 100;
	route = prefix_of("10.0.0.0/8");
	ck_assert_int_eq(prefix_list_append(&settings->peers[0].accept_routes, &route, 1), 0);
	fixture.world = (struct session_world){
		.loop = fixture.loop,
		.settings = settings,
		.identity = &fixture.own,
		.announced = &fixture.announced,
		.descriptors = &fixture.descriptors,
		.events = &fixture_events,
		.ready = true,
	};
	ck_assert_int_eq(
		session_new(&fixture.world, &fixture.name, &settings->peers[0], &fixture.session),
		0);
}

static inline void fixture_pass(int64_t ms)
{
	fixture.now = mono_add(fixture.now, DURATION_MS(ms));
}

static inline void fixture_expire(struct loop_timer *timer)
{
	ck_assert(timer->running);
	loop_timer_stop(fixture.loop, timer);
	timer->expired(timer);
}

static inline struct lane *fixture_lane(void)
{
	ck_assert_uint_lt(fixture.lane_count, FIXTURE_LANES);
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

/* A message of one prefix; the reason counts in a refusal alone. */
static inline void say_prefix(struct lane *lane, enum message_type type, const char *text)
{
	struct message message = { .type = type, .prefixes.count = 1 };

	message.prefixes.prefix[0] = prefix_of(text);
	message.prefixes.reason[0] = ROUTE_LIMIT;
	fixture_say(lane, &message);
}

static inline void say_end_of_routes(struct lane *lane)
{
	fixture_say(lane, &(struct message){ .type = MESSAGE_END_OF_ROUTES });
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

static inline void fixture_end(void)
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
	filter_exclusions_unref(fixture.exclusions);
	settings_free(fixture.settings);
	loop_free(fixture.loop);
}

static const struct lane_peer lane_peer = { .cipher = "C", .group = "G" };
static const uint8_t instance[MESSAGE_INSTANCE_SIZE] = { 1, 2, 3 };

static inline struct endpoint outer(void)
{
	return (struct endpoint){ addr_of("192.0.2.7"), 4433 };
}

static inline void server_begins(void)
{
	fixture_begin(server(1));
	memcpy(fixture.session->instance, instance, sizeof(instance));
}

static inline void client_begins(void)
{
	struct settings *settings = client();
	struct prefix range = prefix_of("10.9.0.0/16");

	ck_assert_int_eq(prefix_list_append(&settings->tunnel_addresses, &range, 1), 0);
	fixture_begin(settings);
	memcpy(fixture.session->instance, instance, sizeof(instance));
}

/* ---- server: a hello was accepted ---- */

static inline struct session_terms terms(void)
{
	return (struct session_terms){
		.session_id = 7,
		.mtu = 1400,
		.lanes = 3,
		.offloads_read = 3,
		.offloads_send = 3,
		.local4 = addr_of("10.9.0.1"),
		.remote4 = addr_of("10.9.0.2"),
		.ping_interval = DURATION_S(5),
		.dead_after = DURATION_S(15),
		.features = FEATURES_OURS,
	};
}

static inline struct message_welcome welcome(void)
{
	return (struct message_welcome){
		.version = MESSAGE_VERSION,
		.name = fixture.own,
		.session_id = 7,
		.token = { 9, 8, 7 },
		.lanes = 3,
		.mtu = 1400,
		.client4 = addr_of("10.9.0.2"),
		.server4 = addr_of("10.9.0.1"),
		.ping_ms = 5000,
		.dead_ms = 15000,
		.features = FEATURES_OURS,
	};
}

static inline struct lane *open_lane(void)
{
	const struct session_terms agreed = terms();
	const struct message_welcome answer = welcome();
	const struct endpoint from = outer();
	struct lane *lane = fixture_lane();

	ck_assert_int_eq(
		session_open(fixture.session, lane, &lane_peer, &from, &agreed, &answer), 0);
	ck_state(SESSION_OPENING);
	return lane;
}

static inline struct lane *open_up(size_t queues)
{
	struct lane *lane = open_lane();

	netd_make(5, queues, fixture.fds);
	ck_state(SESSION_UP);
	fixture_expect(lane, MESSAGE_WELCOME);
	ck_assert_uint_eq(fixture_expect(lane, MESSAGE_ANNOUNCE)->prefixes.count, 1);
	fixture_expect(lane, MESSAGE_END_OF_ROUTES);
	ck_assert_ptr_null(fixture_read(lane));
	ck_assert(lane->carries && lane->sends);
	return lane;
}

static inline struct message_join join(bool claim)
{
	struct message_join message = {
		.session_id = 7,
		.token = { 9, 8, 7 },
		.claim_control = claim,
	};

	memcpy(message.instance, instance, sizeof(instance));
	return message;
}

static inline int take_join(struct lane *lane, const struct message_join *message)
{
	const struct endpoint from = outer();
	struct problem problem = { 0 };
	int r = session_take_join(fixture.session, lane, &from, message, &problem);

	ck_assert_int_eq(r < 0, problem.text[0] != '\0');
	return r;
}

/* Another lane, which joins the session. */
static inline struct lane *join_up(void)
{
	const struct message_join message = join(false);
	struct lane *lane = fixture_lane();

	ck_assert_int_eq(take_join(lane, &message), 0);
	ck_assert(!fixture_expect(lane, MESSAGE_JOINED)->joined.control);
	ck_assert(lane->sends);
	return lane;
}

static inline void ck_gone(void)
{
	struct session *session = fixture.session;

	ck_state(SESSION_ENDED);
	ck_assert_uint_eq(fixture.ended, 0);
	fixture_expire(&session->reap);
	ck_assert_uint_eq(fixture.ended, 1);
}

/* netd removes the interface, and the session is freed. */
static inline void ck_removed(void)
{
	ck_state(SESSION_REMOVING);
	ck_assert_uint_eq(netd_next(REQUEST_INTERFACE_DELETE)->interface_delete.interface, 5);
	netd_answer(&(struct request_reply){ .error = 0 }, NULL, 0);
	ck_gone();
}

/* ---- client ---- */

static inline struct lane *greet(void)
{
	const struct endpoint to = outer();
	struct lane *lane = fixture_lane();
	const struct message *hello;

	ck_assert_int_eq(session_greet(fixture.session, lane, &lane_peer, &to), 0);
	ck_state(SESSION_GREETING);
	hello = fixture_expect(lane, MESSAGE_HELLO);
	ck_assert_str_eq(hello->hello.name.name, "this-end");
	ck_assert_mem_eq(hello->hello.instance, instance, sizeof(instance));
	ck_assert_uint_eq(hello->hello.lanes, 4);
	fixture.last_session = hello->hello.last_session;
	return lane;
}

static inline void hear_welcome(struct lane *lane)
{
	struct message message = { .type = MESSAGE_WELCOME, .welcome = welcome() };

	message.welcome.dns_count = 1;
	message.welcome.dns[0] = addr_of("10.9.0.1");
	fixture_say(lane, &message);
}

static inline struct lane *greet_up(size_t queues)
{
	struct lane *lane = greet();

	hear_welcome(lane);
	ck_state(SESSION_OPENING);
	ck_assert(lane->admitted);
	netd_make(5, queues, fixture.fds);
	ck_state(SESSION_UP);
	fixture_expect(lane, MESSAGE_ANNOUNCE);
	fixture_expect(lane, MESSAGE_END_OF_ROUTES);
	return lane;
}

/* ---- suites ---- */

static inline void fixture_add(
	Suite *s, const char *name, const TTest *test, bool is_client, int rounds)
{
	TCase *tcase = tcase_create(name);

	tcase_add_checked_fixture(tcase, is_client ? client_begins : server_begins, fixture_end);
	tcase_add_loop_test(tcase, test, 0, rounds);
	suite_add_tcase(s, tcase);
}

#endif
