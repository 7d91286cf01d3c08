/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_WIRE_ISSUE_H
#define CULVERT_WIRE_ISSUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/identity.h"
#include "wire/message.h"

/*
 * What engine and issuing process say to each other, over a socketpair (SOCK_SEQPACKET) that netd
 * has made. One message is one datagram. Neither end trusts the other: the engine may be subverted,
 * and the issuing process reads what a peer has sent. Pure functions; any thread.
 */

enum { ISSUE_SIZE_MAX = 32768 };

/* engine → issuing process */
struct issue_request {
	uint32_t number;      /* the answer repeats it */
	struct identity name; /* of the session's peer */
	struct view request;  /* system/tls_request; borrowed */
};

/* issuing process → engine */
struct issue_answer {
	uint32_t number;
	uint8_t verdict; /* enum message_verdict */
	uint32_t retry_after_ms;
	char text[MESSAGE_TEXT_MAX + 1]; /* why not */
	struct view certificate;         /* PEM; borrowed */
};

/* -EINVAL: a member is outside its range; -ENOBUFS. */
int issue_request_encode(struct writer *writer, const struct issue_request *request);
int issue_answer_encode(struct writer *writer, const struct issue_answer *answer);
/* -EBADMSG: missing or trailing bytes; -EINVAL: a member is outside its range. */
int issue_request_decode(const void *data, size_t len, struct issue_request *ret_request);
int issue_answer_decode(const void *data, size_t len, struct issue_answer *ret_answer);

#endif
