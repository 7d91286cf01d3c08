/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CONFIG_SETTINGS_H
#define CULVERT_CONFIG_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/identity.h"
#include "base/log.h"
#include "base/nameservers.h"
#include "base/prefix_list.h"
#include "base/problem.h"
#include "base/proxy.h"

/*
 * What the configuration says, as plain data. netd and engine each load the same text into one of
 * these and then never change it: netd judges the engine's requests by its own copy. The option
 * tables of daemon/ and client/ fill it and hold the defaults; a client's profile becomes settings
 * with exactly one peer, the server. Owned whole: settings_free() frees all. Read by any thread.
 */

#define SETTINGS_RUN_DIR "/run/culvert"       /* control sockets: NAME.sock */
#define SETTINGS_STATE_DIR "/var/lib/culvert" /* one directory a server: NAME */

/* Why a hook's file must be nobody else's to write: base/executable.h. */
#define SETTINGS_HOOK_STAKE "hooks run with the rights of the user that starts this program"

enum {
	SETTINGS_NAME_MAX = 64,
	SETTINGS_PATH_MAX = 255,
	SETTINGS_SOCKET_MAX = 107, /* sun_path with its NUL has 108 bytes: unix(7) */
	SETTINGS_USER_MAX = 32,
	SETTINGS_IFNAME_MAX = 15,
	SETTINGS_CONGESTION_MAX = 15,
	SETTINGS_NETNS_MAX = 255,
	SETTINGS_HOST_MAX = 253,
	SETTINGS_LISTEN_MAX = 16,
	SETTINGS_REMOTES_MAX = 16,
	SETTINGS_PREFIX_MAX = 256, /* in one list */
	SETTINGS_REACH_MAX = 1024, /* peers that one peer may reach */
	SETTINGS_PEERS_MAX = 65536,
	SETTINGS_SESSIONS_MAX = 16384,
	SETTINGS_WORKERS_MAX = 64,
	SETTINGS_LANES_MAX = 16,    /* of one session */
	SETTINGS_ROUTES_MAX = 4096, /* that one peer may announce */
	SETTINGS_MTU_MIN = 1280,    /* the least that IPv6 allows: RFC 8200, section 5 */
	SETTINGS_MTU_MAX = 65535,
	SETTINGS_BYPASS_MAX = 64, /* prefixes that go past a full tunnel */
	SETTINGS_PORT = 443,      /* where an endpoint or a remote names none */
	SETTINGS_METRIC = 1024,   /* a host's own routes usually have lower ones, and so win */
	SETTINGS_METRIC_MAX = 9999999,
	SETTINGS_HOOK_WORDS_MAX = 32, /* a hook's program and arguments */
	SETTINGS_HOOK_WORD_MAX = 1024,
};

/*
 * The firewall mark that tells the packets of outer connections from all others, where no `mark` is
 * set: one for a full tunnel or a kill switch, which let it pass, and another for every other Culvert,
 * which a full tunnel on the same host takes in like any program. MASK covers both.
 */
#define SETTINGS_MARK_DEFAULT 0x63760001u
#define SETTINGS_MARK_PLAIN 0x63760002u
#define SETTINGS_MARK_MASK 0xfffffffcu

/* What private networks use: RFC 1918, RFC 6598 and RFC 4193, as a list's default. */
#define SETTINGS_PRIVATE                                                               \
	"[ \"10.0.0.0/8\", \"172.16.0.0/12\", \"192.168.0.0/16\", \"100.64.0.0/10\", " \
	"\"fc00::/7\" ]"

enum settings_role { SETTINGS_SERVER, SETTINGS_CLIENT };

/* What becomes of a certificate whose issuer has no list in `crl`: values of crl_missing. */
enum settings_crl_missing { SETTINGS_CRL_WARN, SETTINGS_CRL_REFUSE };

struct name_list {
	struct identity *items;
	size_t count;
};

/* One thing that is announced. Exactly one of the first three is set. */
struct settings_announce {
	struct prefix prefix;
	char interface[SETTINGS_IFNAME_MAX + 1]; /* the networks on this interface, tracked */
	uint32_t table;    /* the routes of this routing table, tracked; 0: none */
	uint32_t protocol; /* with a table: only routes of this rtm_protocol; 0: of all */
};

struct announce_list {
	struct settings_announce *items;
	size_t count;
};

