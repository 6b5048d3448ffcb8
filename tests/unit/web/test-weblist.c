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

#include "base/macro.h"
#include "fake_http.h"
#include "fake_pg.h"
#include "web/web_list.h"

static const struct web_field fields[] = {
        {"code", "code", WEB_FIELD_TEXT, true, true, true},
        {NULL},
};
static const struct web_list_resource things = {
        .path = "/api/things", .columns = "code", .n_columns = 1, .from = "thing", .fields = fields};

static const char *const rows_abc[][FAKE_COLUMNS_MAX] = {{"a", "a"}, {"b", "b"}, {"c", "c"}};
static const char *const rows_cba[][FAKE_COLUMNS_MAX] = {{"c", "c"}, {"b", "b"}, {"a", "a"}};
static const char *const rows_42[][FAKE_COLUMNS_MAX] = {{"42"}};

static void write_row(struct buf *out, const struct pg_query *q, size_t row)
{
        buf_printf(out, "\"%s\"", pg_row_text(q, row, 0));
}

static void ask(struct http_request *r, const char *query)
{
        struct web_list *list;

        fake_pg_reset();
        fake_request_init(r, query);
        assert_int_equal(web_list_parse(r, &things, &list), 0);
        assert_int_equal(web_list_submit(list, r, NULL, write_row), 0);
}

/* The page that `query` and these rows give. */
static void page(struct http_request *r, const char *query, size_t n,
                 const char *const (*rows)[FAKE_COLUMNS_MAX])
{
        const struct fake_rows found = {n, rows};

        ask(r, query);
        fake_pg_complete(fake_pg_submitted(0), 0, &found);
        assert_int_equal(r->status, 200);
}

/* The query of a link in the answer; false for null. */
static bool link_of(const struct http_request *r, const char *name, char out[512])
{
        char mark[32];
        const char *at;

        snprintf(mark, sizeof(mark), "\"%s\":\"/api/things?", name);
        at = strstr(r->content, mark);
        if (!at) {
                snprintf(mark, sizeof(mark), "\"%s\":null", name);
                assert_non_null(strstr(r->content, mark));
                return false;
        }
        at += strlen(mark);
        snprintf(out, 512, "%.*s", (int)strcspn(at, "\""), at);
        return true;
}

/* Forwards over three rows by two, and back again: each page links to its neighbours and to no others, and
 * rows keep their order. */
static void test_walk(void **state)
{
        char next[512], previous[512], ignored[512];
        struct http_request r;

        page(&r, "limit=2", 3, rows_abc);
        assert_non_null(strstr(r.content, "\"results\":[\"a\",\"b\"]}"));
        assert_true(link_of(&r, "next", next));
        assert_false(link_of(&r, "previous", ignored));
        fake_request_done(&r);

        page(&r, next, 1, rows_abc + 2);
        assert_non_null(strstr(r.content, "\"results\":[\"c\"]}"));
        assert_false(link_of(&r, "next", ignored));
        assert_true(link_of(&r, "previous", previous));
        fake_request_done(&r);

        page(&r, previous, 2, rows_cba + 1);
        assert_non_null(strstr(r.content, "\"results\":[\"a\",\"b\"]}"));
        assert_true(link_of(&r, "next", next));
        assert_false(link_of(&r, "previous", ignored));
        fake_request_done(&r);

        /* with another row before: the page is full and there is more */
        page(&r, previous, 3, rows_cba);
        assert_non_null(strstr(r.content, "\"results\":[\"b\",\"c\"]}"));
        assert_true(link_of(&r, "previous", previous));
        fake_request_done(&r);
}

/* Everything behind a cursor is gone: the way back is the end of the list. */
static void test_empty_page(void **state)
{
        char next[512], previous[512], ignored[512];
        struct http_request r;

        page(&r, "limit=2", 3, rows_abc);
        assert_true(link_of(&r, "next", next));
        fake_request_done(&r);
        page(&r, next, 0, NULL);
        assert_non_null(strstr(r.content, "\"results\":[]}"));
        assert_false(link_of(&r, "next", ignored));
        assert_true(link_of(&r, "previous", previous));
        fake_request_done(&r);
        ask(&r, previous);
        assert_non_null(
                strstr(fake_pg_submitted(0)->statement->sql, "WHERE (true) ORDER BY code DESC LIMIT 3"));
        fake_pg_complete(fake_pg_submitted(0), 0, &(struct fake_rows){2, rows_cba});
        assert_non_null(strstr(r.content, "\"results\":[\"b\",\"c\"]}"));
        assert_false(link_of(&r, "next", ignored));
        assert_false(link_of(&r, "previous", ignored));
        fake_request_done(&r);
}

/* With count=true two statements run, and the answer waits for both, in whatever order they end. */
static void test_count(void **state)
{
        static const struct fake_rows found = {2, rows_abc}, counted = {1, rows_42};

        for (unsigned first = 0; first < 2; first++) {
                struct http_request r;

                ask(&r, "count=true");
                fake_pg_complete(fake_pg_submitted(first), 0, first == 0 ? &found : &counted);
                assert_int_equal(r.n_replies, 0);
                fake_pg_complete(fake_pg_submitted(1 - first), 0, first == 0 ? &counted : &found);
                assert_int_equal(r.n_replies, 1);
                assert_non_null(strstr(r.content, "\"count\":42,"));
                fake_request_done(&r);
        }
}

/* A failure of either is the failure of both, told once. */
static void test_failure(void **state)
{
        static const struct fake_rows counted = {1, rows_42};
        struct http_request r;

        ask(&r, "count=true");
        fake_pg_complete(fake_pg_submitted(0), -ENOTCONN, NULL);
        assert_int_equal(r.n_replies, 0);
        fake_pg_complete(fake_pg_submitted(1), 0, &counted);
        assert_int_equal(r.n_replies, 1);
        assert_int_equal(r.error, -ENOTCONN);
        fake_request_done(&r);
}

/* A wrong query is answered at once and nothing is submitted; a pool that is full is begin's error. */
static void test_refused(void **state)
{
        struct http_request r;
        struct web_list *list;

        fake_pg_reset();
        fake_request_init(&r, "colour=red&limit=0");
        assert_int_equal(web_list_parse(&r, &things, &list), 1);
        assert_int_equal(r.errors.n_errors, 2);
        assert_null(fake_pg_submitted(0));
        fake_request_done(&r);
        fake_request_init(&r, "");
        assert_int_equal(web_list_parse(&r, &things, &list), 0);
        fake_pg_fail(-EBUSY);
        assert_int_equal(web_list_submit(list, &r, NULL, write_row), -EBUSY);
        fake_request_done(&r);
}

/* The statement is never prepared: its text varies with every query. */
static void test_unprepared(void **state)
{
        struct http_request r;

        ask(&r, "code__gte=b");
        assert_null(fake_pg_submitted(0)->statement->name);
        assert_int_equal(fake_pg_submitted(0)->n_params, 1);
        fake_request_done(&r);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_walk),    cmocka_unit_test(test_empty_page),
                cmocka_unit_test(test_count),   cmocka_unit_test(test_failure),
                cmocka_unit_test(test_refused), cmocka_unit_test(test_unprepared),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
