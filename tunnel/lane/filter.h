/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_LANE_FILTER_H
#define CULVERT_LANE_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/prefix_list.h"
#include "wire/packet.h"

/*
 * The filter of a session: an immutable snapshot that decides whether a packet may pass. The main
 * thread makes a new one when addresses or routes change; lanes read it without a lock. A packet
 * passes if its far end is one of "theirs" and its near end one of "ours". On the way in this is
 * the source check; on the way out it keeps peers apart.
 *
 * A wide prefix such as 0.0.0.0/0 does not cover addresses that are excluded here: at a server
 * those of its peers, at a client its bypass. The longest match wins; on a tie the prefix of "ours"
 * or "theirs" wins over the exclusion. So a peer that another peer may reach counts as "ours",
 * although its prefixes are excluded.
 */

/* Both are counted and immutable. Any thread may drop its reference. */
struct filter;
struct filter_exclusions; /* shared by the filters of many sessions */

/* Copies the prefixes. -ENOMEM; -EINVAL: a prefix has host bits. */
int filter_exclusions_new(
	const struct prefix_list *prefixes, struct filter_exclusions **ret_exclusions);
void filter_exclusions_unref(struct filter_exclusions *exclusions);

/* Copies the prefixes. -ENOMEM; -EINVAL: a prefix has host bits. */
int filter_new(const struct prefix *theirs, size_t their_count, const struct prefix *ours,
	size_t our_count, struct filter **ret_filter);
/*
 * Sets the exclusions of both sides and takes references. Called once, before another thread has
 * the filter. NULL: nothing is excluded on that side.
 */
void filter_set_exclusions(struct filter *filter, struct filter_exclusions *not_theirs,
	struct filter_exclusions *not_ours);
/*
 * Lets packets from the peer go to any destination (check_destination = false). Called before
 * another thread has the filter.
 */
void filter_allow_destinations(struct filter *filter);
/*
 * Lets packets go out to these prefixes, although none may come in from there yet: their routes are
 * about to be in the kernel, which sends packets before anybody here learns of it. Copies the
 * prefixes. Called at most once, before another thread has the filter. Errors: those of
 * filter_new().
 */
int filter_expect(struct filter *filter, const struct prefix *prefixes, size_t count);
struct filter *filter_ref(struct filter *filter);
void filter_unref(struct filter *filter);

/* True: the address counts as one of theirs, or of ours. `bytes`: 4 or 16. */
bool filter_is_theirs(const struct filter *filter, uint8_t family, const uint8_t *bytes);
bool filter_is_ours(const struct filter *filter, uint8_t family, const uint8_t *bytes);

enum {
	/*
	 * The most bytes of an ICMP error with its headers. No host sends a longer one (RFC 4443,
	 * 2.4 c; RFC 1812, 4.3.2.3 allows 576). The filter does not check the quoted bytes.
	 */
	FILTER_ERROR_MAX = 1280,
};

enum filter_verdict { FILTER_PASS, FILTER_SOURCE, FILTER_DESTINATION };

/*
 * Judges a packet from the peer: its source must be theirs and its destination ours. Any router may
 * send an ICMP error, so for an error the packet that it quotes is judged. The quoted packet must
 * be from us to them, and not an error itself. Its source must be the error's destination, which is
 * then ours as well. The error must not be a fragment, nor longer than FILTER_ERROR_MAX.
 */
enum filter_verdict filter_judge_in(
	const struct filter *filter, const struct packet *packet, const uint8_t *data);
/*
 * Judges a packet to the peer: its destination must be theirs and its source ours. An ICMP error is
 * judged as on the way in, with the sides exchanged. Otherwise a peer could pack a packet into an
 * error and so send it to a peer that it may not reach.
 */
enum filter_verdict filter_judge_out(
	const struct filter *filter, const struct packet *packet, const uint8_t *data);

#endif
