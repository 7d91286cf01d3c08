/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_WIRE_FEATURE_H
#define CULVERT_WIRE_FEATURE_H

/*
 * The feature bits: what a peer of protocol version 1 understands beyond release 0.1.0. hello and
 * welcome carry the sender's bits; a peer that sends none is release 0.1.0. A new message, goodbye
 * code or limit gets a bit here, and an end uses it only towards a peer that sent the bit. A
 * receiver ignores unknown bits. Never renumber, never reuse. docs/protocol.md lists the bits,
 * docs/status.md their names.
 */
enum feature {
	/*
	 * Reads the class of a goodbye, so its peer may send it a code newer than GOODBYE_VERSION.
	 */
	FEATURE_GOODBYE_CLASS = 1 << 0,
	/* Reads sign, issued and trust, by which certificates are renewed. */
	FEATURE_RENEWAL = 1 << 1,
	/* Reads push, by which a server changes what it pushed with welcome. */
	FEATURE_PUSH = 1 << 2,
};

enum { FEATURES_OURS = FEATURE_GOODBYE_CLASS | FEATURE_RENEWAL | FEATURE_PUSH };

#endif
