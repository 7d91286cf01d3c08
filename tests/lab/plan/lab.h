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
 * A test network as a file describes it: hosts with interfaces, links and LANs that these are on, and tunnels between
 * hosts. It is loaded, judged as a whole, and printed: as a plan for scripts/lab, or as a drawing. Nothing is made here.
 * docs/lab.md lists the keys. One thread.
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
	struct identity network; /* the link or the LAN that it is on */
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

/* The values are the link emulator's and judged by it. "": not given. */
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
	bool is_implied; /* the file has no entry: a tunnel names it */
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
	struct lab_server *servers; /* every host that is one */
	size_t server_count;
	struct lab_tunnel *tunnels;
	size_t tunnel_count;
};

/*
 * Loads the text, gives what is not said its default, and checks everything. `path` is for messages, and names a lab that
 * has no name. -EINVAL, -EFBIG with words that begin with the path; -ENOMEM.
 */
int lab_load(const char *text, size_t len, const char *path, struct lab **ret_lab,
	struct problem *problem);
void lab_free(struct lab *lab); /* accepts NULL */

/* docs/lab.md holds this. -EIO. */
int lab_describe(FILE *out);

/* -EINVAL with words that begin with the place, as in "hosts.[1].name (gw-a): ...". For lab_load(). */
int lab_check(const struct lab *lab, struct problem *problem);

/* NULL: there is none of that name. */
const struct lab_host *lab_find_host(const struct lab *lab, const struct identity *name);
const struct lab_link *lab_find_link(const struct lab *lab, const struct identity *name);
const struct lab_lan *lab_find_lan(const struct lab *lab, const struct identity *name);

/* The n-th interface on that link or LAN, from 0, in the file's order. NULL: there are not so many. */
const struct lab_interface *lab_interface_on(const struct lab *lab, const struct identity *network,
	size_t at, const struct lab_host **ret_host);

bool lab_has_address(const struct lab_interface *interface, const struct addr *addr);
/* One of the interface's networks holds it, and it is not the interface's own. */
bool lab_is_neighbour(const struct lab_interface *interface, const struct addr *addr);
/* The host's first interface that has it for a neighbour, or NULL. */
const struct lab_interface *lab_interface_towards(
	const struct lab_host *host, const struct addr *addr);

/* ---- links ---- */

enum { LAB_LINK_ARGUMENTS_MAX = 16 };

/* The link emulator's options, as a command line has them; they point into `link`. None: a plain cable. Their number. */
size_t lab_link_arguments(
	const struct lab_link *link, const char *ret_arguments[static LAB_LINK_ARGUMENTS_MAX]);

/* ---- configurations ---- */

/*
 * The configuration of a server or a client; what its `settings` give stands in there, too, and is left out of the rest. A
 * client's lacks certificate, key and ca, which culvert-pki's profile has. All paths are below `state`. The caller frees
 * *ret_text. -ENOMEM.
 */
int lab_config_server(
	const struct lab *lab, const struct lab_server *server, const char *state, char **ret_text);
int lab_config_client(const struct lab_tunnel *tunnel, const char *state, char **ret_text);

/* Would the programs take them? -EINVAL with words that begin with the place; -ENOMEM. */
int lab_config_check(const struct lab *lab, struct problem *problem);

/* ---- what is printed ---- */

/*
 * The plan: a line a thing to make, its fields with a TAB between; in the order in which they can be made. Names hold
 * A-Z a-z 0-9 . _ - only, and no other field but a line of a configuration holds anything that was not parsed. -ENOMEM.
 */
int lab_print_plan(const struct lab *lab, const char *state, FILE *out);

void lab_print_diagram(const struct lab *lab, FILE *out);

#endif
