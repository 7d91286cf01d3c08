/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_STATUS_H
#define CULVERT_ENGINE_STATUS_H

#include <stdbool.h>
#include <stdio.h>

struct engine;

/*
 * Renders the state of a running daemon: as aligned text for a person, as JSON for a program
 * (docs/status.md has every key). It only reads. Main thread only.
 */

enum status_kind {
	STATUS_OVERVIEW, /* the daemon and all of its sessions, in full */
	/* One line a peer. A configured peer without a session is listed too. */
	STATUS_PEERS,
	STATUS_ROUTES, /* the announcements of this end and of its peers */
	/*
	 * A line for each configured peer that is not up, and why: nothing if all are. Text only.
	 */
	STATUS_CHECK,
	STATUS_KIND_COUNT
};

struct status_request {
	enum status_kind kind;
	bool json;
	/* The overview as text is short from STATUS_SHORT_FROM peers on, unless this is true. */
	bool full;
	const char *peer; /* only this peer is described; NULL: all are */
};

/* The most bytes of an answer. A hub with thousands of sessions needs a tenth. */
enum { STATUS_SIZE_MAX = 64 << 20 };

enum { STATUS_SHORT_FROM = 10 };

/*
 * Renders to `out`, sessions sorted by name. The caller owns `out`, which holds part of the text
 * after a failure. -ENOMEM; -EFBIG: more than STATUS_SIZE_MAX; -EIO: the stream failed, or a memory
 * stream ran out of memory; -ENOENT: there is no such peer.
 */
int status_render(const struct engine *engine, const struct status_request *request, FILE *out);

#endif
