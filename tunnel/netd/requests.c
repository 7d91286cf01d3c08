/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/requests.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/error_text.h"
#include "base/log.h"
#include "netd/forwarding.h"
#include "netd/interface_life.h"
#include "netd/interface_routes.h"
#include "netd/outer.h"
#include "netd/policy.h"
#include "netd/probe_socket.h"

enum { WARNINGS_PER_SECOND = 1, WARNINGS_BURST = 20 };

void requests_init(struct requests *requests, const struct settings *settings,
	struct interfaces *interfaces, struct full_tunnel *full_tunnel, struct dns *dns,
	int (*exchange)(struct requests *requests, struct problem *problem))
{
	*requests = (struct requests){
		.settings = settings,
		.interfaces = interfaces,
		.full_tunnel = full_tunnel,
		.dns = dns,
		.exchange = exchange,
		.address_check = { settings, interfaces, dns, full_tunnel },
		.route_check = { .settings = settings, .interfaces = interfaces, .dns = dns },
	};
	rate_init(&requests->warnings, WARNINGS_PER_SECOND, WARNINGS_BURST, mono_now());
}

void requests_begin(struct requests *requests, uint32_t generation)
{
	requests->generation = generation;
	requests->ready = false;
	requests->exit_asked = false;
}

/* Fills in the reply: 0 or an error, and a text for the engine's log. */
static void answer(struct requests *requests, int r, const char *text)
{
	struct request_reply *reply = &requests->reply.reply;

	reply->error = (uint32_t)-r;
	problem_escape(reply->text, sizeof(reply->text), text, strlen(text));
}

/* Replies to a request that the configuration does not allow. */
static void deny(struct requests *requests, const struct problem *problem)
{
	if (rate_take(&requests->warnings, mono_now()))
		log_warning(
			"engine asked for %s: the configuration does not allow it", problem->text);
	answer(requests, -EPERM, problem->text);
}

/* Replies to a request that the configuration allows but the kernel does not. */
static void fail(struct requests *requests, int r, const struct problem *problem)
{
	if (rate_take(&requests->warnings, mono_now()))
		log_warning("%s", problem->text);
	answer(requests, r, problem->text);
}

/* Sending gives copies to the engine; the registry keeps the originals. */
static void hand_out_queues(struct requests *requests, const struct interface *interface)
{
	requests->reply_fd_count = interface->now.queues;
	memcpy(requests->reply_fds, interface->queues,
		requests->reply_fd_count * sizeof(interface->queues[0]));
}

/*
 * Fills in the number that the engine uses for the interface from now on, and the name for people.
 */
static void fill_interface(struct requests *requests, const struct interface *interface)
{
	struct request_reply *reply = &requests->reply.reply;

	reply->interface = interface->number;
	reply->ifindex = interface->index;
	memcpy(reply->ifname, interface->name, sizeof(reply->ifname));
}

/* The handlers. Each fills in requests->reply; an error means that the engine is broken. */

static_assert((int)SETTINGS_ROUTES_MAX <= (int)REQUEST_ROUTE_TOTAL_MAX,
	"the routes that one peer may have can be handed over");

static int handle_adopt(struct requests *requests, struct problem *problem)
{
	const struct request_adopt *adopt = &requests->request.adopt;
	struct request_reply *reply = &requests->reply.reply;
	const struct interface *interface = interfaces_at(requests->interfaces, adopt->index);
	size_t left;

	if (!interface || adopt->route_offset > interface->route_count) {
		problem_set(problem, "interface number %u of %zu, from its route %u on, to adopt",
			adopt->index, requests->interfaces->count, adopt->route_offset);
		deny(requests, problem);
		return 0;
	}
	if (!addr_is_set(&interface->now.local4) && !addr_is_set(&interface->now.local6)) {
		problem_set(problem, "%s: interface %s lost its addresses in a change that failed",
			interface->now.peer.name, interface->name);
		fail(requests, -EADDRNOTAVAIL, problem);
		return 0;
	}
	left = interface->route_count - adopt->route_offset;
	reply->adopts = true;
	reply->adopted = interface->now;
	fill_interface(requests, interface);
	reply->route_total = (uint32_t)interface->route_count;
	reply->route_count = (uint16_t)(left < REQUEST_PREFIX_MAX ? left : REQUEST_PREFIX_MAX);
	for (size_t i = 0; i < reply->route_count; i++)
		reply->route[i] = interface->routes[adopt->route_offset + i];
	if (adopt->route_offset == 0)
		hand_out_queues(requests, interface);
	return 0;
}

