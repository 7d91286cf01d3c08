/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_LANE_WORKER_H
#define CULVERT_LANE_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lane/flow_queue.h"
#include "lane/mailbox.h"
#include "lane/tun_batch.h"
#include "system/loop.h"
#include "wire/gather.h"

/*
 * A worker: one thread, one loop, and the lanes that it was given. It owns the scratch memory that
 * a burst of packets passes through. It lends buffers to lanes that keep bytes between two bursts,
 * so an idle lane holds none. The worker's thread only, unless a function says otherwise.
 */

enum {
	/*
	 * Sizes of one burst, in bytes: small enough for a core's cache, large enough that system
	 * calls cost little.
	 */
	WORKER_STAGE_SIZE = 192 << 10,   /* frames from TUN before they are encrypted */
	WORKER_RECEIVE_SIZE = 256 << 10, /* ciphertext read from the socket at once */
	/* Decrypted frames: more than one whole frame. */
	WORKER_PLAIN_SIZE = 256 << 10,
	/* Of the output, beside a burst: control messages, alerts, key updates. */
	WORKER_CONTROL_ROOM = 40 << 10,
	WORKER_OUTPUT_SIZE = WORKER_STAGE_SIZE + 16 * 1024 + WORKER_CONTROL_ROOM,
	/*
	 * The most that all lanes of a worker may keep between two bursts, for peers that do not
	 * read or that send parts of frames. Beyond it a lane that wants to keep more is closed.
	 * From three quarters on, no new connection is accepted.
	 */
	WORKER_KEPT_MAX = 128 << 20,
	WORKER_QUEUES_MAX = WORKER_KEPT_MAX / 4, /* its part that all lanes' queues share */
	WORKER_KEPT_HIGH = WORKER_KEPT_MAX / 4 * 3,
};

/* Memory that the worker lends. */
struct worker_buffer {
	SLIST_ENTRY(worker_buffer) link;
	size_t size;
	uint8_t data[];
};

SLIST_HEAD(worker_buffers, worker_buffer);

/* How many free items a list has, and the fewest that it had since the last look. */
struct worker_spare {
	unsigned count, least;
};

enum {
	/* Between two looks. The C library gets those back that no lane has needed since the last. */
	WORKER_SPARE_MS = 10000,
};

enum {
	/* Slots for packets have several sizes, so that an acknowledgement does not cost 64 KB. */
	WORKER_SLOT_SIZES = 4,
	WORKER_SLOT_HEADROOM = 64, /* in front of a packet, for its frame's header */
};

enum { WORKER_GATHERS = 8 }; /* flows gathered at the same time */

/* Lanes whose TLS handshake may go on. */
TAILQ_HEAD(worker_turns, lane);

enum {
	/*
	 * Handshakes that go on in one round of the loop. A step takes half a millisecond, and
	 * packets wait as long: docs/performance.md.
	 */
	WORKER_HANDSHAKES = 1,
};

struct worker;
/* Carries out one order on the worker's thread, and frees it. */
typedef void worker_deliver_fn(struct worker *worker, struct mail *mail);

struct worker {
	struct loop *loop;
	struct mailbox orders;                        /* from the main thread */
	worker_deliver_fn *deliver;                   /* carries out one order */
	struct mailbox *reports;                      /* to the main thread */
	uint8_t *stage;                               /* WORKER_STAGE_SIZE */
	uint8_t *received;                            /* WORKER_RECEIVE_SIZE */
	struct worker_buffers outputs;                /* free ones, WORKER_OUTPUT_SIZE each */
	struct worker_buffers plains;                 /* free ones, WORKER_PLAIN_SIZE each */
	struct flow_packets slots[WORKER_SLOT_SIZES]; /* free ones */
	struct worker_spare spare_outputs, spare_plains, spare_slots[WORKER_SLOT_SIZES];
	struct loop_timer spare;               /* runs while there are any */
	struct gather gathers[WORKER_GATHERS]; /* of the present burst from the peer */
	unsigned gather_turn;
	struct tun_batch *batch; /* NULL: the kernel, or its limits, have none */
	int batch_error;         /* why, as tun_batch_new() */
	struct worker_turns turns;
	struct loop_timer turn; /* runs while there are any: the next round takes some */
	size_t queue_count;     /* lanes that have a queue */
	/* Bytes that lanes have borrowed or queued; only the worker writes it. */
	_Atomic size_t kept;
	struct mail stop;
	unsigned index;
	unsigned lane_count; /* main thread: lanes that are not released */
	pthread_t thread;
};

/*
 * Main thread. Starts a worker, which calls `deliver` for each mail in `orders`. Borrowed:
 * `reports`, until worker_stop(). -ENOMEM, -EMFILE, -EAGAIN.
 */
int worker_start(unsigned index, struct mailbox *reports, worker_deliver_fn *deliver,
	struct worker **ret_worker);
/*
 * Main thread. Ends the thread when it has carried out all orders, and frees the worker. All lanes
 * must have been released. Accepts NULL.
 */
void worker_stop(struct worker *worker);

/* NULL: out of memory. Lends the buffer that was returned last, as it is still in the cache. */
struct worker_buffer *worker_borrow_output(struct worker *worker);
struct worker_buffer *worker_borrow_plain(struct worker *worker);
void worker_return_output(struct worker *worker, struct worker_buffer *buffer); /* accepts NULL */
void worker_return_plain(struct worker *worker, struct worker_buffer *buffer);

/*
 * A slot for a packet of `len` bytes (at most FRAME_PACKET_MAX) behind WORKER_SLOT_HEADROOM. NULL:
 * out of memory.
 */
struct flow_packet *worker_borrow_packet(struct worker *worker, size_t len);
void worker_return_packet(struct worker *worker, struct flow_packet *slot);

/* Counts bytes that a lane has queued in memory of its own; negative: bytes that it has freed. */
void worker_account(struct worker *worker, ptrdiff_t bytes);
bool worker_is_overdrawn(const struct worker *worker);
bool worker_is_short(const struct worker *worker); /* main thread; true: no new connection */

#endif
