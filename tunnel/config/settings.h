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
#include "base/peer_names.h"
#include "base/prefix_list.h"
#include "base/problem.h"
#include "base/proxy.h"

/*
 * The values of a configuration, as plain data. netd and engine each load the same text into one of
 * these, and only a reload changes it afterwards: netd judges the engine's requests by its own copy. The
 * option tables of daemon/ and client/ fill it and have the defaults. A client's profile becomes
 * settings with exactly one peer, the server. Owned by the caller, as a whole: settings_free()
 * frees all. Any thread may read it.
 */

#define SETTINGS_RUN_DIR "/run/culvert"       /* control sockets: NAME.sock */
#define SETTINGS_STATE_DIR "/var/lib/culvert" /* one directory a server: NAME */

/* Why no other user may have write access to a hook's file: base/executable.h. */
#define SETTINGS_HOOK_STAKE "hooks run with the rights of the user that starts this program"

#define SETTINGS_CONGESTION_AUTO "auto"
#define SETTINGS_REACH_ALL "@all"
/* in a peer's own list: the values of the common list, in this place */
#define SETTINGS_COMMON "@common"

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
	SETTINGS_TIME_SERVERS_MAX = 8,
	SETTINGS_BYPASS_MAX = 64, /* prefixes that do not go through a full tunnel */
	SETTINGS_PORT = 443,      /* for an endpoint or a remote without a port */
	/* a host's own routes usually have lower ones, and so are preferred */
	SETTINGS_METRIC = 1024,
	SETTINGS_METRIC_MAX = 9999999,
	/*
	 * A shorter prefix stands for the whole Internet: 0.0.0.0/0, 128.0.0.0/1, 2000::/3. It is
	 * no way to a peer that is not connected.
	 */
	SETTINGS_WAY_MIN = 4,
	SETTINGS_HOOK_WORDS_MAX = 32, /* a hook's program and arguments */
	SETTINGS_HOOK_WORD_MAX = 1024,
	SETTINGS_PEER_NAME_MAX = 1024, /* bytes of an identity or issuer of a peer */
};

/*
 * The default firewall marks, by which the packets of outer connections differ from all others,
 * where `mark` is not set. The first is for a client with a full tunnel or a kill switch, which let
 * it pass. PLAIN is for every other Culvert; a full tunnel on the same host carries those packets
 * like any program's. MASK covers both.
 */
#define SETTINGS_MARK_DEFAULT 0x63760001u
#define SETTINGS_MARK_PLAIN 0x63760002u
#define SETTINGS_MARK_MASK 0xfffffffcu
/* The mark of answers to calls from outside (`answer_inbound`), and of their connections. */
#define SETTINGS_MARK_INBOUND 0x63760004u

/* The ranges of private networks (RFC 1918, RFC 6598, RFC 4193), as a list's default. */
#define SETTINGS_PRIVATE                                                               \
	"[ \"10.0.0.0/8\", \"172.16.0.0/12\", \"192.168.0.0/16\", \"100.64.0.0/10\", " \
	"\"fc00::/7\" ]"

enum settings_role { SETTINGS_SERVER, SETTINGS_CLIENT };

enum settings_order { SETTINGS_ORDER_GIVEN, SETTINGS_ORDER_RANDOM };

/*
 * How to treat a certificate whose issuer has no list in `crl` (crl_missing), or none that is valid
 * now (crl_expired).
 */
enum settings_crl_lack { SETTINGS_CRL_WARN, SETTINGS_CRL_REFUSE };

struct name_list {
	struct identity *items;
	size_t count;
};

/* One entry of `announce`. Exactly one of the first three is set. */
struct settings_announce {
	struct prefix prefix;
	char interface[SETTINGS_IFNAME_MAX + 1]; /* the networks on this interface, tracked */
	uint32_t table;    /* the routes of this routing table, tracked; 0: none */
	uint32_t protocol; /* with a table: only routes of this rtm_protocol; 0: of all */
	/*
	 * With a prefix: it is withdrawn while this does not answer. A port: a TCP connection;
	 * port 0: ICMP echo; AF_UNSPEC: no probe. The other three are zero where the file does not
	 * set them; use settings_probe_rule().
	 */
	struct endpoint probe;
	struct duration probe_interval;
	uint32_t probe_down, probe_up;
};

