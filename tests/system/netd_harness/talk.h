/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_TESTS_SYSTEM_NETD_HARNESS_TALK_H
#define CULVERT_TESTS_SYSTEM_NETD_HARNESS_TALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/request.h"

/*
 * How an engine talks to netd: one process, one thread, one channel, all blocking. A failure of the
 * harness itself ends the process with a line that has UNEXPECTED.
 */

extern struct talk {
	uint8_t buffer[REQUEST_SIZE_MAX + 64]; /* message to send, or received */
	struct request in;                     /* the last message, and its descriptors */
	int fds[REQUEST_FDS_MAX];
	size_t fd_count;
	struct request_configure configure; /* the received CONFIGURE */
	uint32_t last_id;
	unsigned changes; /* received NETWORKs; numbered, since the logger folds repeated lines */
} talk;

_Noreturn void talk_die(const char *what);

/* Waits for one message. False: the channel is closed. */
bool talk_receive(void);
void talk_close(void); /* closes the descriptors of the last message */

size_t talk_encode(const struct request *request); /* into the buffer; returns its length */
void talk_send(const void *data, size_t len, const int *with, size_t count);

/* Sends a request and waits for its reply, which `talk.in` has until the next. */
const struct request_reply *talk_ask(struct request *request);
/* Keeps its descriptors open. */
const struct request_reply *talk_ask_keeping(struct request *request);

/* Logs whether the reply is as expected. */
void talk_expect(const char *scenario, bool good, const struct request_reply *reply);
void talk_expect_refused(const char *scenario, struct request *request);

void talk_ready(void);
/* Logs that it waits, until the test sends SIGUSR1. False: netd sent a message first. */
bool talk_wait(const char *scenario);
_Noreturn void talk_linger(void); /* until netd sends STOP or ends */

struct addr talk_address(const char *text); /* NULL: AF_UNSPEC */
struct request talk_interface(const char *peer, const char *local, const char *remote);
struct request talk_sound(void); /* an interface that the server's engine may request */
uint32_t talk_make_sound(void);  /* returns its index */
struct request talk_route(uint32_t index, const char *text);

#endif
