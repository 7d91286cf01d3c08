/* SPDX-License-Identifier: Apache-2.0 */
#include "client/renewal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/log.h"
#include "base/wall_clock.h"

enum {
	SPREAD_PART = 12, /* of the life, over which clients spread: a quarter of the last third */
	/* Waits after failures, as parts of the life, and their limits. */
	FIRST_PART = 200,
	FIRST_MIN_S = 2,
	LONGEST_PART = 24,
	LONGEST_MIN_S = 5,
#ifdef CULVERT_TEST_CLOCK
	FIRST_MAX_S = 2,
	LONGEST_MAX_S = 5,
#else
	FIRST_MAX_S = 300,
	LONGEST_MAX_S = 21600,
#endif
};

static const char *const state_names[] = { "off", "resting", "asking" };

static void look(struct loop_timer *timer);

static void set_state(struct renewal *renewal, enum renewal_state state, const char *why)
{
	log_debug("renewal: %s -> %s: %s", state_names[renewal->state], state_names[state], why);
	renewal->state = state;
}

static int64_t limit(int64_t value, int64_t least, int64_t most)
{
	return value < least ? least : value > most ? most : value;
}

/* In the last third of its life, and in the first quarter of that. */
static int64_t due_at(const struct tls_validity *validity, uint32_t spread)
{
	int64_t life = validity->not_after - validity->not_before;
	int64_t part = life / SPREAD_PART;

	return validity->not_before + life - life / 3 +
		(part > 0 ? (int64_t)(spread % (uint64_t)part) : 0);
}

static void note(struct renewal *renewal, bool good, const char *text)
{
	renewal->last = wall_now();
	renewal->last_good = good;
	(void)snprintf(renewal->result, sizeof(renewal->result), "%s", text);
}

/* ---- the clock ---- */

static void look_later(struct renewal *renewal)
{
	int64_t left = renewal->due - wall_now();
	struct mono now = mono_now(), wake = mono_add(now, DURATION_S(RENEWAL_LOOK_S));
	struct mono next = renewal->again;

	if (renewal->state == RENEWAL_ASKING)
		next = renewal->patience;
	else if (left > 0 && left < RENEWAL_LOOK_S)
		next = mono_add(now, DURATION_S(left));
	if (mono_before(now, next) && mono_before(next, wake))
		wake = next;
	loop_timer_start(renewal->loop, &renewal->timer, wake, look);
}

void renewal_changed(struct renewal *renewal)
{
	int64_t life;

	if (renewal->state == RENEWAL_OFF)
		return;
	renewal->events->validity(renewal, &renewal->validity);
	renewal->due = due_at(&renewal->validity, renewal->spread);
	life = renewal->validity.not_after - renewal->validity.not_before;
	renewal->backoff = (struct backoff){
		.first = DURATION_S(limit(life / FIRST_PART, FIRST_MIN_S, FIRST_MAX_S)),
		.longest = DURATION_S(limit(life / LONGEST_PART, LONGEST_MIN_S, LONGEST_MAX_S)),
	};
	look_later(renewal);
}

void renewal_init(struct renewal *renewal, struct loop *loop, const struct renewal_events *events,
	uint64_t random)
{
	*renewal = (struct renewal){
		.events = events,
		.loop = loop,
		.state = RENEWAL_RESTING,
		.spread = (uint32_t)(random >> 32),
		.seed = random,
		.again = mono_now(),
	};
	renewal_changed(renewal);
}

void renewal_free(struct renewal *renewal)
{
	if (!renewal->events)
		return;
	loop_timer_stop(renewal->loop, &renewal->timer);
	tls_request_free(&renewal->request);
	pieces_drop(&renewal->certificate);
	pieces_drop(&renewal->bundle);
	renewal->events = NULL;
}

/* ---- asking ---- */

static void end_asking(struct renewal *renewal, const char *why)
{
	tls_request_free(&renewal->request);
	pieces_drop(&renewal->certificate);
	set_state(renewal, RENEWAL_RESTING, why);
}

static void failed(struct renewal *renewal, const char *text, uint32_t retry_after_ms)
{
	struct duration wait, asked = DURATION_MS(retry_after_ms);
	char shown[DURATION_TEXT_MAX];

	/* A number of a linear generator: only that clients differ counts. */
	renewal->seed = renewal->seed * UINT64_C(6364136223846793005) + 1;
	wait = backoff_next(&renewal->backoff, renewal->seed >> 16);
	if (wait.ns < asked.ns)
		wait = asked;
	end_asking(renewal, text);
	note(renewal, false, text);
	renewal->again = mono_add(mono_now(), wait);
	log_warning("the certificate was not renewed: %s; asking again in %s", text,
		duration_format(wait, shown));
	look_later(renewal);
}

/* False: no session took it all. */
static bool send_request(struct renewal *renewal)
{
	struct view whole = { .data = renewal->request.data, .len = renewal->request.len };
	struct message message = { .type = MESSAGE_SIGN, .sign.number = renewal->number };

	for (size_t at = 0; at < whole.len; at += MESSAGE_PIECE_MAX) {
		pieces_cut(&whole, (uint32_t)at, &message.sign.piece);
		if (!renewal->events->send(renewal, &message))
			return false;
	}
	return true;
}

