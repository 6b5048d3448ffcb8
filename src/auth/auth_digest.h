/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* SHA-256 in pieces: what an Idempotency-Key is bound to, also for streams. */

#include <stddef.h>
#include <stdint.h>

#define AUTH_DIGEST_BYTES 32
#define AUTH_DIGEST_HEX_SIZE 65

struct auth_digest {
        uint64_t state[16]; /* of the library; its size is checked where it is used */
};

void auth_digest_init(struct auth_digest *d);
void auth_digest_add(struct auth_digest *d, const void *p, size_t n);
/* Ends it. Lower-case hex with a NUL. */
void auth_digest_hex(struct auth_digest *d, char out[AUTH_DIGEST_HEX_SIZE]);
