/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/server.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/container.h"
#include "base/error_text.h"
#include "base/log.h"

/*
 * Accepts connections from netd's listening sockets, a limited number at a time. When descriptors
 * run out, or another program has ended a socket, it pauses and then tries again: it neither spins
 * nor stops for good.
 */

enum {
	LISTENER_BATCH = 64,     /* connections accepted per wake-up of a listener */
	LISTENER_PAUSE_MS = 100, /* after running out of descriptors or memory */
};

static void listener_ready(struct loop_watch *watch, uint32_t events);

static void accept_again(struct loop_timer *timer)
{
	struct server *server = container_of(timer, struct server, accept_again);

	for (size_t i = 0; i < server->listener_count; i++) {
		struct listener *listener = &server->listeners[i];

		if (listener->watch.fd < 0)
			(void)loop_watch_add(server->engine.world.loop, &listener->watch,
				listener->fd, EPOLLIN, listener_ready);
	}
}

static void pause_accepting(struct server *server, int error)
{
	if (rate_take(&server->refusals_logged, mono_now()))
		log_warning("cannot accept connections: %s; trying again every %d ms",
			error_text(error), LISTENER_PAUSE_MS);
	/* Without any event the kernel would still report one that was ended (EPOLLHUP). */
	for (size_t i = 0; i < server->listener_count; i++)
		loop_watch_remove(server->engine.world.loop, &server->listeners[i].watch);
	loop_timer_start(server->engine.world.loop, &server->accept_again,
		mono_add(mono_now(), DURATION_MS(LISTENER_PAUSE_MS)), accept_again);
}

/* False: no connection is left to accept now. */
static bool accept_one(struct server *server, int listen_fd)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	struct endpoint outer;

	int fd = accept4(listen_fd, (struct sockaddr *)&sa, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0) {
		/* EINVAL: another program has ended the socket, and netd makes it listen again. */
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM ||
			errno == EINVAL)
			pause_accepting(server, errno);
		/*
		 * A connection that failed in the queue (ECONNABORTED and others, accept(2)) is no
		 * reason to stop.
		 */
		return errno == ECONNABORTED || errno == EINTR || errno == EPROTO;
	}
	if (endpoint_from_sockaddr((struct sockaddr *)&sa, len, &outer) < 0) {
		close(fd);
		return true;
	}
	if (engine_is_short(&server->engine)) {
		refusal_log(server, &outer, "",
			"peers that do not read have used up the memory for unsent data");
		close(fd);
		return true;
	}
	doorstep_take(server, fd, &outer);
	return true;
}

static void listener_ready(struct loop_watch *watch, uint32_t events)
{
	struct listener *listener = container_of(watch, struct listener, watch);

	(void)events;
	for (int i = 0; i < LISTENER_BATCH; i++) {
		if (!accept_one(listener->server, listener->fd))
			return;
	}
}

void listener_add(struct server *server, int fd)
{
	struct listener *listener = &server->listeners[server->listener_count++];

	*listener = (struct listener){ .server = server, .watch = { .fd = -1 }, .fd = fd };
}

int listener_start(struct server *server, struct problem *problem)
{
	for (size_t i = 0; i < server->listener_count; i++) {
		struct listener *listener = &server->listeners[i];
		int r = listener->watch.fd >= 0
			? 0
			: loop_watch_add(server->engine.world.loop, &listener->watch, listener->fd,
				  EPOLLIN, listener_ready);
		if (r < 0) {
			problem_set(problem, "cannot watch a listening socket: %s", error_text(r));
			return r;
		}
	}
	return 0;
}

/* True: the settings have the address that this socket listens on. */
static bool is_wanted(const struct listener *listener)
{
	const struct settings *settings = listener->server->engine.settings;
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	struct endpoint own;

	if (getsockname(listener->fd, (struct sockaddr *)&sa, &len) < 0 ||
		endpoint_from_sockaddr((struct sockaddr *)&sa, len, &own) < 0)
		return true;
	for (size_t i = 0; i < settings->listen_count; i++) {
		if (settings->listen[i].port == own.port &&
			addr_equal(&settings->listen[i].addr, &own.addr))
			return true;
	}
	return false;
}

void listener_follow(struct server *server)
{
	struct loop *loop = server->engine.world.loop;
	size_t kept = 0;

	for (size_t i = 0; i < server->listener_count; i++) {
		struct listener *listener = &server->listeners[i];
		int fd = listener->fd;

		loop_watch_remove(loop, &listener->watch);
		if (is_wanted(listener))
			server->listeners[kept++] = (struct listener){
				.server = server, .watch = { .fd = -1 }, .fd = fd
			};
		else
			close(fd);
	}
	server->listener_count = kept;
}

void listener_stop(struct server *server)
{
	loop_timer_stop(server->engine.world.loop, &server->accept_again);
	for (size_t i = 0; i < server->listener_count; i++) {
		loop_watch_remove(server->engine.world.loop, &server->listeners[i].watch);
		close(server->listeners[i].fd);
	}
	server->listener_count = 0;
}
