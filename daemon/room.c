/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/admission.h"

#include <sys/socket.h>

/*
 * Room for handshakes. A stranger can send a whole ClientHello and then nothing, or shake hands and
 * say no hello. So a place that has not led to a hello can be taken back: from the fullest network,
 * the oldest first. A candidate that has said hello keeps its place; it waits for us.
 */

enum {
	HOST_SHARE = 4,    /* one host may have this part of max_handshakes */
	STALLED_MS = 1000, /* without a hello: then another of the same host may have the place */
	/* All candidates, with those that are refused and have not quite ended, in max_handshakes. */
	ALL_MAX = 4,
};

/* One host: an IPv4 address, or an IPv6 /64, of which a host can have all addresses. */
static bool is_of_host(const struct candidate *candidate, const struct addr *outer)
{
	struct prefix host = { .addr = *outer, .len = outer->family == AF_INET ? 32 : 64 };

	return prefix_contains_addr(&host, &candidate->outer.addr);
}

static bool can_give_way(const struct candidate *candidate)
{
	return !candidate->judged && !candidate->waiting;
}

/* It ends at once. */
static void cut(struct candidate *candidate)
{
	candidate->cut = true;
	candidate->admission->cut_count++;
	lane_cut(candidate->lane);
}

/* Refused ones have said what they had to say, or nearly so. */
static void cut_oldest_refused(struct admission *admission)
{
	struct candidate *candidate;

	TAILQ_FOREACH(candidate, &admission->candidates, link) {
		if (!candidate->judged || candidate->cut)
			continue;
		cut(candidate);
		return;
	}
}

static bool is_crowded(const struct admission *admission, const struct addr *outer)
{
	unsigned most = admission->descriptors->handshakes / HOST_SHARE;
	const struct candidate *candidate;
	unsigned count = 0;

	TAILQ_FOREACH(candidate, &admission->candidates, link)
		count += !candidate->judged && is_of_host(candidate, outer);
	return count >= (most > 0 ? most : 1);
}

static struct candidate *oldest_stalled(struct admission *admission, const struct addr *outer)
{
	struct mono before = mono_now();
	struct candidate *candidate;

	before.ns -= DURATION_MS(STALLED_MS).ns;
	TAILQ_FOREACH(candidate, &admission->candidates, link) {
		if (!mono_before(candidate->since, before))
			break; /* so are the rest */
		if (can_give_way(candidate) && is_of_host(candidate, outer))
			return candidate;
	}
	return NULL;
}

/* Of equals the oldest. */
static struct candidate *oldest_of_fullest(struct admission *admission)
{
	struct candidate *candidate, *victim = NULL;

	TAILQ_FOREACH(candidate, &admission->candidates, link) {
		if (can_give_way(candidate) &&
			(!victim ||
				networks_is_fuller(&admission->networks, &candidate->network,
					&victim->network)))
			victim = candidate;
	}
	return victim;
}

const char *room_make(struct admission *admission, const struct addr *outer)
{
	unsigned most = admission->descriptors->handshakes;
	bool full = admission->candidate_count - admission->judged_count >= most;
	struct candidate *victim = NULL;

	if (admission->candidate_count >= ALL_MAX * most)
		return "more connections end than the workers can close";
	if (is_crowded(admission, outer)) {
		victim = oldest_stalled(admission, outer);
		if (!victim)
			return "a quarter of max_handshakes connections of this host are in their handshake";
	} else if (full) {
		victim = oldest_of_fullest(admission);
		if (!victim)
			return "max_handshakes connections wait for the end of a session before theirs";
	}
	if (admission->judged_count - admission->cut_count >= most)
		cut_oldest_refused(admission);
	if (victim) {
		admission_judge(victim,
			"closed for a newer connection: it had not sent hello, and max_handshakes connections, or a quarter of them from its host, are in their handshake");
		cut(victim);
	}
	return NULL;
}
