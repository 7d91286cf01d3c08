/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_WIRE_PIECES_H
#define CULVERT_WIRE_PIECES_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "wire/message.h"

/*
 * Puts together what came in pieces (struct message_piece). It holds one thing at a time and
 * allocates no more than the caller's limit, so that is what a peer can make this end keep. One
 * owner; not thread-safe.
 */

struct pieces {
	uint8_t *data; /* owned; NULL: nothing has begun */
	uint32_t number, total, have;
};

/*
 * Takes a piece. `number` tells two things apart. A piece at offset 0 begins a new one and drops
 * what was there. 1: complete, and the caller may read data and total until the next call; 0: more
 * have to come. -EBADMSG: it does not continue what is there, which is dropped. -EFBIG: its total
 * is above `max`. -ENOMEM.
 */
int pieces_take(
	struct pieces *pieces, uint32_t number, const struct message_piece *piece, uint32_t max);
void pieces_drop(struct pieces *pieces); /* frees what is there */

/* Cuts the piece at this offset, which is below whole->len. */
void pieces_cut(const struct view *whole, uint32_t offset, struct message_piece *ret_piece);

#endif
