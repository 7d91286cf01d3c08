/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the client gets its connection, with everything around it played: the resolver, netd, the
 * kernel's connect(), the proxy and the lanes. Sockets are ends of socket pairs.
 */
#ifndef CULVERT_TESTS_UNIT_DIALER_FIXTURE_H
#define CULVERT_TESTS_UNIT_DIALER_FIXTURE_H

#include "client/dialer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error_text.h"
#include "base/log.h"
#include "tests/unit/log_capture.h"
#include "tests/unit/peer_names_fixture.h"
#include "tests/unit/settings_fixture.h"
#include "tests/unit/unit.h"
#include "wire/message.h"

enum { WAIT_S = 10, WAIT_MUTANT_S = 3, ASKED_MAX = 32, LANES_MAX = 32 };

struct lane { /* a played one */
	struct lane_owner *owner;
	bool ended, released;
	int fd;
};

static struct fixture {
	struct loop *loop;
	struct settings *settings;
	struct dialer dialer;
	struct loop_timer end;
	/* The resolver: what it was asked, and whether it answers by itself. */
	char asked[ASKED_MAX][64];
	size_t asked_count;
	bool silent;
	int ask_error;
	struct endpoint answer[2];
	size_t answer_count;
	/* netd: the socket that it hands out, and the other end of it. */
	struct netd_call *calls[DIALER_ATTEMPTS_MAX]; /* the oldest first */
	size_t call_count;
	uint8_t family;
	int socket_error, theirs, netd_error;
	const char *socket_words;
	unsigned sockets;
	bool slow_netd, no_socket;
	/* The kernel. */
	int connect_error;
	unsigned connects;
	uint64_t random;
	struct proxy_leg *leg;
	const struct settings_remote *leg_remote;
	unsigned leg_stops, goodbyes;
	struct message told;                     /* the last control message of the dialer */
	struct lane all_lanes[LANES_MAX], *lane; /* the newest */
	int lane_error, connected_error;
	/* What it said. */
	unsigned lanes, connected, failed, ended, slow;
	bool unwanted;
	struct endpoint outer;
	char text[PROBLEM_TEXT_MAX];
} fixture;

/* ---- the resolver ---- */

int resolver_init(
	struct resolver *resolver, struct loop *loop, void (*answered)(struct resolver *resolver))
{
	(void)loop;
	*resolver = (struct resolver){ .answered = answered };
	return 0;
}

int resolver_ask(struct resolver *resolver, const char *host, uint16_t port)
{
	if (fixture.ask_error < 0)
		return fixture.ask_error;
	ck_assert(!resolver->busy);
	ck_assert_uint_lt(fixture.asked_count, ASKED_MAX);
	(void)snprintf(fixture.asked[fixture.asked_count++], 64, "%s:%u", host, port);
	resolver->busy = true;
	return 0;
}

void resolver_free(struct resolver *resolver)
{
	(void)resolver;
}

/* The oldest question that is open, or NULL. */
static inline struct resolver *asked_resolver(void)
{
	for (size_t i = 0; i < SETTINGS_REMOTES_MAX; i++) {
		if (fixture.dialer.lookups[i].resolver.busy)
			return &fixture.dialer.lookups[i].resolver;
	}
	return NULL;
}

static inline void resolver_answers(void)
{
	struct resolver *resolver = asked_resolver();

	ck_assert_ptr_nonnull(resolver);
	resolver->busy = false;
	resolver->answer.count = fixture.answer_count;
	memcpy(resolver->answer.endpoints, fixture.answer, sizeof(fixture.answer));
	problem_set(&resolver->answer.problem, "%s",
		fixture.answer_count > 0 ? "" : "cannot resolve it");
	resolver->answered(resolver);
}

/* ---- netd ---- */

