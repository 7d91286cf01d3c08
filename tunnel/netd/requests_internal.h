/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_REQUESTS_INTERNAL_H
#define CULVERT_NETD_REQUESTS_INTERNAL_H

#include "netd/requests.h"

/* What the files requests*.c share. */

/* The reply to what the configuration allows and the kernel does not. */
void requests_fail(struct requests *requests, int r, const struct problem *problem);

/*
 * The live interface that the engine names; NULL: it has none of that number, and the reply says so.
 */
struct interface *requests_own_interface(
	struct requests *requests, uint32_t number, struct problem *problem);

/* ROUTE_ADD and ROUTE_DELETE, as requests.c has one for each request. */
int requests_route_add(struct requests *requests, struct problem *problem);
int requests_route_delete(struct requests *requests, struct problem *problem);

#endif
