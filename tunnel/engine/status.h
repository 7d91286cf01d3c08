/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_STATUS_H
#define CULVERT_ENGINE_STATUS_H

#include <stdbool.h>
#include <stdio.h>

struct engine;

/*
 * What a running daemon says of itself: to a person as aligned text, to a program as JSON
 * (docs/status.md gives every key). It only reads. Main thread.
 */

enum status_kind {
	STATUS_OVERVIEW, /* the daemon and each of its sessions, in full */
	STATUS_PEERS,    /* one line a peer, with those that are listed and not connected */
	STATUS_ROUTES,   /* what we announce and what was announced to us */
};

/* Bytes of an answer; a hub with thousands of sessions needs a tenth. */
enum { STATUS_SIZE_MAX = 64 << 20 };

/* Renders to `out`, which stays the caller's and holds a part of the text after a failure. Sessions
 * come by name. -ENOMEM; -EFBIG: past STATUS_SIZE_MAX; -EIO: the stream failed, for a memory stream
 * out of memory. */
int status_render(const struct engine *engine, enum status_kind kind, bool json, FILE *out);

#endif
