/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_SESSION_INTERFACE_H
#define CULVERT_ENGINE_SESSION_INTERFACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/identity.h"
#include "config/settings.h"
#include "engine/netd_link.h"
#include "engine/session_world.h"
#include "system/loop.h"

/*
 * The TUN interface of a session. netd makes and removes it, lanes use its queues, and it outlives
 * connections. Only session_interface.c reads and writes the struct's members; other files call the
 * functions. So nothing else depends on which session an interface belongs to. Main thread only.
 *
 * A queue's descriptor stays open until no lane can use it any more, even when the interface is
 * gone. Otherwise the kernel could give its number to another file, and a lane would write there.
 */

struct session_interface;

enum { SESSION_INTERFACE_IDLE_MS = 1000 }; /* a peer that returns sooner was not away */

struct session_interface_events {
	/* netd has made the interface as requested, or without a family that the kernel refuses. */
	void (*made)(struct session_interface *interface);
	/*
	 * netd could not make it; session_interface_failure() has netd's reason, which is logged.
	 */
	void (*failed)(struct session_interface *interface);
	/*
	 * Client: this host refuses an address from the server. `why`, which is logged, is for the
	 * server, whose configuration may be the cause.
	 */
	void (*refused)(struct session_interface *interface, const char *why);
	/* The interface is gone, or another one replaces it. Its routes are gone with it. */
	void (*lost)(struct session_interface *interface);
	/* netd was sent whether packets arrive: session_interface_carries() has changed. */
	void (*carrier)(struct session_interface *interface);
	/* The interface is gone, after session_interface_remove(). */
	void (*removed)(struct session_interface *interface);
};

/* What its session waits for. */
enum session_interface_wish {
	SESSION_INTERFACE_NOTHING,
	SESSION_INTERFACE_MADE,
	SESSION_INTERFACE_JUDGED, /* it exists: are its addresses still free? */
	SESSION_INTERFACE_REMOVED,
};

/* Whether packets arrive, as netd was told last. */
enum session_interface_carrier {
	SESSION_INTERFACE_CARRIER_ON, /* a new interface begins so */
	SESSION_INTERFACE_CARRIER_OFF,
	SESSION_INTERFACE_CARRIER_UNKNOWN, /* set by the engine before */
};

/* What another program removed and netd cannot restore. */
struct session_interface_lack {
	char *why; /* NULL: nothing is missing */
	bool link, local4, local6;
};

/* TUN descriptors, one for each lane that the session may have. */
struct session_tun { /* the interface as it is now */
	int queues[REQUEST_QUEUES_MAX];
	bool taken[REQUEST_QUEUES_MAX]; /* a lane uses it */
	size_t queue_count;             /* 0: there is no interface */
	uint32_t number;                /* netd's number of it */
	uint32_t index;                 /* the kernel's, for display */
	char name[REQUEST_IFNAME_MAX + 1];
	/* This host's kernel refuses the family: the session does without it. */
	bool off4, off6;
};

struct session_interface {
	const struct session_world *world;
	const struct session_interface_events *events;
	const struct identity *name;      /* of the peer; borrowed from the session */
	const struct settings_peer *peer; /* NULL: unlisted */
	struct session_tun tun;
	/* Descriptors of earlier interfaces, open while a lane may still use them. */
	int parked[2 * REQUEST_QUEUES_MAX];
	size_t parked_count;
	unsigned users; /* lanes that may still use a descriptor */
	struct netd_call call;
	struct request_interface wanted;
	enum session_interface_wish wish;
	bool stale;    /* `wanted` has changed since the pending request was sent */
	bool broken;   /* it has to be removed when the connection is lost */
	char *failure; /* why netd could not make it for this connection or the last; or NULL */
	struct session_interface_lack lack;
	enum session_interface_carrier carrier;
	struct loop_timer idle; /* runs until netd is told that the peer is away */
};

/*
 * Begins without an interface; the struct is zeroed. Borrowed: `world`, `name` and `peer`, until
 * session_interface_free().
 */
void session_interface_init(struct session_interface *interface, const struct session_world *world,
	const struct identity *name, const struct settings_peer *peer,
	const struct session_interface_events *events);
