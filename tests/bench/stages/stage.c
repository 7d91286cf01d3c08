/* SPDX-License-Identifier: Apache-2.0 */
#include "stage.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/exit_code.h"

struct duration stage_measure(const struct stage *stage, size_t count)
{
	struct mono start = mono_now();

	stage->run(count);
	return mono_since(mono_now(), start);
}

void stage_require(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "stages: this went wrong: %s\n", what);
	exit(EXIT_CODE_FAILURE);
}
