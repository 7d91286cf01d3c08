/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an accepted connection to a session, and every reason why it does not get there. Lanes and
 * sessions are played: what admission orders of them is written down.
 */
#include "daemon/admission.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/container.h"
#include "base/log.h"
#include "daemon/pool.h"
#include "engine/session.h"
#include "tests/unit/settings_fixture.h"
#include "tests/unit/unit.h"
#include "wire/feature.h"
#include "wire/frame.h"

enum { LANES = 64, SESSIONS = 8, HEARD_MAX = 32 };

struct lane { /* a played one */
	struct lane_owner *owner;
	struct message goodbye; /* the last message that was sent */
	bool has_goodbye, admitted, ended, cut, released;
	int fd;
	unsigned heard[HEARD_MAX]; /* types, by lane_hear() */
	size_t heard_count;
};

static struct fixture {
	struct loop *loop;
	struct settings *settings;
	struct identity name;
	struct descriptors descriptors;
	struct peers peers;
	struct offer offer;
	struct admission admission;
	struct lane lanes[LANES];
	size_t lane_count;
	struct session sessions[SESSIONS];
	size_t session_count;
	/* What is to fail. */
	int lane_error, session_error, open_error, join_error;
	/* What happened. */
	unsigned refusals, ends, opened, let_go, joined;
	char cause[PROBLEM_TEXT_MAX], refused_name[IDENTITY_MAX + 1];
	uint16_t left_code;
	char left_text[MESSAGE_TEXT_MAX + 1];
	unsigned left;
	struct session_terms terms;
	struct lane *opened_lane;
} fixture;

/* ---- lanes ---- */

int lane_send_control(struct lane *lane, const void *payload, size_t len)
{
	struct problem problem;

	ck_assert(!lane->ended && !lane->has_goodbye);
	ck_assert_int_eq(message_decode(payload, len, &lane->goodbye, &problem), 0);
	lane->has_goodbye = true;
	return 0;
}

void lane_end(struct lane *lane)
{
	lane->ended = true;
}

void lane_cut(struct lane *lane)
{
	lane->ended = lane->cut = true;
}

void lane_admit(struct lane *lane)
{
	lane->admitted = true;
}

void lane_hear(struct lane *lane, const uint8_t *data, size_t len)
{
	static struct message message;
	struct problem problem;

	ck_assert_int_eq(message_decode(data, len, &message, &problem), 0);
	ck_assert_uint_lt(lane->heard_count, HEARD_MAX);
	lane->heard[lane->heard_count++] = message.type;
}

void lane_release(struct lane *lane)
{
	ck_assert(!lane->released);
	lane->released = true;
}

const char *lane_end_text(enum lane_end end)
{
	return end == LANE_END_DEADLINE ? "deadline passed" : "the end";
}

/* ---- sessions ---- */

struct session *peers_find(const struct peers *peers, const struct identity *name)
{
	(void)peers;
	for (size_t i = 0; i < fixture.session_count; i++) {
		if (identity_equal(&fixture.sessions[i].name, name))
			return &fixture.sessions[i];
	}
	return NULL;
}

int session_open(struct session *session, struct lane *lane, const struct lane_peer *peer,
	const struct endpoint *outer, const struct session_terms *session_terms,
	const struct message_welcome *welcome)
{
	(void)outer;
	ck_assert(identity_equal(&peer->identity, &session->name));
	ck_assert_uint_eq(welcome->session_id, session_terms->session_id);
	if (fixture.open_error < 0)
		return fixture.open_error;
	session->state = SESSION_OPENING;
	fixture.opened++;
	fixture.opened_lane = lane;
	fixture.terms = *session_terms;
	return 0;
}

void session_leave(struct session *session, uint16_t goodbye_code, const char *text, bool final)
{
	ck_assert(final);
	session->final = true;
	session->state = SESSION_CLOSING;
	fixture.left++;
	fixture.left_code = goodbye_code;
	unit_text(fixture.left_text, text);
}

void session_disconnect(struct session *session)
{
	session->state = SESSION_IDLE;
	fixture.let_go++;
}

int session_take_join(struct session *session, struct lane *lane, const struct endpoint *outer,
	const struct message_join *join, struct problem *problem)
{
	(void)session;
	(void)lane;
	(void)outer;
	(void)join;
	if (fixture.join_error < 0)
		problem_set(problem, "join refused by %d", -fixture.join_error);
	else
		fixture.joined++;
	return fixture.join_error;
}

