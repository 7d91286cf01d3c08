/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSL's errors and TLS's alerts as sentences that tell a person what to do. An unforeseen one
 * has OpenSSL's own text. tls.c and tls_context.c call it on the thread whose error queue it reads.
 */
#include "system/tls_internal.h"

#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/array.h"

struct known_alert {
	int alert; /* RFC 8446, 6 */
	const char *text;
};

/* Alerts about our certificate. They continue "the other end refused our certificate: ". */
static const struct known_alert certificate_alerts[] = {
	{ SSL_AD_BAD_CERTIFICATE,
		"its name, dates or contents are not acceptable there (not valid yet, not a valid name, or a CA's own certificate); the log of the other end names the cause" },
	{ SSL_AD_UNSUPPORTED_CERTIFICATE,
		"it is not meant for this use (a server's certificate used by a client, or a "
		"client's by a server)" },
	{ SSL_AD_CERTIFICATE_REVOKED, "it has been revoked; a new one has to be issued" },
	{ SSL_AD_CERTIFICATE_EXPIRED, "it has expired" },
	{ SSL_AD_CERTIFICATE_UNKNOWN, "the log of the other end names the cause" },
	{ SSL_AD_UNKNOWN_CA, "its issuer is not in the ca file of the other end" },
	{ SSL_AD_CERTIFICATE_REQUIRED, "it received none, and one is required there" },
	{ SSL_AD_ACCESS_DENIED, "it is valid, but not admitted there" },
};

/* All other alerts. They continue "the other end ". */
static const struct known_alert other_alerts[] = {
	{ SSL_AD_CLOSE_NOTIFY, "closed the connection during the handshake" },
	{ SSL_AD_UNEXPECTED_MESSAGE, "received a TLS message that it did not expect" },
	{ SSL_AD_BAD_RECORD_MAC,
		"received data that does not decrypt: it was changed on the way, or a middlebox "
		"interferes" },
	{ SSL_AD_RECORD_OVERFLOW, "received a TLS record that is too long" },
	{ SSL_AD_HANDSHAKE_FAILURE,
		"found no common parameters in the TLS handshake (groups, ciphers or signatures); its log names the cause" },
	{ SSL_AD_ILLEGAL_PARAMETER, "refused a field of our TLS handshake as illegal" },
	{ SSL_AD_DECODE_ERROR, "could not parse our TLS handshake" },
	{ SSL_AD_DECRYPT_ERROR,
		"could not verify our TLS handshake: certificate and key do not belong together, "
		"or a middlebox interferes" },
	{ SSL_AD_PROTOCOL_VERSION, "does not speak TLS 1.3, which culvert needs" },
	{ SSL_AD_INSUFFICIENT_SECURITY, "demands stronger parameters than ours" },
	{ SSL_AD_INTERNAL_ERROR,
		"failed for a reason of its own, not because of us; its log names the cause (an "
		"expired revocation list, for one)" },
	{ SSL_AD_USER_CANCELLED, "aborted the TLS handshake" },
	{ SSL_AD_MISSING_EXTENSION, "requires an extension that our TLS handshake lacks" },
	{ SSL_AD_UNRECOGNIZED_NAME, "does not know the name that we asked for" },
	{ SSL_AD_NO_APPLICATION_PROTOCOL,
		"does not speak " TLS_ALPN_NAME ": another program, or another version of culvert, "
		"listens there" },
};

struct known_reason {
	int reason;
	const char *text;
};

/* Errors that our own OpenSSL found. */
static const struct known_reason reasons[] = {
	{ SSL_R_UNSUPPORTED_PROTOCOL,
		"the other end offers no TLS 1.3, only TLS 1.2 or older; culvert needs TLS 1.3" },
	{ SSL_R_WRONG_SSL_VERSION,
		"the other end offers no TLS 1.3, only TLS 1.2 or older; culvert needs TLS 1.3" },
	{ SSL_R_HTTP_REQUEST, "the other end speaks plain HTTP, not TLS" },
	{ SSL_R_HTTPS_PROXY_REQUEST, "the other end takes us for an HTTP proxy" },
	{ SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE,
		"the other end sent no certificate; give it one with culvert-pki" },
	{ SSL_R_NO_APPLICATION_PROTOCOL,
		"the other end speaks TLS but not " TLS_ALPN_NAME
		": it is another program or another version of culvert" },
	{ SSL_R_NO_SHARED_CIPHER, "the other end offers none of our TLS ciphers" },
	{ SSL_R_NO_SUITABLE_KEY_SHARE,
		"the other end offers none of our key exchange groups (X25519, P-256)" },
	{ SSL_R_NO_SUITABLE_GROUPS,
		"the other end offers none of our key exchange groups (X25519, P-256)" },
	{ SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM,
		"our certificate's key is of a kind that the other end cannot verify" },
	{ SSL_R_BAD_SIGNATURE,
		"the other end does not hold the key of the certificate that it showed" },
	{ SSL_R_EXCESSIVE_MESSAGE_SIZE,
		"the other end sent a TLS handshake message that is too long, such as a "
		"certificate chain of over 32,768 bytes" },
	{ SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC,
		"data from the other end does not decrypt: it was changed on the way, or a "
		"middlebox interferes" },
};

