/* SPDX-License-Identifier: Apache-2.0 */
#include "client/dialer.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/container.h"
#include "base/error_text.h"
#include "base/log.h"
#include "wire/frame.h"
#include "wire/message.h"

/*
 * One attempt at a time: resolve → socket (from netd) → connect → proxy, if any → TLS → hand over.
 * Every failure leads to try_failed(), which logs the cause once. It continues with the next
 * address, the next remote, or the wait.
 */

enum {
	DIALER_CONNECT_MS = 5000, /* limit for one address, within the handshake timeout */
	DIALER_LOOKUP_MS = 2000,  /* limit for a name whose remote was reached before */
	DIALER_BACKOFF_FIRST_MS = 200,
	DIALER_BACKOFF_LONGEST_MS = 30000,
	DIALER_KNOWN_TRIES = 5, /* of the known endpoint, before resolving names without a tunnel */
	DIALER_WHERE_MAX = 2 * SETTINGS_HOST_MAX + 128, /* of describe() */
};

static void address_due(struct loop_timer *timer);
static void remote_due(struct loop_timer *timer);

static const struct settings_remote *remote_of(const struct dialer *dialer)
{
	return &dialer->settings->remotes[dialer->remote];
}

/* Returns NULL if connections go to the remote itself. */
static const struct proxy *proxy_of(const struct dialer *dialer)
{
	const struct proxy *proxy = &dialer->settings->proxy;

	return proxy->kind != PROXY_NONE ? proxy : NULL;
}

static void set_state(struct dialer *dialer, enum dialer_state state)
{
	if (dialer->state != state)
		log_debug("%s: dialer: %s -> %s", dialer->settings->peers[0].name.name,
			dialer_state_text(dialer->state), dialer_state_text(state));
	dialer->state = state;
}

const char *dialer_state_text(enum dialer_state state)
{
	static const char *const texts[DIALER_STATE_COUNT] = {
		[DIALER_RESTING] = "idle",
		[DIALER_WAITING] = "waiting",
		[DIALER_RESOLVING] = "resolving",
		[DIALER_SOCKET] = "making a socket",
		[DIALER_CONNECTING] = "connecting",
		[DIALER_PROXYING] = "asking the proxy",
		[DIALER_SECURING] = "in the TLS handshake",
	};
	return state < DIALER_STATE_COUNT ? texts[state] : "unknown";
}

/*
 * Formats "host (address:port)", or only the name before it is resolved. With a proxy it is "host
 * through the HTTP proxy proxy-host (address:port)".
 */
static const char *describe(const struct dialer *dialer, char out[static DIALER_WHERE_MAX])
{
	const struct proxy *proxy = proxy_of(dialer);
	bool is_resolved = addr_is_set(&dialer->outer.addr);
	char address[ENDPOINT_TEXT_MAX];

	endpoint_format(&dialer->outer, address);
	snprintf(out, DIALER_WHERE_MAX, "%s%s%s%s%s%s%s%s", remote_of(dialer)->host,
		proxy ? " through the " : "", proxy ? proxy_kind_text(proxy->kind) : "",
		proxy ? " proxy " : "", proxy ? proxy->host : "", is_resolved ? " (" : "",
		is_resolved ? address : "", is_resolved ? ")" : "");
	return out;
}

static void wait_for(struct dialer *dialer, struct duration wait, loop_timer_fn *then)
{
	set_state(dialer, DIALER_WAITING);
	dialer->due = then;
	loop_timer_start(dialer->loop, &dialer->timer, mono_add(mono_now(), wait), then);
}

static void begin_round(struct dialer *dialer, struct duration wait)
{
	dialer->remote = dialer->first;
	dialer->tried = false;
	dialer->at_known = dialer->known.port != 0 && !dialer->direct;
	wait_for(dialer, wait, remote_due);
}

/* The `remote` for client/holds. */
static size_t hold_remote(const struct dialer *dialer)
{
	return proxy_of(dialer) ? dialer->remote : 0;
}

static void wait_backoff(struct dialer *dialer)
{
	uint64_t random;

	if (getrandom(&random, sizeof(random), 0) < 0)
		random = (uint64_t)mono_now().ns; /* only the jitter depends on it */
	struct duration wait = backoff_next(&dialer->backoff, random);
	/* No server is left to try until a hold ends. */
	struct duration hold = holds_shortest(&dialer->holds, mono_now());
	if (!dialer->tried && wait.ns < hold.ns)
		wait = hold;
	log_info("%s: retrying in %.1f s", dialer->settings->peers[0].name.name,
		duration_seconds(wait));
	begin_round(dialer, wait);
}