int netd_link_ask(struct netd_link *netd, struct netd_call *call, struct request *request,
	void (*done)(struct netd_call *, const struct request_reply *, const int *, size_t))
{
	ck_assert_ptr_null(netd);
	ck_assert_int_eq(request->type, REQUEST_SOCKET);
	if (fixture.netd_error < 0)
		return fixture.netd_error;
	ck_assert_uint_lt(fixture.call_count, DIALER_ATTEMPTS_MAX);
	fixture.family = (uint8_t)request->socket.family;
	call->done = done;
	fixture.calls[fixture.call_count++] = call;
	return 0;
}

void netd_link_close_fds(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		ck_assert_int_eq(close(fds[i]), 0);
}

static inline void new_pair(int fds[2])
{
	ck_assert_int_eq(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
}

static inline struct netd_call *take_call(void)
{
	struct netd_call *call = fixture.calls[0];

	ck_assert_uint_gt(fixture.call_count, 0);
	memmove(&fixture.calls[0], &fixture.calls[1],
		--fixture.call_count * sizeof(fixture.calls[0]));
	return call;
}

static inline void netd_answers(void)
{
	struct netd_call *call = take_call();
	struct request_reply reply = { .error = (uint32_t)fixture.socket_error };
	int fds[2];

	fixture.sockets++;
	if (fixture.socket_error != 0)
		unit_text(reply.text, fixture.socket_words);
	if (fixture.socket_error != 0 || fixture.no_socket) {
		call->done(call, &reply, NULL, 0);
		return;
	}
	if (fixture.theirs >= 0)
		close(fixture.theirs);
	new_pair(fds);
	fixture.theirs = fds[1];
	call->done(call, &reply, fds, 1);
}

/* ---- the kernel ---- */

int connect(int fd, __CONST_SOCKADDR_ARG sa, socklen_t len)
{
	(void)fd;
	(void)sa;
	ck_assert_uint_gt(len, 0);
	fixture.connects++;
	errno = fixture.connect_error;
	return fixture.connect_error != 0 ? -1 : 0;
}

ssize_t getrandom(void *buffer, size_t len, unsigned int flags)
{
	(void)flags;
	ck_assert_uint_eq(len, sizeof(fixture.random));
	memcpy(buffer, &fixture.random, len);
	return (ssize_t)len;
}

/* ---- the proxy ---- */

void proxy_leg_init(struct proxy_leg *leg, struct loop *loop, proxy_leg_fn *done)
{
	*leg = (struct proxy_leg){ .loop = loop, .done = done };
}

void proxy_leg_begin(struct proxy_leg *leg, int fd, struct mono deadline, const struct proxy *proxy,
	const struct settings_remote *remote)
{
	(void)fd;
	(void)deadline;
	ck_assert_str_eq(proxy->host, "proxy.example");
	fixture.leg = leg;
	fixture.leg_remote = remote;
}

void proxy_leg_stop(struct proxy_leg *leg)
{
	(void)leg;
	fixture.leg = NULL;
	fixture.leg_stops++;
}

/* NULL: it has connected on. The leg is over either way. */
static inline void proxy_says(const char *cause)
{
	struct proxy_leg *leg = fixture.leg;

	fixture.leg = NULL;
	leg->done(leg, cause);
}

/* ---- lanes ---- */

void lane_end(struct lane *lane)
{
	lane->ended = true;
}

void lane_release(struct lane *lane)
{
	ck_assert(!lane->released);
	lane->released = true;
	close(lane->fd);
}

int lane_send_control(struct lane *lane, const void *payload, size_t len)
{
	struct problem problem;

	ck_assert(!lane->ended);
	ck_assert_int_eq(message_decode(payload, len, &fixture.told, &problem), 0);
	ck_assert_int_eq(fixture.told.type, MESSAGE_GOODBYE);
	fixture.goodbyes++;
	return 0;
}

const char *lane_end_text(enum lane_end end)
{
	return end == LANE_END_CLOSED ? "closed" : "the end";
}

/* ---- the client's part ---- */

static inline int on_lane(struct dialer *dialer, int fd, struct mono deadline,
	struct lane_owner *owner, struct lane **ret_lane)
{
	ck_assert_ptr_eq(dialer, &fixture.dialer);
	ck_assert(mono_before(mono_now(), deadline));
	if (fixture.lane_error < 0)
		return fixture.lane_error;
	ck_assert_uint_lt(fixture.lanes, LANES_MAX);
	fixture.lane = &fixture.all_lanes[fixture.lanes++];
	*fixture.lane = (struct lane){ .owner = owner, .fd = fd };
	*ret_lane = fixture.lane;
	return 0;
}

static inline bool on_wanted(struct dialer *dialer)
{
	(void)dialer;
	return !fixture.unwanted;
}

static inline int on_connected(struct dialer *dialer, struct lane *lane,
	const struct lane_peer *peer, const struct endpoint *outer)
{
	(void)peer;
	ck_assert_ptr_nonnull(lane);
	ck_assert_int_eq(dialer->state, DIALER_RESTING); /* it may be told to dial for another */
	if (fixture.connected_error < 0)
		return fixture.connected_error;
	fixture.connected++;
	fixture.outer = *outer;
	return 0;
}

static inline void on_failed(struct dialer *dialer, const char *text)
{
	(void)dialer;
	fixture.failed++;
	unit_text(fixture.text, text);
}

static inline void on_ended(struct dialer *dialer)
{
	ck_assert(dialer_is_idle(dialer));
	fixture.ended++;
}

static inline void on_slow(struct dialer *dialer)
{
	(void)dialer;
	fixture.slow++;
}

static const struct dialer_events events = {
	.slow = on_slow,
	.lane = on_lane,
	.wanted = on_wanted,
	.connected = on_connected,
	.failed = on_failed,
	.ended = on_ended,
};

/* ---- the fixture ---- */

static inline struct endpoint at(const char *text)
{
	struct endpoint endpoint;

	ck_assert_int_eq(endpoint_parse(text, 0, &endpoint), 0);
	return endpoint;
}

static inline void has_remote(const char *host)
{
	struct settings_remote *remote = &fixture.settings
						  ->remotes[fixture.settings->remote_count++];

	unit_text(remote->host, host);
	remote->port = 443;
}

static inline void setup(void)
{
	fixture = (struct fixture){
		.theirs = -1, .connect_error = EINPROGRESS, .socket_words = "no more of them"
	};
	log_set_level(LOG_LEVEL_ERROR);
	ck_assert_int_eq(settings_new(SETTINGS_CLIENT, &fixture.settings), 0);
	fixture.settings->peers = calloc(1, sizeof(*fixture.settings->peers));
	fixture.settings->peer_count = 1;
	unit_text(fixture.settings->peers[0].name.name, "hub");
	fixture.settings->handshake_timeout = DURATION_S(10);
	has_remote("one.example");
	fixture.answer[0] = at("192.0.2.1:443");
	fixture.answer[1] = at("[2001:db8::1]:443");
	fixture.answer_count = 1;
	ck_assert_int_eq(loop_new(&fixture.loop), 0);
	ck_assert_int_eq(
		dialer_init(&fixture.dialer, fixture.loop, NULL, fixture.settings, &events), 0);
}

static inline void teardown(void)
{
	for (unsigned i = 0; i < fixture.lanes; i++) {
		if (!fixture.all_lanes[i].released)
			close(fixture.all_lanes[i].fd);
	}
	if (fixture.theirs >= 0)
		close(fixture.theirs);
	dialer_free(&fixture.dialer);
	loop_free(fixture.loop);
	settings_free(fixture.settings);
}

static inline void over(struct loop_timer *timer)
{
	(void)timer;
	loop_stop(fixture.loop);
}

/* One turn of the loop; resolver and netd answer, unless the fixture is silent. */
static inline void step(void)
{
	loop_timer_start(fixture.loop, &fixture.end, mono_add(mono_now(), DURATION_MS(1)), over);
	ck_assert_int_eq(loop_run(fixture.loop), 0);
	if (asked_resolver() && !fixture.silent)
		resolver_answers();
	if (fixture.call_count > 0 && !fixture.slow_netd)
		netd_answers();
}

/* Most mutants of the dialer end in a wait for nothing. */
static inline struct duration patience(void)
{
	return DURATION_S(getenv("CULVERT_MUTANT") ? WAIT_MUTANT_S : WAIT_S);
}

#define AWAIT(condition)                                                                       \
	do {                                                                                   \
		struct mono await_limit = mono_add(mono_now(), patience());                    \
		while (!(condition)) {                                                         \
			ck_assert_msg(mono_before(mono_now(), await_limit), "not in time: %s", \
				#condition);                                                   \
			step();                                                                \
		}                                                                              \
	} while (0)

static inline void steps(unsigned count)
{
	while (count-- > 0)
		step();
}

/* The newest attempt. */
static inline struct attempt *newest(void)
{
	struct attempt *found = &fixture.dialer.attempts[0].attempt;

	for (size_t i = 1; i < DIALER_ATTEMPTS_MAX; i++) {
		struct attempt *attempt = &fixture.dialer.attempts[i].attempt;

		if (mono_before(found->since, attempt->since))
			found = attempt;
	}
	return found;
}

static inline bool is_in(enum attempt_state state)
{
	return newest()->state == state;
}

static inline bool is_asking(void)
{
	for (size_t i = 0; i < SETTINGS_REMOTES_MAX; i++) {
		if (fixture.dialer.lookups[i].asking)
			return true;
	}
	return false;
}

/* What this lane reports once TLS is done. */
static inline void lane_secures(struct lane *lane, const char *name)
{
	struct lane_peer peer = { .cipher = "TLS_AES_256_GCM_SHA384", .names = names_of(name) };

	peer.identity = peer.names->plain;
	lane->owner->secured(lane->owner, lane, &peer);
	peer_names_unref(peer.names);
}

/* The newest lane. */
static inline void secures(const char *name)
{
	lane_secures(fixture.lane, name);
}

static inline void lane_ends(enum lane_end end, const char *text)
{
	fixture.lane->owner->ended(fixture.lane->owner, fixture.lane, end, text);
	ck_assert(fixture.lane->released);
}

static inline void begins(void)
{
	dialer_begin(&fixture.dialer, true);
}

static inline void reaches(void)
{
	unsigned before = fixture.connected;

	AWAIT(is_in(ATTEMPT_SECURING));
	secures("hub");
	ck_assert_uint_eq(fixture.connected, before + 1);
}

/* The session is over, and the next round begins as soon as it may. */
static inline void begins_again(void)
{
	lane_release(fixture.lane);
	begins();
}

static inline void ck_failed(unsigned count, const char *text)
{
	AWAIT(fixture.failed == count);
	ck_assert_msg(strstr(fixture.text, text) != NULL, "%s", fixture.text);
}

static inline void ck_outer(const char *text)
{
	char out[ENDPOINT_TEXT_MAX];

	ck_assert_str_eq(endpoint_format(&newest()->outer, out), text);
}

/* Makes the socket look as if the handshake of TCP went on. */
static inline void fill(int fd)
{
	static const char data[65536];

	while (send(fd, data, sizeof(data), MSG_DONTWAIT) > 0)
		;
}

static inline void ck_due_within(struct duration limit)
{
	ck_assert(fixture.dialer.timer.running);
	ck_assert_int_le(fixture.dialer.timer.due.ns, mono_add(mono_now(), limit).ns);
}

static inline void ck_due_after(struct duration least)
{
	ck_assert(fixture.dialer.timer.running);
	ck_assert_int_gt(fixture.dialer.timer.due.ns, mono_add(mono_now(), least).ns);
}

#endif
