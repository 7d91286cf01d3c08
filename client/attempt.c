/* SPDX-License-Identifier: Apache-2.0 */
#include "client/attempt.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/container.h"
#include "base/error_text.h"
#include "wire/frame.h"
#include "wire/message.h"

enum { ATTEMPT_CONNECT_MS = 5000 }; /* limit for one address, within the handshake timeout */

/* Returns NULL if connections go to the remote itself. */
static const struct proxy *proxy_of(const struct attempt *attempt)
{
	const struct proxy *proxy = &attempt->settings->proxy;

	return proxy->kind != PROXY_NONE ? proxy : NULL;
}

/* Stops all watches of the socket before it closes it. */
static void close_socket(struct attempt *attempt)
{
	loop_timer_stop(attempt->loop, &attempt->timer);
	loop_watch_remove(attempt->loop, &attempt->connect_watch);
	proxy_leg_stop(&attempt->leg);
	if (attempt->fd >= 0)
		close(attempt->fd);
	attempt->fd = -1;
}

/* Everything is closed: tells the owner. */
static void end(struct attempt *attempt, const char *cause)
{
	bool abandoned = attempt->abandoned;

	close_socket(attempt);
	attempt->state = ATTEMPT_FREE;
	attempt->abandoned = false;
	if (abandoned)
		attempt->events->gone(attempt);
	else
		attempt->events->failed(attempt, cause);
}

/* ---- TLS ---- */

static void end_lane(struct attempt *attempt)
{
	attempt->state = ATTEMPT_ENDING;
	lane_end(attempt->lane);
}

static void send_goodbye(struct attempt *attempt, enum goodbye_code code, const char *text)
{
	struct message message = { .type = MESSAGE_GOODBYE, .goodbye.code = (uint16_t)code };
	uint8_t payload[FRAME_CONTROL_MAX];
	struct writer writer;

	message.goodbye.class = (uint8_t)goodbye_code_class((uint16_t)code);
	(void)snprintf(message.goodbye.text, sizeof(message.goodbye.text), "%.*s",
		(int)sizeof(message.goodbye.text) - 1, text);
	writer_init(&writer, payload, sizeof(payload));
	if (message_encode(&writer, &message) == 0)
		(void)lane_send_control(attempt->lane, payload, writer.len);
}

static void forget_peer(struct attempt *attempt)
{
	peer_names_unref(attempt->peer.names);
	attempt->peer = (struct lane_peer){ .names = NULL };
}

/* The session's peer is the one of the profile, by the name that it has there. */
static void on_secured(struct lane_owner *owner, struct lane *lane, const struct lane_peer *peer)
{
	struct attempt *attempt = container_of(owner, struct attempt, lane_owner);

	(void)lane;
	if (attempt->abandoned)
		return; /* the lane's end is ordered */
	if (settings_meet_server(attempt->settings, peer->names, &attempt->refusal) < 0) {
		/* So that the server's log has the reason, too. */
		send_goodbye(attempt, GOODBYE_BAD_IDENTITY, attempt->refusal.text);
		end_lane(attempt);
		return;
	}
	forget_peer(attempt);
	attempt->peer = *peer;
	(void)peer_names_ref(peer->names);
	attempt->peer.identity = attempt->settings->peers[0].name;
	attempt->state = ATTEMPT_SECURED;
	attempt->events->secured(attempt);
}

/* A server speaks before hello only to say goodbye: it drains, or has no entry for this client. */
static void on_control(struct lane_owner *owner, struct lane *lane, const uint8_t *data, size_t len)
{
	struct attempt *attempt = container_of(owner, struct attempt, lane_owner);
	struct problem problem;
	struct message message;

	(void)lane;
	if (attempt->state != ATTEMPT_SECURED ||
		message_decode(data, len, &message, &problem) < 0 ||
		message.type != MESSAGE_GOODBYE)
		return;
	attempt->retry_after_ms = message.goodbye.retry_after_ms;
	problem_set(&attempt->refusal, "received a goodbye: %s%s%s",
		goodbye_code_text(message.goodbye.code), message.goodbye.text[0] ? ": " : "",
		message.goodbye.text);
	end_lane(attempt);
}