/*
 * How a probe is judged. The worst case is a target that dies right after an answer: it is dead
 * after (down + 1) intervals. The defaults make that 1.6 s, so that another gateway has the prefix
 * within two seconds.
 */
struct settings_probe_rule {
	struct duration interval;
	uint32_t down; /* so many failures in a row: it is dead */
	uint32_t up;   /* so many answers in a row: it is alive again */
};

enum { SETTINGS_PROBE_INTERVAL_MS = 400, SETTINGS_PROBE_DOWN = 3, SETTINGS_PROBE_UP = 5 };

struct announce_list {
	struct settings_announce *items;
	size_t count;
};

struct addr_list {
	struct addr *items;
	size_t count;
};

struct domain_list {
	char (*items)[NAMESERVERS_DOMAIN_MAX + 1];
	size_t count;
};

struct settings_index;

struct settings_peer {
	struct identity name;
	/* server: the name that its certificate must have (base/peer_names.h); NULL: `name` */
	char *identity;
	char *issuer; /* server: the CA that must be above it; NULL: any */
	char interface[SETTINGS_IFNAME_MAX + 1]; /* "": the common template */
	/* Where the interface lives, as netns_open() takes it; "": in the program's namespace. */
	char netns[SETTINGS_NETNS_MAX + 1];
	struct addr address4, address6;   /* fixed addresses (server); AF_UNSPEC: from the pool */
	struct prefix_list accept_routes; /* prefixes that it may announce */
	uint32_t max_routes;
	uint32_t metric; /* of the routes to it; 0: SETTINGS_METRIC */
	/*
	 * server: other peers that it reaches through this end; one empty name: every other peer
	 * that has an entry
	 */
	struct name_list reach;
	uint32_t lanes; /* 0: the common `lanes` */
	/*
	 * server: the peer's own lists in place of the common ones, even if they are empty. An item
	 * that is all zeros stands for the common list. settings_dns.c reads dns and domains.
	 */
	bool has_announce, has_dns, has_domains;
	struct prefix_list announce; /* settings_announce.c reads it */
	struct addr_list dns;
	struct domain_list domains;
};

/*
 * server: with what the issuing process renews clients' certificates. Paths only: the engine has
 * the configuration's text, and must never have this key.
 */
struct settings_issuer {
	char certificate[SETTINGS_PATH_MAX + 1]; /* of the issuing CA */
	char key[SETTINGS_PATH_MAX + 1];
	struct duration lifetime;         /* of what it issues */
	char user[SETTINGS_USER_MAX + 1]; /* "": the common `user` */
};

/* A program that netd runs on an event: its absolute path and its arguments. */
struct settings_hook {
	char **words;
	size_t count; /* 0: no program */
};

struct settings_remote {
	char host[SETTINGS_HOST_MAX + 1]; /* name or address */
	uint16_t port;
	uint8_t priority; /* less is tried earlier */
};

struct settings {
	enum settings_role role;
	/* names the instance, its control socket and its state directory */
	char name[SETTINGS_NAME_MAX + 1];

	/*
	 * This end's credentials: each a path, or PEM text itself (begins with "-----BEGIN"). crl
	 * may be NULL.
	 */
	char *certificate, *key, *ca, *crl;
	uint32_t crl_missing, crl_expired; /* enum settings_crl_lack */
	/*
	 * The key of a passphrase-protected file without the passphrase, as PEM text. NULL: not
	 * protected, or not asked yet.
	 */
	char *unlocked_key;

	/* The processes. */
	char user[SETTINGS_USER_MAX + 1];
	char control_socket[SETTINGS_PATH_MAX + 1];
	/* server; client: "" without `renew` */
	char state_dir[SETTINGS_PATH_MAX + 1];
	bool renew;                     /* client: renews its certificate through the tunnel */
	struct settings_issuer *issuer; /* server; NULL: it issues no certificates */
	size_t issuer_count;            /* 0 or 1 */
	enum log_level log_level;
	uint32_t workers; /* 0: one a core */

