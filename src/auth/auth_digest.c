/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "auth/auth_digest.h"

#include <assert.h>
#include <sodium.h>

#include "base/str.h"

static_assert(sizeof(crypto_hash_sha256_state) <= sizeof(struct auth_digest),
              "the opaque state is too small");
static_assert(AUTH_DIGEST_BYTES == crypto_hash_sha256_BYTES, "SHA-256 has 32 bytes");

static crypto_hash_sha256_state *state_of(struct auth_digest *d)
{
        return (crypto_hash_sha256_state *)(void *)d->state;
}

void auth_digest_init(struct auth_digest *d)
{
        crypto_hash_sha256_init(state_of(d));
}

void auth_digest_add(struct auth_digest *d, const void *p, size_t n)
{
        if (n > 0)
                crypto_hash_sha256_update(state_of(d), p, n);
}

void auth_digest_hex(struct auth_digest *d, char out[AUTH_DIGEST_HEX_SIZE])
{
        unsigned char digest[AUTH_DIGEST_BYTES];

        crypto_hash_sha256_final(state_of(d), digest);
        hex_encode(digest, sizeof(digest), out);
}
