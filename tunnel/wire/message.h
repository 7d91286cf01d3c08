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
 * Control messages. The payload of one FRAME_CONTROL is one TLV (type u16, length u16, value),
 * whose value is a list of field TLVs of the same form. A receiver skips unknown messages and
 * unknown fields. Errors are: a known field twice (except in lists), a wrong size, a value out of
 * range, a missing required field. An optional member is on the wire only if it is not zero, empty
 * or unset. docs/protocol.md gives every byte. Pure functions; any thread.
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
	MESSAGE_SIGN = 13,   /* client: the request for its next certificate */
	MESSAGE_ISSUED = 14, /* server: that certificate, or why there is none */
	MESSAGE_TRUST = 15,  /* client: what it trusts; server: its authorities and lists */
	/* Server: its resolvers and domains have changed since welcome. */
	MESSAGE_PUSH = 16,
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
	MESSAGE_MTU_MIN = 1280, /* IPv6's minimum, RFC 8200 */
	MESSAGE_MTU_MAX = 65535,
	MESSAGE_LANES_MAX = 64,
	MESSAGE_PING_MS_MIN = 100,
	MESSAGE_LIFETIME_MS_MAX = 86400000, /* a day */
	MESSAGE_PIECE_MAX = 4096,           /* bytes of a piece of what is larger than a message */
	MESSAGE_SIGN_MAX = 24576,           /* bytes of all pieces together */
	MESSAGE_ISSUED_MAX = 24576,
	MESSAGE_TRUST_MAX = 131072,
	MESSAGE_HASH_SIZE = 32,
	/* The wait before a client dials again if GOODBYE_CLASS_WAIT came without a time. */
	GOODBYE_WAIT_MS = 2000,
	/* The same after GOODBYE_REVOKED: a person has to act first. */
	GOODBYE_REVOKED_WAIT_MS = 10000,
	/* The time that a server which is being drained asks its clients to stay away. */
	GOODBYE_ELSEWHERE_MS = 10000,
};

/* Why a session ends; on the wire, never renumber. */
enum goodbye_code {
	GOODBYE_SHUTDOWN = 1, /* the sender ends; dial again when retry_after_ms is over */
	GOODBYE_REPLACED = 2, /* another instance of the identity replaced it: do not dial again */
	GOODBYE_UNLISTED = 3, /* valid certificate, but no entry in peers */
	GOODBYE_BAD_IDENTITY = 4, /* the name in the certificate breaks the identity rules */
	GOODBYE_PROTOCOL = 5,     /* a frame or message broke the protocol; the text names it */
	GOODBYE_NO_ADDRESS = 6,   /* the pool is exhausted, or addresses clash */
	GOODBYE_DEAD_PEER = 7,    /* nothing was heard for too long */
	GOODBYE_FLOOD = 8,        /* too many control messages */
	GOODBYE_DEADLINE = 9,     /* hello did not come in time */
	GOODBYE_LIMIT = 10,       /* too many sessions, lanes, … */
	GOODBYE_INTERNAL = 11,    /* the sender failed; its log has the cause */
	GOODBYE_VERSION = 12,     /* no common protocol version */
	GOODBYE_EXPIRED = 13,   /* the receiver's certificate has expired while it was connected */
	GOODBYE_REMOVED = 14,   /* the receiver's entry was taken from the configuration */
	GOODBYE_REVOKED = 15,   /* the receiver's certificate is not accepted any more */
	GOODBYE_ELSEWHERE = 16, /* the server is being drained: use another one */
	GOODBYE_CODE_COUNT,
	GOODBYE_OLD_LAST = GOODBYE_VERSION, /* of 0.1.0; newer codes need FEATURE_GOODBYE_CLASS */
};

/* What the receiver of a goodbye does next. On the wire beside the code: never renumber. */
enum goodbye_class {
	GOODBYE_CLASS_RETRY = 1, /* dial again at once, with backoff */
	GOODBYE_CLASS_WAIT = 2,  /* dial again, but something has to change first */
	GOODBYE_CLASS_STOP = 3,  /* do not dial again */
};

struct message_hello {
	uint16_t version;     /* not 0 */
	struct identity name; /* of the sender; informative, the certificate decides */
	uint8_t instance[MESSAGE_INSTANCE_SIZE];
	uint32_t offloads; /* enum offload: accepted by the sender; unknown bits are ignored */
	uint8_t lanes;     /* wanted, 1 to MESSAGE_LANES_MAX */
	uint32_t mtu;      /* wanted, MESSAGE_MTU_MIN to _MAX; 0: the server's choice */
	uint32_t features; /* enum feature; unknown bits are ignored; 0: release 0.1.0 */
	/* The session's number in the last welcome of this server; 0: none, or not told. */
	uint64_t last_session;
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
	 * AF_UNSPEC: none. At least one family has two addresses, one for each end, which differ.
	 * No address here, nor a resolver's, is unspecified, loopback, multicast or broadcast.
	 */
	struct addr client4, client6;
	struct addr server4, server6;
	/* All up to MESSAGE_LIFETIME_MS_MAX; ping and dead from MESSAGE_PING_MS_MIN. */
	uint32_t ping_ms;   /* send a ping after this silence */
	uint32_t dead_ms;   /* the session is dead after this silence; > ping_ms */
	uint32_t linger_ms; /* how long the session outlives its connection; 0: not at all */
	uint8_t dns_count;
	struct addr dns[MESSAGE_DNS_MAX];
	uint8_t domain_count;
	/* Each passes nameservers_domain_is_valid(). */
	char domains[MESSAGE_DOMAIN_MAX][MESSAGE_DOMAIN_TEXT_MAX + 1];
	uint32_t features; /* as in hello */
};