/* Continues with the next address, the next remote, or the wait. */
static void go_on(struct dialer *dialer)
{
	set_state(dialer, DIALER_RESTING);
	if (dialer->stopped)
		return;
	/*
	 * Continues through the loop, so that a list of names that fail at once does not nest
	 * calls.
	 */
	if (dialer->at_known) {
		dialer->at_known = false;
		wait_for(dialer, (struct duration){ 0 }, remote_due);
	} else if (dialer->address + 1 < dialer->endpoint_count) {
		dialer->address++;
		wait_for(dialer, (struct duration){ 0 }, address_due);
	} else if (!dialer->direct && dialer->remote + 1 < dialer->settings->remote_count) {
		dialer->remote++;
		wait_for(dialer, (struct duration){ 0 }, remote_due);
	} else {
		wait_backoff(dialer);
	}
}

void dialer_next(struct dialer *dialer)
{
	if (dialer->at_known)
		dialer->known_failed++;
	if (!holds_has(&dialer->holds, &dialer->outer, hold_remote(dialer), mono_now()))
		dialer->tried = true;
	go_on(dialer);
}

/* Stops all watches of the socket before it closes it. */
static void close_socket(struct dialer *dialer)
{
	loop_watch_remove(dialer->loop, &dialer->connect_watch);
	proxy_leg_stop(&dialer->leg);
	if (dialer->fd >= 0)
		close(dialer->fd);
	dialer->fd = -1;
}

static void try_failed(struct dialer *dialer, const char *cause)
{
	char where[DIALER_WHERE_MAX];
	struct problem text;

	loop_timer_stop(dialer->loop, &dialer->timer);
	close_socket(dialer);
	if (!dialer->stopped)
		log_warning("%s: connection failed: %s", describe(dialer, where), cause);
	if (!dialer->stopped && dialer->events->failed) {
		problem_set(&text, "%s: connection failed: %s", describe(dialer, where), cause);
		dialer->events->failed(dialer, text.text);
	}
	dialer_next(dialer);
	if (dialer->stopped)
		dialer->events->ended(dialer);
}

/* ---- TLS ---- */

/* So that the server's log has the reason, too. */
static void send_refusal(struct dialer *dialer, struct lane *lane)
{
	struct message message = {
		.type = MESSAGE_GOODBYE,
		.goodbye = { .code = GOODBYE_BAD_IDENTITY },
	};
	uint8_t payload[FRAME_CONTROL_MAX];
	struct writer writer;

	message.goodbye.class = (uint8_t)goodbye_code_class(GOODBYE_BAD_IDENTITY);
	(void)snprintf(message.goodbye.text, sizeof(message.goodbye.text), "%.*s",
		(int)sizeof(message.goodbye.text) - 1, dialer->refusal.text);
	writer_init(&writer, payload, sizeof(payload));
	if (message_encode(&writer, &message) == 0)
		(void)lane_send_control(lane, payload, writer.len);
}

/* The session's peer is the one of the profile, by the name that it has there. */
static void on_secured(struct lane_owner *owner, struct lane *lane, const struct lane_peer *peer)
{
	struct dialer *dialer = container_of(owner, struct dialer, lane_owner);
	struct lane_peer server = *peer;

	if (dialer->stopped)
		return; /* the lane's end is ordered; ended() follows */
	server.identity = dialer->settings->peers[0].name;
	if (settings_meet_server(dialer->settings, peer->names, &dialer->refusal) < 0)
		send_refusal(dialer, lane);
	if (!dialer->refusal.text[0]) {
		if (!dialer->at_known) /* that endpoint may be another remote's */
			kept_addresses_add(&dialer->kept, dialer->remote, &dialer->outer);
		/*
		 * Change the state first: the owner of the new lane may request another one at
		 * once.
		 */
		dialer->lane = NULL;
		set_state(dialer, DIALER_RESTING);
		int r = dialer->events->connected(dialer, lane, &server, &dialer->outer);
		if (r == 0)
			return;
		dialer->lane = lane;
		set_state(dialer, DIALER_SECURING);
		problem_set(&dialer->refusal, "the client cannot use the connection: %s",
			error_text(r));
	}
	lane_end(lane);
}

