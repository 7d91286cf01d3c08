/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_DAEMON_HELD_MESSAGES_H
#define CULVERT_DAEMON_HELD_MESSAGES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

/*
 * Control messages that came behind a hello, while the session that it replaces has not ended. They
 * are kept in order for the new session. Main thread only.
 */

enum {
	/*
	 * Includes our own headers. All announcements that a peer may send (max_routes: 4096) need
	 * less than half.
	 */
	HELD_MESSAGES_BYTES_MAX = 256 << 10,
};

struct held_message {
	STAILQ_ENTRY(held_message) link;
	size_t len;
	uint8_t data[];
};

struct held_messages {
	STAILQ_HEAD(, held_message) list;
	size_t bytes; /* of memory, with headers */
};

void held_messages_init(struct held_messages *held);
/* Copies the message's payload. -ENOBUFS: the limit is reached; -ENOMEM. */
int held_messages_add(struct held_messages *held, const uint8_t *data, size_t len);
/* Moves all messages of `from`, which is empty then, to `to`, which is initialized here. */
void held_messages_move(struct held_messages *to, struct held_messages *from);
/* Takes the oldest message; NULL: none. The caller frees it with free(). */
struct held_message *held_messages_take(struct held_messages *held);
void held_messages_clear(struct held_messages *held);

#endif
