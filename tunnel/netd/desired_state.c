/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/desired_state.h"

#include "base/container.h"
#include "base/error_text.h"
#include "base/log.h"
#include "netd/held_routes.h"

enum { PAUSE_TIMES = 10, PAUSE_MAX_S = 5 };

static void check_within(struct desired_state *desired, struct duration wait);

/* ---- one check ---- */

static bool is_first_there(const struct interfaces *interfaces, const struct interface *interface)
{
	const struct interface *i = interfaces->first;

	while (i != interface && !netns_id_equal(&i->netns, &interface->netns))
		i = i->next;
	return i == interface;
}

static bool is_polled(const struct desired_state *desired, const struct interface *interface)
{
	return !desired->monitor || interface->netns.inode != 0 || interface->keeping.missing > 0;
}

/* Returns the shorter of two waits, of which 0 means none. */
static struct duration sooner(struct duration a, struct duration b)
{
	if (a.ns == 0 || b.ns == 0)
		return a.ns == 0 ? b : a;
	return a.ns < b.ns ? a : b;
}

/* Returns when the item has to be looked at again, or 0. */
static struct duration check_item(struct desired_state *desired, struct desired_item *item)
{
	struct duration next = desired_item_check(item, mono_now());

	if (item->state != item->reported.state || item->changes != item->reported.changes)
		desired->unsent = true;
	item->reported.state = item->state;
	item->reported.changes = item->changes;
	return next;
}

static struct duration check_items(struct desired_state *desired)
{
	struct duration next = { 0 };

	for (struct desired_item *i = desired->first; i; i = i->next)
		next = sooner(next, check_item(desired, i));
	return next;
}

static struct duration check_interfaces(struct desired_state *desired)
{
	struct interfaces *interfaces = desired->interfaces.registry;
	static const struct netns_id here; /* all zero */
	bool again = false;

	/* Other programs' routes from now on count. */
	if (desired->monitor)
		netlink_monitor_count_all(desired->monitor, held_routes_any(interfaces, &here));
	desired_interfaces_follow_names(&desired->interfaces);
	for (struct interface *i = interfaces->first; i; i = i->next) {
		if (is_first_there(interfaces, i) &&
			desired_interfaces_check(&desired->interfaces, i) < 0)
			again = true;
	}
	interfaces_leave(interfaces);
	for (struct interface *i = interfaces->first; i && !again; i = i->next)
		again = is_polled(desired, i);
	return DURATION_MS(again ? DESIRED_POLL_MS : 0);
}

static void check_all(struct loop_timer *timer)
{
	struct desired_state *desired = container_of(timer, struct desired_state, looking);
	struct mono began = mono_now();
	struct duration next = check_items(desired);

	next = sooner(next, check_interfaces(desired));
	(void)check_item(desired, &desired->interfaces.item);
	if (desired->unsent && desired->changed) {
		desired->unsent = desired->changed(desired) < 0;
		if (desired->unsent)
			next = sooner(next, DURATION_MS(DESIRED_POLL_MS));
	}
	if (!desired->monitor)
		next = sooner(next, DURATION_MS(DESIRED_POLL_MS));
	desired->pause = (struct duration){ PAUSE_TIMES * mono_since(mono_now(), began).ns };
	if (desired->pause.ns > DURATION_S(PAUSE_MAX_S).ns) /* a tool was waited for */
		desired->pause = DURATION_S(PAUSE_MAX_S);
	check_within(desired, sooner(next, DURATION_S(DESIRED_STATE_SLOW_S)));
}

/* ---- timing ---- */

/*
 * Brings the next check forward but never delays it, so that a host that changes all the time is
 * checked as well.
 */
static void check_within(struct desired_state *desired, struct duration wait)
{
	struct mono due;

	if (desired->suspended)
		return;
	if (desired->pause.ns > wait.ns)
		wait = desired->pause;
	due = mono_add(mono_now(), wait);
	if (!desired->looking.running || mono_before(due, desired->looking.due))
		loop_timer_start(desired->loop, &desired->looking, due, check_all);
}

static bool is_own(const void *context, uint32_t index)
{
	static const struct netns_id here; /* all zero */

	return interfaces_have_link(context, &here, index);
}

