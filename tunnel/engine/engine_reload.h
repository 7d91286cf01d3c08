/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_ENGINE_ENGINE_RELOAD_H
#define CULVERT_ENGINE_ENGINE_RELOAD_H

#include <stdbool.h>

#include "base/exit_code.h"
#include "config/settings.h"
#include "engine/netd_link.h"
#include "system/tls.h"
#include "wire/request.h"

/*
 * The engine's half of a reload: netd/reload.h has the whole exchange. A new configuration waits
 * here, loaded and found right, until netd has switched. Main thread only.
 */

struct engine;
struct engine_reload;

/* What the engine switches to. */
struct engine_next {
	struct settings *settings; /* NULL: nothing waits */
	struct tls_context *tls;
	int listeners[SETTINGS_LISTEN_MAX]; /* new ones */
	size_t listener_count;
	struct request_load load;
};

struct engine_reload {
	struct engine *engine; /* NULL: not begun */
	struct netd_call asked, confirmed;
	struct engine_next next;
	/*
	 * Called once with the outcome of a reload that engine_reload_ask() began; NULL: nobody
	 * waits. The text is one line.
	 */
	void (*done)(struct engine_reload *reload, enum exit_code code, const char *text);
};

void engine_reload_init(struct engine_reload *reload, struct engine *engine);
void engine_reload_free(struct engine_reload *reload);

/*
 * Asks netd to read the configuration again. `only_check`: the outcome says what would change, and
 * nothing does. -EBUSY: a reload that was asked for is not over;
 * -ENOMEM.
 */
int engine_reload_ask(struct engine_reload *reload, bool only_check,
	void (*done)(struct engine_reload *reload, enum exit_code code, const char *text));
/* The caller that asked is gone: only the log has the outcome. */
void engine_reload_forget(struct engine_reload *reload);

/* netd sends a new configuration. Takes ownership of the descriptors. */
void engine_reload_take(struct engine_reload *reload, const struct request_reconfigure *reconfigure,
	const int *fds, size_t fd_count);

#endif
