/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/macro.h"
#include "web/web_plan.h"

static const struct web_field fields[] = {
        {"code", "code", WEB_FIELD_TEXT, true, true, true},
        {"price", "price", WEB_FIELD_MONEY, true, true, false},
        {"created_at", "created_at", WEB_FIELD_TIME, true, true, false},
        {"version", "version", WEB_FIELD_INT, false, true, false},
        {"description", "description", WEB_FIELD_TEXT, false, false, true},
        {NULL},
};
static const struct web_list_resource things = {
        .path = "/api/things",
        .columns = "code, price",
        .n_columns = 2,
        .from = "thing",
        .where = "deleted_at IS NULL",
        .fields = fields,
};
static const struct web_list_resource below = {
        .columns = "at",
        .n_columns = 1,
        .from = "part",
        .where = "thing = $1",
        .segment = "code",
        .fields = fields,
};

static int make(struct web_plan *p, const struct web_list_resource *resource, const char *text,
                struct field_errors *errors)
{
        struct url_query query;
        int r;

        errors->n_errors = 0;
        assert_int_equal(url_query_parse(text, strlen(text), &query), 0);
        r = web_plan_make(p, resource, &query, "/api/things/A1/parts", "A1", errors);
        url_query_done(&query);
        return r;
}

static void check_sql(const char *text, const char *sql)
{
        struct field_errors errors;
        struct web_plan p;

        assert_int_equal(make(&p, &things, text, &errors), 0);
        assert_string_equal(p.page_sql, sql);
        web_plan_done(&p);
}

/* Each parameter becomes its piece of the statement; no value ever becomes text of it. */
static void test_statements(void **state)
{
        check_sql("", "SELECT code, price, (code)::text AS web_key FROM thing WHERE (deleted_at IS NULL)"
                      " ORDER BY code LIMIT 101");
        check_sql("limit=2&ordering=-price", "SELECT code, price, (price)::text AS web_key, (code)::text AS "
                                             "web_key FROM thing WHERE (deleted_at IS NULL)"
                                             " ORDER BY price DESC, code DESC LIMIT 3");
        check_sql("ordering=created_at",
                  "SELECT code, price, rfc3339(created_at) AS web_key, (code)::text AS web_key FROM thing"
                  " WHERE (deleted_at IS NULL) ORDER BY created_at, code LIMIT 101");
        check_sql("price__gte=1&code=x'--&price__lte=2.5",
                  "SELECT code, price, (code)::text AS web_key FROM thing WHERE (deleted_at IS NULL)"
                  " AND code = $1::text AND price >= $2::numeric AND price <= $3::numeric"
                  " ORDER BY code LIMIT 101");
        check_sql("search=a&version=3",
                  "SELECT code, price, (code)::text AS web_key FROM thing WHERE (deleted_at IS NULL)"
                  " AND version = $1::bigint AND (code ILIKE $2::text OR description ILIKE $2::text)"
                  " ORDER BY code LIMIT 101");
        check_sql("search=",
                  "SELECT code, price, (code)::text AS web_key FROM thing WHERE (deleted_at IS NULL)"
                  " ORDER BY code LIMIT 101");
}

/* Values are parameters: text as it came, LIKE's signs escaped, times in one form. */
static void test_parameters(void **state)
{
        struct field_errors errors;
        struct web_plan p;

        assert_int_equal(make(&p, &things,
                              "code=a%25%27b&created_at__gte=2026-01-31T12:00:00%2B02:00&search=50%25_%5C",
                              &errors),
                         0);
        assert_int_equal(p.n_params, 3);
        assert_string_equal(p.params[0], "a%'b");
        assert_string_equal(p.params[1], "2026-01-31T10:00:00.000000Z");
        assert_string_equal(p.params[2], "%50\\%\\_\\\\%");
        web_plan_done(&p);
}

