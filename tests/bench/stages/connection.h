/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_TESTS_BENCH_STAGES_CONNECTION_H
#define CULVERT_TESTS_BENCH_STAGES_CONNECTION_H

#include "system/tls.h"

/*
 * A TLS connection without a network: a client and a server of ours, with their own PKI, whose
 * handshake is done. The client writes to `output`, which the caller feeds to the server.
 */

struct connection {
	struct tls *client, *server;
	struct tls_output output, answers; /* the client's, the server's */
	struct tls_context *contexts[2];
};

/* `room`: bytes for the client's output, at least TLS_OUTPUT_HANDSHAKE. */
void connection_open(struct connection *connection, size_t room);
void connection_close(struct connection *connection);

#endif
