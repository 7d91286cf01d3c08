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
 * Takes a module's result: how many things it has removed, or a negative errno, which it returns.
 */
static int print_swept(int swept, const char *text, FILE *out, unsigned *removed)
{
	if (swept > 0) {
		fprintf(out, "removed %s\n", text);
		*removed += (unsigned)swept;
	}
	return swept < 0 ? swept : 0;
}

static int sweep_kernel(int (*module)(struct netlink *netlink, struct problem *problem),
	const char *text, FILE *out, unsigned *removed, struct problem *problem)
{
	struct netlink *netlink;
	int r = netlink_open(&netlink, problem);

	if (r < 0)
		return r;
	r = print_swept(module(netlink, problem), text, out, removed);
	netlink_close(netlink);
	return r;
}

/*
 * Full tunnel's leftovers do not show whose they were, so all that no living program owns are
 * removed.
 */
static int sweep_full_tunnel(
	const char *name, FILE *out, unsigned *removed, struct problem *problem)
{
	(void)name;
	return sweep_kernel(full_tunnel_sweep, FULL_TUNNEL_TEXT, out, removed, problem);
}

static int sweep_outer_path(const char *name, FILE *out, unsigned *removed, struct problem *problem)
{
	(void)name;
	return sweep_kernel(outer_path_sweep, OUTER_PATH_TEXT, out, removed, problem);
}

static int sweep_held_routes(
	const char *name, FILE *out, unsigned *removed, struct problem *problem)
{
	(void)name;
	return sweep_kernel(held_routes_sweep, HELD_ROUTES_TEXT, out, removed, problem);
}

static int sweep_dns(const char *name, FILE *out, unsigned *removed, struct problem *problem)
{
	(void)name;
	return print_swept(dns_sweep(problem), DNS_TEXT, out, removed);
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
