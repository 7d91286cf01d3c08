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
 * Requests: the messages between engine and netd over their socketpair (SOCK_SEQPACKET, descriptor
 * 3 in the engine). One message is one datagram, with descriptors beside it (SCM_RIGHTS). netd
 * decodes messages of an engine that may be subverted. So the rules of the wire hold here, too: a
 * checked reader, a limit for every length, and no odd value accepted. Both ends are the same
 * build, or one build apart during an upgrade: REQUEST_VERSION shows which. Pure functions; any
 * thread.
 *
 *   netd → engine   CONFIGURE (first, once), STOP, NETWORK, TRACKED, LACK, JUDGED, PLACES, HELD,
 *                   RECONFIGURE, REPLY
 *   engine → netd   ADOPT (before READY), READY, SOCKET, INTERFACE, INTERFACE_DELETE, CARRIER,
 *                   ROUTE_ADD, ROUTE_DELETE, DNS, UP, SILENT, PROBE, REEXEC, RELOAD,
 *                   RECONFIGURED, EXIT
 *
 * netd answers each message of the engine by a REPLY with the same id, in order.
 */

enum {
	REQUEST_VERSION = 10,
	REQUEST_FD = 3,
	REQUEST_SIZE_MAX = 32768,
	REQUEST_FDS_MAX = 24,
	REQUEST_QUEUES_MAX = 16, /* of one interface: one for each lane */
	REQUEST_PREFIX_MAX = 256,
	REQUEST_ROUTE_TOTAL_MAX = 4096, /* of one interface; sent in pages */
	REQUEST_TRACKED_MAX = 1024,     /* prefixes in all; sent in pages */
	REQUEST_TEXT_MAX = 399,
	REQUEST_REASON_MAX = 103, /* so short that a reply has room for one a prefix */
	REQUEST_PATH_MAX = 255,
	REQUEST_IFNAME_MAX = 15,
	REQUEST_INSTANCE_SIZE = 16,
	REQUEST_ERROR_MAX = 4095, /* the kernel's own limit for errno */
	REQUEST_HELD_MAX = 16,    /* things that netd holds on the host */
	REQUEST_HELD_NAME_MAX = 39,
	REQUEST_HELD_WHAT_MAX = 127,
	REQUEST_HELD_WRITER_MAX = 63,
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
	REQUEST_REEXEC = 13,  /* no body: replace this engine by the program now on disk */
	REQUEST_DNS = 14,     /* a client's resolvers and domains, or an empty set to remove them */
	/*
	 * A client's session is up, and the routes that its server announced are handled. netd then
	 * releases whatever waits for the tunnel. Once a connection.
	 */
	REQUEST_UP = 15,
	REQUEST_TRACKED = 16,
	REQUEST_CARRIER = 17,
	REQUEST_LACK = 18,
	REQUEST_SILENT = 19,
	REQUEST_JUDGED = 20,
	/*
	 * No body: the networks that this host is connected to have changed. What netd refused on
	 * their account may be free now.
	 */
	REQUEST_PLACES = 21,
	REQUEST_HELD = 22,
	/*
	 * Read the configuration again. A reply with an error: it was refused, and the
	 * text says why. With a text but no error: nothing has changed, or the text says what
	 * would, if that alone was asked for. With neither: a RECONFIGURE was sent.
	 */
	REQUEST_RELOAD = 23,
	REQUEST_RECONFIGURE = 24,
	/*
	 * The engine has examined a RECONFIGURE. The reply without an error means that netd has
	 * switched, and the engine switches when it reads that.
	 */
	REQUEST_RECONFIGURED = 25,
	REQUEST_PROBE = 26,
	REQUEST_TYPE_COUNT
};

/*
 * The kind of each descriptor beside CONFIGURE. Files are sealed memfds with the bytes that netd
 * itself has loaded.
 */
enum request_fd_kind {
	REQUEST_FD_CONFIG = 1, /* the configuration's text */
	REQUEST_FD_CERTIFICATE = 2,
	REQUEST_FD_KEY = 3,
	REQUEST_FD_CA = 4,
	REQUEST_FD_CRL = 5,
	REQUEST_FD_STATE = 6,    /* directory, writable by the engine */
	REQUEST_FD_CONTROL = 7,  /* listening unix socket for the command line */
	REQUEST_FD_LISTENER = 8, /* listening TCP socket; may come several times */
	/* The engine's end of the socketpair to the issuing process, and that process's (wire/issue). */
	REQUEST_FD_ISSUER = 9,
	REQUEST_FD_ISSUER_CERTIFICATE = 10, /* to the issuing process only */
	REQUEST_FD_ISSUER_KEY = 11,         /* likewise */
	REQUEST_FD_KIND_COUNT
};

