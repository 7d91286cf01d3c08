/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/session_interface.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/container.h"
#include "base/error_text.h"
#include "base/log.h"
#include "config/descriptors.h"
#include "system/tun.h"

static bool is_server(const struct session_interface *interface)
{
	return interface->world->settings->role == SETTINGS_SERVER;
}

/* ---- what there is ---- */

bool session_interface_is_there(const struct session_interface *interface)
{
	return interface->tun.queue_count > 0;
}

bool session_interface_is(const struct session_interface *interface, uint32_t number)
{
	return session_interface_is_there(interface) && interface->tun.number == number;
}

uint32_t session_interface_number(const struct session_interface *interface)
{
	return interface->tun.number;
}

uint32_t session_interface_index(const struct session_interface *interface)
{
	return interface->tun.index;
}

const char *session_interface_name(const struct session_interface *interface)
{
	return interface->tun.name;
}

bool session_interface_lacks_family(const struct session_interface *interface, uint8_t family)
{
	return family == AF_INET ? interface->tun.off4 : interface->tun.off6;
}

const char *session_interface_failure(const struct session_interface *interface)
{
	return interface->failure;
}

const char *session_interface_netns(const struct session_interface *interface)
{
	return interface->peer ? interface->peer->netns : "";
}

bool session_interface_is_apart(const struct session_interface *interface)
{
	return interface->world->settings->contained ||
		session_interface_netns(interface)[0] != '\0';
}

/* ---- its queues ---- */

size_t session_interface_count_queues(const struct session_interface *interface)
{
	return interface->tun.queue_count;
}

bool session_interface_has_queues(const struct session_interface *interface)
{
	return interface->tun.queue_count > 1;
}

int session_interface_take_queue(struct session_interface *interface, int *ret_queue)
{
	struct session_tun *tun = &interface->tun;

	for (size_t i = 0; i < tun->queue_count; i++) {
		if (tun->taken[i])
			continue;
		tun->taken[i] = true;
		interface->users++;
		*ret_queue = (int)i;
		return 0;
	}
	return -ENOBUFS;
}

void session_interface_return_queue(struct session_interface *interface, int queue)
{
	if (session_interface_has_queues(interface))
		(void)tun_queue_attach(
			interface->tun.queues[queue], false); /* fails if it is gone */
	interface->tun.taken[queue] = false;
}

int session_interface_queue_fd(const struct session_interface *interface, int queue)
{
	return interface->tun.queues[queue];
}

int session_interface_attach(struct session_interface *interface, int queue)
{
	if (!session_interface_has_queues(interface))
		return 0;
	return tun_queue_attach(interface->tun.queues[queue], true);
}

int session_interface_set_offloads(
	struct session_interface *interface, uint32_t offloads, uint32_t *ret_offloads)
{
	return tun_set_offloads(interface->tun.queues[0], offloads, ret_offloads);
}

/* netd has copies, so close() does not block. */
static void close_parked(struct session_interface *interface)
{
	netd_link_close_fds(interface->parked, interface->parked_count);
	interface->parked_count = 0;
}

void session_interface_lane_ended(struct session_interface *interface)
{
	if (--interface->users == 0)
		close_parked(interface);
}

/*
 * Keeps the descriptors open; the caller then forgets them. A lane that leaves may still use its queue once more, and the number
 * must not be another file's then.
 */
static void park_queues(struct session_interface *interface)
{
	struct session_tun *tun = &interface->tun;
	size_t room = ARRAY_SIZE(interface->parked);

	if (interface->parked_count + tun->queue_count > room)
		close_parked(interface);
	memcpy(&interface->parked[interface->parked_count], tun->queues,
		tun->queue_count * sizeof(tun->queues[0]));
	interface->parked_count += tun->queue_count;
	if (interface->users == 0)
		close_parked(interface);
}

/* ---- what the kernel lacks of it ---- */

static void forget_lack(struct session_interface *interface)
{
	free(interface->lack.why);
	interface->lack = (struct session_interface_lack){ .why = NULL };
}

void session_interface_take_lack(
	struct session_interface *interface, const struct request_lack *page)
{
	struct session_interface_lack *lack = &interface->lack;

