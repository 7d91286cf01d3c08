/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_REACH_H
#define CULVERT_ENGINE_REACH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/prefix_map.h"
#include "wire/packet.h"

/*
 * Who may talk to whom through one session: an immutable snapshot, made by the main thread whenever
 * addresses or routes change and read by the lane without a lock. A packet is let through when its
 * far end is one of "theirs" and its near end one of "ours": that is the source check on what comes
 * in, and the check on what goes out, which isolates peers from each other.
 *
 * Who has announced a wide prefix, a default route at most, does not mean all that lies in it: a
 * server has its peers there, a client what goes past the tunnel. Those are barred: the longer
 * prefix decides, and of two that are as long, being one of ours (theirs).
 */

struct reach; /* counted; any thread may drop its reference */

/* Copies. -ENOMEM, -EINVAL (host bits). */
int reach_new(const struct prefix *theirs, size_t their_count, const struct prefix *ours,
	size_t our_count, struct reach **ret_reach);
/*
 * Before anybody else has the snapshot. Borrowed for its life; NULL: nothing is barred on that side.
 */
void reach_bar(struct reach *reach, const struct prefix_map *not_theirs,
	const struct prefix_map *not_ours);
struct reach *reach_ref(struct reach *reach);
void reach_unref(struct reach *reach);

enum reach_verdict { REACH_PASS, REACH_SOURCE, REACH_DESTINATION };

/*
 * From the peer: the source must be theirs. An ICMP error from a router on the way passes when the
 * packet it quotes was sent to them.
 */
enum reach_verdict reach_judge_in(
	const struct reach *reach, const struct packet *packet, const uint8_t *data);
/*
 * To the peer: the destination must be theirs and the source ours; an ICMP error passes when it
 * quotes a packet from them.
 */
enum reach_verdict reach_judge_out(
	const struct reach *reach, const struct packet *packet, const uint8_t *data);

#endif
