/* SPDX-License-Identifier: Apache-2.0 */
#include "lane/tun_batch.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>

#include "base/bytes.h"
#include "system/aio.h"
#include "wire/frame.h"

enum {
	/*
	 * A slot holds any packet. Only the memory that packets have reached is ever in use. The
	 * odd size keeps the slots' beginnings from sharing the same lines of the cache.
	 */
	SLOT_SIZE = VNET_SIZE + FRAME_PACKET_MAX + 1024 + 64,
	WRITE_PARTS = 2, /* header, packet */
};

static_assert((int)TUN_BATCH_READS <= (int)AIO_MOST && (int)TUN_BATCH_WRITES <= (int)AIO_MOST,
	"a batch is one system call");

struct tun_write {
	uint8_t header[VNET_SIZE];
	struct iovec parts[WRITE_PARTS];
};

struct tun_batch {
	struct aio *aio;
	uint8_t *slots;
	struct iovec read_parts[TUN_BATCH_READS];
	struct aio_transfer reads[TUN_BATCH_READS];
	struct iovec came[TUN_BATCH_READS]; /* the packets of the last read */
	struct tun_write writes[TUN_BATCH_WRITES];
	struct aio_transfer written[TUN_BATCH_WRITES];
	size_t write_count;
};

int tun_batch_new(struct tun_batch **ret_batch)
{
	struct tun_batch *batch = calloc(1, sizeof(*batch));
	int r = -ENOMEM;

	if (!batch)
		return r;
	batch->slots = malloc((size_t)TUN_BATCH_READS * SLOT_SIZE);
	if (batch->slots)
		r = aio_new(&batch->aio);
	if (r < 0) {
		tun_batch_free(batch);
		return r;
	}
	for (size_t i = 0; i < TUN_BATCH_READS; i++) {
		batch->read_parts[i] = (struct iovec){ .iov_base = &batch->slots[i * SLOT_SIZE],
			.iov_len = VNET_SIZE + FRAME_PACKET_MAX };
		batch->reads[i] = (struct aio_transfer){ .parts = &batch->read_parts[i],
			.count = 1 };
	}
	for (size_t i = 0; i < TUN_BATCH_WRITES; i++)
		batch->written[i] = (struct aio_transfer){ .parts = batch->writes[i].parts,
			.count = WRITE_PARTS };
	*ret_batch = batch;
	return 0;
}

void tun_batch_free(struct tun_batch *batch)
{
	if (!batch)
		return;
	aio_free(batch->aio);
	free(batch->slots);
	free(batch);
}

size_t tun_batch_read(struct tun_batch *batch, int fd, size_t count, int *ret_more)
{
	size_t came = 0;

	*ret_more = 1;
	aio_read(batch->aio, fd, batch->reads, count);
	/* A packet may have come behind the read that found none. */
	for (size_t i = 0; i < count; i++) {
		ssize_t n = batch->reads[i].result;
		if (n > 0)
			batch->came[came++] = (struct iovec){
				.iov_base = batch->read_parts[i].iov_base, .iov_len = (size_t)n
			};
		else if (n == 0 || n == -EAGAIN || n == -EINTR)
			*ret_more = *ret_more < 0 ? *ret_more : 0;
		else
			*ret_more = (int)n;
	}
	return came;
}

uint8_t *tun_batch_packet(struct tun_batch *batch, size_t index, size_t *ret_len)
{
	uint8_t *header = batch->came[index].iov_base;

	*ret_len = batch->came[index].iov_len;
	return header + VNET_SIZE;
}

void tun_batch_put(struct tun_batch *batch, const struct vnet *vnet, uint8_t *data, size_t len)
{
	struct tun_write *write = &batch->writes[batch->write_count++];
	struct writer writer;

	writer_init(&writer, write->header, sizeof(write->header));
	(void)vnet_encode(&writer, vnet); /* there is room */
	write->parts[0] = (struct iovec){ .iov_base = write->header, .iov_len = VNET_SIZE };
	write->parts[1] = (struct iovec){ .iov_base = data, .iov_len = len };
}

bool tun_batch_is_full(const struct tun_batch *batch)
{
	return batch->write_count == TUN_BATCH_WRITES;
}

bool tun_batch_is_empty(const struct tun_batch *batch)
{
	return batch->write_count == 0;
}

struct tun_batch_written tun_batch_write(struct tun_batch *batch, int fd)
{
	struct tun_batch_written written = { 0 };

	aio_write(batch->aio, fd, batch->written, batch->write_count);
	for (size_t i = 0; i < batch->write_count; i++) {
		if (batch->written[i].result < 0) {
			written.refused++;
			continue;
		}
		written.packets++;
		written.bytes += batch->writes[i].parts[1].iov_len;
	}
	batch->write_count = 0;
	return written;
}
