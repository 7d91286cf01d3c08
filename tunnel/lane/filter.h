/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_LANE_FILTER_H
#define CULVERT_LANE_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/prefix_list.h"
#include "wire/packet.h"

/*
 * Who may talk to whom through one session: an immutable snapshot, made by the main thread whenever
 * addresses or routes change and read by the lane without a lock. A packet is let through when its
 * far end is one of "theirs" and its near end one of "ours": that is the source check on what comes
 * in, and the check on what goes out, which isolates peers from each other.
 *
 * Who has announced a wide prefix, a default route at most, does not mean all that lies in it: a
 * server has its peers there, a client what goes past the tunnel. Those are barred: the longer
 * prefix decides, and of two that are as long, being one of ours (theirs). A peer's own, where it
 * may be reached, is ours as long as it is barred.
 */

/* Both are counted, and never change; any thread may drop its reference. */
struct reach;
struct reach_bar; /* shared by the snapshots of many sessions */

/* Copies. -ENOMEM, -EINVAL (host bits). */
int filter_exclusions_new(const struct prefix_list *prefixes, struct reach_bar **ret_bar);
void reach_bar_unref(struct reach_bar *bar);

/* Copies. -ENOMEM, -EINVAL (host bits). */
int filter_new(const struct prefix *theirs, size_t their_count, const struct prefix *ours,
	size_t our_count, struct reach **ret_reach);
/* Before anybody else has the snapshot, once. NULL: nothing is barred on that side. */
void filter_set_exclusions(
	struct reach *reach, struct reach_bar *not_theirs, struct reach_bar *not_ours);
/* Likewise: what comes in may go anywhere, as routing has it (check_destination = false). */
void filter_allow_destinations(struct reach *reach);
struct reach *filter_ref(struct reach *reach);
void filter_unref(struct reach *reach);

/* Does the address count as one of theirs, of ours? `bytes`: 4 or 16. */
bool reach_is_theirs(const struct reach *reach, uint8_t family, const uint8_t *bytes);
bool reach_is_ours(const struct reach *reach, uint8_t family, const uint8_t *bytes);

enum {
	/* Of an ICMP error with its headers: no host sends a longer one (RFC 4443, 2.4 c; RFC 1812,
	 * 4.3.2.3 allows 576), and what it quotes is a kilobyte that nobody checks. */
	FILTER_ERROR_MAX = 1280,
};

enum filter_verdict { FILTER_PASS, FILTER_SOURCE, FILTER_DESTINATION };

/*
 * From the peer: the source must be theirs, and the destination ours. An ICMP error is judged by the packet that it quotes
 * alone, since any router on the way may send it: that packet was one of ours to them, is no error
 * itself, and its source is the error's destination (so that is ours as well); the error has at most REACH_ERROR_MAX bytes
 * and is no fragment.
 */
enum filter_verdict filter_judge_in(
	const struct reach *reach, const struct packet *packet, const uint8_t *data);
/*
 * To the peer: the destination must be theirs and the source ours. Of an ICMP error the same is
 * asked as on the way in, with sides changed. To one who may not reach what is quoted it would be a
 * way around.
 */
enum filter_verdict filter_judge_out(
	const struct reach *reach, const struct packet *packet, const uint8_t *data);

#endif