static void on_control(struct lane_owner *owner, struct lane *lane, const uint8_t *data, size_t len)
{
	/*
	 * The server speaks first only to send a goodbye, and then the lane was handed over before.
	 */
	(void)owner;
	(void)lane;
	(void)data;
	(void)len;
}

static void on_fault(struct lane_owner *owner, struct lane *lane, uint16_t code, const char *text)
{
	struct dialer *dialer = container_of(owner, struct dialer, lane_owner);

	(void)code;
	problem_set(&dialer->refusal, "the server broke the protocol: %s", text);
	lane_end(lane);
}

static void on_ended(
	struct lane_owner *owner, struct lane *lane, enum lane_end end, const char *text)
{
	struct dialer *dialer = container_of(owner, struct dialer, lane_owner);
	struct problem problem = dialer->refusal;

	if (!problem.text[0])
		problem_set(&problem, "%s%s%s", lane_end_text(end), text[0] ? ": " : "", text);
	lane_release(lane);
	dialer->lane = NULL;
	try_failed(dialer, problem.text);
}

static void secure(struct dialer *dialer)
{
	dialer->refusal = (struct problem){ 0 };
	if (dialer->events->lane(
		    dialer, dialer->fd, dialer->deadline, &dialer->lane_owner, &dialer->lane) < 0) {
		try_failed(dialer, "out of memory");
		return;
	}
	dialer->fd = -1; /* the lane owns it */
	set_state(dialer, DIALER_SECURING);
}

/* ---- TCP, and the proxy ---- */

static void proxied(struct proxy_leg *leg, const char *cause)
{
	struct dialer *dialer = container_of(leg, struct dialer, leg);

	if (cause)
		try_failed(dialer, cause);
	else
		secure(dialer);
}

static void connect_failed(struct dialer *dialer, int error)
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
	try_failed(dialer, text.text);
}