static void monitor_end(struct desired_state *desired)
{
	loop_watch_remove(desired->loop, &desired->watch);
	netlink_monitor_close(desired->monitor);
	desired->monitor = NULL;
}

static void monitor_ready(struct loop_watch *watch, uint32_t events)
{
	struct desired_state *desired = container_of(watch, struct desired_state, watch);
	bool touched = false;
	int r = netlink_monitor_read_own(
		desired->monitor, is_own, desired->interfaces.registry, &touched);

	(void)events;
	if (r < 0) {
		log_warning(
			"netd cannot follow the kernel's routes and addresses any more: %s; it compares them every second instead",
			error_text(r));
		monitor_end(desired);
		touched = true;
	} else if (netlink_monitor_take_loss(desired->monitor)) {
		log_warning(
			"the kernel's notifications came faster than netd reads them: netd compares everything");
	}
	if (touched)
		check_within(desired, DURATION_MS(DESIRED_STATE_GATHER_MS));
}

void desired_state_suspend(struct desired_state *desired, bool suspended)
{
	if (!desired->loop)
		return;
	desired->suspended = suspended;
	loop_timer_stop(desired->loop, &desired->looking);
	check_within(desired, DURATION_MS(0));
}

int desired_state_open(struct desired_state *desired, struct loop *loop,
	const struct desired_interfaces *interfaces, int (*changed)(struct desired_state *desired),
	struct problem *problem)
{
	int r;

	*desired = (struct desired_state){
		.loop = loop, .interfaces = *interfaces, .changed = changed, .watch.fd = -1
	};
	desired->last = &desired->first;
	desired_interfaces_init(&desired->interfaces);
	check_within(desired, DURATION_MS(DESIRED_POLL_MS));
	r = netlink_monitor_open(&desired->monitor, problem);
	if (r < 0) {
		desired->monitor = NULL;
		return r;
	}
	r = loop_watch_add(loop, &desired->watch, netlink_monitor_fd(desired->monitor), EPOLLIN,
		monitor_ready);
	if (r < 0) {
		problem_set(problem, "cannot watch the network: %s", error_text(r));
		monitor_end(desired);
	}
	return r;
}

void desired_state_close(struct desired_state *desired)
{
	if (!desired->loop)
		return;
	loop_timer_stop(desired->loop, &desired->looking);
	if (desired->monitor)
		monitor_end(desired);
	desired->loop = NULL;
}

void desired_state_add(struct desired_state *desired, struct desired_item *item)
{
	item->owner = desired;
	item->next = NULL;
	*desired->last = item;
	desired->last = &item->next;
}

void desired_state_forget_items(struct desired_state *desired)
{
	while (desired->first) {
		struct desired_item *item = desired->first;

		desired->first = item->next;
		item->owner = NULL;
		item->next = NULL;
	}
	desired->last = &desired->first;
}

void desired_item_touched(struct desired_item *item)
{
	struct desired_state *desired = item->owner;

	item->retry_at = (struct mono){ 0 }; /* what has failed may succeed now */
	if (desired && desired->loop)
		check_within(desired, DURATION_MS(DESIRED_STATE_GATHER_MS));
}

void desired_state_interface_made(struct desired_state *desired, const struct interface *interface)
{
	if (desired->loop && is_polled(desired, interface))
		check_within(desired, DURATION_MS(DESIRED_POLL_MS));
}

void desired_state_interface_changed(struct desired_state *desired)
{
	if (desired->loop)
		check_within(desired, DURATION_MS(DESIRED_STATE_GATHER_MS));
}

void desired_state_report_again(struct desired_state *desired)
{
	for (struct interface *i = desired->interfaces.registry->first; i; i = i->next) {
		i->keeping.reported = 0;
		i->keeping.retry_at = (struct mono){ 0 };
	}
	desired->unsent = true;
	if (desired->loop)
		check_within(desired, (struct duration){ 0 });
}

void desired_state_list(const struct desired_state *desired,
	void (*take)(void *context, const struct desired_item *item), void *context)
{
	if (desired->interfaces.item.state != DESIRED_UNWANTED)
		take(context, &desired->interfaces.item);
	for (const struct desired_item *i = desired->first; i; i = i->next) {
		if (i->state != DESIRED_UNWANTED)
			take(context, i);
	}
}