/* The count takes the filters, not the page. */
static void test_count(void **state)
{
        struct field_errors errors;
        struct web_plan p;

        assert_int_equal(make(&p, &things, "count=true&code=A&ordering=price", &errors), 0);
        assert_string_equal(p.count_sql,
                            "SELECT count(*) FROM thing WHERE (deleted_at IS NULL) AND code = $1::text");
        assert_int_equal(p.n_filter_params, 1);
        web_plan_done(&p);
        assert_int_equal(make(&p, &things, "count=false", &errors), 0);
        assert_null(p.count_sql);
        web_plan_done(&p);
}

/* A list below a thing: the thing is the first parameter, and links keep the request's own path. */
static void test_below(void **state)
{
        struct field_errors errors;
        struct web_plan p;

        assert_int_equal(make(&p, &below, "price=3&count=true", &errors), 0);
        assert_string_equal(p.page_sql, "SELECT at, (code)::text AS web_key FROM part WHERE (thing = $1)"
                                        " AND price = $2::numeric ORDER BY code LIMIT 101");
        assert_string_equal(p.params[0], "A1");
        assert_int_equal(p.n_filter_params, 2);
        assert_string_equal(p.path, "/api/things/A1/parts");
        web_plan_done(&p);
}

/* A cursor continues behind its row, or before it, in the same ordering; its link keeps every other
 * parameter. */
