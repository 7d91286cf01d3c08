/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/counters.h"

const char *drop_reason_text(enum drop_reason reason)
{
	static const char *const texts[DROP_REASON_COUNT] = {
#define X(name, text) [name] = (text),
		DROP_REASONS(X)
#undef X
	};
	return reason < DROP_REASON_COUNT ? texts[reason] : "unknown";
}
