/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_WIRE_PROXY_TALK_INTERNAL_H
#define CULVERT_WIRE_PROXY_TALK_INTERNAL_H

#include "wire/proxy_talk.h"

/* Shared by the proxy_*.c files, which alone include it. */

enum { PROXY_TARGET_MAX = PROXY_HOST_MAX + 9 }; /* "[HOST]:PORT" with its NUL */

/* Formats the server as "vpn.example.org:443" or "[2001:db8::1]:443". Returns `out`. */
const char *proxy_talk_target(const struct proxy_talk *talk, char out[static PROXY_TARGET_MAX]);

/* Makes a reader of the bytes that are not processed yet. */
void proxy_talk_reader(const struct proxy_talk *talk, struct reader *ret_reader);
/* Marks all bytes before the reader's position as processed. */
void proxy_talk_take(struct proxy_talk *talk, const struct reader *reader);

/* Each implements the function of proxy_talk.h that calls it. */
int proxy_http_begin(const struct proxy_talk *talk, struct writer *out);
int proxy_http_judge(struct proxy_talk *talk, struct problem *problem);
int proxy_socks5_begin(struct proxy_talk *talk, struct writer *out);
int proxy_socks5_judge(struct proxy_talk *talk, struct writer *out, struct problem *problem);

#endif
