/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the client gets its connection, with everything around it played: the resolver, netd, the
 * kernel's connect(), the proxy and the lanes. Sockets are ends of socket pairs.
 */
#include "client/dialer.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "tests/unit/settings_fixture.h"
#include "tests/unit/unit.h"
#include "wire/message.h"

enum { WAIT_S = 10, ASKED_MAX = 32 };

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
	struct netd_call *call;
	uint8_t family;
	int socket_error, theirs, netd_error;
	unsigned sockets;
	bool slow_netd, no_socket;
	/* The kernel. */
	int connect_error;
	unsigned connects;
	struct proxy_leg *leg;
	unsigned leg_stops;
	struct lane lane;
	int lane_error, connected_error;
	/* What it said. */
	unsigned lanes, connected, failed, ended;
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

static void resolver_answers(void)
{
	struct resolver *resolver = &fixture.dialer.resolver;

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
	ck_assert_ptr_null(fixture.call);
	fixture.family = (uint8_t)request->socket.family;
	call->done = done;
	fixture.call = call;
	return 0;
}

void netd_link_close_fds(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		ck_assert_int_eq(close(fds[i]), 0);
}

static void new_pair(int fds[2])
{
	ck_assert_int_eq(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
}

static void netd_answers(void)
{
	struct netd_call *call = fixture.call;
	struct request_reply reply = { .error = (uint32_t)fixture.socket_error };
	int fds[2];

	fixture.call = NULL;
	fixture.sockets++;
	if (fixture.socket_error != 0)
		unit_text(reply.text, "no more of them");
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
	ck_assert_str_eq(remote->host, "one.example");
	fixture.leg = leg;
}

void proxy_leg_stop(struct proxy_leg *leg)
{
	(void)leg;
	fixture.leg = NULL;
	fixture.leg_stops++;
}

/* NULL: it has connected on. The leg is over either way. */
static void proxy_says(const char *cause)
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

const char *lane_end_text(enum lane_end end)
{
	return end == LANE_END_CLOSED ? "closed" : "the end";
}

/* ---- the client's part ---- */

static int on_lane(struct dialer *dialer, int fd, struct mono deadline, struct lane_owner *owner,
	struct lane **ret_lane)
{
	ck_assert_ptr_eq(dialer, &fixture.dialer);
	ck_assert(mono_before(mono_now(), deadline));
	if (fixture.lane_error < 0)
		return fixture.lane_error;
	fixture.lane = (struct lane){ .owner = owner, .fd = fd };
	fixture.lanes++;
	*ret_lane = &fixture.lane;
	return 0;
}

static bool on_wanted(struct dialer *dialer)
{
	(void)dialer;
	return !fixture.unwanted;
}

static int on_connected(struct dialer *dialer, struct lane *lane, const struct lane_peer *peer,
	const struct endpoint *outer)
{
	(void)peer;
	ck_assert_ptr_eq(lane, &fixture.lane);
	ck_assert_int_eq(dialer->state, DIALER_RESTING); /* it may be told to dial for another */
	if (fixture.connected_error < 0)
		return fixture.connected_error;
	fixture.connected++;
	fixture.outer = *outer;
	return 0;
}

static void on_failed(struct dialer *dialer, const char *text)
{
	(void)dialer;
	fixture.failed++;
	unit_text(fixture.text, text);
}

static void on_ended(struct dialer *dialer)
{
	ck_assert(dialer_is_idle(dialer));
	fixture.ended++;
}

static const struct dialer_events events = {
	.lane = on_lane,
	.wanted = on_wanted,
	.connected = on_connected,
	.failed = on_failed,
	.ended = on_ended,
};

/* ---- the bench ---- */

static struct endpoint at(const char *text)
{
	struct endpoint endpoint;

	ck_assert_int_eq(endpoint_parse(text, 0, &endpoint), 0);
	return endpoint;
}

static void has_remote(const char *host)
{
	struct settings_remote *remote = &fixture.settings
						  ->remotes[fixture.settings->remote_count++];

	unit_text(remote->host, host);
	remote->port = 443;
}

static void setup(void)
{
	fixture = (struct fixture){ .theirs = -1, .connect_error = EINPROGRESS };
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

static void teardown(void)
{
	if (fixture.lanes > 0 && !fixture.lane.released)
		close(fixture.lane.fd);
	if (fixture.theirs >= 0)
		close(fixture.theirs);
	dialer_free(&fixture.dialer);
	loop_free(fixture.loop);
	settings_free(fixture.settings);
}

static void over(struct loop_timer *timer)
{
	(void)timer;
	loop_stop(fixture.loop);
}

/* One turn of the loop; whoever was asked answers, unless told to be silent. */
static void step(void)
{
	loop_timer_start(fixture.loop, &fixture.end, mono_add(mono_now(), DURATION_MS(1)), over);
	ck_assert_int_eq(loop_run(fixture.loop), 0);
	if (fixture.dialer.resolver.busy && !fixture.silent)
		resolver_answers();
	if (fixture.call && !fixture.slow_netd)
		netd_answers();
}

#define AWAIT(condition)                                                                       \
	do {                                                                                   \
		struct mono await_limit = mono_add(mono_now(), DURATION_S(WAIT_S));            \
		while (!(condition)) {                                                         \
			ck_assert_msg(mono_before(mono_now(), await_limit), "not in time: %s", \
				#condition);                                                   \
			step();                                                                \
		}                                                                              \
	} while (0)

static void steps(unsigned count)
{
	while (count-- > 0)
		step();
}

/* What the lane reports once TLS is done. */
static void secures(const char *name, const char *refusal)
{
	struct lane_peer peer = { .cipher = "TLS_AES_256_GCM_SHA384" };

	unit_text(peer.identity.name, name);
	fixture.lane.owner->secured(fixture.lane.owner, &fixture.lane, &peer, refusal);
}

static void lane_ends(enum lane_end end, const char *text)
{
	ck_assert(fixture.dialer.lane == &fixture.lane);
	fixture.lane.owner->ended(fixture.lane.owner, &fixture.lane, end, text);
	ck_assert(fixture.lane.released);
}

static void begins(void)
{
	dialer_begin(&fixture.dialer, true);
}

static void reaches(void)
{
	unsigned before = fixture.connected;

	AWAIT(fixture.dialer.state == DIALER_SECURING);
	secures("hub", "");
	ck_assert_uint_eq(fixture.connected, before + 1);
}

/* The session is over, and the next round begins as soon as it may. */
static void begins_again(void)
{
	lane_release(&fixture.lane);
	begins();
}

static void ck_failed(unsigned count, const char *text)
{
	AWAIT(fixture.failed == count);
	ck_assert_msg(strstr(fixture.text, text) != NULL, "%s", fixture.text);
}

static void ck_outer(const char *text)
{
	char out[ENDPOINT_TEXT_MAX];

	ck_assert_str_eq(endpoint_format(&fixture.dialer.outer, out), text);
}

/* ---- the way there ---- */

START_TEST(connects)
{
	begins();
	AWAIT(fixture.asked_count == 1);
	ck_assert_str_eq(fixture.asked[0], "one.example:443");
	AWAIT(fixture.dialer.state == DIALER_SECURING);
	ck_assert_uint_eq(fixture.family, AF_INET);
	ck_assert_int_eq(fixture.dialer.fd, -1); /* the lane's */
	secures("hub", "");
	ck_assert_uint_eq(fixture.connected, 1);
	ck_outer("192.0.2.1:443");
	ck_assert(addr_equal(&fixture.outer.addr, &fixture.answer[0].addr));
	steps(5);
	ck_assert_int_eq(fixture.dialer.state, DIALER_RESTING);
	ck_assert_uint_eq(fixture.failed + fixture.ended, 0);
	ck_assert_uint_eq(fixture.connects, 1);
}
END_TEST

/* Each address, then each remote, then the wait, and all of it again. */
START_TEST(in_turn)
{
	has_remote("two.example");
	fixture.answer_count = 2;
	fixture.connect_error = ECONNREFUSED;
	begins();
	ck_failed(1, "one.example (192.0.2.1:443)");
	ck_assert_uint_eq(fixture.family, AF_INET);
	ck_failed(2, "one.example ([2001:db8::1]:443)");
	ck_assert_uint_eq(fixture.family, AF_INET6);
	ck_failed(3, "two.example (192.0.2.1:443)");
	ck_failed(4, "two.example ([2001:db8::1]:443)");
	ck_assert_int_eq(fixture.dialer.state, DIALER_WAITING);
	ck_assert_uint_eq(fixture.dialer.backoff.attempt, 1);
	ck_failed(5, "one.example (192.0.2.1:443)");
	ck_assert_uint_eq(fixture.asked_count, 3); /* each name again in each round */
	begins();
	ck_assert_uint_eq(fixture.dialer.backoff.attempt, 0);
}
END_TEST

/* The connection was handed over and led to no session: the next address. */
START_TEST(next)
{
	fixture.answer_count = 2;
	begins();
	reaches();
	lane_release(&fixture.lane);
	dialer_next(&fixture.dialer);
	reaches();
	ck_outer("[2001:db8::1]:443");
}
END_TEST

START_TEST(through_a_proxy)
{
	fixture.settings->proxy = (struct proxy){
		.kind = PROXY_HTTP, .host = "proxy.example", .port = 3128
	};
	fixture.answer[0] = at("192.0.2.9:3128");
	begins();
	AWAIT(fixture.leg != NULL);
	ck_assert_str_eq(fixture.asked[0], "proxy.example:3128");
	ck_assert_int_eq(fixture.dialer.state, DIALER_PROXYING);
	proxy_says("the proxy says no");
	ck_failed(1, "proxy.example (192.0.2.9:3128)");
	ck_failed(1, "the proxy says no");
	AWAIT(fixture.leg != NULL);
	proxy_says(NULL);
	reaches();
	/* In a network that is gone nobody waits for a proxy. */
	begins_again();
	AWAIT(fixture.leg != NULL);
	dialer_hurry(&fixture.dialer);
	ck_assert_ptr_null(fixture.leg);
	AWAIT(fixture.leg != NULL);
	dialer_stop(&fixture.dialer);
	ck_assert_uint_eq(fixture.ended, 1);
}
END_TEST

/* ---- what fails ---- */

START_TEST(unresolved)
{
	fixture.answer_count = 0;
	begins();
	ck_failed(1, "one.example: connection failed: cannot resolve it");
	fixture.ask_error = -EAGAIN;
	ck_failed(2, strerror(EAGAIN));
	ck_assert_uint_eq(fixture.sockets, 0);
}
END_TEST

/* A question that was given up is out still: the thread answers it one day. */
START_TEST(resolver_is_busy)
{
	fixture.silent = true;
	fixture.dialer.resolver.busy = true;
	begins();
	ck_failed(1, "an earlier look-up has not come back yet");
	fixture.silent = false;
	fixture.answer_count = 1;
	ck_assert_int_eq(fixture.dialer.state, DIALER_WAITING);
	resolver_answers(); /* to nobody */
	ck_assert_int_eq(fixture.dialer.state, DIALER_WAITING);
	reaches();
}
END_TEST

START_TEST(no_socket)
{
	fixture.socket_error = EMFILE;
	begins();
	ck_failed(1, "no more of them");
	fixture.socket_error = 0;
	fixture.no_socket = true;
	ck_failed(2, "netd sent no socket");
	fixture.no_socket = false;
	fixture.netd_error = -ENOMEM;
	ck_failed(3, strerror(ENOMEM));
	fixture.netd_error = 0;
	reaches();
}
END_TEST

/* One socket was asked for: what else comes is closed, and nothing leaks. */
START_TEST(too_many_sockets)
{
	struct request_reply reply = { .error = 0 };
	int first[2], second[2];
	char byte;

	fixture.slow_netd = true;
	begins();
	AWAIT(fixture.call != NULL);
	new_pair(first);
	new_pair(second);
	int fds[] = { first[0], second[0] };
	fixture.call->done(fixture.call, &reply, fds, 2);
	fixture.call = NULL;
	ck_assert_int_eq(recv(second[1], &byte, 1, 0), 0);
	close(second[1]);
	fixture.theirs = first[1];
	reaches();
}
END_TEST

START_TEST(connect_fails)
{
	fixture.connect_error = ENETUNREACH;
	begins();
	ck_failed(1, strerror(ENETUNREACH));
	ck_assert_int_eq(fixture.dialer.fd, -1);
	fixture.connect_error = EINPROGRESS;
	reaches();
}
END_TEST

/* The kernel says later that it did not work. */
START_TEST(connect_fails_later)
{
	fixture.slow_netd = true;
	begins();
	AWAIT(fixture.call != NULL);
	netd_answers();
	ck_assert_int_eq(fixture.dialer.state, DIALER_CONNECTING);
	ck_assert_int_eq(send(fixture.dialer.fd, "x", 1, 0), 1);
	close(fixture.theirs); /* with something unread: a reset */
	fixture.theirs = -1;
	ck_failed(1, strerror(ECONNRESET));
	ck_assert_uint_eq(fixture.lanes, 0);
}
END_TEST

/* Makes the socket look as if the handshake of TCP went on. */
static void fill(int fd)
{
	static const char data[65536];

	while (send(fd, data, sizeof(data), MSG_DONTWAIT) > 0)
		;
}

START_TEST(no_answer)
{
	fixture.settings->handshake_timeout = DURATION_MS(30);
	fixture.slow_netd = true;
	begins();
	AWAIT(fixture.call != NULL);
	netd_answers();
	fill(fixture.dialer.fd);
	ck_failed(1, "no answer to the TCP connection");
	ck_assert_int_eq(fixture.dialer.fd, -1);
}
END_TEST

START_TEST(no_lane)
{
	fixture.lane_error = -ENOMEM;
	begins();
	ck_failed(1, "out of memory");
	ck_assert_int_eq(fixture.dialer.fd, -1);
	fixture.lane_error = 0;
	reaches();
}
END_TEST

START_TEST(wrong_server)
{
	begins();
	AWAIT(fixture.dialer.state == DIALER_SECURING);
	secures("other", "");
	ck_assert(fixture.lane.ended);
	lane_ends(LANE_END_ORDERED, "");
	ck_failed(1, "the server is other, but server_name in the profile says hub");
	AWAIT(fixture.dialer.state == DIALER_SECURING);
	secures("hub", "its name is no name");
	ck_assert(fixture.lane.ended);
	lane_ends(LANE_END_ORDERED, "");
	ck_failed(2, "the server's certificate: its name is no name");
	ck_assert_uint_eq(fixture.connected, 0);
}
END_TEST

START_TEST(lane_breaks)
{
	uint8_t early[] = { 0 };

	begins();
	AWAIT(fixture.dialer.state == DIALER_SECURING);
	lane_ends(LANE_END_CLOSED, "");
	ck_failed(1, "connection failed: closed");
	AWAIT(fixture.dialer.state == DIALER_SECURING);
	lane_ends(LANE_END_BROKEN, "in TLS");
	ck_failed(2, "connection failed: the end: in TLS");
	AWAIT(fixture.dialer.state == DIALER_SECURING);
	fixture.lane.owner->control(fixture.lane.owner, &fixture.lane, early, sizeof(early));
	fixture.lane.owner->fault(fixture.lane.owner, &fixture.lane, GOODBYE_PROTOCOL, "nonsense");
	ck_assert(fixture.lane.ended);
	lane_ends(LANE_END_ORDERED, "");
	ck_failed(3, "nonsense");
}
END_TEST

/* The session cannot take the lane: it ends, and the dialer goes on. */
START_TEST(lane_is_not_taken)
{
	fixture.connected_error = -ENOTCONN;
	begins();
	AWAIT(fixture.dialer.state == DIALER_SECURING);
	secures("hub", "");
	ck_assert(fixture.lane.ended);
	ck_assert_int_eq(fixture.dialer.state, DIALER_SECURING);
	lane_ends(LANE_END_ORDERED, "");
	ck_failed(1, strerror(ENOTCONN));
	fixture.connected_error = 0;
	reaches();
}
END_TEST

/* ---- where it was reached before ---- */

START_TEST(kept_address)
{
	begins();
	reaches();
	begins_again();
	fixture.answer_count = 0; /* the name server is gone */
	AWAIT(fixture.asked_count == 2);
	reaches();
	ck_outer("192.0.2.1:443");
	ck_assert_uint_eq(fixture.failed, 0);
}
END_TEST

/* An earlier engine left word; and no name is waited for when there is something else to try. */
START_TEST(slow_name)
{
	struct endpoint known = at("192.0.2.5:443");

	dialer_keep(&fixture.dialer, &known);
	fixture.silent = true;
	begins();
	reaches();
	ck_outer("192.0.2.5:443");
	fixture.silent = false;
	resolver_answers(); /* too late, for nobody */
	ck_assert_int_eq(fixture.dialer.state, DIALER_RESTING);
}
END_TEST

/* Behind a tunnel that is not there names wait: the known endpoint comes first, alone for five times. */
START_TEST(known_endpoint)
{
	struct endpoint known = at("192.0.2.5:443");

	fixture.connect_error = ECONNREFUSED;
	dialer_know(&fixture.dialer, &known);
	for (unsigned i = 1; i <= 5; i++) {
		begins();
		ck_failed(i, "192.0.2.5:443");
		ck_assert_uint_eq(fixture.asked_count, 0);
	}
	ck_failed(6, "192.0.2.1:443");
	ck_assert_str_eq(fixture.asked[0], "one.example:443");
	dialer_know(&fixture.dialer, &known); /* reached again */
	begins();
	ck_failed(7, "192.0.2.5:443");
	steps(5);
	ck_assert_uint_eq(fixture.asked_count, 1);
}
END_TEST

/* An address needs no name server, so it is tried at once behind the known one. */
START_TEST(known_and_an_address)
{
	struct endpoint known = at("192.0.2.5:443");

	unit_text(fixture.settings->remotes[0].host, "192.0.2.1");
	fixture.connect_error = ECONNREFUSED;
	dialer_know(&fixture.dialer, &known);
	begins();
	ck_failed(1, "192.0.2.5:443");
	ck_failed(2, "192.0.2.1:443");
}
END_TEST

/* ---- servers that want to be left alone ---- */

START_TEST(held_server)
{
	struct endpoint held = at("192.0.2.1:443");

	fixture.answer_count = 2;
	dialer_hold(&fixture.dialer, &held, DURATION_S(0)); /* nothing */
	ck_assert_int_eq(holds_shortest(&fixture.dialer.holds, mono_now()).ns, 0);
	dialer_hold(&fixture.dialer, &held, DURATION_S(60));
	begins();
	reaches();
	ck_outer("[2001:db8::1]:443"); /* only that one is passed over */
	dialer_hold(&fixture.dialer, &fixture.dialer.outer, DURATION_S(60));
	begins_again();
	/* Nobody is left to call: the backoff's wait is not enough. */
	AWAIT(fixture.dialer.state == DIALER_WAITING && fixture.dialer.backoff.attempt == 1);
	ck_assert_int_gt(fixture.dialer.timer.due.ns, mono_add(mono_now(), DURATION_S(30)).ns);
	ck_assert_uint_eq(fixture.sockets, 1);
}
END_TEST

/* A hold has an upper bound, whatever the server says. */
START_TEST(held_for_long)
{
	struct endpoint held = at("192.0.2.1:443");

	dialer_hold(&fixture.dialer, &held, DURATION_S(1000000));
	ck_assert_int_le(holds_shortest(&fixture.dialer.holds, mono_now()).ns,
		DURATION_S(HOLD_LONGEST_S).ns);
	ck_assert_int_gt(holds_shortest(&fixture.dialer.holds, mono_now()).ns, 0);
}
END_TEST

/* ---- further lanes ---- */

START_TEST(direct)
{
	struct endpoint outer = at("192.0.2.3:443"), other = at("192.0.2.4:443");

	dialer_begin_at(&fixture.dialer, 0, &outer, true);
	reaches();
	ck_outer("192.0.2.3:443");
	ck_assert_uint_eq(fixture.asked_count, 0);
	lane_release(&fixture.lane);
	/* An attempt that is under way to the same endpoint goes on; one to another is given up. */
	fixture.slow_netd = true;
	dialer_begin_at(&fixture.dialer, 0, &outer, true);
	AWAIT(fixture.call != NULL);
	netd_answers();
	fill(fixture.dialer.fd);
	ck_assert_int_eq(fixture.dialer.state, DIALER_CONNECTING);
	dialer_begin_at(&fixture.dialer, 0, &outer, true);
	ck_assert_int_eq(fixture.dialer.state, DIALER_CONNECTING);
	dialer_begin_at(&fixture.dialer, 0, &other, true);
	ck_assert_int_eq(fixture.dialer.fd, -1);
	fixture.slow_netd = false;
	reaches();
	ck_outer("192.0.2.4:443");
}
END_TEST

START_TEST(not_wanted)
{
	struct endpoint outer = at("192.0.2.3:443");

	fixture.connect_error = ECONNREFUSED;
	dialer_begin_at(&fixture.dialer, 0, &outer, false);
	ck_assert_int_eq(fixture.dialer.state, DIALER_WAITING);
	ck_failed(1, "192.0.2.3:443");
	fixture.unwanted = true;
	AWAIT(fixture.dialer.state == DIALER_RESTING);
	steps(5);
	ck_assert_uint_eq(fixture.failed, 1);
	ck_assert_uint_eq(fixture.sockets, 1);
}
END_TEST

/* ---- hurry and stop ---- */

START_TEST(hurry)
{
	struct endpoint known = at("192.0.2.5:443");

	dialer_hurry(&fixture.dialer); /* nothing to hurry */
	ck_assert_int_eq(fixture.dialer.state, DIALER_RESTING);
	/* A wait ends, and the backoff begins again. */
	fixture.dialer.backoff.attempt = 9;
	dialer_begin(&fixture.dialer, false);
	ck_assert_int_eq(fixture.dialer.state, DIALER_WAITING);
	dialer_hurry(&fixture.dialer);
	ck_assert_uint_eq(fixture.dialer.backoff.attempt, 0);
	/* A look-up is left to itself where there is a known endpoint. */
	fixture.silent = true;
	AWAIT(fixture.dialer.state == DIALER_RESOLVING);
	dialer_hurry(&fixture.dialer);
	ck_assert_int_eq(fixture.dialer.state, DIALER_RESOLVING);
	dialer_know(&fixture.dialer, &known);
	dialer_hurry(&fixture.dialer);
	fixture.slow_netd = true;
	AWAIT(fixture.call != NULL);
	ck_outer("192.0.2.5:443");
	dialer_hurry(&fixture.dialer); /* netd's answer is awaited */
	ck_assert_int_eq(fixture.dialer.state, DIALER_SOCKET);
	/* A connection into the old network is given up. */
	netd_answers();
	fill(fixture.dialer.fd);
	ck_assert_int_eq(fixture.dialer.state, DIALER_CONNECTING);
	dialer_hurry(&fixture.dialer);
	ck_assert_int_eq(fixture.dialer.state, DIALER_WAITING);
	ck_assert_int_eq(fixture.dialer.fd, -1);
	AWAIT(fixture.call != NULL);
	netd_answers();
	reaches();
}
END_TEST

static void ck_stopped(void)
{
	ck_assert(dialer_is_idle(&fixture.dialer));
	ck_assert_uint_eq(fixture.ended, 1);
	ck_assert_uint_eq(fixture.failed, 0); /* nobody asks any more */
	ck_assert_int_eq(fixture.dialer.fd, -1);
	begins();
	dialer_hurry(&fixture.dialer);
	steps(5);
	ck_assert_int_eq(fixture.dialer.state, DIALER_RESTING);
}

START_TEST(stopped_while_waiting)
{
	dialer_begin(&fixture.dialer, false);
	ck_assert(!dialer_is_idle(&fixture.dialer));
	dialer_stop(&fixture.dialer);
	ck_stopped();
}
END_TEST

START_TEST(stopped_while_resolving)
{
	struct endpoint known = at("192.0.2.5:443");

	dialer_keep(&fixture.dialer, &known);
	fixture.silent = true;
	begins();
	AWAIT(fixture.dialer.state == DIALER_RESOLVING);
	dialer_stop(&fixture.dialer);
	ck_assert(!dialer_is_idle(&fixture.dialer)); /* the thread is out */
	resolver_answers();
	ck_stopped();
	ck_assert_uint_eq(fixture.sockets, 0);
}
END_TEST

START_TEST(stopped_at_netd)
{
	fixture.slow_netd = true;
	begins();
	AWAIT(fixture.call != NULL);
	dialer_stop(&fixture.dialer);
	ck_assert(!dialer_is_idle(&fixture.dialer));
	netd_answers();
	ck_stopped();
	ck_assert_uint_eq(fixture.connects, 0);
}
END_TEST

START_TEST(stopped_while_connecting)
{
	fixture.slow_netd = true;
	begins();
	AWAIT(fixture.call != NULL);
	netd_answers();
	fill(fixture.dialer.fd);
	dialer_stop(&fixture.dialer);
	ck_stopped();
}
END_TEST

START_TEST(stopped_while_securing)
{
	begins();
	AWAIT(fixture.dialer.state == DIALER_SECURING);
	dialer_stop(&fixture.dialer);
	ck_assert(fixture.lane.ended && !dialer_is_idle(&fixture.dialer));
	secures("hub", ""); /* it was on its way */
	ck_assert_uint_eq(fixture.connected, 0);
	lane_ends(LANE_END_ORDERED, "");
	ck_stopped();
}
END_TEST

START_TEST(state_names)
{
	for (int state = 0; state < DIALER_STATE_COUNT; state++)
		ck_assert_str_ne(dialer_state_text((enum dialer_state)state), "unknown");
	ck_assert_str_eq(dialer_state_text(DIALER_STATE_COUNT), "unknown");
}
END_TEST

static Suite *suite(void)
{
	const struct {
		const char *name;
		const TTest *test;
	} tests[] = {
		{ "connects", connects },
		{ "in turn", in_turn },
		{ "next", next },
		{ "through a proxy", through_a_proxy },
		{ "unresolved", unresolved },
		{ "resolver is busy", resolver_is_busy },
		{ "no socket", no_socket },
		{ "too many sockets", too_many_sockets },
		{ "connect fails", connect_fails },
		{ "connect fails later", connect_fails_later },
		{ "no answer", no_answer },
		{ "no lane", no_lane },
		{ "wrong server", wrong_server },
		{ "lane breaks", lane_breaks },
		{ "lane is not taken", lane_is_not_taken },
		{ "kept address", kept_address },
		{ "slow name", slow_name },
		{ "known endpoint", known_endpoint },
		{ "known and an address", known_and_an_address },
		{ "held server", held_server },
		{ "held for long", held_for_long },
		{ "direct", direct },
		{ "not wanted", not_wanted },
		{ "hurry", hurry },
		{ "stopped while waiting", stopped_while_waiting },
		{ "stopped while resolving", stopped_while_resolving },
		{ "stopped at netd", stopped_at_netd },
		{ "stopped while connecting", stopped_while_connecting },
		{ "stopped while securing", stopped_while_securing },
		{ "state names", state_names },
	};
	Suite *suite = suite_create("dialer");

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		unit_add_between(suite, tests[i].name, tests[i].test, setup, teardown);
	return suite;
}

int main(void)
{
	return unit_run("dialer", suite());
}