static int handle_ready(struct requests *requests, struct problem *problem)
{
	if (requests->request.ready.generation != requests->generation) {
		problem_set(problem, "it is ready with generation %u, its configuration is %u",
			requests->request.ready.generation, requests->generation);
		return -EPROTO;
	}
	requests->ready = true;
	return 0;
}

static int handle_socket(struct requests *requests, struct problem *problem)
{
	const struct settings *settings = requests->settings;
	uint8_t family = requests->request.socket.family;
	int fd, r;

	r = policy_socket(settings, family, problem);
	if (r < 0) {
		deny(requests, problem);
		return 0;
	}
	r = outer_socket(settings, family, &requests->logged_without, &fd, problem);
	if (r < 0) {
		fail(requests, r, problem);
		return 0;
	}
	outer_log_fallback(settings, fd, &requests->logged_fallback);
	requests->reply_fds[0] = fd;
	requests->reply_fd_count = 1;
	requests->reply_fds_owned = true;
	return 0;
}

/*
 * Puts full tunnel in force, because a welcome has come. If neither rules nor table can hold
 * packets back, the program must end. On failure (negative errno) *problem says why, and the
 * session must not carry packets.
 */
static int hold_back(struct requests *requests, struct problem *problem)
{
	int r = full_tunnel_enforce(requests->full_tunnel, problem);

	if (r == 0)
		return 0;
	if (full_tunnel_holds(requests->full_tunnel))
		problem_set(problem, "%s; meanwhile nothing leaves this host", problem->text);
	else {
		log_error(
			"full_tunnel = true, but netd can block no packets outside the tunnel: policy rules fail (%s), and so does a firewall table; enable either of them in the kernel",
			problem->text);
		requests->exit_asked = true;
		requests->exit_code = EXIT_CODE_FAILURE;
	}
	return r;
}

/*
 * Makes the requested interface, and lets its packets pass the kill switch and the full tunnel.
 * Returns NULL on failure: *ret_error is the error, and *problem says why.
 */
static struct interface *bring_interface(
	struct requests *requests, int *ret_error, struct problem *problem)
{
	const struct request_interface *wanted = &requests->request.interface;
	struct interface_target target = policy_interface_target(requests->settings, &wanted->peer);
	struct interface *interface = NULL;
	int r = address_check(&requests->address_check, wanted, &target, problem);

	if (r == 0)
		r = interfaces_bring(requests->interfaces, wanted, &target, &interface, problem);
	if (r == 0 && requests->kill_switch)
		r = kill_switch_open_for(requests->kill_switch, interface->index, problem);
	if (r == 0)
		r = full_tunnel_follow(requests->full_tunnel, interface, problem);
	if (r < 0) {
		*ret_error = r;
		return NULL;
	}
	return interface;
}

