/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <stdlib.h>

#include "base/str.h"
#include "contract/event_message.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct event_message e, again;
        struct buf text = BUF_EMPTY;
        char *body;

        if (event_message_decode((const char *)data, size, &e) < 0)
                return 0;
        body = e.data ? json_dumps(e.data, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
        event_message_encode(&text, e.id, e.type, e.subject, e.time, e.offset, e.version, e.request_id, body);
        fuzz_check(event_message_decode(buf_bytes(&text), buf_size(&text), &again) == 0);
        fuzz_check(streq(again.id, e.id) && streq(again.type, e.type));
        fuzz_check(streq_ptr(again.subject, e.subject) && streq_ptr(again.time, e.time));
        fuzz_check(again.offset == e.offset && again.version == e.version);
        fuzz_check(!e.data == !again.data);
        event_message_done(&again);
        event_message_done(&e);
        buf_done(&text);
        free(body);
        return 0;
}
