/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/inheritance.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error_text.h"
#include "base/fingerprint.h"
#include "base/log.h"
#include "netd/handover.h"
#include "netd/interface_life.h"
#include "netd/interface_routes.h"
#include "netd/netd_internal.h"
#include "netd/policy.h"
#include "netd/successor.h"
#include "system/netns.h"
#include "system/supervisor.h"
#include "system/tun.h"

static const struct netns_id here; /* all zero */

void inheritance_init(struct inheritance *inheritance, pid_t predecessor)
{
	*inheritance = (struct inheritance){ .from = predecessor, .predecessor = -1 };
}

/* ---- the bequest ---- */

/* Another name is another instance, whose tables and files have other names. */
static int check_whose(
	const struct bequest *bequest, const struct settings *settings, struct problem *problem)
{
	if (strcmp(bequest->name, settings->name) == 0 && bequest->role == (uint8_t)settings->role)
		return 0;
	problem_set(problem, "it is of %s, and this is %s", bequest->name, settings->name);
	return -EINVAL;
}

/* Takes it out of a parcel, and closes that. */
static int unpack(struct netd *netd, int parcel, struct problem *problem)
{
	struct bequest *bequest = NULL;
	int r = handover_unpack(parcel, &bequest, problem);

	close(parcel);
	if (r == 0)
		r = check_whose(bequest, netd->program->settings, problem);
	if (r < 0) {
		if (bequest)
			bequest_close_fds(bequest);
		bequest_free(bequest);
		return r;
	}
	netd->inheritance.bequest = bequest;
	netd->inheritance.taken = true;
	return 0;
}

static void give_files(struct netd *netd)
{
	struct bequest *bequest = netd->inheritance.bequest;

	for (size_t i = 0; i < bequest->listener_count; i++)
		engine_files_inherit_listener(&netd->engine_files, bequest->listeners[i]);
	bequest->listener_count = 0;
	if (bequest->fds[BEQUEST_CONTROL] >= 0)
		engine_files_inherit_control(&netd->engine_files, bequest->fds[BEQUEST_CONTROL]);
	bequest->fds[BEQUEST_CONTROL] = -1;
	memcpy(netd->instance, bequest->instance, sizeof(netd->instance));
}

static int from_supervisor(struct netd *netd, struct problem *problem)
{
	int parcel;

	if (netd->has_guest || supervisor_take(INHERITANCE_NAME, &parcel) < 0)
		return 0;
	if (unpack(netd, parcel, problem) == 0)
		return 0;
	log_warning("what the run before has left is not taken over: %s; sessions begin again",
		problem->text);
	(void)supervisor_drop(&netd->supervisor, INHERITANCE_NAME);
	return 0;
}

static int from_process(struct netd *netd, struct problem *problem)
{
	struct inheritance *inheritance = &netd->inheritance;
	int parcel;
	int r = successor_ask(netd->program->settings, inheritance->from, &inheritance->predecessor,
		&parcel, problem);

	return r < 0 ? r : unpack(netd, parcel, problem);
}

int inheritance_receive(struct netd *netd, struct problem *problem)
{
	int r = netd->inheritance.from > 0 ? from_process(netd, problem)
					   : from_supervisor(netd, problem);

	if (r < 0)
		problem_prepend(problem, "cannot succeed process %d", (int)netd->inheritance.from);
	if (netd->inheritance.bequest)
		give_files(netd);
	return r;
}

/* ---- interfaces ---- */

/* Checks that these descriptors are the queues of this very link. */
static int verify(
	struct interfaces *interfaces, const struct interface *interface, struct problem *problem)
{
	char first[REQUEST_IFNAME_MAX + 1], name[REQUEST_IFNAME_MAX + 1];
	struct netlink *netlink;
	uint32_t index, group;
	int r = 0;

	for (size_t i = 0; i < interface->now.queues && r == 0; i++) {
		r = tun_name(interface->queues[i], i == 0 ? first : name);
		if (r == 0 && i > 0 && strcmp(first, name) != 0)
			r = -EINVAL;
	}
	if (r < 0) {
		problem_set(problem, "%s", error_text(r));
		return r;
	}
	r = interfaces_enter(interfaces, interface, &netlink, problem);
	if (r < 0)
		return r;
	r = netlink_link_index(netlink, first, &index);
	if (r == 0)
		r = netlink_link_group(netlink, index, &group, NULL);
	if (r == 0 && (index != interface->index || group != INTERFACES_GROUP))
		r = -ENODEV;
	if (r < 0)
		problem_set(problem, "%s", error_text(r));
	return r;
}

static struct interface *make_entry(struct bequest_interface *from)
{
	struct interface *interface = calloc(1, sizeof(*interface));

