/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a client asks for its next certificate, and what it makes of the answers. Both clocks are
 * played.
 */
#include "client/renewal.h"

#include <errno.h>
#include <string.h>

#include "unit.h"

enum { LIFE = 30000, PIECES_MAX = 16 };

static struct {
	struct mono mono;
	int64_t wall;
	struct loop *loop;
	struct loop_timer *timer;
	struct tls_validity validity;
	struct renewal renewal;
	bool up;
	int make_error, pair_error, trust_error;
	unsigned made, pairs, trusts;
	struct message sent[PIECES_MAX];
	size_t sent_count;
	char pair[256];
	size_t trust_len;
} world;

struct mono mono_now(void)
{
	return world.mono;
}

const char *duration_format(struct duration length, char out[static DURATION_TEXT_MAX])
{
	(void)snprintf(out, DURATION_TEXT_MAX, "%.0f s", duration_seconds(length));
	return out;
}

int64_t wall_now(void)
{
	return world.wall;
}

void loop_timer_start(
	struct loop *loop, struct loop_timer *timer, struct mono due, loop_timer_fn *expired)
{
	(void)loop;
	timer->due = due;
	timer->expired = expired;
	timer->running = true;
	world.timer = timer;
}

void loop_timer_stop(struct loop *loop, struct loop_timer *timer)
{
	(void)loop;
	timer->running = false;
}

/* Both clocks go on, and the timer runs as often as it is due. */
static void pass(int64_t seconds)
{
	struct mono end = mono_add(world.mono, DURATION_S(seconds));

	while (world.timer && world.timer->running && !mono_before(end, world.timer->due)) {
		int64_t step = world.timer->due.ns - world.mono.ns;

		ck_assert_int_gt(step, 0); /* no timer spins */
		ck_assert_int_le(step, (int64_t)RENEWAL_LOOK_S * 1000000000);
		world.mono = world.timer->due;
		world.wall = 1000000 + world.mono.ns / 1000000000;
		world.timer->running = false;
		world.timer->expired(world.timer);
	}
	world.mono = end;
	world.wall = 1000000 + world.mono.ns / 1000000000;
}

static bool send_message(struct renewal *renewal, const struct message *message)
{
	(void)renewal;
	if (!world.up)
		return false;
	ck_assert_uint_lt(world.sent_count, PIECES_MAX);
	world.sent[world.sent_count++] = *message;
	return true;
}

static void validity(struct renewal *renewal, struct tls_validity *ret_validity)
{
	(void)renewal;
	*ret_validity = world.validity;
}

static int make(struct renewal *renewal, struct tls_request *ret_request, struct problem *problem)
{
	(void)renewal;
	if (world.make_error) {
		problem_set(problem, "no key");
		return world.make_error;
	}
	world.made++;
	*ret_request = (struct tls_request){
		.data = malloc(5000), .len = 5000, .key = strdup("KEY\n")
	};
	memset(ret_request->data, 7, 5000);
	return 0;
}

static int take_pair(struct renewal *renewal, const struct view *pair, struct problem *problem)
{
	(void)renewal;
	if (world.pair_error) {
		problem_set(problem, "no room");
		return world.pair_error;
	}
	world.pairs++;
	ck_assert_uint_lt(pair->len, sizeof(world.pair));
	memcpy(world.pair, pair->data, pair->len);
	world.pair[pair->len] = '\0';
	world.validity = (struct tls_validity){ world.wall, world.wall + LIFE };
	return 0;
}

static int take_trust(struct renewal *renewal, const struct view *bundle, struct problem *problem)
{
	(void)renewal;
	(void)problem;
	world.trusts++;
	world.trust_len = bundle->len;
	return world.trust_error;
}

static const struct renewal_events events = {
	.send = send_message,
	.validity = validity,
	.make = make,
	.take_pair = take_pair,
	.take_trust = take_trust,
};

static void setup(void)
{
	memset(&world, 0, sizeof(world));
	world.mono.ns = 1000000000;
	world.wall = 1000001;
	world.up = true;
	world.validity = (struct tls_validity){ world.wall, world.wall + LIFE };
	renewal_init(&world.renewal, world.loop, &events, 0);
	renewal_up(&world.renewal);
	ck_assert_uint_eq(world.sent_count, 1); /* trust */
	world.sent_count = 0;
}

static void teardown(void)
{
	renewal_free(&world.renewal);
}

static void answer(uint8_t verdict, uint32_t retry_after_ms, const char *text)
{
	struct message message = { .type = MESSAGE_ISSUED,
		.issued = { .number = world.renewal.number,
			.verdict = verdict,
			.retry_after_ms = retry_after_ms } };
	size_t len = strlen(text);

	if (verdict == MESSAGE_VERDICT_ISSUED) {
		message.issued.piece.total = (uint32_t)len;
		message.issued.piece.len = (uint16_t)len;
		memcpy(message.issued.piece.data, text, len);
	} else {
		unit_text(message.issued.text, text);
	}
	renewal_take(&world.renewal, &message);
}

static int64_t due(int64_t from, int64_t until, uint32_t spread)
{
	world.validity = (struct tls_validity){ from, until };
	world.renewal.spread = spread;
	renewal_changed(&world.renewal);
	return world.renewal.due;
}

START_TEST(it_is_due_in_the_last_third)
{
	ck_assert_int_eq(due(0, 1200, 0), 800);
	ck_assert_int_eq(due(0, 1200, 99), 899);
	ck_assert_int_eq(due(0, 1200, 100), 800);
	ck_assert_int_lt(due(0, 1200, UINT32_MAX), 900);
	ck_assert_int_eq(due(0, 3, 5), 2); /* too short to spread */
}
END_TEST