	if (page->offset != 0)
		return;
	forget_lack(interface);
	if (page->link || page->local4 || page->local6 || page->total > 0)
		lack->why = strdup(page->text); /* out of memory: status omits it */
	lack->link = page->link;
	lack->local4 = page->local4;
	lack->local6 = page->local6;
}

const struct session_interface_lack *session_interface_lack(
	const struct session_interface *interface)
{
	return &interface->lack;
}

/* ---- there and gone ---- */

static void set_tun(struct session_interface *interface, const struct request_reply *reply,
	const int *fds, size_t fd_count)
{
	struct session_tun *tun = &interface->tun;

	forget_lack(interface); /* a new interface lacks nothing */
	*tun = (struct session_tun){ .number = reply->interface, .index = reply->ifindex };
	tun->queue_count = fd_count;
	memcpy(tun->queues, fds, fd_count * sizeof(fds[0]));
	snprintf(tun->name, sizeof(tun->name), "%s", reply->ifname);
}

static void forget(struct session_interface *interface)
{
	interface->events->lost(interface);
	park_queues(interface);
	interface->tun = (struct session_tun){ .queue_count = 0 };
	interface->broken = false;
	interface->carrier = SESSION_INTERFACE_CARRIER_ON; /* of the next interface */
}

/* The same interface keeps its descriptors: a lane that was replaced may still use one. */
static void take(struct session_interface *interface, const struct request_reply *reply,
	const int *fds, size_t fd_count)
{
	if (session_interface_is(interface, reply->interface)) {
		netd_link_close_fds(fds, fd_count);
		return;
	}
	interface->events->lost(interface);
	park_queues(interface);
	set_tun(interface, reply, fds, fd_count);
}

/* False: the descriptors would use up the reserve, so this session does without them. */
static bool have_room(const struct session_interface *interface, const struct request_reply *reply,
	const int *fds, size_t fd_count)
{
	/* Copies of open descriptors are closed again. */
	return session_interface_is(interface, reply->interface) ||
		descriptors_are_free(interface->world->descriptors, fds, fd_count);
}

/* ---- carrier ---- */

static void await_peer(struct session_interface *interface);

bool session_interface_carries(const struct session_interface *interface)
{
	return interface->carrier != SESSION_INTERFACE_CARRIER_OFF;
}

void session_interface_set_carrier(struct session_interface *interface, bool on)
{
	enum session_interface_carrier wanted = on ? SESSION_INTERFACE_CARRIER_ON
						   : SESSION_INTERFACE_CARRIER_OFF;
	struct request request = {
		.type = REQUEST_CARRIER,
		.carrier = { .interface = interface->tun.number, .on = on },
	};

	loop_timer_stop(interface->world->loop, &interface->idle);
	if (interface->carrier == wanted || !session_interface_is_there(interface))
		return;
	if (netd_link_send(interface->world->netd, &request) < 0) {
		log_error(
			"%s: cannot ask netd to hold or to restore the peer's routes: out of memory; packets may take the wrong route until the peer connects again",
			interface->name->name);
		return;
	}
	interface->carrier = wanted;
	interface->events->carrier(interface);
}

static void idle_over(struct loop_timer *timer)
{
	struct session_interface *interface = container_of(timer, struct session_interface, idle);

	if (interface->world->ready)
		session_interface_set_carrier(interface, false);
	else
		await_peer(interface);
}

/* The peer may return soon; if not, its routes give way. */
static void await_peer(struct session_interface *interface)
{
	loop_timer_start(interface->world->loop, &interface->idle,
		mono_add(mono_now(), DURATION_MS(SESSION_INTERFACE_IDLE_MS)), idle_over);
}

/* ---- netd cannot make it, or may not ---- */

static void fail(struct session_interface *interface, const char *text)
{
	log_error("%s: cannot make the tunnel interface: %s", interface->name->name, text);
	free(interface->failure);
	interface->failure = strdup(text); /* out of memory: status shows the goodbye */
	interface->wish = SESSION_INTERFACE_NOTHING;
	interface->events->failed(interface);
}

/* This host refuses the server's addresses. `cure` is for the log. */
static void refuse(struct session_interface *interface, const char *why, const char *cure)
{
	log_error("%s: this host refuses the tunnel's addresses that the server chose: %s; %s",
		interface->name->name, why, cure);
	free(interface->failure); /* of an earlier connection: now the goodbye has the cause */
	interface->failure = NULL;
	interface->wish = SESSION_INTERFACE_NOTHING;
	interface->events->refused(interface, why);
}

