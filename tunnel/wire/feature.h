/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_WIRE_FEATURE_H
#define CULVERT_WIRE_FEATURE_H

/*
 * What a peer of protocol version 1 understands beyond release 0.1.0. hello and welcome carry the
 * sender's bits; a peer that sends none is 0.1.0. The rule: a new message, goodbye code or limit
 * gets a bit here and is used only towards a peer that named the bit. A receiver ignores bits that
 * it does not know. Never renumber, never reuse. docs/protocol.md lists them; docs/status.md shows
 * the names.
 */
enum feature {
	/* Reads the class of a goodbye, so a code newer than GOODBYE_VERSION may be sent to it. */
	FEATURE_GOODBYE_CLASS = 1 << 0,
};

enum { FEATURES_OURS = FEATURE_GOODBYE_CLASS };

#endif
