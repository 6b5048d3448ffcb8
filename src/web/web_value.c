/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "web/web_value.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/decimal.h"
#include "base/parse.h"

static const char *const casts[] = {
        [WEB_FIELD_TEXT] = "text",
        [WEB_FIELD_MONEY] = "numeric",
        [WEB_FIELD_TIME] = "timestamptz",
        [WEB_FIELD_INT] = "bigint",
};

const char *web_value_cast(enum web_field_type type)
{
        return casts[type];
}

int web_value_read(enum web_field_type type, const char *text, char **ret, const char **ret_reason)
{
        char time[RFC3339_SIZE];
        int64_t number;
        char *copy;
        int r = 0;

        *ret_reason = NULL;
        switch (type) {
        case WEB_FIELD_TEXT:
                break;
        case WEB_FIELD_MONEY:
                r = money_parse(text, &number);
                *ret_reason = "must be an amount such as 12.50";
                break;
        case WEB_FIELD_TIME:
                r = parse_rfc3339(text, &number);
                *ret_reason = "must be a time such as 2026-01-31T12:00:00Z";
                if (r == 0) {
                        format_rfc3339(number, time);
                        text = time;
                }
                break;
        case WEB_FIELD_INT:
                r = parse_i64(text, &number);
                *ret_reason = "must be a whole number";
                break;
        }
        if (r < 0)
                return -EBADMSG;
        copy = strdup(text);
        if (!copy)
                return -ENOMEM;
        *ret = copy;
        return 0;
}

char *web_value_like(const char *text)
{
        struct buf b = BUF_EMPTY;

        buf_append_char(&b, '%');
        for (; *text; text++) {
                if (strchr("%_\\", *text))
                        buf_append_char(&b, '\\');
                buf_append_char(&b, *text);
        }
        buf_append_char(&b, '%');
        return buf_take(&b, NULL);
}
