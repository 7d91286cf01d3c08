/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/outer.h"

#include <errno.h>

#include "base/log.h"

struct socket_options outer_options(const struct settings *settings)
{
	return (struct socket_options){ .congestion = settings->congestion,
		.mark = settings_mark(settings),
		.mptcp = settings->mptcp };
}

int outer_socket(const struct settings *settings, uint8_t family, bool *told, int *ret_fd,
	struct problem *problem)
{
	struct socket_options options = outer_options(settings);
	int r = socket_outgoing(family, &options, ret_fd, problem);

	if (r != -EPERM || !settings->contained)
		return r;
	if (!*told)
		log_warning("%s; going on without it", problem->text);
	*told = true;
	/* The mark is set last, so with none the congestion control was at fault, or is as well. */
	options.mark = 0;
	r = socket_outgoing(family, &options, ret_fd, problem);
	if (r != -EPERM)
		return r;
	options.congestion = NULL;
	return socket_outgoing(family, &options, ret_fd, problem);
}

void outer_log_fallback(const struct settings *settings, int fd, bool *told)
{
	if (!settings->mptcp || *told || socket_is_mptcp(fd))
		return;
	*told = true;
	log_notice("this kernel does not offer Multipath TCP, outer connections use TCP; if it is "
		   "switched off: sysctl -w net.mptcp.enabled=1");
}