/* Which configuration runs. */
struct request_load {
	uint32_t number; /* its generation: 1 at the start of netd, one more with each reload */
	uint32_t at_s;   /* when it was loaded: seconds of struct mono */
	char changed[REQUEST_TEXT_MAX + 1]; /* by the reload; "" at the start */
};

struct request_configure {
	uint32_t version;
	uint32_t generation;
	bool held;            /* a full tunnel holds packets back since an earlier engine */
	uint32_t adopt_count; /* interfaces of the last engine, which this one must adopt */
	uint8_t instance[REQUEST_INSTANCE_SIZE]; /* of this run of netd; hello carries it */
	uint8_t fd_count;
	uint8_t fd_kind[REQUEST_FDS_MAX]; /* in the order of the descriptors */
	char path[REQUEST_PATH_MAX + 1];  /* of the configuration file, for messages */
	struct request_load load;
};

/*
 * A new configuration with all its files, as CONFIGURE carries them; the listeners are those that
 * the engine does not have yet. netd and the engine both keep the old one until both have found the
 * new one right.
 */
struct request_reconfigure {
	uint8_t fd_count;
	uint8_t fd_kind[REQUEST_FDS_MAX]; /* in the order of the descriptors */
	struct request_load load;
};

struct request_reconfigured {
	uint32_t number;                 /* the one of the RECONFIGURE */
	uint32_t error;                  /* errno; 0: the engine would switch to it */
	char text[REQUEST_TEXT_MAX + 1]; /* on error: cause and cure */
};

/* Make the interface, or change it to this: idempotent by peer. */
struct request_interface {
	struct identity peer;
	uint32_t mtu; /* MESSAGE_MTU_MIN to MESSAGE_MTU_MAX */
	/*
	 * TUN queues: 1 to REQUEST_QUEUES_MAX, fixed when the interface is made. The reply brings
	 * one descriptor a queue. It may bring fewer: a BPF program spreads packets over a client's
	 * queues, and if the kernel refuses it there is only one. An interface with one queue is a
	 * plain one; several queues arrive detached (TUNSETQUEUE).
	 */
	uint8_t queues;
	bool offloads; /* false: no vnet offloads will be used (still IFF_VNET_HDR) */
	/*
	 * AF_UNSPEC: none. local and remote come in pairs of one family; at least one pair is set.
	 */
	struct addr local4, remote4, local6, remote6;
	/*
	 * A client's: the server's address, for the next engine, which may find no resolver before
	 * it has a tunnel. Port 0: unknown.
	 */
	struct endpoint outer;
};

struct request_routes {
	uint32_t interface; /* netd's number from the INTERFACE's reply: 1 to INT32_MAX */
	uint16_t count;     /* ≥ 1 */
	struct prefix prefix[REQUEST_PREFIX_MAX]; /* may have host bits: netd judges them */
};

/*
 * The prefixes of this host that `announce` tracks. Always the whole set, in pages: it is complete
 * with the last page, and a page at offset 0 begins a new set.
 */
struct request_tracked {
	uint16_t total;                           /* at most REQUEST_TRACKED_MAX */
	uint16_t offset;                          /* of this page's first prefix */
	uint16_t count;                           /* offset + count is at most total */
	struct prefix prefix[REQUEST_PREFIX_MAX]; /* without host bits */
};

/*
 * What an interface lacks in the kernel because another program removed it and netd cannot restore
 * it now. Always the whole set, in pages of routes: a page at offset 0 begins a new set. An empty
 * set means that everything is in force. The engine ignores it for an unknown interface.
 */
struct request_lack {
	uint32_t interface;                       /* netd's number */
	bool link;                                /* the link is down, or has another MTU */
	bool local4, local6;                      /* an address is missing */
	char text[REQUEST_TEXT_MAX + 1];          /* why netd cannot restore it */
	uint16_t total;                           /* routes, at most REQUEST_ROUTE_TOTAL_MAX */
	uint16_t offset;                          /* of this page's first route */
	uint16_t count;                           /* offset + count is at most total */
	struct prefix prefix[REQUEST_PREFIX_MAX]; /* without host bits */
};

/*
 * Whether packets that go into the interface arrive at the peer. While they do not, its routes get
 * a metric with which any other route to the same prefix wins.
 */
struct request_carrier {
	uint32_t interface;
	bool on;
};

/*
 * Asks for an interface that exists since an earlier engine, the one with this `index` from 0. Of
 * its routes it asks for those from `route_offset` on, as many as fit. The reply has the interface
 * and the number of all routes, and brings the descriptors if `route_offset` is 0. Index and offset
 * are stable until READY.
 */
