/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CA in `ca` that another CA has issued, and without that other one there, is trusted like a root.
 *
 * X509_V_FLAG_PARTIAL_CHAIN would do that for every certificate in the store. Then a chain would end
 * at an intermediate CA although its root is there, too, and nothing would ask whether the root has
 * revoked it. So trust is given to single certificates.
 *
 * No list can be asked for such a CA: only its issuer could sign one, and is not known here. It is
 * trusted because it is in `ca`, and taking it out there ends that. What it has issued is held
 * against its own list like everything else.
 */
#include "system/tls_internal.h"

#include <errno.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

static bool has_issuer(X509 *authority, STACK_OF(X509) * authorities)
{
	for (int i = 0; i < sk_X509_num(authorities); i++) {
		X509 *other = sk_X509_value(authorities, i);

		if (X509_check_issued(other, authority) == X509_V_OK &&
			X509_verify(authority, X509_get0_pubkey(other)) == 1)
			return true;
	}
	ERR_clear_error(); /* of a CA with the issuer's name and another key */
	return false;
}

int tls_anchor_trust(X509 *authority, STACK_OF(X509) * authorities)
{
	ASN1_OBJECT *any;

	if (has_issuer(authority, authorities)) /* also itself */
		return 0;
	any = OBJ_nid2obj(NID_anyExtendedKeyUsage);
	return X509_add1_trust_object(authority, any) == 1 ? 0 : -ENOMEM;
}

static bool has_no_list(X509_STORE_CTX *store)
{
	STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(store);
	int depth = X509_STORE_CTX_get_error_depth(store);
	X509 *certificate = X509_STORE_CTX_get_current_cert(store);

	if (depth == 0 || depth != sk_X509_num(chain) - 1 || !certificate ||
		(X509_get_extension_flags(certificate) & EXFLAG_SS))
		return false;
	switch (X509_STORE_CTX_get_error(store)) {
	/* A list of the issuer may be there. Without its key it cannot be verified. */
	case X509_V_ERR_UNABLE_TO_GET_CRL:
	case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
	case X509_V_ERR_CRL_SIGNATURE_FAILURE:
	case X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE:
	case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
	case X509_V_ERR_DIFFERENT_CRL_SCOPE:
	case X509_V_ERR_CRL_HAS_EXPIRED:
	case X509_V_ERR_CRL_NOT_YET_VALID:
		return true;
	default:
		return false;
	}
}

int tls_anchor_pass(int is_good, X509_STORE_CTX *store)
{
	if (is_good || !has_no_list(store))
		return is_good;
	X509_STORE_CTX_set_error(store, X509_V_OK);
	return 1;
}