/* `text` is netd's: this host or its network already uses an address. */
static void refuse_taken(struct session_interface *interface, const char *text)
{
	refuse(interface, text, "leave that network, or give the server another pool");
}

/*
 * Judges an address by the configuration, as netd does too, and by facts that netd does not know.
 * Errors: -EADDRINUSE, those of settings_judge_address(). On failure *problem says why.
 */
static int judge_address(
	const struct session_interface *interface, const struct addr *addr, struct problem *problem)
{
	char text[ADDR_TEXT_MAX];

	if (!addr_is_set(addr))
		return 0;
	if (!session_interface_is_apart(interface) &&
		addr_equal(addr, &interface->wanted.outer.addr)) {
		problem_set(problem, "address %s, at which this host reaches the server itself",
			addr_format(addr, text));
		return -EADDRINUSE;
	}
	return settings_judge_address(interface->world->settings, addr, problem);
}

/*
 * Called only after netd's answer. netd learns of a welcome by the request, and from then on a full
 * tunnel blocks everything, also if the welcome is bad. False: the addresses are refused.
 */
static bool addresses_are_fine(
	struct session_interface *interface, const struct request_reply *reply)
{
	const struct request_interface *wanted = &interface->wanted;
	const struct addr *const addresses[] = { &wanted->local4, &wanted->remote4, &wanted->local6,
		&wanted->remote6 };
	struct problem problem;
	int r = 0;

	for (size_t i = 0; i < 4 && r == 0 && !is_server(interface); i++)
		r = judge_address(interface, addresses[i], &problem);
	if (r == 0)
		return true;
	/*
	 * An interface with these addresses has to go. If netd refused them too, the old interface
	 * and its routes stay.
	 */
	if (reply->error == 0)
		interface->broken = true;
	refuse(interface, problem.text,
		r == -EPERM
			? "add their range to tunnel_addresses in this profile, or give the server another pool"
			: "give the server another pool");
	return false;
}

/* ---- requests ---- */

/*
 * Notes the families that the kernel has refused. A server does not offer them to its peer, and
 * neither end announces their networks.
 */
static void note_families(
	struct session_interface *interface, const struct request_interface *present)
{
	const struct request_interface *wanted = &interface->wanted;

	interface->tun.off4 = addr_is_set(&wanted->local4) && !addr_is_set(&present->local4);
	interface->tun.off6 = addr_is_set(&wanted->local6) && !addr_is_set(&present->local6);
}

/* Passes netd's answer to the session that waits for the interface. */
static void make_answered(
	struct session_interface *interface, const struct request_reply *reply, size_t fd_count)
{
	if (!addresses_are_fine(interface, reply))
		return;
	if (reply->error == EADDRINUSE) {
		refuse_taken(interface, reply->text);
		return;
	}
	if (reply->error != 0 || fd_count == 0) {
		fail(interface,
			reply->error != 0
				? reply->text
				: "the engine received no queues from netd: the limit of open files is reached; raise LimitNOFILE= or \"ulimit -n\"");
		return;
	}
	if (reply->adopts)
		note_families(interface, &reply->adopted);
	interface->wish = SESSION_INTERFACE_NOTHING;
	interface->broken = false;
	free(interface->failure);
	interface->failure = NULL;
	interface->events->made(interface);
}

static void answered(
	struct netd_call *call, const struct request_reply *reply, const int *fds, size_t fd_count)
{
	struct session_interface *interface = container_of(call, struct session_interface, call);

	if (reply->error == 0 && !have_room(interface, reply, fds, fd_count)) {
		netd_link_close_fds(fds, fd_count);
		fd_count = 0;
	}
	if (reply->error == 0 && fd_count > 0)
		take(interface, reply, fds, fd_count);
	switch (interface->wish) {
	case SESSION_INTERFACE_NOTHING:
		return; /* the connection was lost; a client keeps the interface for the next */
	case SESSION_INTERFACE_MADE:
		if (interface->stale)
			session_interface_make(interface, &interface->wanted);
		else
			make_answered(interface, reply, fd_count);
		return;
	case SESSION_INTERFACE_JUDGED:
		interface->wish = SESSION_INTERFACE_NOTHING;
		if (reply->error == EADDRINUSE)
			refuse_taken(interface, reply->text);
		return;
	case SESSION_INTERFACE_REMOVED:
		session_interface_remove(interface);
		break;
	}
}

