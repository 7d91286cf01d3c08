/* SPDX-License-Identifier: Apache-2.0 */
#include "connection.h"

#include <stdlib.h>

#include "stage.h"
#include "system/tls_internal.h"
#include "tests/unit/tls_fixture.h"

static void make_contexts(struct tls_context *contexts[2])
{
	struct fixture_pair ca = fixture_ca("CA"), client = fixture_client(&ca, "a"),
			    server = fixture_server(&ca, "b");

	contexts[0] = fixture_context(TLS_CLIENT, &client, &ca, NULL);
	contexts[1] = fixture_context(TLS_SERVER, &server, &ca, NULL);
	fixture_free(&ca);
	fixture_free(&client);
	fixture_free(&server);
}

/* True: this end's handshake is done. */
static bool step(struct tls *tls, struct tls_output *incoming)
{
	struct problem problem = { 0 };

	if (incoming->len > 0)
		tls_feed(tls, incoming->data, incoming->len);
	int r = tls_handshake(tls, &problem);
	stage_require(r >= 0 && reader_left(&tls->input) == 0, problem.text);
	incoming->len = 0;
	return r == 1;
}

void connection_open(struct connection *connection, size_t room)
{
	bool client = false, server = false;

	make_contexts(connection->contexts);
	stage_require(tls_new(connection->contexts[0], &connection->client) == 0 &&
			tls_new(connection->contexts[1], &connection->server) == 0,
		"there is memory");
	connection->output = (struct tls_output){ .data = malloc(room), .capacity = room };
	connection->answers = (struct tls_output){
		.data = malloc(TLS_OUTPUT_HANDSHAKE),
		.capacity = TLS_OUTPUT_HANDSHAKE,
	};
	stage_require(connection->output.data && connection->answers.data, "there is memory");
	tls_set_output(connection->client, &connection->output);
	tls_set_output(connection->server, &connection->answers);
	while (!client || !server) {
		client = step(connection->client, &connection->answers);
		server = step(connection->server, &connection->output);
	}
}

void connection_close(struct connection *connection)
{
	tls_free(connection->client);
	tls_free(connection->server);
	free(connection->output.data);
	free(connection->answers.data);
	for (size_t i = 0; i < 2; i++)
		tls_context_unref(connection->contexts[i]);
}
