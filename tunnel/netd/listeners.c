/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/listeners.h"

#include <stdio.h>

#include "base/container.h"
#include "base/error_text.h"
#include "netd/desired_state.h"
#include "system/socket.h"

static void ended(struct loop_watch *watch, uint32_t events)
{
	struct listener_end *end = container_of(watch, struct listener_end, watch);

	(void)events;
	loop_watch_remove(end->owner->loop, watch);
	desired_item_touched(&end->owner->item);
}

/* The kernel reports the end (EPOLLHUP) whatever is asked for; netd wants nothing else. */
static void watch_all(struct listeners *listeners)
{
	for (size_t i = 0; i < listeners->files->listener_count; i++) {
		struct loop_watch *watch = &listeners->ends[i].watch;
		int fd = listeners->files->listeners[i];

		if (watch->fd < 0 && socket_listens(fd))
			(void)loop_watch_add(listeners->loop, watch, fd, 0, ended);
	}
}

static enum desired_look look(struct desired_item *item, struct desired_sight *sight)
{
	const struct listeners *listeners = container_of(item, struct listeners, item);
	size_t count = listeners->files->listener_count, lost = 0;

	for (size_t i = 0; i < count; i++)
		lost += !socket_listens(listeners->files->listeners[i]);
	(void)snprintf(sight->what, sizeof(sight->what), "%zu of %zu closed", lost, count);
	if (count == 0)
		return DESIRED_UNWANTED;
	return lost == 0 ? DESIRED_IN_PLACE : DESIRED_LOST;
}

static int repair(struct desired_item *item, struct problem *problem)
{
	struct listeners *listeners = container_of(item, struct listeners, item);
	int r = 0;

	for (size_t i = 0; i < listeners->files->listener_count && r == 0; i++) {
		if (!socket_listens(listeners->files->listeners[i]))
			r = socket_listen_again(listeners->files->listeners[i]);
	}
	if (r < 0)
		problem_set(problem, "%s", error_text(r));
	watch_all(listeners);
	return r;
}

void listeners_start(
	struct listeners *listeners, struct loop *loop, const struct engine_files *files)
{
	*listeners = (struct listeners){ .loop = loop,
		.files = files,
		.item = { .name = "listening sockets",
			.meanwhile = "no client can connect",
			.look = look,
			.repair = repair } };
	for (size_t i = 0; i < SETTINGS_LISTEN_MAX; i++)
		listeners->ends[i] = (struct listener_end){ listeners, { .fd = -1 } };
	watch_all(listeners);
}

void listeners_stop(struct listeners *listeners)
{
	if (!listeners->loop)
		return;
	for (size_t i = 0; i < SETTINGS_LISTEN_MAX; i++)
		loop_watch_remove(listeners->loop, &listeners->ends[i].watch);
	listeners->loop = NULL;
}