struct settings_peer {
	struct identity name;
	char interface[SETTINGS_IFNAME_MAX + 1]; /* "": the common template */
	/* Of the interface, as netns_open() takes it; "": that of the program. */
	char netns[SETTINGS_NETNS_MAX + 1];
	struct addr address4, address6;   /* fixed addresses (server); AF_UNSPEC: from the pool */
	struct prefix_list accept_routes; /* what it may announce */
	uint32_t max_routes;
	uint32_t metric;        /* of the routes to it; 0: SETTINGS_METRIC */
	struct name_list reach; /* server: other peers that it reaches through this end */
	uint32_t lanes;         /* 0: the common `lanes` */
};

/* What netd runs when something happens: a program's absolute path and its arguments. */
struct settings_hook {
	char **words;
	size_t count; /* 0: nothing is run */
};

struct settings_remote {
	char host[SETTINGS_HOST_MAX + 1]; /* name or address */
	uint16_t port;
};

struct settings {
	enum settings_role role;
	char name[SETTINGS_NAME_MAX +
		1]; /* of the instance: names the control socket and the state directory */

	/*
	 * Who we are: each a path, or PEM text itself (begins with "-----BEGIN"). crl may be NULL.
	 */
	char *certificate, *key, *ca, *crl;
	uint32_t crl_missing; /* enum settings_crl_missing */
	/* What a passphrase-protected key is without it, as PEM text; NULL: not protected, or not asked. */
	char *unlocked_key;

	/* Where the processes live. */
	char user[SETTINGS_USER_MAX + 1];
	char control_socket[SETTINGS_PATH_MAX + 1];
	char state_dir[SETTINGS_PATH_MAX + 1]; /* server */
	enum log_level log_level;
	uint32_t workers; /* 0: one a core */

	/* The outer connection. */
	struct endpoint listen[SETTINGS_LISTEN_MAX]; /* server */
	size_t listen_count;
	struct settings_remote remotes[SETTINGS_REMOTES_MAX]; /* client */
	size_t remote_count;
	struct proxy proxy;                           /* client; PROXY_NONE: none */
	char congestion[SETTINGS_CONGESTION_MAX + 1]; /* "": the kernel's default */
	uint32_t mark; /* as configured, 0: not set; settings_mark() is the one that counts */
	bool mptcp;    /* Multipath TCP, where both ends have it */
	struct duration handshake_timeout; /* accept or connect to welcome, in total */

	/* The tunnel. */
	char interface[SETTINGS_IFNAME_MAX + 1]; /* template, "cv%d" */
	uint32_t mtu;
	bool offloads;
	bool check_destination; /* a peer's packets may go only where it may reach */
	bool gro;               /* gather TCP segments that come one by one */
	bool forwarding; /* netd switches it on for the tunnel and what leads to `announce` */
	uint32_t lanes;  /* connections that a session may have; the smaller of both ends' wins */
	struct duration ping_interval; /* server: both ends use the server's */
	struct duration dead_after;
	struct duration
		linger; /* server: how long a session without a connection is kept; 0: not at all */
	struct prefix pool4,
		pool6; /* server; family AF_UNSPEC: none. The first host address is the server's own */
	uint32_t max_sessions;   /* server */
	uint32_t max_handshakes; /* server: before ClientHello, and again before the session */

	/*
	 * Not an option: culvert run. The tunnel is alone in a network namespace of its own, and all
	 * is done with an ordinary user's rights.
	 */
	bool contained;
	/* Firewall tables. */
	bool nat;         /* server: masquerade the pools where they leave for other networks */
	bool kill_switch; /* client: nothing leaves the host but through the tunnel */
	/* The host's traffic and names. */
	bool full_tunnel;          /* client: the server may be the way to everywhere */
	struct prefix_list bypass; /* client: what does not go through a full tunnel */
	struct prefix_list
		tunnel_addresses; /* client: where the server may give the tunnel addresses, beside accept_routes */
	struct nameservers dns; /* server: pushed to clients */
	bool use_dns;           /* client: takes what is pushed */
	/* What netd runs, and for how long at most: docs/hooks.md. */
	struct settings_hook on_up, on_down, on_route;
	struct duration hook_timeout;

	/* Who may come, and routes. */
	struct announce_list announce; /* to every peer */
	bool unlisted;                 /* server: admit valid certificates without a peers entry */
	struct settings_peer *peers;   /* client: exactly one, the server */
	size_t peer_count;
};

/* All zero but the role (and log_level info): defaults are the option tables' business. -ENOMEM. */
int settings_new(enum settings_role role, struct settings **ret_settings);
/* Accepts NULL and half-filled ones; wipes the key. */
void settings_free(struct settings *settings);

/* control_socket and a server's state_dir, where they are empty, from the instance's name. */
void settings_fill_places(struct settings *settings);