	/* The outer connections. */
	struct endpoint listen[SETTINGS_LISTEN_MAX]; /* server */
	size_t listen_count;
	struct settings_remote remotes[SETTINGS_REMOTES_MAX]; /* client */
	size_t remote_count;
	uint32_t remotes_order;       /* client: enum settings_order, within a priority */
	struct duration return_after; /* client: how long a better remote has to answer */
	struct proxy proxy;           /* client; PROXY_NONE: none */
	/* "": the kernel's default; SETTINGS_CONGESTION_AUTO: that, or BBR, as the path wants it */
	char congestion[SETTINGS_CONGESTION_MAX + 1];
	uint32_t mark;                     /* as configured, 0: not set; use settings_mark() */
	bool mptcp;                        /* Multipath TCP, where both ends have it */
	struct duration handshake_timeout; /* from accept or connect to welcome, in total */

	/* The tunnel. */
	char interface[SETTINGS_IFNAME_MAX + 1]; /* template, "cv%d" */
	uint32_t mtu;
	bool offloads;
	bool check_destination; /* a peer's packets may only go to prefixes that it may reach */
	bool gro;               /* join TCP segments that arrive one by one */
	/* netd switches it on for the tunnel and the interfaces that lead to `announce` */
	bool forwarding;
	/* connections that a session may have; the smaller value of both ends counts */
	uint32_t lanes;
	struct duration ping_interval; /* server: both ends use the server's */
	struct duration dead_after;
	/* server: how long a session is kept without a connection; 0: not at all */
	struct duration linger;
	/* server; family AF_UNSPEC: none; the server has the first host address */
	struct prefix pool4, pool6;
	uint32_t max_sessions; /* server */
	/* server: the most connections before ClientHello, and as many more up to the session */
	uint32_t max_handshakes;

	/*
	 * Not an option: set by culvert run. The tunnel is alone in a network namespace of its own,
	 * and the program has only an ordinary user's rights.
	 */
	bool contained;
	/* Firewall tables. */
	bool nat;         /* server: masquerade the pools' packets to other networks */
	bool kill_switch; /* client: packets leave the host only through the tunnel */
	/* The host's packets and names. */
	bool full_tunnel;          /* client: all packets may be routed to the server */
	struct prefix_list bypass; /* client: prefixes that do not go through a full tunnel */
	/*
	 * client: time servers that a kill switch and a full tunnel let this host ask
	 * (netd/time_servers)
	 */
	struct addr kill_switch_time[SETTINGS_TIME_SERVERS_MAX];
	size_t kill_switch_time_count;
	/* client: containers of this host stay reachable (netd/local_bridges) */
	bool bypass_local_bridges;
	/* client: answers to calls from outside leave where these came in (netd/answer_inbound) */
	bool answer_inbound;
	/* client: prefixes that go into the tunnel although they are on-link here */
	struct prefix_list override_routes;
	/* client: ranges for the tunnel's addresses, beside accept_routes */
	struct prefix_list tunnel_addresses;
	struct nameservers dns; /* server: pushed to clients */
	bool use_dns;           /* client: use the resolvers that the server pushes */
	/* The programs that netd runs, and their time limit: docs/hooks.md. */
	struct settings_hook on_up, on_down, on_route;
	struct duration hook_timeout;

	/* Peers and routes. */
	struct announce_list announce; /* to every peer without a list of its own */
	/* server: the prefixes of all peers' own lists, sorted; settings_gather_own() */
	struct prefix_list announced_own;
	bool unlisted;               /* server: admit valid certificates without a peers entry */
	struct settings_peer *peers; /* client: exactly one, the server */
	size_t peer_count;
	struct settings_index *index; /* of the peers; NULL: none yet */
};

/*
 * Makes settings that are zero except the role (and log_level info); the option tables have the
 * defaults. -ENOMEM.
 */
int settings_new(enum settings_role role, struct settings **ret_settings);
/* Wipes the key and frees all. Accepts NULL and half-filled settings. */
void settings_free(struct settings *settings);

