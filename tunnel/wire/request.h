/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_WIRE_REQUEST_H
#define CULVERT_WIRE_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "base/identity.h"
#include "base/nameservers.h"
#include "base/route_rule.h"

/*
 * What engine and netd say to each other over their socketpair (SOCK_SEQPACKET, descriptor 3 in the
 * engine): one message a datagram, descriptors beside it (SCM_RIGHTS). netd decodes what a
 * subverted engine may have sent, so the same rules hold as for the wire: checked reader, every
 * length bounded, anything odd refused. Both ends are always the same build (or one build apart
 * during an upgrade: REQUEST_VERSION tells). Pure functions; any thread.
 *
 *   netd → engine   CONFIGURE (first, once), STOP, NETWORK, TRACKED, LACK, REPLY
 *   engine → netd   ADOPT (before READY), READY, SOCKET, INTERFACE, INTERFACE_DELETE, CARRIER,
 *                   ROUTE_ADD, ROUTE_DELETE, DNS, UP, REEXEC, EXIT
 *
 * Each of the engine's is answered by a REPLY with the same id, in order.
 */

enum {
	REQUEST_VERSION = 7,
	REQUEST_FD = 3,
	REQUEST_SIZE_MAX = 32768,
	REQUEST_FDS_MAX = 24,
	REQUEST_QUEUES_MAX = 16, /* of one interface: one for each lane */
	REQUEST_PREFIX_MAX = 256,
	REQUEST_ROUTE_TOTAL_MAX = 4096, /* of one interface; they come in pages */
	REQUEST_TRACKED_MAX = 1024,     /* prefixes in all; they come in pages */
	REQUEST_TEXT_MAX = 399,
	REQUEST_WORDS_MAX = 103, /* so that a reply has room for as many as prefixes */
	REQUEST_PATH_MAX = 255,
	REQUEST_IFNAME_MAX = 15,
	REQUEST_INSTANCE_SIZE = 16,
	REQUEST_ERROR_MAX = 4095, /* the kernel's own bound for errno */
};

enum request_type {
	REQUEST_CONFIGURE = 1,
	REQUEST_STOP = 2,
	REQUEST_REPLY = 3,
	REQUEST_READY = 4,
	REQUEST_SOCKET = 5,
	REQUEST_INTERFACE = 6,
	REQUEST_INTERFACE_DELETE = 7,
	REQUEST_ROUTE_ADD = 8,
	REQUEST_ROUTE_DELETE = 9,
	REQUEST_EXIT = 10,
	REQUEST_ADOPT = 11,
	REQUEST_NETWORK = 12, /* no body: this host's links, addresses or routes have changed */
	REQUEST_REEXEC = 13,  /* no body: exchange this engine for what is on disk now */
	REQUEST_DNS = 14,     /* a client's: resolvers and domains, or none any more */
	/*
	 * A client's session is up, and the routes that its server had to announce have become what
	 * they could: who waits for the tunnel need not wait any more. Once a connection.
	 */
	REQUEST_UP = 15,
	REQUEST_TRACKED = 16,
	REQUEST_CARRIER = 17,
	REQUEST_LACK = 18,
	REQUEST_TYPE_COUNT
};

/*
 * What each descriptor beside CONFIGURE is. Files are sealed memfds holding the bytes that netd
 * itself has loaded.
 */
enum request_fd_kind {
	REQUEST_FD_CONFIG = 1, /* the configuration's text */
	REQUEST_FD_CERTIFICATE = 2,
	REQUEST_FD_KEY = 3,
	REQUEST_FD_CA = 4,
	REQUEST_FD_CRL = 5,
	REQUEST_FD_STATE = 6,    /* directory, writable by the engine */
	REQUEST_FD_CONTROL = 7,  /* listening unix socket of the command line */
	REQUEST_FD_LISTENER = 8, /* listening TCP socket; several */
	REQUEST_FD_KIND_COUNT
};

struct request_configure {
	uint32_t version;
	uint32_t generation;
	bool held;            /* a full tunnel holds packets back since an engine before */
	uint32_t adopt_count; /* interfaces of the engine before, which this one is to adopt */
	uint8_t instance[REQUEST_INSTANCE_SIZE]; /* of this run of netd: what hello carries */
	uint8_t fd_count;
	uint8_t fd_kind[REQUEST_FDS_MAX]; /* in the order of the descriptors */
	char path[REQUEST_PATH_MAX + 1];  /* where the configuration was read from, for messages */
};

struct request_interface { /* make, or bring to this: idempotent by peer */
	struct identity peer;
	uint32_t mtu; /* MESSAGE_MTU_MIN to MESSAGE_MTU_MAX */
	/*
	 * TUN queues: 1 to REQUEST_QUEUES_MAX. Fixed when the interface is made; the reply brings
	 * one descriptor for each that there is, which may be fewer: a client's are spread by a
	 * BPF program, and where the kernel refuses that there is one. With one queue it is a
	 * plain interface; several are handed over detached (TUNSETQUEUE).
	 */
	uint8_t queues;
	bool offloads; /* false: no vnet offloads will be used (still IFF_VNET_HDR) */
	/* AF_UNSPEC: none; local and remote come in pairs, of their family, at least one. */
	struct addr local4, remote4, local6, remote6;
	/*
	 * A client's: where the server was reached, for the next engine, which may find no resolver
	 * before it has a tunnel. Port 0: not known.
	 */
	struct endpoint outer;
};

