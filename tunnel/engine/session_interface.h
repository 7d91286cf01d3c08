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
 * The TUN interface of a session: netd makes and removes it, lanes borrow its queues. It outlives
 * connections. Only session_interface.c reads or writes the members of the struct; everybody else
 * asks through functions, so that nothing else depends on which session an interface belongs to.
 * Main thread.
 *
 * A descriptor of a queue stays open until no lane can use it any more, also when its interface is
 * gone: its number must not become another descriptor's under a lane.
 */

struct session_interface;

enum { SESSION_INTERFACE_IDLE_MS = 1000 }; /* a peer that is back sooner has not been away */

struct session_interface_events {
	/*
	 * netd has made the interface as it was asked to, or without a family that the kernel
	 * refuses.
	 */
	void (*made)(struct session_interface *interface);
	/* netd could not make it; session_interface_failure() has netd's words. Logged. */
	void (*failed)(struct session_interface *interface);
	/*
	 * Client: this host refuses an address that the server gave. `why` is for the server, whose
	 * configuration may be the cause. Logged.
	 */
	void (*refused)(struct session_interface *interface, const char *why);
	/*
	 * The interface that was there is gone, or another one takes its place. Its routes went
	 * with it.
	 */
	void (*lost)(struct session_interface *interface);
	/* netd has been told whether packets arrive: session_interface_carries() is another now. */
	void (*carrier)(struct session_interface *interface);
	/* There is no interface any more, after session_interface_remove(). */
	void (*removed)(struct session_interface *interface);
};

enum session_interface_wish { /* for what its session waits */
	SESSION_INTERFACE_NOTHING,
	SESSION_INTERFACE_MADE,
	SESSION_INTERFACE_JUDGED, /* it is there already: are its addresses still free? */
	SESSION_INTERFACE_REMOVED,
};

enum session_interface_carrier {      /* what netd has been told: whether packets arrive */
	SESSION_INTERFACE_CARRIER_ON, /* so it is with a new interface */
	SESSION_INTERFACE_CARRIER_OFF,
	SESSION_INTERFACE_CARRIER_UNKNOWN, /* by the engine before */
};

struct session_interface_lack { /* what another program took away and netd cannot put back */
	char *why;              /* NULL: all is in place */
	bool link, local4, local6;
};

struct session_tun {                    /* what there is now */
	int queues[REQUEST_QUEUES_MAX]; /* TUN descriptors, one for each lane that there may be */
	bool taken[REQUEST_QUEUES_MAX]; /* by a lane */
	size_t queue_count;             /* 0: there is no interface */
	uint32_t number;                /* netd's, by which it is asked for */
	uint32_t index;                 /* the kernel's, for people */
	char name[REQUEST_IFNAME_MAX + 1];
	/* This host's kernel refuses the family: the session goes without it. */
	bool off4, off6;
};

struct session_interface {
	const struct session_world *world;
	const struct session_interface_events *events;
	const struct identity *name;      /* of the peer; the session's */
	const struct settings_peer *peer; /* NULL: unlisted */
	struct session_tun tun;
	/* Descriptors of interfaces before, for as long as a lane may still use them. */
	int parked[2 * REQUEST_QUEUES_MAX];
	size_t parked_count;
	unsigned users; /* lanes that may still use a descriptor */
	struct netd_call call;
	struct request_interface wanted;
	enum session_interface_wish wish;
	bool stale;    /* the pending request is not the wanted one */
	bool broken;   /* somebody removed it under us */
	char *failure; /* why netd could not make it for the present connection or the last; NULL */
	struct session_interface_lack lack;
	enum session_interface_carrier carrier;
	struct loop_timer idle; /* until netd hears that the peer is away */
};

/* `world` and `name` must outlive it. It is zeroed before. */
void session_interface_init(struct session_interface *interface, const struct session_world *world,
	const struct identity *name, const struct settings_peer *peer,
	const struct session_interface_events *events);
/* Closes what is parked. The interface itself was removed before. */
void session_interface_free(struct session_interface *interface);

/* ---- life ---- */

/*
 * One of the engine before, as netd has kept it; the descriptors become the interface's. Its peer has
 * SESSION_INTERFACE_IDLE_MS to come back, from the moment that the engine is ready.
 */
void session_interface_adopt(struct session_interface *interface, const struct request_reply *reply,
	const int *fds, size_t fd_count);
/*
 * Asks netd for it: `made`, `failed` or `refused` follows, perhaps at once. While netd works on an
 * earlier request, that one is answered first.
 */
void session_interface_make(
	struct session_interface *interface, const struct request_interface *wanted);
/*
 * Client, while it is there: the network has changed, and its addresses may be another host's there.
 * `refused` follows if so. Does nothing while netd works on a request.
 */
void session_interface_judge(
	struct session_interface *interface, const struct request_interface *wanted);
/* Its session does not wait for it any more: whatever netd answers is kept for the next connection. */
void session_interface_let_be(struct session_interface *interface);
/* Nobody is connected: it stays, unless it is broken. */
void session_interface_rest(struct session_interface *interface);
/* For good: `removed` follows, perhaps at once. Only when no lane and no route needs it any more. */
void session_interface_remove(struct session_interface *interface);
/* It does not take packets: it is removed as soon as nobody is connected. */
void session_interface_break(struct session_interface *interface);

/* ---- queues ---- */

/* A queue for a lane, which may use it until session_interface_lane_ended(). -ENOBUFS: all are taken. */
int session_interface_take_queue(struct session_interface *interface, int *ret_queue);
/* Another lane may take it; the one that had it may still be about to use it. */
void session_interface_return_queue(struct session_interface *interface, int queue);
/* Once for each queue that was taken: its lane has ended and uses no descriptor any more. */
void session_interface_lane_ended(struct session_interface *interface);
int session_interface_queue_fd(const struct session_interface *interface, int queue);
/* From now on the kernel gives packets to this queue. Negative errno of TUNSETQUEUE. */
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
 * Whether what is sent to the peer arrives. If not, its routes give way to others'. netd hears of a
 * change only.
 */
void session_interface_set_carrier(struct session_interface *interface, bool on);
/* False: netd has been told that packets do not arrive. */
bool session_interface_carries(const struct session_interface *interface);

/* ---- about it ---- */

bool session_interface_is_there(const struct session_interface *interface);
/* True: it is there, and netd calls it by this number. */
bool session_interface_is(const struct session_interface *interface, uint32_t number);
uint32_t session_interface_number(const struct session_interface *interface); /* 0: not there */
uint32_t session_interface_index(const struct session_interface *interface);
const char *session_interface_name(const struct session_interface *interface); /* "": not there */
/* True: this host's kernel refuses addresses of the family (AF_INET, AF_INET6) to it. */
bool session_interface_lacks_family(const struct session_interface *interface, uint8_t family);
/* Why netd could not make it for the present connection or the last; NULL: it could. */
const char *session_interface_failure(const struct session_interface *interface);
/* The network namespace that the configuration names for it; "": the program's own. */
const char *session_interface_netns(const struct session_interface *interface);
/* It is in another network namespace than the outer connection. */
bool session_interface_is_apart(const struct session_interface *interface);
/* A page of what the kernel lacks of it; the routes in it are the session's. */
void session_interface_take_lack(
	struct session_interface *interface, const struct request_lack *page);
const struct session_interface_lack *session_interface_lack(
	const struct session_interface *interface);

#endif