/* ---- the server's part ---- */

static int make_lane(struct admission *admission, int fd, struct mono deadline,
	struct lane_owner *owner, struct lane **ret_lane)
{
	(void)deadline;
	ck_assert_ptr_eq(admission, &fixture.admission);
	if (fixture.lane_error < 0)
		return fixture.lane_error;
	ck_assert_uint_lt(fixture.lane_count, LANES);
	*ret_lane = &fixture.lanes[fixture.lane_count++];
	**ret_lane = (struct lane){ .owner = owner, .fd = fd };
	return 0;
}

static int make_session(struct admission *admission, const struct identity *name,
	const struct settings_peer *peer, struct session **ret_session)
{
	if (fixture.session_error < 0)
		return fixture.session_error;
	ck_assert_uint_lt(fixture.session_count, SESSIONS);
	*ret_session = &fixture.sessions[fixture.session_count++];
	**ret_session = (struct session){ .name = *name, .peer = peer };
	admission->peers->session_count++;
	return 0;
}

static void on_refused(struct admission *admission, const struct endpoint *outer, const char *name,
	const char *cause)
{
	(void)admission;
	(void)outer;
	fixture.refusals++;
	unit_text(fixture.cause, cause);
	unit_text(fixture.refused_name, name);
}

static void on_ended(struct admission *admission)
{
	(void)admission;
	fixture.ends++;
}

static const struct admission_events admission_events = {
	.lane = make_lane,
	.session = make_session,
	.refused = on_refused,
	.ended = on_ended,
};

static void setup(void)
{
	fixture = (struct fixture){ .name = { "hub" },
		.descriptors = { .sessions = SESSIONS, .handshakes = 8 } };
	log_set_level(LOG_LEVEL_ERROR);
	fixture.settings = server(3); /* peer-0 … peer-2 */
	fixture.settings->mtu = 1400;
	fixture.settings->lanes = 4;
	fixture.settings->max_sessions = SESSIONS;
	ck_assert_int_eq(loop_new(&fixture.loop), 0);
	fixture.offer = (struct offer){ .loop = fixture.loop,
		.settings = fixture.settings,
		.name = &fixture.name,
		.state_dir_fd = -1 };
	struct problem problem = { .text = "" };
	ck_assert_int_eq(offer_init(&fixture.offer, &problem), 0);
	fixture.admission.settings = fixture.settings;
	fixture.admission.descriptors = &fixture.descriptors;
	fixture.admission.peers = &fixture.peers;
	fixture.admission.offer = &fixture.offer;
	admission_init(&fixture.admission, &admission_events, 42);
}

/* Every candidate that is left ends, as its lane does when the worker is done. */
static void teardown(void)
{
	struct candidate *candidate;

	while ((candidate = TAILQ_FIRST(&fixture.admission.candidates)))
		candidate->lane_owner.ended(
			&candidate->lane_owner, candidate->lane, LANE_END_ORDERED, "");
	ck_assert_uint_eq(fixture.admission.candidate_count, 0);
	ck_assert_uint_eq(fixture.admission.judged_count, 0);
	ck_assert_uint_eq(fixture.admission.cut_count, 0);
	for (size_t i = 0; i < NETWORKS_COUNTERS; i++)
		ck_assert_uint_eq(fixture.admission.networks.count[0][i], 0);
	offer_free(&fixture.offer);
	loop_free(fixture.loop);
	settings_free(fixture.settings);
}

/* ---- what a client does ---- */

static struct lane *connects_from(const char *from)
{
	struct endpoint outer = { addr(from), 50000 };

	admission_take(&fixture.admission, -1, &outer, mono_add(mono_now(), DURATION_S(10)));
	return &fixture.lanes[fixture.lane_count - 1];
}

static void secures(struct lane *lane, const char *name)
{
	struct lane_peer peer = { .cipher = "TLS_AES_256_GCM_SHA384" };

	unit_text(peer.identity.name, name);
	lane->owner->secured(lane->owner, lane, &peer, "");
}

static struct lane *connects(const char *name)
{
	struct lane *lane = connects_from("192.0.2.7");

	secures(lane, name);
	return lane;
}

