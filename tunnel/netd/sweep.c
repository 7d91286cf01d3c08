/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/sweep.h"

#include "base/array.h"
#include "base/log.h"
#include "netd/dns.h"
#include "netd/full_tunnel.h"
#include "netd/held_routes.h"
#include "netd/kill_switch.h"
#include "netd/outer_path.h"

typedef int sweep_fn(const char *name, FILE *out, unsigned *removed, struct problem *problem);

#define FULL_TUNNEL_TEXT "policy rules and routes that a killed full tunnel has left"
#define OUTER_PATH_TEXT \
	"policy rules for outer connections (a running Culvert that needs them restores them)"
#define HELD_ROUTES_TEXT \
	"unreachable routes that a killed Culvert has left for a peer that was not connected"
#define DNS_TEXT "resolvers that a killed tunnel has left"

/*
 * Full tunnel's leftovers do not show whose they were, so all that no living program owns are
 * removed.
 */
static int sweep_full_tunnel(
	const char *name, FILE *out, unsigned *removed, struct problem *problem)
{
	struct netlink *netlink;
	int r = netlink_open(&netlink, problem);

	(void)name;
	if (r < 0)
		return r;
	r = full_tunnel_sweep(netlink, problem);
	netlink_close(netlink);
	if (r > 0) {
		fprintf(out, "removed " FULL_TUNNEL_TEXT "\n");
		*removed += (unsigned)r;
	}
	return r < 0 ? r : 0;
}

static int sweep_outer_path(const char *name, FILE *out, unsigned *removed, struct problem *problem)
{
	struct netlink *netlink;
	int r = netlink_open(&netlink, problem);

	(void)name;
	if (r < 0)
		return r;
	r = outer_path_sweep(netlink, problem);
	netlink_close(netlink);
	if (r > 0) {
		fprintf(out, "removed " OUTER_PATH_TEXT "\n");
		*removed += 1;
	}
	return r < 0 ? r : 0;
}

static int sweep_held_routes(
	const char *name, FILE *out, unsigned *removed, struct problem *problem)
{
	struct netlink *netlink;
	int r = netlink_open(&netlink, problem);

	(void)name;
	if (r < 0)
		return r;
	r = held_routes_sweep(netlink, problem);
	netlink_close(netlink);
	if (r > 0) {
		fprintf(out, "removed " HELD_ROUTES_TEXT "\n");
		*removed += (unsigned)r;
	}
	return r < 0 ? r : 0;
}

static int sweep_dns(const char *name, FILE *out, unsigned *removed, struct problem *problem)
{
	int r = dns_sweep(problem);

	(void)name;
	if (r > 0) {
		fprintf(out, "removed " DNS_TEXT "\n");
		*removed += (unsigned)r;
	}
	return r < 0 ? r : 0;
}

static sweep_fn *const sweepers[] = {
	sweep_full_tunnel, sweep_outer_path, sweep_held_routes, sweep_dns,
	kill_switch_sweep, /* last: until then no packet leaves */
};

static void log_swept(int swept, const char *text, const struct problem *problem)
{
	if (swept < 0)
		log_warning("cannot remove %s: %s; remove the cause, then run culvert sweep", text,
			problem->text);
	else if (swept > 0)
		log_notice("removed %s", text);
}

void sweep_at_start(struct netlink *netlink)
{
	struct problem problem = { .text = "" };

	log_swept(full_tunnel_sweep(netlink, &problem), FULL_TUNNEL_TEXT, &problem);
	log_swept(held_routes_sweep(netlink, &problem), HELD_ROUTES_TEXT, &problem);
	log_swept(dns_sweep(&problem), DNS_TEXT, &problem);
}

int sweep(const char *name, FILE *out, unsigned *ret_removed, struct problem *problem)
{
	struct problem other;
	unsigned removed = 0;
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(sweepers); i++) {
		int swept = sweepers[i](name, out, &removed, r == 0 ? problem : &other);

		r = r == 0 ? swept : r;
	}
	*ret_removed = removed;
	return r;
}
