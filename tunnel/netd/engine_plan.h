/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_NETD_ENGINE_PLAN_H
#define CULVERT_NETD_ENGINE_PLAN_H

#include "netd/engine_files.h"
#include "netd/engine_process.h"
#include "netd/sealed_files.h"

/* Sets the descriptors of a plan to these, without those that are -1. Borrows them. */
void engine_plan_files(struct engine_plan *plan, const struct sealed_files *sealed,
	const struct engine_files *files);

#endif
