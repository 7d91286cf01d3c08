/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Admission between played lanes and sessions: what it orders of them is written down.
 */
#ifndef CULVERT_TESTS_UNIT_ADMISSION_FIXTURE_H
#define CULVERT_TESTS_UNIT_ADMISSION_FIXTURE_H

#include "daemon/admission.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/container.h"
#include "base/log.h"
#include "daemon/pool.h"
#include "engine/session.h"
#include "tests/unit/peer_names_fixture.h"
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

void session_disconnect(struct session *session, const char *why)
{
	(void)why;
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

static inline int make_lane(struct admission *admission, int fd, struct mono deadline,
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

static inline int make_session(struct admission *admission, const struct identity *name,
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

static inline void on_refused(struct admission *admission, const struct endpoint *outer,
	const char *name, const char *cause)
{
	(void)admission;
	(void)outer;
	fixture.refusals++;
	unit_text(fixture.cause, cause);
	unit_text(fixture.refused_name, name);
}

static inline void on_ended(struct admission *admission)
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

static inline void setup(void)
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
static inline void teardown(void)
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

static inline struct lane *connects_from(const char *from)
{
	struct endpoint outer = { addr_of(from), 50000 };

	admission_take(&fixture.admission, -1, &outer, mono_add(mono_now(), DURATION_S(10)));
	return &fixture.lanes[fixture.lane_count - 1];
}

static inline void secures(struct lane *lane, const char *name)
{
	struct lane_peer peer = { .cipher = "TLS_AES_256_GCM_SHA384", .names = names_of(name) };

	peer.identity = peer.names->plain;
	lane->owner->secured(lane->owner, lane, &peer);
	peer_names_unref(peer.names);
}

static inline struct lane *connects(const char *name)
{
	struct lane *lane = connects_from("192.0.2.7");

	secures(lane, name);
	return lane;
}

static inline void says(struct lane *lane, const struct message *message)
{
	uint8_t payload[FRAME_CONTROL_MAX];
	struct writer writer;

	writer_init(&writer, payload, sizeof(payload));
	ck_assert_int_eq(message_encode(&writer, message), 0);
	lane->owner->control(lane->owner, lane, payload, writer.len);
}

static inline struct message hello(uint8_t instance)
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

static inline void says_hello(struct lane *lane, uint8_t instance)
{
	struct message message = hello(instance);

	says(lane, &message);
}

static inline void says_join(struct lane *lane)
{
	struct message message = { .type = MESSAGE_JOIN, .join.session_id = 7 };

	says(lane, &message);
}

static inline void ends(struct lane *lane, enum lane_end end, const char *text)
{
	lane->owner->ended(lane->owner, lane, end, text);
	ck_assert(lane->released);
}

/* A session of that identity and instance is up. */
static inline struct session *has_session(const char *name, uint8_t instance)
{
	struct lane *lane = connects(name);

	says_hello(lane, instance);
	ck_assert_ptr_eq(fixture.opened_lane, lane);
	fixture.sessions[fixture.session_count - 1].state = SESSION_UP;
	return &fixture.sessions[fixture.session_count - 1];
}

/* The session has ended and is gone from the registry. */
static inline void session_ends(struct session *session)
{
	struct identity name = session->name;

	*session = fixture.sessions[--fixture.session_count];
	fixture.peers.session_count--;
	offer_return(&fixture.offer, &name);
	admission_session_ended(&fixture.admission, &name);
}

/* ---- what it gets ---- */

/* One log line, one goodbye, and the lane ends; nothing that comes later is listened to. */
static inline void ck_refused(struct lane *lane, uint16_t code, const char *cause)
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

static inline void ck_opened(const struct lane *lane)
{
	ck_assert_ptr_eq(fixture.opened_lane, lane);
	ck_assert(lane->admitted && !lane->has_goodbye && !lane->ended);
	ck_assert_uint_eq(fixture.refusals, 0);
}

#endif
