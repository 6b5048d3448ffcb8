/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "base/url.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct buf text = BUF_EMPTY;
        struct url_query query, again;

        if (url_query_parse((const char *)data, size, &query) < 0)
                return 0;
        for (size_t i = 0; i < query.n_params; i++) {
                fuzz_check(utf8_is_valid(query.params[i].key, strlen(query.params[i].key)));
                fuzz_check(utf8_is_valid(query.params[i].value, strlen(query.params[i].value)));
                url_encode(&text, query.params[i].key);
                buf_append_char(&text, '=');
                url_encode(&text, query.params[i].value);
                buf_append_char(&text, '&');
        }
        fuzz_check(url_query_parse(buf_size(&text) > 0 ? buf_bytes(&text) : "", buf_size(&text), &again) ==
                   0);
        fuzz_check(again.n_params == query.n_params);
        for (size_t i = 0; i < query.n_params; i++)
                fuzz_check(streq(again.params[i].key, query.params[i].key) &&
                           streq(again.params[i].value, query.params[i].value));
        url_query_done(&again);
        url_query_done(&query);
        buf_done(&text);
        return 0;
}
