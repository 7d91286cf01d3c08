/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/rest.h"

#include <malloc.h>

#include "base/container.h"

void rest_init(struct rest *rest, struct loop *loop)
{
	*rest = (struct rest){ .loop = loop };
}

void rest_stop(struct rest *rest)
{
	if (rest->loop)
		loop_timer_stop(rest->loop, &rest->timer);
}

static void look(struct loop_timer *timer);

static void look_later(struct rest *rest)
{
	rest->seen = rest->ended;
	loop_timer_start(
		rest->loop, &rest->timer, mono_add(mono_now(), DURATION_MS(REST_MS)), look);
}

static void look(struct loop_timer *timer)
{
	struct rest *rest = container_of(timer, struct rest, timer);

	if (rest->ended - rest->seen >= REST_CONNECTIONS) {
		look_later(rest); /* it goes on */
		return;
	}
	(void)malloc_trim(0); /* 0: it found nothing */
	rest->ended = 0;
}

void rest_note(struct rest *rest)
{
	rest->ended++;
	if (rest->ended >= REST_CONNECTIONS && !rest->timer.running)
		look_later(rest);
}
