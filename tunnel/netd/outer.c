/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/outer.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"

int outer_load_congestion(const struct settings *settings)
{
	const struct socket_options bbr = { .congestion = "bbr" };
	struct problem problem;
	int fd, r;

	if (!settings_chooses_congestion(settings))
		return 0;
	r = socket_outgoing(AF_INET, &bbr, &fd, &problem);
	if (r == -EAFNOSUPPORT)
		r = socket_outgoing(AF_INET6, &bbr, &fd, &problem);
	if (r < 0)
		return r;
	close(fd);
	return 0;
}

struct socket_options outer_options(const struct settings *settings)
{
	bool chosen_later = settings_chooses_congestion(settings);

	return (struct socket_options){ .congestion = chosen_later ? NULL : settings->congestion,
		.mark = settings_mark(settings),
		.mptcp = settings->mptcp };
}

int outer_socket(const struct settings *settings, uint8_t family, bool *logged, int *ret_fd,
	struct problem *problem)
{
	struct socket_options options = outer_options(settings);
	int r = socket_outgoing(family, &options, ret_fd, problem);

	if (r != -EPERM || !settings->contained)
		return r;
	if (!*logged)
		log_warning("%s; going on without it", problem->text);
	*logged = true;
	/*
	 * The mark is set last. If it still fails without a mark, the congestion control is
	 * refused, alone or as well.
	 */
	options.mark = 0;
	r = socket_outgoing(family, &options, ret_fd, problem);
	if (r != -EPERM)
		return r;
	options.congestion = NULL;
	return socket_outgoing(family, &options, ret_fd, problem);
}

void outer_log_fallback(const struct settings *settings, int fd, bool *logged)
{
	if (!settings->mptcp || *logged || socket_is_mptcp(fd))
		return;
	*logged = true;
	log_notice("this kernel does not offer Multipath TCP, outer connections use TCP; if it is "
		   "switched off: sysctl -w net.mptcp.enabled=1");
}
