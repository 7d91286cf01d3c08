/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/peers_certificates.h"

#include "base/container.h"
#include "engine/session.h"

enum { PEERS_JUDGE_MS = 10 }; /* of the main thread's time at once */

static void judge_some(struct loop_timer *timer);

static void go_on(struct peers *peers)
{
	loop_timer_start(peers->loop, &peers->judging, mono_now(), judge_some);
}

static bool is_due(const struct peers *peers, const struct session *session)
{
	return !session_was_judged(session, peers->judge) &&
		(!peers->suspects_first || session_is_suspect(session, peers->judge));
}

/* Judges until the time is over; the rest follows in the loop's next round. */
static void judge_some(struct loop_timer *timer)
{
	struct peers *peers = container_of(timer, struct peers, judging);
	struct mono enough = mono_add(mono_now(), DURATION_MS(PEERS_JUDGE_MS));
	struct session *session, *next;

	for (session = TAILQ_FIRST(&peers->sessions); session; session = next) {
		next = TAILQ_NEXT(session, link);
		if (!is_due(peers, session))
			continue;
		session_judge(session, peers->judge);
		if (!mono_before(mono_now(), enough)) {
			go_on(peers);
			return;
		}
	}
	if (peers->suspects_first) {
		peers->suspects_first = false;
		go_on(peers);
	}
}

void peers_judge_certificates(struct peers *peers, struct tls_context *context)
{
	struct tls_context *old = peers->judge;

	peers->judge = tls_context_ref(context);
	tls_context_unref(old);
	peers->suspects_first = true;
	go_on(peers);
}

void peers_judge_late(struct peers *peers, const struct session *session)
{
	if (peers->judge && !peers->judging.running && !session_was_judged(session, peers->judge))
		go_on(peers);
}