static void says(struct lane *lane, const struct message *message)
{
	uint8_t payload[FRAME_CONTROL_MAX];
	struct writer writer;

	writer_init(&writer, payload, sizeof(payload));
	ck_assert_int_eq(message_encode(&writer, message), 0);
	lane->owner->control(lane->owner, lane, payload, writer.len);
}

static struct message hello(uint8_t instance)
{
	struct message message = { .type = MESSAGE_HELLO };

	message.hello = (struct message_hello){ .version = MESSAGE_VERSION,
		.name = { "client" },
		.instance = { instance },
		.lanes = 2,
		.mtu = 1300,
		.features = FEATURE_GOODBYE_CLASS };
	return message;
}

static void says_hello(struct lane *lane, uint8_t instance)
{
	struct message message = hello(instance);

	says(lane, &message);
}

static void says_join(struct lane *lane)
{
	struct message message = { .type = MESSAGE_JOIN, .join.session_id = 7 };

	says(lane, &message);
}

static void ends(struct lane *lane, enum lane_end end, const char *text)
{
	lane->owner->ended(lane->owner, lane, end, text);
	ck_assert(lane->released);
}

/* A session of that identity and instance is up. */
static struct session *has_session(const char *name, uint8_t instance)
{
	struct lane *lane = connects(name);

	says_hello(lane, instance);
	ck_assert_ptr_eq(fixture.opened_lane, lane);
	fixture.sessions[fixture.session_count - 1].state = SESSION_UP;
	return &fixture.sessions[fixture.session_count - 1];
}

/* The session has ended and is gone from the registry. */
static void session_ends(struct session *session)
{
	struct identity name = session->name;

	*session = fixture.sessions[--fixture.session_count];
	fixture.peers.session_count--;
	offer_return(&fixture.offer, &name);
	admission_session_ended(&fixture.admission, &name);
}

/* ---- what it gets ---- */

/* One log line, one goodbye, and the lane ends; nothing that comes later is listened to. */
static void ck_refused(struct lane *lane, uint16_t code, const char *cause)
{
	ck_assert_uint_eq(fixture.refusals, 1);
	ck_assert_str_eq(fixture.cause, cause);
	ck_assert(lane->has_goodbye && lane->ended);
	ck_assert_int_eq(lane->goodbye.type, MESSAGE_GOODBYE);
	ck_assert_uint_eq(lane->goodbye.goodbye.code, code);
	ck_assert_uint_eq(lane->goodbye.goodbye.class, goodbye_code_class(code));
	ck_assert_uint_eq(lane->goodbye.goodbye.retry_after_ms,
		goodbye_code_class(code) == GOODBYE_CLASS_WAIT ? GOODBYE_WAIT_MS : 0);
	ck_assert_str_eq(lane->goodbye.goodbye.text, cause);
	says_hello(lane, 9);
	lane->owner->fault(lane->owner, lane, GOODBYE_PROTOCOL, "late");
	ck_assert_uint_eq(fixture.refusals, 1);
	fixture.refusals = 0;
}

static void ck_opened(const struct lane *lane)
{
	ck_assert_ptr_eq(fixture.opened_lane, lane);
	ck_assert(lane->admitted && !lane->has_goodbye && !lane->ended);
	ck_assert_uint_eq(fixture.refusals, 0);
}

/* ---- admitted ---- */

START_TEST(admitted)
{
	struct addr client4 = addr("10.9.0.2");
	struct message notice = { .type = MESSAGE_NOTICE };
	struct lane *lane = connects("peer-1");
	uint8_t unknown[] = { 0x7f, 0xf0, 0, 0 };

	unit_text(notice.notice.text, "before hello");
	says(lane, &notice);
	lane->owner->control(lane->owner, lane, unknown, sizeof(unknown));
	says_hello(lane, 1);
	ck_opened(lane);
	ck_assert_str_eq(fixture.sessions[0].name.name, "peer-1");
	ck_assert_ptr_eq(fixture.sessions[0].peer, &fixture.settings->peers[1]);
	ck_assert_uint_eq(fixture.sessions[0].instance[0], 1);
	ck_assert(!fixture.sessions[0].has_replaced);
	ck_assert_uint_eq(fixture.terms.mtu, 1300);
	ck_assert_uint_eq(fixture.terms.lanes, 2);
	ck_assert(addr_equal(&fixture.terms.remote4, &client4));
	ck_assert_uint_eq(fixture.admission.candidate_count, 0);
}
END_TEST

