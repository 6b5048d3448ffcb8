/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "fuzz.h"
#include "rpc/grpc_frame.h"

/* What decodes encodes to what decodes to the same; text in headers survives its escapes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *text = memdup_str(data, size), *copy = NULL;
        _cleanup_free_ uint8_t *bytes = malloc(size / 4 * 3 + 3);
        struct buf out = BUF_EMPTY;
        struct grpc_prefix prefix;
        char timeout[GRPC_TIMEOUT_SIZE];
        usec_t usec, again;
        size_t n;

        if (!text || !bytes)
                return 0;
        if (grpc_prefix_decode(data, size, &prefix) == 0 && !prefix.is_compressed) {
                uint8_t encoded[GRPC_PREFIX_BYTES];

                grpc_prefix_encode(prefix.size, encoded);
                fuzz_check(memcmp(encoded, data, sizeof(encoded)) == 0);
        }
        if (grpc_timeout_decode(text, &usec) == 0) {
                grpc_timeout_encode(usec, timeout);
                fuzz_check(grpc_timeout_decode(timeout, &again) == 0 && again <= usec);
        }
        (void)grpc_content_type_is_ours(text);
        (void)grpc_name_is_valid(text);
        grpc_message_encode(&out, text);
        buf_append_char(&out, '\0');
        if (buf_error(&out) == 0) {
                grpc_message_decode(buf_bytes(&out));
                fuzz_check(strcmp(buf_bytes(&out), text) == 0);
        }
        buf_done(&out);
        copy = memdup_str(text, strlen(text));
        if (copy)
                grpc_message_decode(copy);
        if (grpc_base64_decode(text, strlen(text), bytes, &n) == 0) {
                size_t bare = strcspn(text, "=");

                grpc_base64_encode(&out, bytes, n);
                fuzz_check(buf_error(&out) < 0 || (buf_size(&out) >= bare &&
                                                   (bare == 0 || memcmp(buf_bytes(&out), text, bare) == 0)));
                buf_done(&out);
        }
        return 0;
}
