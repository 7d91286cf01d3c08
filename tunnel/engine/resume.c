/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/resume.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/container.h"

/* Never due: the year 2242, within the kernel's 64-bit nanoseconds. */
#define FAR_FUTURE_S INT64_C(8589934592)

/*
 * The time asleep since boot. CLOCK_BOOTTIME is read first: an interruption between the two calls
 * makes the result too small, never too large.
 */
static struct duration look(void)
{
	struct timespec boot;

	(void)clock_gettime(CLOCK_BOOTTIME, &boot); /* in every Linux since 2.6.39 */
	return (struct duration){ .ns = (int64_t)boot.tv_sec * 1000000000 + boot.tv_nsec -
			mono_now().ns };
}

/* How far the wall clock is ahead of CLOCK_BOOTTIME, which nobody sets. */
static struct duration look_ahead(void)
{
	struct timespec wall, boot;

	(void)clock_gettime(CLOCK_REALTIME, &wall);
	(void)clock_gettime(CLOCK_BOOTTIME, &boot);
	return (struct duration){ .ns = ((int64_t)wall.tv_sec - boot.tv_sec) * 1000000000 +
			wall.tv_nsec - boot.tv_nsec };
}

struct duration resume_slept(struct duration *asleep, struct duration now)
{
	struct duration slept = { .ns = now.ns - asleep->ns };

	if (slept.ns > 0)
		*asleep = now;
	if (slept.ns <= DURATION_MS(RESUME_LEAST_MS).ns)
		slept.ns = 0;
	return slept;
}

static int arm(int fd)
{
	const struct itimerspec due = { .it_value = { .tv_sec = (time_t)FAR_FUTURE_S } };

	return timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &due, NULL) < 0
		? -errno
		: 0;
}

static void clock_ready(struct loop_watch *watch, uint32_t events)
{
	struct resume *resume = container_of(watch, struct resume, watch);
	struct duration slept, set;
	uint64_t expirations;

	(void)events;
	/*
	 * ECANCELED: the clock was set, or it jumped. The timer is armed before the clocks are
	 * read, so no jump is missed.
	 */
	if (read(watch->fd, &expirations, sizeof(expirations)) < 0 && errno == EAGAIN)
		return;
	(void)arm(watch->fd);
	slept = resume_slept(&resume->asleep, look());
	set.ns = look_ahead().ns - resume->ahead.ns;
	resume->ahead.ns += set.ns;
	if (slept.ns > 0)
		resume->resumed(resume, slept);
	else if (resume->clock_set && llabs(set.ns) > DURATION_MS(RESUME_LEAST_MS).ns)
		resume->clock_set(resume, set);
}

int resume_open(struct resume *resume, struct loop *loop,
	void (*resumed)(struct resume *resume, struct duration slept))
{
	int fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	int r;

	*resume = (struct resume){ .resumed = resumed };
	if (fd < 0)
		return -errno;
	r = arm(fd);
	if (r == 0)
		r = loop_watch_add(loop, &resume->watch, fd, EPOLLIN, clock_ready);
	if (r < 0) {
		close(fd);
		return r;
	}
	resume->loop = loop;
	resume->asleep = look();
	resume->ahead = look_ahead();
	return 0;
}

void resume_close(struct resume *resume)
{
	int fd = resume->watch.fd;

	if (!resume->loop)
		return;
	loop_watch_remove(resume->loop, &resume->watch);
	close(fd);
	resume->loop = NULL;
}
