/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_TESTS_LAB_PLAN_LAB_H
#define CULVERT_TESTS_LAB_PLAN_LAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/problem.h"
#include "config/settings.h"

/*
 * A test network as a file describes it: hosts with interfaces, the links and LANs that they are
 * on, and tunnels between hosts. It is loaded, checked as a whole, and printed, as a plan for
 * scripts/lab or as a drawing. This code makes no network. docs/lab.md lists the keys. One thread.
 */

enum {
	LAB_NAME_MAX = 20,
	LAB_OPTION_MAX = 31,  /* of one value of a link, as in "100mbit" */
	LAB_SPEC_MAX = 199,   /* of all values of one direction of a link */
	LAB_COUNT_MAX = 1024, /* hosts, links, and so on, each */
	LAB_ADDRESSES_MAX = 16,
	LAB_GATEWAYS_MAX = 2, /* one a family */
	LAB_TEXT_MAX = 65536,
};

struct lab_interface {
	char name[SETTINGS_IFNAME_MAX + 1];
	struct identity network; /* the link or LAN that it is on */
	struct prefix_list addresses;
	struct addr gateways[LAB_GATEWAYS_MAX];
	size_t gateway_count;
	bool up;
};

struct lab_route {
	struct prefix to;
	struct addr via;
};

struct lab_host {
	struct identity name;
	bool forward;
	struct lab_interface *interfaces;
	size_t interface_count;
	struct lab_route *routes;
	size_t route_count;
};

/* The link emulator checks these values. "": not given. */
struct lab_link {
	struct identity name;
	char rate[LAB_OPTION_MAX + 1], delay[LAB_OPTION_MAX + 1], jitter[LAB_OPTION_MAX + 1];
	char queue[LAB_OPTION_MAX + 1], loss[LAB_OPTION_MAX + 1], seed[LAB_OPTION_MAX + 1];
	char forward[LAB_SPEC_MAX + 1], backward[LAB_SPEC_MAX + 1];
	uint32_t mtu;
};

struct lab_lan {
	struct identity name;
	uint32_t mtu;
};

struct lab_server {
	struct identity host;
	struct prefix_list announce;
	struct prefix pool4, pool6;
	char *settings;  /* lines for its configuration; NULL: none */
	bool is_implied; /* the file has no entry, but a tunnel names it */
};

struct lab_tunnel {
	struct identity name;           /* of the client's certificate */
	struct identity client, server; /* hosts */
	struct endpoint remotes[SETTINGS_REMOTES_MAX];
	size_t remote_count;
	struct prefix_list announce;
	char *settings;
};

struct lab {
	char name[LAB_NAME_MAX + 1];
	struct lab_host *hosts;
	size_t host_count;
	struct lab_link *links;
	size_t link_count;
	struct lab_lan *lans;
	size_t lan_count;
	struct lab_server *servers; /* every host that is a server */
	size_t server_count;
	struct lab_tunnel *tunnels;
	size_t tunnel_count;
};

/*
 * Loads the text, sets missing values to their defaults, and checks everything. `path` is for
 * messages, and names a lab that has no name. On failure *problem says why, beginning with the
 * path. -EINVAL, -EFBIG, -ENOMEM.
 */
int lab_load(const char *text, size_t len, const char *path, struct lab **ret_lab,
	struct problem *problem);
void lab_free(struct lab *lab); /* accepts NULL */

/* Prints the table that docs/lab.md has. -EIO. */
int lab_describe(FILE *out);

/*
 * Checks a lab, for lab_load(). -EINVAL: *problem begins with the key, as in "hosts.[1].name
 * (gw-a): ...".
 */
int lab_check(const struct lab *lab, struct problem *problem);

/* NULL: there is none of that name. */
const struct lab_host *lab_find_host(const struct lab *lab, const struct identity *name);
const struct lab_link *lab_find_link(const struct lab *lab, const struct identity *name);
const struct lab_lan *lab_find_lan(const struct lab *lab, const struct identity *name);

/* The n-th interface on that link or LAN, from 0, in the file's order. NULL: there are fewer. */
const struct lab_interface *lab_interface_on(const struct lab *lab, const struct identity *network,
	size_t at, const struct lab_host **ret_host);

bool lab_has_address(const struct lab_interface *interface, const struct addr *addr);
/*
 * True if one of the interface's networks contains the address and it is not the interface's own.
 */
bool lab_is_neighbour(const struct lab_interface *interface, const struct addr *addr);
/* The host's first interface for which the address is a neighbour, or NULL. */
const struct lab_interface *lab_interface_towards(
	const struct lab_host *host, const struct addr *addr);

/* ---- links ---- */

enum { LAB_LINK_ARGUMENTS_MAX = 16 };

/*
 * Sets the link emulator's options as on a command line and returns their number. They point into
 * `link`. 0: a plain cable.
 */
size_t lab_link_arguments(
	const struct lab_link *link, const char *ret_arguments[static LAB_LINK_ARGUMENTS_MAX]);

/* ---- configurations ---- */

/*
 * Makes the configuration of a server or a client. The lines of `settings` are in it, and their
 * keys are omitted elsewhere. A client's lacks certificate, key and ca, which culvert-pki's profile
 * has. All paths are below `state`. The caller frees *ret_text. -ENOMEM.
 */
int lab_config_server(
	const struct lab *lab, const struct lab_server *server, const char *state, char **ret_text);
int lab_config_client(const struct lab_tunnel *tunnel, const char *state, char **ret_text);

/*
 * Checks that the programs would accept the configurations. -EINVAL: *problem begins with the key;
 * -ENOMEM.
 */
int lab_config_check(const struct lab *lab, struct problem *problem);

/* ---- output ---- */

/*
 * Prints the plan: a line for each thing to make, with TABs between its fields, in the order of
 * making. Names have only A-Z a-z 0-9 . _ -, and every other field was parsed, except a line of a
 * configuration. -ENOMEM.
 */
int lab_print_plan(const struct lab *lab, const char *state, FILE *out);

void lab_print_diagram(const struct lab *lab, FILE *out);

#endif