	if (!interface)
		return NULL;
	*interface = (struct interface){ .now = from->now,
		.netns = from->netns,
		.index = from->index,
		.routes = from->routes.items,
		.route_count = from->routes.count,
		.route_capacity = from->routes.count,
		.metric = from->metric,
		.idle = from->idle,
		.held = from->held,
		.off4 = from->off4,
		.off6 = from->off6 };
	memcpy(interface->name, from->name, sizeof(interface->name));
	memcpy(interface->queues, from->queues, sizeof(interface->queues));
	from->routes = from->held = (struct prefix_list){ .items = NULL };
	from->now.queues = 0; /* the entry has the descriptors */
	return interface;
}

static void take_interface(struct interfaces *interfaces, struct bequest_interface *from)
{
	struct interface *interface = make_entry(from);
	struct problem problem;

	if (!interface)
		return; /* its descriptors are closed with the bequest */
	if (verify(interfaces, interface, &problem) == 0) {
		interfaces_add(interfaces, interface);
		interface->number = from->number;
	} else {
		log_warning("%s: interface %s of the run before is gone: %s",
			interface->now.peer.name, interface->name, problem.text);
		interfaces_release(interfaces, interface);
	}
	interfaces_leave(interfaces);
}

/* The registry puts a new one first, so the last comes first, and the order stays. */
static void take_interfaces(struct netd *netd)
{
	struct bequest *bequest = netd->inheritance.bequest;

	for (size_t i = bequest->interface_count; i > 0; i--)
		take_interface(&netd->interfaces, &bequest->interfaces[i - 1]);
	netd->interfaces.numbered = bequest->numbered;
}

/* ---- the firewall ---- */

/* Returns NULL where there is none, or the descriptor is no such socket. */
static struct netlink_nft *adopt_nft(struct bequest *bequest, enum bequest_fd which)
{
	struct netlink_nft *nft = NULL;
	int fd = bequest->fds[which], r;

	if (fd < 0)
		return NULL;
	bequest->fds[which] = -1;
	r = netlink_nft_adopt(fd, &nft);
	if (r == 0)
		return nft;
	log_warning("a firewall table of the run before ends: %s", error_text(r));
	close(fd);
	return NULL;
}

void inheritance_take_firewall(struct netd *netd)
{
	struct bequest *bequest = netd->inheritance.bequest;
	struct netlink_nft *nft;
	uint32_t tunnel;

	if (!bequest)
		return;
	tunnel = bequest->kill_switch_index;
	netd->nat.nft = adopt_nft(bequest, BEQUEST_NAT);
	netd->answer_inbound.nft = adopt_nft(bequest, BEQUEST_INBOUND);
	netd->answer_inbound.switched = bequest->inbound_switched;
	nft = adopt_nft(bequest, BEQUEST_KILL_SWITCH);
	if (nft)
		kill_switch_inherit(&netd->kill_switch, nft, bequest->name,
			interfaces_have_link(&netd->interfaces, &here, tunnel) ? tunnel : 0);
}

/* ---- all ---- */

static int take_fd(struct bequest *bequest, enum bequest_fd which)
{
	int fd = bequest->fds[which];

	bequest->fds[which] = -1;
	return fd;
}

static uint64_t fingerprint_of_text_now(const struct netd_program *program)
{
	return fingerprint_add(
		FINGERPRINT_OF_NOTHING, program->configuration->text, program->configuration->len);
}

int inheritance_take(struct netd *netd, struct problem *problem)
{
	struct bequest *bequest = netd->inheritance.bequest;

	if (!bequest)
		return 0;
	take_interfaces(netd);
	dns_inherit(&netd->dns, &bequest->dns, take_fd(bequest, BEQUEST_RESOLV_CONF));
	netd->outer_path.in_force = bequest->outer_in_force;
	netd->outer_path.held = bequest->outer_held;
	/* Rules for sources that are not announced any more would stay: all are made again. */
	if (bequest->text != fingerprint_of_text_now(netd->program) &&
		outer_path_sweep(netd->netlink, problem) < 0)
		log_warning("%s", problem->text);
	return full_tunnel_inherit(&netd->full_tunnel, &bequest->full_tunnel,
		take_fd(bequest, BEQUEST_CLAIM), adopt_nft(bequest, BEQUEST_GUARD), problem);
}

/* ---- what belongs ---- */

/* True: the name is this one, or of this template ("cv%d"). */
static bool name_fits(const char *name, const char *wanted)
{
	const char *percent = strchr(wanted, '%');
	size_t len = percent ? (size_t)(percent - wanted) : 0;

	if (!percent)
		return strcmp(name, wanted) == 0;
	return strncmp(name, wanted, len) == 0 &&
		strspn(&name[len], "0123456789") == strlen(&name[len]);
}

static bool lives_in(const struct netd *netd, const struct interface *interface, const char *where)
{
	struct netns_id id = here;
	struct problem ignored;
	int fd, r;

	if (where[0] == '\0')
		return interface->netns.inode == 0;
	if (netns_open(where, &fd, &ignored) < 0)
		return false;
	r = netns_identify(fd, &id);
	close(fd);
	if (r == 0 && netns_id_equal(&id, &netd->interfaces.home))
		id = here;
	return r == 0 && netns_id_equal(&id, &interface->netns);
}

