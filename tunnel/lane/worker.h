/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_LANE_WORKER_H
#define CULVERT_LANE_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lane/flow_queue.h"
#include "lane/mailbox.h"
#include "system/loop.h"
#include "wire/gather.h"

/*
 * A worker: one thread, one loop, and the lanes it was given. It owns the scratch memory that a
 * burst of packets passes through, and lends buffers to lanes that must keep bytes between two
 * bursts, so an idle lane holds none. Everything but start, stop and post is called on the worker's
 * own thread.
 */

enum {
	/*
	 * Sizes of one burst, in bytes. Small enough to stay in the cache of a core, large enough
	 * that system calls do not count.
	 */
	WORKER_STAGE_SIZE = 192 << 10,   /* frames collected from TUN before they are encrypted */
	WORKER_RECEIVE_SIZE = 256 << 10, /* ciphertext taken from the socket at once */
	WORKER_PLAIN_SIZE = 256
		<< 10, /* decrypted frames; holds at least one whole frame and more */
	WORKER_CONTROL_ROOM = 40
		<< 10, /* in the output beside a burst: control messages, alerts, key updates */
	WORKER_OUTPUT_SIZE = WORKER_STAGE_SIZE + 16 * 1024 + WORKER_CONTROL_ROOM,
	/*
	 * What all lanes of a worker together may keep between two bursts: peers that do not read,
	 * or send halves of frames. Past it a lane that wants to keep more is closed; from three
	 * quarters on no new connection is taken.
	 */
	WORKER_KEPT_MAX = 128 << 20,
	WORKER_QUEUES_MAX = WORKER_KEPT_MAX / 4, /* of it, what all lanes' queues share */
	WORKER_KEPT_HIGH = WORKER_KEPT_MAX / 4 * 3,
};

struct worker_buffer { /* lent memory */
	SLIST_ENTRY(worker_buffer) link;
	size_t size;
	uint8_t data[];
};

SLIST_HEAD(worker_buffers, worker_buffer);

enum {
	/* Slots for packets come in three sizes, so that an acknowledgement does not cost 64 KB. */
	WORKER_SLOT_SIZES = 3,
	WORKER_SLOT_HEADROOM = 64, /* in front of a packet: its frame's header */
};

enum { WORKER_GATHERS = 8 }; /* flows that are gathered at the same time */

struct worker;
/* Does one order, on the worker's thread; the order is the receiver's to free. */
typedef void worker_deliver_fn(struct worker *worker, struct mail *mail);

struct worker {
	struct loop *loop;
	struct mailbox orders;                        /* from the main thread */
	worker_deliver_fn *deliver;                   /* does one of them */
	struct mailbox *reports;                      /* to the main thread */
	uint8_t *stage;                               /* WORKER_STAGE_SIZE */
	uint8_t *received;                            /* WORKER_RECEIVE_SIZE */
	struct worker_buffers outputs;                /* free ones, WORKER_OUTPUT_SIZE each */
	struct worker_buffers plains;                 /* free ones, WORKER_PLAIN_SIZE each */
	struct flow_packets slots[WORKER_SLOT_SIZES]; /* free ones */
	struct gather gathers[WORKER_GATHERS];        /* of the burst that is being received */
	unsigned gather_turn;
	size_t queue_count; /* lanes that have a queue */
	_Atomic size_t
		kept; /* bytes that lanes have borrowed or queued; written by the worker alone */
	struct mail stop;
	unsigned index;
	unsigned lane_count; /* main thread's: lanes that are not released */
	pthread_t thread;
};

/*
 * Main thread. The thread calls `deliver` for each mail in its mailbox `orders`. `reports` must outlive
 * the worker. -ENOMEM, -EMFILE, -EAGAIN.
 */
int worker_start(unsigned index, struct mailbox *reports, worker_deliver_fn *deliver,
	struct worker **ret_worker);
/*
 * Main thread: ends the thread when it has done all orders, then frees. All lanes must have been
 * released.
 */
void worker_stop(struct worker *worker);

/* NULL: out of memory. The most recently returned is lent first: it is still in the cache. */
struct worker_buffer *worker_borrow_output(struct worker *worker);
struct worker_buffer *worker_borrow_plain(struct worker *worker);
void worker_return_output(struct worker *worker, struct worker_buffer *buffer); /* NULL is fine */
void worker_return_plain(struct worker *worker, struct worker_buffer *buffer);

/*
 * A slot for a packet of so many bytes (at most FRAME_PACKET_MAX) behind WORKER_SLOT_HEADROOM. NULL:
 * out of memory.
 */
struct flow_packet *worker_borrow_packet(struct worker *worker, size_t len);
void worker_return_packet(struct worker *worker, struct flow_packet *slot);

/* Bytes that a lane has queued on its own account (or, negative, has queued no longer). */
void worker_account(struct worker *worker, ptrdiff_t bytes);
bool worker_is_overdrawn(const struct worker *worker);
bool worker_is_short(const struct worker *worker); /* main thread: takes no new connection */

#endif
