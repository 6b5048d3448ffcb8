/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "contract/bridge_frame.h"
#include "fuzz.h"

/* A frame that was understood can be written and is understood again. */
static void check_request(struct bridge_request *request)
{
        struct buf text = BUF_EMPTY;
        struct bridge_request again;
        char reason[160];

        bridge_request_encode(&text, request->verb, request->type, request->path, NULL);
        fuzz_check(buf_error(&text) == 0);
        /* Escapes may make PATH longer than what was read. */
        if (buf_size(&text) <= BRIDGE_LINE_MAX) {
                fuzz_check(bridge_request_decode(buf_bytes(&text), buf_size(&text) - 1, &again, reason) == 0);
                fuzz_check(streq(again.verb, request->verb) && streq(again.type, request->type));
                fuzz_check(json_equal(again.path, request->path));
                bridge_request_done(&again);
        }
        buf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const char *text = (const char *)data;
        struct bridge_request request;
        struct bridge_answer answer;
        char reason[160] = "";
        int r;

        r = bridge_request_decode(text, size, &request, reason);
        if (r == 0) {
                fuzz_check(bridge_request_is_complete(text, size));
                check_request(&request);
                bridge_request_done(&request);
        } else
                fuzz_check(*reason && utf8_is_valid(reason, strlen(reason)));
        if (bridge_answer_decode(text, size, &answer) == 0)
                fuzz_check(answer.data >= text && answer.data + answer.data_size == text + size);
        return 0;
}