static bool wants_full_tunnel(const struct settings *settings)
{
	return settings->full_tunnel && !settings_is_elsewhere(settings);
}

/* Returns why the interface has to go, or NULL. */
static const char *why_not(const struct netd *netd, const struct interface *interface)
{
	const struct settings *settings = netd->program->settings;
	struct interface_target target;
	struct problem denial;

	if (wants_full_tunnel(settings) != netd->inheritance.bequest->full_tunnel.in_force)
		return "full_tunnel has changed";
	if (policy_interface(settings, &netd->interfaces, &interface->now, &denial) < 0)
		return "the configuration does not allow it any more";
	target = policy_interface_target(settings, &interface->now.peer);
	if (!name_fits(interface->name, target.name))
		return "it is to have another name";
	if (!lives_in(netd, interface, target.netns))
		return "it is to be in another network namespace";
	if (interface->metric != target.metric)
		return "its routes are to have another metric";
	return NULL;
}

static void judge_routes(struct netd *netd, struct interface *interface)
{
	const struct settings *settings = netd->program->settings;
	struct problem problem;
	char text[ADDR_TEXT_MAX];

	for (size_t i = interface->route_count; i > 0; i--) {
		const struct prefix prefix = interface->routes[i - 1];

		if (policy_route(settings, interface, &prefix) == ROUTE_ACCEPTED)
			continue;
		log_notice(
			"%s: the route to %s on %s is removed: the configuration does not allow it any more",
			interface->now.peer.name, prefix_format(&prefix, text), interface->name);
		if (interface_route_delete(&netd->interfaces, interface, &prefix, &problem) < 0)
			log_warning("%s: %s", interface->now.peer.name, problem.text);
	}
}

static void judge_interfaces(struct netd *netd)
{
	struct interfaces *interfaces = &netd->interfaces;

	for (struct interface *i = interfaces->first, *next; i; i = next) {
		const char *why = why_not(netd, i);

		next = i->next;
		if (why) {
			interfaces_remove(interfaces, i, why);
			continue;
		}
		judge_routes(netd, i);
		outer_path_follow(&netd->outer_path, i, true);
	}
	interfaces_leave(interfaces);
}

static void judge_dns(struct netd *netd)
{
	struct dns *dns = &netd->dns;
	const struct request_dns wanted = { .nameservers = dns->nameservers };
	struct problem ignored;

	if (dns->way == DNS_NONE && !dns->waiting)
		return;
	if (!interfaces_have_link(&netd->interfaces, &here, dns->index) ||
		policy_dns(netd->program->settings, &wanted, &ignored) < 0)
		dns_lift(dns);
}

/* The interfaces go before what keeps packets from leaving past them. */
void inheritance_judge(struct netd *netd)
{
	const struct bequest *bequest = netd->inheritance.bequest;

	if (!bequest)
		return;
	judge_interfaces(netd);
	judge_dns(netd);
	if (!wants_full_tunnel(netd->program->settings))
		full_tunnel_lift(&netd->full_tunnel);
	if (!netd->full_tunnel.in_force)
		netd->interfaces.table = 0;
	log_notice("%zu of %zu interfaces of the run before are taken over", netd->interfaces.count,
		bequest->interface_count);
}

/* ---- the end ---- */

int inheritance_finish(struct netd *netd, struct problem *problem)
{
	struct inheritance *inheritance = &netd->inheritance;
	const struct bequest *bequest = inheritance->bequest;
	int r;

	if (!bequest)
		return 0;
	r = full_tunnel_adapt(&netd->full_tunnel, &bequest->full_tunnel,
		interfaces_have_link(&netd->interfaces, &here, bequest->full_tunnel.guard_index),
		problem);
	if (r < 0)
		return r;
	if (inheritance->from > 0)
		successor_took(inheritance->predecessor);
	else
		(void)supervisor_drop(&netd->supervisor, INHERITANCE_NAME);
	inheritance_free(inheritance);
	return 0;
}

void inheritance_fail(struct netd *netd)
{
	if (!netd->inheritance.taken)
		return;
	if (netd->inheritance.predecessor >= 0) {
		netd->succession.done = true;
		return;
	}
	if (!full_tunnel_holds(&netd->full_tunnel))
		return;
	log_warning(
		"the policy rules of the full tunnel of the run before stay in force, and packets are refused: start the program again, or remove them: culvert sweep");
	full_tunnel_leave(&netd->full_tunnel);
}

void inheritance_free(struct inheritance *inheritance)
{
	if (inheritance->bequest)
		bequest_close_fds(inheritance->bequest);
	bequest_free(inheritance->bequest);
	inheritance->bequest = NULL;
	if (inheritance->predecessor >= 0)
		close(inheritance->predecessor);
	inheritance->predecessor = -1;
}