static int handle_interface(struct requests *requests, struct problem *problem)
{
	const struct request_interface *wanted = &requests->request.interface;
	struct interface *interface = NULL;
	struct problem denial = { .text = "" };
	int held = hold_back(requests, problem);
	int r = policy_interface(requests->settings, requests->interfaces, wanted, &denial);

	if (r < 0) {
		deny(requests, &denial);
		return 0;
	}
	r = held;
	if (held == 0)
		interface = bring_interface(requests, &r, problem);
	if (!interface) {
		/* The engine logs this error with its remedy, and reports it to the peer. */
		if (r == -EADDRINUSE) {
			answer(requests, r, problem->text);
			return 0;
		}
		problem_prepend(problem, "%s", wanted->peer.name);
		fail(requests, r, problem);
		return 0;
	}
	/*
	 * For an interface in a foreign network namespace, forwarding is that namespace's setting.
	 */
	if (requests->forwarding && interface->netns.inode == 0)
		forwarding_join(requests->forwarding, interface->name);
	fill_interface(requests, interface);
	requests->reply.reply.adopts = true;
	requests->reply.reply.adopted = interface_present(interface);
	hand_out_queues(requests, interface);
	return 0;
}

/*
 * Returns the interface that the engine names. NULL: there is none with that number, and the reply
 * is filled in.
 */
static struct interface *own_interface(
	struct requests *requests, uint32_t number, struct problem *problem)
{
	struct interface *interface = interfaces_find_number(requests->interfaces, number);

	if (interface)
		return interface;
	problem_set(problem, "a change of interface %u, which is not Culvert's", number);
	deny(requests, problem);
	return NULL;
}

static int handle_interface_delete(struct requests *requests, struct problem *problem)
{
	struct interface *interface = own_interface(
		requests, requests->request.interface_delete.interface, problem);

	if (interface)
		interfaces_remove(requests->interfaces, interface, "the session has ended");
	return 0;
}

static int handle_carrier(struct requests *requests, struct problem *problem)
{
	const struct request_carrier *carrier = &requests->request.carrier;
	struct interface *interface = own_interface(requests, carrier->interface, problem);

	if (interface)
		interface_set_idle(requests->interfaces, interface, !carrier->on);
	return 0;
}

static enum route_verdict add_route(struct requests *requests, struct interface *interface,
	const struct route_surroundings *around, const struct prefix *prefix, struct problem *why)
{
	enum route_verdict verdict = route_check_judge(
		&requests->route_check, interface, around, prefix, why);
	char text[ADDR_TEXT_MAX];
	int r;

	/* netd has logged it once, for all of them. */
	if (verdict == ROUTE_ACCEPTED && interface_family_is_off(interface, prefix->addr.family)) {
		problem_set(why, "%s has no IPv%d", interface->name,
			prefix->addr.family == AF_INET ? 4 : 6);
		return ROUTE_FAILED;
	}
	if (verdict != ROUTE_ACCEPTED) {
		if (rate_take(&requests->warnings, mono_now()))
			log_warning("engine asked for route %s to %s: %s%s%s",
				prefix_format(prefix, text), interface->now.peer.name,
				route_verdict_text(verdict), why->text[0] != '\0' ? ": " : "",
				why->text);
		return verdict;
	}
	r = interface_route_add(requests->interfaces, interface, prefix, why);
	if (r == 0)
		return ROUTE_ACCEPTED;
	if (rate_take(&requests->warnings, mono_now()))
		log_warning("%s: %s", interface->now.peer.name, why->text);
	return r == -EBUSY ? ROUTE_TAKEN : ROUTE_FAILED;
}

static int handle_route_add(struct requests *requests, struct problem *problem)
{
	const struct request_routes *routes = &requests->request.routes;
	struct request_reply *reply = &requests->reply.reply;
	struct interface *interface = own_interface(requests, routes->interface, problem);
	struct route_surroundings around;
	int r;

	if (!interface)
		return 0;
	r = route_check_look_around(&requests->route_check, interface, &around, problem);
	if (r < 0) {
		fail(requests, r, problem);
		return 0;
	}
	for (uint16_t i = 0; i < routes->count; i++) {
		struct problem why = { .text = "" };

		reply->verdicts[i].verdict = (uint8_t)add_route(
			requests, interface, &around, &routes->prefix[i], &why);
		problem_escape(reply->verdicts[i].reason, sizeof(reply->verdicts[i].reason),
			why.text, strlen(why.text));
	}
	reply->count = routes->count;
	route_check_free(&around);
	return 0;
}

