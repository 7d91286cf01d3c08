/* SPDX-License-Identifier: Apache-2.0 */
/* The way back to a better remote. Time, attempts and the resolver are played. */
#include "client/preferred.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/array.h"
#include "base/log.h"
#include "tests/unit/log_capture.h"
#include "tests/unit/settings_fixture.h"
#include "tests/unit/unit.h"

enum { ASKED_MAX = 16 };

struct lane {
	int unused;
};

static struct fixture {
	struct settings *settings;
	struct preferred preferred;
	struct mono now;
	uint32_t random;
	int random_error;
	/* The resolver: what it was asked, in order. */
	char asked[ASKED_MAX][64];
	size_t asked_count;
	int ask_error, init_error;
	unsigned resolvers; /* made and not freed */
	/* The attempts. */
	unsigned begun, abandoned, returned;
	char told[64];    /* with the last goodbye */
	struct lane lane; /* what each attempt leads to */
	/* What the client is told. */
	unsigned steady, ended, holds;
	int steady_error;
	size_t steady_remote;
	struct endpoint hold_at, avoided; /* avoided: this server asked to stay away */
	struct duration hold;
} fixture;

/* ---- time ---- */

struct mono mono_now(void)
{
	return fixture.now;
}

void loop_timer_start(
	struct loop *loop, struct loop_timer *timer, struct mono due, loop_timer_fn *expired)
{
	(void)loop;
	ck_assert_ptr_eq(timer, &fixture.preferred.timer);
	*timer = (struct loop_timer){ .due = due, .expired = expired, .running = true };
}

void loop_timer_stop(struct loop *loop, struct loop_timer *timer)
{
	ck_assert_ptr_nonnull(loop);
	timer->running = false;
}

static int64_t ms_to_timer(void)
{
	ck_assert(fixture.preferred.timer.running);
	return duration_ms(mono_since(fixture.preferred.timer.due, fixture.now));
}

/* Time goes on to the timer, which expires. */
static void expires(void)
{
	struct loop_timer *timer = &fixture.preferred.timer;

	ck_assert(timer->running);
	fixture.now = timer->due;
	timer->running = false;
	timer->expired(timer);
}

ssize_t getrandom(void *data, size_t len, unsigned flags)
{
	ck_assert_uint_eq(flags, 0); /* a host that has just started waits for random numbers */
	ck_assert_uint_eq(len, sizeof(fixture.random));
	if (fixture.random_error != 0) {
		errno = fixture.random_error;
		return -1;
	}
	memcpy(data, &fixture.random, len);
	return (ssize_t)len;
}

/* ---- the resolver ---- */

int resolver_init(
	struct resolver *resolver, struct loop *loop, void (*answered)(struct resolver *resolver))
{
	(void)loop;
	if (fixture.init_error < 0)
		return fixture.init_error;
	*resolver = (struct resolver){ .answered = answered };
	fixture.resolvers++;
	return 0;
}

int resolver_ask(struct resolver *resolver, const char *host, uint16_t port)
{
	ck_assert(!resolver->busy);
	ck_assert_uint_lt(fixture.asked_count, ASKED_MAX);
	(void)snprintf(fixture.asked[fixture.asked_count++], 64, "%s:%u", host, port);
	resolver->busy = fixture.ask_error == 0;
	return fixture.ask_error;
}

void resolver_free(struct resolver *resolver)
{
	ck_assert_ptr_eq(resolver, &fixture.preferred.resolver);
	fixture.resolvers--;
}

static struct endpoint address(size_t i)
{
	struct endpoint endpoint;

	ck_assert_int_eq(
		endpoint_parse(i == 0 ? "192.0.2.1:443" : "192.0.2.2:443", 0, &endpoint), 0);
	return endpoint;
}

static bool endpoints_equal(const struct endpoint *endpoint, size_t i)
{
	struct endpoint expected = address(i);

	return endpoint->port == expected.port && addr_equal(&endpoint->addr, &expected.addr);
}

/* The question that is open is answered with so many addresses. */
static void resolves(size_t count)
{
	struct resolver *resolver = &fixture.preferred.resolver;

	ck_assert(resolver->busy);
	resolver->busy = false;
	resolver->answer.count = count;
	for (size_t i = 0; i < count; i++)
		resolver->answer.endpoints[i] = address(i);
	resolver->answered(resolver);
}

