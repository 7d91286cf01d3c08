/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/session_lane.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/wall_clock.h"
#include "base/container.h"
#include "base/error_text.h"
#include "base/log.h"
#include "engine/session.h"
#include "wire/frame.h"

/* ---- what the lane reports ---- */

static void on_secured(struct lane_owner *owner, struct lane *lane, const struct lane_peer *peer)
{
	/* The owner before has had this report: a session gets a lane after that. */
	(void)owner;
	(void)lane;
	(void)peer;
}

static void on_control(struct lane_owner *owner, struct lane *lane, const uint8_t *data, size_t len)
{
	struct session_lane *sl = container_of(owner, struct session_lane, owner);

	(void)lane;
	if (sl->stage != SESSION_LANE_LEAVING)
		sl->events->control(sl, data, len);
}

static void on_fault(struct lane_owner *owner, struct lane *lane, uint16_t code, const char *text)
{
	struct session_lane *sl = container_of(owner, struct session_lane, owner);

	(void)lane;
	if (sl->stage != SESSION_LANE_LEAVING)
		sl->events->fault(sl, code, text);
}

static void on_doubted(struct lane_owner *owner, struct lane *lane)
{
	struct session_lane *sl = container_of(owner, struct session_lane, owner);

	(void)lane;
	if (sl->stage == SESSION_LANE_CARRYING)
		sl->events->doubted(sl);
}

/* netd logs what it does about that. */
static void on_silent(struct lane_owner *owner, struct lane *lane, const struct addr *local)
{
	struct session_lane *sl = container_of(owner, struct session_lane, owner);
	struct request request = { .type = REQUEST_SILENT, .silent.local = *local };

	(void)lane;
	/* Without `mptcp` another program has made MPTCP of the socket, and netd would refuse. */
	if (!sl->session->world->settings->mptcp)
		return;
	if (netd_link_send(sl->session->world->netd, &request) < 0)
		log_warning("%s: a path is silent, and the kernel finds out later: out of memory",
			sl->session->name.name);
}

static void on_congestion(
	struct lane_owner *owner, struct lane *lane, const struct lane_congestion *congestion)
{
	struct session_lane *sl = container_of(owner, struct session_lane, owner);
	char view[CONGESTION_VIEW_TEXT_MAX];
	bool changed = strcmp(sl->congestion.control, congestion->control) != 0;

	(void)lane;
	if (congestion->reason != CONGESTION_BEGAN) {
		log_info("%s: lane %u: congestion control: %s %s %s: %s (%s)",
			sl->session->name.name, sl->number, sl->congestion.control,
			changed ? "->" : "stays", congestion->control,
			congestion_reason_text(congestion->reason),
			congestion_view_text(view, &congestion->view));
		sl->congestion_changes += changed;
	}
	sl->congestion = *congestion;
	if (changed)
		sl->congestion_since = mono_now();
}

static void on_ended(
	struct lane_owner *owner, struct lane *lane, enum lane_end end, const char *text)
{
	struct session_lane *sl = container_of(owner, struct session_lane, owner);

	(void)lane;
	if (sl->failure < 0 && end == LANE_END_ORDERED)
		sl->events->ended(sl, LANE_END_INTERNAL, error_text(sl->failure));
	else
		sl->events->ended(sl, end, text);
}

/* ---- is its peer alive? ---- */

static struct mono liveness_heard(struct liveness *liveness)
{
	return lane_heard(container_of(liveness, struct session_lane, liveness)->lane);
}

static void liveness_ping(struct liveness *liveness, uint64_t time)
{
	struct session_lane *sl = container_of(liveness, struct session_lane, liveness);
	struct message ping = { .type = MESSAGE_PING, .time.time = time };

	session_lane_send(sl, &ping);
}

static void liveness_dead(struct liveness *liveness)
{
	struct session_lane *sl = container_of(liveness, struct session_lane, liveness);

	sl->events->dead(sl, mono_since(mono_now(), lane_heard(sl->lane)));
}

static const struct liveness_events liveness_events = {
	.heard = liveness_heard,
	.send_ping = liveness_ping,
	.dead = liveness_dead,
};

/* ---- its queue ---- */

static void return_queue(struct session_lane *sl)
{
	if (sl->queue < 0)
		return;
	session_interface_return_queue(&sl->session->interface, sl->queue);
	sl->queue = -1;
}

/* ---- life ---- */

/* Lanes of one peer came with the same certificate, unless it has renewed its own meanwhile. */
static struct tls_peer_chain *take_chain(const struct session *session, struct lane *lane)
{
	struct tls_peer_chain *chain = lane_take_chain(lane);

	if (!chain || !session->chain || !tls_peer_chain_equal(chain, session->chain))
		return chain;
	tls_peer_chain_unref(chain);
	return tls_peer_chain_ref(session->chain);
}

int session_lane_new(struct session *session, const struct session_lane_events *events,
	struct lane *lane, const struct endpoint *outer, enum session_lane_stage stage,
	struct session_lane **ret_session_lane)
{
	struct session_lane *sl = calloc(1, sizeof(*sl));

