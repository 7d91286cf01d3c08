/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/session_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/container.h"
#include "base/log.h"
#include "system/tun.h"
#include "wire/feature.h"
#include "wire/frame.h"

/*
 * What the session's table does on its transitions: messages to the peer, requests to netd, packets
 * on and off. The reap timer frees an ended session from the loop itself, so that no caller is left
 * holding one.
 */

enum { SESSION_IDLE_MS = 1000 }; /* a peer that is back sooner has not been away */

void session_send(struct session *session, const struct message *message)
{
	if (session->control)
		session_lane_send(session->control, message);
}

void session_send_hello(struct session *session)
{
	const struct settings *settings = session->engine->settings;
	struct message message = { .type = MESSAGE_HELLO };
	struct message_hello *hello = &message.hello;

	hello->version = MESSAGE_VERSION;
	hello->name = *tls_context_identity(session->engine->tls);
	memcpy(hello->instance, session->instance, sizeof(hello->instance));
	hello->offloads = settings->offloads ? tun_kernel_offloads() : 0;
	hello->lanes = (uint8_t)settings_lanes(settings, session->peer);
	hello->mtu = settings->mtu;
	hello->features = FEATURES_OURS;
	session_send(session, &message);
}

static void interface_failed(struct session *session, const char *text)
{
	log_error("%s: no tunnel interface: %s", session->name.name, text);
	free(session->no_interface);
	session->no_interface = strdup(text); /* NULL: status then names the goodbye */
	session->leave = (struct session_leave){ .code = GOODBYE_INTERNAL };
	snprintf(session->leave.text, sizeof(session->leave.text),
		"cannot make its tunnel interface");
	session_event(session, SESSION_EVENT_NO_INTERFACE, "netd could not make the interface");
}

/*
 * The addresses that a server gave cannot be had here. The server hears why, since the cure may be its own. `cure` is
 * for the log.
 */
static void leave_for_addresses(struct session *session, const char *why, const char *cure)
{
	struct session_terms *terms = &session->terms;
	char text[MESSAGE_TEXT_MAX + 1];

	log_error("%s: the tunnel's addresses are refused: %s; %s", session->name.name, why, cure);
	snprintf(text, sizeof(text), "the client refuses the tunnel's addresses: %s", why);
	free(session->no_interface); /* of an earlier connection; the goodbye names the cause now */
	session->no_interface = NULL;
	terms->local4 = terms->remote4 = (struct addr){ .family = AF_UNSPEC };
	terms->local6 = terms->remote6 = (struct addr){ .family = AF_UNSPEC };
	session_leave(session, GOODBYE_NO_ADDRESS, text, false);
}

/* netd's words: something near has them. */
static void addresses_taken(struct session *session, const char *text)
{
	leave_for_addresses(
		session, text, "leave that network, or let the server have another pool");
}

/* By the configuration, which netd asks, too; and by what netd does not know. Negative: settings_judge_address(). */
static int judge_address(
	const struct session *session, const struct addr *addr, struct problem *problem)
{
	char text[ADDR_TEXT_MAX];

	if (!addr_is_set(addr))
		return 0;
	if (!session_is_apart(session) && addr_equal(addr, &session->outer_addr)) {
		problem_set(problem, "address %s, at which this host reaches the server itself",
			addr_format(addr, text));
		return -EADDRINUSE;
	}
	return settings_judge_address(session->engine->settings, addr, problem);
}

/*
 * Only when netd has answered, as it is by being asked that netd hears of a welcome: a full tunnel holds back from then on,
 * whatever the welcome says. False: the session leaves.
 */
static bool addresses_are_fine(struct session *session, const struct request_reply *reply)
{
	const struct session_terms *terms = &session->terms;
	const struct addr *const addresses[] = { &terms->local4, &terms->remote4, &terms->local6,
		&terms->remote6 };
	struct problem problem;
	int r = 0;

	for (size_t i = 0; i < 4 && r == 0 && !session_is_server(session); i++)
		r = judge_address(session, addresses[i], &problem);
	if (r == 0)
		return true;
	/* What netd has made of them has to go. Where it refused them too, the interface and its routes stay. */
	if (reply->error == 0)
		session->interface_broken = true;
	leave_for_addresses(session, problem.text,
		r == -EPERM
			? "add their range to tunnel_addresses in this profile, or let the server have another pool"
			: "let the server have another pool");
	return false;
}