/*
 * Exchanges the contents of two settings, of which each keeps its place. Pointers to the settings
 * stay valid, and pointers into them change their owner.
 */
void settings_exchange(struct settings *a, struct settings *b);

/*
 * Derives control_socket and a server's state_dir from the instance's name, where they are empty.
 */
void settings_fill_paths(struct settings *settings);

/*
 * settings_identity.c. Makes the index by which peers are found. Called once, after the peers are
 * loaded. -EINVAL: an `identity` or `issuer` is no name, or a certificate would meet two entries:
 * *problem says which; -ENOMEM.
 */
int settings_index(struct settings *settings, struct problem *problem);
void settings_index_free(struct settings *settings);
/* Returns the entry with that `name`, or NULL. */
const struct settings_peer *settings_find_peer(
	const struct settings *settings, const struct identity *name);
/*
 * Returns the entry of `now` under which the peer `name` of `before` goes on, because the same
 * certificate meets it: the entry was given another name. NULL: there is none, or `now` has an entry
 * of that name, or `before` has one of the new name. -ENOMEM counts as none.
 */
const struct settings_peer *settings_find_renamed(
	const struct settings *before, const struct settings *now, const struct identity *name);
/*
 * Decides whose certificate it is. *ret_name is the session's identity: the name of the entry that
 * it meets; *ret_peer is NULL where it meets none, and `unlisted` admits it by its plain name.
 * -EEXIST: it meets two entries; -EACCES: it meets none; -EINVAL: nor has it a plain name. On
 * failure *problem says why, for both ends.
 */
int settings_meet(const struct settings *settings, const struct peer_names *names,
	struct identity *ret_name, const struct settings_peer **ret_peer, struct problem *problem);
/* Says why the entry is not met. The text continues one that begins with the entry. */
void settings_explain(const struct settings *settings, const struct settings_peer *peer,
	const struct peer_names *names, struct problem *ret_reason);
/*
 * Client: checks that server_name is a DNS name of the server's certificate, without regard to
 * case, or its plain name. -EACCES: *problem says which names it has.
 */
int settings_meet_server(
	const struct settings *settings, const struct peer_names *names, struct problem *problem);

/*
 * Returns how many lanes a session with that peer may have at this end. NULL: a peer without an
 * entry.
 */
uint32_t settings_lanes(const struct settings *settings, const struct settings_peer *peer);

/* True: each lane chooses its congestion control (lane/congestion.h). */
bool settings_chooses_congestion(const struct settings *settings);

/*
 * Returns the SO_MARK of outer connections, incoming ones included. 0: none, only in `culvert run`.
 */
uint32_t settings_mark(const struct settings *settings);

/* Returns true if this end wants a default route from the server. */
bool settings_takes_default(const struct settings *settings);
/*
 * Returns true for a client whose tunnel is in a foreign network namespace: the host's own settings
 * stay unchanged.
 */
bool settings_is_elsewhere(const struct settings *settings);

/* Returns the metric of routes to that peer. NULL: a peer without an entry. */
uint32_t settings_metric(const struct settings_peer *peer);

/*
 * settings_announce.c. Returns true if `announce` has entries that only the kernel can resolve to
 * prefixes.
 */
bool settings_tracks(const struct settings *settings);
/* Returns the rule of an entry that has a probe, with the defaults filled in. */
struct settings_probe_rule settings_probe_rule(const struct settings_announce *item);
/* Returns the entry that has this prefix and a probe, or NULL. */
const struct settings_announce *settings_find_probe(
	const struct settings *settings, const struct prefix *prefix);
/* Appends the prefixes of all other entries. -ENOMEM: some may be missing. */
int settings_stated(const struct settings *settings, struct prefix_list *list);
/* Makes announced_own. Called once, after the peers are loaded. -ENOMEM. */
int settings_gather_own(struct settings *settings);
/* Returns true if the peer gets the common `announce`. NULL: a peer without an entry. */
bool settings_gets_common(const struct settings_peer *peer);
/* Appends the prefixes of the peer's own list. -ENOMEM: some may be missing. */
int settings_stated_to(const struct settings_peer *peer, struct prefix_list *list);
/* Checks that each entry is exactly one thing, and can be announced. -EINVAL: *problem says why. */
int settings_check_announce(const struct settings *settings, struct problem *problem);

