/* SPDX-License-Identifier: Apache-2.0 */
/* Judging many sessions: each once for each change, in pieces. The sessions are played. */
#include "engine/peers_certificates.h"

#include <unistd.h>

#include "engine/session.h"
#include "tests/unit/unit.h"

enum { PEERS = 8 };

static struct played {
	struct session session;
	const struct tls_context *judged; /* the last context */
	unsigned times;
	bool refused, suspect;
	unsigned turn; /* the place in the order of judging */
} played[PEERS];

static struct loop *loop;
static struct peers peers;
static struct loop_timer tick, end;
static unsigned ticks, turn, contexts[4];
static useconds_t slow_us;

static struct played *of(const struct session *session)
{
	for (size_t i = 0; i < PEERS; i++) {
		if (session == &played[i].session)
			return &played[i];
	}
	ck_abort_msg("a session that nobody made");
	return NULL;
}

bool session_was_judged(const struct session *session, const struct tls_context *context)
{
	return of(session)->judged == context;
}

bool session_is_suspect(const struct session *session, const struct tls_context *context)
{
	(void)context;
	return of(session)->suspect;
}

void session_judge(struct session *session, const struct tls_context *context)
{
	struct played *one = of(session);

	one->judged = context;
	one->times++;
	one->turn = turn++;
	if (slow_us > 0)
		usleep(slow_us);
	if (one->refused)
		peers_remove(&peers, session);
}

/* The contexts are numbers that count their references. */
struct tls_context *tls_context_ref(struct tls_context *context)
{
	++*(unsigned *)(void *)context;
	return context;
}

void tls_context_unref(struct tls_context *context)
{
	if (context)
		--*(unsigned *)(void *)context;
}

static struct tls_context *context(size_t number)
{
	return (struct tls_context *)(void *)&contexts[number];
}

static void ticked(struct loop_timer *timer)
{
	ticks++;
	loop_timer_start(loop, timer, mono_now(), ticked);
}

static void ended(struct loop_timer *timer)
{
	(void)timer;
	loop_stop(loop);
}

static void run(int64_t ms)
{
	loop_timer_start(loop, &end, mono_add(mono_now(), DURATION_MS(ms)), ended);
	ck_assert_int_eq(loop_run(loop), 0);
}

/* Until all that wait are judged, however busy the machine is. */
static void run_out(void)
{
	do
		run(1);
	while (peers.judging.running);
}

static void set_up(void)
{
	ck_assert_int_eq(loop_new(&loop), 0);
	peers_init(&peers, loop);
	for (size_t i = 0; i < PEERS; i++) {
		played[i] = (struct played){ .refused = false };
		peers_add(&peers, &played[i].session);
	}
	for (size_t i = 0; i < ARRAY_SIZE(contexts); i++)
		contexts[i] = 1;
	ticks = turn = 0;
	slow_us = 0;
}

static void tear_down(void)
{
	peers_free(&peers);
	loop_timer_stop(loop, &tick);
	loop_free(loop);
	for (size_t i = 0; i < ARRAY_SIZE(contexts); i++)
		ck_assert_uint_eq(contexts[i], 1);
}

START_TEST(each_once)
{
	peers_judge_certificates(&peers, context(0));
	run_out();
	for (size_t i = 0; i < PEERS; i++)
		ck_assert_uint_eq(played[i].times, 1);
	ck_assert_uint_eq(contexts[0], 2);
	peers_judge_certificates(&peers, context(1));
	ck_assert_uint_eq(contexts[0], 1);
	run_out();
	for (size_t i = 0; i < PEERS; i++)
		ck_assert_uint_eq(played[i].times, 2);
}
END_TEST

START_TEST(some_end)
{
	played[0].refused = played[3].refused = played[PEERS - 1].refused = true;
	peers_judge_certificates(&peers, context(0));
	run_out();
	ck_assert_uint_eq(peers.session_count, PEERS - 3);
	for (size_t i = 0; i < PEERS; i++)
		ck_assert_uint_eq(played[i].times, 1);
}
END_TEST

/* Those that a quick look suspects, then the others, in their order; also where one piece is not enough. */
START_TEST(suspects_first)
{
	static const unsigned turns[PEERS] = { 3, 4, 0, 5, 6, 1, 7, 2 };

	slow_us = _i == 0 ? 0 : 6000;
	played[2].suspect = played[5].suspect = played[7].suspect = true;
	peers_judge_certificates(&peers, context(0));
	run_out();
	for (size_t i = 0; i < PEERS; i++)
		ck_assert_uint_eq(played[i].turn, turns[i]);
}
END_TEST

/* Two take the time of one piece: the loop has at least three rounds for others. */
START_TEST(in_pieces)
{
	slow_us = 6000;
	loop_timer_start(loop, &tick, mono_now(), ticked);
	peers_judge_certificates(&peers, context(0));
	run_out();
	ck_assert_uint_ge(ticks, 3);
	for (size_t i = 0; i < PEERS; i++)
		ck_assert_uint_eq(played[i].times, 1);
}
END_TEST

/* The next change comes while the last is not done. */
START_TEST(another_meanwhile)
{
	slow_us = 6000;
	peers_judge_certificates(&peers, context(0));
	run(1);
	ck_assert_uint_eq(played[PEERS - 1].times, 0);
	peers_judge_certificates(&peers, context(1));
	run_out();
	for (size_t i = 0; i < PEERS; i++)
		ck_assert_ptr_eq(played[i].judged, context(1));
}
END_TEST

START_TEST(a_late_lane)
{
	peers_judge_late(&peers, &played[0].session); /* nothing to judge by yet */
	peers_judge_certificates(&peers, context(0));
	run_out();
	peers_judge_late(&peers, &played[0].session);
	ck_assert(!peers.judging.running);
	played[1].judged = NULL;
	peers_judge_late(&peers, &played[1].session);
	run_out();
	ck_assert_uint_eq(played[1].times, 2);
	ck_assert_uint_eq(played[0].times, 1);
}
END_TEST

static Suite *suite(void)
{
	const TTest *tests[] = { each_once, some_end, in_pieces, another_meanwhile, a_late_lane };

	Suite *s = unit_suite("peers_certificates", set_up, tear_down, tests, ARRAY_SIZE(tests));
	TCase *tcase = tcase_create("order");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, suspects_first, 0, 2);
	suite_add_tcase(s, tcase);
	return s;
}

int main(void)
{
	return unit_run("peers_certificates", suite());
}
