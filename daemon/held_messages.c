/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/held_messages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void held_messages_init(struct held_messages *held)
{
	*held = (struct held_messages){ .bytes = 0 };
	STAILQ_INIT(&held->list);
}

int held_messages_add(struct held_messages *held, const uint8_t *data, size_t len)
{
	size_t size = sizeof(struct held_message) + len;
	struct held_message *message;

	if (size > HELD_MESSAGES_BYTES_MAX - held->bytes)
		return -ENOBUFS;
	message = malloc(size);
	if (!message)
		return -ENOMEM;
	message->len = len;
	memcpy(message->data, data, len);
	STAILQ_INSERT_TAIL(&held->list, message, link);
	held->bytes += size;
	return 0;
}

void held_messages_move(struct held_messages *to, struct held_messages *from)
{
	held_messages_init(to);
	STAILQ_CONCAT(&to->list, &from->list);
	to->bytes = from->bytes;
	from->bytes = 0;
}

struct held_message *held_messages_take(struct held_messages *held)
{
	struct held_message *message = STAILQ_FIRST(&held->list);

	if (!message)
		return NULL;
	STAILQ_REMOVE_HEAD(&held->list, link);
	held->bytes -= sizeof(*message) + message->len;
	return message;
}

void held_messages_clear(struct held_messages *held)
{
	struct held_message *message;

	while ((message = held_messages_take(held)))
		free(message);
}