static int handle_route_delete(struct requests *requests, struct problem *problem)
{
	const struct request_routes *routes = &requests->request.routes;
	struct request_reply *reply = &requests->reply.reply;
	struct interface *interface = own_interface(requests, routes->interface, problem);

	if (!interface)
		return 0;
	for (uint16_t i = 0; i < routes->count; i++) {
		int r = interface_route_delete(
			requests->interfaces, interface, &routes->prefix[i], problem);

		if (r < 0 && rate_take(&requests->warnings, mono_now()))
			log_warning("%s: %s", interface->now.peer.name, problem->text);
		reply->verdicts[i].verdict = r < 0 ? ROUTE_FAILED : ROUTE_ACCEPTED;
	}
	reply->count = routes->count;
	return 0;
}

static int handle_up(struct requests *requests, struct problem *problem)
{
	const struct request_dns *up = &requests->request.dns;

	if (own_interface(requests, up->interface, problem) && requests->up)
		requests->up(requests, up);
	return 0;
}

/* Drops the resolvers of a family that the interface lacks. */
static void drop_resolvers(const struct interface *interface, struct nameservers *nameservers)
{
	char text[ADDR_TEXT_MAX];
	size_t kept = 0;

	for (size_t i = 0; i < nameservers->server_count; i++) {
		const struct addr *server = &nameservers->server[i];

		if (!interface_family_is_off(interface, server->family))
			nameservers->server[kept++] = *server;
		else
			log_warning("%s: resolver %s is not used: %s has no IPv%d",
				interface->now.peer.name, addr_format(server, text),
				interface->name, server->family == AF_INET ? 4 : 6);
	}
	nameservers->server_count = kept;
}

static int handle_dns(struct requests *requests, struct problem *problem)
{
	struct request_dns *wanted = &requests->request.dns;
	const struct interface *interface = own_interface(requests, wanted->interface, problem);
	int r;

	if (!interface)
		return 0;
	r = policy_dns(requests->settings, wanted, problem);
	if (r < 0) {
		deny(requests, problem);
		return 0;
	}
	drop_resolvers(interface, &wanted->nameservers);
	r = dns_set(requests->dns, interface, &wanted->nameservers, problem);
	if (r < 0) {
		problem_prepend(problem, "%s", interface->now.peer.name);
		fail(requests, r, problem);
	}
	return 0;
}

static int handle_silent(struct requests *requests, struct problem *problem)
{
	int r = policy_silent(requests->settings, problem);

	if (r < 0)
		deny(requests, problem);
	else if (requests->silent)
		requests->silent(requests, &requests->request.silent.local);
	return 0;
}

/* A target that cannot be reached is what a probe is for: netd does not log it. */
static int handle_probe(struct requests *requests, struct problem *problem)
{
	struct endpoint target;
	int fd, r;

	if (policy_probe(requests->settings, &requests->request.probe.prefix, &target, problem) <
		0) {
		deny(requests, problem);
		return 0;
	}
	r = probe_socket_open(requests->interfaces, &target, &fd, problem);
	if (r < 0) {
		answer(requests, r, problem->text);
		return 0;
	}
	requests->reply_fds[0] = fd;
	requests->reply_fd_count = 1;
	requests->reply_fds_owned = true;
	return 0;
}

static int handle_reexec(struct requests *requests, struct problem *problem)
{
	int r = requests->exchange(requests, problem);

	if (r < 0) {
		problem_prepend(problem, "the engine is not replaced");
		fail(requests, r, problem);
	}
	return 0;
}

/* The command line shows the text. */
static int handle_reload(struct requests *requests, struct problem *problem)
{
	int r = requests->reload(requests, requests->request.reload.only_check, problem);

	if (r > 0)
		answer(requests, 0, problem->text);
	else if (r < 0)
		answer(requests, r, problem->text);
	return 0;
}