void session_close_parked(struct session *session)
{
	netd_link_close_fds(
		session->parked, session->parked_count); /* netd has copies: nothing blocks */
	session->parked_count = 0;
}

/* A lane that leaves may be about to use its queue once more: a number must not be another's then. */
static void park_queues(struct session *session)
{
	struct session_interface *interface = &session->interface;
	size_t room = sizeof(session->parked) / sizeof(session->parked[0]);

	if (session->parked_count + interface->queue_count > room)
		session_close_parked(session);
	memcpy(&session->parked[session->parked_count], interface->queues,
		interface->queue_count * sizeof(interface->queues[0]));
	session->parked_count += interface->queue_count;
	interface->queue_count = 0;
	if (TAILQ_EMPTY(&session->lanes))
		session_close_parked(session);
}

static void forget_lack(struct session *session)
{
	free(session->lack_why);
	session->lack_why = NULL;
	session->lacks_link = session->lacks_local4 = session->lacks_local6 = false;
}

void session_lacks(struct session *session, const struct request_lack *page)
{
	if (page->offset == 0) {
		forget_lack(session);
		if (page->link || page->local4 || page->local6 || page->total > 0)
			session->lack_why = strdup(page->text); /* NULL: status leaves it out */
		session->lacks_link = page->link;
		session->lacks_local4 = page->local4;
		session->lacks_local6 = page->local6;
	}
	routes_missing(&session->routes, page->prefix, page->count, page->offset == 0);
	if (page->offset + page->count == page->total)
		session_settle(session); /* a default route may be among them */
}

void session_set_interface(
	struct session *session, const struct request_reply *reply, const int *fds, size_t fd_count)
{
	struct session_interface *interface = &session->interface;

	forget_lack(session); /* a new one has all that is its */
	*interface = (struct session_interface){ .number = reply->interface,
		.index = reply->ifindex };
	interface->queue_count = fd_count;
	memcpy(interface->queues, fds, fd_count * sizeof(fds[0]));
	snprintf(interface->name, sizeof(interface->name), "%s", reply->ifname);
}

/*
 * The same interface keeps its descriptors: a lane that has been replaced may still be about to let
 * go of it.
 */
static void interface_take(
	struct session *session, const struct request_reply *reply, const int *fds, size_t fd_count)
{
	struct session_interface *interface = &session->interface;

	if (interface->queue_count > 0 && interface->number == reply->interface) {
		netd_link_close_fds(fds, fd_count);
		return;
	}
	routes_set_interface(&session->routes, 0); /* they went with the old one */
	park_queues(session);
	session_set_interface(session, reply, fds, fd_count);
}

/*
 * A family that the kernel has refused is none of the session's: the peer of a server is not offered
 * it either, and no end announces networks of it.
 */
static void go_without(struct session *session, const struct request_interface *present)
{
	static const struct addr none = { .family = AF_UNSPEC };
	struct message_welcome *welcome = session->welcome ? &session->welcome->welcome : NULL;
	struct session_terms *terms = &session->terms;

	session->interface.off4 = addr_is_set(&terms->local4) && !addr_is_set(&present->local4);
	session->interface.off6 = addr_is_set(&terms->local6) && !addr_is_set(&present->local6);
	if (session->interface.off4) {
		terms->local4 = terms->remote4 = none;
		if (welcome)
			welcome->client4 = welcome->server4 = none;
	}
	if (session->interface.off6) {
		terms->local6 = terms->remote6 = none;
		if (welcome)
			welcome->client6 = welcome->server6 = none;
	}
}

/* False: taking them would use up the reserve, so this session goes without. */
static bool have_room(const struct session *session, const struct request_reply *reply,
	const int *fds, size_t fd_count)
{
	const struct session_interface *interface = &session->interface;

	/* Copies of what the session has already are closed again. */
	return (interface->queue_count > 0 && interface->number == reply->interface) ||
		descriptors_are_free(&session->engine->descriptors, fds, fd_count);
}

