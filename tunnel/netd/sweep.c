/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/sweep.h"

#include "netd/kill_switch.h"

typedef int sweep_fn(const char *name, FILE *out, unsigned *removed, struct problem *problem);

static sweep_fn *const sweepers[] = {
	kill_switch_sweep,
};

int sweep(const char *name, FILE *out, unsigned *ret_removed, struct problem *problem)
{
	unsigned removed = 0;
	int r = 0;

	for (size_t i = 0; i < sizeof(sweepers) / sizeof(sweepers[0]) && r == 0; i++)
		r = sweepers[i](name, out, &removed, problem);
	*ret_removed = removed;
	return r;
}