START_TEST(unlisted_is_allowed)
{
	struct lane *lane;

	fixture.settings->unlisted = true;
	lane = connects("stranger");
	says_hello(lane, 1);
	ck_opened(lane);
	ck_assert_ptr_null(fixture.sessions[0].peer);
}
END_TEST

START_TEST(taken_over)
{
	struct session *session = has_session("peer-0", 1);
	struct addr before = fixture.terms.remote4;
	struct lane *lane = connects("peer-0");

	says_hello(lane, 1);
	ck_opened(lane);
	ck_assert_uint_eq(fixture.let_go, 1);
	ck_assert_uint_eq(fixture.session_count, 1);
	ck_assert_uint_eq(fixture.left, 0);
	ck_assert(addr_equal(&fixture.terms.remote4, &before));
	/* An adopted session knows no instance: whichever comes is the right one, and counts from then on. */
	session->adopted = true;
	lane = connects("peer-0");
	says_hello(lane, 2);
	ck_opened(lane);
	ck_assert_uint_eq(fixture.let_go, 2);
	ck_assert_uint_eq(session->instance[0], 2);
	ck_assert(!session->adopted);
	lane = connects("peer-0");
	says_hello(lane, 1);
	ck_assert_uint_eq(fixture.left, 1);
}
END_TEST

START_TEST(joined)
{
	struct lane *lane;

	(void)has_session("peer-0", 1);
	lane = connects("peer-0");
	says_join(lane);
	ck_assert_uint_eq(fixture.joined, 1);
	ck_assert(!lane->ended && !lane->has_goodbye);
	ck_assert_uint_eq(fixture.admission.candidate_count, 0);
	ck_assert_uint_eq(fixture.refusals, 0);
}
END_TEST

/* Another host with the same certificate: the old session leaves, and the newcomer comes after it. */
START_TEST(replaced)
{
	struct message ping = { .type = MESSAGE_PING };
	struct message announce_one = { .type = MESSAGE_ANNOUNCE,
		.prefixes = { .count = 1, .prefix = { prefix("10.1.0.0/16") } } };
	struct session *old = has_session("peer-0", 1);
	struct lane *lane = connects("peer-0");

	says_hello(lane, 2);
	ck_assert_uint_eq(fixture.left, 1);
	ck_assert_uint_eq(fixture.left_code, GOODBYE_REPLACED);
	ck_assert_str_eq(fixture.left_text, "another instance with the same certificate connected");
	ck_assert_uint_eq(fixture.opened, 1);
	/* What it says meanwhile is for the session, in order. */
	says(lane, &announce_one);
	says(lane, &ping);
	session_ends(old);
	ck_opened(lane);
	ck_assert_uint_eq(lane->heard_count, 2);
	ck_assert_uint_eq(lane->heard[0], MESSAGE_ANNOUNCE);
	ck_assert_uint_eq(lane->heard[1], MESSAGE_PING);
	ck_assert(fixture.sessions[0].has_replaced);
	ck_assert_uint_eq(fixture.sessions[0].replaced[0], 1);
	ck_assert_uint_eq(fixture.admission.candidate_count, 0);
}
END_TEST

/* The same client while its old session closes for good: it waits and replaces nobody. */
START_TEST(same_instance_waits)
{
	struct session *old = has_session("peer-0", 1);
	struct lane *lane = connects("peer-0");

	old->final = true; /* and still up: it is told so */
	says_hello(lane, 1);
	ck_assert_uint_eq(fixture.left_code, GOODBYE_DEAD_PEER);
	ck_assert_str_eq(fixture.left_text, "a newer connection of yours took over");
	session_ends(old);
	ck_opened(lane);
	ck_assert(!fixture.sessions[0].has_replaced);
	old = &fixture.sessions[0];
	old->final = true;
	old->state = SESSION_CLOSING;
	says_hello(connects("peer-0"), 1);
	ck_assert_uint_eq(fixture.left, 1); /* it goes already */
}
END_TEST

/* The end of a session is for those of its identity that wait, and for nobody else. */
START_TEST(only_its_own_end)
{
	struct session *old = has_session("peer-0", 1);
	struct lane *waits = connects("peer-0"), *silent = connects("peer-1");
	struct identity other = { "peer-1" };

	says_hello(waits, 2);
	admission_session_ended(&fixture.admission, &other);
	ck_assert_uint_eq(fixture.opened, 1);
	ck_assert(!silent->ended);
	session_ends(old);
	ck_assert_uint_eq(fixture.opened, 2);
}
END_TEST

