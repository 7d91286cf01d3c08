/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/admission.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/container.h"
#include "base/log.h"
#include "wire/frame.h"

static void candidate_free(struct candidate *candidate)
{
	struct admission *admission = candidate->admission;

	TAILQ_REMOVE(&admission->candidates, candidate, link);
	admission->candidate_count--;
	held_messages_clear(&candidate->held);
	peer_names_unref(candidate->lane_peer.names);
	if (!candidate->judged)
		networks_leave(&admission->networks, &candidate->network);
	admission->judged_count -= candidate->judged;
	admission->cut_count -= candidate->cut;
	free(candidate);
}

/* Only the end of the candidate is awaited from now on. */
static void set_judged(struct candidate *candidate)
{
	struct admission *admission = candidate->admission;

	networks_leave(&admission->networks, &candidate->network);
	admission->judged_count++;
	candidate->judged = true;
	candidate->waiting = false;
	held_messages_clear(&candidate->held);
}

void admission_judge(struct candidate *candidate, const char *cause)
{
	struct admission *admission = candidate->admission;

	if (candidate->judged)
		return;
	admission->events->refused(
		admission, &candidate->outer, candidate->lane_peer.identity.name, cause);
	set_judged(candidate);
}

/* How long a client that hears this code should stay away: 0: it decides itself. */
static uint32_t retry_after_ms(uint16_t code)
{
	if (code == GOODBYE_ELSEWHERE)
		return GOODBYE_ELSEWHERE_MS;
	/* version 0.1.0 reads no class: the time makes it wait */
	return goodbye_code_class(code) == GOODBYE_CLASS_WAIT ? GOODBYE_WAIT_MS : 0;
}

static void refuse(struct candidate *candidate, uint16_t code, const char *cause)
{
	struct message message = {
		.type = MESSAGE_GOODBYE,
		.goodbye = {
			.code = goodbye_code_for(candidate->hello.features, code),
			.class = (uint8_t)goodbye_code_class(code),
			.retry_after_ms = retry_after_ms(code),
		},
	};
	uint8_t payload[FRAME_CONTROL_MAX];
	struct writer writer;

	if (candidate->judged)
		return;
	admission_judge(candidate, cause);
	snprintf(message.goodbye.text, sizeof(message.goodbye.text), "%s", cause);
	writer_init(&writer, payload, sizeof(payload));
	if (message_encode(&writer, &message) == 0)
		lane_send_control(candidate->lane, payload, writer.len);
	lane_end(candidate->lane);
}

/* Finds the entry that a candidate's certificate meets, or refuses it. */
static void find_entry(struct candidate *candidate)
{
	struct problem problem = { 0 };
	int r = settings_meet(candidate->admission->settings, candidate->lane_peer.names,
		&candidate->lane_peer.identity, &candidate->peer, &problem);

	if (r < 0)
		refuse(candidate, r == -EACCES ? GOODBYE_UNLISTED : GOODBYE_BAD_IDENTITY,
			problem.text);
}

void admission_follow(struct admission *admission)
{
	struct candidate *candidate;

	TAILQ_FOREACH(candidate, &admission->candidates, link) {
		candidate->peer = NULL;
		if (candidate->lane_peer.names && !candidate->judged)
			find_entry(candidate);
	}
}

static void on_secured(struct lane_owner *owner, struct lane *lane, const struct lane_peer *peer)
{
	struct candidate *candidate = container_of(owner, struct candidate, lane_owner);

	(void)lane;
	candidate->lane_peer = *peer;
	(void)peer_names_ref(peer->names);
	find_entry(candidate);
}

static bool same_instance(
	const uint8_t a[MESSAGE_INSTANCE_SIZE], const uint8_t b[MESSAGE_INSTANCE_SIZE])
{
	return memcmp(a, b, MESSAGE_INSTANCE_SIZE) == 0;
}

/*
 * The newest candidate wins, as it would after the others' admission. So an identity has one
 * candidate that waits, and one limit for held messages.
 */
static void refuse_waiting(struct candidate *newest)
{
	const struct identity *name = &newest->lane_peer.identity;
	struct candidate *candidate;

	TAILQ_FOREACH(candidate, &newest->admission->candidates, link) {
		if (!candidate->waiting || !identity_equal(&candidate->lane_peer.identity, name))
			continue;
		bool same = same_instance(candidate->hello.instance, newest->hello.instance);
		refuse(candidate, same ? GOODBYE_DEAD_PEER : GOODBYE_REPLACED,
			"a newer connection with the same certificate took over");
	}
}

