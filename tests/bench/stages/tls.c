/* SPDX-License-Identifier: Apache-2.0 */
/* The record path: bytes into TLS records and out of them, without a network. */
#include "base/array.h"
#include "system/tls.h"

#include "connection.h"
#include "lane/worker.h"
#include "samples.h"
#include "stage.h"

static struct connection connection;
static size_t plain_len, record_len;
static uint8_t plain[WORKER_PLAIN_SIZE];

static void prepare_write(const struct stage *stage, size_t count)
{
	(void)count;
	plain_len = stage->size;
	connection_open(&connection, TLS_OUTPUT_HANDSHAKE);
}

static void run_write(size_t count)
{
	int r = 0;

	for (size_t i = 0; i < count; i++) {
		connection.output.len = 0;
		r |= tls_write(connection.client, plain, plain_len);
	}
	stage_require(r == 0 && connection.output.len > plain_len, "a record is written");
}

/* The output has all records to read. */
static void prepare_read(const struct stage *stage, size_t count)
{
	int r = 0;

	plain_len = stage->size;
	connection_open(
		&connection, TLS_OUTPUT_HANDSHAKE + count * (plain_len + TLS_RECORD_OVERHEAD));
	for (size_t i = 0; i < count; i++)
		r |= tls_write(connection.client, plain, plain_len);
	stage_require(r == 0, "records are written");
	record_len = connection.output.len / count;
}

/* As many records at a time as one recv() of a lane returns. */
static void run_read(size_t count)
{
	size_t most = WORKER_RECEIVE_SIZE / record_len, read = 0;
	struct problem problem = { 0 };

	while (read < count) {
		size_t records = count - read < most ? count - read : most, left, got;

		tls_feed(connection.server, connection.output.data + read * record_len,
			records * record_len);
		for (left = records * plain_len; left > 0; left -= got)
			if (tls_read(connection.server, plain, sizeof(plain), &got, &problem) < 0)
				stage_require(false, problem.text);
		read += records;
	}
}

static void finish(void)
{
	connection_close(&connection);
}

static const struct stage stages[] = {
	{ "tls-write-full", "a full record of 16,384 bytes", true, prepare_write, run_write, finish,
		0, TLS_RECORD_MAX },
	{ "tls-write-1400", "a record of 1,400 bytes", true, prepare_write, run_write, finish, 0,
		1400 },
	{ "tls-write-64", "a record of 64 bytes", true, prepare_write, run_write, finish, 0, 64 },
	{ "tls-read-full", "a full record of 16,384 bytes, one of many that came at once", true,
		prepare_read, run_read, finish, 0, TLS_RECORD_MAX },
	{ "tls-read-1400", "a record of 1,400 bytes, one of many", true, prepare_read, run_read,
		finish, 0, 1400 },
	{ "tls-read-64", "a record of 64 bytes, one of many", true, prepare_read, run_read, finish,
		0, 64 },
};

const struct stage_group tls_stages = { stages, ARRAY_SIZE(stages) };