struct request_adopt {
	uint32_t index;
	uint32_t route_offset;
};

/*
 * A path of a client's Multipath TCP connection has fallen silent, or is not open any more, while
 * another one of it works. netd has the kernel use others and open it again.
 */
struct request_silent {
	struct addr local; /* of this end of the path */
};

/*
 * Asks for a socket to the probe of this prefix of `announce`. netd takes the target from its own
 * configuration. The reply brings a TCP socket whose connect(2) is under way, or a connected
 * socket for ICMP echo; both are bound to the link that leads there. An error without a
 * descriptor: the target cannot be reached now, and `text` says why; ENOMEM, EMFILE, ENFILE or
 * ENOBUFS: this host could not ask.
 */
struct request_probe {
	struct prefix prefix; /* without host bits */
};

struct request_dns {
	uint32_t interface; /* number, as in routes */
	struct nameservers nameservers;
};

/* On one prefix. */
struct request_verdict {
	uint8_t verdict; /* enum route_verdict */
	/* The reason, or "" for ROUTE_ACCEPTED. */
	char reason[REQUEST_REASON_MAX + 1];
};

/*
 * netd has judged an installed route again, after this host's networks changed, and removes it.
 */
struct request_judged {
	uint32_t interface;             /* netd's number */
	struct prefix prefix;           /* without host bits */
	struct request_verdict verdict; /* not ROUTE_ACCEPTED */
};

/* One thing that netd holds on the host, such as the policy rules of a full tunnel. */
struct request_held_item {
	char name[REQUEST_HELD_NAME_MAX + 1];
	bool in_place;
	uint32_t changes; /* how often other programs have changed it */
	/* The last change: its object and the program, or "" where that is not known. */
	char what[REQUEST_HELD_WHAT_MAX + 1];
	char writer[REQUEST_HELD_WRITER_MAX + 1];
	char why[REQUEST_TEXT_MAX + 1]; /* why it is not in place, or "" */
};

/* Always the whole set. */
struct request_held {
	uint16_t count;
	struct request_held_item items[REQUEST_HELD_MAX];
};

struct request_reply {
	uint32_t error;                  /* errno; 0: done */
	char text[REQUEST_TEXT_MAX + 1]; /* on error: cause and cure */
	uint32_t interface;              /* INTERFACE, ADOPT: netd's number of the interface */
	uint32_t ifindex; /* INTERFACE, ADOPT: the kernel's, in the interface's namespace */
	/* INTERFACE, ADOPT; printable, no space and no slash */
	char ifname[REQUEST_IFNAME_MAX + 1];
	uint16_t count; /* ROUTE_*: one verdict a prefix, in order */
	struct request_verdict verdicts[REQUEST_PREFIX_MAX];
	bool adopts; /* ADOPT, INTERFACE: the next four members are set */
	/*
	 * ADOPT: the interface as the last engine requested it. INTERFACE: as it is now, without
	 * the addresses of a family that this host's kernel refuses.
	 */
	struct request_interface adopted;
	uint32_t route_total;                    /* at most REQUEST_ROUTE_TOTAL_MAX */
	uint16_t route_count;                    /* in this reply */
	struct prefix route[REQUEST_PREFIX_MAX]; /* without host bits */
};

struct request {
	enum request_type type;
	/* The sender chooses it; 0 for what netd sends of its own accord. */
	uint32_t id;
	union {
		struct request_configure configure;
		struct request_reconfigure reconfigure;
		struct request_reconfigured reconfigured;
		struct {
			uint32_t generation;
		} ready;
		struct {
			bool only_check; /* changes nothing */
		} reload;
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
		struct request_judged judged;
		struct request_held held;
		struct request_silent silent;
		struct request_probe probe;
		struct request_reply reply;
		struct {
			uint8_t code;                    /* enum exit_code */
			char text[REQUEST_TEXT_MAX + 1]; /* the reason, for netd's log */
		} exit;
	};
};

/* On failure it writes nothing. -EINVAL: a member is outside its range; -ENOBUFS. */
int request_encode(struct writer *writer, const struct request *request);

/*
 * -EPROTONOSUPPORT: unknown type. -EBADMSG: missing or trailing bytes. -EINVAL: a member is outside
 * its range (family, prefix length, identity, count, text with NUL…).
 */
int request_decode(const void *data, size_t len, struct request *ret_request);

/* The most instructions that request_decode() takes, which tests/system/input_cost.sh counts. */
enum {
	REQUEST_COST_MAX = 10000,
	REQUEST_BYTE_COST_MAX = 60, /* for each byte of the input */
};

const char *request_type_name(enum request_type type); /* "configure", …; "unknown" */

#endif
