/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_WIRE_CLIENT_HELLO_H
#define CULVERT_WIRE_CLIENT_HELLO_H

#include <stddef.h>
#include <stdint.h>

/*
 * Tells how much of a TLS ClientHello has come, so that a connection that says nothing, or little,
 * costs the server no TLS object. Nothing in the message is interpreted. Pure; any thread. RFC 8446,
 * 5.1 and 4.
 */

enum {
	CLIENT_HELLO_MAX = 16384, /* bytes of the message and its records; ours has under 2,000 */
};

/*
 * Looks at the first `len` bytes of a connection. 0: a whole ClientHello is there, or something
 * that a TLS library refuses at once, such as an HTTP request. -EAGAIN: it is not whole, and
 * *ret_need bytes, more than `len` and never more than CLIENT_HELLO_MAX, must be there before
 * another look is worth it. -EBADMSG: no ClientHello. -EMSGSIZE: longer than CLIENT_HELLO_MAX.
 */
int client_hello_look(const uint8_t *data, size_t len, size_t *ret_need);

#endif