static void ck_asked(const char *last)
{
	ck_assert_uint_gt(fixture.asked_count, 0);
	ck_assert_str_eq(fixture.asked[fixture.asked_count - 1], last);
}

/* ---- the attempt ---- */

void attempt_init(struct attempt *attempt, struct loop *loop, struct netd_link *netd,
	const struct settings *settings, const struct attempt_events *events)
{
	(void)netd;
	*attempt = (struct attempt){ .events = events, .loop = loop, .settings = settings };
}

void attempt_free(struct attempt *attempt)
{
	(void)attempt;
}

void attempt_begin(struct attempt *attempt, size_t remote, const struct endpoint *outer)
{
	ck_assert_int_eq(attempt->state, ATTEMPT_FREE);
	attempt->state = ATTEMPT_SECURING;
	attempt->remote = remote;
	attempt->outer = *outer;
	attempt->since = fixture.now;
	attempt->retry_after_ms = 0;
	fixture.begun++;
}

struct lane *attempt_take(struct attempt *attempt)
{
	attempt->state = ATTEMPT_FREE;
	return &fixture.lane;
}

void attempt_return(struct attempt *attempt, struct lane *lane)
{
	ck_assert_ptr_eq(lane, &fixture.lane);
	attempt->state = ATTEMPT_SECURED;
	fixture.returned++;
}

void attempt_refuse(struct attempt *attempt, const char *cause)
{
	(void)attempt;
	ck_abort_msg("refused: %s", cause);
}

void attempt_abandon(struct attempt *attempt, const char *text)
{
	if (attempt->state == ATTEMPT_FREE || attempt->abandoned)
		return;
	attempt->state = ATTEMPT_ENDING;
	attempt->abandoned = true;
	fixture.abandoned++;
	unit_text(fixture.told, text);
}

bool attempt_is_free(const struct attempt *attempt)
{
	return attempt->state == ATTEMPT_FREE;
}

bool attempt_is_flying(const struct attempt *attempt)
{
	return attempt->state != ATTEMPT_FREE;
}

/* Which address the attempt goes to. */
static size_t tried(void)
{
	return endpoints_equal(&fixture.preferred.attempt.outer, 0) ? 0 : 1;
}

/* The handshake is done, after so long. */
static void secures(int64_t after_ms)
{
	struct attempt *attempt = &fixture.preferred.attempt;

	ck_assert_int_eq(attempt->state, ATTEMPT_SECURING);
	fixture.now = mono_add(fixture.now, DURATION_MS(after_ms));
	attempt->state = ATTEMPT_SECURED;
	attempt->events->secured(attempt);
}

static void fails(uint32_t retry_after_ms)
{
	struct attempt *attempt = &fixture.preferred.attempt;

	ck_assert(attempt->state == ATTEMPT_SECURING || attempt->state == ATTEMPT_SECURED);
	attempt->state = ATTEMPT_FREE;
	attempt->retry_after_ms = retry_after_ms;
	attempt->events->failed(attempt, "played");
}

/* The end of an abandoned one, which its lane or netd owes. */
static void is_gone(void)
{
	struct attempt *attempt = &fixture.preferred.attempt;

	ck_assert(attempt->abandoned);
	attempt->abandoned = false;
	attempt->state = ATTEMPT_FREE;
	attempt->events->gone(attempt);
}

/* ---- the client ---- */

static int on_lane(struct preferred *preferred, int fd, struct mono deadline,
	struct lane_owner *owner, struct lane **ret_lane)
{
	(void)preferred;
	(void)fd;
	(void)deadline;
	(void)owner;
	(void)ret_lane;
	return -ENOMEM;
}

static bool on_held(struct preferred *preferred, size_t remote, const struct endpoint *outer)
{
	const struct endpoint *first = preferred->endpoints;

	(void)remote;
	ck_assert(outer >= first && outer < &first[preferred->endpoint_count]);
	return fixture.avoided.port == outer->port &&
		addr_equal(&fixture.avoided.addr, &outer->addr);
}

static void on_hold(struct preferred *preferred, size_t remote, const struct endpoint *outer,
	struct duration wait)
{
	(void)preferred;
	(void)remote;
	fixture.hold_at = *outer;
	fixture.hold = wait;
	fixture.holds++;
}

