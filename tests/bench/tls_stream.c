/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The speed of TLS over TCP on this machine without a tunnel: a stream of zeros in TLS 1.3 with
 * AES-256-GCM. It is written and read 16 KB at a time as an ordinary program does it, with
 * OpenSSL's defaults.
 *
 * 	tls_stream serve ADDRESS PORT CERTIFICATE KEY
 * 	tls_stream run ADDRESS PORT CA up|down FLOWS SECONDS
 *
 * Each flow is a connection with a thread at either end. `run` prints the receivers' count and its
 * own CPU time: {"bits_per_second": N, "bytes": N, "seconds": N, "cpu_seconds": N, "cipher": NAME}.
 * The server runs until it is ended.
 */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/error_text.h"

enum {
	BLOCK = 16384,
	FLOWS_MAX = 64,
};

/* A client's request; both ends are on one machine, so host order suffices. */
struct request {
	uint32_t down; /* the server sends */
	uint32_t seconds;
};

struct flow {
	pthread_t thread;
	SSL *ssl;
	struct request request;
	uint64_t bytes;
	bool failed;
};

static uint8_t zeros[BLOCK];

static int fail(const char *what)
{
	fprintf(stderr, "tls_stream: %s: %s\n", what, error_text(errno));
	ERR_print_errors_fp(stderr);
	return -1;
}

static SSL_CTX *new_context(const SSL_METHOD *method)
{
	SSL_CTX *context = SSL_CTX_new(method);

	if (!context || SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1 ||
		SSL_CTX_set_ciphersuites(context, "TLS_AES_256_GCM_SHA384") != 1) {
		fail("context");
		exit(1);
	}
	return context;
}

/* ---- data ---- */

static int send_until(SSL *ssl, uint32_t seconds, uint64_t *bytes)
{
	struct mono end = mono_add(mono_now(), DURATION_S(seconds));

	do {
		if (SSL_write(ssl, zeros, BLOCK) != BLOCK)
			return fail("SSL_write");
		*bytes += BLOCK;
	} while (mono_before(mono_now(), end));
	return SSL_shutdown(ssl) < 0 ? fail("SSL_shutdown") : 0;
}

/* Receives until the other end closes its direction. */
static int receive_all(SSL *ssl, uint64_t *bytes)
{
	uint8_t block[BLOCK];
	int n;

	while ((n = SSL_read(ssl, block, BLOCK)) > 0)
		*bytes += (uint64_t)n;
	return SSL_get_error(ssl, n) == SSL_ERROR_ZERO_RETURN ? 0 : fail("SSL_read");
}

/* ---- server ---- */

static void *serve_flow(void *argument)
{
	SSL *ssl = argument;
	struct request request;
	uint64_t bytes = 0;

	if (SSL_accept(ssl) != 1 || SSL_read(ssl, &request, sizeof(request)) != sizeof(request)) {
		fail("handshake");
	} else if (request.down != 0) {
		send_until(ssl, request.seconds, &bytes);
	} else if (receive_all(ssl, &bytes) == 0) {
		/* Our own direction is still open. */
		if (SSL_write(ssl, &bytes, sizeof(bytes)) != sizeof(bytes))
			fail("SSL_write of the count");
		SSL_shutdown(ssl);
	}
	close(SSL_get_fd(ssl));
	SSL_free(ssl);
	return NULL;
}

static int run_server(const struct endpoint *endpoint, const char *certificate, const char *key)
{
	SSL_CTX *context = new_context(TLS_server_method());
	struct sockaddr_storage address;
	socklen_t len = endpoint_to_sockaddr(endpoint, &address);
	const int on = 1;
	int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1 ||
		SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1 ||
		SSL_CTX_set_num_tickets(context, 0) != 1)
		return fail("certificate and key");
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
		bind(fd, (struct sockaddr *)&address, len) < 0 || listen(fd, FLOWS_MAX) < 0)
		return fail("listen");
	for (;;) {
		pthread_t thread;
		int accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
		SSL *ssl = accepted < 0 ? NULL : SSL_new(context);
		if (!ssl || SSL_set_fd(ssl, accepted) != 1 ||
			pthread_create(&thread, NULL, serve_flow, ssl) != 0)
			return fail("accept");
		pthread_detach(thread);
	}
}

