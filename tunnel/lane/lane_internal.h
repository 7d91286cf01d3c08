/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_LANE_LANE_INTERNAL_H
#define CULVERT_LANE_LANE_INTERNAL_H

#include "base/rate.h"
#include "lane/flow_queue.h"
#include "lane/framer.h"
#include "lane/lane.h"
#include "lane/outflow.h"
#include "lane/pacing.h"
#include "lane/path_window.h"
#include "lane/silence.h"

/*
 * The inside of a lane, for lane*.c only. The worker's thread only, except for the counters and the
 * members marked "main thread". lane_life.c is the one writer of `state`.
 */

enum lane_state {
	LANE_HANDSHAKE, /* TLS only; nothing is parsed */
	LANE_CONTROL,   /* secured; control messages pass, packets are dropped and counted */
	LANE_CARRYING,  /* packets pass */
	LANE_FAULTED,   /* the peer broke the protocol; nothing is read, a goodbye may be sent */
	/* sends what waits, then waits for the peer to close; discards what arrives */
	LANE_DRAINING,
	LANE_CLOSED, /* ended() was reported */
};

enum {
	LANE_FLUSH_MS = 1000,     /* the longest that draining may take */
	LANE_IDLE_MS = 2000,      /* a lane without traffic for this long is not busy any more */
	LANE_BURST_US = 200000,   /* the longest burst that may wait in the queue */
	LANE_LOSSY_MS = 2000,     /* after a loss for this long its bursts may wait in the queue */
	LANE_UNDECIDED_TRIPS = 5, /* round trips in a burst until the path's losses are judged */
	/* On a lossy path with BBR so much is encrypted ahead: this share of the round trip, at most … */
	LANE_AHEAD_SHARE = 8,
	LANE_AHEAD_US = 5000,
	LANE_AHEAD_HELD_US = 500,  /* while what is under way is limited (lane/holding) */
	LANE_BULK_SHARE = 8,       /* bulk data: so many times what is received */
	LANE_LOST_MS = 5000,       /* so often netd is asked for a path that is not open any more */
	LANE_DOUBT_MS = 2000,      /* data unacknowledged for this long is in doubt */
	LANE_DOUBT_LOOK_MS = 100,  /* so often a lane near to that is looked at */
	LANE_DOUBT_SURE_MS = 1000, /* it has to be sent again for this long */
	/* Bytes of control messages that may wait for a peer that does not read. */
	LANE_CONTROL_QUEUE_MAX = 256 << 10,
	LANE_BURST_PACKETS = 4096,    /* the most read from TUN at once, even if all are dropped */
	LANE_CONTROL_PER_SECOND = 50, /* control messages taken from a peer, sustained … */
	LANE_CONTROL_BURST = 400, /* … and at once: all announcements of a new connection fit */
	/* One of so many bytes counts as one, a shorter one as its part, at least an eighth. */
	LANE_CONTROL_WHOLE = 4096,
	LANE_CONTROL_LEAST = 8,
	LANE_CONTROL_PAUSE_MS = 20, /* the shortest time that others wait */
};

/*
 * The result of a burst. A burst never ends the lane that it works on: lane_must_*() makes a
 * verdict, and every caller up to lane_life.c returns it. Only lane_life.c acts on it, once for
 * each wake-up. A caller that drops it would let a lane go on that cannot: the compiler refuses that.
 */
#define LANE_CHECKED __attribute__((warn_unused_result))

enum lane_verdict {
	LANE_GOES_ON = 0,
	LANE_SECURED, /* the handshake is done; data behind it is not read yet */
	LANE_FAULTS,  /* the peer broke the protocol: the owner sends a goodbye */
	LANE_DRAINS,  /* it ends when everything that waits, such as an alert, is sent */
	LANE_CLOSES,  /* it ends at once */
};

/* A control message that waits, for room in the output or for the main thread. */
struct lane_message {
	STAILQ_ENTRY(lane_message) link;
	size_t len;
	uint8_t data[];
};

enum lane_order_kind {
	LANE_ORDER_START,
	LANE_ORDER_ADMIT,
	LANE_ORDER_CONTROL,
	LANE_ORDER_CARRY,
	LANE_ORDER_CARRY_ON,
	LANE_ORDER_FILTER,
	LANE_ORDER_END,
	LANE_ORDER_CUT,
	LANE_ORDER_RELEASE,
};

struct lane_order {
	struct mail mail;
	enum lane_order_kind kind;
	struct lane *lane;
	union {
		struct mono deadline;
		struct lane_carry carry; /* owns a reference to its filter */
		struct filter *filter;   /* owns a reference */
		struct lane_message *message;
	};
};

enum lane_report_kind {
	LANE_REPORT_SECURED,
	LANE_REPORT_CONTROL,
	LANE_REPORT_FAULT,
	LANE_REPORT_DOUBT,
	LANE_REPORT_CONGESTION,
	LANE_REPORT_SILENT,
	LANE_REPORT_ENDED
};

