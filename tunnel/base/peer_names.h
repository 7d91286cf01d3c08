/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_BASE_PEER_NAMES_H
#define CULVERT_BASE_PEER_NAMES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/identity.h"
#include "base/problem.h"

/*
 * The names in a certificate, as text "KIND:VALUE", and those that a configuration expects. Both
 * are brought into one form here, so that they are compared byte by byte: DNS names, the domain of
 * an email address and hexadecimal digits become lower case. Nothing else is changed. In
 * particular, Unicode is compared as it is written.
 *
 * A set of names does not change once it is made, and ends with its last reference. Any thread.
 */

enum peer_name_kind {
	PEER_NAME_DNS,
	PEER_NAME_URI,
	PEER_NAME_EMAIL,
	PEER_NAME_UPN,
	PEER_NAME_CN,
	PEER_NAME_SUBJECT,     /* RFC 2253, with UTF-8 as it is */
	PEER_NAME_SHA256,      /* of the certificate */
	PEER_NAME_SPKI_SHA256, /* of its public key with the algorithm (SubjectPublicKeyInfo) */
	PEER_NAME_KIND_COUNT
};

/* Texts one after the other, each with its NUL. */
struct peer_name_list {
	char *bytes;
	size_t len;
};

struct peer_names {
	atomic_uint references;
	/* The name by the rule for entries without `identity`; empty: `fault` says why. */
	struct identity plain;
	char *fault;                 /* NULL: there is a plain name */
	struct peer_name_list own;   /* of the certificate itself */
	struct peer_name_list above; /* of the CAs above it that a configuration may ask for */
};

struct peer_names *peer_names_new(void); /* NULL: no memory */
struct peer_names *peer_names_ref(struct peer_names *names);
void peer_names_unref(struct peer_names *names); /* Accepts NULL. */

/*
 * Adds a name of a certificate. A value that is empty, or that no configuration can express (a
 * control character, no UTF-8, no ASCII in a DNS name, URI or email address), is left out. -ENOMEM.
 */
int peer_names_add(
	struct peer_name_list *list, enum peer_name_kind kind, const void *value, size_t len);
/* Returns the text after `text`, the first for NULL, or NULL after the last. */
const char *peer_names_next(const struct peer_name_list *list, const char *text);
bool peer_names_have(const struct peer_name_list *list, const char *text);
/* Writes "dns:a, uri:b" for a message, escaped; "and N more" for what does not fit. */
const char *peer_names_format(const struct peer_name_list *list, char *out, size_t size);

/*
 * Brings a text of a configuration into the form of a certificate's names. `of_issuer`: only
 * subject, sha256 and spki-sha256 are allowed. The caller frees *ret_text. -EINVAL: *problem says
 * "expected ..., got ..."; -ENOMEM.
 */
int peer_names_parse(const char *text, bool of_issuer, char **ret_text, struct problem *problem);

/* True if a name has a control character, such as NUL: no honest CA issues one. */
bool peer_names_is_unsafe(const void *value, size_t len);

#endif