struct message_join {
	uint64_t session_id;
	uint8_t token[MESSAGE_TOKEN_SIZE];
	uint8_t instance[MESSAGE_INSTANCE_SIZE];
	bool claim_control;
};

/* The answer to an accepted join. */
struct message_joined {
	bool control; /* this connection has the control role now */
};

/* announce, withdraw, refuse */
struct message_prefixes {
	uint16_t count;                           /* ≥ 1 */
	struct prefix prefix[MESSAGE_PREFIX_MAX]; /* may have host bits: the receiver judges them */
	/* refuse: enum route_verdict without ROUTE_ACCEPTED; newer peers may send others. */
	uint8_t reason[MESSAGE_PREFIX_MAX];
};

/* Ping, pong: the pong repeats the ping's number. */
struct message_time {
	uint64_t time;
};

/*
 * A piece of something that is larger than a message. The pieces come in order, and each says how
 * many bytes there are in all.
 */
struct message_piece {
	uint32_t total;
	uint32_t offset; /* of this piece; offset + len is at most total */
	uint16_t len;
	uint8_t data[MESSAGE_PIECE_MAX];
};

/* The answer to a request for a certificate; on the wire, never renumber. */
enum message_verdict {
	MESSAGE_VERDICT_ISSUED = 0,  /* the pieces are the certificate's */
	MESSAGE_VERDICT_REFUSED = 1, /* the same request will be refused again */
	MESSAGE_VERDICT_LATER = 2,   /* ask again, not before retry_after_ms */
};

struct message_sign {
	uint32_t number;            /* of the request, not 0: the answer repeats it */
	struct message_piece piece; /* at least a byte */
};

struct message_issued {
	uint32_t number;
	uint8_t verdict; /* enum message_verdict; newer peers may send others: as REFUSED */
	uint32_t retry_after_ms;
	char text[MESSAGE_TEXT_MAX + 1]; /* why not; empty if it is issued */
	struct message_piece piece;      /* if it is issued, at least a byte; else none */
};

struct message_trust {
	uint8_t hash[MESSAGE_HASH_SIZE]; /* SHA-256 of the whole */
	struct message_piece piece;      /* from a client: none */
};

struct message_notice {
	char text[MESSAGE_TEXT_MAX + 1]; /* not empty; any bytes but NUL: escape before printing */
};

struct message_goodbye {
	uint16_t code; /* enum goodbye_code, not 0; newer peers may send others */
	/*
	 * Dial again no earlier than this; up to MESSAGE_LIFETIME_MS_MAX. 0: at once, with backoff.
	 */
	uint32_t retry_after_ms;
	char text[MESSAGE_TEXT_MAX + 1];
	uint8_t class; /* enum goodbye_class; newer peers may send others; 0: the peer sent none */
};

/* About 5 KiB: not for a packet's path. */
struct message {
	enum message_type type;
	union {
		struct message_hello hello;
		struct message_welcome welcome; /* push: only its resolvers and domains */
		struct message_join join;
		struct message_joined joined;
		struct message_prefixes prefixes;
		struct message_time time;
		struct message_notice notice;
		struct message_sign sign;
		struct message_issued issued;
		struct message_trust trust;
		struct message_goodbye goodbye;
	};
};

/*
 * Encodes the payload of a control frame; decoding it gives the same message. On failure it writes
 * nothing. -EINVAL: a member is outside its documented range; -ENOBUFS.
 */
int message_encode(struct writer *writer, const struct message *message);

/*
 * Decodes one payload. An unknown type gives 0 and MESSAGE_UNKNOWN, and its value is not examined.
 * On failure *problem names the message and the field; accepts NULL. -EBADMSG: broken TLV
 * structure, or bytes after the message. -EEXIST: a field twice. -EINVAL: a field's size or value,
 * or too many items in a list. -ENODATA: a required field is missing.
 */
int message_decode(
	const void *data, size_t len, struct message *ret_message, struct problem *problem);

/* The most instructions that message_decode() takes, which tests/system/input_cost.sh counts. */
enum {
	MESSAGE_COST_MAX = 3000,
	MESSAGE_BYTE_COST_MAX = 30, /* for each byte of the input */
};

const char *message_type_name(enum message_type type); /* "hello", …, "unknown" */
/* A text for a person; "unknown reason" for an unknown code. */
const char *goodbye_code_text(uint16_t code);
/* The same for a goodbye that this end has sent: "the other end" is this one. */
const char *goodbye_code_text_sent(uint16_t code);

/* The class of a known code; GOODBYE_CLASS_RETRY for any other. */
enum goodbye_class goodbye_code_class(uint16_t code);
/*
 * The class by which to handle a received goodbye. A known code decides alone. An unknown code has
 * the class that came with it, or GOODBYE_CLASS_RETRY if none came. An unknown class counts as
 * GOODBYE_CLASS_WAIT.
 */
enum goodbye_class goodbye_class(const struct message_goodbye *goodbye);
/* The code to send to a peer with these features: `code`, or the nearest one of 0.1.0. */
uint16_t goodbye_code_for(uint32_t features, uint16_t code);

#endif
