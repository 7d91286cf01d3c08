/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A lane's queue: packets in and out, by flow. It uses a real worker whose thread is idle, so that
 * this thread may replace it; time is the stage's own. Four flows seldom share a slot of the table,
 * whose key differs each time.
 */
#include "base/array.h"
#include "lane/flow_queue.h"

#include <string.h>

#include "lane/worker.h"
#include "samples.h"
#include "stage.h"
#include "wire/frame.h"

enum {
	FLOWS = 4,
	DEEP = 64,         /* packets in a standing queue */
	SETTLE = 4 * DEEP, /* operations before it counts: CoDel has begun by then */
	STEP_US_SHORT = 10,
	STEP_US_LONG = 1000, /* DEEP times this is far over CoDel's target */
	PART_MAX = 16 << 10,
};

static struct loop *loop;
static struct mailbox reports;
static struct worker *worker;
static struct lane_counters counters;
static struct flow_queue *queue;
static struct mono now;
static struct duration step;
static uint32_t next;

/*
 * For each flow its packet's headers, the only bytes that the queue reads, and their parsed form.
 */
static struct flow_sample {
	uint8_t headers[128];
	struct packet packet;
} flows[FLOWS];
static struct sample_packet sample;

static void no_report(struct mailbox *mailbox, struct mail *mail)
{
	(void)mailbox;
	(void)mail;
	stage_require(false, "a worker without lanes has nothing to report");
}

/* Packets carry ECT(0) (RFC 3168), so that CoDel marks them and the queue keeps its length. */
static void make_flows(void)
{
	for (size_t i = 0; i < FLOWS; i++) {
		struct flow_sample *flow = &flows[i];

		memcpy(flow->headers, sample.data, sizeof(flow->headers));
		flow->headers[1] = 2;
		stage_require(packet_parse(sample.data, sample.len, &flow->packet) == 0,
			"the sample is a packet");
		flow->headers[flow->packet.transport] = (uint8_t)i; /* the source port */
	}
}

static void put(void)
{
	struct flow_sample *flow = &flows[next++ % FLOWS];
	struct flow_packet *slot = worker_borrow_packet(worker, sample.len);

	stage_require(slot != NULL, "there is memory");
	slot->whole = (struct superpacket){
		.data = slot->memory + WORKER_SLOT_HEADROOM,
		.len = sample.len,
		.vnet = sample.vnet,
	};
	memcpy(slot->whole.data, flow->headers, sizeof(flow->headers));
	flow_queue_put(queue, now, slot, &flow->packet);
}

static enum flow_taken take(void)
{
	static uint8_t room[FRAME_PACKET_MAX];
	struct flow_take taken = {
		.now = now,
		.part_max = PART_MAX,
		.offloads = OFFLOAD_ALL,
	};
	enum flow_taken kind;

	writer_init(&taken.part, room, sizeof(room));
	kind = flow_queue_take(queue, &taken);
	if (kind == FLOW_WHOLE)
		worker_return_packet(worker, taken.ret_slot);
	return kind;
}

/* In and out at once; a superpacket leaves in parts. */
static void run_through(size_t count)
{
	for (size_t i = 0; i < count; i++) {
		now = mono_add(now, step);
		put();
		stage_require(take() != FLOW_NONE, "a packet comes out");
		while (take() != FLOW_NONE)
			;
	}
}

/* One in, one out: the queue keeps its length. */
static void run_standing(size_t count)
{
	for (size_t i = 0; i < count; i++) {
		now = mono_add(now, step);
		put();
		stage_require(take() == FLOW_WHOLE, "a packet comes out");
	}
}

static void no_order(struct worker *to, struct mail *mail)
{
	(void)to;
	(void)mail;
}

/* `kind` is the sample, `size` the microseconds between two operations. */
static void prepare(const struct stage *stage, size_t count)
{
	(void)count;
	stage_require(loop_new(&loop) == 0 && mailbox_open(&reports, loop, no_report) == 0 &&
			worker_start(0, &reports, no_order, &worker) == 0 &&
			flow_queue_new(worker, &counters, &queue) == 0,
		"there is a queue");
	sample = sample_packet((enum sample_kind)stage->kind);
	step.ns = (int64_t)stage->size * 1000;
	now = mono_now();
	next = 0;
	make_flows();
}

static void prepare_standing(const struct stage *stage, size_t count)
{
	prepare(stage, count);
	for (size_t i = 0; i < DEEP; i++)
		put();
	run_standing(SETTLE);
	bool marks = counter_read(&counters.marks) > 0;
	stage_require(marks == (stage->size == STEP_US_LONG), "CoDel has begun where it should");
}

static void finish(void)
{
	flow_queue_free(queue);
	worker_stop(worker);
	mailbox_close(&reports);
	loop_free(loop);
	counters = (struct lane_counters){ 0 };
}

static const struct stage stages[] = {
	{ "queue-empty", "1,400 bytes through an empty queue", false, prepare, run_through, finish,
		SAMPLE_V4, STEP_US_SHORT },
	{ "queue-standing", "one in, one out, while 64 of four flows wait", false, prepare_standing,
		run_standing, finish, SAMPLE_V4, STEP_US_SHORT },
	{ "queue-codel", "one in, one out, while 64 wait too long, and CoDel marks", false,
		prepare_standing, run_standing, finish, SAMPLE_V4, STEP_US_LONG },
	{ "queue-cut", "64 KB through an empty queue, out in parts of 16 KB", false, prepare,
		run_through, finish, SAMPLE_SUPER, STEP_US_SHORT },
};

const struct stage_group queue_stages = { stages, ARRAY_SIZE(stages) };
