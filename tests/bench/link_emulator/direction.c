/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Frames are received right into slots. If a frame passes, its slot enters the ring of frames in
 * transit, and leaves it from there. No frame overtakes another, so the ring's head is always the
 * next due.
 *
 * A frame's arrival is the time at which the kernel got it, not the time of fetching. So a late
 * emulator neither leaves the link idle nor delays a packet, as long as it is late by less than the
 * delay.
 */

#include "direction.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/if_ether.h>
#include <linux/virtio_net.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum {
	TRANSIT_MAX = 1 << 17, /* a power of two; 158 ms of full frames at 10 Gbit/s */
	SLOT_UNIT = 2048,
	HEADER = sizeof(struct virtio_net_hdr),
};

#define STAMP_AGE_MAX DURATION_S(1)

static size_t longer(size_t a, size_t b)
{
	return a > b ? a : b;
}

/* ---- memory ---- */

static uint8_t *slot(const struct direction *direction, uint32_t index)
{
	return direction->slots + index * direction->slot_size;
}

static void prepare(struct direction *direction, size_t i)
{
	struct direction_batch *in = &direction->in;

	in->vectors[i] = (struct iovec){
		.iov_base = slot(direction, direction->spare[i]),
		.iov_len = direction->slot_size,
	};
	in->messages[i].msg_hdr = (struct msghdr){
		.msg_iov = &in->vectors[i],
		.msg_iovlen = 1,
		.msg_control = direction->control[i],
		.msg_controllen = sizeof(direction->control[i]),
	};
}

int direction_init(struct direction *direction, struct port *from, struct port *to,
	const struct schedule_settings *settings)
{
	size_t frame = HEADER + ETH_HLEN + longer(from->mtu, to->mtu);
	size_t slots = TRANSIT_MAX + DIRECTION_BATCH;

	*direction = (struct direction){
		.from = from,
		.to = to,
		.slot_size = (frame + SLOT_UNIT - 1) / SLOT_UNIT * SLOT_UNIT,
		.last_read = { .ns = INT64_MIN },
	};
	/* Only used slots take memory. */
	void *memory = mmap(NULL, slots * direction->slot_size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		return -ENOMEM;
	direction->slots = memory;
	direction->free = calloc(TRANSIT_MAX, sizeof(*direction->free));
	direction->transit = calloc(TRANSIT_MAX, sizeof(*direction->transit));
	if (!direction->free || !direction->transit ||
		schedule_init(&direction->schedule, settings, TRANSIT_MAX) < 0) {
		direction_release(direction);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < TRANSIT_MAX; i++)
		direction->free[i] = TRANSIT_MAX - 1 - i;
	direction->free_count = TRANSIT_MAX;
	for (uint32_t i = 0; i < DIRECTION_BATCH; i++) {
		direction->spare[i] = TRANSIT_MAX + i;
		prepare(direction, i);
	}
	return 0;
}

void direction_release(struct direction *direction)
{
	if (direction->slots)
		munmap(direction->slots, (TRANSIT_MAX + DIRECTION_BATCH) * direction->slot_size);
	free(direction->free);
	free(direction->transit);
	schedule_release(&direction->schedule);
	*direction = (struct direction){ 0 };
}

/* ---- in ---- */

static int64_t realtime_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/*
 * The time since the kernel got the frame; 0 if its stamp is missing or the clock was set
 * meanwhile.
 */
static struct duration age(const struct msghdr *message, int64_t realtime)
{
	struct timespec stamp;

	for (struct cmsghdr *control = CMSG_FIRSTHDR(message); control;
		control = CMSG_NXTHDR((struct msghdr *)message, control)) {
		if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SO_TIMESTAMPNS)
			continue;
		memcpy(&stamp, CMSG_DATA(control), sizeof(stamp));
		int64_t ns = realtime - (int64_t)stamp.tv_sec * 1000000000 - stamp.tv_nsec;
		if (ns > 0 && ns < STAMP_AGE_MAX.ns)
			return (struct duration){ .ns = ns };
	}
	return (struct duration){ .ns = 0 };
}

/*
 * Checks that the frame is a packet of this link. Keeps only the part of its header that the far
 * end may have.
 */
static bool acceptable(struct direction *direction, const struct mmsghdr *message, uint8_t *frame)
{
	struct virtio_net_hdr header;

	if (message->msg_len <= HEADER || (message->msg_hdr.msg_flags & MSG_TRUNC) ||
		message->msg_len > HEADER + ETH_HLEN + direction->to->mtu)
		return false;
	memcpy(&header, frame, sizeof(header));
	if (header.gso_type != VIRTIO_NET_HDR_GSO_NONE)
		return false;
	header.flags &= VIRTIO_NET_HDR_F_NEEDS_CSUM;
	memcpy(frame, &header, sizeof(header));
	return true;
}

static void keep(struct direction *direction, size_t i, struct mono due)
{
	if (direction->free_count == 0) {
		direction->counters.overrun++;
		return;
	}
	direction->transit[(direction->first + direction->count++) % TRANSIT_MAX] =
		(struct direction_transit){
			.due = due,
			.slot = direction->spare[i],
			.len = direction->in.messages[i].msg_len,
		};
	direction->spare[i] = direction->free[--direction->free_count];
}

