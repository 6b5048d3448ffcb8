/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <string.h>

#include "base/alloc.h"
#include "fuzz.h"
#include "web/web_plan.h"

static const struct web_field fields[] = {
        {"code", "code", WEB_FIELD_TEXT, true, true, true},
        {"price", "price", WEB_FIELD_MONEY, true, true, false},
        {"at", "at", WEB_FIELD_TIME, true, true, false},
        {"version", "version", WEB_FIELD_INT, true, true, false},
        {"description", "description", WEB_FIELD_TEXT, false, false, true},
        {NULL},
};
static const struct web_list_resource resource = {
        .path = "/api/things", .columns = "code, price", .n_columns = 2, .from = "thing", .fields = fields};

/* Every letter of the statement is one of ours: none of these is, and each would be needed to say more. */
static void check_sql(const char *sql)
{
        fuzz_check(!strpbrk(sql, "'\"\\;%\n-/*+"));
        fuzz_check(strlen(sql) < 1024);
}

/* A cursor of this very list is accepted by it. */
static void check_link(const struct web_plan *p)
{
        struct field_errors errors = {.n_errors = 0};
        struct web_cursor end = {.backward = true};
        _cleanup_free_ char *url = NULL;
        struct buf link = BUF_EMPTY;
        struct url_query query;
        struct web_plan again;
        const char *text;

        web_plan_link(p, &link, &end);
        url = buf_take(&link, NULL);
        fuzz_check(url);
        text = strchr(url, '?') + 1;
        fuzz_check(url_query_parse(text, strlen(text), &query) == 0);
        fuzz_check(web_plan_make(&again, &resource, &query, "/", NULL, &errors) == 0);
        fuzz_check(again.limit == p->limit && again.order == p->order && again.has_count == p->has_count);
        web_plan_done(&again);
        url_query_done(&query);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct field_errors errors = {.n_errors = 0};
        struct url_query query;
        struct web_plan p;

        if (url_query_parse((const char *)data, size, &query) < 0)
                return 0;
        if (web_plan_make(&p, &resource, &query, "/", NULL, &errors) == 0) {
                check_sql(p.page_sql);
                if (p.count_sql)
                        fuzz_check(strncmp(p.count_sql, "SELECT count(*) FROM", 20) == 0);
                fuzz_check(p.n_params <= PG_PARAMS_MAX);
                check_link(&p);
                web_plan_done(&p);
        } else
                fuzz_check(errors.n_errors > 0);
        url_query_done(&query);
        return 0;
}
