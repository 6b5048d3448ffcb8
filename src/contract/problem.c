/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>

#include "base/macro.h"
#include "contract/names.h"
#include "contract/problem.h"
#include "json/jwrite.h"

static const struct {
        unsigned status;
        const char *title;
} titles[] = {
        {400, "Bad request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not found"},
        {405, "Method not allowed"},
        {406, "Not acceptable"},
        {408, "Request timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length required"},
        {412, "Precondition failed"},
        {413, "Content too large"},
        {414, "URI too long"},
        {415, "Unsupported media type"},
        {422, "Unprocessable content"},
        {429, "Too many requests"},
        {431, "Request header fields too large"},
        {500, "Internal server error"},
        {501, "Not implemented"},
        {502, "Bad gateway"},
        {503, "Service unavailable"},
        {504, "Gateway timeout"},
};

const char *problem_title(unsigned status)
{
        for (size_t i = 0; i < ARRAY_SIZE(titles); i++)
                if (titles[i].status == status)
                        return titles[i].title;
        return status >= 500 ? "Server error" : "Request error";
}

void problem_write(struct buf *out, unsigned status, const char *slug, const char *detail,
                   const struct field_errors *errors)
{
        struct jwrite w = jwrite_to(out);

        jwrite_object_begin(&w);
        jwrite_key(&w, "type");
        jwrite_raw(&w, "\"" PROBLEM_PREFIX, sizeof("\"" PROBLEM_PREFIX) - 1);
        buf_append_str(out, slug);
        buf_append_char(out, '"');
        jwrite_pair(&w, "title", problem_title(status));
        jwrite_key(&w, "status");
        jwrite_int(&w, (int64_t)status);
        if (detail)
                jwrite_pair(&w, "detail", detail);
        if (errors && errors->n_errors > 0) {
                jwrite_key(&w, "errors");
                jwrite_array_begin(&w);
                for (size_t i = 0; i < errors->n_errors; i++) {
                        jwrite_object_begin(&w);
                        jwrite_pair(&w, "path", errors->errors[i].path);
                        jwrite_pair(&w, "reason", errors->errors[i].reason);
                        jwrite_object_end(&w);
                }
                jwrite_array_end(&w);
        }
        jwrite_object_end(&w);
}

unsigned problem_of_error(int error, const char **ret_slug, const char **ret_detail)
{
        static const struct {
                int error;
                const char *slug, *detail;
        } known[] = {
                {-ENOTCONN, "unavailable", "something that this needs is down; nothing was done"},
                {-EBUSY, "overloaded", "too much waits already; nothing was done"},
                {-ETIMEDOUT, "timeout", "it took too long"},
                {-ESTALE, "schema-pending", "the database is older than this program and not migrated yet"},
                {-EPROTONOSUPPORT, "schema-too-new", "the database is newer than this program"},
                {-ECONNRESET, "outcome-unknown",
                 "a connection broke after this was sent; it may or may not have been done"},
                {-ECANCELED, "shutting-down", "this process is leaving; the next one answers"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(known); i++)
                if (known[i].error == error) {
                        *ret_slug = known[i].slug;
                        *ret_detail = known[i].detail;
                        return 503;
                }
        *ret_slug = "internal";
        *ret_detail = NULL;
        return 500;
}