static void take(struct direction *direction, size_t i, struct mono arrival)
{
	struct direction_counters *counters = &direction->counters;
	const struct mmsghdr *message = &direction->in.messages[i];
	struct mono due;

	if (!acceptable(direction, message, slot(direction, direction->spare[i]))) {
		counters->refused++;
		return;
	}
	counters->packets++;
	counters->bytes += message->msg_len - HEADER;
	switch (schedule_packet(&direction->schedule, arrival, message->msg_len - HEADER, &due)) {
	case SCHEDULE_PASSES:
		keep(direction, i, due);
		break;
	case SCHEDULE_LOST:
		counters->lost++;
		break;
	case SCHEDULE_DROPPED:
		counters->dropped++;
		break;
	}
}

int direction_receive(struct direction *direction)
{
	struct direction_batch *in = &direction->in;
	int n = recvmmsg(direction->from->fd, in->messages, DIRECTION_BATCH, MSG_DONTWAIT, NULL);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	struct mono now = mono_now();
	int64_t realtime = realtime_ns();
	for (size_t i = 0; i < (size_t)n; i++) {
		struct duration since = age(&in->messages[i].msg_hdr, realtime);
		struct mono arrival = { .ns = now.ns - since.ns };

		if (mono_before(arrival, direction->last_read))
			arrival = direction->last_read;
		direction->last_read = arrival;
		take(direction, i, arrival);
		prepare(direction, i);
	}
	return n;
}

/* ---- out ---- */

static const struct direction_transit *transit_at(const struct direction *direction, size_t i)
{
	return &direction->transit[(direction->first + i) % TRANSIT_MAX];
}

static void forget(struct direction *direction)
{
	direction->free[direction->free_count++] = transit_at(direction, 0)->slot;
	direction->first = (direction->first + 1) % TRANSIT_MAX;
	direction->count--;
}

static unsigned collect(struct direction *direction, struct mono now)
{
	struct direction_batch *out = &direction->out;
	unsigned n = 0;

	for (; n < DIRECTION_BATCH && n < direction->count; n++) {
		const struct direction_transit *transit = transit_at(direction, n);

		if (mono_before(now, transit->due))
			break;
		out->vectors[n] = (struct iovec){
			.iov_base = slot(direction, transit->slot),
			.iov_len = transit->len,
		};
		out->messages[n].msg_hdr = (struct msghdr){
			.msg_iov = &out->vectors[n],
			.msg_iovlen = 1,
		};
	}
	return n;
}

static void count_sent(struct direction *direction, struct mono now)
{
	struct direction_counters *counters = &direction->counters;
	const struct direction_transit *transit = transit_at(direction, 0);
	struct duration late = mono_since(now, transit->due);

	counters->sent++;
	counters->sent_bytes += transit->len - HEADER;
	counters->late_sum.ns += late.ns;
	if (late.ns > counters->late_max.ns)
		counters->late_max = late;
}

size_t direction_send(struct direction *direction)
{
	size_t total = 0;

	for (;;) {
		struct mono now = mono_now();
		unsigned due = collect(direction, now);

		if (due == 0)
			return total;
		int n = sendmmsg(direction->to->fd, direction->out.messages, due, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return total;
		if (n < 0) {
			direction->counters.undelivered++;
			forget(direction);
		}
		for (int i = 0; i < n; i++) {
			count_sent(direction, now);
			forget(direction);
			total++;
		}
	}
}

bool direction_next(const struct direction *direction, struct mono *ret_due)
{
	if (direction->count == 0)
		return false;
	*ret_due = transit_at(direction, 0)->due;
	return true;
}

/* ---- counters ---- */

void direction_print(struct direction *direction, const char *name)
{
	const struct direction_counters *counters = &direction->counters;
	int64_t sent = counters->sent > 0 ? (int64_t)counters->sent : 1;

	port_count_overflow(direction->from);
	printf("{\"direction\":\"%s\",\"from\":\"%s\",\"to\":\"%s\"", name, direction->from->name,
		direction->to->name);
	printf(",\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64, counters->packets, counters->bytes);
	printf(",\"lost\":%" PRIu64 ",\"dropped\":%" PRIu64, counters->lost, counters->dropped);
	printf(",\"sent\":%" PRIu64 ",\"sent_bytes\":%" PRIu64, counters->sent,
		counters->sent_bytes);
	printf(",\"in_transit\":%zu,\"queue_max\":%" PRIu64, direction->count,
		direction->schedule.queued_max);
	printf(",\"overrun\":%" PRIu64 ",\"refused\":%" PRIu64 ",\"undelivered\":%" PRIu64,
		counters->overrun + direction->from->overflowed, counters->refused,
		counters->undelivered + port_dropped(direction->to));
	printf(",\"late_mean_us\":%" PRId64 ",\"late_max_us\":%" PRId64 "}\n",
		counters->late_sum.ns / sent / 1000, counters->late_max.ns / 1000);
	fflush(stdout);
}
