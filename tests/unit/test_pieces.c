/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/pieces.h"

#include <errno.h>
#include <string.h>

#include "unit.h"

enum { LEN = 2 * MESSAGE_PIECE_MAX + 100 };

static uint8_t bytes[LEN];
static struct view whole = { .data = bytes, .len = LEN };
static struct pieces pieces;

static void setup(void)
{
	for (size_t i = 0; i < LEN; i++)
		bytes[i] = (uint8_t)(i * 7);
	pieces = (struct pieces){ .data = NULL };
}

static void teardown(void)
{
	pieces_drop(&pieces);
}

static int take(uint32_t number, uint32_t offset)
{
	struct message_piece piece;

	pieces_cut(&whole, offset, &piece);
	return pieces_take(&pieces, number, &piece, LEN);
}

START_TEST(what_was_cut_comes_together)
{
	for (int round = 0; round < 2; round++) {
		ck_assert_int_eq(take(1, 0), 0);
		ck_assert_int_eq(take(1, MESSAGE_PIECE_MAX), 0);
		ck_assert_int_eq(take(1, 2 * MESSAGE_PIECE_MAX), 1);
		ck_assert_uint_eq(pieces.total, LEN);
		ck_assert_mem_eq(pieces.data, bytes, LEN);
	}
}
END_TEST

START_TEST(a_gap_a_repetition_or_another_number_ends_it)
{
	ck_assert_int_eq(take(1, MESSAGE_PIECE_MAX), -EBADMSG);
	ck_assert_int_eq(take(1, 0), 0);
	ck_assert_int_eq(take(1, 2 * MESSAGE_PIECE_MAX), -EBADMSG);
	ck_assert_ptr_null(pieces.data);
	ck_assert_int_eq(take(1, 0), 0);
	ck_assert_int_eq(take(2, MESSAGE_PIECE_MAX), -EBADMSG);
	ck_assert_int_eq(take(1, 0), 0);
	ck_assert_int_eq(take(1, MESSAGE_PIECE_MAX), 0);
	ck_assert_int_eq(take(1, MESSAGE_PIECE_MAX), -EBADMSG);
	/* A new beginning drops what was there. */
	ck_assert_int_eq(take(1, 0), 0);
	ck_assert_int_eq(take(3, 0), 0);
	ck_assert_int_eq(take(3, MESSAGE_PIECE_MAX), 0);
	ck_assert_int_eq(take(3, 2 * MESSAGE_PIECE_MAX), 1);
}
END_TEST

START_TEST(no_more_than_the_limit_is_kept)
{
	struct message_piece piece;

	pieces_cut(&whole, 0, &piece);
	ck_assert_int_eq(pieces_take(&pieces, 1, &piece, LEN - 1), -EFBIG);
	ck_assert_ptr_null(pieces.data);
	piece.len = 0;
	ck_assert_int_eq(pieces_take(&pieces, 1, &piece, LEN), -EBADMSG);
	piece = (struct message_piece){ .total = 4, .len = 5 };
	ck_assert_int_eq(pieces_take(&pieces, 1, &piece, LEN), -EBADMSG);
	piece = (struct message_piece){ .total = 4, .offset = UINT32_MAX, .len = 5 };
	ck_assert_int_eq(pieces_take(&pieces, 1, &piece, LEN), -EBADMSG);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { what_was_cut_comes_together,
		a_gap_a_repetition_or_another_number_ends_it, no_more_than_the_limit_is_kept };

	return unit_suite("pieces", setup, teardown, tests, ARRAY_SIZE(tests));
}

int main(void)
{
	return unit_run("pieces", suite());
}
