/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "rpc/rpc_header.h"

struct rpc_header *rpc_header_new(struct arena *a, const uint8_t *name, size_t name_size,
                                  const uint8_t *value, size_t value_size)
{
        struct rpc_header *h = arena_alloc(a, sizeof(*h));

        if (!h)
                return NULL;
        *h = (struct rpc_header){
                .name = arena_memdup_str(a, name, name_size),
                .value = arena_memdup_str(a, value, value_size),
        };
        return h->name && h->value ? h : NULL;
}
