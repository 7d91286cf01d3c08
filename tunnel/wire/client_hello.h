/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_WIRE_CLIENT_HELLO_H
#define CULVERT_WIRE_CLIENT_HELLO_H

#include <stddef.h>
#include <stdint.h>

/*
 * Finds out how much of a TLS ClientHello has arrived, so that a silent connection costs the server
 * no TLS object. It does not interpret the message. Pure; any thread. RFC 8446, 5.1 and 4.
 */

enum {
	CLIENT_HELLO_MAX = 16384, /* bytes of the message and its records; ours has under 2,000 */
};

/*
 * Examines the first `len` bytes of a connection. 0: a whole ClientHello, or something that a TLS
 * library refuses at once, such as an HTTP request. -EAGAIN: not whole; call again with at least
 * *ret_need bytes, which is more than `len` and at most CLIENT_HELLO_MAX. -EBADMSG: not a
 * ClientHello. -EMSGSIZE: longer than CLIENT_HELLO_MAX.
 */
int client_hello_look(const uint8_t *data, size_t len, size_t *ret_need);

/* The most instructions that client_hello_look() takes, which tests/system/input_cost.sh counts. */
enum {
	CLIENT_HELLO_COST_MAX = 500,
	CLIENT_HELLO_BYTE_COST_MAX = 10, /* for each byte of the input */
};

#endif
