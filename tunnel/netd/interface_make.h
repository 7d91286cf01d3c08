/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_INTERFACE_MAKE_H
#define CULVERT_NETD_INTERFACE_MAKE_H

#include "netd/interfaces.h"

/*
 * How an interface comes into being: the TUN with all its queues, in the network namespace where it
 * is to live. In another one than ours it is made here, under a passing name, and moved: its
 * descriptors then hold nothing of that namespace, which can go whenever its owner likes and takes
 * the interface along. Where we may make none here (culvert run) it is made there. Of interfaces.c
 * alone.
 */

/*
 * Opens what interfaces_bring() wants and fills queues, now.queues, name, index and netns; it is down
 * and has no addresses. On failure it has what was opened so far, for the caller to close. Negative
 * errno with words.
 */
int interface_make(struct interfaces *interfaces, struct interface *interface,
	const struct interface_place *place, uint8_t queues, struct problem *problem);

#endif