/*
 * True if the hello comes from another copy of the client's program, as in a virtual machine that
 * was cloned while it ran: it has the instance of the session that is up, and does not know of that
 * session's connection. A copy that is taken for the same client would take the session over, lose
 * it to the other one, and so on for ever. A client whose welcome was lost names the number of the
 * one before.
 */
static bool is_a_copy(const struct session *old, const struct message_hello *hello)
{
	return !old->adopted && old->state == SESSION_UP && hello->last_session != 0 &&
		same_instance(old->instance, hello->instance) &&
		hello->last_session != old->terms.session_id &&
		(old->heard_routes || hello->last_session != old->named_session);
}

/* True if this one was replaced, and returns because its goodbye was lost. */
static bool was_replaced(const struct session *old, const struct message_hello *hello)
{
	return (old->has_replaced && same_instance(old->replaced, hello->instance)) ||
		(old->replaced_copy != 0 && old->replaced_copy == hello->last_session &&
			same_instance(old->instance, hello->instance));
}

/* Remembers which instance or copy the candidate replaces. */
static void note_replaced(struct candidate *candidate, const struct session *old)
{
	if (same_instance(old->instance, candidate->hello.instance)) {
		candidate->replaced_copy = old->terms.session_id;
		return;
	}
	memcpy(candidate->replaced, old->instance, sizeof(candidate->replaced));
	candidate->has_replaced = true;
}

/* The same client returns, or another host has the same certificate: ends the old session. */
static void replace_session(struct candidate *candidate, struct session *old)
{
	bool same = same_instance(old->instance, candidate->hello.instance) &&
		!is_a_copy(old, &candidate->hello);
	char outer[ENDPOINT_TEXT_MAX];

	refuse_waiting(candidate);
	candidate->waiting = true;
	if (!same)
		note_replaced(candidate, old);
	if (old->state >= SESSION_CLOSING)
		return; /* it ends already */
	log_notice("%s: %s from %s replaces the old session", old->name.name,
		same ? "a new connection" : "another instance with the same identity",
		endpoint_format(&candidate->outer, outer));
	if (same)
		session_leave(old, GOODBYE_DEAD_PEER,
			"a newer connection of the same client took over", true);
	else
		session_leave(old, GOODBYE_REPLACED,
			"another instance with the same certificate connected", true);
}

/* Passes the messages behind hello to the session, which has the lane now. */
static void pass_messages(struct lane *lane, struct held_messages *held)
{
	struct held_message *message;

	while ((message = held_messages_take(held))) {
		lane_hear(lane, message->data, message->len);
		free(message);
	}
}

static bool make_offer(struct candidate *candidate, struct session_terms *ret_terms,
	struct message_welcome *ret_welcome)
{
	struct problem problem = { 0 };
	uint16_t code;

	if (offer_make(candidate->admission->offer, &candidate->lane_peer.identity, candidate->peer,
		    &candidate->hello, ret_terms, ret_welcome, &code, &problem) == 0)
		return true;
	refuse(candidate, code, problem.text);
	return false;
}

static void admit(struct candidate *candidate)
{
	struct admission *admission = candidate->admission;
	const struct identity *name = &candidate->lane_peer.identity;
	struct session_terms terms;
	struct message_welcome welcome;
	struct held_messages held;
	struct session *session;

	if (admission->draining) {
		refuse(candidate, GOODBYE_ELSEWHERE, admission->draining);
		return;
	}
	if (admission->peers->session_count >= admission->descriptors->sessions) {
		refuse(candidate, GOODBYE_LIMIT,
			admission->descriptors->sessions < admission->settings->max_sessions
				? "the limit of open files allows no more sessions"
				: "the limit max_sessions is reached");
		return;
	}
	if (!make_offer(candidate, &terms, &welcome))
		return;
	if (admission->events->session(admission, name, candidate->peer, &session) < 0) {
		offer_return(admission->offer, name);
		refuse(candidate, GOODBYE_INTERNAL, "out of memory");
		return;
	}
	memcpy(session->instance, candidate->hello.instance, sizeof(session->instance));
	memcpy(session->replaced, candidate->replaced, sizeof(session->replaced));
	session->has_replaced = candidate->has_replaced;
	session->replaced_copy = candidate->replaced_copy;
	session->named_session = candidate->hello.last_session;
	if (session_open(session, candidate->lane, &candidate->lane_peer, &candidate->outer, &terms,
		    &welcome) < 0) {
		session_leave(session, GOODBYE_INTERNAL, "out of memory", true);
		refuse(candidate, GOODBYE_INTERNAL, "out of memory");
		return;
	}
	struct lane *lane = candidate->lane;
	held_messages_move(&held, &candidate->held);
	candidate_free(candidate);
	pass_messages(lane, &held);
}

