/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CLIENT_DOCTOR_H
#define CULVERT_CLIENT_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/finding.h"
#include "config/settings.h"

/*
 * `culvert doctor`: what is in the way of a tunnel, a line a check, and the command that mends it.
 * The engine says what it knows (engine/examine); what this host does with packets is read here,
 * from /proc/sys, netlink and nft, in the network namespace that the command runs in. Nothing
 * needs root, but what could not be seen is said. One thread, from the command line.
 */

enum {
	DOCTOR_TUNNELS_MAX = 64, /* more than these are not examined, here and below */
	DOCTOR_ROUTES_MAX = 512,
	DOCTOR_OUTERS_MAX = 16,
	DOCTOR_PAIRS_MAX = 32,
};

struct doctor_route {
	size_t tunnel; /* which of the tunnels it leads to */
	struct prefix prefix;
};

struct doctor_facts {                                 /* what the engine tells of itself */
	char congestion[SETTINGS_CONGESTION_MAX + 1]; /* "": the kernel's */
	struct prefix announced[SETTINGS_PREFIX_MAX];
	size_t announced_count;
	uint32_t mark; /* of outer connections; 0: they have none */
	char tunnels[DOCTOR_TUNNELS_MAX][SETTINGS_IFNAME_MAX + 1];
	size_t tunnel_count;
	struct doctor_route routes[DOCTOR_ROUTES_MAX];
	size_t route_count;
	struct addr outers[DOCTOR_OUTERS_MAX]; /* of peers that are connected */
	size_t outer_count;
	struct endpoint listens[SETTINGS_LISTEN_MAX]; /* of a server */
	size_t listen_count;
	bool between4, between6; /* peers reach each other through this host */
	struct {
		char first[SETTINGS_IFNAME_MAX + 1], second[SETTINGS_IFNAME_MAX + 1];
	} pairs[DOCTOR_PAIRS_MAX]; /* the tunnels of two such */
	size_t pair_count;
};

/* doctor_host.c: adds what this host's own state says. */
void doctor_examine_host(const struct doctor_facts *facts, struct findings *findings);

/*
 * Prints everything. `answer` is the engine's, NUL-terminated, and is taken apart; NULL: there is
 * none, and only what needs no tunnel is examined. Returns an enum exit_code: OK when there is no
 * problem, else FAILURE.
 */
int doctor_run(char *answer, bool json, FILE *out);

#endif
