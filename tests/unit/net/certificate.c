/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* in this order */
#include <cmocka.h>
#include <gnutls/x509.h>
#include <stdlib.h>
#include <string.h>

#include "certificate.h"

static char *export_text(gnutls_datum_t datum)
{
        char *text = strndup((char *)datum.data, datum.size);

        gnutls_free(datum.data);
        return text;
}

void test_certificate(char **ret_certificate, char **ret_key)
{
        gnutls_x509_privkey_t key;
        gnutls_x509_crt_t crt;
        gnutls_datum_t pem;

        assert_int_equal(gnutls_x509_privkey_init(&key), 0);
        assert_int_equal(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
                                                      GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
                         0);
        assert_int_equal(gnutls_x509_crt_init(&crt), 0);
        assert_int_equal(gnutls_x509_crt_set_version(crt, 3), 0);
        assert_int_equal(gnutls_x509_crt_set_serial(crt, "\1", 1), 0);
        assert_int_equal(gnutls_x509_crt_set_activation_time(crt, 0), 0);
        assert_int_equal(gnutls_x509_crt_set_expiration_time(crt, INT32_MAX), 0);
        assert_int_equal(gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, "test", 4), 0);
        assert_int_equal(gnutls_x509_crt_set_key(crt, key), 0);
        assert_int_equal(gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0), 0);
        assert_int_equal(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem), 0);
        *ret_certificate = export_text(pem);
        assert_int_equal(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem), 0);
        *ret_key = export_text(pem);
        gnutls_x509_crt_deinit(crt);
        gnutls_x509_privkey_deinit(key);
}