static int on_steady(struct preferred *preferred, struct lane *lane, const struct lane_peer *peer,
	size_t remote, const struct endpoint *outer)
{
	(void)preferred;
	(void)peer;
	(void)outer;
	ck_assert_ptr_eq(lane, &fixture.lane);
	fixture.steady++;
	fixture.steady_remote = remote;
	return fixture.steady_error;
}

static void on_ended(struct preferred *preferred)
{
	ck_assert(preferred_is_idle(preferred));
	fixture.ended++;
}

static const struct preferred_events events = {
	.lane = on_lane,
	.held = on_held,
	.hold = on_hold,
	.steady = on_steady,
	.ended = on_ended,
};

static void has_remote(const char *host, uint8_t priority)
{
	struct settings_remote *remote = &fixture.settings
						  ->remotes[fixture.settings->remote_count++];

	unit_text(remote->host, host);
	remote->port = 443;
	remote->priority = priority;
}

/* Two remotes of priority 2, one of 1, and one of 3, in this order. */
static void setup(void)
{
	fixture = (struct fixture){ .now = { DURATION_S(1000).ns } };
	log_set_level(LOG_LEVEL_ERROR);
	fixture.settings = client();
	fixture.settings->remote_count = 0;
	fixture.settings->return_after = DURATION_S(30);
	has_remote("second", 2);
	has_remote("best", 1);
	has_remote("also-second", 2);
	has_remote("last", 3);
	preferred_init(&fixture.preferred, NULL, NULL, fixture.settings, &events);
	fixture.preferred.loop = (struct loop *)(void *)&fixture; /* never used */
}

static void teardown(void)
{
	preferred_free(&fixture.preferred);
	ck_assert_uint_eq(fixture.resolvers, 0);
	ck_assert(!fixture.preferred.timer.running && !fixture.preferred.running);
	preferred_free(&fixture.preferred); /* has nothing left to free */
	ck_assert_uint_eq(fixture.resolvers, 0);
	settings_free(fixture.settings);
}

/* A whole probe that the first address answers, until what the server did not say is waited for. */
static void probe_answers(void)
{
	expires();
	resolves(1);
	secures(20);
	expires();
}

/* ---- tests ---- */

START_TEST(nothing_better)
{
	preferred_watch(&fixture.preferred, 1);
	ck_assert(!fixture.preferred.running && !fixture.preferred.timer.running);
	ck_assert(preferred_is_idle(&fixture.preferred));
	/* A remote that was taken from the configuration is worse than any. */
	preferred_watch(&fixture.preferred, 256);
	ck_assert(fixture.preferred.running);
}
END_TEST

/* A third of return_after, at most 10 s and at least half a second, less a random part. */
START_TEST(intervals)
{
	static const struct {
		int64_t return_after_ms;
		uint32_t random;
		int64_t expected_ms;
	} cases[] = { { 30000, 0, 10000 }, { 3600000, 0, 10000 }, { 9000, 0, 3000 },
		{ 100, 0, 500 }, { 0, 0, 500 }, { 30000, UINT32_MAX, 7501 },
		{ 30000, 0x80000000u, 8750 } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		fixture.settings->return_after = DURATION_MS(cases[i].return_after_ms);
		fixture.random = cases[i].random;
		preferred_watch(&fixture.preferred, 3);
		ck_assert_int_ge(ms_to_timer(), cases[i].expected_ms - 1);
		ck_assert_int_le(ms_to_timer(), cases[i].expected_ms);
	}
}
END_TEST

/* Only better ones, the best first, and each once. */
START_TEST(order)
{
	preferred_watch(&fixture.preferred, 3);
	expires();
	ck_asked("best:443");
	resolves(0);
	ck_asked("second:443");
	resolves(0);
	ck_asked("also-second:443");
	resolves(0);
	ck_assert_uint_eq(fixture.asked_count, 3);
	ck_assert_int_eq(ms_to_timer(), 10000);
	ck_assert(!fixture.preferred.answers);
	preferred_watch(&fixture.preferred, 2);
	expires();
	resolves(0);
	ck_asked("best:443");
	ck_assert_uint_eq(fixture.asked_count, 4);
}
END_TEST

