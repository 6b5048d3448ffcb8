/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "web/web_input.h"

#include <string.h>
#include <strings.h>

#include "base/str.h"

static bool is_known(const char *const *known, const char *key)
{
        for (; known && *known; known++)
                if (streq(*known, key))
                        return true;
        return false;
}

int web_input_parameters(struct http_request *r, const char *const *known)
{
        const struct url_query *query = http_request_query(r);
        struct field_errors errors;

        errors.n_errors = 0;
        for (size_t i = 0; i < query->n_params; i++) {
                const char *key = query->params[i].key;

                if (!is_known(known, key))
                        field_errors_add(&errors, key, "is not a parameter of this resource");
                else if (url_query_get(query, key) != query->params[i].value)
                        field_errors_add(&errors, key, "must not be given twice");
        }
        if (errors.n_errors == 0)
                return 0;
        http_reply_invalid(r, &errors);
        return 1;
}

/* "text/csv; charset=utf-8" is text/csv. */
static bool media_is(const char *header, const char *type)
{
        size_t n = strlen(type);

        return strncasecmp(header, type, n) == 0 && strchr("; \t", header[n]);
}

int web_input_media(struct http_request *r, const char *const *types, size_t *ret_index)
{
        const char *header = http_request_header(r, "Content-Type");

        for (size_t i = 0; header && types[i]; i++)
                if (media_is(header, types[i])) {
                        *ret_index = i;
                        return 0;
                }
        http_reply_problem(r, 415, "unsupported-media-type", "Content-Type must be %s%s%s", types[0],
                           types[1] ? " or " : "", types[1] ? types[1] : "");
        return 1;
}
