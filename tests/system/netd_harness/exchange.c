/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/system/netd_harness/exchange.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "tests/system/netd_harness/talk.h"

static const struct request_reply *ask(void)
{
	struct request request = { .type = REQUEST_REEXEC };

	return talk_ask(&request);
}

void exchange_unready(const char *scenario)
{
	struct request request = { .type = REQUEST_REEXEC, .id = 1 };

	(void)scenario;
	talk_send(talk.buffer, talk_encode(&request), NULL, 0);
}

void exchange_stays(const char *scenario)
{
	const struct request_reply *reply;

	talk_ready();
	if (talk.configure.generation > 1) {
		log_info("%s: the successor is here", scenario);
		return;
	}
	reply = ask();
	talk_expect(scenario, reply->error == 0, reply);
	reply = ask();
	talk_expect(scenario,
		reply->error == EBUSY && strstr(reply->text, "is in progress already"), reply);
	for (;;)
		pause();
}

void exchange_exits(const char *scenario)
{
	struct request request = { .type = REQUEST_EXIT, .exit.code = 3 };

	if (talk.configure.generation == 2) {
		(void)snprintf(
			request.exit.text, sizeof(request.exit.text), "%s: cannot", scenario);
		/* netd kills the engine for that, with or without a reply. */
		request.id = 1;
		talk_send(talk.buffer, talk_encode(&request), NULL, 0);
		talk_linger();
	}
	talk_ready();
	if (talk.configure.generation > 2) {
		log_info("%s: as expected", scenario);
		return;
	}
	(void)ask();
	_exit(0);
}
