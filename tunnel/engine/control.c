/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/control_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/container.h"
#include "base/error_text.h"
#include "base/exit_code.h"
#include "base/log.h"
#include "engine/engine.h"

/*
 * A connection reads until the newline, writes until its answer is sent, and closes. Reading and
 * writing have CONTROL_PHASE_MS each. While CONTROL_CONNECTIONS_MAX are open, a newcomer takes the
 * place of the oldest one whose request is not whole after CONTROL_GRACE_MS. Without such a one
 * it waits in the backlog.
 */

enum {
	CONTROL_CONNECTIONS_MAX = 16,
	CONTROL_REQUEST_MAX = 4096, /* bytes of a request with its newline */
	CONTROL_PHASE_MS = 5000,
	CONTROL_RELOAD_MS = 15000, /* longer than netd waits for the engine */
	CONTROL_GRACE_MS = 200,    /* for a whole request while others wait */
	CONTROL_PAUSE_MS = 1000,   /* without accepting, after descriptors or memory ran out */
	CONTROL_DRAIN_MAX = 16,    /* reads that discard bytes behind a request */
};

struct control {
	struct engine *engine;
	struct loop_watch watch; /* of the listening socket */
	struct loop_timer pause;
	struct loop_timer full; /* until it is looked again for a place */
	uid_t owner;            /* the user that made the listening socket: netd's user */
	struct connection *connections[CONTROL_CONNECTIONS_MAX]; /* NULL: a free slot */
	unsigned connection_count;
	struct netd_call reexec;
	/* The connection that waits for netd's answer about a reexec; NULL: none does. */
	struct connection *asker;
	struct connection *reloader; /* the same, for the outcome of a reload */
};

struct connection {
	struct control *control;
	unsigned slot; /* in control->connections */
	struct loop_watch watch;
	struct loop_timer deadline;
	struct mono since;
	struct ucred who;
	struct control_answer answer;
	size_t sent; /* of the answer */
	size_t len;  /* of the request */
	char request[CONTROL_REQUEST_MAX];
};

static void listen_again(struct control *control)
{
	if (control->watch.fd >= 0 && control->connection_count < CONTROL_CONNECTIONS_MAX &&
		!control->pause.running)
		(void)loop_watch_set(control->engine->world.loop, &control->watch, EPOLLIN);
}

/*
 * Closing a Unix socket with unread bytes would make the other end's reading of the answer fail
 * (unix(7): ECONNRESET).
 */
static void drain(int fd)
{
	char discarded[256];

	for (int i = 0;
		i < CONTROL_DRAIN_MAX && recv(fd, discarded, sizeof(discarded), MSG_DONTWAIT) > 0;
		i++)
		;
}

static void connection_close(struct connection *connection)
{
	struct control *control = connection->control;
	int fd = connection->watch.fd;

	loop_timer_stop(control->engine->world.loop, &connection->deadline);
	loop_watch_remove(control->engine->world.loop, &connection->watch);
	drain(fd);
	close(fd);
	if (control->asker == connection)
		control->asker = NULL;
	if (control->reloader == connection) {
		control->reloader = NULL;
		engine_reload_forget(&control->engine->reload);
	}
	control->connections[connection->slot] = NULL;
	control->connection_count--;
	free(connection->answer.data);
	free(connection);
	listen_again(control);
}

static void deadline_passed(struct loop_timer *timer)
{
	connection_close(container_of(timer, struct connection, deadline));
}

static void arm_for(struct connection *connection, struct duration phase)
{
	loop_timer_start(connection->control->engine->world.loop, &connection->deadline,
		mono_add(mono_now(), phase), deadline_passed);
}

static void arm(struct connection *connection)
{
	arm_for(connection, DURATION_MS(CONTROL_PHASE_MS));
}

/* Sends as much as the socket takes, and closes after the last byte. May free the connection. */
static void send_answer(struct connection *connection)
{
	const struct control_answer *answer = &connection->answer;

	while (connection->sent < answer->len) {
		ssize_t n = send(connection->watch.fd, answer->data + connection->sent,
			answer->len - connection->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN &&
			loop_watch_set(connection->control->engine->world.loop, &connection->watch,
				EPOLLOUT) == 0)
			return;
		if (n < 0)
			break; /* the client has gone */
		connection->sent += (size_t)n;
	}
	connection_close(connection);
}

/*
 * Sends the answer. netd is asked to end the program only after that, so that the answer is sent.
 */
static void begin_answer(struct connection *connection)
{
	struct engine *engine = connection->control->engine;
	bool exits = connection->answer.exits;

	arm(connection);
	send_answer(connection);
	if (exits && netd_link_exit(engine->world.netd, EXIT_CODE_OK, "culvert down") < 0)
		log_error(
			"control: cannot ask netd to end the program: out of memory; repeat culvert down");
}

