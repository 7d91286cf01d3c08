/* SPDX-License-Identifier: Apache-2.0 */
#include "lane/counters.h"

#include <string.h>
#include <sys/socket.h>

const char *drop_reason_text(enum drop_reason reason)
{
	static const char *const texts[DROP_REASON_COUNT] = {
#define X(name, text) [name] = (text),
		DROP_REASONS(X)
#undef X
	};
	return reason < DROP_REASON_COUNT ? texts[reason] : "unknown";
}

void stray_note(struct stray *stray, uint8_t family, const uint8_t *bytes)
{
	if (atomic_load_explicit(&stray->noted, memory_order_relaxed))
		return;
	stray->family = family;
	memcpy(stray->bytes, bytes, family == AF_INET ? 4 : 16);
	atomic_store_explicit(&stray->noted, true, memory_order_release);
}

void stray_clear(struct stray *stray)
{
	atomic_store_explicit(&stray->noted, false, memory_order_release);
}

bool stray_read(const struct stray *stray, struct addr *ret_stray)
{
	if (!atomic_load_explicit(&stray->noted, memory_order_acquire))
		return false;
	*ret_stray = (struct addr){ .family = stray->family };
	memcpy(ret_stray->bytes, stray->bytes, sizeof(stray->bytes));
	return true;
}

void counters_add(struct lane_counters *sums, const struct lane_counters *lane)
{
	struct addr stray;

	counter_add(&sums->out_packets, counter_read(&lane->out_packets));
	counter_add(&sums->out_bytes, counter_read(&lane->out_bytes));
	counter_add(&sums->in_packets, counter_read(&lane->in_packets));
	counter_add(&sums->in_bytes, counter_read(&lane->in_bytes));
	counter_add(&sums->sent_bytes, counter_read(&lane->sent_bytes));
	counter_add(&sums->received_bytes, counter_read(&lane->received_bytes));
	counter_add(&sums->in_control, counter_read(&lane->in_control));
	counter_add(&sums->out_control, counter_read(&lane->out_control));
	counter_add(&sums->marks, counter_read(&lane->marks));
	counter_add(&sums->queue_bytes, counter_read(&lane->queue_bytes));
	if (counter_read(&lane->queue_delay_ns) > counter_read(&sums->queue_delay_ns))
		counter_set(&sums->queue_delay_ns, counter_read(&lane->queue_delay_ns));
	if (stray_read(&lane->stray, &stray))
		stray_note(&sums->stray, stray.family, stray.bytes);
	for (int i = 0; i < DROP_REASON_COUNT; i++)
		counter_add(&sums->drops[i], counter_read(&lane->drops[i]));
}
