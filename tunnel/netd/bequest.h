/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_BEQUEST_H
#define CULVERT_NETD_BEQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/nameservers.h"
#include "base/prefix_list.h"
#include "base/problem.h"
#include "config/settings.h"
#include "netd/dns.h"
#include "netd/local_bridges.h"
#include "netd/resolvers.h"
#include "netd/reverse_path.h"
#include "system/netns.h"
#include "wire/request.h"

/*
 * A bequest: what one run of netd leaves to the next, so that a restart removes nothing. Its bytes
 * have the registry of interfaces, and the state of every module that keeps something on this host.
 * Its descriptors keep interfaces, sockets and firewall tables alive.
 *
 * The bytes have a version, and a program refuses another one's. The reader checks every value as
 * if a stranger had written it: an older program with a bug may have. netd/succession fills a
 * bequest in, and netd/inheritance applies one, after it has judged each part by the configuration
 * of now. Pure functions; any thread.
 */

enum {
	BEQUEST_VERSION = 1,
	BEQUEST_INTERFACES_MAX = 65536,
	BEQUEST_RELAXED_MAX = 4096, /* links whose check of sources was switched off */
};

/* A descriptor of which there is one at most. */
enum bequest_fd {
	BEQUEST_CONTROL,     /* the control socket, which listens */
	BEQUEST_NAT,         /* the netlink socket that owns this table, as the next three */
	BEQUEST_GUARD,       /* of a full tunnel */
	BEQUEST_KILL_SWITCH, /* of a kill switch: its second table */
	BEQUEST_INBOUND,     /* of answer_inbound */
	BEQUEST_CLAIM,       /* the TUN that shows that a full tunnel's table is in use */
	BEQUEST_RESOLV_CONF, /* the lock on /etc/resolv.conf */
	BEQUEST_FDS
};

struct bequest_interface {
	struct request_interface now;
	uint32_t number, index, metric;
	struct netns_id netns;
	char name[REQUEST_IFNAME_MAX + 1];
	bool idle, off4, off6;
	int queues[REQUEST_QUEUES_MAX]; /* now.queues of them */
	struct prefix_list routes, held;
};

struct bequest_full_tunnel {
	bool in_force, without6;
	uint32_t number;
	uint64_t rules; /* fingerprint of the settings that the rules were made from */
	struct addr peer4, peer6;
	uint32_t peer_index; /* of the interface that leads to them */
	struct local_network routed[LOCAL_BRIDGES_NETWORKS_MAX];
	size_t routed_count;
	struct reverse_path_saved relaxed[BEQUEST_RELAXED_MAX];
	size_t relaxed_count;
	/* of its firewall table: */
	bool guarded_by_rules;
	uint32_t guard_index;
	struct addr guard4, guard6;
};

struct bequest_dns {
	uint8_t way; /* enum dns_way */
	bool waiting;
	uint32_t index;
	char interface[REQUEST_IFNAME_MAX + 1];
	struct nameservers nameservers;
	struct resolvers before;
	char entry[DNS_ENTRY_PATH_MAX];
	uint64_t entry_sum;
};

struct bequest {
	char name[SETTINGS_NAME_MAX + 1];
	uint8_t role;  /* enum settings_role */
	uint64_t text; /* fingerprint of the configuration file */
	uint8_t instance[REQUEST_INSTANCE_SIZE];
	uint32_t numbered; /* the last number of an interface */
	uint32_t table;    /* of all routes; 0: the main table */
	uint32_t kill_switch_index;
	bool inbound_switched;
	bool outer_in_force, outer_held;
	struct bequest_full_tunnel full_tunnel;
	struct bequest_dns dns;
	struct bequest_interface *interfaces;
	size_t interface_count;
	/* Descriptors; -1: none. The bytes tell which there are, and their order. */
	int listeners[SETTINGS_LISTEN_MAX];
	size_t listener_count;
	int fds[BEQUEST_FDS];
};

/* Returns an empty bequest, or NULL. */
struct bequest *bequest_new(void);
/* Frees the bequest and no descriptor. Accepts NULL. */
void bequest_free(struct bequest *bequest);
/* Closes all descriptors that are left in it. */
void bequest_close_fds(struct bequest *bequest);

/* Returns how many descriptors the bequest has. */
size_t bequest_count_fds(const struct bequest *bequest);
/* Lists them in the order of the bytes; `fds` has room for all. They stay the bequest's. */
void bequest_list_fds(const struct bequest *bequest, int *fds);

/*
 * Writes the bytes into memory that the caller frees. -ENOMEM; -EINVAL: more of something than a
 * reader takes.
 */
int bequest_write(const struct bequest *bequest, uint8_t **ret_data, size_t *ret_len);

/*
 * Reads the bytes, and takes over the descriptors that came with them. -EPROTONOSUPPORT: another
 * version's; -EBADMSG, -EINVAL: not a bequest's bytes, or not these descriptors; -ENOMEM. On
 * failure *problem says why, and the descriptors stay the caller's.
 */
int bequest_read(const void *data, size_t len, const int *fds, size_t fd_count,
	struct bequest **ret_bequest, struct problem *problem);

#endif