static void refuse_instead(struct connection *connection, int code, const char *text)
{
	free(connection->answer.data);
	control_refuse(code, text, &connection->answer);
	begin_answer(connection);
}

/*
 * netd has decided about the reexec. If it was granted, the next engine waits for this one to end,
 * also without a client that waits for the answer.
 */
static void reexec_answered(
	struct netd_call *call, const struct request_reply *reply, const int *fds, size_t fd_count)
{
	struct control *control = container_of(call, struct control, reexec);
	struct connection *asker = control->asker;

	netd_link_close_fds(fds, fd_count);
	control->asker = NULL;
	if (reply->error != 0) {
		log_warning("control: netd refused reexec: %s", reply->text);
		if (asker)
			refuse_instead(asker, EXIT_CODE_REFUSED, reply->text);
		return;
	}
	if (asker)
		begin_answer(asker);
	netd_link_leave();
}

static void ask_netd(struct connection *connection)
{
	struct control *control = connection->control;
	struct request request = { .type = REQUEST_REEXEC };

	int r = netd_link_ask(
		control->engine->world.netd, &control->reexec, &request, reexec_answered);
	if (r < 0) {
		refuse_instead(connection, EXIT_CODE_REFUSED,
			r == -EBUSY ? "another reexec is in progress" : error_text(r));
		return;
	}
	control->asker = connection;
	arm(connection);
	/* Without events epoll reports only that the client has gone. */
	(void)loop_watch_set(control->engine->world.loop, &connection->watch, 0);
}

/* The reload is over. Its text is the answer. */
static void reload_done(struct engine_reload *reload, enum exit_code code, const char *text)
{
	struct connection *connection = reload->engine->control->reloader;
	struct control_answer *answer = &connection->answer;
	int len;

	reload->engine->control->reloader = NULL;
	if (code != EXIT_CODE_OK) {
		refuse_instead(connection, (int)code, text);
		return;
	}
	free(answer->data);
	len = asprintf(&answer->data, "ok\n%s\n", text);
	if (len < 0)
		answer->data = NULL;
	answer->len = len < 0 ? 0 : (size_t)len;
	begin_answer(connection);
}

static void await_reload(struct connection *connection)
{
	struct control *control = connection->control;
	int r = engine_reload_ask(
		&control->engine->reload, connection->answer.only_check, reload_done);

	if (r < 0) {
		refuse_instead(connection, EXIT_CODE_REFUSED,
			r == -EBUSY ? "another reload is in progress; try again in a moment"
				    : error_text(r));
		return;
	}
	control->reloader = connection;
	arm_for(connection, DURATION_MS(CONTROL_RELOAD_MS));
	/* Without events epoll reports only that the client has gone. */
	(void)loop_watch_set(control->engine->world.loop, &connection->watch, 0);
}

/* Reads more. False: the request is not complete, or the connection is gone. */
static bool read_request(struct connection *connection)
{
	size_t room = sizeof(connection->request) - connection->len;
	ssize_t n = recv(
		connection->watch.fd, connection->request + connection->len, room, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		connection_close(connection);
		return false;
	}
	connection->len += (size_t)n;
	return memchr(connection->request, '\n', connection->len) ||
		connection->len == sizeof(connection->request);
}

static void take_request(struct connection *connection)
{
	char *end = memchr(connection->request, '\n', connection->len);

	if (!end) {
		control_refuse(EXIT_CODE_USAGE, "the request is too long", &connection->answer);
	} else if (memchr(connection->request, '\0', (size_t)(end - connection->request))) {
		control_refuse(EXIT_CODE_USAGE, "the request is not text", &connection->answer);
	} else {
		*end = '\0';
		control_command(connection->control->engine, connection->request, &connection->who,
			&connection->answer);
	}
	if (connection->answer.reexec)
		ask_netd(connection);
	else if (connection->answer.reload)
		await_reload(connection);
	else
		begin_answer(connection);
}

static void connection_ready(struct loop_watch *watch, uint32_t events)
{
	struct connection *connection = container_of(watch, struct connection, watch);

	(void)events;
	if (connection->control->asker == connection || connection->control->reloader == connection)
		connection_close(connection);
	else if (connection->answer.data)
		send_answer(connection);
	else if (read_request(connection))
		take_request(connection);
}

static bool is_trusted(const struct control *control, const struct ucred *who)
{
	return who->uid == 0 || who->uid == control->owner;
}