/*
 * settings_reach.c. Returns true if the first peer's `reach` covers the second. Then the first peer
 * gets the second's routes, and packets pass between the two, in both directions. False for peers
 * without an entry (NULL).
 */
bool settings_reaches(const struct settings_peer *peer, const struct settings_peer *other);
/* Returns true if some peers exchange packets of this family, which this host has to forward. */
bool settings_is_between(const struct settings *settings, int family);
/*
 * Checks that every name in a `reach` is that of another peer, and is there once, and that "@all"
 * is alone. -EINVAL, -ENOMEM. On failure *problem says why.
 */
int settings_check_reach(const struct settings *settings, struct problem *problem);

/*
 * settings_dns.c. Writes what this end pushes to the peer: its own lists, or the common ones. NULL:
 * a peer without an entry.
 */
void settings_nameservers(const struct settings *settings, const struct settings_peer *peer,
	struct nameservers *ret_nameservers);
/*
 * Checks `dns` and `domains`, common and of each peer. -EINVAL: *problem says why.
 */
int settings_check_dns(const struct settings *settings, struct problem *problem);

/*
 * settings_addresses.c. Returns true if the prefix is inside one of SETTINGS_PRIVATE. Every client
 * allows these for addresses unless its profile has other ranges.
 */
bool settings_is_private(const struct prefix *prefix);
/*
 * Decides whether a server may give this address to one end of a client's tunnel, either this end
 * or its own. The engine calls it to answer the server, and netd to check the engine. The part that
 * only the kernel knows is in netd/on_link.
 *
 * Returns 0 if it may. -EINVAL: no tunnel can have the address. -EADDRINUSE: a remote or the proxy
 * has it, as far as the configuration names those by number. -EPERM: it is inside neither
 * tunnel_addresses nor accept_routes. On failure *problem is "address ADDRESS, which ...".
 */
int settings_judge_address(
	const struct settings *settings, const struct addr *addr, struct problem *problem);

/* Returns the server's own address in a pool: the first after the prefix. AF_UNSPEC for no pool. */
struct addr settings_server_address(const struct prefix *pool);

/*
 * Returns true if a peer may have this address of the pool. Excluded are addresses outside it, the
 * server's own, the prefix itself (IPv4's network address; IPv6's anycast to routers, RFC 4291,
 * section 2.6.1) and IPv4's broadcast address.
 */
bool settings_pool_usable(const struct prefix *pool, const struct addr *addr);

/*
 * Checks what no single option shows. -EINVAL: *problem says why and begins with the option's path,
 * as in "peers.[0].address4: ..."; -ENOMEM.
 *
 * Server: no endpoint to listen on, or one twice; no pool; a pool of bad form, too small, or
 * overlapped by announce; a peer twice; a fixed address outside its pool, not usable, or twice; one
 * interface name for two peers in one namespace; dead_after not above ping_interval; `dns` that no
 * client can use; a `reach` of an unknown peer.
 *
 * Client: no remote, or not exactly one peer; a `bypass` that is everything; with kill_switch, a
 * name as remote or proxy, or a netns; with a proxy, a remote with a scope.
 *
 * Both: announced prefixes of bad form, or a client's default route; an entry of `announce` that is
 * not exactly one thing; a netns that cannot exist; a hook whose program is no absolute path.
 */
int settings_check(const struct settings *settings, struct problem *problem);

/* Returns true if this is PEM text inside the configuration. */
bool settings_is_inline(const char *material);

/*
 * Returns true if the configuration's own text has a key or a password, so that its file must be
 * private.
 */
bool settings_hold_secret(const struct settings *settings);

/*
 * Lists the addresses of a client's outer connections, as far as the configuration has them as
 * numbers: the proxy's, or without a proxy the remotes'. Returns how many.
 */
size_t settings_outer(
	const struct settings *settings, struct addr out[static SETTINGS_REMOTES_MAX]);

#endif
