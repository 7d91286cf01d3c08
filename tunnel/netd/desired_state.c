/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/desired_state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/error_text.h"
#include "base/log.h"
#include "netd/interface_routes.h"

/*
 * The parts of a route that are compared. It is zeroed before it is filled, because memcmp() orders
 * the keys.
 */
struct key {
	uint32_t link, table, metric;
	struct prefix prefix;
};

/* The kernel's state in one namespace, read for one check. */
struct kernel_state {
	struct netlink *netlink;
	struct netlink_address *addresses;
	size_t address_count;
	struct key *keys; /* sorted */
	size_t key_count, key_capacity;
	bool out_of_memory;
	/* the routes that the kernel lacks, of the interface being checked */
	struct prefix *missing;
	size_t missing_capacity;
};

/* The parts that one interface lacks. */
struct lack {
	bool link, address4, address6;
	size_t routes; /* the prefixes are in kernel.missing */
};

static void check_within(struct desired_state *desired, struct duration wait);

/* ---- the kernel's state ---- */

static struct key key_of(
	uint32_t link, uint32_t table, uint32_t metric, const struct prefix *prefix)
{
	struct key key;

	memset(&key, 0, sizeof(key));
	key.link = link;
	key.table = table;
	key.metric = metric;
	key.prefix.len = prefix->len;
	key.prefix.addr.family = prefix->addr.family;
	memcpy(key.prefix.addr.bytes, prefix->addr.bytes, addr_size(&prefix->addr));
	return key;
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct key));
}

static void take_route(void *context, const struct netlink_seen_route *route)
{
	struct kernel_state *kernel = context;

	for (size_t i = 0; i < route->link_count; i++) {
		if (kernel->key_count == kernel->key_capacity) {
			size_t capacity = kernel->key_capacity == 0 ? 64 : kernel->key_capacity * 2;
			struct key *keys = reallocarray(kernel->keys, capacity, sizeof(*keys));

			if (!keys) {
				kernel->out_of_memory = true;
				return;
			}
			kernel->keys = keys;
			kernel->key_capacity = capacity;
		}
		kernel->keys[kernel->key_count++] = key_of(
			route->links[i], route->table, route->priority, &route->prefix);
	}
}

static int read_kernel(struct kernel_state *kernel, struct problem *problem)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	int r = netlink_addresses(
		kernel->netlink, &kernel->addresses, &kernel->address_count, problem);

	for (size_t i = 0; i < sizeof(families) && r == 0; i++) {
		struct netlink_query query = { .family = families[i], .protocol = RTPROT_CULVERT };

		r = netlink_routes(kernel->netlink, &query, take_route, kernel, problem);
	}
	if (r == 0 && kernel->out_of_memory) {
		problem_set(problem, "out of memory");
		r = -ENOMEM;
	}
	if (r == 0 && kernel->key_count > 1)
		qsort(kernel->keys, kernel->key_count, sizeof(kernel->keys[0]), compare);
	return r;
}

/* ---- missing parts ---- */

static bool lacks_address(const struct kernel_state *kernel, const struct interface *interface,
	const struct addr *address)
{
	if (!addr_is_set(address) || interface_family_is_off(interface, address->family))
		return false;
	for (size_t i = 0; i < kernel->address_count; i++) {
		if (kernel->addresses[i].index == interface->index &&
			addr_equal(&kernel->addresses[i].prefix.addr, address))
			return false;
	}
	return true;
}

static bool lacks_route(const struct interfaces *interfaces, const struct kernel_state *kernel,
	const struct interface *interface, const struct prefix *prefix)
{
	struct key key = key_of(interface->index, interface_route_table(interfaces),
		interface_routes_metric(interface), prefix);

	return kernel->key_count == 0 ||
		!bsearch(&key, kernel->keys, kernel->key_count, sizeof(key), compare);
}

