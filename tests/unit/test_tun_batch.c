/* SPDX-License-Identifier: Apache-2.0 */
/* Many packets of a TUN queue at once. A pair of sockets that keep messages apart stands for it. */
#include "lane/tun_batch.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "unit.h"
#include "wire/frame.h"

enum { KERNEL, OURS }; /* the ends */

static struct tun_batch *batch;
static int ends[2];

static void set_up(void)
{
	int size = 1 << 20;

	ck_assert_int_eq(tun_batch_new(&batch), 0);
	ck_assert_int_eq(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
	for (int i = 0; i < 2; i++)
		setsockopt(ends[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

static void tear_down(void)
{
	close(ends[KERNEL]);
	close(ends[OURS]);
	tun_batch_free(batch);
}

static void make_packet(uint8_t *packet, size_t len, unsigned number)
{
	for (size_t i = 0; i < len; i++)
		packet[i] = (uint8_t)(number * 7 + i);
}

/* The offload header of that number, as bytes. */
static void make_header(uint8_t header[VNET_SIZE], unsigned number)
{
	const struct vnet vnet = { .gso_size = (uint16_t)number };
	struct writer writer;

	writer_init(&writer, header, VNET_SIZE);
	ck_assert_int_eq(vnet_encode(&writer, &vnet), 0);
}

static void kernel_sends(size_t len, unsigned number)
{
	static uint8_t packet[FRAME_PACKET_MAX];
	uint8_t header[VNET_SIZE];
	struct iovec parts[2] = { { header, VNET_SIZE }, { packet, len } };

	make_header(header, number);
	make_packet(packet, len, number);
	ck_assert_int_eq(writev(ends[KERNEL], parts, 2), (ssize_t)(VNET_SIZE + len));
}

static void expect_packet(size_t index, size_t len, unsigned number)
{
	static uint8_t packet[FRAME_PACKET_MAX];
	uint8_t header[VNET_SIZE];
	size_t got;
	const uint8_t *at = tun_batch_packet(batch, index, &got);

	make_header(header, number);
	make_packet(packet, len, number);
	ck_assert_uint_eq(got, VNET_SIZE + len);
	ck_assert_mem_eq(at - VNET_SIZE, header, VNET_SIZE);
	ck_assert_mem_eq(at, packet, len);
}

START_TEST(reads_what_is_there)
{
	int more;

	for (unsigned count = 0; count <= TUN_BATCH_READS; count++) {
		for (unsigned i = 0; i < count; i++)
			kernel_sends(20 + i * 40, i);
		ck_assert_uint_eq(tun_batch_read(batch, ends[OURS], TUN_BATCH_READS, &more), count);
		ck_assert_int_eq(more, count == TUN_BATCH_READS);
		for (unsigned i = 0; i < count; i++)
			expect_packet(i, 20 + i * 40, i);
	}
}
END_TEST

START_TEST(reads_no_more_than_wanted)
{
	int more;

	for (unsigned i = 0; i < 10; i++)
		kernel_sends(100, i);
	ck_assert_uint_eq(tun_batch_read(batch, ends[OURS], 4, &more), 4);
	ck_assert_int_eq(more, 1);
	expect_packet(3, 100, 3);
	ck_assert_uint_eq(tun_batch_read(batch, ends[OURS], 1, &more), 1);
	ck_assert_int_eq(more, 1);
	expect_packet(0, 100, 4);
	ck_assert_uint_eq(tun_batch_read(batch, ends[OURS], TUN_BATCH_READS, &more), 5);
	ck_assert_int_eq(more, 0);
	expect_packet(4, 100, 9);
}
END_TEST

/* A slot is no smaller for being meant for small ones. */
START_TEST(reads_long_ones_whole)
{
	int more;

	kernel_sends(64, 1);
	kernel_sends(FRAME_PACKET_MAX, 2);
	kernel_sends(FRAME_PACKET_MAX, 3);
	kernel_sends(64, 4);
	ck_assert_uint_eq(tun_batch_read(batch, ends[OURS], 8, &more), 4);
	ck_assert_int_eq(more, 0);
	expect_packet(0, 64, 1);
	expect_packet(1, FRAME_PACKET_MAX, 2);
	expect_packet(2, FRAME_PACKET_MAX, 3);
	expect_packet(3, 64, 4);
}
END_TEST

START_TEST(tells_that_it_is_gone)
{
	int pipes[2], more;

	ck_assert_int_eq(pipe(pipes), 0);
	ck_assert_uint_eq(tun_batch_read(batch, pipes[1], 8, &more), 0);
	ck_assert_int_eq(more, -EBADF);
	close(pipes[0]);
	close(pipes[1]);
}
END_TEST

START_TEST(writes_in_order)
{
	static uint8_t packets[TUN_BATCH_WRITES][1500];
	uint8_t got[VNET_SIZE + sizeof(packets[0])], header[VNET_SIZE];
	uint64_t bytes = 0;

	ck_assert(tun_batch_is_empty(batch));
	for (unsigned i = 0; i < TUN_BATCH_WRITES; i++) {
		const struct vnet vnet = { .gso_size = (uint16_t)i };
		ck_assert(!tun_batch_is_full(batch));
		make_packet(packets[i], 20 + i, i);
		tun_batch_put(batch, &vnet, packets[i], 20 + i);
		bytes += 20 + i;
	}
	ck_assert(tun_batch_is_full(batch));
	ck_assert_int_eq(recv(ends[KERNEL], got, sizeof(got), 0), -1);
	struct tun_batch_written written = tun_batch_write(batch, ends[OURS]);
	ck_assert_uint_eq(written.packets, TUN_BATCH_WRITES);
	ck_assert_uint_eq(written.bytes, bytes);
	ck_assert_uint_eq(written.refused, 0);
	ck_assert(tun_batch_is_empty(batch));
	for (unsigned i = 0; i < TUN_BATCH_WRITES; i++) {
		ck_assert_int_eq(recv(ends[KERNEL], got, sizeof(got), 0), VNET_SIZE + 20 + i);
		make_header(header, i);
		ck_assert_mem_eq(got, header, VNET_SIZE);
		ck_assert_mem_eq(&got[VNET_SIZE], packets[i], 20 + i);
	}
}
END_TEST

START_TEST(counts_what_is_refused)
{
	static uint8_t packet[8 << 20]; /* the middle one is too long for the socket */
	const struct vnet none = { 0 };

	tun_batch_put(batch, &none, packet, 40);
	tun_batch_put(batch, &none, packet, sizeof(packet));
	tun_batch_put(batch, &none, packet, 50);
	struct tun_batch_written written = tun_batch_write(batch, ends[OURS]);
	ck_assert_uint_eq(written.packets, 2);
	ck_assert_uint_eq(written.bytes, 90);
	ck_assert_uint_eq(written.refused, 1);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { reads_what_is_there, reads_no_more_than_wanted,
		reads_long_ones_whole, tells_that_it_is_gone, writes_in_order,
		counts_what_is_refused };

	return unit_suite("tun_batch", set_up, tear_down, tests, ARRAY_SIZE(tests));
}

int main(void)
{
	return unit_run("tun_batch", suite());
}
