/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* GnuTLS: a server's certificate by credential, `tls.crt` (chain, PEM) and `tls.key`; or a client's trust.
 * AEAD suites, TLS 1.2 and later. */

#include <stddef.h>

#include "base/macro.h"

struct net_tls {
        struct gnutls_certificate_credentials_st *credentials; /* owned */
        struct gnutls_priority_st *priority;                   /* owned */
        char *host;       /* owned; a client: the name or address that the certificate must be for */
        const char *alpn; /* borrowed; NULL: any. Others fail the handshake, RFC 7301 */
};

/* 0; -ENOENT without the credentials; -EBADMSG for what GnuTLS does not take. */
int net_tls_load(struct net_tls **ret);
/* The same from PEM texts. */
int net_tls_new(struct net_tls **ret, const char *certificate, const char *key);
/* For a client of `host`, who trusts the authorities in `ca_file`, NULL: the system's. 0; -ENOENT: there is
 * no such file; -EBADMSG: no certificate in it. */
int net_tls_client_new(struct net_tls **ret, const char *host, const char *ca_file);
struct net_tls *net_tls_free(struct net_tls *tls);
DEFINE_FREEP(struct net_tls, net_tls_free)
