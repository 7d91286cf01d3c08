/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/uplinks.h"

#include <errno.h>
#include <stdlib.h>

#include "base/container.h"
#include "base/error_text.h"
#include "base/log.h"

void uplinks_compare(struct uplinks_seen *seen, const struct netlink_mptcp_endpoint *endpoints,
	const bool *works, size_t count, bool *ret_changed)
{
	struct uplinks_seen before = *seen;

	seen->count = count;
	for (size_t i = 0; i < count; i++) {
		ret_changed[i] = false;
		seen->endpoints[i].patient_until.ns = 0;
		for (size_t j = 0; j < before.count; j++) {
			if (!addr_equal(&before.endpoints[j].addr, &endpoints[i].addr))
				continue;
			ret_changed[i] = before.endpoints[j].works != works[i];
			seen->endpoints[i].patient_until = before.endpoints[j].patient_until;
		}
		seen->endpoints[i].addr = endpoints[i].addr;
		seen->endpoints[i].works = works[i];
	}
}

bool uplinks_is_due(struct uplinks_seen *seen, const struct addr *local, struct mono now)
{
	for (size_t i = 0; i < seen->count; i++) {
		struct uplinks_endpoint *endpoint = &seen->endpoints[i];

		if (!addr_equal(&endpoint->addr, local) || !endpoint->works ||
			mono_before(now, endpoint->patient_until))
			continue;
		endpoint->patient_until = mono_add(now, DURATION_MS(UPLINKS_SILENT_MS));
		return true;
	}
	return false; /* also for one of which the last check did not know, or that is lost */
}

const struct netlink_mptcp_endpoint *uplinks_find(
	const struct netlink_mptcp_endpoint *endpoints, size_t count, const struct addr *local)
{
	for (size_t i = 0; i < count; i++) {
		/* Without SUBFLOW there would be no path from there again; SIGNAL is for all peers. */
		if ((endpoints[i].flags & (NETLINK_MPTCP_SIGNAL | NETLINK_MPTCP_SUBFLOW)) ==
				NETLINK_MPTCP_SUBFLOW &&
			addr_equal(&endpoints[i].addr, local))
			return &endpoints[i];
	}
	return NULL;
}

/* The address has to be on a link that carries; the one that it is bound to, if it is. */
static bool endpoint_works(struct netlink *netlink, const struct netlink_mptcp_endpoint *endpoint,
	const struct netlink_address *addresses, size_t count)
{
	bool carries = false;

	for (size_t i = 0; i < count && !carries; i++) {
		if (addr_equal(&addresses[i].prefix.addr, &endpoint->addr) &&
			(endpoint->link == 0 || endpoint->link == addresses[i].index) &&
			netlink_link_carries(netlink, addresses[i].index, &carries, NULL) < 0)
			carries = false; /* the link has just gone */
	}
	return carries;
}

static void renew(
	struct uplinks *uplinks, const struct netlink_mptcp_endpoint *endpoint, const char *why)
{
	char text[ADDR_TEXT_MAX];
	struct problem problem;
	int r;

	addr_format(&endpoint->addr, text);
	log_notice("the uplink of the MPTCP endpoint %s %s", text, why);
	r = netlink_mptcp_renew(uplinks->mptcp, endpoint, &problem);
	if (r < 0 && r != -ENOENT) /* ENOENT: another program was faster */
		log_warning("%s: %s; see `ip mptcp endpoint`", text, problem.text);
}

static int look(struct uplinks *uplinks, struct problem *problem)
{
	struct netlink_mptcp_endpoint endpoints[NETLINK_MPTCP_MAX];
	bool works[NETLINK_MPTCP_MAX], changed[NETLINK_MPTCP_MAX];
	struct netlink_address *addresses = NULL;
	size_t count = 0, address_count = 0;
	int r = netlink_mptcp_endpoints(uplinks->mptcp, endpoints, &count, problem);

	if (r == 0 && count > 0)
		r = netlink_addresses(uplinks->netlink, &addresses, &address_count, problem);
	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++)
		works[i] = endpoint_works(
			uplinks->netlink, &endpoints[i], addresses, address_count);
	free(addresses);
	uplinks_compare(&uplinks->seen, endpoints, works, count, changed);
	for (size_t i = 0; i < count; i++) {
		if (!changed[i])
			continue;
		renew(uplinks, &endpoints[i],
			works[i] ? "is back: connections get their paths from there again"
				 : "is lost: connections go on over their other paths");
		uplinks->seen.endpoints[i].patient_until = mono_add(
			mono_now(), DURATION_MS(UPLINKS_OPENING_MS));
	}
	return 0;
}