/* ---- refused ---- */

START_TEST(bad_identity)
{
	struct lane *lane = connects_from("192.0.2.7");
	struct lane_peer peer = { .cipher = "" };

	lane->owner->secured(lane->owner, lane, &peer, "its certificate has no name");
	ck_refused(lane, GOODBYE_BAD_IDENTITY, "its certificate has no name");
	ck_assert_str_eq(fixture.refused_name, "");
}
END_TEST

START_TEST(unlisted)
{
	struct lane *lane = connects("stranger");

	ck_refused(lane, GOODBYE_UNLISTED,
		"its certificate is valid, but it has no entry in peers of the server's configuration");
	ck_assert_str_eq(fixture.refused_name, "stranger");
}
END_TEST

START_TEST(wrong_version)
{
	struct lane *lane = connects("peer-0");
	struct message message = hello(1);

	message.hello.version = MESSAGE_VERSION + 1;
	says(lane, &message);
	ck_refused(lane, GOODBYE_VERSION, "hello names a protocol version that is not known here");
	ck_assert(!lane->admitted);
}
END_TEST

/* The instance that was replaced comes back, as its goodbye was lost: it must not replace in turn. */
START_TEST(replaced_one_comes_back)
{
	struct session *session = has_session("peer-0", 2);
	struct lane *lane = connects("peer-0");

	session->has_replaced = true;
	session->replaced[0] = 1;
	says_hello(lane, 1);
	ck_refused(lane, GOODBYE_REPLACED, "another instance with the same certificate took over");
	ck_assert_uint_eq(fixture.left, 0);
	ck_assert_int_eq(session->state, SESSION_UP);
}
END_TEST

START_TEST(session_limit)
{
	struct lane *lane;

	(void)has_session("peer-0", 1);
	fixture.settings->max_sessions = fixture.descriptors.sessions = 1;
	lane = connects("peer-1");
	says_hello(lane, 1);
	ck_refused(lane, GOODBYE_LIMIT, "max_sessions sessions are there already");
	fixture.settings->max_sessions = 2;
	lane = connects("peer-1");
	says_hello(lane, 1);
	ck_refused(lane, GOODBYE_LIMIT,
		"all sessions are there that the limit of open files has room for");
	/* One that is there is taken over all the same. */
	lane = connects("peer-0");
	says_hello(lane, 1);
	ck_opened(lane);
}
END_TEST

/* 10.9.0.0/29 has five addresses for peers. */
static void fill_pool(void)
{
	struct addr addr4, addr6;
	struct problem problem;
	struct identity name;

	for (int i = 0; i < 5; i++) {
		(void)snprintf(name.name, sizeof(name.name), "other-%d", i);
		ck_assert_int_eq(
			pool_take(fixture.offer.pool, &name, 1, &addr4, &addr6, &problem), 0);
	}
}

START_TEST(no_address)
{
	struct session *session = has_session("peer-0", 1);
	struct lane *lane = connects("peer-1");
	struct identity name = session->name;

	offer_return(&fixture.offer, &name);
	fill_pool();
	says_hello(lane, 1);
	ck_assert_ptr_nonnull(strstr(fixture.cause, "10.9.0.0/29"));
	ck_refused(lane, GOODBYE_NO_ADDRESS, lane->goodbye.goodbye.text);
	/* Nor does a session get one whose addresses were given away. */
	lane = connects("peer-0");
	says_hello(lane, 1);
	ck_refused(lane, GOODBYE_NO_ADDRESS, lane->goodbye.goodbye.text);
	ck_assert_uint_eq(fixture.let_go, 0);
}
END_TEST

/* No memory for the session, or for its lane: the addresses are free again. */
START_TEST(no_memory)
{
	struct addr addr4 = addr("10.9.0.2"), none = { .family = AF_UNSPEC };
	struct identity other = { "other" };
	struct problem problem;
	struct lane *lane = connects("peer-0");

	fixture.session_error = -ENOMEM;
	says_hello(lane, 1);
	ck_refused(lane, GOODBYE_INTERNAL, "out of memory");
	ck_assert_int_eq(offer_keep(&fixture.offer, &other, &addr4, &none, &problem), 0);
	offer_return(&fixture.offer, &other);
	fixture.session_error = 0;
	fixture.open_error = -ENOMEM;
	lane = connects("peer-0");
	says_hello(lane, 1);
	ck_refused(lane, GOODBYE_INTERNAL, "out of memory");
	ck_assert_uint_eq(fixture.left, 1);
	ck_assert_uint_eq(fixture.left_code, GOODBYE_INTERNAL);
}
END_TEST

