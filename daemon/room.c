/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/admission.h"

#include <sys/socket.h>

/*
 * Room for handshakes. A stranger can send a complete ClientHello and then nothing, or finish the
 * handshake and send no hello. So a slot without a hello can be taken back: of the fullest network,
 * the oldest first. A candidate whose hello waits for an old session keeps its slot.
 */

enum {
	HOST_SHARE = 4, /* one host may have 1/HOST_SHARE of max_handshakes */
	/* After this time without a hello, another connection of the host may take the slot. */
	STALLED_MS = 1000,
	/*
	 * The most candidates, in multiples of max_handshakes, with refused ones that have not
	 * ended.
	 */
	ALL_MAX = 4,
};

/*
 * True: it is of the same host: an IPv4 address, or an IPv6 /64, all addresses of which one host
 * can have.
 */
static bool is_of_host(const struct candidate *candidate, const struct addr *outer)
{
	struct prefix host = prefix_host(outer);

	if (outer->family == AF_INET6)
		host.len = 64;
	return prefix_contains_addr(&host, &candidate->outer.addr);
}

static bool can_give_way(const struct candidate *candidate)
{
	return !candidate->judged && !candidate->waiting;
}

/* Ends it at once. */
static void cut(struct candidate *candidate)
{
	candidate->cut = true;
	candidate->admission->cut_count++;
	lane_cut(candidate->lane);
}

/* Cuts the oldest refused candidate: its goodbye has been sent, or almost. */
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
			break; /* the others are younger */
		if (can_give_way(candidate) && is_of_host(candidate, outer))
			return candidate;
	}
	return NULL;
}

/* Of equally full networks the oldest candidate is taken. */
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
		return "connections end faster than the workers can close them";
	if (is_crowded(admission, outer)) {
		victim = oldest_stalled(admission, outer);
		if (!victim)
			return "the limit of handshakes of one host is reached (a quarter of max_handshakes)";
	} else if (full) {
		victim = oldest_of_fullest(admission);
		if (!victim)
			return "the limit max_handshakes is reached by connections that wait for an old session to end";
	}
	if (admission->judged_count - admission->cut_count >= most)
		cut_oldest_refused(admission);
	if (victim) {
		admission_judge(victim,
			"closed for a newer connection: it had not sent hello, and the limit of handshakes is reached (max_handshakes, or a quarter of it for one host)");
		cut(victim);
	}
	return NULL;
}