START_TEST(it_asks_when_it_is_due_and_not_before)
{
	pass(LIFE * 2 / 3 - 1);
	ck_assert_uint_eq(world.made, 0);
	pass(1);
	ck_assert_uint_eq(world.made, 1);
	ck_assert_uint_eq(world.sent_count, 2); /* pieces of 5,000 bytes */
	ck_assert_uint_eq(world.sent[1].sign.piece.offset, MESSAGE_PIECE_MAX);
	ck_assert_uint_eq(world.sent[1].sign.piece.total, 5000);
	answer(MESSAGE_VERDICT_ISSUED, 0, "CERT\n");
	ck_assert_str_eq(world.pair, "KEY\nCERT\n");
	ck_assert(world.renewal.last_good);
	/* The new one has its own time. */
	pass(LIFE * 2 / 3 - 1);
	ck_assert_uint_eq(world.made, 1);
	pass(1);
	ck_assert_uint_eq(world.made, 2);
}
END_TEST

START_TEST(a_jump_of_the_wall_clock_counts)
{
	pass(10);
	world.wall += LIFE;
	world.timer->running = false;
	world.mono = world.timer->due;
	world.timer->expired(world.timer);
	ck_assert_uint_eq(world.made, 1);
}
END_TEST

START_TEST(without_a_session_it_waits_for_one)
{
	world.up = false;
	pass(LIFE);
	ck_assert_uint_eq(world.sent_count, 0);
	world.up = true;
	renewal_up(&world.renewal);
	ck_assert_uint_eq(world.sent[0].type, MESSAGE_TRUST);
	ck_assert_uint_eq(world.sent[1].type, MESSAGE_SIGN);
}
END_TEST

START_TEST(refusals_are_shown_and_retried)
{
	unsigned made;

	pass(LIFE * 2 / 3);
	answer(MESSAGE_VERDICT_LATER, 600000, "too many");
	ck_assert(!world.renewal.last_good);
	ck_assert_ptr_nonnull(strstr(world.renewal.result, "too many"));
	ck_assert_int_ne(world.renewal.last, 0);
	pass(599);
	ck_assert_uint_eq(world.made, 1);
	pass(2);
	ck_assert_uint_eq(world.made, 2);
	/* A server that answers nothing is asked again, slower and slower. */
	made = world.made;
	world.sent_count = 0;
	for (int i = 0; i < 200; i++) {
		pass(30);
		world.sent_count = 0;
	}
	ck_assert_uint_gt(world.made, made + 3);
	ck_assert_uint_lt(world.made, made + 40);
	ck_assert_str_eq(world.renewal.result, "the server did not answer");
}
END_TEST

START_TEST(what_does_not_fit_leaves_the_old_one)
{
	pass(LIFE * 2 / 3);
	world.pair_error = -ENOSPC;
	answer(MESSAGE_VERDICT_ISSUED, 0, "CERT\n");
	ck_assert_uint_eq(world.pairs, 0);
	ck_assert_str_eq(world.renewal.result, "no room");
	ck_assert_int_eq(world.renewal.state, RENEWAL_RESTING);
	world.pair_error = 0;
	world.sent_count = 0;
	for (int i = 0; i < 200 && world.made == 1; i++)
		pass(1);
	ck_assert_uint_eq(world.made, 2);
	answer(MESSAGE_VERDICT_ISSUED, 0, "CERT\n");
	ck_assert_uint_eq(world.pairs, 1);
}
END_TEST

START_TEST(late_and_foreign_answers_are_skipped)
{
	answer(MESSAGE_VERDICT_ISSUED, 0, "CERT\n"); /* nobody asked */
	pass(LIFE * 2 / 3);
	struct message late = { .type = MESSAGE_ISSUED,
		.issued = { .number = world.renewal.number + 1, .verdict = 1 } };
	renewal_take(&world.renewal, &late);
	ck_assert_int_eq(world.renewal.state, RENEWAL_ASKING);
	ck_assert_uint_eq(world.pairs, 0);
	/* A new connection knows nothing of the request. */
	world.sent_count = 0;
	renewal_up(&world.renewal);
	ck_assert_uint_eq(world.made, 2);
}
END_TEST

static void say_trust(const char *text, bool right)
{
	struct message message = { .type = MESSAGE_TRUST };
	size_t len = strlen(text);

	tls_trust_hash(text, len, message.trust.hash);
	message.trust.hash[0] ^= !right;
	message.trust.piece.total = (uint32_t)len;
	message.trust.piece.len = (uint16_t)len;
	memcpy(message.trust.piece.data, text, len);
	renewal_take(&world.renewal, &message);
}

START_TEST(bundles_are_taken_once_whole)
{
	say_trust("bundle", false);
	ck_assert_uint_eq(world.trusts, 0);
	say_trust("bundle", true);
	ck_assert_uint_eq(world.trusts, 1);
	ck_assert_uint_eq(world.trust_len, 6);
	/* From now on it says which one it has, even one that it did not take. */
	world.trust_error = -EACCES;
	say_trust("other", true);
	renewal_up(&world.renewal);
	ck_assert_mem_eq(world.sent[0].trust.hash, world.renewal.hash, MESSAGE_HASH_SIZE);
	ck_assert_uint_eq(world.trusts, 2);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { it_is_due_in_the_last_third,
		it_asks_when_it_is_due_and_not_before, a_jump_of_the_wall_clock_counts,
		without_a_session_it_waits_for_one, refusals_are_shown_and_retried,
		what_does_not_fit_leaves_the_old_one, late_and_foreign_answers_are_skipped,
		bundles_are_taken_once_whole };

	return unit_suite("renewal", setup, teardown, tests, ARRAY_SIZE(tests));
}

int main(void)
{
	return unit_run("renewal", suite());
}