START_TEST(no_memory_to_take_over)
{
	struct lane *lane;

	(void)has_session("peer-0", 1);
	fixture.open_error = -ENOMEM;
	lane = connects("peer-0");
	says_hello(lane, 1);
	ck_refused(lane, GOODBYE_INTERNAL, "out of memory");
	ck_assert_uint_eq(fixture.session_count, 1); /* it lingers */
	ck_assert_uint_eq(fixture.left, 0);
}
END_TEST

START_TEST(join_refused)
{
	static const struct {
		int error;
		uint16_t code;
	} answers[] = {
		{ -EPROTO, GOODBYE_PROTOCOL },
		{ -EAGAIN, GOODBYE_LIMIT },
		{ -ENOBUFS, GOODBYE_LIMIT },
		{ -ENOMEM, GOODBYE_INTERNAL },
	};
	struct lane *lane = connects("peer-0");
	char text[64];

	says_join(lane);
	ck_refused(lane, GOODBYE_PROTOCOL, "join names a session that is not there");
	(void)has_session("peer-0", 1);
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		fixture.join_error = answers[i].error;
		lane = connects("peer-0");
		says_join(lane);
		(void)snprintf(text, sizeof(text), "join refused by %d", -answers[i].error);
		ck_refused(lane, answers[i].code, text);
	}
}
END_TEST

START_TEST(other_message_first)
{
	struct message ping = { .type = MESSAGE_PING };
	struct lane *lane = connects("peer-0");

	says(lane, &ping);
	ck_refused(lane, GOODBYE_PROTOCOL, "ping before the session was open");
}
END_TEST

START_TEST(nonsense)
{
	struct lane *lane = connects("peer-0");
	uint8_t data[] = { 0, 1, 0, 9, 0 };

	lane->owner->control(lane->owner, lane, data, sizeof(data));
	ck_refused(lane, GOODBYE_PROTOCOL, lane->goodbye.goodbye.text);
}
END_TEST

START_TEST(fault)
{
	struct lane *lane = connects("peer-0");

	lane->owner->fault(lane->owner, lane, GOODBYE_FLOOD, "too many frames");
	ck_refused(lane, GOODBYE_FLOOD, "too many frames");
}
END_TEST

/* What waits is bounded, and charged to the one that waits. */
START_TEST(flood_while_waiting)
{
	struct message notice = { .type = MESSAGE_NOTICE };
	struct session *old = has_session("peer-0", 1);
	struct lane *lane = connects("peer-0");

	says_hello(lane, 2);
	memset(notice.notice.text, 'x', sizeof(notice.notice.text) - 1);
	for (int i = 0; !lane->ended && i < HELD_MESSAGES_BYTES_MAX; i++)
		says(lane, &notice);
	ck_refused(lane, GOODBYE_FLOOD, "too many control messages before welcome");
	session_ends(old);
	ck_assert_uint_eq(fixture.opened, 1);
}
END_TEST

/* The last to come wins, whether it is the same client again or another one. */
START_TEST(newer_one_waits)
{
	struct session *old = has_session("peer-0", 1);
	struct lane *second = connects("peer-0"), *third, *fourth;

	says_hello(second, 2);
	third = connects("peer-0");
	says_hello(third, 2);
	ck_refused(second, GOODBYE_DEAD_PEER,
		"a newer connection with the same certificate took over");
	fourth = connects("peer-0");
	says_hello(fourth, 3);
	ck_refused(
		third, GOODBYE_REPLACED, "a newer connection with the same certificate took over");
	session_ends(old);
	ck_opened(fourth);
	ck_assert_uint_eq(fixture.opened, 2);
}
END_TEST

