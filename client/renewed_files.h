/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_CLIENT_RENEWED_FILES_H
#define CULVERT_CLIENT_RENEWED_FILES_H

/*
 * What a client's state directory holds, each 0600 and replaced at once. netd/engine_files lets an
 * engine's directory have names that begin so, and no others.
 */
#define RENEWED_PAIR_FILE "renewed.pem"        /* a key, then its certificate and those above it */
#define RENEWED_TRUST_FILE "renewed-trust.pem" /* authorities, cross certificates and lists */

#endif