/* All addresses of one remote, but for a server that asked to be left alone, then the next remote. */
START_TEST(addresses)
{
	preferred_watch(&fixture.preferred, 3);
	expires();
	resolves(2);
	ck_assert_uint_eq(tried(), 0);
	ck_assert_uint_eq(fixture.preferred.attempt.remote, 1);
	fails(0);
	ck_assert_uint_eq(tried(), 1);
	fails(0);
	ck_asked("second:443");
	fixture.avoided = address(0);
	resolves(2);
	ck_assert_uint_eq(tried(), 1);
	ck_assert_uint_eq(fixture.preferred.attempt.remote, 0);
	fixture.avoided = address(1);
	fails(0);
	ck_asked("also-second:443");
	ck_assert_uint_eq(fixture.begun, 3);
	ck_assert_uint_eq(fixture.holds, 0);
}
END_TEST

START_TEST(returns_when_steady)
{
	struct mono first;

	preferred_watch(&fixture.preferred, 2);
	expires();
	ck_assert_int_eq(fixture.preferred.next.ns, 0); /* one is under way */
	resolves(1);
	secures(20);
	/* A goodbye would come within twice the time of the handshake, and a little more. */
	ck_assert_int_eq(ms_to_timer(), PREFERRED_LISTEN_MS + 40);
	expires();
	first = fixture.now;
	ck_assert(fixture.preferred.answers);
	ck_assert_uint_eq(fixture.preferred.answering, 1);
	ck_assert_uint_eq(fixture.abandoned, 1);
	ck_assert_str_eq(fixture.told, "a probe whether this server answers");
	is_gone();
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(ms_to_timer(), 10000);
		probe_answers();
		is_gone();
		ck_assert_uint_eq(fixture.steady, 0);
	}
	ck_assert_int_lt(mono_since(fixture.now, first).ns, DURATION_S(30).ns);
	probe_answers();
	ck_assert_uint_eq(fixture.steady, 1);
	ck_assert_uint_eq(fixture.steady_remote, 1);
	ck_assert_uint_eq(fixture.abandoned, 3);
	ck_assert(!fixture.preferred.timer.running && preferred_is_idle(&fixture.preferred));
	ck_assert_uint_eq(fixture.ended, 0);
}
END_TEST

/* One failure, or another remote that answers, and the time begins again. */
START_TEST(count_begins_again)
{
	preferred_watch(&fixture.preferred, 3);
	probe_answers();
	is_gone();
	expires();
	resolves(1);
	fails(0);
	resolves(1); /* "second" */
	secures(20);
	expires();
	ck_assert(fixture.preferred.answers);
	ck_assert_uint_eq(fixture.preferred.answering, 0);
	ck_assert_int_eq(fixture.preferred.since.ns, fixture.now.ns);
	is_gone();
	expires();
	for (int i = 0; i < 3; i++)
		resolves(0);
	ck_assert(!fixture.preferred.answers);
	fixture.now = mono_add(fixture.now, DURATION_S(60));
	probe_answers();
	ck_assert(fixture.preferred.answers);
	ck_assert_uint_eq(fixture.steady, 0);
}
END_TEST

/* The log has each change once, not each probe. */
START_TEST(logged_once)
{
	preferred_watch(&fixture.preferred, 2);
	log_capture_begin(LOG_LEVEL_INFO);
	for (int i = 0; i < 2; i++) {
		probe_answers();
		is_gone();
	}
	ck_assert_uint_eq(log_count("the preferred remote best answers"), 1);
	for (int i = 0; i < 2; i++) {
		expires();
		resolves(0);
		ck_assert_uint_eq(log_count("does not answer any more"), 1);
	}
	log_capture_end();
}
END_TEST

/* A server that is being drained says goodbye behind the handshake. */
START_TEST(goodbye)
{
	preferred_watch(&fixture.preferred, 2);
	expires();
	resolves(1);
	secures(20);
	fails(5000);
	ck_assert(endpoints_equal(&fixture.hold_at, 0));
	ck_assert_int_eq(duration_ms(fixture.hold), 5000);
	ck_assert(!fixture.preferred.answers);
	ck_assert_int_eq(ms_to_timer(), 10000); /* and it does not listen on */
}
END_TEST