static int make_room(struct kernel_state *kernel, size_t count)
{
	struct prefix *larger;

	if (count <= kernel->missing_capacity)
		return 0;
	larger = reallocarray(kernel->missing, count, sizeof(*larger));
	if (!larger)
		return -ENOMEM;
	kernel->missing = larger;
	kernel->missing_capacity = count;
	return 0;
}

/* -ENOMEM; -ENODEV: the interface is gone, and its session makes another. */
static int find_lack(const struct interfaces *interfaces, struct kernel_state *kernel,
	const struct interface *interface, struct lack *ret_lack)
{
	struct lack lack = { .link = false };
	bool up;
	uint32_t mtu;
	int r = netlink_link_state(kernel->netlink, interface->index, &up, &mtu, NULL);

	if (r == 0)
		r = make_room(kernel, interface->route_count);
	if (r < 0)
		return r;
	lack.link = !up || mtu != interface->now.mtu;
	lack.address4 = lacks_address(kernel, interface, &interface->now.local4);
	lack.address6 = lacks_address(kernel, interface, &interface->now.local6);
	for (size_t i = 0; i < interface->route_count; i++) {
		if (!interface_family_is_off(interface, interface->routes[i].addr.family) &&
			lacks_route(interfaces, kernel, interface, &interface->routes[i]))
			kernel->missing[lack.routes++] = interface->routes[i];
	}
	*ret_lack = lack;
	return 0;
}

static size_t lack_count(const struct lack *lack)
{
	return lack->routes + lack->link + lack->address4 + lack->address6;
}

/*
 * Returns a text such as "its link (down, or with another MTU), address 10.0.0.1, route 10.2.0.0/24
 * and 3 more".
 */
static const char *lack_text(const struct kernel_state *kernel, const struct lack *lack,
	const struct interface *interface, char *out, size_t size)
{
	char text[ADDR_TEXT_MAX];
	FILE *stream = fmemopen(out, size, "w");
	const char *between = "";

	out[0] = '\0';
	if (!stream)
		return out;
	if (lack->link) {
		(void)fputs("its link (down, or with another MTU)", stream);
		between = ", ";
	}
	if (lack->address4) {
		(void)fprintf(
			stream, "%saddress %s", between, addr_format(&interface->now.local4, text));
		between = ", ";
	}
	if (lack->address6) {
		(void)fprintf(
			stream, "%saddress %s", between, addr_format(&interface->now.local6, text));
		between = ", ";
	}
	if (lack->routes > 0)
		(void)fprintf(
			stream, "%sroute %s", between, prefix_format(&kernel->missing[0], text));
	if (lack->routes > 1)
		(void)fprintf(stream, " and %zu more", lack->routes - 1);
	(void)fclose(stream);
	return out;
}

/* ---- restoring ---- */

/* Returns true if the part is in place again. *first keeps the reason of the first failure. */
static bool is_restored(int r, const struct problem *why, struct problem *first)
{
	if (r >= 0 || r == -EEXIST)
		return true;
	if (first->text[0] == '\0')
		*first = *why;
	return false;
}

/* Leaves the parts in *lack that could not be restored. */
static void restore_routes(struct interfaces *interfaces, struct kernel_state *kernel,
	struct interface *interface, struct lack *lack, struct problem *problem)
{
	struct problem why;
	size_t left = 0;

	for (size_t i = 0; i < lack->routes; i++) {
		int r = interface_route_put_back(interfaces, interface, &kernel->missing[i], &why);

		if (!is_restored(r == -EEXIST ? -EBUSY : r, &why, problem))
			kernel->missing[left++] = kernel->missing[i];
	}
	lack->routes = left;
}

static void restore_parts(struct interfaces *interfaces, struct kernel_state *kernel,
	struct interface *interface, struct lack *lack, struct problem *problem)
{
	const struct request_interface *now = &interface->now;
	struct problem why;