static void on_fault(struct lane_owner *owner, struct lane *lane, uint16_t code, const char *text)
{
	struct attempt *attempt = container_of(owner, struct attempt, lane_owner);

	(void)lane;
	(void)code;
	problem_set(&attempt->refusal, "the server broke the protocol: %s", text);
	end_lane(attempt);
}

static void on_ended(
	struct lane_owner *owner, struct lane *lane, enum lane_end lane_end, const char *text)
{
	struct attempt *attempt = container_of(owner, struct attempt, lane_owner);
	struct problem problem = attempt->refusal;

	if (!problem.text[0])
		problem_set(&problem, "%s%s%s", lane_end_text(lane_end), text[0] ? ": " : "", text);
	lane_release(lane);
	attempt->lane = NULL;
	end(attempt, problem.text);
}

static void secure(struct attempt *attempt)
{
	if (attempt->events->lane(attempt, attempt->fd, attempt->deadline, &attempt->lane_owner,
		    &attempt->lane) < 0) {
		end(attempt, "out of memory");
		return;
	}
	attempt->fd = -1; /* the lane owns it */
	attempt->state = ATTEMPT_SECURING;
}

/* ---- TCP, and the proxy ---- */

static void proxied(struct proxy_leg *leg, const char *cause)
{
	struct attempt *attempt = container_of(leg, struct attempt, leg);

	if (cause)
		end(attempt, cause);
	else
		secure(attempt);
}

static void connect_failed(struct attempt *attempt, int error)
{
	struct problem text;
	const char *cure = "";

	switch (error < 0 ? -error : error) {
	case ECONNREFUSED:
		cure = "; no program listens there, or a firewall refuses: check the port, and that the program runs";
		break;
	case ETIMEDOUT:
		cure = "; check the address, and that no firewall there or on the way drops this port";
		break;
	case ENETUNREACH:
		cure = "; this host has no route there: check its network, or use an address of the other family";
		break;
	case EHOSTUNREACH:
		cure = "; nobody answers for that address: check it, and this host's network";
		break;
	default:
		break;
	}
	problem_set(&text, "%s%s", error_text(error), cure);
	end(attempt, text.text);
}

