/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/container.h"
#include "base/error_text.h"
#include "system/spare.h"
#include "wire/client_hello.h"

/*
 * Connections without a complete ClientHello. Each costs a descriptor and a few hundred bytes; TLS
 * begins only with the complete message. There are max_handshakes slots. When all are taken, a
 * newcomer gets a slot all the same: the oldest connection of the fullest network gives way. So a
 * stranger with many connections only loses its own.
 *
 * The bytes stay in the socket, where this file peeks at them and the lane's TLS reads them. The
 * watch is edge-triggered, so a part of a ClientHello does not keep the loop awake. Where the
 * kernel honours SO_RCVLOWAT (Multipath TCP may not), a connection that sends byte by byte does not
 * even wake it.
 *
 * The last descriptors are not for strangers: a new session needs some for its interface.
 *
 * TCP_DEFER_ACCEPT is not set. It would keep silent connections in the kernel's queue of half-open
 * connections, which has the size of the backlog and knows no networks. With 5,000 silent
 * connections and no SYN cookies the kernel then drops every newcomer, which this file prevents.
 * With SYN cookies it passes most of the silent ones to us anyway.
 */

enum {
	LONGEST_MS = 5000,  /* time for a complete ClientHello, with free slots … */
	SHORTEST_MS = 2000, /* … and with none: a lost segment is sent again after 1 s */
};

struct visitor {
	TAILQ_ENTRY(visitor) link;
	struct server *server;
	struct loop_watch watch;
	struct loop_timer timer;
	struct endpoint outer;
	struct mono deadline; /* of the whole admission */
	struct network network;
};

static void leave(struct visitor *visitor)
{
	struct server *server = visitor->server;

	loop_timer_stop(server->engine.world.loop, &visitor->timer);
	loop_watch_remove(server->engine.world.loop, &visitor->watch);
	TAILQ_REMOVE(&server->visitors, visitor, link);
	server->visitor_count--;
	networks_leave(&server->visitor_networks, &visitor->network);
	free(visitor);
}

/* Closes with a reset, so that the kernel keeps nothing of it. */
static void turn_away(struct visitor *visitor, const char *cause)
{
	const struct linger none = { .l_onoff = 1, .l_linger = 0 };
	int fd = visitor->watch.fd;

	refusal_log(visitor->server, &visitor->outer, "", cause);
	leave(visitor);
	(void)setsockopt(
		fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none)); /* else it closes normally */
	close(fd);
}

static void too_late(struct loop_timer *timer)
{
	turn_away(container_of(timer, struct visitor, timer),
		"deadline passed: it did not send a whole TLS ClientHello in time");
}

static void make_room(struct server *server)
{
	struct visitor *visitor, *victim = TAILQ_FIRST(&server->visitors);

	/* The list is oldest first, so the oldest of equals is taken. */
	TAILQ_FOREACH(visitor, &server->visitors, link) {
		if (networks_is_fuller(
			    &server->visitor_networks, &visitor->network, &victim->network))
			victim = visitor;
	}
	if (victim)
		turn_away(victim,
			"closed for a newer connection: the limit of connections without a whole TLS ClientHello (max_handshakes, or free descriptors) is reached, and most are from this network");
}

static void hand_over(struct visitor *visitor)
{
	struct server *server = visitor->server;
	struct endpoint outer = visitor->outer;
	struct mono deadline = visitor->deadline;
	const char *cause = room_make(&server->admission, &outer.addr);
	int fd = visitor->watch.fd, one = 1;

	if (cause) {
		turn_away(visitor, cause);
		return;
	}
	leave(visitor);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &one, sizeof(one)); /* a valid value */
	admission_take(&server->admission, fd, &outer, deadline);
}

static void wait_for_more(struct visitor *visitor, size_t need, uint32_t events)
{
	int bytes = (int)need;

	if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
		turn_away(visitor,
			"the other end closed the connection before its ClientHello was whole");
	else
		(void)setsockopt(visitor->watch.fd, SOL_SOCKET, SO_RCVLOWAT, &bytes,
			sizeof(bytes)); /* on failure it only costs wake-ups */
}

static void visitor_ready(struct loop_watch *watch, uint32_t events)
{
	struct visitor *visitor = container_of(watch, struct visitor, watch);
	uint8_t data[CLIENT_HELLO_MAX];
	size_t need = 1;
	int r = -EAGAIN;
	ssize_t n = recv(watch->fd, data, sizeof(data), MSG_PEEK | MSG_DONTWAIT);

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		turn_away(visitor, error_text(errno));
		return;
	}
	if (n > 0)
		r = client_hello_look(data, (size_t)n, &need);
	if (n == 0)
		turn_away(visitor, "the other end closed the connection without sending anything");
	else if (r == 0)
		hand_over(visitor);
	else if (r == -EAGAIN)
		wait_for_more(visitor, need, events);
	else
		turn_away(visitor,
			r == -EMSGSIZE ? "its TLS ClientHello is too long"
				       : "it sent data that is not a TLS ClientHello");
}

/* The more slots are taken, the less time each connection has. */
static struct duration patience(const struct server *server)
{
	const struct settings *settings = server->engine.settings;
	int64_t longest = DURATION_MS(LONGEST_MS).ns, shortest = DURATION_MS(SHORTEST_MS).ns;

	if (longest > settings->handshake_timeout.ns)
		longest = settings->handshake_timeout.ns;
	if (shortest > longest)
		shortest = longest;
	return (struct duration){ longest -
		(longest - shortest) / server->engine.descriptors.handshakes *
			server->visitor_count };
}

void doorstep_take(struct server *server, int fd, const struct endpoint *outer)
{
	struct engine *engine = &server->engine;
	bool spare = spare_has(fd);
	struct visitor *visitor;

	if (spare && server->visitor_count == 0) {
		refusal_log(server, outer, "",
			"the limit of open files is nearly reached; raise LimitNOFILE= or \"ulimit -n\"");
		close(fd);
		return;
	}
	if (spare || server->visitor_count >= engine->descriptors.handshakes)
		make_room(server);
	if (spare)
		fd = spare_leave(fd);
	visitor = calloc(1, sizeof(*visitor));
	if (!visitor ||
		loop_watch_add(engine->world.loop, &visitor->watch, fd,
			EPOLLIN | EPOLLRDHUP | EPOLLET, visitor_ready) < 0) {
		refusal_log(server, outer, "", "out of memory");
		close(fd);
		free(visitor);
		return;
	}
	visitor->server = server;
	visitor->outer = *outer;
	visitor->deadline = mono_add(mono_now(), engine->settings->handshake_timeout);
	loop_timer_start(engine->world.loop, &visitor->timer,
		mono_add(mono_now(), patience(server)), too_late);
	networks_enter(&server->visitor_networks, &outer->addr, &visitor->network);
	TAILQ_INSERT_TAIL(&server->visitors, visitor, link);
	server->visitor_count++;
}

void doorstep_stop(struct server *server)
{
	struct visitor *visitor, *next;

	for (visitor = TAILQ_FIRST(&server->visitors); visitor; visitor = next) {
		int fd = visitor->watch.fd;

		next = TAILQ_NEXT(visitor, link);
		leave(visitor);
		close(fd);
	}
}
