/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/visit.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
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

int visit_begin(
	struct visit *visit, int tun_fd, const struct netns_id *netns, struct problem *problem)
{
	struct opening opening = { .problem = problem };
	int fd, r;

	if (visit->netlink != NULL && netns_id_equal(&visit->netns, netns))
		return 0;
	visit_end(visit);
	r = tun_netns(tun_fd, &fd);
	if (r < 0) {
		problem_set(problem, "cannot find its network namespace: %s", strerrordesc_np(-r));
		return r == -EBADFD ? -ENODEV : r;
	}
	r = netns_call(fd, open_netlink, &opening, problem);
	close(fd);
	if (r < 0)
		return r;
	*visit = (struct visit){ .netlink = opening.netlink, .netns = *netns };
	return 0;
}

int visit_find(const struct settings *settings, struct problem *problem)
{
	for (size_t i = 0; i < settings->peer_count; i++) {
		const struct settings_peer *peer = &settings->peers[i];
		int fd, r;

		if (peer->netns[0] == '\0')
			continue;
		r = netns_open(peer->netns, &fd, problem);
		if (r == 0)
			close(fd);
		else if (settings->role == SETTINGS_CLIENT)
			return r;
		else
			log_warning(
				"%s: %s; it is refused until then", peer->name.name, problem->text);
	}
	return 0;
}

void visit_end(struct visit *visit)
{
	netlink_close(visit->netlink);
	*visit = (struct visit){ .netlink = NULL };
}