static int handle_reconfigured(struct requests *requests, struct problem *problem)
{
	int r = requests->reconfigured(requests, &requests->request.reconfigured, problem);

	if (r != 0)
		answer(requests, r < 0 ? r : 0, problem->text);
	return 0;
}

static int handle_exit(struct requests *requests, struct problem *problem)
{
	uint8_t code = requests->request.exit.code;
	const char *text = requests->request.exit.text;

	if (policy_exit(code, problem) < 0) {
		deny(requests, problem);
		return 0;
	}
	if (code == EXIT_CODE_OK)
		log_notice("the engine ends the program: %s", text);
	else
		log_error("%s", text);
	requests->exit_asked = true;
	requests->exit_code = (enum exit_code)code;
	return 0;
}

/*
 * All requests that the engine may send, and when. Only netd sends the types that are not listed.
 */
struct rule {
	int (*handle)(struct requests *requests, struct problem *problem);
	bool before_ready, after_ready;
};

static const struct rule rules[REQUEST_TYPE_COUNT] = {
	[REQUEST_ADOPT] = { handle_adopt, true, false },
	[REQUEST_READY] = { handle_ready, true, false },
	[REQUEST_EXIT] = { handle_exit, true, true },
	[REQUEST_SOCKET] = { handle_socket, false, true },
	[REQUEST_INTERFACE] = { handle_interface, false, true },
	[REQUEST_INTERFACE_DELETE] = { handle_interface_delete, false, true },
	[REQUEST_CARRIER] = { handle_carrier, false, true },
	[REQUEST_ROUTE_ADD] = { handle_route_add, false, true },
	[REQUEST_ROUTE_DELETE] = { handle_route_delete, false, true },
	[REQUEST_UP] = { handle_up, false, true },
	[REQUEST_DNS] = { handle_dns, false, true },
	[REQUEST_SILENT] = { handle_silent, false, true },
	[REQUEST_PROBE] = { handle_probe, false, true },
	[REQUEST_REEXEC] = { handle_reexec, false, true },
	[REQUEST_RELOAD] = { handle_reload, false, true },
	[REQUEST_RECONFIGURED] = { handle_reconfigured, false, true },
};

/* Returns the rule for a decoded request, or NULL when it may not come now. */
static const struct rule *find_rule(const struct requests *requests, struct problem *problem)
{
	enum request_type type = requests->request.type;
	const struct rule *rule = &rules[type];

	if (!rule->handle) {
		problem_set(problem, "it sent a message of type %s, which only netd sends",
			request_type_name(type));
		return NULL;
	}
	if (!(requests->ready ? rule->after_ready : rule->before_ready)) {
		problem_set(problem, "it sent a message of type %s %s", request_type_name(type),
			requests->ready ? "after it was ready" : "before it was ready");
		return NULL;
	}
	return rule;
}

int requests_handle(struct requests *requests, const void *data, size_t len, struct writer *reply,
	int *ret_fds, size_t *ret_fd_count, bool *ret_fds_owned, struct problem *problem)
{
	const struct rule *rule;
	int r = request_decode(data, len, &requests->request);

	if (r < 0) {
		problem_set(problem, "it sent a message that cannot be decoded: %s", error_text(r));
		return -EPROTO;
	}
	rule = find_rule(requests, problem);
	if (!rule)
		return -EPROTO;
	requests->reply = (struct request){ .type = REQUEST_REPLY, .id = requests->request.id };
	requests->reply_fd_count = 0;
	requests->reply_fds_owned = false;
	r = rule->handle(requests, problem);
	interfaces_leave(requests->interfaces);
	if (r != 0)
		return r;
	r = request_encode(reply, &requests->reply);
	if (r < 0) {
		problem_set(problem, "its reply cannot be encoded: %s", error_text(r));
		return -EPROTO;
	}
	memcpy(ret_fds, requests->reply_fds,
		requests->reply_fd_count * sizeof(requests->reply_fds[0]));
	*ret_fd_count = requests->reply_fd_count;
	*ret_fds_owned = requests->reply_fds_owned;
	return 0;
}