/* Closes parked descriptors. The interface itself was removed before. */
void session_interface_free(struct session_interface *interface);

/* ---- life ---- */

/*
 * Takes an interface of the engine before, as netd has kept it, and owns the descriptors then. Once
 * the engine is ready, its peer has SESSION_INTERFACE_IDLE_MS to return.
 */
void session_interface_adopt(struct session_interface *interface, const struct request_reply *reply,
	const int *fds, size_t fd_count);
/*
 * Requests it from netd: `made`, `failed` or `refused` follows, perhaps before this returns. While
 * netd works on an earlier request, that one is finished first.
 */
void session_interface_make(
	struct session_interface *interface, const struct request_interface *wanted);
/*
 * Client, while it exists: the network has changed, and another host there may have its addresses.
 * `refused` follows in that case. Does nothing while a request to netd is pending.
 */
void session_interface_judge(
	struct session_interface *interface, const struct request_interface *wanted);
/*
 * Its session does not wait for it any more. An interface that netd still makes is kept for the
 * next connection.
 */
void session_interface_detach(struct session_interface *interface);
/* The connection is lost: the interface stays unless it is broken. */
void session_interface_disconnected(struct session_interface *interface);
/*
 * Removes it for good: `removed` follows, perhaps before this returns. Call it only when no lane
 * and no route needs the interface any more.
 */
void session_interface_remove(struct session_interface *interface);
/* It does not take packets: it is removed as soon as the connection is lost. */
void session_interface_break(struct session_interface *interface);

/* ---- queues ---- */

/*
 * Takes a queue for a lane, which may use it until session_interface_lane_ended(). -ENOBUFS: all
 * are taken.
 */
int session_interface_take_queue(struct session_interface *interface, int *ret_queue);
/*
 * Returns a queue, so another lane may take it. The lane that had it may still use it until
 * session_interface_lane_ended().
 */
void session_interface_return_queue(struct session_interface *interface, int queue);
/* A lane has ended and uses no descriptor any more. Called once for each queue that was taken. */
void session_interface_lane_ended(struct session_interface *interface);
int session_interface_queue_fd(const struct session_interface *interface, int queue);
/* Attaches a queue: from now on the kernel gives it packets. Negative errno of TUNSETQUEUE. */
int session_interface_attach(struct session_interface *interface, int queue);
/* Negative errno of tun_set_offloads(). */
int session_interface_set_offloads(
	struct session_interface *interface, uint32_t offloads, uint32_t *ret_offloads);
/* 0: there is no interface. */
size_t session_interface_count_queues(const struct session_interface *interface);
/* False: a plain interface, whose only queue is always attached. */
bool session_interface_has_queues(const struct session_interface *interface);

/* ---- carrier ---- */

/*
 * Reports to netd whether packets arrive at the peer. If not, its routes give way to other peers'
 * routes. Sends a change only.
 */
void session_interface_set_carrier(struct session_interface *interface, bool on);
/* False: netd was told that packets do not arrive. */
bool session_interface_carries(const struct session_interface *interface);

/* ---- about it ---- */

bool session_interface_is_there(const struct session_interface *interface);
/* True: it exists, and this is netd's number of it. */
bool session_interface_is(const struct session_interface *interface, uint32_t number);
uint32_t session_interface_number(const struct session_interface *interface); /* 0: there is none */
uint32_t session_interface_index(const struct session_interface *interface);
/* "": there is none. */
const char *session_interface_name(const struct session_interface *interface);
/* True: this host's kernel refuses it addresses of the family (AF_INET, AF_INET6). */
bool session_interface_lacks_family(const struct session_interface *interface, uint8_t family);
/* Why netd could not make it for this connection or the last; NULL: netd did not fail. */
const char *session_interface_failure(const struct session_interface *interface);
/* The network namespace that the configuration gives it; "": the program's own. */
const char *session_interface_netns(const struct session_interface *interface);
/* True: it is in another network namespace than the outer connection. */
bool session_interface_is_apart(const struct session_interface *interface);
/* Takes a page of what the kernel lacks of it. The page's routes are the session's part. */
void session_interface_take_lack(
	struct session_interface *interface, const struct request_lack *page);
const struct session_interface_lack *session_interface_lack(
	const struct session_interface *interface);

#endif
