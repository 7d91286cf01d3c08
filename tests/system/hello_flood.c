/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A stranger that opens connections and sends a whole ClientHello on each, so many a second:
 *
 * 	hello_flood ADDRESS:PORT RATE SECONDS
 *
 * It answers nothing, and closes a connection when the server has answered, or after a tenth of a
 * second. It does no cryptography of its own: all connections send the same hello. It prints
 * `sent COUNT answered COUNT`.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/error_text.h"

enum {
	OPEN_MAX = 1024, /* connections at a time */
	LIFE_MS = 100,
	HELLO_MAX = 4096,
};

struct visit {
	int fd; /* -1: none */
	bool said;
	struct mono since;
};

static struct visit visits[OPEN_MAX];
static struct pollfd ready[OPEN_MAX];
static uint8_t hello[HELLO_MAX];
static int hello_len;
static unsigned long sent, answered;

/* Has OpenSSL make one hello. */
static bool make_hello(void)
{
	static const unsigned char alpn[] = "\x09"
					    "culvert/1";
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL *ssl = context ? SSL_new(context) : NULL;
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());

	if (!ssl || !in || !out || SSL_set_min_proto_version(ssl, TLS1_3_VERSION) != 1 ||
		SSL_set_alpn_protos(ssl, alpn, sizeof(alpn) - 1) != 0 ||
		SSL_set_tlsext_host_name(ssl, "gw-b") != 1)
		return false;
	SSL_set_bio(ssl, in, out);
	(void)SSL_connect(ssl); /* wants an answer */
	hello_len = BIO_read(out, hello, sizeof(hello));
	SSL_free(ssl);
	SSL_CTX_free(context);
	return hello_len > 0;
}

static void open_one(struct visit *visit, const struct sockaddr_storage *sa, socklen_t len)
{
	visit->fd = socket(sa->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	visit->said = false;
	visit->since = mono_now();
	if (visit->fd >= 0 && connect(visit->fd, (const struct sockaddr *)sa, len) < 0 &&
		errno != EINPROGRESS) {
		close(visit->fd);
		visit->fd = -1;
	}
}

/* A reset: no port stays in use. */
static void leave(struct visit *visit)
{
	const struct linger none = { .l_onoff = 1 };

	(void)setsockopt(visit->fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	close(visit->fd);
	visit->fd = -1;
}

static void go_on(struct visit *visit, short events)
{
	char byte;

	if (!visit->said && (events & POLLOUT)) {
		visit->said = true;
		if (send(visit->fd, hello, (size_t)hello_len, MSG_NOSIGNAL) == hello_len)
			sent++;
	}
	if (events & POLLIN && recv(visit->fd, &byte, 1, MSG_DONTWAIT) == 1)
		answered++;
	if ((events & (POLLIN | POLLHUP | POLLERR)) ||
		mono_since(mono_now(), visit->since).ns > DURATION_MS(LIFE_MS).ns)
		leave(visit);
}

static void flood(
	const struct sockaddr_storage *sa, socklen_t len, double rate, struct duration length)
{
	struct mono start = mono_now();
	unsigned long opened = 0;

	for (;;) {
		double passed = duration_seconds(mono_since(mono_now(), start));

		if (passed > duration_seconds(length))
			return;
		for (size_t i = 0; i < OPEN_MAX; i++) {
			if (visits[i].fd < 0 && (double)opened < passed * rate) {
				open_one(&visits[i], sa, len);
				opened++;
			}
			ready[i] = (struct pollfd){ .fd = visits[i].fd,
				.events = visits[i].said ? POLLIN : POLLOUT };
		}
		(void)poll(ready, OPEN_MAX, 1);
		for (size_t i = 0; i < OPEN_MAX; i++) {
			if (visits[i].fd >= 0)
				go_on(&visits[i], ready[i].fd < 0 ? 0 : ready[i].revents);
		}
	}
}

int main(int argc, char **argv)
{
	struct endpoint server;
	struct sockaddr_storage sa;
	socklen_t len;

	if (argc != 4 || endpoint_parse(argv[1], 443, &server) < 0 || !make_hello()) {
		fprintf(stderr, "usage: hello_flood ADDRESS:PORT RATE SECONDS\n");
		return 2;
	}
	len = endpoint_to_sockaddr(&server, &sa);
	for (size_t i = 0; i < OPEN_MAX; i++)
		visits[i].fd = -1;
	flood(&sa, len, strtod(argv[2], NULL), DURATION_S(strtol(argv[3], NULL, 10)));
	printf("sent %lu answered %lu\n", sent, answered);
	return 0;
}