/* Errors of libssl about our own certificate. */
static const struct known_reason own_reasons[] = {
	{ SSL_R_EE_KEY_TOO_SMALL, TLS_FAULT_SHORT_KEY },
	{ SSL_R_CA_KEY_TOO_SMALL,
		"the key of a CA that comes with it is too short (RSA needs 2,048 bits or more); a CA with a longer key has to issue it again" },
	{ SSL_R_CA_MD_TOO_WEAK, TLS_FAULT_WEAK_HASH },
};

static const char *find_alert(const struct known_alert *table, size_t count, int alert)
{
	for (size_t i = 0; i < count; i++) {
		if (table[i].alert == alert)
			return table[i].text;
	}
	return NULL;
}

static void explain_alert(const struct tls *tls, int alert, struct problem *problem)
{
	const char *own = tls->context->identity.name;
	const char *text;

	text = find_alert(certificate_alerts, ARRAY_SIZE(certificate_alerts), alert);
	if (text) {
		problem_set(problem, "the other end refused our certificate: %s%s%s", text,
			alert == SSL_AD_CERTIFICATE_EXPIRED
				? " by its clock; renew it with culvert-pki renew "
				: "",
			alert == SSL_AD_CERTIFICATE_EXPIRED ? own : "");
		return;
	}
	text = find_alert(other_alerts, ARRAY_SIZE(other_alerts), alert);
	if (text)
		problem_set(problem, "the other end %s", text);
	else
		problem_set(problem, "the other end refused with TLS alert %d (%s)", alert,
			SSL_alert_desc_string_long(alert));
}

/*
 * The first record of a TLS connection is a handshake (22) or an alert (21), of version 3.x: RFC
 * 8446, 5.1.
 */
static bool is_tls(const struct tls *tls)
{
	if (tls->opening_len >= 1 && tls->opening[0] != 22 && tls->opening[0] != 21)
		return false;
	return tls->opening_len < 2 || tls->opening[1] == 3;
}

static bool opens_with(const struct tls *tls, const char *text)
{
	size_t len = strlen(text);

	return tls->opening_len >= len && memcmp(tls->opening, text, len) == 0;
}

static bool is_http(const struct tls *tls)
{
	static const char *const starts[] = { "GET ", "HEAD ", "POST ", "PUT ", "OPTIONS ",
		"CONNECT ", "HTTP/", "PRI * " };

	for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
		if (opens_with(tls, starts[i]))
			return true;
	}
	return false;
}

static void explain_not_tls(const struct tls *tls, struct problem *problem)
{
	char shown[4 * sizeof(tls->opening) + 1];

	problem_escape(shown, sizeof(shown), tls->opening, tls->opening_len);
	if (is_http(tls))
		problem_set(problem,
			"the other end does not speak TLS but plain HTTP (it began with \"%s\")",
			shown);
	else if (opens_with(tls, "SSH-"))
		problem_set(problem, "the other end does not speak TLS but SSH");
	else
		problem_set(
			problem, "the other end does not speak TLS (it began with \"%s\")", shown);
}

static const char *find_reason(unsigned long code)
{
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
		if (ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == reasons[i].reason)
			return reasons[i].text;
	}
	return NULL;
}

static const char *reason_text(unsigned long code)
{
	const char *text = code ? ERR_reason_error_string(code) : NULL;

	return text ? text : "unknown error";
}

void tls_text_connection(const struct tls *tls, struct problem *problem)
{
	unsigned long first = ERR_peek_error();
	unsigned long code;

	if (!tls->established && !is_tls(tls)) {
		ERR_clear_error();
		explain_not_tls(tls, problem);
		return;
	}
	problem_set(problem, "TLS failed: %s", reason_text(first));
	while ((code = ERR_get_error()) != 0) {
		int reason = ERR_GET_REASON(code);
		const char *text = find_reason(code);

		/*
		 * A received alert is an error of the same number plus an offset
		 * (SSL_AD_REASON_OFFSET).
		 */
		if (ERR_GET_LIB(code) == ERR_LIB_SSL && reason >= SSL_AD_REASON_OFFSET &&
			reason < SSL_AD_REASON_OFFSET + 256)
			explain_alert(tls, reason - SSL_AD_REASON_OFFSET, problem);
		else if (text)
			problem_set(problem, "%s", text);
		else
			continue;
		break;
	}
	ERR_clear_error();
}

const char *tls_text_queue(void)
{
	unsigned long code = ERR_peek_error();

	ERR_clear_error();
	for (size_t i = 0; i < ARRAY_SIZE(own_reasons); i++) {
		if (ERR_GET_LIB(code) == ERR_LIB_SSL &&
			ERR_GET_REASON(code) == own_reasons[i].reason)
			return own_reasons[i].text;
	}
	return reason_text(code);
}