static void test_pages(void **state)
{
        static const struct {
                bool backward;
                const char *ordering, *where, *order_by;
        } cases[] = {
                {false, "price", "(price, code) > ($2::numeric, $3::text)", "price, code"},
                {false, "-price", "(price, code) < ($2::numeric, $3::text)", "price DESC, code DESC"},
                {true, "price", "(price, code) < ($2::numeric, $3::text)", "price DESC, code DESC"},
                {true, "-price", "(price, code) > ($2::numeric, $3::text)", "price, code"},
                {false, "-code", "code < $2::text", "code DESC"},
                {true, "code", "code < $2::text", "code DESC"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct web_cursor c = {.backward = cases[i].backward,
                                       .keys = {(char *)"12.50", (char *)"A1"}};
                struct buf link = BUF_EMPTY;
                _cleanup_free_ char *url = NULL;
                char text[128], sql[512];
                struct field_errors errors;
                struct web_plan p;

                snprintf(text, sizeof(text), "search=x%%26y&limit=5&ordering=%s", cases[i].ordering);
                assert_int_equal(make(&p, &things, text, &errors), 0);
                c.n_keys = p.n_keys;
                web_plan_link(&p, &link, &c);
                web_plan_done(&p);
                url = buf_take(&link, NULL);
                snprintf(text, sizeof(text),
                         "/api/things?limit=5&ordering=%s&search=x%%26y&cursor=", cases[i].ordering);
                assert_memory_equal(url, text, strlen(text));
                assert_int_equal(make(&p, &things, strchr(url, '?') + 1, &errors), 0);
                assert_true(p.has_cursor);
                snprintf(sql, sizeof(sql), " AND %s ORDER BY %s LIMIT 6", cases[i].where, cases[i].order_by);
                assert_non_null(strstr(p.page_sql, sql));
                assert_int_equal(p.n_filter_params, 1);
                assert_int_equal(p.n_params, 1 + p.n_keys);
                assert_string_equal(p.params[p.n_params - 1], p.n_keys == 1 ? "12.50" : "A1");
                web_plan_done(&p);
        }
}

/* A cursor goes with its ordering and its filters, not with its limit or count. */
static void test_cursor_binding(void **state)
{
        struct web_cursor c = {.n_keys = 1, .keys = {(char *)"A1"}};
        struct buf link = BUF_EMPTY;
        _cleanup_free_ char *url = NULL;
        struct field_errors errors;
        struct web_plan p;
        char text[512];

        assert_int_equal(make(&p, &things, "code__gte=A", &errors), 0);
        web_plan_link(&p, &link, &c);
        web_plan_done(&p);
        url = buf_take(&link, NULL);
        snprintf(text, sizeof(text), "%s&limit=3&count=true", strchr(url, '?') + 1);
        assert_int_equal(make(&p, &things, text, &errors), 0);
        web_plan_done(&p);
        snprintf(text, sizeof(text), "%s&ordering=-code", strchr(url, '?') + 1);
        assert_int_equal(make(&p, &things, text, &errors), -EBADMSG);
        assert_string_equal(errors.errors[0].path, "cursor");
        snprintf(text, sizeof(text), "%s", strstr(url, "cursor="));
        assert_int_equal(make(&p, &things, text, &errors), -EBADMSG);
        assert_string_equal(errors.errors[0].path, "cursor");
}

/* Even one who makes the check right cannot bring a value of another type. */
static void test_forged_cursor(void **state)
{
        struct web_cursor c = {.n_keys = 2, .keys = {(char *)"no price", (char *)"A1"}};
        struct buf link = BUF_EMPTY;
        _cleanup_free_ char *url = NULL;
        struct field_errors errors;
        struct web_plan p;

        assert_int_equal(make(&p, &things, "ordering=price", &errors), 0);
        web_plan_link(&p, &link, &c);
        web_plan_done(&p);
        url = buf_take(&link, NULL);
        assert_int_equal(make(&p, &things, strchr(url, '?') + 1, &errors), -EBADMSG);
        assert_string_equal(errors.errors[0].path, "cursor");
}

/* Whatever is wrong is named, one by one. */
static void test_errors(void **state)
{
        static const struct {
                const char *query, *path;
        } cases[] = {
                {"limit=0", "limit"},
                {"limit=1001", "limit"},
                {"limit=-1", "limit"},
                {"limit=", "limit"},
                {"limit=2x", "limit"},
                {"ordering=", "ordering"},
                {"ordering=-", "ordering"},
                {"ordering=version", "ordering"},
                {"ordering=--code", "ordering"},
                {"ordering=code,price", "ordering"},
                {"count=1", "count"},
                {"price=abc", "price"},
                {"price__gte=-1", "price__gte"},
                {"price__lte=1.234", "price__lte"},
                {"created_at=yesterday", "created_at"},
                {"version=1.5", "version"},
                {"description=x", "description"},
                {"price__gt=1", "price__gt"},
                {"code__", "code__"},
                {"colour=red", "colour"},
                {"=x", ""},
                {"code=a&code=b", "code"},
                {"limit=1&limit=1", "limit"},
                {"cursor=", "cursor"},
                {"cursor=nonsense", "cursor"},
        };
        struct field_errors errors;
        struct web_plan p;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                assert_int_equal(make(&p, &things, cases[i].query, &errors), -EBADMSG);
                assert_int_equal(errors.n_errors, 1);
                assert_string_equal(errors.errors[0].path, cases[i].path);
        }
        assert_int_equal(make(&p, &things, "limit=x&count=y&price=z&colour=red&ordering=none", &errors),
                         -EBADMSG);
        assert_int_equal(errors.n_errors, 5);
}

/* A search in a list that has nothing to search is unknown; an endless one is too long. */
static void test_search_limits(void **state)
{
        static const struct web_field plain[] = {{"code", "code", WEB_FIELD_TEXT, true, true, false}, {NULL}};
        struct web_list_resource unsearchable = things;
        struct field_errors errors;
        struct web_plan p;
        char text[512] = "search=";

        unsearchable.fields = plain;
        assert_int_equal(make(&p, &unsearchable, "search=x", &errors), -EBADMSG);
        assert_string_equal(errors.errors[0].path, "search");
        memset(text + strlen(text), 'x', 201);
        assert_int_equal(make(&p, &things, text, &errors), -EBADMSG);
        assert_string_equal(errors.errors[0].path, "search");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_statements),    cmocka_unit_test(test_parameters),
                cmocka_unit_test(test_count),         cmocka_unit_test(test_below),
                cmocka_unit_test(test_pages),         cmocka_unit_test(test_cursor_binding),
                cmocka_unit_test(test_forged_cursor), cmocka_unit_test(test_errors),
                cmocka_unit_test(test_search_limits),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
