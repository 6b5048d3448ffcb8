/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/macro.h"
#include "tasks/task_letter.h"

static const struct header limits[] = {
        {"", .type = HEADER_NULL}, {"", .type = HEADER_INT, .number = 30}, {0}};
static const struct header headers[] = {
        {"task", "a.b"},
        {"retries", .type = HEADER_INT, .number = 1},
        {"eta", .type = HEADER_NULL},
        {"ignore_result", .type = HEADER_BOOL, .number = 1},
        {"load", .type = HEADER_REAL, .real = 0.5},
        {"timelimit", .type = HEADER_LIST, .items = limits},
        {"x-death", .type = HEADER_OTHER},
        {0},
};
static const struct mq_delivery delivery = {
        .content_type = "application/json",
        .content_encoding = "",
        .correlation_id = "id-1",
        .reply_to = "back",
        .priority = 7,
        .headers = headers,
        .body = "[[\"ñ\\\"\"],{},null]",
        .body_size = 18,
};

/* What waits in the database comes back as it was, one try later. */
static void test_kept(void **state)
{
        struct task_letter letter = {0}, again = {0};
        struct buf text = BUF_EMPTY;

        assert_int_equal(task_letter_copy(&letter, &delivery), 0);
        assert_ptr_not_equal(letter.body, delivery.body);
        assert_int_equal(task_letter_encode(&letter, 2, &text), 0);
        task_letter_done(&letter);
        assert_int_equal(task_letter_decode(buf_bytes(&text), buf_size(&text), &again), 0);
        buf_done(&text);
        assert_string_equal(again.content_type, "application/json");
        assert_string_equal(again.content_encoding, "");
        assert_string_equal(again.correlation_id, "id-1");
        assert_string_equal(again.reply_to, "back");
        assert_int_equal(again.priority, 7);
        assert_int_equal(again.body_size, delivery.body_size);
        assert_memory_equal(again.body, delivery.body, delivery.body_size);
        assert_string_equal(header_text(again.headers, "task"), "a.b");
        assert_int_equal(header_find(again.headers, "retries")->number, 2);
        assert_int_equal(header_find(again.headers, "eta")->type, HEADER_NULL);
        assert_int_equal(header_find(again.headers, "ignore_result")->type, HEADER_BOOL);
        assert_true(header_find(again.headers, "load")->real == 0.5);
        assert_int_equal(header_find(again.headers, "timelimit")->items[1].number, 30);
        assert_null(header_find(again.headers, "x-death"));
        task_letter_done(&again);
        task_letter_done(&again);
}

/* To the queue as it was; to the dead letters with the reason. */
static void test_post(void **state)
{
        struct task_letter letter;
        struct task_post post;

        assert_int_equal(task_letter_copy(&letter, &delivery), 0);
        task_letter_post(&letter, "q", NULL, &post);
        assert_string_equal(post.message.exchange, "");
        assert_string_equal(post.message.routing_key, "q");
        assert_null(post.message.content_encoding);
        assert_int_equal(post.message.priority, 7);
        assert_int_equal(headers_count(post.message.headers), 6);
        task_letter_post(&letter, "q", "nobody knows it", &post);
        assert_string_equal(post.message.exchange, "lonja.dead");
        assert_string_equal(header_text(post.message.headers, "x-lonja-reason"), "nobody knows it");
        assert_string_equal(header_text(post.message.headers, "x-lonja-queue"), "q");
        assert_string_equal(header_text(post.message.headers, "task"), "a.b");
        task_letter_done(&letter);
}

/* A body that JSON cannot hold, and rows that are no letters. */
static void test_refused(void **state)
{
        static const char *const bad[] = {"", "[]", "{}", "{\"body\":7}", "{\"body\":"};
        struct mq_delivery d = delivery;
        struct task_letter letter;
        struct buf text = BUF_EMPTY;

        d.body = "\xff";
        d.body_size = 1;
        assert_int_equal(task_letter_copy(&letter, &d), 0);
        assert_int_equal(task_letter_encode(&letter, -1, &text), -EILSEQ);
        task_letter_done(&letter);
        buf_done(&text);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_int_equal(task_letter_decode(bad[i], strlen(bad[i]), &letter), -EBADMSG);
        assert_int_equal(task_letter_decode("{\"body\":\"x\"}", 12, &letter), 0);
        assert_string_equal(letter.reply_to, "");
        assert_int_equal(headers_count(letter.headers), 0);
        task_letter_done(&letter);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_kept),
                cmocka_unit_test(test_post),
                cmocka_unit_test(test_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