/* The client cannot move its session just now. */
START_TEST(not_taken)
{
	fixture.settings->return_after = DURATION_MS(0);
	fixture.steady_error = -ENOTCONN;
	preferred_watch(&fixture.preferred, 2);
	probe_answers();
	ck_assert_uint_eq(fixture.steady, 1);
	ck_assert_uint_eq(fixture.returned, 1);
	ck_assert_uint_eq(fixture.abandoned, 1);
	ck_assert_str_eq(fixture.told, "the client stays where it is");
	ck_assert(fixture.preferred.running && !fixture.preferred.answers);
	/* Its lane ends still when the next one is due: that one waits. */
	expires();
	ck_assert_uint_eq(fixture.asked_count, 1);
	is_gone();
	ck_assert_uint_eq(fixture.ended, 0);
	expires();
	ck_assert_uint_eq(fixture.asked_count, 2);
}
END_TEST

START_TEST(stopped)
{
	preferred_watch(&fixture.preferred, 2);
	expires();
	resolves(1);
	preferred_stop(&fixture.preferred);
	ck_assert(!preferred_is_idle(&fixture.preferred));
	ck_assert(!fixture.preferred.timer.running);
	is_gone();
	ck_assert_uint_eq(fixture.ended, 1);
	preferred_stop(&fixture.preferred);
	ck_assert_uint_eq(fixture.ended, 1);
}
END_TEST

/* The answer to a question of before belongs to no probe, also after the next one has begun. */
START_TEST(stopped_while_it_resolves)
{
	preferred_watch(&fixture.preferred, 2);
	expires();
	preferred_watch(&fixture.preferred, 2);
	expires();
	ck_assert_uint_eq(fixture.asked_count, 1); /* the resolver is busy */
	resolves(1);
	ck_assert_uint_eq(fixture.begun, 0);
	expires();
	resolves(1);
	ck_assert_uint_eq(fixture.begun, 1);
}
END_TEST

START_TEST(stopped_after_an_answer)
{
	preferred_watch(&fixture.preferred, 2);
	probe_answers();
	preferred_stop(&fixture.preferred);
	ck_assert(!fixture.preferred.answers);
	is_gone();
	ck_assert_uint_eq(fixture.ended, 1);
}
END_TEST

/* The engine ends before the client has begun. */
START_TEST(never_begun)
{
	struct preferred preferred = { .attempt.state = ATTEMPT_SECURED };

	preferred_stop(&preferred);
	preferred_free(&preferred);
	ck_assert_uint_eq(fixture.abandoned + fixture.ended, 0);
}
END_TEST

/* Without a random number the clock spreads the clients. */
START_TEST(no_random_number)
{
	fixture.random_error = ENOSYS;
	fixture.now.ns = (int64_t)((uint64_t)UINT32_MAX << 32 | 0x80000000u);
	preferred_watch(&fixture.preferred, 3);
	ck_assert_int_eq(ms_to_timer(), 8750);
}
END_TEST

START_TEST(no_resolver)
{
	fixture.init_error = -EMFILE;
	preferred_watch(&fixture.preferred, 3);
	expires();
	ck_assert_uint_eq(fixture.asked_count, 0);
	ck_assert_int_eq(ms_to_timer(), 10000);
	fixture.init_error = 0;
	expires();
	ck_asked("best:443");
	ck_assert_uint_eq(fixture.resolvers, 1);
}
END_TEST

START_TEST(through_a_proxy)
{
	fixture.settings->proxy.kind = PROXY_HTTP;
	unit_text(fixture.settings->proxy.host, "proxy");
	fixture.settings->proxy.port = 3128;
	preferred_watch(&fixture.preferred, 3);
	expires();
	ck_asked("proxy:3128");
	resolves(1);
	ck_assert_uint_eq(fixture.preferred.attempt.remote, 1);
	fails(0);
	ck_asked("proxy:3128");
	resolves(1);
	ck_assert_uint_eq(fixture.preferred.attempt.remote, 0);
}
END_TEST

START_TEST(resolver_fails)
{
	fixture.ask_error = -ENOMEM;
	preferred_watch(&fixture.preferred, 3);
	expires();
	ck_assert_uint_eq(fixture.asked_count, 3);
	ck_assert_int_eq(ms_to_timer(), 10000);
	fixture.ask_error = 0;
	expires();
	ck_asked("best:443");
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { nothing_better, intervals, order, addresses,
		returns_when_steady, count_begins_again, logged_once, goodbye, not_taken, stopped,
		stopped_while_it_resolves, stopped_after_an_answer, never_begun, no_random_number,
		no_resolver, through_a_proxy, resolver_fails };

	return unit_run(
		"preferred", unit_suite("preferred", setup, teardown, tests, ARRAY_SIZE(tests)));
}