static void connect_ready(struct loop_watch *watch, uint32_t events)
{
	struct attempt *attempt = container_of(watch, struct attempt, connect_watch);
	int error;
	socklen_t len = sizeof(error);

	(void)events;
	if (getsockopt(watch->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	loop_watch_remove(attempt->loop, watch);
	loop_timer_stop(attempt->loop, &attempt->timer);
	if (error != 0) {
		connect_failed(attempt, error);
	} else if (proxy_of(attempt)) {
		attempt->state = ATTEMPT_PROXYING;
		proxy_leg_begin(&attempt->leg, attempt->fd, attempt->deadline, proxy_of(attempt),
			&attempt->settings->remotes[attempt->remote]);
	} else {
		secure(attempt);
	}
}

static void connect_overdue(struct loop_timer *timer)
{
	end(container_of(timer, struct attempt, timer),
		"no answer to the TCP connection; check the address, and that no firewall there or on the way drops this port");
}

static void connect_socket(struct attempt *attempt)
{
	struct sockaddr_storage sa;
	socklen_t len = endpoint_to_sockaddr(&attempt->outer, &sa);
	struct mono now = mono_now();
	struct mono overdue = mono_add(now, DURATION_MS(ATTEMPT_CONNECT_MS));

	/* One deadline for everything from here to the welcome. */
	attempt->deadline = mono_add(now, attempt->settings->handshake_timeout);
	if (mono_before(attempt->deadline, overdue))
		overdue = attempt->deadline;
	attempt->state = ATTEMPT_CONNECTING;
	if (connect(attempt->fd, (struct sockaddr *)&sa, len) < 0 && errno != EINPROGRESS) {
		connect_failed(attempt, errno);
		return;
	}
	int r = loop_watch_add(
		attempt->loop, &attempt->connect_watch, attempt->fd, EPOLLOUT, connect_ready);
	if (r < 0) {
		end(attempt, error_text(r));
		return;
	}
	loop_timer_start(attempt->loop, &attempt->timer, overdue, connect_overdue);
}

static void socket_made(
	struct netd_call *call, const struct request_reply *reply, const int *fds, size_t fd_count)
{
	struct attempt *attempt = container_of(call, struct attempt, socket_call);

	attempt->fd = fd_count > 0 ? fds[0] : -1;
	if (fd_count > 1) /* the request was for one */
		netd_link_close_fds(fds + 1, fd_count - 1);
	if (attempt->abandoned)
		end(attempt, "");
	else if (reply->error != 0 || attempt->fd < 0)
		end(attempt, reply->text[0] ? reply->text : "netd sent no socket");
	else
		connect_socket(attempt);
}

/* Called by the loop, so that no caller of attempt_begin() is called back before that returns. */
static void could_not_ask(struct loop_timer *timer)
{
	end(container_of(timer, struct attempt, timer), error_text(-ENOMEM));
}

/* ---- for its owner ---- */

void attempt_init(struct attempt *attempt, struct loop *loop, struct netd_link *netd,
	const struct settings *settings, const struct attempt_events *events)
{
	*attempt = (struct attempt){
		.events = events,
		.loop = loop,
		.netd = netd,
		.settings = settings,
		.fd = -1,
		.connect_watch = { .fd = -1 },
		.lane_owner = {
			.secured = on_secured,
			.control = on_control,
			.fault = on_fault,
			.ended = on_ended,
		},
	};
	proxy_leg_init(&attempt->leg, loop, proxied);
}

void attempt_free(struct attempt *attempt)
{
	if (!attempt->loop)
		return;
	close_socket(attempt);
	forget_peer(attempt);
}

void attempt_begin(struct attempt *attempt, size_t remote, const struct endpoint *outer)
{
	struct request request = { .type = REQUEST_SOCKET };

	forget_peer(attempt);
	attempt->abandoned = false;
	attempt->remote = remote;
	attempt->outer = *outer;
	attempt->since = mono_now();
	attempt->refusal = (struct problem){ 0 };
	attempt->retry_after_ms = 0;
	attempt->state = ATTEMPT_SOCKET;
	request.socket.family = outer->addr.family;
	if (netd_link_ask(attempt->netd, &attempt->socket_call, &request, socket_made) < 0)
		loop_timer_start(attempt->loop, &attempt->timer, attempt->since, could_not_ask);
}

struct lane *attempt_take(struct attempt *attempt)
{
	struct lane *lane = attempt->lane;

	attempt->lane = NULL;
	attempt->state = ATTEMPT_FREE;
	return lane;
}

void attempt_return(struct attempt *attempt, struct lane *lane)
{
	attempt->lane = lane;
	attempt->state = ATTEMPT_SECURED;
}

void attempt_refuse(struct attempt *attempt, const char *cause)
{
	problem_set(&attempt->refusal, "%s", cause);
	end_lane(attempt);
}

void attempt_abandon(struct attempt *attempt, const char *text)
{
	enum attempt_state state = attempt->state;

	if (state == ATTEMPT_FREE || attempt->abandoned)
		return;
	attempt->abandoned = true;
	/* Without it the server would take the end for a refusal of its certificate, and log it. */
	if (state == ATTEMPT_SECURED)
		send_goodbye(attempt, GOODBYE_SHUTDOWN, text);
	if (attempt->lane)
		end_lane(attempt);
	else if (state == ATTEMPT_CONNECTING || state == ATTEMPT_PROXYING)
		end(attempt, "");
	/* SOCKET: netd's answer comes, and with it the end. */
}

bool attempt_is_free(const struct attempt *attempt)
{
	return attempt->state == ATTEMPT_FREE;
}

bool attempt_is_flying(const struct attempt *attempt)
{
	return attempt->state != ATTEMPT_FREE && attempt->state != ATTEMPT_ENDING &&
		!attempt->abandoned;
}
