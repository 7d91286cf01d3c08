/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/foreign_netns.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <unistd.h>

#include "base/error_text.h"
#include "base/log.h"
#include "system/process.h"
#include "system/tun.h"

struct opening {
	struct netlink *netlink;
	struct problem *problem;
};

static int open_netlink(void *context)
{
	struct opening *opening = context;

	return netlink_open(&opening->netlink, opening->problem);
}

int foreign_netns_enter(struct foreign_netns *foreign, int tun_fd, const struct netns_id *netns,
	struct problem *problem)
{
	struct opening opening = { .problem = problem };
	int fd, r;

	if (foreign->netlink && netns_id_equal(&foreign->netns, netns))
		return 0;
	foreign_netns_leave(foreign);
	r = tun_netns(tun_fd, &fd);
	if (r < 0) {
		problem_set(problem, "cannot find its network namespace: %s", error_text(r));
		return r == -EBADFD ? -ENODEV : r;
	}
	r = netns_call(fd, open_netlink, &opening, problem);
	close(fd);
	if (r < 0)
		return r;
	*foreign = (struct foreign_netns){ .netlink = opening.netlink, .netns = *netns };
	return 0;
}

/*
 * The number of a process that has ended may be that of any process of this host, and its peer is
 * meant to be kept apart.
 */
static int refuse_home(const char *where, struct problem *problem)
{
	problem_set(problem,
		"%s is not in another network namespace than netd, perhaps because the process has ended and another got its number; without netns the interface is here",
		where);
	return -EINVAL;
}

int foreign_netns_enter_at(struct foreign_netns *foreign, const char *where,
	const struct netns_id *home, struct netns_id *ret_netns, struct problem *problem)
{
	struct opening opening = { .problem = problem };
	struct netns_id netns;
	int fd, r;

	foreign_netns_leave(foreign);
	r = netns_open(where, &fd, problem);
	if (r < 0)
		return r;
	r = netns_identify(fd, &netns);
	if (r < 0)
		problem_set(problem, "network namespace %s: cannot examine it: %s", where,
			error_text(r));
	else if (netns_id_equal(&netns, home) && netns_is_process(where))
		r = refuse_home(where, problem);
	else if (netns_id_equal(&netns, home))
		netns = (struct netns_id){ .inode = 0 };
	else
		r = netns_call(fd, open_netlink, &opening, problem);
	close(fd);
	if (r < 0)
		return r;
	if (opening.netlink)
		*foreign = (struct foreign_netns){ .netlink = opening.netlink, .netns = netns };
	*ret_netns = netns;
	return 0;
}

/*
 * Without the capability setns(2) would fail at each request. netd's own namespace needs no
 * entering.
 */
static int may_enter(int fd, const char *where, struct problem *problem)
{
	struct netns_id own, there;

	if (process_has_capability(CAP_SYS_ADMIN) ||
		(netns_own(&own) == 0 && netns_identify(fd, &there) == 0 &&
			netns_id_equal(&own, &there)))
		return 0;
	problem_set(problem,
		"netd needs CAP_SYS_ADMIN to enter network namespace %s (netns); a systemd unit needs CapabilityBoundingSet=CAP_SYS_ADMIN CAP_SYS_PTRACE",
		where);
	return -EPERM;
}

int foreign_netns_check(const struct settings *settings, struct problem *problem)
{
	for (size_t i = 0; i < settings->peer_count; i++) {
		const struct settings_peer *peer = &settings->peers[i];
		int fd, r;

		if (peer->netns[0] == '\0')
			continue;
		r = netns_open(peer->netns, &fd, problem);
		if (r == 0) {
			r = may_enter(fd, peer->netns, problem);
			close(fd);
		}
		if (r < 0 && settings->role == SETTINGS_CLIENT)
			return r;
		if (r < 0)
			log_warning("%s: %s; the peer is refused until then", peer->name.name,
				problem->text);
	}
	return 0;
}

void foreign_netns_leave(struct foreign_netns *foreign)
{
	netlink_close(foreign->netlink);
	*foreign = (struct foreign_netns){ .netlink = NULL };
}
