/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/trim.h"

#include <malloc.h>

#include "base/container.h"

void trim_init(struct trim *trim, struct loop *loop)
{
	*trim = (struct trim){ .loop = loop };
}

void trim_stop(struct trim *trim)
{
	if (trim->loop)
		loop_timer_stop(trim->loop, &trim->timer);
}

static void look(struct loop_timer *timer);

static void look_later(struct trim *trim)
{
	trim->seen = trim->ended;
	loop_timer_start(
		trim->loop, &trim->timer, mono_add(mono_now(), DURATION_MS(TRIM_MS)), look);
}

static void look(struct loop_timer *timer)
{
	struct trim *trim = container_of(timer, struct trim, timer);

	if (trim->ended - trim->seen >= TRIM_CONNECTIONS) {
		look_later(trim); /* it goes on */
		return;
	}
	(void)malloc_trim(0); /* 0: it found nothing */
	trim->ended = 0;
}

void trim_note(struct trim *trim)
{
	trim->ended++;
	if (trim->ended >= TRIM_CONNECTIONS && !trim->timer.running)
		look_later(trim);
}
