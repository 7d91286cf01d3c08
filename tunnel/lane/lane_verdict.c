/* SPDX-License-Identifier: Apache-2.0 */
#include "lane/lane_internal.h"

/*
 * How a burst reports that its lane cannot go on. It only stores the verdict and the reason, so the
 * burst can return through its callers, which all still have a lane. lane_life.c then acts on it.
 */

static enum lane_verdict set_verdict(struct lane *lane, enum lane_verdict verdict,
	uint16_t goodbye_code, enum lane_end end, const char *text)
{
	if (lane->state == LANE_CLOSED)
		return LANE_GOES_ON; /* nothing is left to end */
	if (lane->verdict != LANE_GOES_ON)
		return lane->verdict; /* the first one wins */
	lane->verdict = verdict;
	if (lane->state == LANE_DRAINING)
		return verdict; /* the reason why it drains stays the reason why it ended */
	lane->fault_code = goodbye_code;
	lane->ended_report->ended.end = end;
	problem_set(&lane->ended_report->ended.problem, "%s", text ? text : "");
	return verdict;
}

enum lane_verdict lane_must_fault(struct lane *lane, uint16_t goodbye_code, const char *text)
{
	return set_verdict(lane, LANE_FAULTS, goodbye_code, LANE_END_ORDERED, text);
}

enum lane_verdict lane_must_drain(struct lane *lane, enum lane_end end, const char *text)
{
	return set_verdict(lane, LANE_DRAINS, 0, end, text);
}

enum lane_verdict lane_must_close(struct lane *lane, enum lane_end end, const char *text)
{
	return set_verdict(lane, LANE_CLOSES, 0, end, text);
}