/* The session that waits for its interface has its answer. */
static void interface_answered(
	struct session *session, const struct request_reply *reply, size_t fd_count)
{
	if (session->interface_stale) {
		session_make_interface(session);
		return;
	}
	if (!addresses_are_fine(session, reply))
		return;
	if (reply->error == EADDRINUSE)
		addresses_taken(session, reply->text);
	else if (reply->error != 0 || fd_count == 0)
		interface_failed(session,
			reply->error != 0
				? reply->text
				: "its queues did not arrive: the limit of open files is reached; raise "
				  "LimitNOFILE= or \"ulimit -n\"");
	else {
		if (reply->adopts)
			go_without(session, &reply->adopted);
		session_event(session, SESSION_EVENT_INTERFACE, session->interface.name);
	}
}

static void interface_made(
	struct netd_call *call, const struct request_reply *reply, const int *fds, size_t fd_count)
{
	struct session *session = container_of(call, struct session, interface_call);

	if (reply->error == 0 && !have_room(session, reply, fds, fd_count)) {
		netd_link_close_fds(fds, fd_count);
		fd_count = 0;
	}
	if (reply->error == 0 && fd_count > 0)
		interface_take(session, reply, fds, fd_count);
	if (session->state == SESSION_REMOVING)
		session_remove(session);
	else if (session->state == SESSION_OPENING)
		interface_answered(session, reply, fd_count);
	else if (session->state == SESSION_UP && reply->error == EADDRINUSE)
		addresses_taken(session, reply->text); /* see session_judge_addresses() */
	/* Else the connection went meanwhile; a client keeps the interface for the next. */
}

/*
 * A client's interface outlives changes of what the server grants: it has the queues that the
 * client itself wants.
 */
static uint8_t wanted_queues(const struct session *session)
{
	return session_is_server(session)
		? session->terms.lanes
		: (uint8_t)settings_lanes(session->engine->settings, session->peer);
}

/* The interface on the present terms. Negative errno of netd_link_ask(). */
static int ask_interface(struct session *session)
{
	const struct session_terms *terms = &session->terms;
	struct request request = {
		.type = REQUEST_INTERFACE,
		.interface = {
			.peer = session->name,
			.mtu = terms->mtu,
			.queues = wanted_queues(session),
			.offloads = terms->offloads_send != 0,
			.local4 = terms->local4,
			.remote4 = terms->remote4,
			.local6 = terms->local6,
			.remote6 = terms->remote6,
		},
	};
	if (!session_is_server(session))
		request.interface.outer = session->outer;
	return netd_link_ask(
		session->engine->netd, &session->interface_call, &request, interface_made);
}

void session_make_interface(struct session *session)
{
	/* netd still works on what an earlier connection wanted: its answer leads here again. */
	session->interface_stale = session->interface_call.pending;
	session->engine->welcomed |= !session_is_server(session);
	if (session->interface_stale)
		return;
	int r = ask_interface(session);
	if (r < 0)
		interface_failed(session, strerror(-r));
}

void session_judge_addresses(struct session *session)
{
	if (session->state == SESSION_UP && !session_is_server(session) &&
		!session->interface_call.pending && ask_interface(session) < 0)
		log_error("%s: out of memory: netd is not asked whether the tunnel's addresses "
			  "are still free",
			session->name.name);
}

bool session_hides_names(const struct session *session)
{
	return !session_is_server(session) &&
		(session->engine->settings->full_tunnel || session->nameservers->server_count > 0);
}

/* netd says by itself what became of it: a tunnel without its resolvers is still a tunnel. */
static void tell_nameservers(const struct session *session)
{
	struct request request = {
		.type = REQUEST_DNS,
		.dns = { .interface = session->interface.number,
			.nameservers = *session->nameservers },
	};

	if (netd_link_tell(session->engine->netd, &request) < 0)
		log_error("%s: its resolvers are not used: out of memory", session->name.name);
}

static void forget_stray(const struct reach *reach, struct stray *stray)
{
	struct addr addr;

	if (stray_read(stray, &addr) && reach_is_ours(reach, addr.family, addr.bytes))
		stray_clear(stray);
}

