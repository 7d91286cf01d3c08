/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of netd/policy.c share: a server's and a client's settings, and interfaces that are there. */
#ifndef CULVERT_TESTS_UNIT_POLICY_FIXTURE_H
#define CULVERT_TESTS_UNIT_POLICY_FIXTURE_H

#include "netd/policy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parse.h"
#include "unit.h"

static struct settings *settings;
static struct interfaces live;
static struct problem problem;

static inline void add_peer(const char *name, const char *interface, const char *fixed4)
{
	struct settings_peer *peer;

	settings->peers = reallocarray(
		settings->peers, settings->peer_count + 1, sizeof(*settings->peers));
	ck_assert_ptr_nonnull(settings->peers);
	peer = &settings->peers[settings->peer_count++];
	*peer = (struct settings_peer){
		.name = identity_of(name), .address4 = addr_of(fixed4), .max_routes = 2
	};
	(void)snprintf(peer->interface, sizeof(peer->interface), "%s", interface);
	prefix_list_add(&peer->accept_routes, "10.20.0.0/16");
	prefix_list_add(&peer->accept_routes, "2001:db8::/32");
}

static inline void set_up(enum settings_role role)
{
	ck_assert_int_eq(settings_new(role, &settings), 0);
	(void)snprintf(settings->interface, sizeof(settings->interface), "cv%%d");
	settings->lanes = 2;
	settings->announce.items = calloc(1, sizeof(*settings->announce.items));
	ck_assert_ptr_nonnull(settings->announce.items);
	settings->announce.items[0].prefix = prefix_of("10.20.30.0/24");
	settings->announce.count = 1;
	live = (struct interfaces){ .count = 0 };
}

static inline void set_up_server(void)
{
	set_up(SETTINGS_SERVER);
	settings->pool4 = prefix_of("10.99.0.0/24");
	settings->pool6 = prefix_of("fd99::/64");
	settings->max_sessions = 3;
	add_peer("branch-a", "", NULL);
	add_peer("branch-b", "branchb", "10.99.0.50");
}

static inline void set_up_client(void)
{
	set_up(SETTINGS_CLIENT);
	settings->remote_count = 2;
	(void)snprintf(settings->remotes[0].host, sizeof(settings->remotes[0].host), "vpn.example");
	(void)snprintf(settings->remotes[1].host, sizeof(settings->remotes[1].host), "10.20.0.77");
	add_peer("hub", "", NULL);
	prefix_list_add(&settings->tunnel_addresses, "10.0.0.0/8");
	prefix_list_add(&settings->tunnel_addresses, "198.51.100.0/24");
	prefix_list_add(&settings->tunnel_addresses, "fd00::/8");
}

static inline void tear_down(void)
{
	while (live.first) {
		struct interface *gone = live.first;

		live.first = gone->next;
		free(gone->routes);
		free(gone);
	}
	settings_free(settings);
}

static inline struct request_interface wanted(const char *peer, const char *local4,
	const char *remote4, const char *local6, const char *remote6)
{
	return (struct request_interface){ .peer = identity_of(peer),
		.mtu = 1500,
		.queues = 1,
		.local4 = addr_of(local4),
		.remote4 = addr_of(remote4),
		.local6 = addr_of(local6),
		.remote6 = addr_of(remote6) };
}

/* Puts an interface into the registry as if it had been made. */
static inline struct interface *add_live(const char *peer, const char *local4, const char *remote4)
{
	struct interface *interface = calloc(1, sizeof(*interface));

	ck_assert_ptr_nonnull(interface);
	interface->now = wanted(peer, local4, remote4, NULL, NULL);
	interface->next = live.first;
	live.first = interface;
	live.count++;
	return interface;
}

static inline void add_route(struct interface *interface, const char *text)
{
	interface->routes = reallocarray(
		interface->routes, interface->route_count + 1, sizeof(*interface->routes));
	ck_assert_ptr_nonnull(interface->routes);
	interface->routes[interface->route_count++] = prefix_of(text);
}

static inline int judge(const char *peer, const char *local4, const char *remote4)
{
	struct request_interface request = wanted(peer, local4, remote4, NULL, NULL);

	problem.text[0] = '\0';
	return policy_interface(settings, &live, &request, &problem);
}

static inline void refuse(const char *peer, const char *local4, const char *remote4)
{
	ck_assert_int_eq(judge(peer, local4, remote4), -EPERM);
	ck_assert_str_ne(problem.text, "");
}

static inline enum route_verdict judge_route(const struct interface *own, const char *text)
{
	struct prefix route = prefix_of(text);

	return policy_route(settings, own, &route);
}

#endif
