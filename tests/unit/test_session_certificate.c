/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session whose peer is judged again. session_fixture.h simulates its world, and the chains are played: each has the verdict
 * that the test gives it.
 */
#include "tests/unit/session_fixture.h"

#include <errno.h>

struct tls_peer_chain {
	int references;
	int certificate; /* two of the same number are equal */
	int verdict;
	bool judged;
};

static struct tls_peer_chain chains[FIXTURE_LANES];

struct tls_peer_chain *tls_peer_chain_ref(struct tls_peer_chain *chain)
{
	if (chain)
		chain->references++;
	return chain;
}

void tls_peer_chain_unref(struct tls_peer_chain *chain)
{
	if (!chain)
		return;
	ck_assert_int_gt(chain->references, 0);
	chain->references--;
}

bool tls_peer_chain_equal(const struct tls_peer_chain *a, const struct tls_peer_chain *b)
{
	return a->certificate == b->certificate;
}

bool tls_peer_chain_was_judged(
	const struct tls_peer_chain *chain, const struct tls_context *context)
{
	ck_assert_ptr_null(context);
	return chain->judged;
}

bool tls_context_suspects(const struct tls_context *context, const struct tls_peer_chain *chain)
{
	ck_assert_ptr_null(context);
	return chain->verdict < 0;
}

int tls_context_judge(
	const struct tls_context *context, struct tls_peer_chain *chain, struct problem *problem)
{
	ck_assert_ptr_null(context);
	ck_assert_int_gt(chain->references, 0);
	chain->judged = true;
	if (chain->verdict < 0)
		problem_set(problem, "certificate of peer-0 was revoked");
	return chain->verdict;
}

/* The next lane comes with this certificate. */
static struct tls_peer_chain *bring(int certificate)
{
	struct tls_peer_chain *chain = &chains[fixture.lane_count];

	*chain = (struct tls_peer_chain){ .references = 1, .certificate = certificate };
	fixture.lanes[fixture.lane_count].chain = chain;
	return chain;
}

static void judge(void)
{
	session_judge(fixture.session, NULL);
}

static void ck_goodbye(struct lane *lane, const char *text)
{
	const struct message *message = fixture_expect(lane, MESSAGE_GOODBYE);

	ck_assert_uint_eq(message->goodbye.code, GOODBYE_REVOKED);
	ck_assert_uint_eq(message->goodbye.class, GOODBYE_CLASS_WAIT);
	ck_assert_str_eq(message->goodbye.text, text);
}

#define REVOKED "the certificate of peer-0 was revoked; a new one lets it connect again"

START_TEST(still_accepted)
{
	struct tls_peer_chain *chain = bring(1);
	struct lane *lane = open_up(1);

	ck_assert_uint_eq(fixture.added, 1);
	ck_assert(!session_was_judged(fixture.session, NULL));
	ck_assert(!session_is_suspect(fixture.session, NULL));
	judge();
	ck_assert(session_was_judged(fixture.session, NULL));
	ck_state(SESSION_UP);
	ck_assert_ptr_null(fixture_read(lane));
	ck_assert_int_eq(chain->references, 2); /* the lane's and the session's */
}
END_TEST

START_TEST(not_accepted)
{
	static const struct {
		int verdict;
		const char *text;
	} rows[] = {
		{ -EKEYREVOKED, REVOKED },
		{ -EKEYREJECTED,
			"a CA above the certificate of peer-0 is not accepted any more; a certificate of the CA in use lets it connect again" },
		{ -EACCES,
			"the certificate of peer-0 is not accepted any more; the log of the end that refuses it says why" },
	};
	struct tls_peer_chain *chain = bring(1);
	struct lane *lane = open_up(1);

	chain->verdict = rows[_i].verdict;
	ck_assert(session_is_suspect(fixture.session, NULL));
	judge();
	ck_state(SESSION_CLOSING);
	ck_goodbye(lane, rows[_i].text);
	ck_assert_uint_eq(
		lane->sent[lane->sent_count - 1].goodbye.retry_after_ms, GOODBYE_REVOKED_WAIT_MS);
	judge(); /* while it is closing nothing more happens */
	ck_assert_ptr_null(fixture_read(lane));
	fixture_end_lane(lane, LANE_END_ORDERED);
	ck_removed();
	ck_assert_int_eq(chain->references, 0);
}
END_TEST

/* Its peer is away, and does not linger. */
START_TEST(lingering)
{
	struct tls_peer_chain *chain = bring(1);

	fixture_end_lane(open_up(1), LANE_END_CLOSED);
	ck_state(SESSION_IDLE);
	ck_assert_int_eq(chain->references, 1);
	judge();
	ck_state(SESSION_IDLE);
	chain->verdict = -EKEYREVOKED;
	ck_assert(session_is_suspect(fixture.session, NULL));
	judge();
	ck_removed();
}
END_TEST

/* Its peer said goodbye as one that will return. */
START_TEST(while_closing)
{
	const struct message goodbye = { .type = MESSAGE_GOODBYE,
		.goodbye.code = GOODBYE_DEAD_PEER };
	struct tls_peer_chain *chain = bring(1);
	struct lane *lane = open_up(1);

	fixture_say(lane, &goodbye);
	ck_state(SESSION_CLOSING);
	chain->verdict = -EKEYREVOKED;
	judge();
	fixture_end_lane(lane, LANE_END_CLOSED);
	ck_removed();
}
END_TEST