	if (!sl)
		return -ENOMEM;
	*sl = (struct session_lane){
		.session = session,
		.events = events,
		.lane = lane,
		.owner = {
			.secured = on_secured,
			.control = on_control,
			.fault = on_fault,
			.doubted = on_doubted,
			.congestion = on_congestion,
			.silent = on_silent,
			.ended = on_ended,
		},
		.outer = *outer,
		.chain = take_chain(session, lane),
		.stage = stage,
		.number = ++session->lanes_made,
		.since_wall = wall_now(),
		.since_boot = wall_since_boot(),
		.queue = -1,
		.since = mono_now(),
	};
	lane_set_owner(lane, &sl->owner);
	TAILQ_INSERT_TAIL(&session->lanes, sl, link);
	*ret_session_lane = sl;
	return 0;
}

int session_lane_hold(struct session_lane *sl)
{
	struct session *session = sl->session;
	struct lane_carry carry = {
		.offloads_read = session->terms.offloads_read,
		.offloads_send = session->terms.offloads_send,
		.offloads_accept = session->terms.offloads_accept,
		.gro = session->world->settings->gro,
		.filter = session->filter,
		.discard = session->connections > 1 &&
			!session_interface_has_queues(&session->interface),
		.dead_after = session->terms.dead_after,
		.choose_congestion = settings_chooses_congestion(session->world->settings),
		.hold = true,
	};

	if (!session->filter)
		return -ENOMEM;
	int r = session_interface_take_queue(&session->interface, &sl->queue);
	if (r < 0)
		return r;
	sl->uses_interface = true;
	carry.tun_fd = session_interface_queue_fd(&session->interface, sl->queue);
	r = lane_carry(sl->lane, &carry);
	if (r < 0)
		return_queue(sl);
	return r;
}

int session_lane_carry(struct session_lane *sl)
{
	struct session *session = sl->session;
	int r = session_interface_attach(&session->interface, sl->queue);

	if (r == 0)
		r = lane_carry_on(sl->lane);
	if (r < 0)
		return r;
	sl->stage = SESSION_LANE_CARRYING;
	liveness_start(&sl->liveness, session->world->loop, &liveness_events,
		session->terms.ping_interval, session->terms.dead_after);
	return 0;
}

void session_lane_leave(struct session_lane *sl)
{
	sl->stage = SESSION_LANE_LEAVING;
	liveness_stop(&sl->liveness);
	return_queue(sl);
	lane_end(sl->lane);
}

void session_lane_free(struct session_lane *sl)
{
	liveness_stop(&sl->liveness);
	return_queue(sl);
	if (sl->uses_interface)
		session_interface_lane_ended(&sl->session->interface);
	counters_add(&sl->session->past, lane_counters(sl->lane));
	lane_release(sl->lane);
	tls_peer_chain_unref(sl->chain);
	TAILQ_REMOVE(&sl->session->lanes, sl, link);
	free(sl);
}

void session_lane_fail(struct session_lane *sl, const char *what, int error)
{
	if (sl->failure < 0)
		return;
	sl->failure = error;
	log_error(
		"%s: cannot %s: %s; lane %u ends, so that both ends begin again with the same state",
		sl->session->name.name, what, error_text(error), sl->number);
	lane_end(sl->lane);
}

void session_lane_send(struct session_lane *sl, const struct message *message)
{
	uint8_t payload[FRAME_CONTROL_MAX];
	struct writer writer;
	char what[64];

	if (sl->failure < 0)
		return;
	writer_init(&writer, payload, sizeof(payload));
	int r = message_encode(&writer, message);
	if (r == 0)
		r = lane_send_control(sl->lane, payload, writer.len);
	if (r == 0)
		return;
	snprintf(what, sizeof(what), "send %s", message_type_name(message->type));
	session_lane_fail(sl, what, r);
}

void session_lane_probe(struct session_lane *sl)
{
	if (sl->stage == SESSION_LANE_CARRYING)
		liveness_probe(&sl->liveness);
}

void session_lane_ask(struct session_lane *sl)
{
	liveness_ask(&sl->liveness);
}

unsigned session_lane_count(const struct session *session)
{
	const struct session_lane *sl;
	unsigned count = 0;

	TAILQ_FOREACH(sl, &session->lanes, link)
		count += sl->stage != SESSION_LANE_LEAVING;
	return count;
}

struct session_lane *session_lane_carrying(const struct session *session)
{
	struct session_lane *sl;

	TAILQ_FOREACH(sl, &session->lanes, link) {
		if (sl->stage == SESSION_LANE_CARRYING)
			return sl;
	}
	return NULL;
}

bool session_lane_is_last(const struct session_lane *sl)
{
	const struct session_lane *other;

	TAILQ_FOREACH(other, &sl->session->lanes, link) {
		if (other != sl && other->stage == SESSION_LANE_CARRYING)
			return false;
	}
	return true;
}

bool session_lane_is_steady(const struct session_lane *sl)
{
	return sl->stage == SESSION_LANE_CARRYING &&
		duration_ms(mono_since(mono_now(), sl->since)) >= SESSION_LANE_STEADY_MS;
}
