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
#include "mq/mq_link.h"
#include "mq/mq_uri.h"

/* What is not said has the defaults of the AMQP URI specification. */
static void test_defaults(void **state)
{
        char reason[MQ_URI_REASON_SIZE];
        struct mq_uri u;

        assert_int_equal(mq_uri_parse("amqp://broker", &u, reason), 0);
        assert_string_equal(u.host, "broker");
        assert_string_equal(u.user, "guest");
        assert_null(u.password);
        assert_string_equal(u.vhost, "/");
        assert_int_equal(u.port, 5672);
        assert_false(u.tls);
        mq_uri_done(&u);

        assert_int_equal(mq_uri_parse("amqps://broker/", &u, reason), 0);
        assert_int_equal(u.port, 5671);
        assert_true(u.tls);
        assert_string_equal(u.vhost, "/");
        mq_uri_done(&u);
}

/* Every part may be there, percent-encoded; the last @ ends the user part. */
static void test_full(void **state)
{
        char reason[MQ_URI_REASON_SIZE];
        struct mq_uri u;

        assert_int_equal(mq_uri_parse("amqp://a%40b:p%2Fq%3A@10.1.2.3:15672/%2Fteam", &u, reason), 0);
        assert_string_equal(u.user, "a@b");
        assert_string_equal(u.password, "p/q:");
        assert_string_equal(u.host, "10.1.2.3");
        assert_int_equal(u.port, 15672);
        assert_string_equal(u.vhost, "/team");
        mq_uri_done(&u);

        assert_int_equal(mq_uri_parse("amqp://lonja:@[::1]:5673/lonja", &u, reason), 0);
        assert_string_equal(u.password, "");
        assert_string_equal(u.host, "::1");
        assert_int_equal(u.port, 5673);
        mq_uri_done(&u);

        assert_int_equal(mq_uri_parse("amqp://[fe80::1]/x", &u, reason), 0);
        assert_string_equal(u.host, "fe80::1");
        assert_int_equal(u.port, 5672);
        mq_uri_done(&u);
}

/* Nothing that is wrong is guessed at. */
static void test_refused(void **state)
{
        static const char *const wrong[] = {
                "",
                "broker",
                "http://broker",
                "amqp://",
                "amqp:///vhost",
                "amqp://user@",
                "amqp://:password@host",
                "amqp://host:",
                "amqp://host:0",
                "amqp://host:65536",
                "amqp://host:12x",
                "amqp://host:123456789",
                "amqp://[::1",
                "amqp://[]",
                "amqp://[::1]x",
                "amqp://host/a/b",
                "amqp://host/%zz",
                "amqp://host/%00",
                "amqp://us%er@host",
                "amqp://user:pa%@host",
                "amqp://host/v?heartbeat=5",
                "amqp://host#x",
        };

        for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
                char reason[MQ_URI_REASON_SIZE] = "";
                struct mq_uri u;

                assert_int_equal(mq_uri_parse(wrong[i], &u, reason), -EINVAL);
                assert_true(strlen(reason) > 0);
        }
}

/* --check names the option that is wrong and never shows what it holds: a password may be in it. */
static void test_validate(void **state)
{
        char bad[] = "amqp://lonja:secret@host:x", good[] = "amqp://host";
        struct mq_conf conf = {.uri = bad};
        struct buf messages = BUF_EMPTY;

        assert_int_equal(mq_conf_validate(&conf, &messages), -EINVAL);
        buf_append_char(&messages, '\0');
        assert_non_null(strstr(buf_bytes(&messages), "Uri="));
        assert_null(strstr(buf_bytes(&messages), "secret"));
        buf_done(&messages);
        conf.uri = good;
        assert_int_equal(mq_conf_validate(&conf, &messages), 0);
        assert_int_equal(buf_size(&messages), 0);
        buf_done(&messages);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_defaults),
                cmocka_unit_test(test_full),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_validate),
        };

        return cmocka_run_group_tests_name("mq-uri", tests, NULL, NULL);
}
