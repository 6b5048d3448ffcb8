/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "fuzz.h"
#include "rpc/rpc_codec.h"
#include "tests/lib/echo.pb-c.h"

/* What the scan lets through unpacks, and packs to what unpacks again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const ProtobufCMessageDescriptor *type = &lonja__test__echo_request__descriptor;
        struct ProtobufCMessage *m, *again;
        struct buf out = BUF_EMPTY;
        size_t heap;

        if (rpc_codec_decode(type, data, size, &m, &heap) < 0)
                return 0;
        if (rpc_codec_encode(&out, m, rpc_codec_size(m)) == 0) {
                fuzz_check(rpc_codec_decode(type, buf_bytes(&out), buf_size(&out), &again, &heap) == 0);
                rpc_codec_free(again);
        }
        buf_done(&out);
        rpc_codec_free(m);
        return 0;
}
