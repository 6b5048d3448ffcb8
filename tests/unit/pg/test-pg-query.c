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

#include <libpq-fe.h>

#include "pg/pg_prepared.h"
#include "pg/pg_query.h"

static const struct pg_statement statement = {"s", "SELECT 1"};

static void on_done(struct pg_query *q)
{
}

/* What the server is sent as parameter i. */
static const char *param(const struct pg_query *q, unsigned i)
{
        if (q->offsets[i] < 0)
                return NULL;
        return (q->params.data ? buf_bytes(&q->params) : q->small) + q->offsets[i];
}

/* Each type has the text that PostgreSQL reads; NULL is no text. */
static void test_types(void **state)
{
        struct pg_query q = {0};

        pg_query_init(&q, &statement, on_done);
        pg_query_text(&q, "añ'");
        pg_query_text(&q, NULL);
        pg_query_text_n(&q, "abcdef", 3);
        pg_query_int(&q, INT64_MIN);
        pg_query_bool(&q, true);
        pg_query_bool(&q, false);
        pg_query_bytes(&q, "\0\xff", 2);
        pg_query_null(&q);
        pg_query_text(&q, "");
        assert_int_equal(q.n_params, 9);
        assert_string_equal(param(&q, 0), "añ'");
        assert_null(param(&q, 1));
        assert_string_equal(param(&q, 2), "abc");
        assert_string_equal(param(&q, 3), "-9223372036854775808");
        assert_string_equal(param(&q, 4), "t");
        assert_string_equal(param(&q, 5), "f");
        assert_string_equal(param(&q, 6), "\\x00ff");
        assert_null(param(&q, 7));
        assert_string_equal(param(&q, 8), "");
        pg_query_done(&q);
}

/* Short parameters need no allocation; what outgrows the struct keeps what was there before. */
static void test_growth(void **state)
{
        char large[1000];
        struct pg_query q = {0};

        memset(large, 'x', sizeof(large));
        pg_query_init(&q, &statement, on_done);
        pg_query_text(&q, "A1");
        pg_query_int(&q, 7);
        assert_null(q.params.data);
        pg_query_text_n(&q, large, sizeof(large));
        assert_non_null(q.params.data);
        pg_query_text(&q, "end");
        assert_string_equal(param(&q, 0), "A1");
        assert_string_equal(param(&q, 1), "7");
        assert_int_equal(strlen(param(&q, 2)), sizeof(large));
        assert_string_equal(param(&q, 3), "end");
        pg_query_done(&q);
}

/* The struct's own room is used to the last byte. */
static void test_exact_fit(void **state)
{
        struct pg_query q = {0};
        char text[sizeof(q.small)];

        memset(text, 'y', sizeof(text));
        pg_query_init(&q, &statement, on_done);
        pg_query_text_n(&q, text, sizeof(q.small) - 1);
        assert_null(q.params.data);
        pg_query_text(&q, "");
        assert_non_null(q.params.data);
        assert_int_equal(strlen(param(&q, 0)), sizeof(q.small) - 1);
        assert_string_equal(param(&q, 1), "");
        pg_query_done(&q);
}

/* What a query held goes when it is used again; LeakSanitizer looks. */
static void test_again(void **state)
{
        char large[1000] = "";
        struct pg_query q = {0};

        pg_query_init(&q, &statement, on_done);
        pg_query_text_n(&q, large, sizeof(large));
        q.result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
        pg_query_init(&q, &statement, on_done);
        assert_int_equal(q.n_params, 0);
        assert_int_equal(pg_query_rows(&q), 0);
        pg_query_text(&q, "y");
        assert_string_equal(param(&q, 0), "y");
        pg_query_done(&q);
}

/* done() and cancel() are safe on a zeroed query and twice. */
static void test_done(void **state)
{
        struct pg_query q = {0};

        pg_query_done(&q);
        pg_query_cancel(&q);
        pg_query_init(&q, &statement, on_done);
        pg_query_text(&q, "x");
        pg_query_done(&q);
        pg_query_done(&q);
        assert_int_equal(pg_query_rows(&q), 0);
}

/* The set finds what is in it and nothing else, through growth and removal. */
static void test_prepared(void **state)
{
        static struct pg_statement many[500];
        struct pg_prepared p = {0};

        assert_false(pg_prepared_has(&p, &many[0]));
        pg_prepared_remove(&p, &many[0]);
        for (unsigned i = 0; i < 500; i++) {
                assert_int_equal(pg_prepared_add(&p, &many[i]), 0);
                assert_int_equal(pg_prepared_add(&p, &many[i]), 0);
        }
        assert_int_equal(p.n, 500);
        for (unsigned i = 0; i < 500; i += 3)
                pg_prepared_remove(&p, &many[i]);
        for (unsigned i = 0; i < 500; i++)
                assert_int_equal(pg_prepared_has(&p, &many[i]), i % 3 != 0);
        pg_prepared_done(&p);
        assert_false(pg_prepared_has(&p, &many[1]));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_types), cmocka_unit_test(test_growth), cmocka_unit_test(test_exact_fit),
                cmocka_unit_test(test_again), cmocka_unit_test(test_done),   cmocka_unit_test(test_prepared),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
