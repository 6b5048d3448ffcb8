/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>

#include "base/str.h"
#include "products/product_input.h"

void product_input_not_found(struct http_request *r, const char *code)
{
        if (product_code_is_valid(code))
                http_reply_problem(r, 404, "not-found", "there is no product %s", code);
        else
                http_reply_problem(r, 404, "not-found", "this is no product code");
}

int product_input_code(struct http_request *r, const char **ret)
{
        const char *code = http_request_segment(r, "code");

        if (!product_code_is_valid(code)) {
                product_input_not_found(r, code);
                return 1;
        }
        *ret = code;
        return 0;
}

int product_input_body(struct http_request *r, enum product_form form, const char *target,
                       struct product *ret)
{
        struct field_errors errors;
        const char *text;
        size_t n;
        int k;

        errors.n_errors = 0;
        text = http_request_body(r, &n);
        k = product_decode(text, n, form, ret, &errors);
        if (k < 0 && k != -EBADMSG)
                return k;
        if (target && ret->code && !streq(ret->code, target))
                field_errors_add(&errors, "/code", "is fixed: the path says %s", target);
        if (errors.n_errors == 0)
                return 0;
        http_reply_invalid(r, &errors);
        return 1;
}

int product_input_create_only(struct http_request *r, bool *ret)
{
        const char *header = http_request_header(r, "If-None-Match");

        if (header && !streq(header, "*")) {
                struct field_errors errors = {.n_errors = 0};

                field_errors_add(&errors, "If-None-Match", "must be * on a write");
                http_reply_invalid(r, &errors);
                return 1;
        }
        *ret = header;
        return 0;
}

int product_input_session_error(struct http_request *r, const struct pg_session *session)
{
        http_request_log_field(r, "SQLSTATE", session->sqlstate);
        http_request_log_field(r, "DATABASE_ERROR", session->error);
        return pg_sqlstate_is_passing(session->sqlstate) ? -EBUSY : -EIO;
}
