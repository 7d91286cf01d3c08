/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/engine_plan.h"

#include <assert.h>

/* The descriptors with a number of their own, and the listeners. */
static_assert(REQUEST_FD_LISTENER - REQUEST_FD_CONFIG + 1 + SETTINGS_LISTEN_MAX <= REQUEST_FDS_MAX,
	"CONFIGURE has room for every descriptor");

static void add(struct engine_plan *plan, enum request_fd_kind kind, int fd)
{
	if (fd < 0)
		return;
	plan->fd[plan->fd_count] = fd;
	plan->fd_kind[plan->fd_count] = (uint8_t)kind;
	plan->fd_count++;
}

void engine_plan_files(struct engine_plan *plan, const struct sealed_files *sealed,
	const struct engine_files *files)
{
	plan->fd_count = 0;
	add(plan, REQUEST_FD_CONFIG, sealed->config);
	add(plan, REQUEST_FD_CERTIFICATE, sealed->certificate);
	add(plan, REQUEST_FD_KEY, sealed->key);
	add(plan, REQUEST_FD_CA, sealed->ca);
	add(plan, REQUEST_FD_CRL, sealed->crl);
	add(plan, REQUEST_FD_STATE, files->state);
	add(plan, REQUEST_FD_CONTROL, files->control);
	add(plan, REQUEST_FD_ISSUER, files->issuer);
	for (size_t i = 0; i < files->listener_count; i++)
		add(plan, REQUEST_FD_LISTENER, files->listeners[i]);
}
