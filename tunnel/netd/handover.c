/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error_text.h"
#include "system/ipc.h"

/*
 * The first datagram has the memfd, and each of the next up to CHUNK descriptors. A datagram's bytes
 * are the number of descriptors that follow it, so that a missing one is noticed.
 */

enum {
	CHUNK = 60,                     /* one datagram's; ipc takes a few more */
	QUEUE_BYTES = 16 * 1024 * 1024, /* room for the datagrams of all interfaces */
	BYTES_MAX = 256 * 1024 * 1024,  /* of the memfd */
	FDS_MAX = 1024 * 1024,
};

static const int seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK;

/* ---- packing ---- */

static int send_all(int fd, int memfd, const int *fds, size_t count)
{
	uint32_t left = (uint32_t)count;
	int r = ipc_send(fd, &left, sizeof(left), &memfd, 1);

	while (r == 0 && left > 0) {
		size_t here = left < CHUNK ? left : CHUNK;

		left -= (uint32_t)here;
		r = ipc_send(fd, &left, sizeof(left), fds, here);
		fds += here;
	}
	return r;
}

static int pack(const struct bequest *bequest, int memfd, int *ret_fd)
{
	const int bytes = QUEUE_BYTES;
	size_t count = bequest_count_fds(bequest);
	int *fds = calloc(count + 1, sizeof(*fds));
	int pair[2], r = fds ? ipc_pair(pair) : -ENOMEM;

	if (r < 0) {
		free(fds);
		return r;
	}
	bequest_list_fds(bequest, fds);
	(void)setsockopt(pair[1], SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
	r = send_all(pair[1], memfd, fds, count);
	/* What was sent stays in the queue of the other end. */
	close(pair[1]);
	free(fds);
	if (r < 0)
		close(pair[0]);
	else
		*ret_fd = pair[0];
	return r;
}

int handover_pack(const struct bequest *bequest, int *ret_fd, struct problem *problem)
{
	uint8_t *data = NULL;
	size_t len = 0;
	int memfd = -1;
	int r = bequest_write(bequest, &data, &len);

	if (r == 0)
		r = ipc_seal("bequest", data, len, &memfd);
	free(data);
	if (r == 0)
		r = pack(bequest, memfd, ret_fd);
	if (memfd >= 0)
		close(memfd);
	if (r < 0)
		problem_set(problem, "cannot pack what the next run needs: %s", error_text(r));
	return r;
}

/* ---- unpacking ---- */

struct parcel {
	int memfd;
	int *fds;
	size_t count, expected;
};

static void discard(struct parcel *parcel)
{
	for (size_t i = 0; i < parcel->count; i++)
		close(parcel->fds[i]);
	free(parcel->fds);
	if (parcel->memfd >= 0)
		close(parcel->memfd);
}

static int receive_first(int fd, struct parcel *parcel)
{
	uint32_t expected = 0;
	size_t len = 0, got = 0;
	int r = ipc_receive(fd, &expected, sizeof(expected), &len, &parcel->memfd, 1, &got);

	if (r == -EAGAIN || r == -EPIPE)
		return -ENODATA;
	if (r < 0)
		return r;
	if (got != 1)
		parcel->memfd = -1;
	if (got != 1 || len != sizeof(expected) || expected > FDS_MAX)
		return -EINVAL;
	parcel->expected = expected;
	parcel->fds = calloc((size_t)expected + 1, sizeof(*parcel->fds));
	return parcel->fds ? 0 : -ENOMEM;
}

static int receive_chunk(int fd, struct parcel *parcel)
{
	size_t left = parcel->expected - parcel->count, here = left < CHUNK ? left : CHUNK;
	uint32_t after = 0;
	size_t len = 0, got = 0;
	int r = ipc_receive(
		fd, &after, sizeof(after), &len, &parcel->fds[parcel->count], here, &got);

	if (r < 0)
		return r == -EAGAIN || r == -EPIPE ? -EINVAL : r;
	parcel->count += got;
	if (got == 0) /* it came without them: this process has no room */
		return -EMFILE;
	return got == here && len == sizeof(after) && after == left - here ? 0 : -EINVAL;
}

static int receive_all(int fd, struct parcel *parcel)
{
	int r = receive_first(fd, parcel);

	while (r == 0 && parcel->count < parcel->expected)
		r = receive_chunk(fd, parcel);
	return r;
}

static int read_sealed(
	const struct parcel *parcel, struct bequest **ret_bequest, struct problem *problem)
{
	struct stat st;
	int has = fcntl(parcel->memfd, F_GET_SEALS), r;
	void *data;

	if (has < 0 || (has & seals) != seals || fstat(parcel->memfd, &st) < 0 ||
		!S_ISREG(st.st_mode) || st.st_size <= 0 || st.st_size > BYTES_MAX) {
		problem_set(problem, "it cannot be read: %s", error_text(-EINVAL));
		return -EINVAL;
	}
	data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, parcel->memfd, 0);
	if (data == MAP_FAILED) {
		r = -errno;
		problem_set(problem, "it cannot be read: %s", error_text(r));
		return r;
	}
	r = bequest_read(
		data, (size_t)st.st_size, parcel->fds, parcel->count, ret_bequest, problem);
	(void)munmap(data, (size_t)st.st_size);
	return r;
}

int handover_unpack(int fd, struct bequest **ret_bequest, struct problem *problem)
{
	struct parcel parcel = { .memfd = -1 };
	int r = receive_all(fd, &parcel);

	if (r < 0)
		problem_set(problem, "it cannot be received: %s", error_text(r));
	else
		r = read_sealed(&parcel, ret_bequest, problem);
	if (r == 0)
		parcel.count = 0; /* the bequest has them */
	discard(&parcel);
	return r;
}
