/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_DESIRED_INTERFACES_H
#define CULVERT_NETD_DESIRED_INTERFACES_H

#include "config/settings.h"
#include "netd/desired_item.h"
#include "netd/interfaces.h"

/*
 * The part of netd/desired_state that concerns the registry of interfaces: each link is up with its
 * MTU and group and has its addresses and routes. A check compares one namespace with the registry,
 * restores what is missing, and logs one warning for each interface that had to be restored.
 *
 * Some parts cannot be restored, for example because another program has made the same route. netd
 * retries those after DESIRED_POLL_MS, and doubles the wait each time up to DESIRED_RETRY_MAX_S. It
 * reports to the engine what is missing and why, so that no status claims that it is present. A
 * link, an address or a route that was restored too often is left alone for a while
 * (netd/desired_item). netd's only thread.
 */

/*
 * The parts of an interface that are missing and that netd cannot restore now. All empty: nothing
 * is missing.
 */
struct desired_lack {
	bool link;           /* the link is down or has another MTU or group */
	bool local4, local6; /* this address is missing */
	const struct prefix *routes;
	size_t route_count;
	const char *why;
};

struct desired_interfaces {
	struct interfaces *registry;
	const struct settings *settings; /* NULL: no interface has a named namespace */
	/*
	 * Called when the missing parts of an interface differ from those of the last call. It
	 * returns a negative errno when it could not pass them on, and is then called again.
	 */
	int (*lacks)(
		void *context, const struct interface *interface, const struct desired_lack *lack);
	void *context;
	struct desired_item item; /* all interfaces together, for the status; it has no repair */
};

/* Begins with nothing known to be missing. The caller has set the members but `item`. */
void desired_interfaces_init(struct desired_interfaces *desired);

/*
 * Removes each interface whose network namespace has lost its name to another one: the name in the
 * configuration is what counts. The engine makes the interface again, where the name is now.
 */
void desired_interfaces_follow_names(struct desired_interfaces *desired);

/*
 * Checks all interfaces in the namespace of `one`. Returns a negative errno when it has to be done
 * once more. The caller calls interfaces_leave() afterwards.
 */
int desired_interfaces_check(struct desired_interfaces *desired, const struct interface *one);

#endif