void session_update_reach(struct session *session)
{
	struct prefix_list theirs = { .items = NULL }, ours = { .items = NULL };
	struct reach_bar *bar = session->engine->peers.barred;
	struct session_lane *sl;
	struct reach *reach = NULL;
	int r = session_append_theirs(session, &theirs);

	if (r == 0)
		r = session_gather_sources(session, &ours);
	if (r == 0)
		r = reach_new(theirs.items, theirs.count, ours.items, ours.count, &reach);
	if (r < 0)
		goto out;
	if (session_is_server(session))
		reach_set_bars(reach, NULL, bar);
	else
		reach_set_bars(reach, bar, NULL);
	if (!session->engine->settings->check_destination)
		reach_leave_destinations(reach);
	reach_unref(session->reach);
	session->reach = reach;
	forget_stray(reach, &session->past.stray);
	TAILQ_FOREACH(sl, &session->lanes, link)
	{
		forget_stray(reach, lane_stray(sl->lane));
		if (sl->queue >= 0 && r == 0)
			r = lane_set_reach(sl->lane, reach);
	}
out:
	if (r < 0)
		log_error("%s: cannot update what may pass: %s", session->name.name, strerror(-r));
	prefix_list_free(&theirs);
	prefix_list_free(&ours);
}

void session_replay(struct session *session)
{
	struct message end = { .type = MESSAGE_END_OF_ROUTES };

	if (session_update_offer(session) < 0 || announcer_begin(&session->announcer) < 0)
		log_error("%s: cannot announce anything: out of memory", session->name.name);
	session_send(session, &end);
}

/* The interface is set to the terms, and the first lane may take packets. */
static int prepare_carrying(struct session *session)
{
	struct session_terms *terms = &session->terms;
	int r = tun_set_offloads(
		session->interface.queues[0], terms->offloads_read, &terms->offloads_read);

	if (r < 0)
		return r;
	terms->offloads_send &= terms->offloads_read;
	if (terms->lanes > session->interface.queue_count)
		terms->lanes = (uint8_t)session->interface.queue_count;
	return session_lane_hold(session->control);
}

static void answer_early_ping(struct session *session)
{
	struct message pong = { .type = MESSAGE_PONG, .time = session->early_ping };

	if (session->has_early_ping)
		session_send(session, &pong);
	session->has_early_ping = false;
}

/* Everything that a new connection begins with, in the order the peer needs it. */
void session_begin(struct session *session)
{
	session->interface_broken = false;
	free(session->no_interface);
	session->no_interface = NULL;
	session->up_since = mono_now();
	session->lane_lost = (struct mono){ 0 }; /* those were of the connection before */
	session->connections++;
	session_update_reach(session);
	int r = prepare_carrying(session);
	if (r == 0 && session->welcome) {
		session->welcome->welcome.lanes = session->terms.lanes;
		session_send(session, session->welcome);
	}
	if (r == 0)
		r = session_lane_carry(session->control);
	if (r < 0) {
		session->interface_broken = true;
		log_error("%s: %s does not take packets: %s", session->name.name,
			session->interface.name, strerror(-r));
		session_leave(session, GOODBYE_INTERNAL, "its tunnel interface fails", false);
		return;
	}
	free(session->welcome);
	session->welcome = NULL;
	answer_early_ping(session);
	session_replay(session);
	if (!session_is_server(session) && session->engine->settings->use_dns &&
		!settings_is_elsewhere(session->engine->settings))
		tell_nameservers(session);
	routes_set_interface(&session->routes, session->interface.number);
	session_set_carrier(session, true);
	peers_spread(&session->engine->peers, session);
	session_want_lanes(session, true);
	session_settle(session);
}

void session_end_lanes(struct session *session)
{
	struct session_lane *sl;

	announcer_end(&session->announcer);
	TAILQ_FOREACH(sl, &session->lanes, link)
	{
		liveness_stop(&sl->liveness);
		lane_end(sl->lane);
	}
}

