/* SPDX-License-Identifier: Apache-2.0 */
#include "lane/lane_internal.h"

/*
 * The TLS handshake of a lane: driven by what arrives, bounded by the lane's deadline. Until it is
 * done nothing that the other end sends is looked at by anything but the TLS library.
 */

void lane_handshake_step(struct lane *lane)
{
	struct problem problem = { 0 };

	if (!lane_output_ready(lane))
		return;
	int r = tls_handshake(lane->tls, &problem);
	if (r < 0) {
		lane_drain(lane, LANE_END_HANDSHAKE, problem.text); /* sends the alert */
		return;
	}
	lane_flush(lane);
	if (r == 0 || lane->state != LANE_HANDSHAKE)
		return;
	lane_secured(lane);
	/* What the other end sent right behind its last flight is already here. */
	if (lane->state == LANE_CONTROL)
		lane_read_records(lane);
}