	problem->text[0] = '\0';
	if (lack->link)
		lack->link = !is_restored(netlink_link_up(kernel->netlink, interface->index,
						  now->mtu, INTERFACE_QUEUE_LENGTH, &why),
			&why, problem);
	/* Addresses come before routes, which the kernel deletes with their address. */
	if (lack->address4)
		lack->address4 = !is_restored(netlink_address_add(kernel->netlink, interface->index,
						      &now->local4, &now->remote4, &why),
			&why, problem);
	if (lack->address6)
		lack->address6 = !is_restored(netlink_address_add(kernel->netlink, interface->index,
						      &now->local6, &now->remote6, &why),
			&why, problem);
	restore_routes(interfaces, kernel, interface, lack, problem);
}

/* ---- reports to the engine ---- */

/* FNV-1a; never 0 unless nothing is missing. */
static uint64_t fingerprint(const struct kernel_state *kernel, const struct lack *lack)
{
	uint64_t hash = 0xcbf29ce484222325u;
	uint8_t flags[] = { lack->link, lack->address4, lack->address6 };

	if (lack_count(lack) == 0)
		return 0;
	for (size_t i = 0; i < sizeof(flags); i++)
		hash = (hash ^ flags[i]) * 0x100000001b3u;
	for (size_t i = 0; i < lack->routes; i++) {
		const struct prefix *prefix = &kernel->missing[i];

		hash = (hash ^ prefix->len) * 0x100000001b3u;
		for (size_t at = 0; at < addr_size(&prefix->addr); at++)
			hash = (hash ^ prefix->addr.bytes[at]) * 0x100000001b3u;
	}
	return hash | 1;
}

static void report_lack(struct desired_state *desired, const struct kernel_state *kernel,
	struct interface *interface, const struct lack *lack, const char *why)
{
	const struct desired_lack reported = { .link = lack->link,
		.local4 = lack->address4,
		.local6 = lack->address6,
		.routes = kernel->missing,
		.route_count = lack->routes,
		.why = why };
	uint64_t now = fingerprint(kernel, lack);

	if (now == interface->keeping.reported || !desired->lacks)
		return;
	if (desired->lacks(desired, interface, &reported) == 0)
		interface->keeping.reported = now;
}

/* Returns true, and begins a pause, when parts of the interface are restored too often. */
static bool is_fight(struct interface *interface, struct mono now)
{
	struct interface_keeping *keeping = &interface->keeping;

	if (mono_since(now, keeping->since).ns >= DURATION_S(DESIRED_STATE_FIGHT_S).ns) {
		keeping->since = now;
		keeping->restored = 0;
	}
	if (keeping->restored++ < DESIRED_STATE_FIGHT_TIMES)
		return false;
	keeping->held_until = mono_add(now, DURATION_S(DESIRED_STATE_HOLD_S));
	return true;
}

/* Logs a change in what could be restored. `text` names the parts that were missing. */
static void log_restored(const struct interface *interface, size_t before, const char *text,
	const struct problem *problem)
{
	size_t missing = interface->keeping.missing;

	if (missing == 0)
		log_warning(
			"%s: interface %s had lost %s: restored; another program removed it, such as `ip route flush`, or systemd-networkd with ManageForeignRoutes=yes",
			interface->now.peer.name, interface->name, text);
	else if (missing != before)
		log_warning(
			"%s: interface %s has lost %s, and %zu of that cannot be restored: %s; netd tries again at least every %d seconds, and packets may leave outside of the tunnel",
			interface->now.peer.name, interface->name, text, missing, problem->text,
			DESIRED_STATE_RETRY_MAX_S);
}

/* Doubles the wait after each failure. */
static void delay_retry(struct interface_keeping *keeping, struct mono now)
{
	struct duration most = DURATION_S(DESIRED_STATE_RETRY_MAX_S);

	keeping->wait.ns = keeping->wait.ns == 0 ? DURATION_MS(DESIRED_STATE_POLL_MS).ns
						 : 2 * keeping->wait.ns;
	if (keeping->wait.ns > most.ns)
		keeping->wait = most;
	keeping->retry_at = mono_add(now, keeping->wait);
}

