/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_LANE_TUN_BATCH_H
#define CULVERT_LANE_TUN_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/vnet.h"

/*
 * Many small packets from or to a TUN queue with one system call (system/aio.h); read() and write()
 * move one. Besides the calls themselves that saves wake-ups. Each packet that is written wakes up
 * the program that waits for it. On a kernel without full preemption that program cannot run on our
 * processor before the call ends, so it finds many packets, instead of one each time.
 *
 * Packets are read to slots and copied from there to their place: worth it for small ones only.
 * One batch serves all lanes of a worker, on its thread, and is empty between two bursts.
 */

enum {
	TUN_BATCH_READS = 32,
	TUN_BATCH_WRITES = 64,
	/* Bytes; a longer packet is better read or written alone. A read can still bring one. */
	TUN_BATCH_SMALL = 2048,
};

struct tun_batch;

/* Fails as aio_new(). Without a batch each packet takes a system call of its own. */
int tun_batch_new(struct tun_batch **ret_batch);
void tun_batch_free(struct tun_batch *batch); /* accepts NULL */

/*
 * Reads up to `count` packets (1 to TUN_BATCH_READS). Returns how many came. *ret_more: 1: there
 * may be more; 0: the queue is empty; negative errno: TUN is gone.
 */
size_t tun_batch_read(struct tun_batch *batch, int fd, size_t count, int *ret_more);
/*
 * The packet of that index, below the number that the last read returned; its offload header is in
 * the VNET_SIZE bytes in front. *ret_len: bytes of header and packet, as read. Valid until the next
 * read.
 */
uint8_t *tun_batch_packet(struct tun_batch *batch, size_t index, size_t *ret_len);

struct tun_batch_written {
	uint64_t packets, bytes; /* of the packets that the kernel took */
	uint64_t refused;        /* packets */
};

/* Puts a packet into the batch, which must not be full. Borrows `data` until tun_batch_write(). */
void tun_batch_put(struct tun_batch *batch, const struct vnet *vnet, uint8_t *data, size_t len);
bool tun_batch_is_full(const struct tun_batch *batch);
bool tun_batch_is_empty(const struct tun_batch *batch);
/* Writes the packets in the order in which they were put. The batch is empty then. */
struct tun_batch_written tun_batch_write(struct tun_batch *batch, int fd);

#endif
