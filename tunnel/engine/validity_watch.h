/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_VALIDITY_WATCH_H
#define CULVERT_ENGINE_VALIDITY_WATCH_H

#include <stddef.h>

#include "config/settings.h"
#include "config/validity.h"
#include "system/loop.h"
#include "system/tls.h"

/*
 * Logs, once for each stage, that a certificate, a CA or a list of this end will end, or has ended.
 * It looks at the clock every minute, so a clock that is set needs nothing else. What is set back
 * is told again when its time comes. It also tells the owner when something begins to be valid,
 * since connections that were refused for it need not wait any longer. Main thread only.
 */

struct validity_told {
	struct tls_term term;
	enum validity_stage stage;
};

struct validity_watch {
	struct loop *loop; /* NULL: not started */
	struct loop_timer timer;
	const struct settings *settings; /* borrowed */
	const struct tls_context *tls;   /* borrowed: validity_watch_follow() has its successor */
	struct validity_told told[TLS_TERMS_MAX];
	size_t told_count;
	void (*began)(struct validity_watch *watch); /* NULL: nobody wants to know */
};

enum { VALIDITY_WATCH_S = 60 };

/*
 * Begins with the credentials of now, or goes on with others. Of our own certificate that has ended
 * already the caller has told.
 */
void validity_watch_follow(struct validity_watch *watch, struct loop *loop,
	const struct settings *settings, const struct tls_context *tls);
void validity_watch_stop(struct validity_watch *watch); /* accepts one that was not started */

#endif
