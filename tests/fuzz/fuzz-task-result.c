/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <stdlib.h>

#include "base/str.h"
#include "contract/task_result_message.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct buf text = BUF_EMPTY, line = BUF_EMPTY;
        struct task_result r, again;
        char *result;

        if (task_result_decode((const char *)data, size, &r) < 0)
                return 0;
        task_result_describe(&line, &r);
        result = json_dumps(r.result, JSON_COMPACT | JSON_ENCODE_ANY);
        fuzz_check(result);
        task_result_encode(&text, r.task_id, r.status, result);
        fuzz_check(task_result_decode(buf_bytes(&text), buf_size(&text), &again) == 0);
        fuzz_check(streq(again.task_id, r.task_id) && again.status == r.status);
        fuzz_check(json_equal(again.result, r.result));
        task_result_done(&again);
        task_result_done(&r);
        buf_done(&text);
        buf_done(&line);
        free(result);
        return 0;
}