void uplinks_silent(struct uplinks *uplinks, const struct addr *local)
{
	struct netlink_mptcp_endpoint endpoints[NETLINK_MPTCP_MAX];
	const struct netlink_mptcp_endpoint *found;
	struct problem problem;
	size_t count = 0;

	/* Asked first: an engine may ask as often as it likes. If the kernel cannot tell, it finds out later. */
	if (!uplinks->mptcp || !uplinks_is_due(&uplinks->seen, local, mono_now()) ||
		netlink_mptcp_endpoints(uplinks->mptcp, endpoints, &count, &problem) < 0)
		return;
	found = uplinks_find(endpoints, count, local);
	if (found)
		renew(uplinks, found, "is silent: connections go on over their other paths");
}

static void gathered(struct loop_timer *timer)
{
	struct uplinks *uplinks = container_of(timer, struct uplinks, gathering);
	struct mono began = mono_now(), ended;
	struct problem problem;
	bool failed = look(uplinks, &problem) < 0;

	if (failed && !uplinks->logged)
		log_warning("%s; lost uplinks are noticed late", problem.text);
	uplinks->logged = failed;
	ended = mono_now();
	uplinks->not_before = mono_add(
		ended, (struct duration){ UPLINKS_PAUSE_TIMES * mono_since(ended, began).ns });
}

static bool is_own(const void *context, uint32_t index)
{
	return interfaces_is_own(context, index);
}

static void monitor_ready(struct loop_watch *watch, uint32_t events)
{
	struct uplinks *uplinks = container_of(watch, struct uplinks, watch);
	struct mono due = mono_add(mono_now(), DURATION_MS(UPLINKS_GATHER_MS));
	bool changed = false;
	int r = netlink_monitor_read(uplinks->monitor, is_own, uplinks->interfaces, &changed);

	(void)events;
	if (r < 0) {
		log_warning("netd cannot follow the uplinks of MPTCP any more: %s", error_text(r));
		uplinks_close(uplinks);
		return;
	}
	/* Later changes do not delay the check. */
	if (changed && !uplinks->gathering.running)
		loop_timer_start(uplinks->loop, &uplinks->gathering,
			mono_before(due, uplinks->not_before) ? uplinks->not_before : due,
			gathered);
}

int uplinks_open(struct uplinks *uplinks, struct loop *loop, struct netlink *netlink,
	const struct interfaces *interfaces, struct problem *problem)
{
	int r;

	*uplinks = (struct uplinks){
		.loop = loop, .netlink = netlink, .interfaces = interfaces, .watch.fd = -1
	};
	r = netlink_mptcp_open(&uplinks->mptcp, problem);
	if (r == 0)
		r = netlink_monitor_open(&uplinks->monitor, problem);
	if (r == 0)
		r = loop_watch_add(loop, &uplinks->watch, netlink_monitor_fd(uplinks->monitor),
			EPOLLIN, monitor_ready);
	if (r == 0)
		r = look(uplinks, problem);
	if (r < 0) {
		problem_prepend(problem, "cannot watch the uplinks of MPTCP");
		uplinks_close(uplinks);
	}
	return r;
}

void uplinks_close(struct uplinks *uplinks)
{
	if (uplinks->monitor) {
		loop_timer_stop(uplinks->loop, &uplinks->gathering);
		loop_watch_remove(uplinks->loop, &uplinks->watch);
		netlink_monitor_close(uplinks->monitor);
	}
	netlink_mptcp_close(uplinks->mptcp);
	uplinks->monitor = NULL;
	uplinks->mptcp = NULL;
}
