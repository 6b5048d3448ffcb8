/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include "net/net_digest.h"

int net_sha1(const void *p, size_t n, uint8_t ret[NET_SHA1_BYTES])
{
        return gnutls_hash_fast(GNUTLS_DIG_SHA1, p, n, ret) < 0 ? -EIO : 0;
}
