/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/network.h"

#include <string.h>

#include "base/container.h"
#include "base/error_text.h"
#include "base/log.h"

static void gathered(struct loop_timer *timer)
{
	struct network *network = container_of(timer, struct network, gathering);

	struct mono began = mono_now(), ended;

	network->changed(network);
	ended = mono_now();
	network->not_before = mono_add(
		ended, (struct duration){ NETWORK_PAUSE_TIMES * mono_since(ended, began).ns });
}

/* Returns when a change that has just come is to be reported. */
static struct mono due_time(const struct network *network)
{
	struct mono due = mono_add(mono_now(), DURATION_MS(NETWORK_GATHER_MS));

	return mono_before(due, network->not_before) ? network->not_before : due;
}

static bool is_own(const void *context, uint32_t index)
{
	return interfaces_is_own(context, index);
}

static void monitor_ready(struct loop_watch *watch, uint32_t events)
{
	struct network *network = container_of(watch, struct network, watch);
	bool changed = false;
	int r = netlink_monitor_read(network->monitor, is_own, network->interfaces, &changed);

	(void)events;
	if (r < 0) {
		log_warning(
			"netd cannot follow changes of the network any more: %s", error_text(r));
		network_close(network);
		return;
	}
	/*
	 * Later changes do not delay the report, so that a network that changes all the time is
	 * reported as well.
	 */
	if (changed && !network->gathering.running)
		loop_timer_start(network->loop, &network->gathering, due_time(network), gathered);
}

int network_open(struct network *network, struct loop *loop, const struct interfaces *interfaces,
	void (*changed)(struct network *network), struct problem *problem)
{
	int r;

	*network = (struct network){
		.loop = loop, .interfaces = interfaces, .watch.fd = -1, .changed = changed
	};
	r = netlink_monitor_open(&network->monitor, problem);
	if (r < 0)
		return r;
	r = loop_watch_add(loop, &network->watch, netlink_monitor_fd(network->monitor), EPOLLIN,
		monitor_ready);
	if (r < 0) {
		problem_set(problem, "cannot watch the network: %s", error_text(r));
		network_close(network);
	}
	return r;
}

void network_close(struct network *network)
{
	if (!network->monitor)
		return;
	loop_timer_stop(network->loop, &network->gathering);
	loop_watch_remove(network->loop, &network->watch);
	netlink_monitor_close(network->monitor);
	network->monitor = NULL;
}