/* The entry of that name, or NULL. */
const struct settings_peer *settings_find_peer(
	const struct settings *settings, const struct identity *name);

/* How many lanes a session with that peer may have here. NULL: a peer without an entry. */
uint32_t settings_lanes(const struct settings *settings, const struct settings_peer *peer);

/* SO_MARK of outer connections, also of those that come in. 0: none, in `culvert run` alone. */
uint32_t settings_mark(const struct settings *settings);

/* A default route of the server's is wanted. */
bool settings_takes_default(const struct settings *settings);
/* Client: the tunnel is in another network namespace, so what is the host's own stays as it is. */
bool settings_is_elsewhere(const struct settings *settings);

/* The metric of routes to that peer. NULL: a peer without an entry. */
uint32_t settings_metric(const struct settings_peer *peer);

/*
 * A name, an interface's name in one namespace, a fixed address twice, or such an
 * address outside its pool or not usable: -EINVAL; -ENOMEM.
 */
int settings_check_peers(const struct settings *settings, struct problem *problem);

/* settings_announce.c. True: something is announced that only the kernel knows. */
bool settings_tracks(const struct settings *settings);
/* Appends all else that is announced. -ENOMEM: some may be missing. */
int settings_stated(const struct settings *settings, struct prefix_list *list);
/* Each is one thing, and can be announced. -EINVAL. */
int settings_check_announce(const struct settings *settings, struct problem *problem);

/*
 * settings_reach.c. True: the first peer's `reach` names the second. It hears of the second's
 * routes, and packets pass between the two, either way. False for peers without an entry (NULL).
 */
bool settings_reaches(const struct settings_peer *peer, const struct settings_peer *other);
/* Some peers reach each other with packets of this family, which this host has to forward. */
bool settings_is_between(const struct settings *settings, int family);
/* Every name in a `reach` must be that of another peer, and stand there once. -EINVAL, -ENOMEM. */
int settings_check_reach(const struct settings *settings, struct problem *problem);

/*
 * settings_addresses.c. True: the prefix lies inside one of SETTINGS_PRIVATE, which every client allows
 * for addresses unless its profile says otherwise.
 */
bool settings_is_private(const struct prefix *prefix);
/*
 * Client: may the server give this address to one end of the tunnel, this host's or its own? Asked by the
 * engine (to answer the server) and by netd (which believes nobody). What only the kernel knows, netd
 * adds: netd/on_link. 0; -EINVAL: no tunnel can have it; -EADDRINUSE: it is a remote's or the proxy's, so
 * far as the configuration names that by number; -EPERM: it is inside neither tunnel_addresses nor
 * accept_routes. `problem` is "address ADDRESS, which ...".
 */
int settings_judge_address(
	const struct settings *settings, const struct addr *addr, struct problem *problem);

/* The server's own address in a pool: the first after the prefix. AF_UNSPEC for no pool. */
struct addr settings_server_address(const struct prefix *pool);

/*
 * May a peer have this address of the pool? Not outside it, nor the server's own, nor the prefix
 * itself (IPv4's network address; IPv6's anycast to routers, RFC 4291, section 2.6.1), nor IPv4's
 * broadcast address.
 */
bool settings_pool_usable(const struct prefix *pool, const struct addr *addr);

/*
 * What no single option shows. Server: nothing to listen on, or the same endpoint twice; no pool at
 * all; a pool of bad form, too small, or overlapped by announce; a peer twice; a fixed address
 * outside its pool, not usable, or twice; one interface name for two peers in one namespace;
 * dead_after not above ping_interval; DNS that nobody can use; a reach of nobody. Client: no remote, or
 * not exactly one peer; a prefix to go past a full tunnel that is all there is; with kill_switch, a
 * remote's or the proxy's name or a netns; with a proxy, a remote with a scope. Both: announced prefixes
 * of bad form, a client's default; what is announced is not one thing; a netns that cannot be; a hook whose
 * program is no absolute path. -EINVAL with words in `problem` that begin with the option's path, as in
 * "peers.[0].address4: ..."; -ENOMEM.
 */
int settings_check(const struct settings *settings, struct problem *problem);

/* True: PEM text stands in the configuration itself. */
bool settings_is_inline(const char *material);

/* True: the configuration's own text holds a key or a password, so its file must be private. */
bool settings_hold_secret(const struct settings *settings);

/*
 * Where a client's outer connections go, as far as the configuration says it by number: the proxy's
 * address where there is a proxy, else the remotes'. Returns how many.
 */
size_t settings_outer(
	const struct settings *settings, struct addr out[static SETTINGS_REMOTES_MAX]);

#endif
