/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Metadata as it came, of a call or an ask. */

#include <stdint.h>

#include "base/arena.h"

#define RPC_METADATA_MAX 16384 /* bytes of one's headers as HTTP/2 counts them; a token takes 100 */
#define RPC_HEADER_OVERHEAD 32 /* of each, RFC 9113 section 10.5.1 */

struct rpc_header {
        struct rpc_header *next;
        const char *name, *value; /* in the arena */
};

/* NULL when out of memory. */
struct rpc_header *rpc_header_new(struct arena *a, const uint8_t *name, size_t name_size,
                                  const uint8_t *value, size_t value_size);
