/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_TESTS_SYSTEM_NETD_HARNESS_TALK_H
#define CULVERT_TESTS_SYSTEM_NETD_HARNESS_TALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/request.h"

/*
 * How an engine speaks with netd: one process, one thread, one channel, all blocking. What goes
 * wrong with the harness itself ends the process, with a line that says UNEXPECTED.
 */

extern struct talk {
	uint8_t buffer[REQUEST_SIZE_MAX + 64]; /* what is sent, what came */
	struct request in;                     /* what came last, and its descriptors */
	int fds[REQUEST_FDS_MAX];
	size_t fd_count;
	struct request_configure configure; /* the CONFIGURE that came */
	uint32_t last_id;
	unsigned changes; /* NETWORKs that came; numbered, since the log folds what is repeated */
} talk;

_Noreturn void talk_die(const char *what);

/* Waits for one message; false: the channel is gone. */
bool talk_receive(void);
void talk_close(void); /* the descriptors that came with it */

size_t talk_encode(const struct request *request); /* into the buffer; its length */
void talk_send(const void *data, size_t len, const int *with, size_t count);

/* Sends a request and waits for its reply, which stands in `talk.in` until the next. */
const struct request_reply *talk_ask(struct request *request);
const struct request_reply *talk_ask_keeping(struct request *request); /* its descriptors */

/* Says in the log whether what came is as expected. */
void talk_expect(const char *scenario, bool good, const struct request_reply *reply);
void talk_expect_refused(const char *scenario, struct request *request);

void talk_ready(void);
/* Says in the log that it waits, until the test sends SIGUSR1. False: netd has said something first. */
bool talk_wait(const char *scenario);
_Noreturn void talk_linger(void); /* until netd says STOP or is gone */

struct addr talk_address(const char *text); /* NULL: none */
struct request talk_interface(const char *peer, const char *local, const char *remote);
struct request talk_sound(void); /* an interface that the server's engine may ask for */
uint32_t talk_make_sound(void);  /* its index */
struct request talk_route(uint32_t index, const char *text);

#endif
