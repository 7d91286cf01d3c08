/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/pieces.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void pieces_drop(struct pieces *pieces)
{
	if (pieces->data)
		explicit_bzero(pieces->data, pieces->total);
	free(pieces->data);
	*pieces = (struct pieces){ .data = NULL };
}

static int begin(struct pieces *pieces, uint32_t number, uint32_t total, uint32_t max)
{
	pieces_drop(pieces);
	if (total > max)
		return -EFBIG;
	pieces->data = malloc(total);
	if (!pieces->data)
		return -ENOMEM;
	pieces->number = number;
	pieces->total = total;
	return 0;
}

int pieces_take(
	struct pieces *pieces, uint32_t number, const struct message_piece *piece, uint32_t max)
{
	int r = 0;

	if (piece->len == 0 || piece->offset > piece->total ||
		piece->len > piece->total - piece->offset)
		return -EBADMSG;
	if (piece->offset == 0)
		r = begin(pieces, number, piece->total, max);
	else if (!pieces->data || number != pieces->number || piece->total != pieces->total ||
		piece->offset != pieces->have)
		r = -EBADMSG;
	if (r < 0) {
		pieces_drop(pieces);
		return r;
	}
	memcpy(&pieces->data[piece->offset], piece->data, piece->len);
	pieces->have += piece->len;
	return pieces->have == pieces->total;
}

void pieces_cut(const struct view *whole, uint32_t offset, struct message_piece *ret_piece)
{
	size_t left = whole->len - offset;

	ret_piece->total = (uint32_t)whole->len;
	ret_piece->offset = offset;
	ret_piece->len = (uint16_t)(left < MESSAGE_PIECE_MAX ? left : MESSAGE_PIECE_MAX);
	memcpy(ret_piece->data, &whole->data[offset], ret_piece->len);
}
