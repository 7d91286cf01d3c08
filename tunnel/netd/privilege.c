/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/privilege.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>

#include "base/array.h"
#include "base/error_text.h"
#include "system/process.h"

int privilege_check(struct problem *problem)
{
	if (process_use_permitted() == 0 && process_has_capability(CAP_NET_ADMIN))
		return 0;
	problem_set(problem,
		"this needs CAP_NET_ADMIN, to make interfaces and routes; run it as root "
		"(sudo), as a systemd service, or give a container that capability");
	return -EPERM;
}

static bool is_of_process(const char *netns)
{
	static const char pid[] = "pid:", proc[] = "/proc/";

	return strncmp(netns, pid, sizeof(pid) - 1) == 0 ||
		strncmp(netns, proc, sizeof(proc) - 1) == 0;
}

int privilege_give_up(const struct settings *settings, struct problem *problem)
{
	int kept[] = {
		CAP_NET_ADMIN, CAP_NET_BIND_SERVICE, CAP_SETUID, CAP_SETGID, CAP_SETPCAP, CAP_KILL,
		CAP_NET_ADMIN, /* replaced by CAP_SYS_ADMIN if needed */
		CAP_NET_ADMIN, /* replaced by CAP_SYS_PTRACE if needed */
	};
	enum { COUNT = ARRAY_SIZE(kept) };
	int r;

	for (size_t i = 0; i < settings->peer_count; i++) {
		const char *netns = settings->peers[i].netns;

		if (netns[0] != '\0')
			kept[COUNT - 2] = CAP_SYS_ADMIN;
		if (is_of_process(netns))
			kept[COUNT - 1] = CAP_SYS_PTRACE;
	}
	r = process_keep_capabilities(kept, COUNT);
	if (r < 0)
		problem_set(problem, "cannot give up capabilities: %s", error_text(r));
	return r;
}