/*
 * The client of a lost connection returns: its session goes on, with interface, addresses and
 * routes.
 */
static void take_over(struct candidate *candidate, struct session *session)
{
	struct session_terms terms;
	struct message_welcome welcome;

	if (!make_offer(candidate, &terms, &welcome))
		return;
	session_disconnect(session, "a newer connection of the same client takes over");
	memcpy(session->instance, candidate->hello.instance, sizeof(session->instance));
	session->adopted = false;
	session->named_session = candidate->hello.last_session;
	if (session_open(session, candidate->lane, &candidate->lane_peer, &candidate->outer, &terms,
		    &welcome) < 0) {
		refuse(candidate, GOODBYE_INTERNAL, "out of memory");
		return;
	}
	candidate_free(candidate);
}

static void take_hello(struct candidate *candidate, const struct message_hello *hello)
{
	if (hello->version != MESSAGE_VERSION) {
		refuse(candidate, GOODBYE_VERSION,
			"hello names a protocol version that the server does not know");
		return;
	}
	candidate->hello = *hello;
	lane_admit(candidate->lane);
	struct session *old = peers_find(
		candidate->admission->peers, &candidate->lane_peer.identity);
	if (!old)
		admit(candidate);
	else if (was_replaced(old, hello))
		refuse(candidate, GOODBYE_REPLACED,
			"another instance with the same certificate took over");
	else if ((old->adopted || same_instance(old->instance, hello->instance)) && !old->final &&
		!is_a_copy(old, hello))
		take_over(candidate, old);
	else if (candidate->admission->draining)
		refuse(candidate, GOODBYE_ELSEWHERE, candidate->admission->draining);
	else
		replace_session(candidate, old);
}

/* Another lane of an existing session. */
static void take_join(struct candidate *candidate, const struct message_join *join)
{
	struct session *session = peers_find(
		candidate->admission->peers, &candidate->lane_peer.identity);
	struct problem problem = { 0 };

	if (!session) {
		refuse(candidate, GOODBYE_PROTOCOL, SESSION_JOIN_UNKNOWN);
		return;
	}
	int r = session_take_join(session, candidate->lane, &candidate->outer, join, &problem);
	if (r == 0)
		candidate_free(candidate);
	else
		refuse(candidate,
			r == -EPROTO           ? GOODBYE_PROTOCOL
				: r == -ENOMEM ? GOODBYE_INTERNAL
					       : GOODBYE_LIMIT,
			problem.text);
}

static void take_first(struct candidate *candidate, const struct message *message)
{
	struct problem problem = { 0 };

	switch (message->type) {
	case MESSAGE_NOTICE:
		break;
	case MESSAGE_HELLO:
		take_hello(candidate, &message->hello);
		break;
	case MESSAGE_JOIN:
		take_join(candidate, &message->join);
		break;
	default:
		problem_set(&problem, "%s before the session was open",
			message_type_name(message->type));
		refuse(candidate, GOODBYE_PROTOCOL, problem.text);
		break;
	}
}

/* Holds a message that came behind hello. The session judges it, by its own state. */
static void hold(struct candidate *candidate, const uint8_t *data, size_t len)
{
	int r = held_messages_add(&candidate->held, data, len);

	if (r == -ENOBUFS)
		refuse(candidate, GOODBYE_FLOOD, "too many control messages before welcome");
	else if (r < 0)
		refuse(candidate, GOODBYE_INTERNAL, "out of memory");
}

/*
 * A client that has got another connection says so in place of hello, and so does a probe: neither
 * is refused. To another client this server may not be the one in its profile.
 */
static void take_goodbye(struct candidate *candidate, const struct message_goodbye *goodbye)
{
	char text[sizeof(goodbye->text)], outer[ENDPOINT_TEXT_MAX];
	struct problem problem;

	(void)problem_escape(text, sizeof(text), goodbye->text, strlen(goodbye->text));
	if (goodbye->code == GOODBYE_SHUTDOWN && candidate->hello.version == 0) {
		log_debug("%s: %s leaves without a session: %s",
			endpoint_format(&candidate->outer, outer),
			candidate->lane_peer.identity.name, text);
		set_judged(candidate);
		return;
	}
	if (goodbye->code == GOODBYE_BAD_IDENTITY)
		problem_set(&problem, "the client refuses this server: %s", text);
	else
		problem_set(&problem, "the client sent a goodbye before the server answered hello");
	admission_judge(candidate, problem.text);
}

