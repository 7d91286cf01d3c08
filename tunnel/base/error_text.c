/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error_text.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

const char *error_text(int error)
{
	const char *text = error == INT_MIN ? NULL : strerrordesc_np(abs(error));

	return text ? text : "unknown error";
}