static void restore(struct desired_state *desired, struct kernel_state *kernel,
	struct interface *interface, struct lack *lack, struct mono now)
{
	struct interface_keeping *keeping = &interface->keeping;
	size_t before = keeping->missing, count = lack_count(lack);
	struct problem problem = {
		.text = "another program removes it each time that netd restores it"
	};
	char text[4 * ADDR_TEXT_MAX + 96];

	(void)lack_text(kernel, lack, interface, text, sizeof(text));
	/* A part that was missing at the last try is no new removal. */
	if (count > before && is_fight(interface, now)) {
		keeping->missing = count;
		log_warning(
			"%s: another program removes %s from interface %s each time that netd restores it; netd waits %d seconds, and packets may leave outside of the tunnel: `ip monitor link address route` shows the removals",
			interface->now.peer.name, text, interface->name, DESIRED_STATE_HOLD_S);
	} else {
		restore_parts(desired->interfaces, kernel, interface, lack, &problem);
		keeping->missing = lack_count(lack);
		if (keeping->missing > 0)
			delay_retry(keeping, now);
		log_restored(interface, before, text, &problem);
	}
	report_lack(desired, kernel, interface, lack, problem.text);
}

/* Returns a negative errno when the interface has to be checked once more. */
static int check(
	struct desired_state *desired, struct kernel_state *kernel, struct interface *interface)
{
	struct interface_keeping *keeping = &interface->keeping;
	struct mono now = mono_now();
	struct lack lack;
	int r = find_lack(desired->interfaces, kernel, interface, &lack);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	if (lack_count(&lack) == 0) {
		if (keeping->missing > 0)
			log_notice("%s: interface %s has all its addresses and routes again",
				interface->now.peer.name, interface->name);
		keeping->missing = 0;
	} else if (mono_before(now, keeping->held_until) ||
		(lack_count(&lack) <= keeping->missing && mono_before(now, keeping->retry_at)))
		report_lack(desired, kernel, interface, &lack, "another program removed it");
	else
		restore(desired, kernel, interface, &lack, now);
	if (keeping->missing == 0) {
		keeping->wait = (struct duration){ 0 };
		lack = (struct lack){ .link = false };
		report_lack(desired, kernel, interface, &lack, "");
	}
	return 0;
}

/* ---- timing ---- */

/*
 * Checks all interfaces in the namespace of `one`. Returns a negative errno when it has to be done
 * once more.
 */
static int check_namespace(struct desired_state *desired, const struct interface *one)
{
	struct interfaces *interfaces = desired->interfaces;
	struct kernel_state kernel = { .keys = NULL };
	struct problem problem;
	int r = interfaces_enter(interfaces, one, &kernel.netlink, &problem);

	if (r == -ENODEV)
		return 0;
	if (r == 0)
		r = read_kernel(&kernel, &problem);
	for (struct interface *i = interfaces->first; r == 0 && i; i = i->next) {
		if (netns_id_equal(&i->netns, &one->netns))
			r = check(desired, &kernel, i);
	}
	if (r == -ENOMEM)
		problem_set(&problem, "out of memory");
	if (r < 0 && r != -EAGAIN)
		log_warning(
			"cannot compare the kernel's interfaces, addresses and routes with those of the tunnels: %s",
			problem.text);
	free(kernel.addresses);
	free(kernel.keys);
	free(kernel.missing);
	return r;
}

static bool is_first_there(const struct interfaces *interfaces, const struct interface *interface)
{
	const struct interface *i = interfaces->first;

	while (i != interface && !netns_id_equal(&i->netns, &interface->netns))
		i = i->next;
	return i == interface;
}

static bool is_polled(const struct desired_state *desired, const struct interface *interface)
{
	return !desired->monitor || interface->netns.inode != 0 || interface->keeping.missing > 0;
}