/* Takes the socket, and closes it on failure. The caller has checked that a slot is free. */
static int connection_new(struct control *control, int fd)
{
	struct connection *connection = calloc(1, sizeof(*connection));
	socklen_t len = sizeof(connection->who);
	int r = -ENOMEM;

	if (!connection)
		goto fail;
	connection->control = control;
	connection->since = mono_now();
	r = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &connection->who, &len) < 0 ? -errno : 0;
	if (r == 0)
		r = loop_watch_add(control->engine->world.loop, &connection->watch, fd, EPOLLIN,
			connection_ready);
	if (r < 0)
		goto fail;
	while (control->connections[connection->slot])
		connection->slot++;
	control->connections[connection->slot] = connection;
	control->connection_count++;
	arm(connection);
	if (!is_trusted(control, &connection->who)) {
		log_warning("control: uid %u, pid %d may not use the control socket",
			connection->who.uid, connection->who.pid);
		control_refuse(EXIT_CODE_PERMISSION,
			"only root and the daemon's own user may use the control socket",
			&connection->answer);
		begin_answer(connection);
	}
	return 0;
fail:
	free(connection);
	close(fd);
	return r;
}

static void pause_over(struct loop_timer *timer)
{
	listen_again(container_of(timer, struct control, pause));
}

/*
 * Out of descriptors or memory: the connection stays in the backlog, and would wake the loop again
 * and again.
 */
static void pause_listening(struct control *control, int error)
{
	struct loop *loop = control->engine->world.loop;

	log_warning("control: cannot accept a connection: %s; trying again in %d ms",
		error_text(error), CONTROL_PAUSE_MS);
	loop_timer_start(loop, &control->pause, mono_add(mono_now(), DURATION_MS(CONTROL_PAUSE_MS)),
		pause_over);
	(void)loop_watch_set(loop, &control->watch, 0);
}

/* The oldest connection whose request should be whole by now; NULL: none. */
static struct connection *find_slow(const struct control *control)
{
	struct mono late = mono_add(mono_now(), DURATION_MS(-CONTROL_GRACE_MS));
	struct connection *slow = NULL;

	for (unsigned i = 0; i < CONTROL_CONNECTIONS_MAX; i++) {
		struct connection *connection = control->connections[i];

		if (connection && !connection->answer.data && connection != control->asker &&
			connection != control->reloader &&
			mono_before(connection->since, slow ? slow->since : late))
			slow = connection;
	}
	return slow;
}

static void full_over(struct loop_timer *timer)
{
	struct control *control = container_of(timer, struct control, full);

	if (!control->pause.running)
		(void)loop_watch_set(control->engine->world.loop, &control->watch, EPOLLIN);
}

/* All places are taken and a client waits. False: it has to wait on. */
static bool make_place(struct control *control)
{
	struct connection *slow = find_slow(control);
	struct loop *loop = control->engine->world.loop;

	if (slow) {
		connection_close(slow);
		return true;
	}
	loop_timer_start(loop, &control->full, mono_add(mono_now(), DURATION_MS(CONTROL_GRACE_MS)),
		full_over);
	(void)loop_watch_set(loop, &control->watch, 0);
	return false;
}

static void control_ready(struct loop_watch *watch, uint32_t events)
{
	struct control *control = container_of(watch, struct control, watch);
	int r = 0;

	(void)events;
	if (control->connection_count == CONTROL_CONNECTIONS_MAX && !make_place(control))
		return;
	while (r == 0 && control->connection_count < CONTROL_CONNECTIONS_MAX) {
		int fd = accept4(watch->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		r = fd < 0 ? -errno : connection_new(control, fd);
		if (r == -EINTR || r == -ECONNABORTED)
			r = 0;
	}
	if (r < 0 && r != -EAGAIN)
		pause_listening(control, r);
}

int control_open(struct engine *engine, int listen_fd, struct control **ret_control)
{
	struct control *control = calloc(1, sizeof(*control));
	struct ucred owner;
	socklen_t len = sizeof(owner);
	int r = -ENOMEM;

	if (!control)
		goto fail;
	control->engine = engine;
	/* A listening socket has the credentials of the process that called listen(2): unix(7). */
	r = getsockopt(listen_fd, SOL_SOCKET, SO_PEERCRED, &owner, &len) < 0 ? -errno : 0;
	if (r == 0)
		r = loop_watch_add(
			engine->world.loop, &control->watch, listen_fd, EPOLLIN, control_ready);
	if (r < 0)
		goto fail;
	control->owner = owner.uid;
	*ret_control = control;
	return 0;
fail:
	free(control);
	close(listen_fd);
	return r;
}

void control_close(struct control *control)
{
	if (!control)
		return;
	int fd = control->watch.fd;
	struct loop *loop = control->engine->world.loop;

	/* First, so that closing a connection does not watch it again. */
	loop_watch_remove(loop, &control->watch);
	loop_timer_stop(loop, &control->pause);
	loop_timer_stop(loop, &control->full);
	close(fd);
	for (unsigned i = 0; i < CONTROL_CONNECTIONS_MAX; i++) {
		if (control->connections[i])
			connection_close(control->connections[i]);
	}
	free(control);
}