/* While no lane has the control role, it is said on all. */
void session_say_goodbye(struct session *session)
{
	struct message message = { .type = MESSAGE_GOODBYE };
	struct message_goodbye *goodbye = &message.goodbye;
	struct session_lane *sl;

	goodbye->code = goodbye_code_for(session->terms.features, session->leave.code);
	goodbye->class = (uint8_t)goodbye_code_class(session->leave.code);
	goodbye->retry_after_ms = session->leave.retry_after_ms;
	snprintf(goodbye->text, sizeof(goodbye->text), "%s", session->leave.text);
	log_info("%s: goodbye said: %s: %s", session->name.name, goodbye_code_text(goodbye->code),
		goodbye->text);
	session_send(session, &message);
	TAILQ_FOREACH(sl, &session->lanes, link)
	{
		if (!session->control && sl->stage == SESSION_LANE_CARRYING)
			session_lane_send(sl, &message);
	}
	session_end_lanes(session);
}

static void forget_interface(struct session *session)
{
	routes_set_interface(&session->routes, 0);
	park_queues(session);
	session->interface = (struct session_interface){ 0 };
	session->interface_broken = false;
	session->carrier = SESSION_CARRIER_ON; /* of the next */
}

void session_set_carrier(struct session *session, bool on)
{
	enum session_carrier wanted = on ? SESSION_CARRIER_ON : SESSION_CARRIER_OFF;
	struct request request = {
		.type = REQUEST_CARRIER,
		.carrier = { .interface = session->interface.number, .on = on },
	};

	loop_timer_stop(session->engine->loop, &session->idle);
	if (session->carrier == wanted || session->interface.queue_count == 0)
		return;
	if (netd_link_tell(session->engine->netd, &request) < 0) {
		log_error("%s: its routes' metrics stay as they are: out of memory",
			session->name.name);
		return;
	}
	session->carrier = wanted;
	peers_spread(&session->engine->peers, session);
}

static void idle_over(struct loop_timer *timer)
{
	struct session *session = container_of(timer, struct session, idle);

	if (session->engine->ready)
		session_set_carrier(session, false);
	else
		session_await_peer(session);
}

void session_await_peer(struct session *session)
{
	loop_timer_start(session->engine->loop, &session->idle,
		mono_add(mono_now(), DURATION_MS(SESSION_IDLE_MS)), idle_over);
}

/* A client between two connections: the interface stays, unless it has been taken from us. */
void session_rest(struct session *session)
{
	session->last_leave = session->leave;
	session->leave = (struct session_leave){ 0 };
	if (session->interface_broken && session->interface.queue_count > 0) {
		struct request request = {
			.type = REQUEST_INTERFACE_DELETE,
			.interface_delete.interface = session->interface.number,
		};
		if (netd_link_tell(session->engine->netd, &request) < 0)
			log_error("%s: cannot ask netd to remove %s: out of memory",
				session->name.name, session->interface.name);
		forget_interface(session);
	}
	session_await_peer(session);
	if (session->engine->role->session_idle)
		session->engine->role->session_idle(
			session->engine, session, session->last_leave.retry_after_ms);
}

static void interface_removed(
	struct netd_call *call, const struct request_reply *reply, const int *fds, size_t fd_count)
{
	struct session *session = container_of(call, struct session, interface_call);

	netd_link_close_fds(fds, fd_count);
	if (reply->error != 0)
		log_warning("%s: %s was not removed: %s", session->name.name,
			session->interface.name, reply->text);
	forget_interface(session);
	session_remove(session);
}

/* Called again whenever netd has answered, until nothing is left to wait for. */
void session_remove(struct session *session)
{
	if (!session->routes.clearing)
		peers_spread(&session->engine->peers, session);
	session->routes.clearing = true;
	if (session->interface_call.pending || session->routes.call.pending ||
		!TAILQ_EMPTY(&session->lanes))
		return;
	/* At the end netd deletes all interfaces at once; one by one takes twenty times as long. */
	if (session->engine->stopping)
		forget_interface(session);
	if (session->interface.queue_count == 0) {
		session_event(session, SESSION_EVENT_REMOVED, NULL);
		return;
	}
	struct request request = {
		.type = REQUEST_INTERFACE_DELETE,
		.interface_delete.interface = session->interface.number,
	};
	int r = netd_link_ask(
		session->engine->netd, &session->interface_call, &request, interface_removed);
	if (r < 0) {
		log_error("%s: cannot ask netd to remove %s: %s", session->name.name,
			session->interface.name, strerror(-r));
		forget_interface(session);
		session_event(session, SESSION_EVENT_REMOVED, NULL);
	}
}
