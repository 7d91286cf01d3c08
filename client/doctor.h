/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CLIENT_DOCTOR_H
#define CULVERT_CLIENT_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/finding.h"
#include "base/nameservers.h"
#include "config/settings.h"

struct netlink;

/*
 * `culvert doctor`: examines what prevents a tunnel, a line a check, with the command that fixes
 * it. The engine reports its own findings (engine/examine). This module reads the host's packet
 * handling from /proc/sys, netlink and nft, in the network namespace of the command. It needs no
 * root, but reports what it could not see. One thread, from the command line.
 */

enum {
	DOCTOR_TUNNELS_MAX = 64, /* further ones are not examined, here and below */
	DOCTOR_ROUTES_MAX = 512,
	DOCTOR_OUTERS_MAX = 16,
	DOCTOR_PAIRS_MAX = 32,
};

struct doctor_route {
	size_t tunnel; /* index of its tunnel */
	struct prefix prefix;
};

struct doctor_resolver {
	size_t tunnel; /* index of its tunnel */
	struct addr addr;
};

/* The engine's report about itself. */
struct doctor_facts {
	char congestion[SETTINGS_CONGESTION_MAX + 1]; /* as configured; "": the kernel's default */
	struct prefix announced[SETTINGS_PREFIX_MAX];
	size_t announced_count;
	uint32_t mark; /* of outer connections; 0: none */
	char tunnels[DOCTOR_TUNNELS_MAX][SETTINGS_IFNAME_MAX + 1];
	size_t tunnel_count;
	struct doctor_route routes[DOCTOR_ROUTES_MAX];
	size_t route_count;
	struct addr outers[DOCTOR_OUTERS_MAX]; /* of connected peers */
	size_t outer_count;
	struct endpoint listens[SETTINGS_LISTEN_MAX]; /* of a server */
	size_t listen_count;
	bool between4, between6; /* peers reach each other through this host */
	struct {
		char first[SETTINGS_IFNAME_MAX + 1], second[SETTINGS_IFNAME_MAX + 1];
	} pairs[DOCTOR_PAIRS_MAX]; /* the tunnels of two such peers */
	size_t pair_count;
	struct doctor_resolver resolvers[NAMESERVERS_MAX]; /* of the server, in use here */
	size_t resolver_count;
	bool full_tunnel; /* it is in force */
	bool forwarding;  /* `forwarding` is set */
};

/* Adds findings about this host's own state; in doctor_host.c. */
void doctor_examine_host(const struct doctor_facts *facts, struct findings *findings);
/* Adds findings about where this host's packets go; in doctor_ways.c. Waits for resolvers. */
void doctor_examine_ways(
	struct netlink *netlink, const struct doctor_facts *facts, struct findings *findings);

/*
 * Prints all findings. `answer` is the engine's, NUL-terminated; the call modifies it. NULL: no
 * engine answered, and only checks that need no tunnel are made. Returns an enum exit_code: OK
 * without a problem, else FAILURE.
 */
int doctor_run(char *answer, bool json, FILE *out);

#endif