/* `data` is the same message as it came. */
static void take_message(
	struct candidate *candidate, const struct message *message, const uint8_t *data, size_t len)
{
	switch (message->type) {
	case MESSAGE_UNKNOWN:
		break;
	case MESSAGE_GOODBYE:
		take_goodbye(candidate, &message->goodbye);
		lane_end(candidate->lane);
		break;
	default:
		if (candidate->waiting)
			hold(candidate, data, len);
		else
			take_first(candidate, message);
		break;
	}
}

static void on_control(struct lane_owner *owner, struct lane *lane, const uint8_t *data, size_t len)
{
	struct candidate *candidate = container_of(owner, struct candidate, lane_owner);
	struct message message;
	struct problem problem = { 0 };

	(void)lane;
	if (candidate->judged)
		return;
	if (message_decode(data, len, &message, &problem) < 0)
		refuse(candidate, GOODBYE_PROTOCOL, problem.text);
	else
		take_message(candidate, &message, data, len);
}

static void on_fault(struct lane_owner *owner, struct lane *lane, uint16_t code, const char *text)
{
	(void)lane;
	refuse(container_of(owner, struct candidate, lane_owner), code, text);
}

static void on_ended(
	struct lane_owner *owner, struct lane *lane, enum lane_end end, const char *text)
{
	struct candidate *candidate = container_of(owner, struct candidate, lane_owner);
	struct admission *admission = candidate->admission;
	struct problem problem;

	if (end == LANE_END_CLOSED && candidate->lane_peer.names && !candidate->waiting)
		/* The client has refused, and only its log has the reason. */
		problem_set(&problem,
			"the client closed the connection before hello; its log names the cause, such as another server_name in its profile");
	else
		problem_set(&problem, "%s%s%s", lane_end_text(end), text[0] ? ": " : "", text);
	admission_judge(candidate, problem.text);
	lane_release(lane);
	candidate_free(candidate);
	admission->events->ended(admission);
}

void admission_init(
	struct admission *admission, const struct admission_events *events, uint64_t seed)
{
	admission->events = events;
	TAILQ_INIT(&admission->candidates);
	networks_init(&admission->networks, seed);
}

void admission_take(
	struct admission *admission, int fd, const struct endpoint *outer, struct mono deadline)
{
	struct candidate *candidate = calloc(1, sizeof(*candidate));
	char text[ENDPOINT_TEXT_MAX];

	if (!candidate) {
		close(fd);
		return;
	}
	*candidate = (struct candidate){
		.admission = admission,
		.outer = *outer,
		.since = mono_now(),
		.lane_owner = {
			.secured = on_secured,
			.control = on_control,
			.fault = on_fault,
			.ended = on_ended,
		},
	};
	held_messages_init(&candidate->held);
	if (admission->events->lane(
		    admission, fd, deadline, &candidate->lane_owner, &candidate->lane) < 0) {
		admission->events->refused(admission, outer, "", "out of memory");
		close(fd);
		free(candidate);
		return;
	}
	TAILQ_INSERT_TAIL(&admission->candidates, candidate, link);
	admission->candidate_count++;
	networks_enter(&admission->networks, &outer->addr, &candidate->network);
	log_debug("%s: connection accepted", endpoint_format(outer, text));
}

void admission_session_ended(struct admission *admission, const struct identity *name)
{
	struct candidate *candidate;

	TAILQ_FOREACH(candidate, &admission->candidates, link) {
		if (!candidate->waiting || !identity_equal(&candidate->lane_peer.identity, name))
			continue;
		admit(candidate);
		return; /* there is only one: refuse_waiting() */
	}
}

void admission_turn_away(struct admission *admission, const char *text)
{
	struct candidate *candidate, *next;

	for (candidate = TAILQ_FIRST(&admission->candidates); candidate; candidate = next) {
		const struct identity *name = &candidate->lane_peer.identity;

		next = TAILQ_NEXT(candidate, link);
		if (name->name[0] == '\0' || candidate->hello.version != 0 ||
			peers_find(admission->peers, name))
			continue;
		if (candidate->seen)
			refuse(candidate, GOODBYE_ELSEWHERE, text);
		candidate->seen = true;
	}
}

void admission_stop(struct admission *admission)
{
	struct candidate *candidate, *next;

	for (candidate = TAILQ_FIRST(&admission->candidates); candidate; candidate = next) {
		next = TAILQ_NEXT(candidate, link);
		refuse(candidate, GOODBYE_SHUTDOWN, "the server is shutting down");
	}
}