/* ---- client ---- */

static int connect_flow(struct flow *flow, SSL_CTX *context, const struct endpoint *endpoint)
{
	struct sockaddr_storage address;
	socklen_t len = endpoint_to_sockaddr(endpoint, &address);
	int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&address, len) < 0)
		return fail("connect");
	flow->ssl = SSL_new(context);
	if (!flow->ssl || SSL_set_fd(flow->ssl, fd) != 1 || SSL_connect(flow->ssl) != 1)
		return fail("handshake");
	return 0;
}

static int transfer(struct flow *flow)
{
	uint64_t sent = 0;

	if (SSL_write(flow->ssl, &flow->request, sizeof(flow->request)) != sizeof(flow->request))
		return fail("SSL_write of the request");
	if (flow->request.down != 0)
		return receive_all(flow->ssl, &flow->bytes);
	if (send_until(flow->ssl, flow->request.seconds, &sent) < 0)
		return -1;
	if (SSL_read(flow->ssl, &flow->bytes, sizeof(flow->bytes)) != sizeof(flow->bytes))
		return fail("SSL_read of the count");
	return flow->bytes == sent ? 0 : fail("not all arrived");
}

static void *run_flow(void *argument)
{
	struct flow *flow = argument;

	flow->failed = transfer(flow) < 0;
	return NULL;
}

static double cpu_seconds(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		(double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static int run_client(
	const struct endpoint *endpoint, const char *ca, struct request request, size_t count)
{
	static struct flow flows[FLOWS_MAX];
	SSL_CTX *context = new_context(TLS_client_method());
	uint64_t bytes = 0;

	if (SSL_CTX_load_verify_locations(context, ca, NULL) != 1)
		return fail(ca);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	for (size_t i = 0; i < count; i++) {
		flows[i].request = request;
		if (connect_flow(&flows[i], context, endpoint) < 0)
			return -1;
	}
	struct mono start = mono_now();
	double cpu = cpu_seconds();
	for (size_t i = 0; i < count; i++) {
		if (pthread_create(&flows[i].thread, NULL, run_flow, &flows[i]) != 0)
			return fail("thread");
	}
	for (size_t i = 0; i < count; i++) {
		pthread_join(flows[i].thread, NULL);
		if (flows[i].failed)
			return -1;
		bytes += flows[i].bytes;
	}
	double seconds = duration_seconds(mono_since(mono_now(), start));
	printf("{\"bits_per_second\": %.0f, \"bytes\": %llu, \"seconds\": %.3f, \"cpu_seconds\": %.4f, "
	       "\"cipher\": \"%s\"}\n",
		(double)bytes * 8 / seconds, (unsigned long long)bytes, seconds,
		cpu_seconds() - cpu, SSL_get_cipher(flows[0].ssl));
	return 0;
}

static bool number_in(const char *text, long from, long to, long *ret_number)
{
	char *end;
	long number = strtol(text, &end, 10);

	if (*text == '\0' || *end != '\0' || number < from || number > to)
		return false;
	*ret_number = number;
	return true;
}

int main(int argc, char **argv)
{
	struct endpoint endpoint;
	long port, flows, seconds;

	signal(SIGPIPE, SIG_IGN);
	if (argc < 4 || addr_parse(argv[2], &endpoint.addr) < 0 ||
		!number_in(argv[3], 1, 65535, &port))
		goto usage;
	endpoint.port = (uint16_t)port;
	if (strcmp(argv[1], "serve") == 0 && argc == 6)
		return run_server(&endpoint, argv[4], argv[5]) < 0;
	if (strcmp(argv[1], "run") == 0 && argc == 8 && number_in(argv[6], 1, FLOWS_MAX, &flows) &&
		number_in(argv[7], 1, 3600, &seconds)) {
		struct request request = { .down = strcmp(argv[5], "down") == 0,
			.seconds = (uint32_t)seconds };
		return run_client(&endpoint, argv[4], request, (size_t)flows) < 0;
	}
usage:
	fputs("usage: tls_stream serve ADDRESS PORT CERTIFICATE KEY\n"
	      "       tls_stream run ADDRESS PORT CA up|down FLOWS SECONDS\n",
		stderr);
	return 2;
}