static void connect_ready(struct loop_watch *watch, uint32_t events)
{
	struct dialer *dialer = container_of(watch, struct dialer, connect_watch);
	int error;
	socklen_t len = sizeof(error);

	(void)events;
	if (getsockopt(watch->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	loop_watch_remove(dialer->loop, watch);
	loop_timer_stop(dialer->loop, &dialer->timer);
	if (error != 0) {
		connect_failed(dialer, error);
	} else if (proxy_of(dialer)) {
		set_state(dialer, DIALER_PROXYING);
		proxy_leg_begin(&dialer->leg, dialer->fd, dialer->deadline, proxy_of(dialer),
			remote_of(dialer));
	} else {
		secure(dialer);
	}
}

static void connect_overdue(struct loop_timer *timer)
{
	try_failed(container_of(timer, struct dialer, timer),
		"no answer to the TCP connection; check the address, and that no firewall there or on the way drops this port");
}

static void connect_socket(struct dialer *dialer)
{
	struct sockaddr_storage sa;
	socklen_t len = endpoint_to_sockaddr(&dialer->outer, &sa);
	struct loop *loop = dialer->loop;
	struct mono now = mono_now();
	struct mono overdue = mono_add(now, DURATION_MS(DIALER_CONNECT_MS));

	/* One deadline for everything from here to the welcome. */
	dialer->deadline = mono_add(now, dialer->settings->handshake_timeout);
	if (mono_before(dialer->deadline, overdue))
		overdue = dialer->deadline;
	set_state(dialer, DIALER_CONNECTING);
	if (connect(dialer->fd, (struct sockaddr *)&sa, len) < 0 && errno != EINPROGRESS) {
		connect_failed(dialer, errno);
		return;
	}
	int r = loop_watch_add(loop, &dialer->connect_watch, dialer->fd, EPOLLOUT, connect_ready);
	if (r < 0) {
		try_failed(dialer, error_text(r));
		return;
	}
	loop_timer_start(loop, &dialer->timer, overdue, connect_overdue);
}

static void socket_made(
	struct netd_call *call, const struct request_reply *reply, const int *fds, size_t fd_count)
{
	struct dialer *dialer = container_of(call, struct dialer, socket_call);

	dialer->fd = fd_count > 0 ? fds[0] : -1;
	if (fd_count > 1) /* the request was for one */
		netd_link_close_fds(fds + 1, fd_count - 1);
	if (dialer->stopped)
		try_failed(dialer, "stopped");
	else if (reply->error != 0 || dialer->fd < 0)
		try_failed(dialer, reply->text[0] ? reply->text : "netd sent no socket");
	else
		connect_socket(dialer);
}

static void address_due(struct loop_timer *timer)
{
	struct dialer *dialer = container_of(timer, struct dialer, timer);
	struct request request = { .type = REQUEST_SOCKET };

	if (dialer->events->wanted && !dialer->events->wanted(dialer)) {
		set_state(dialer, DIALER_RESTING);
		return;
	}
	dialer->outer = dialer->at_known ? dialer->known : dialer->endpoints[dialer->address];
	if (holds_has(&dialer->holds, &dialer->outer, hold_remote(dialer), mono_now())) {
		go_on(dialer);
		return;
	}
	request.socket.family = dialer->outer.addr.family;
	set_state(dialer, DIALER_SOCKET);
	int r = netd_link_ask(dialer->netd, &dialer->socket_call, &request, socket_made);
	if (r < 0)
		try_failed(dialer, error_text(r));
}

/* ---- names ---- */

static_assert((int)KEPT_ADDRESSES_MAX <= (int)RESOLVER_ADDRESSES_MAX, "endpoints has room");

/* The name has no addresses, or none yet. */
static void unresolved(struct dialer *dialer, const char *cause)
{
	char where[DIALER_WHERE_MAX];

	dialer->endpoint_count = dialer->stopped
		? 0
		: kept_addresses_get(&dialer->kept, dialer->remote, dialer->endpoints);
	if (dialer->endpoint_count == 0) {
		try_failed(dialer, cause);
		return;
	}
	log_warning("%s: %s; trying its last known addresses", describe(dialer, where), cause);
	wait_for(dialer, (struct duration){ 0 }, address_due);
}

static void resolved(struct resolver *resolver)
{
	struct dialer *dialer = container_of(resolver, struct dialer, resolver);
	const struct resolver_answer *answer = &resolver->answer;

	if (dialer->state != DIALER_RESOLVING)
		return; /* too late: see dialer_hurry() and lookup_overdue() */
	if (dialer->stopped || answer->count == 0) {
		unresolved(dialer, answer->problem.text);
		return;
	}
	memcpy(dialer->endpoints, answer->endpoints, sizeof(dialer->endpoints));
	dialer->endpoint_count = answer->count;
	wait_for(dialer, (struct duration){ 0 }, address_due);
}

/* If the answer still comes, it is for a later round. */
static void lookup_overdue(struct loop_timer *timer)
{
	struct dialer *dialer = container_of(timer, struct dialer, timer);

	if (!dialer->stopped)
		unresolved(dialer, "its name is not resolved yet");
}

/* A look-up has a limit of its own only if there is another endpoint to try. */
static void limit_lookup(struct dialer *dialer)
{
	if (dialer->kept.remotes[dialer->remote].count > 0)
		loop_timer_start(dialer->loop, &dialer->timer,
			mono_add(mono_now(), DURATION_MS(DIALER_LOOKUP_MS)), lookup_overdue);
}

/*
 * True if a name need not be resolved yet. While the known server is held, the other remotes' names
 * are worth the long wait.
 */
static bool is_hidden(struct dialer *dialer, const struct settings_remote *remote)
{
	struct addr addr;

	if (dialer->settings->remote_count > 1 &&
		holds_has(&dialer->holds, &dialer->known, hold_remote(dialer), mono_now()))
		return false;
	if (dialer->known.port == 0 || dialer->known_failed >= DIALER_KNOWN_TRIES ||
		addr_parse(remote->host, &addr) == 0)
		return false;
	return true;
}

static void remote_due(struct loop_timer *timer)
{
	struct dialer *dialer = container_of(timer, struct dialer, timer);
	const struct settings_remote *remote = remote_of(dialer);
	const struct proxy *proxy = proxy_of(dialer);

	dialer->address = 0;
	if (dialer->direct || dialer->at_known) {
		wait_for(dialer, (struct duration){ 0 }, address_due);
		return;
	}
	set_state(dialer, DIALER_RESOLVING);
	dialer->outer = (struct endpoint){ 0 };
	dialer->endpoint_count = 0; /* of the last remote */
	if (is_hidden(dialer, remote)) {
		go_on(dialer);
		return;
	}
	/* The thread still works on an abandoned question, and owns the answer until it comes. */
	if (dialer->resolver.busy) {
		unresolved(dialer, "an earlier look-up is still running");
		return;
	}
	int r = resolver_ask(&dialer->resolver, proxy ? proxy->host : remote->host,
		proxy ? proxy->port : remote->port);
	if (r < 0)
		unresolved(dialer, error_text(r));
	else
		limit_lookup(dialer);
}

/* ---- for the client ---- */

int dialer_init(struct dialer *dialer, struct loop *loop, struct netd_link *netd,
	const struct settings *settings, const struct dialer_events *events)
{
	*dialer = (struct dialer){
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
		.backoff = {
			.first = DURATION_MS(DIALER_BACKOFF_FIRST_MS),
			.longest = DURATION_MS(DIALER_BACKOFF_LONGEST_MS),
		},
	};
	proxy_leg_init(&dialer->leg, loop, proxied);
	return resolver_init(&dialer->resolver, loop, resolved);
}

void dialer_free(struct dialer *dialer)
{
	if (!dialer->loop)
		return;
	dialer->stopped = true;
	loop_timer_stop(dialer->loop, &dialer->timer);
	close_socket(dialer);
	resolver_free(&dialer->resolver);
}

void dialer_know(struct dialer *dialer, const struct endpoint *known)
{
	dialer->known = *known;
	dialer->known_failed = 0;
}

void dialer_keep(struct dialer *dialer, const struct endpoint *endpoint)
{
	for (size_t i = 0; i < dialer->settings->remote_count; i++)
		kept_addresses_add(&dialer->kept, i, endpoint);
}

void dialer_hold(struct dialer *dialer, const struct endpoint *outer, struct duration wait)
{
	char where[ENDPOINT_TEXT_MAX];

	if (wait.ns <= 0)
		return;
	holds_set(&dialer->holds, outer, hold_remote(dialer), mono_now(), wait);
	if (wait.ns > DURATION_S(HOLD_LONGEST_S).ns)
		log_notice(
			"%s: the server at %s asks for a pause of %.0f s; the client pauses for %d s, its limit",
			dialer->settings->peers[0].name.name, endpoint_format(outer, where),
			duration_seconds(wait), HOLD_LONGEST_S);
}

void dialer_begin(struct dialer *dialer, bool fresh)
{
	if (dialer->stopped)
		return;
	/* With a single server no round is needed to find that it is held. */
	dialer->tried = dialer->settings->remote_count > 1 || dialer->endpoint_count > 1;
	if (fresh)
		backoff_reset(&dialer->backoff);
	if (fresh)
		begin_round(dialer, (struct duration){ 0 });
	else
		wait_backoff(dialer);
}

void dialer_begin_at(struct dialer *dialer, size_t remote, const struct endpoint *outer, bool fresh)
{
	dialer->direct = true;
	dialer->first = remote;
	dialer->remote = remote;
	dialer->endpoints[0] = *outer;
	dialer->endpoint_count = 1;
	dialer->address = 0;
	if (dialer->state == DIALER_RESTING || dialer->state == DIALER_WAITING)
		dialer_begin(dialer, fresh);
	else if (dialer->outer.port != outer->port ||
		!addr_equal(&dialer->outer.addr, &outer->addr))
		dialer_hurry(dialer);
}

void dialer_hurry(struct dialer *dialer)
{
	if (!dialer->loop || dialer->stopped)
		return;
	/* The attempt may go to a network that no longer exists. */
	if (dialer->state == DIALER_CONNECTING || dialer->state == DIALER_PROXYING) {
		close_socket(dialer);
		dialer->due = address_due;
	} else if (dialer->state == DIALER_RESOLVING && dialer->known.port != 0) {
		/* The name may need the tunnel, so do not wait for its answer. */
		dialer->at_known = true;
		dialer->due = address_due;
	} else if (dialer->state != DIALER_WAITING) {
		return;
	}
	backoff_reset(&dialer->backoff);
	wait_for(dialer, (struct duration){ 0 }, dialer->due);
}

void dialer_hurry_anywhere(struct dialer *dialer)
{
	dialer->holds.count = 0;
	dialer_hurry(dialer);
}

void dialer_stop(struct dialer *dialer)
{
	dialer->stopped = true;
	if (dialer->state == DIALER_WAITING || dialer->state == DIALER_CONNECTING ||
		dialer->state == DIALER_PROXYING)
		try_failed(dialer, "stopped");
	else if (dialer->lane)
		lane_end(dialer->lane);
}

bool dialer_is_waiting(const struct dialer *dialer, struct mono *ret_due)
{
	if (dialer->state != DIALER_WAITING)
		return false;
	*ret_due = dialer->timer.due;
	return true;
}

bool dialer_is_idle(const struct dialer *dialer)
{
	return dialer->stopped && dialer->state == DIALER_RESTING;
}