START_TEST(says_goodbye_first)
{
	struct message goodbye = { .type = MESSAGE_GOODBYE, .goodbye.code = GOODBYE_SHUTDOWN };
	struct lane *lane = connects("peer-0");

	says(lane, &goodbye);
	ck_assert_str_eq(fixture.cause, "said goodbye before hello was answered");
	ck_assert(lane->ended && !lane->has_goodbye);
	ends(lane, LANE_END_ORDERED, "");
	ck_assert_uint_eq(fixture.refusals, 1);
	ck_assert_uint_eq(fixture.ends, 1);
}
END_TEST

/* Its lane ends before anything was decided: the log names the cause, once. */
START_TEST(lane_ends)
{
	struct session *old;
	struct lane *lane = connects_from("192.0.2.7");

	ends(lane, LANE_END_DEADLINE, "");
	ck_assert_str_eq(fixture.cause, "deadline passed");
	ends(connects_from("192.0.2.7"), LANE_END_CLOSED, "in the handshake");
	ck_assert_str_eq(fixture.cause, "the end: in the handshake");
	ends(connects("peer-0"), LANE_END_CLOSED, "");
	ck_assert_ptr_nonnull(strstr(fixture.cause, "it closed the connection before its hello"));
	ck_assert_str_eq(fixture.refused_name, "peer-0");
	/* One that waited has said its hello. */
	old = has_session("peer-0", 1);
	lane = connects("peer-0");
	says_hello(lane, 2);
	ends(lane, LANE_END_CLOSED, "");
	ck_assert_str_eq(fixture.cause, "the end");
	session_ends(old);
	ck_assert_uint_eq(fixture.opened, 1);
	ck_assert_uint_eq(fixture.ends, 4);
	ck_assert_uint_eq(fixture.admission.candidate_count, 0);
}
END_TEST

/* An old client is told a code that it knows, and no class costs it anything. */
START_TEST(old_client)
{
	struct lane *lane = connects("peer-0");
	struct message message = hello(1);

	message.hello.features = 0;
	fixture.session_error = -ENOMEM;
	says(lane, &message);
	ck_assert_uint_le(lane->goodbye.goodbye.code, GOODBYE_OLD_LAST);
	ck_refused(lane, GOODBYE_INTERNAL, "out of memory");
}
END_TEST

START_TEST(server_stops)
{
	struct lane *lane = connects("peer-0"), *gone = connects("stranger");

	fixture.refusals = 0;
	admission_stop(&fixture.admission);
	ck_refused(lane, GOODBYE_SHUTDOWN, "the server is shutting down");
	ck_assert_uint_eq(gone->goodbye.goodbye.code, GOODBYE_UNLISTED);
}
END_TEST

START_TEST(no_lane)
{
	struct endpoint outer = { addr("192.0.2.7"), 50000 };
	int fds[2];
	char byte;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	fixture.lane_error = -ENOMEM;
	admission_take(&fixture.admission, fds[0], &outer, mono_now());
	ck_assert_uint_eq(fixture.refusals, 1);
	ck_assert_str_eq(fixture.cause, "out of memory");
	ck_assert_int_eq(recv(fds[1], &byte, 1, 0), 0);
	close(fds[1]);
	ck_assert_uint_eq(fixture.admission.candidate_count, 0);
}
END_TEST

/* ---- room ---- */

/* As if it had connected so long ago. */
static void is_old(struct lane *lane, int64_t ms)
{
	container_of(lane->owner, struct candidate, lane_owner)->since.ns -= DURATION_MS(ms).ns;
}

static const char *room_for(const char *from)
{
	struct addr outer = addr(from);

	return room_make(&fixture.admission, &outer);
}

/* A quarter of the places for one host: an IPv4 address, or an IPv6 /64. */
START_TEST(room_of_one_host)
{
	struct lane *first = connects_from("192.0.2.7"), *second = connects_from("192.0.2.7");

	ck_assert_ptr_null(room_for("192.0.2.8"));
	ck_assert_str_eq(room_for("192.0.2.7"),
		"a quarter of max_handshakes connections of this host are in their handshake");
	ck_assert_uint_eq(fixture.refusals, 0);
	is_old(second, 1200);
	is_old(first, 1500);
	ck_assert_ptr_null(room_for("192.0.2.7"));
	ck_assert(first->cut && !second->ended);
	ck_assert_uint_eq(fixture.refusals, 1);
	ck_assert_ptr_nonnull(strstr(fixture.cause, "closed for a newer connection"));
	ck_assert_ptr_null(room_for("192.0.2.7"));
	(void)connects_from("2001:db8::1");
	(void)connects_from("2001:db8::2");
	ck_assert_ptr_nonnull(room_for("2001:db8::3"));
	ck_assert_ptr_null(room_for("2001:db8:0:1::3"));
}
END_TEST