static void check_all(struct loop_timer *timer)
{
	struct desired_state *desired = container_of(timer, struct desired_state, looking);
	struct interfaces *interfaces = desired->interfaces;
	struct mono began = mono_now();
	bool again = false;

	for (struct interface *i = interfaces->first; i; i = i->next) {
		if (is_first_there(interfaces, i) && check_namespace(desired, i) < 0)
			again = true;
	}
	interfaces_leave(interfaces);
	desired->pause = (struct duration){ 10 * mono_since(mono_now(), began).ns };
	for (struct interface *i = interfaces->first; i && !again; i = i->next)
		again = is_polled(desired, i);
	if (again)
		check_within(desired, DURATION_MS(DESIRED_STATE_POLL_MS));
}

/*
 * Brings the next check forward but never delays it, so that a host that changes all the time is
 * checked as well.
 */
static void check_within(struct desired_state *desired, struct duration wait)
{
	struct mono due;

	if (desired->pause.ns > wait.ns)
		wait = desired->pause;
	due = mono_add(mono_now(), wait);
	if (!desired->looking.running || mono_before(due, desired->looking.due))
		loop_timer_start(desired->loop, &desired->looking, due, check_all);
}

static bool is_own(const void *context, uint32_t index)
{
	static const struct netns_id here; /* all zero */

	return interfaces_have_link(context, &here, index);
}

static void monitor_end(struct desired_state *desired)
{
	loop_watch_remove(desired->loop, &desired->watch);
	netlink_monitor_close(desired->monitor);
	desired->monitor = NULL;
}

static void monitor_ready(struct loop_watch *watch, uint32_t events)
{
	struct desired_state *desired = container_of(watch, struct desired_state, watch);
	bool touched = false;
	int r = netlink_monitor_read_own(desired->monitor, is_own, desired->interfaces, &touched);

	(void)events;
	if (r < 0) {
		log_warning(
			"netd cannot follow the kernel's routes and addresses any more: %s; it compares them every second instead",
			error_text(r));
		monitor_end(desired);
		touched = true;
	}
	if (touched && desired->interfaces->first)
		check_within(desired, DURATION_MS(DESIRED_STATE_GATHER_MS));
}

int desired_state_open(struct desired_state *desired, struct loop *loop,
	struct interfaces *interfaces,
	int (*lacks)(struct desired_state *desired, const struct interface *interface,
		const struct desired_lack *lack),
	struct problem *problem)
{
	int r;

	*desired = (struct desired_state){
		.loop = loop, .interfaces = interfaces, .lacks = lacks, .watch.fd = -1
	};
	r = netlink_monitor_open(&desired->monitor, problem);
	if (r < 0) {
		desired->monitor = NULL;
		return r;
	}
	r = loop_watch_add(loop, &desired->watch, netlink_monitor_fd(desired->monitor), EPOLLIN,
		monitor_ready);
	if (r < 0) {
		problem_set(problem, "cannot watch the network: %s", error_text(r));
		monitor_end(desired);
	}
	return r;
}

void desired_state_close(struct desired_state *desired)
{
	if (!desired->loop)
		return;
	loop_timer_stop(desired->loop, &desired->looking);
	if (desired->monitor)
		monitor_end(desired);
	desired->loop = NULL;
}

void desired_state_interface_made(struct desired_state *desired, const struct interface *interface)
{
	if (desired->loop && is_polled(desired, interface))
		check_within(desired, DURATION_MS(DESIRED_STATE_POLL_MS));
}

void desired_state_report_again(struct desired_state *desired)
{
	bool any = false;

	for (struct interface *i = desired->interfaces->first; i; i = i->next) {
		i->keeping.reported = 0;
		i->keeping.retry_at = (struct mono){ 0 };
		any |= i->keeping.missing > 0;
	}
	if (any && desired->loop)
		check_within(desired, (struct duration){ 0 });
}