struct lane_report {
	struct mail mail;
	enum lane_report_kind kind;
	struct lane *lane;
	union {
		struct {
			struct lane_peer peer;
			struct problem notice; /* tls_peer_notice() */
		} secured;
		struct {
			uint16_t code;
			struct problem problem;
		} fault;
		struct {
			enum lane_end end;
			struct problem problem;
		} ended;
		struct lane_congestion congestion;
		struct addr silent; /* this end of the path */
		size_t len;         /* of data */
	};
	uint8_t data[];
};

struct lane {
	struct lane_owner *owner; /* main thread */
	struct addr local;        /* main thread */
	int64_t valid_until;      /* main thread; of the peer, once secured */
	/* Made by the worker before it reports the lane secured, then the main thread's. */
	struct tls_peer_chain *chain;
	struct worker *worker;
	TAILQ_ENTRY(lane) turn; /* in worker->turns, while it waits */
	bool waits;             /* its handshake may go on; nothing is watched meanwhile */
	enum tls_role role;
	enum lane_state state;
	enum lane_verdict verdict; /* of this burst; ended_report has its reason */
	uint16_t fault_code;       /* of LANE_FAULTS: the code for the owner's goodbye */

	struct loop_watch socket_watch;
	struct loop_watch tun_watch; /* while it sends */
	int tun_fd;                  /* borrowed from the session; -1: it does not carry yet */
	bool discard;                /* from lane_carry, for the time when sending begins */
	bool many_paths;             /* MPTCP: the state of one path says little */
	struct loop_timer deadline;  /* of handshake and hello; later of draining */
	struct loop_timer idle;
	struct loop_timer path;  /* until the next look at the path */
	struct loop_timer paths; /* the same, at several (MPTCP) */
	struct silence silence;
	struct path_window window;
	struct loop_timer held; /* runs: the window is full, and is looked at again */
	/* Of lane_life, so that lane_queue need not call it. */
	void (*held_expired)(struct loop_timer *held);
	struct addr known[TCP_PATHS_MAX]; /* this end of each path that was open once */
	size_t known_count;
	struct mono lost_next; /* until it is looked whether they still are */
	bool one_path;         /* the kernel tells nothing of several */
	uint64_t idle_mark;    /* bytes carried when the idle timer last expired */
	bool busy;             /* packets have passed since the idle timer last stopped */

	struct tls *tls;
	const struct framer *framer;
	struct flow_queue *queue; /* packets that wait for the connection; NULL: none did lately */
	struct outflow outflow;
	struct congestion congestion;
	struct pacing pacing;
	uint64_t resent;         /* bytes, at the last look */
	uint64_t sent, received; /* the same */
	unsigned queued;         /* looks in a row that have shown a queue on the path */
	bool unexplained;        /* segments were lost, and no queue has stood since then */
	struct mono lossy_until;
	struct duration burst;                      /* may wait in the queue */
	bool looks_at_path;                         /* congestion = "auto" */
	bool chooses_congestion;                    /* the same, until the kernel refuses */
	char kernel_control[TCP_PATH_NAME_MAX + 1]; /* the congestion control it began with */
	size_t low_water;  /* the connection is "writable" with fewer unsent bytes */
	bool no_low_water; /* the socket has no such option */
	struct worker_buffer *output_buffer; /* borrowed while bytes wait to be sent */
	struct tls_output output;            /* writes to output_buffer */
	size_t output_sent;                  /* bytes of output that were sent */
	struct worker_buffer *plain;         /* borrowed while part of a frame waits for the rest */
	size_t plain_len;

	/* Control messages that wait for room in the output. */
	STAILQ_HEAD(, lane_message) messages;
	size_t messages_size;
	/* Those from the peer that exceed its budget. Nothing is read while there are any. */
	STAILQ_HEAD(, lane_message) unheard;
	struct rate control_rate;
	struct loop_timer unheard_timer; /* until the first may be heard */

	uint32_t offloads_read, offloads_send, offloads_accept;
	bool gro; /* gather segments on their way to TUN */
	struct filter *filter;

	bool finishing; /* tls_close() was called: nothing may be written any more */
	struct lane_order start_order, admit_order, end_order, cut_order,
		release_order;            /* parts of the lane, so that they cannot fail */
	struct lane_report *ended_report; /* gets the reason as soon as it is known */
	bool admit_ordered, end_ordered, cut_ordered, release_ordered; /* main thread */
	struct lane_counters counters;
};

/* lane.c */
/*
 * A report with room for `data_len` bytes. The lane owns it until it is posted. NULL: out of
 * memory.
 */
struct lane_report *lane_report_new(struct lane *lane, enum lane_report_kind kind, size_t data_len);
void lane_report_post(struct lane *lane, struct lane_report *report); /* takes the report */
/* Frees an order that was carried out. Does nothing with an order that is part of its lane. */
void lane_order_free(struct lane_order *order);