/* All places are taken: the fullest network gives one, the oldest first. */
START_TEST(room_of_all)
{
	struct lane *lanes[8];
	char from[32];

	for (int i = 0; i < 8; i++) {
		(void)snprintf(from, sizeof(from), "192.0.2.%d", i == 4 ? 3 : i);
		lanes[i] = connects_from(from);
	}
	ck_assert_ptr_null(room_for("198.51.100.1"));
	ck_assert(lanes[3]->cut && !lanes[4]->ended);
	ck_assert_uint_eq(fixture.admission.judged_count, 1);
	ck_assert_uint_eq(fixture.admission.cut_count, 1);
	(void)connects_from("198.51.100.1");
	ck_assert_ptr_null(room_for("198.51.100.2"));
	ck_assert(lanes[0]->cut); /* of equals the oldest */
}
END_TEST

/* Those that have said hello wait for us and keep their places. */
START_TEST(room_of_those_that_wait)
{
	static const char *const names[] = { "peer-0", "peer-1", "peer-2" };

	fixture.descriptors.handshakes = 3;
	for (int i = 0; i < 3; i++)
		(void)has_session(names[i], 1);
	for (int i = 0; i < 3; i++) {
		char from[32];

		(void)snprintf(from, sizeof(from), "192.0.2.%d", i);
		struct lane *lane = connects_from(from);
		secures(lane, names[i]);
		says_hello(lane, 2);
	}
	ck_assert_str_eq(room_for("198.51.100.1"),
		"max_handshakes connections wait for the end of a session before theirs");
}
END_TEST

/* Refused ones that do not end are cut, the oldest first; and there is a bound for all of them. */
START_TEST(room_of_the_refused)
{
	struct lane *lanes[32];
	char from[32];

	for (int i = 0; i < 32; i++) {
		ck_assert_ptr_null(room_for("198.51.100.1"));
		(void)snprintf(from, sizeof(from), "192.0.2.%d", i);
		lanes[i] = connects_from(from);
		secures(lanes[i], "stranger");
	}
	ck_assert_uint_eq(fixture.admission.judged_count, 32);
	ck_assert(lanes[0]->cut && lanes[23]->cut && !lanes[24]->cut);
	ck_assert_str_eq(
		room_for("198.51.100.1"), "more connections end than the workers can close");
	ends(lanes[0], LANE_END_ORDERED, "");
	ck_assert_ptr_null(room_for("198.51.100.1"));
	ck_assert(lanes[24]->cut);
}
END_TEST

static Suite *suite(void)
{
	const struct {
		const char *name;
		const TTest *test;
	} tests[] = {
		{ "admitted", admitted },
		{ "unlisted is allowed", unlisted_is_allowed },
		{ "taken over", taken_over },
		{ "joined", joined },
		{ "replaced", replaced },
		{ "same instance waits", same_instance_waits },
		{ "only its own end", only_its_own_end },
		{ "bad identity", bad_identity },
		{ "unlisted", unlisted },
		{ "wrong version", wrong_version },
		{ "replaced one comes back", replaced_one_comes_back },
		{ "session limit", session_limit },
		{ "no address", no_address },
		{ "no memory", no_memory },
		{ "no memory to take over", no_memory_to_take_over },
		{ "join refused", join_refused },
		{ "other message first", other_message_first },
		{ "nonsense", nonsense },
		{ "fault", fault },
		{ "flood while waiting", flood_while_waiting },
		{ "newer one waits", newer_one_waits },
		{ "says goodbye first", says_goodbye_first },
		{ "lane ends", lane_ends },
		{ "old client", old_client },
		{ "server stops", server_stops },
		{ "no lane", no_lane },
		{ "room of one host", room_of_one_host },
		{ "room of all", room_of_all },
		{ "room of those that wait", room_of_those_that_wait },
		{ "room of the refused", room_of_the_refused },
	};
	Suite *suite = suite_create("admission");

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		unit_add_between(suite, tests[i].name, tests[i].test, setup, teardown);
	return suite;
}

int main(void)
{
	return unit_run("admission", suite());
}
