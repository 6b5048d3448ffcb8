/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "base/alloc.h"
#include "fuzz.h"
#include "rpc/proto_wire.h"

/* A symbol, a NUL, and a descriptor set: what is found lies in the set. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *symbol = memdup_str(data, size);
        struct proto_wire found;
        size_t n;

        if (!symbol)
                return 0;
        n = strlen(symbol) + 1;
        if (n > size)
                return 0;
        if (proto_set_find_symbol(proto_wire_of(data + n, size - n), symbol, &found) == 0)
                fuzz_check(found.at >= data + n && found.end <= data + size);
        if (proto_set_find_file(proto_wire_of(data + n, size - n), symbol, &found) == 0)
                fuzz_check(found.at >= data + n && found.end <= data + size);
        return 0;
}
