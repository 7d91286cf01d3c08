/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_LANE_SILENCE_H
#define CULVERT_LANE_SILENCE_H

#include "base/clock.h"
#include "system/tcp_paths.h"

/*
 * Finds a path of a Multipath TCP connection that has fallen silent while another one works. The
 * kernel alone takes a second: it counts periods of 200 ms and more without an answer
 * (net.mptcp.stale_loss_cnt). Both directions show it. What was sent there is not acknowledged; or
 * data arrives on another path but is of no use, since what comes before it is missing.
 *
 * A path is silent after SILENCE_LEAST_MS and SILENCE_TRIPS of its round trips without an answer.
 * Links of mobile networks often pause for 100 to 300 ms. A packet that is lost at the end of the
 * data is sent again after 200 ms and a round trip. Neither path is lost. One thread.
 */

enum {
	SILENCE_LEAST_MS = 400,
	SILENCE_TRIPS = 4,
	SILENCE_SAMPLE_MS = 25, /* from one look to the next … */
	SILENCE_PAUSE_MS = 100, /* a longer time between two looks shows nothing */
	SILENCE_ALONE_MS = 500, /* … and while there is only one path */
	SILENCE_HOLD_MS = 1000, /* after one was found: the kernel is told, and data flows again */
};

/* Zeroed at first. */
struct silence {
	size_t count; /* paths at the last look */
	struct {
		struct mono since; /* unanswered; the time of the look when nothing is under way */
		uint64_t received; /* when the stream last went on */
	} paths[TCP_PATHS_MAX];
	uint64_t taken; /* bytes of the stream */
	struct mono looked, went_on, held_until;
};

/*
 * Looks once. `taken`: the bytes that this end has read from the connection so far. True:
 * ret_index is that of a silent path. Call it every SILENCE_SAMPLE_MS. After a pause of
 * SILENCE_PAUSE_MS between two calls it begins again: this end was silent itself.
 */
bool silence_find(struct silence *silence, struct mono now, const struct tcp_paths_one *paths,
	size_t count, uint64_t taken, size_t *ret_index);

#endif
