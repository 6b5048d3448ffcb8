/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* A token is 256 random bits, so a plain hash protects it: there is nothing to guess, and the check stays one
 * primary-key read. */

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "auth/auth.h"
#include "base/id.h"
#include "base/str.h"

#define TOKEN_PREFIX "lj_" /* secret scanners can find it */
#define TOKEN_BYTES 32
#define TOKEN_BASE64 43 /* of 32 bytes, unpadded */

static_assert(sizeof(TOKEN_PREFIX) + TOKEN_BASE64 <= AUTH_TOKEN_SIZE, "a token must fit");
static_assert(AUTH_TOKEN_HASH_BYTES == crypto_hash_sha256_BYTES, "tokens are stored as SHA-256");

int auth_token_make(char ret_token[AUTH_TOKEN_SIZE], uint8_t ret_hash[AUTH_TOKEN_HASH_BYTES])
{
        unsigned char secret[TOKEN_BYTES];

        random_bytes(secret, sizeof(secret));
        memcpy(ret_token, TOKEN_PREFIX, sizeof(TOKEN_PREFIX));
        sodium_bin2base64(ret_token + strlen(TOKEN_PREFIX), AUTH_TOKEN_SIZE - strlen(TOKEN_PREFIX), secret,
                          sizeof(secret), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
        crypto_hash_sha256(ret_hash, secret, sizeof(secret));
        sodium_memzero(secret, sizeof(secret));
        return 0;
}

int auth_token_hash(const char *token, uint8_t ret_hash[AUTH_TOKEN_HASH_BYTES])
{
        unsigned char secret[TOKEN_BYTES];
        const char *text = startswith(token, TOKEN_PREFIX);
        size_t n = 0;

        if (!text || strnlen(text, TOKEN_BASE64 + 1) != TOKEN_BASE64)
                return -EINVAL;
        if (sodium_base642bin(secret, sizeof(secret), text, TOKEN_BASE64, NULL, &n, NULL,
                              sodium_base64_VARIANT_URLSAFE_NO_PADDING) < 0 ||
            n != sizeof(secret))
                return -EINVAL;
        crypto_hash_sha256(ret_hash, secret, sizeof(secret));
        sodium_memzero(secret, sizeof(secret));
        return 0;
}
