/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/outer.h"

#include "base/log.h"

struct socket_options outer_options(const struct settings *settings)
{
	return (struct socket_options){
		.congestion = settings->congestion, .mark = settings->mark, .mptcp = settings->mptcp
	};
}

void outer_tell_fallback(const struct settings *settings, int fd, bool *told)
{
	if (!settings->mptcp || *told || socket_is_mptcp(fd))
		return;
	*told = true;
	log_notice("this kernel does not offer Multipath TCP, outer connections use TCP; if it is "
		   "switched off: sysctl -w net.mptcp.enabled=1");
}
