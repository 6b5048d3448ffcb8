/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <gnutls/gnutls.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "net/net_tls.h"
#include "service/service.h"

#define PRIORITY                                                                                             \
        "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-CIPHER-ALL:+AES-256-GCM:+AES-128-GCM:+CHACHA20-"        \
        "POLY1305"

static gnutls_datum_t as_datum(const char *text)
{
        return (gnutls_datum_t){.data = (unsigned char *)text, .size = (unsigned)strlen(text)};
}

static int make_credentials(struct net_tls *tls, const char *certificate_pem, const char *key_pem)
{
        const gnutls_datum_t certificate = as_datum(certificate_pem), key = as_datum(key_pem);

        if (gnutls_certificate_allocate_credentials(&tls->credentials) < 0)
                return -ENOMEM;
        if (gnutls_certificate_set_x509_key_mem(tls->credentials, &certificate, &key, GNUTLS_X509_FMT_PEM) <
            0)
                return -EBADMSG;
        return gnutls_priority_init(&tls->priority, PRIORITY, NULL) < 0 ? -EBADMSG : 0;
}

int net_tls_new(struct net_tls **ret, const char *certificate, const char *key)
{
        _cleanup_(net_tls_freep) struct net_tls *tls = NULL;
        int r;

        tls = new0(struct net_tls, 1);
        if (!tls)
                return -ENOMEM;
        r = make_credentials(tls, certificate, key);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(tls);
        return 0;
}

int net_tls_load(struct net_tls **ret)
{
        _cleanup_free_ char *certificate = NULL, *key = NULL;
        int r;

        r = service_credential("tls.crt", &certificate);
        if (r < 0)
                return r;
        r = service_credential("tls.key", &key);
        if (r < 0)
                return r;
        return net_tls_new(ret, certificate, key);
}

static int trust(struct net_tls *tls, const char *ca_file)
{
        int n;

        if (gnutls_certificate_allocate_credentials(&tls->credentials) < 0)
                return -ENOMEM;
        if (ca_file && access(ca_file, R_OK) < 0)
                return -errno;
        n = ca_file ? gnutls_certificate_set_x509_trust_file(tls->credentials, ca_file, GNUTLS_X509_FMT_PEM)
                    : gnutls_certificate_set_x509_system_trust(tls->credentials);
        if (n < 0 || (ca_file && n == 0))
                return -EBADMSG;
        return gnutls_priority_init(&tls->priority, PRIORITY, NULL) < 0 ? -EBADMSG : 0;
}

int net_tls_client_new(struct net_tls **ret, const char *host, const char *ca_file)
{
        _cleanup_(net_tls_freep) struct net_tls *tls = new0(struct net_tls, 1);
        int r;

        if (!tls)
                return -ENOMEM;
        tls->host = strdup(host);
        if (!tls->host)
                return -ENOMEM;
        r = trust(tls, ca_file);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(tls);
        return 0;
}

struct net_tls *net_tls_free(struct net_tls *tls)
{
        if (!tls)
                return NULL;
        if (tls->priority)
                gnutls_priority_deinit(tls->priority);
        if (tls->credentials)
                gnutls_certificate_free_credentials(tls->credentials);
        free(tls->host);
        free(tls);
        return NULL;
}
