/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "fuzz.h"
#include "web/web_cursor.h"

/* First line: the context; the rest: the cursor. What decodes is exactly what its content encodes to. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *text = memdup_str(data, size), *again = NULL;
        struct buf out = BUF_EMPTY;
        struct web_cursor c;
        char *cursor;

        if (!text)
                return 0;
        cursor = text + strcspn(text, "\n");
        if (*cursor)
                *cursor++ = '\0';
        if (web_cursor_decode(cursor, text, &c) < 0)
                return 0;
        fuzz_check(c.n_keys <= WEB_CURSOR_KEYS_MAX);
        web_cursor_encode(&out, text, &c);
        again = buf_take(&out, NULL);
        fuzz_check(again);
        web_cursor_done(&c);
        fuzz_check(web_cursor_decode(again, text, &c) == 0);
        web_cursor_done(&c);
        return 0;
}