static void ask(struct renewal *renewal)
{
	struct problem problem = { 0 };

	if (renewal->events->make(renewal, &renewal->request, &problem) < 0) {
		failed(renewal, problem.text[0] ? problem.text : "out of memory", 0);
		return;
	}
	if (++renewal->number == 0)
		renewal->number = 1;
	if (!send_request(renewal)) {
		end_asking(renewal, "there is no session that takes the request");
		return; /* renewal_up() follows */
	}
	log_info("asking the server for a new certificate");
	set_state(renewal, RENEWAL_ASKING, "the request is sent");
	renewal->patience = mono_add(mono_now(), DURATION_S(RENEWAL_PATIENCE_S));
}

static bool is_due(const struct renewal *renewal)
{
	return renewal->state == RENEWAL_RESTING && wall_now() >= renewal->due &&
		!mono_before(mono_now(), renewal->again);
}

static void look_now(struct renewal *renewal)
{
	if (renewal->state == RENEWAL_ASKING && !mono_before(mono_now(), renewal->patience)) {
		failed(renewal, "the server did not answer", 0);
		return;
	}
	if (is_due(renewal))
		ask(renewal);
	look_later(renewal);
}

static void look(struct loop_timer *timer)
{
	look_now(container_of(timer, struct renewal, timer));
}

void renewal_up(struct renewal *renewal)
{
	struct message message = { .type = MESSAGE_TRUST };

	if (renewal->state == RENEWAL_OFF)
		return;
	/* The session may be another one, which does not know of the request. */
	if (renewal->state == RENEWAL_ASKING)
		end_asking(renewal, "the connection is a new one");
	memcpy(message.trust.hash, renewal->hash, sizeof(message.trust.hash));
	if (!renewal->events->send(renewal, &message)) {
		if (!renewal->told)
			log_warning(
				"renew = true has no effect: the server's version renews no certificates");
		renewal->told = true;
		return;
	}
	look_now(renewal);
}

/* ---- answers ---- */

/* The fresh key, then what was issued for it. NULL: no memory. */
static char *join_pair(const struct renewal *renewal, size_t *ret_len)
{
	size_t key_len = strlen(renewal->request.key);
	char *pair = malloc(key_len + renewal->certificate.total + 1);

	if (!pair)
		return NULL;
	memcpy(pair, renewal->request.key, key_len);
	memcpy(&pair[key_len], renewal->certificate.data, renewal->certificate.total);
	*ret_len = key_len + renewal->certificate.total;
	pair[*ret_len] = '\0';
	return pair;
}

static void take_certificate(struct renewal *renewal)
{
	struct problem problem = { 0 };
	size_t len = 0;
	char *pair = join_pair(renewal, &len);
	struct view view = { .data = (const uint8_t *)pair, .len = len };
	int r = pair ? renewal->events->take_pair(renewal, &view, &problem) : -ENOMEM;

	if (pair)
		explicit_bzero(pair, len);
	free(pair);
	if (r < 0) {
		failed(renewal, problem.text[0] ? problem.text : "out of memory", 0);
		return;
	}
	end_asking(renewal, "issued");
	note(renewal, true, "renewed");
	renewal_changed(renewal);
}

static void take_issued(struct renewal *renewal, const struct message_issued *issued)
{
	char text[MESSAGE_TEXT_MAX + 64];
	int r;

	if (renewal->state != RENEWAL_ASKING || issued->number != renewal->number)
		return; /* of a request that was given up */
	if (issued->verdict != MESSAGE_VERDICT_ISSUED) {
		(void)snprintf(text, sizeof(text), "the server says: %s",
			issued->text[0] ? issued->text : "no");
		failed(renewal, text, issued->retry_after_ms);
		return;
	}
	r = pieces_take(&renewal->certificate, issued->number, &issued->piece, MESSAGE_ISSUED_MAX);
	if (r < 0)
		failed(renewal, "the server's answer is broken", 0);
	else if (r > 0)
		take_certificate(renewal);
}

static void take_trust(struct renewal *renewal, const struct message_trust *trust)
{
	struct problem problem = { 0 };
	uint8_t hash[MESSAGE_HASH_SIZE];
	struct view bundle;

	if (pieces_take(&renewal->bundle, 0, &trust->piece, MESSAGE_TRUST_MAX) <= 0)
		return; /* a broken one is asked for again with the next connection */
	bundle = (struct view){ .data = renewal->bundle.data, .len = renewal->bundle.total };
	tls_trust_hash(bundle.data, bundle.len, hash);
	if (memcmp(hash, trust->hash, sizeof(hash)) == 0) {
		memcpy(renewal->hash, hash, sizeof(hash));
		if (renewal->events->take_trust(renewal, &bundle, &problem) < 0)
			log_warning("the server's authorities were not taken: %s", problem.text);
	}
	pieces_drop(&renewal->bundle);
}

void renewal_take(struct renewal *renewal, const struct message *message)
{
	if (renewal->state == RENEWAL_OFF)
		return;
	if (message->type == MESSAGE_ISSUED)
		take_issued(renewal, &message->issued);
	else if (message->type == MESSAGE_TRUST && message->trust.piece.len > 0)
		take_trust(renewal, &message->trust);
}
