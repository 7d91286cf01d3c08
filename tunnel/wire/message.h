/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_WIRE_MESSAGE_H
#define CULVERT_WIRE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "base/identity.h"
#include "base/nameservers.h"
#include "base/problem.h"
#include "base/route_rule.h"

/*
 * Control messages: the payload of one FRAME_CONTROL is one TLV (type u16, length u16, value),
 * whose value is a list of field TLVs of the same form. Unknown messages and unknown fields are
 * skipped; a known field twice (but in lists), of wrong size or out of range, or a required one
 * missing, is an error. A member that is optional stands on the wire only when it is not zero,
 * empty or unset. docs/protocol.md gives every byte. Pure functions; any thread.
 */

enum message_type {
	MESSAGE_UNKNOWN = 0, /* decoded from a type that this version does not know: skip it */
	MESSAGE_HELLO = 1,
	MESSAGE_WELCOME = 2,
	MESSAGE_JOIN = 3,
	MESSAGE_ANNOUNCE = 4,
	MESSAGE_WITHDRAW = 5,
	MESSAGE_REFUSE = 6,
	MESSAGE_END_OF_ROUTES = 7,
	MESSAGE_PING = 8,
	MESSAGE_PONG = 9,
	MESSAGE_NOTICE = 10,
	MESSAGE_GOODBYE = 11,
	MESSAGE_JOINED = 12,
	MESSAGE_TYPE_COUNT
};

enum {
	MESSAGE_VERSION = 1,
	MESSAGE_INSTANCE_SIZE = 16,
	MESSAGE_TOKEN_SIZE = 32,
	MESSAGE_TEXT_MAX = 255,   /* bytes of human text, without the NUL */
	MESSAGE_PREFIX_MAX = 256, /* prefixes in one announce, withdraw or refuse */
	MESSAGE_DNS_MAX = NAMESERVERS_MAX,
	MESSAGE_DOMAIN_MAX = NAMESERVERS_DOMAINS_MAX,
	MESSAGE_DOMAIN_TEXT_MAX = NAMESERVERS_DOMAIN_MAX,
	MESSAGE_MTU_MIN = 1280, /* IPv6's least, RFC 8200 */
	MESSAGE_MTU_MAX = 65535,
	MESSAGE_LANES_MAX = 64,
	MESSAGE_PING_MS_MIN = 100,
	MESSAGE_LIFETIME_MS_MAX = 86400000, /* a day */
	GOODBYE_WAIT_MS =
		2000, /* before a client comes back, where GOODBYE_CLASS_WAIT names no time */
};

/* Why a session ends; on the wire, never renumber. */
enum goodbye_code {
	GOODBYE_SHUTDOWN = 1,     /* the sender is going away; come back when told */
	GOODBYE_REPLACED = 2,     /* another instance of the identity took over: do not come back */
	GOODBYE_UNLISTED = 3,     /* valid certificate, but no peers entry */
	GOODBYE_BAD_IDENTITY = 4, /* the certificate's name breaks the identity rules */
	GOODBYE_PROTOCOL = 5,     /* a frame or message broke the protocol; the text names which */
	GOODBYE_NO_ADDRESS = 6,   /* pool exhausted or addresses clash */
	GOODBYE_DEAD_PEER = 7,    /* nothing was heard for too long */
	GOODBYE_FLOOD = 8,        /* too many control messages */
	GOODBYE_DEADLINE = 9,     /* hello did not come in time */
	GOODBYE_LIMIT = 10,       /* too many sessions, lanes, … */
	GOODBYE_INTERNAL = 11,    /* the sender failed; its log says how */
	GOODBYE_VERSION = 12,     /* no common protocol version */
	GOODBYE_EXPIRED = 13, /* the receiver's certificate has expired while it was connected */
	GOODBYE_CODE_COUNT,
	GOODBYE_OLD_LAST = GOODBYE_VERSION, /* of 0.1.0; newer ones need FEATURE_GOODBYE_CLASS */
};

/* What the receiver of a goodbye does next; on the wire beside the code, never renumber. */
enum goodbye_class {
	GOODBYE_CLASS_RETRY = 1, /* come back at once, with backoff */
	GOODBYE_CLASS_WAIT = 2,  /* come back, but something has to change first */
	GOODBYE_CLASS_STOP = 3,  /* do not come back by yourself */
};

struct message_hello {
	uint16_t version;     /* not 0 */
	struct identity name; /* of the sender; informative, the certificate decides */
	uint8_t instance[MESSAGE_INSTANCE_SIZE];
	uint32_t offloads; /* accepted, enum offload; unknown bits are ignored */
	uint8_t lanes;     /* wanted, 1 to MESSAGE_LANES_MAX */
	uint32_t mtu;      /* wanted, MESSAGE_MTU_MIN to _MAX; 0: the server's choice */
	uint32_t features; /* enum feature; unknown bits are ignored; 0: release 0.1.0 */
};