START_TEST(no_memory)
{
	struct tls_peer_chain *chain = bring(1);
	struct lane *lane = open_up(1);

	chain->verdict = -ENOMEM;
	judge();
	fixture_expect_goodbye(lane, GOODBYE_INTERNAL);
}
END_TEST

/* An older peer knows neither the code nor the class, and waits all the same. */
START_TEST(old_peer)
{
	struct tls_peer_chain *chain = bring(1);
	struct lane *lane = open_up(1);

	fixture.session->terms.features = 0;
	chain->verdict = -EKEYREVOKED;
	judge();
	fixture_expect_goodbye(lane, GOODBYE_LIMIT);
	ck_assert_uint_eq(
		lane->sent[lane->sent_count - 1].goodbye.retry_after_ms, GOODBYE_REVOKED_WAIT_MS);
}
END_TEST

START_TEST(lanes_share)
{
	struct tls_peer_chain *first = bring(1), *second;

	open_up(3);
	second = bring(1);
	join_up();
	ck_assert_int_eq(second->references, 0);
	ck_assert_int_eq(first->references, 3);
	second = bring(2);
	join_up();
	ck_assert_int_eq(second->references, 1);
}
END_TEST

/* The peer has renewed its certificate, and the lanes of the old one end: with or without the control role. */
START_TEST(one_lane_of_two)
{
	struct tls_peer_chain *first = bring(1), *second;
	struct lane *control = open_up(2), *other;

	second = bring(2);
	other = join_up();
	(_i == 0 ? second : first)->verdict = -EKEYREVOKED;
	judge();
	ck_state(SESSION_UP);
	ck_assert_int_eq(other->end_ordered, _i == 0);
	ck_assert_int_eq(control->end_ordered, _i == 1);
	ck_assert_ptr_eq(fixture.session->chain, _i == 0 ? first : second);
	if (_i == 0)
		ck_goodbye(other, REVOKED);
	else
		ck_assert_ptr_null(fixture.session->control);
	ck_assert_ptr_null(fixture_read(control));
}
END_TEST

START_TEST(all_lanes)
{
	struct tls_peer_chain *first = bring(1), *second;
	struct lane *control = open_up(2), *other;

	second = bring(2);
	other = join_up();
	first->verdict = second->verdict = -EKEYREVOKED;
	judge();
	ck_state(SESSION_CLOSING);
	ck_goodbye(control, REVOKED);
	ck_assert(other->end_ordered);
}
END_TEST

/* A lane that leaves counts no more. */
START_TEST(lane_of_before)
{
	struct tls_peer_chain *old = bring(1), *new;

	open_up(1);
	session_disconnect(fixture.session, "it is tested");
	new = bring(2);
	open_up(1);
	old->verdict = -EKEYREVOKED;
	judge();
	ck_state(SESSION_UP);
	ck_assert(new->judged);
}
END_TEST

/* The client goes on trying: the server may get another certificate. */
START_TEST(server_is_revoked)
{
	struct tls_peer_chain *chain = bring(1);
	struct lane *lane = greet_up(1);

	ck_assert_int_eq(identity_set(&fixture.session->name, "peer-0", 6), 0);
	chain->verdict = -EKEYREVOKED;
	judge();
	ck_state(SESSION_CLOSING);
	ck_goodbye(lane, REVOKED);
	fixture_end_lane(lane, LANE_END_ORDERED);
	ck_state(SESSION_IDLE);
	ck_assert_uint_eq(fixture.retry_after_ms, GOODBYE_REVOKED_WAIT_MS);
	chain->judged = false;
	judge(); /* nothing is there that could end */
	ck_state(SESSION_IDLE);
}
END_TEST

/* From the server: the same wait. */
START_TEST(client_is_revoked)
{
	const struct message goodbye = { .type = MESSAGE_GOODBYE,
		.goodbye = { .code = GOODBYE_REVOKED,
			.class = GOODBYE_CLASS_WAIT,
			.retry_after_ms = GOODBYE_REVOKED_WAIT_MS,
			.text = REVOKED } };
	struct lane *lane = greet_up(1);

	fixture_say(lane, &goodbye);
	fixture_end_lane(lane, LANE_END_CLOSED);
	ck_state(SESSION_IDLE);
	ck_assert_uint_eq(fixture.retry_after_ms, GOODBYE_REVOKED_WAIT_MS);
	ck_assert_str_eq(fixture.session->lost.text, REVOKED);
}
END_TEST

/* An adopted session has no chain, until its peer returns. */
START_TEST(adopted)
{
	ck_assert(session_was_judged(fixture.session, NULL));
	judge();
	ck_state(SESSION_IDLE);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("session_certificate");

	fixture_add(s, "still_accepted", still_accepted, false, 1);
	fixture_add(s, "not_accepted", not_accepted, false, 3);
	fixture_add(s, "lingering", lingering, false, 1);
	fixture_add(s, "while_closing", while_closing, false, 1);
	fixture_add(s, "no_memory", no_memory, false, 1);
	fixture_add(s, "old_peer", old_peer, false, 1);
	fixture_add(s, "lanes_share", lanes_share, false, 1);
	fixture_add(s, "one_lane_of_two", one_lane_of_two, false, 2);
	fixture_add(s, "all_lanes", all_lanes, false, 1);
	fixture_add(s, "lane_of_before", lane_of_before, false, 1);
	fixture_add(s, "adopted", adopted, false, 1);
	fixture_add(s, "server_is_revoked", server_is_revoked, true, 1);
	fixture_add(s, "client_is_revoked", client_is_revoked, true, 1);
	return s;
}

int main(void)
{
	return unit_run("session_certificate", suite());
}