static int ask(struct session_interface *interface)
{
	struct request request = {
		.type = REQUEST_INTERFACE,
		.interface = interface->wanted,
	};

	return netd_link_ask(interface->world->netd, &interface->call, &request, answered);
}

void session_interface_make(
	struct session_interface *interface, const struct request_interface *wanted)
{
	interface->wanted = *wanted;
	interface->wish = SESSION_INTERFACE_MADE;
	/* netd still works on an earlier request, and its answer calls this function again. */
	interface->stale = interface->call.pending;
	if (interface->stale)
		return;
	int r = ask(interface);
	if (r < 0)
		fail(interface, error_text(r));
}

void session_interface_judge(
	struct session_interface *interface, const struct request_interface *wanted)
{
	if (interface->call.pending)
		return;
	interface->wanted = *wanted;
	interface->wish = SESSION_INTERFACE_JUDGED;
	if (ask(interface) == 0)
		return;
	interface->wish = SESSION_INTERFACE_NOTHING;
	log_error(
		"%s: cannot ask netd whether the tunnel's addresses are still free: out of memory",
		interface->name->name);
}

void session_interface_detach(struct session_interface *interface)
{
	interface->wish = SESSION_INTERFACE_NOTHING;
}

void session_interface_break(struct session_interface *interface)
{
	interface->broken = true;
}

void session_interface_disconnected(struct session_interface *interface)
{
	struct request request = {
		.type = REQUEST_INTERFACE_DELETE,
		.interface_delete.interface = interface->tun.number,
	};

	session_interface_detach(interface);
	if (interface->broken && session_interface_is_there(interface)) {
		if (netd_link_send(interface->world->netd, &request) < 0)
			log_error("%s: cannot ask netd to remove %s: out of memory",
				interface->name->name, interface->tun.name);
		forget(interface);
	}
	await_peer(interface);
}

static void deleted(
	struct netd_call *call, const struct request_reply *reply, const int *fds, size_t fd_count)
{
	struct session_interface *interface = container_of(call, struct session_interface, call);

	netd_link_close_fds(fds, fd_count);
	if (reply->error != 0)
		log_warning("%s: netd did not remove %s: %s", interface->name->name,
			interface->tun.name, reply->text);
	forget(interface);
	interface->events->removed(interface);
}

void session_interface_remove(struct session_interface *interface)
{
	struct request request = {
		.type = REQUEST_INTERFACE_DELETE,
		.interface_delete.interface = interface->tun.number,
	};

	interface->wish = SESSION_INTERFACE_REMOVED;
	if (interface->call.pending)
		return; /* the answer calls this function again */
	/*
	 * When the program ends, netd removes all interfaces at once; one by one takes twenty times
	 * as long.
	 */
	if (interface->world->stopping)
		forget(interface);
	if (!session_interface_is_there(interface)) {
		interface->events->removed(interface);
		return;
	}
	int r = netd_link_ask(interface->world->netd, &interface->call, &request, deleted);
	if (r < 0) {
		log_error("%s: cannot ask netd to remove %s: %s", interface->name->name,
			interface->tun.name, error_text(r));
		forget(interface);
		interface->events->removed(interface);
	}
}

/* ---- its own life ---- */

void session_interface_init(struct session_interface *interface, const struct session_world *world,
	const struct identity *name, const struct settings_peer *peer,
	const struct session_interface_events *events)
{
	interface->world = world;
	interface->events = events;
	interface->name = name;
	interface->peer = peer;
}

void session_interface_free(struct session_interface *interface)
{
	loop_timer_stop(interface->world->loop, &interface->idle);
	close_parked(interface);
	free(interface->failure);
	forget_lack(interface);
}

void session_interface_adopt(struct session_interface *interface, const struct request_reply *reply,
	const int *fds, size_t fd_count)
{
	set_tun(interface, reply, fds, fd_count);
	/* No queue stays attached. */
	for (size_t i = 0; session_interface_has_queues(interface) && i < fd_count; i++)
		(void)tun_queue_attach(interface->tun.queues[i], false);
	interface->carrier = SESSION_INTERFACE_CARRIER_UNKNOWN;
	await_peer(interface);
}
