/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/counters.h"

const char *drop_reason_text(enum drop_reason reason)
{
	static const char *const texts[DROP_REASON_COUNT] = {
#define X(name, text) [name] = (text),
		DROP_REASONS(X)
#undef X
	};
	return reason < DROP_REASON_COUNT ? texts[reason] : "unknown";
}

void counters_add(struct lane_counters *sums, const struct lane_counters *lane)
{
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
	for (int i = 0; i < DROP_REASON_COUNT; i++)
		counter_add(&sums->drops[i], counter_read(&lane->drops[i]));
}
