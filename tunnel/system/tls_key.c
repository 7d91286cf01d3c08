/* SPDX-License-Identifier: Apache-2.0 */
#include "system/tls_key.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "system/tls_internal.h"

/* A passphrase to offer to OpenSSL, and whether OpenSSL asked for it. */
struct offer {
	const char *passphrase; /* NULL: none */
	bool asked;
};

BIO *tls_view_bio(const struct view *view)
{
	static const char mark[] = "\xef\xbb\xbf"; /* of UTF-8, which some editors write */
	size_t skip = view->len >= 3 && memcmp(view->data, mark, 3) == 0 ? 3 : 0;

	return view->len > skip && view->len <= INT_MAX
		? BIO_new_mem_buf(&view->data[skip], (int)(view->len - skip))
		: NULL;
}

/* Never prompts, unlike OpenSSL's default. */
static int offer_passphrase(char *buffer, int size, int writing, void *data)
{
	struct offer *offer = data;
	size_t len = offer->passphrase ? strlen(offer->passphrase) : 0;

	(void)writing;
	offer->asked = true;
	if (!offer->passphrase || len > (size_t)size)
		return -1;
	memcpy(buffer, offer->passphrase, len);
	return (int)len;
}

static EVP_PKEY *read_key(const struct view *pem, struct offer *offer)
{
	BIO *bio = tls_view_bio(pem);
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, offer_passphrase, offer) : NULL;

	BIO_free(bio);
	return key;
}

bool tls_key_is_locked(const struct view *pem)
{
	struct offer offer = { .passphrase = NULL };

	EVP_PKEY_free(read_key(pem, &offer));
	ERR_clear_error();
	return offer.asked;
}

/* OpenSSL's decoders cannot distinguish a damaged key from a missing one. */
static bool holds_a_key(const struct view *pem)
{
	static const char end[] = "PRIVATE KEY-----";

	return pem->len > 0 && memmem(pem->data, pem->len, end, sizeof(end) - 1);
}

int tls_key_read(const struct view *pem, EVP_PKEY **ret_key, struct problem *problem)
{
	struct offer offer = { .passphrase = NULL };
	EVP_PKEY *key = read_key(pem, &offer);

	if (!key && offer.asked)
		problem_set(
			problem, "key: is protected by a passphrase, and nothing could ask for it");
	else if (!key && holds_a_key(pem))
		problem_set(problem,
			"key: the private key in it is damaged, or of a kind that OpenSSL does not know; restore it from a copy, or make a new key and certificate");
	else if (!key)
		problem_set(problem,
			"key: holds no readable private key in PEM form (-----BEGIN PRIVATE KEY-----)");
	ERR_clear_error();
	if (!key)
		return -EINVAL;
	*ret_key = key;
	return 0;
}

bool tls_queue_is_unsupported(void)
{
	bool found = false;
	unsigned long error;

	while ((error = ERR_get_error()) != 0)
		found = found ||
			(ERR_GET_LIB(error) == ERR_LIB_EVP &&
				ERR_GET_REASON(error) == ERR_R_UNSUPPORTED);
	return found;
}

int tls_key_write(EVP_PKEY *key, char **ret_pem)
{
	/* OpenSSL wipes this memory when it frees it. */
	BIO *bio = BIO_new(BIO_s_secmem());
	char *data;
	long len;
	int r = -ENOMEM;

	if (bio && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1) {
		len = BIO_get_mem_data(bio, &data);
		*ret_pem = strndup(data, (size_t)len);
		r = *ret_pem ? 0 : -ENOMEM;
	}
	BIO_free(bio);
	ERR_clear_error();
	return r;
}

int tls_key_unlock(
	const struct view *pem, const char *passphrase, char **ret_pem, struct problem *problem)
{
	struct offer offer = { .passphrase = passphrase };
	EVP_PKEY *key;
	int r;

	ERR_clear_error();
	key = read_key(pem, &offer);
	if (key) {
		r = tls_key_write(key, ret_pem);
		EVP_PKEY_free(key);
		return r;
	}
	if (!tls_queue_is_unsupported())
		return -EACCES;
	problem_set(problem,
		"key: is protected by a method that this OpenSSL does not have any more; convert it: "
		"openssl pkcs8 -topk8 -v2 aes-256-cbc -provider legacy -provider default -in FILE -out "
		"NEWFILE");
	return -EINVAL;
}
