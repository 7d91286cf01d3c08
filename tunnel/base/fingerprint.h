/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_BASE_FINGERPRINT_H
#define CULVERT_BASE_FINGERPRINT_H

#include <stddef.h>
#include <stdint.h>

/*
 * Fingerprints of bytes (FNV-1a, 64 bits). They tell whether something has changed by accident;
 * nothing that somebody might forge may rest on them. Files of an earlier run have some, so the
 * function stays. Pure functions; any thread.
 */

#define FINGERPRINT_OF_NOTHING UINT64_C(0xcbf29ce484222325)

/* Continues a fingerprint, which begins as FINGERPRINT_OF_NOTHING, with more bytes. */
uint64_t fingerprint_add(uint64_t fingerprint, const void *data, size_t len);

/* Returns the fingerprint of a text. */
uint64_t fingerprint_of_text(const char *text);

#endif