/* lane_verdict.c */
/*
 * The lane cannot go on. Stores the verdict and the reason in the lane, and returns the verdict for
 * the burst to return. The first verdict wins. Ends nothing and frees nothing. `text` is copied; it
 * may be NULL, except for a fault.
 */
LANE_CHECKED enum lane_verdict lane_must_fault(
	struct lane *lane, uint16_t goodbye_code, const char *text);
LANE_CHECKED enum lane_verdict lane_must_drain(
	struct lane *lane, enum lane_end end, const char *text);
LANE_CHECKED enum lane_verdict lane_must_close(
	struct lane *lane, enum lane_end end, const char *text);

static inline void lane_drop(struct lane *lane, enum drop_reason reason)
{
	counter_add(&lane->counters.drops[reason], 1);
}

/*
 * True: the interface leaves work open that the peer does not accept, so this end cuts
 * superpackets.
 */
static inline bool lane_cuts(const struct lane *lane)
{
	return (lane->offloads_read & ~lane->offloads_send) != 0;
}

/* lane_path.c */
void lane_path_limit(struct lane *lane, struct duration dead_after);
/* When to look again, in ms, since sent data is not acknowledged yet; 0: all is. */
unsigned lane_path_look(struct lane *lane);
/* Looks for silent paths from now on, if the lane is busy and may have several. Idempotent. */
void lane_path_watch(struct lane *lane);
/* Of several paths (MPTCP): so much is on its way that the connection should get no more now. */
bool lane_path_is_full(const struct lane *lane);
/* A path from this address is open: it will be asked for when it is lost. */
void lane_path_know(struct lane *lane, const struct addr *local);

/* lane_congestion.c */
/* Once, when the lane begins to carry. */
void lane_congestion_begin(struct lane *lane, bool choose);
/* Looks at the path once: changes the congestion control and reports that, if it has to. */
void lane_congestion_look(struct lane *lane);
/* Looks at the path from now on, if the lane is to and is busy. Idempotent. */
void lane_congestion_watch(struct lane *lane);

/* lane_tun.c */
LANE_CHECKED enum lane_verdict lane_send_tun(struct lane *lane); /* sends one burst from TUN */
/* Drops and counts packets of the time before this connection. */
void lane_discard_tun(struct lane *lane);

/* lane_queue.c */
/* Encrypts packets of the queue, about a millisecond's worth. */
LANE_CHECKED enum lane_verdict lane_queue_write(struct lane *lane);
/* True: the connection should get more now. False may start the timer `held`. */
bool lane_queue_has_room(struct lane *lane);
/* Measures how fast the connection takes data. `full`: it has not taken all. */
void lane_queue_watch(struct lane *lane, bool full);

/* lane_output.c */
bool lane_has_backlog(const struct lane *lane); /* true: the connection has not taken all yet */
/* True: more is to be sent than the connection has taken. */
static inline bool lane_packets_wait(const struct lane *lane)
{
	return lane_has_backlog(lane) || !flow_queue_is_empty(lane->queue);
}
/* LANE_GOES_ON: the lane has an output buffer. */
LANE_CHECKED enum lane_verdict lane_output_borrow(struct lane *lane);
/*
 * Sends the buffer's content. -EAGAIN: the socket is full. Other negative errno: the connection
 * failed.
 */
int lane_output_send(struct lane *lane);
void lane_output_return(struct lane *lane); /* returns the buffer and discards its content */

/* lane_send.c */
/* Sends what waits, and encrypts more. */
LANE_CHECKED enum lane_verdict lane_flush(struct lane *lane);
/* Takes the message. */
LANE_CHECKED enum lane_verdict lane_send_message(struct lane *lane, struct lane_message *message);
void lane_free_messages(struct lane *lane);

/* lane_deliver.c */
/* Writes a packet from the peer to TUN, at once or in lane_deliver_rest(), which ends the burst. */
void lane_deliver(
	struct lane *lane, const struct vnet *vnet, const struct packet *packet, uint8_t *data);
void lane_deliver_rest(struct lane *lane);

/* lane_hear.c: control messages from the peer */
LANE_CHECKED enum lane_verdict lane_hear_message(struct lane *lane, const struct view *payload);
bool lane_hears_late(const struct lane *lane); /* true: some wait, and nothing is to be read */
/* Passes on those that wait, as the budget allows. */
LANE_CHECKED enum lane_verdict lane_hear_late(struct lane *lane);
struct mono lane_hears_next(struct lane *lane); /* when to call lane_hear_late() */
void lane_hear_nothing(struct lane *lane);      /* drops those that wait */

/* lane_receive.c */
/* Continues the handshake with the data that was fed. */
LANE_CHECKED enum lane_verdict lane_handshake_step(struct lane *lane);
/* Reads one burst from the socket. */
LANE_CHECKED enum lane_verdict lane_receive(struct lane *lane);
/* Decrypts the data that was fed, and takes its frames. */
LANE_CHECKED enum lane_verdict lane_read_records(struct lane *lane);
/* Draining: discards what arrives. */
LANE_CHECKED enum lane_verdict lane_discard(struct lane *lane);

#endif
