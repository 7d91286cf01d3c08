/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A BIO over the memory that the owner of a tls object provides. Reads take the bytes fed last;
 * writes go to the output buffer up to its capacity. When bytes or room run out, the BIO asks
 * OpenSSL to retry later, which tls.c turns into -EAGAIN or -ENOBUFS.
 *
 * OpenSSL calls it inside the calls of tls.c, on their thread.
 */
#include "system/tls_internal.h"

#include <errno.h>

#include <openssl/bio.h>

static int bio_read(BIO *bio, char *data, size_t len, size_t *ret_len)
{
	struct tls *tls = BIO_get_data(bio);
	size_t left = reader_left(&tls->input);
	size_t take = left < len ? left : len;

	BIO_clear_retry_flags(bio);
	if (tls->flooded)
		return 0; /* no retry: SSL_read returns at once */
	if (take == 0 || reader_copy(&tls->input, data, take) != 0) {
		BIO_set_retry_read(bio);
		return 0;
	}
	*ret_len = take;
	return 1;
}

static int bio_write(BIO *bio, const char *data, size_t len, size_t *ret_len)
{
	struct tls *tls = BIO_get_data(bio);
	struct tls_output *output = tls->output;
	struct writer writer;
	size_t room = output ? output->capacity - output->len : 0;
	size_t take = room < len ? room : len;

	BIO_clear_retry_flags(bio);
	if (take == 0) {
		BIO_set_retry_write(bio);
		return 0;
	}
	writer_init(&writer, output->data, output->capacity);
	writer.len = output->len;
	if (writer_copy(&writer, data, take) != 0)
		return 0;
	output->len = writer.len;
	*ret_len = take;
	return 1;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
	(void)bio;
	(void)number;
	(void)pointer;
	return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static int bio_create(BIO *bio)
{
	BIO_set_init(bio, 1);
	return 1;
}

BIO_METHOD *tls_bio_method_new(void)
{
	/* No index of its own: BIO_get_new_index(3) has only 127, and contexts come and go. */
	BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "culvert memory");

	if (method && BIO_meth_set_create(method, bio_create) == 1 &&
		BIO_meth_set_read_ex(method, bio_read) == 1 &&
		BIO_meth_set_write_ex(method, bio_write) == 1 &&
		BIO_meth_set_ctrl(method, bio_control) == 1)
		return method;
	BIO_meth_free(method);
	return NULL;
}

int tls_bio_attach(struct tls *tls)
{
	BIO *bio = BIO_new(tls->context->bio_method);

	if (!bio)
		return -ENOMEM;
	BIO_set_data(bio, tls);
	SSL_set_bio(tls->ssl, bio, bio);
	return 0;
}