struct message_welcome {
	uint16_t version;
	struct identity name;
	uint64_t session_id;
	uint8_t token[MESSAGE_TOKEN_SIZE];
	uint32_t offloads;
	uint8_t lanes;
	uint32_t mtu;
	/*
	 * AF_UNSPEC: none. At least one family has addresses, and then both ends, different ones;
	 * none is unspecified, loopback, multicast or broadcast. The resolvers neither.
	 */
	struct addr client4, client6;
	struct addr server4, server6;
	/* All up to MESSAGE_LIFETIME_MS_MAX; ping and dead from MESSAGE_PING_MS_MIN. */
	uint32_t ping_ms;   /* send a ping after so much silence */
	uint32_t dead_ms;   /* the session is dead after so much silence; > ping_ms */
	uint32_t linger_ms; /* the session outlives its connection by so much; 0: not at all */
	uint8_t dns_count;
	struct addr dns[MESSAGE_DNS_MAX];
	uint8_t domain_count;
	char domains[MESSAGE_DOMAIN_MAX]
		    [MESSAGE_DOMAIN_TEXT_MAX + 1]; /* nameservers_domain_is_valid() */
	uint32_t features;                         /* as in hello */
};

struct message_join {
	uint64_t session_id;
	uint8_t token[MESSAGE_TOKEN_SIZE];
	uint8_t instance[MESSAGE_INSTANCE_SIZE];
	bool claim_control;
};

struct message_joined { /* what an accepted join is answered with */
	bool control;   /* this connection has the control role now */
};

/* announce, withdraw, refuse */
struct message_prefixes {
	uint16_t count;                           /* ≥ 1 */
	struct prefix prefix[MESSAGE_PREFIX_MAX]; /* host bits are carried: the receiver judges */
	/* refuse: enum route_verdict but ROUTE_ACCEPTED, others possible from newer peers. */
	uint8_t reason[MESSAGE_PREFIX_MAX];
};

struct message_time { /* ping, pong: the pong repeats the ping's number */
	uint64_t time;
};

struct message_notice {
	char text[MESSAGE_TEXT_MAX + 1]; /* not empty; any bytes but NUL: escape before printing */
};

struct message_goodbye {
	uint16_t code; /* enum goodbye_code, others possible from newer peers; not 0 */
	/* Come back not earlier; up to MESSAGE_LIFETIME_MS_MAX; 0: at once, with backoff. */
	uint32_t retry_after_ms;
	char text[MESSAGE_TEXT_MAX + 1];
	uint8_t class; /* enum goodbye_class, others possible from newer peers; 0: not told */
};

struct message { /* about 5 KiB: not for a data path */
	enum message_type type;
	union {
		struct message_hello hello;
		struct message_welcome welcome;
		struct message_join join;
		struct message_joined joined;
		struct message_prefixes prefixes;
		struct message_time time;
		struct message_notice notice;
		struct message_goodbye goodbye;
	};
};

/*
 * Encodes the payload of a control frame. -EINVAL: a member outside its documented range; -ENOBUFS.
 * Nothing is written then. Whatever encodes, decodes to the same.
 */
int message_encode(struct writer *writer, const struct message *message);

/*
 * Decodes one payload. -EBADMSG: broken TLV structure, or bytes after the message; -EEXIST: a field
 * twice; -EINVAL: a field's size or value, or too many items in a list; -ENODATA: a required field
 * is missing. `problem` (may be NULL) names the message and field. An unknown type gives
 * MESSAGE_UNKNOWN and 0; its value is not looked into.
 */
int message_decode(
	const void *data, size_t len, struct message *ret_message, struct problem *problem);

const char *message_type_name(enum message_type type); /* "hello", …, "unknown" */
const char *goodbye_code_text(uint16_t code);          /* words for a person; "unknown reason" */

/* The class of a code that this version knows; GOODBYE_CLASS_RETRY for any other. */
enum goodbye_class goodbye_code_class(uint16_t code);
/*
 * How a goodbye that was heard is to be taken. A known code decides by itself; an unknown one has
 * the class that came with it, and GOODBYE_CLASS_RETRY where none came. A class that this version
 * does not know counts as GOODBYE_CLASS_WAIT.
 */
enum goodbye_class goodbye_class(const struct message_goodbye *goodbye);
/* The code to send to a peer with these features: `code`, or the nearest one of 0.1.0. */
uint16_t goodbye_code_for(uint32_t features, uint16_t code);

#endif