struct request_routes {
	uint32_t interface; /* netd's number out of the INTERFACE's reply: 1 to INT32_MAX */
	uint16_t count;     /* ≥ 1 */
	struct prefix prefix[REQUEST_PREFIX_MAX]; /* host bits are carried: netd judges */
};

/*
 * What this host has of the networks that `announce` tracks: always the whole set, in pages of which
 * the last makes it whole. A page that begins at 0 begins a new set.
 */
struct request_tracked {
	uint16_t total;                           /* at most REQUEST_TRACKED_MAX */
	uint16_t offset;                          /* of this page's first */
	uint16_t count;                           /* offset + count is at most total */
	struct prefix prefix[REQUEST_PREFIX_MAX]; /* without host bits */
};

/*
 * What the kernel lacks of an interface, because another program took it away and netd cannot put it back now. Always
 * the whole set, in pages of routes; a page that begins at 0 begins a new set. An empty set: all is in place. For an
 * interface that the engine does not know it means nothing.
 */
struct request_lack {
	uint32_t interface;                       /* netd's number */
	bool link;                                /* it is down, or has another MTU */
	bool local4, local6;                      /* an address */
	char text[REQUEST_TEXT_MAX + 1];          /* why it is not put back */
	uint16_t total;                           /* routes, at most REQUEST_ROUTE_TOTAL_MAX */
	uint16_t offset;                          /* of this page's first */
	uint16_t count;                           /* offset + count is at most total */
	struct prefix prefix[REQUEST_PREFIX_MAX]; /* without host bits */
};

/*
 * Whether packets that are sent into the interface arrive anywhere. While they do not, its routes
 * get a metric that lets any other route to the same prefix win.
 */
struct request_carrier {
	uint32_t interface;
	bool on;
};

/*
 * Asks for one of the interfaces that were there before this engine: the `index`-th, from 0, and of
 * its routes those from `route_offset` on, as many as fit. The reply tells the interface and how
 * many routes there are in all, and brings its descriptors when `route_offset` is 0. Both count what
 * does not change before READY.
 */
struct request_adopt {
	uint32_t index;
	uint32_t route_offset;
};

struct request_dns {
	uint32_t interface; /* number, as in routes */
	struct nameservers nameservers;
};

struct request_verdict { /* on one prefix */
	uint8_t verdict; /* enum route_verdict */
	char words[REQUEST_WORDS_MAX +
		1]; /* unless it is ROUTE_ACCEPTED: what stands in the way, or "" */
};

struct request_reply {
	uint32_t error;                      /* errno; 0: done */
	char text[REQUEST_TEXT_MAX + 1];     /* on error: cause and cure */
	uint32_t interface;                  /* INTERFACE, ADOPT: netd's number of it */
	uint32_t ifindex;                    /* with it: the kernel's, in its namespace */
	char ifname[REQUEST_IFNAME_MAX + 1]; /* with it; printable, no space and no slash */
	uint16_t count;                      /* ROUTE_*: one verdict a prefix, in order */
	struct request_verdict verdicts[REQUEST_PREFIX_MAX];
	bool adopts; /* ADOPT, INTERFACE: the following four are there */
	/*
	 * ADOPT: as it was asked for. INTERFACE: as it is, which is without the addresses of a
	 * family that this host's kernel refuses.
	 */
	struct request_interface adopted;
	uint32_t route_total;                    /* at most REQUEST_ROUTE_TOTAL_MAX */
	uint16_t route_count;                    /* in this reply */
	struct prefix route[REQUEST_PREFIX_MAX]; /* without host bits */
};

struct request {
	enum request_type type;
	uint32_t id; /* chosen by who asks; 0 for CONFIGURE, STOP, NETWORK, TRACKED and LACK */
	union {
		struct request_configure configure;
		struct {
			uint32_t generation;
		} ready;
		struct {
			uint8_t family; /* AF_INET or AF_INET6 */
		} socket;
		struct request_interface interface;
		struct {
			uint32_t interface;
		} interface_delete;
		struct request_routes routes; /* ROUTE_ADD, ROUTE_DELETE */
		struct request_adopt adopt;
		struct request_dns dns; /* DNS, UP */
		struct request_tracked tracked;
		struct request_carrier carrier;
		struct request_lack lack;
		struct request_reply reply;
		struct {
			uint8_t code;                    /* enum exit_code */
			char text[REQUEST_TEXT_MAX + 1]; /* why, for netd's log */
		} exit;
	};
};

/* -EINVAL: a member outside its range; -ENOBUFS. Nothing is written then. */
int request_encode(struct writer *writer, const struct request *request);

/*
 * -EPROTONOSUPPORT: unknown type; -EBADMSG: cut, over-long or trailing bytes; -EINVAL: a member
 * outside its range (family, prefix length, identity, count, text with NUL…).
 */
int request_decode(const void *data, size_t len, struct request *ret_request);

const char *request_type_name(enum request_type type); /* "configure", …; "unknown" */

#endif
