/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/str.h"
#include "cli/cli_setup_text.h"

#define assert_text(b, expected)                                                                             \
        do {                                                                                                 \
                buf_append_char((b), '\0');                                                                  \
                assert_string_equal(buf_bytes(b), (expected));                                               \
        } while (0)

/* What was recorded is read again; what is not ours, half a line, or another's name is not. */
static void test_state(void **state)
{
        const struct setup_state all = {true, true, true, true, true},
                                 some = {.role = true, .bridge_user = true};
        _cleanup_(buf_done) struct buf text = BUF_EMPTY;
        struct setup_state got;

        setup_state_format(&all, &text);
        buf_append_char(&text, '\0');
        assert_non_null(strstr(buf_bytes(&text), "\nbroker_users=lonja lonja-bridge\n"));
        setup_state_parse(buf_bytes(&text), &got);
        assert_memory_equal(&got, &all, sizeof(all));
        buf_reset(&text);
        setup_state_format(&some, &text);
        buf_append_char(&text, '\0');
        setup_state_parse(buf_bytes(&text), &got);
        assert_memory_equal(&got, &some, sizeof(some));
        setup_state_parse("", &got);
        assert_false(got.database || got.role || got.vhost || got.user || got.bridge_user);
        setup_state_parse("#database=lonja\nrole=lonja2\nvhost=lonj\nbroker_users=lonja-bridges xlonja",
                          &got);
        assert_false(got.database || got.role || got.vhost || got.user || got.bridge_user);
}

/* A drop-in has what was decided and nothing else, and its values are found again. */
static void test_conf(void **state)
{
        _cleanup_(buf_done) struct buf text = BUF_EMPTY;
        _cleanup_free_ char *conninfo = NULL, *uri = NULL;

        setup_conf_format("dbname=lonja user=lonja", "amqp://lonja@127.0.0.1:5672/lonja", &text);
        buf_append_char(&text, '\0');
        assert_non_null(
                strstr(buf_bytes(&text), "\n[Database]\nConninfo=dbname=lonja user=lonja\n\n[Broker]\n"));
        conninfo = setup_conf_value(buf_bytes(&text), "Conninfo");
        uri = setup_conf_value(buf_bytes(&text), "Uri");
        assert_string_equal(conninfo, "dbname=lonja user=lonja");
        assert_string_equal(uri, "amqp://lonja@127.0.0.1:5672/lonja");
        buf_reset(&text);
        setup_conf_format(NULL, "amqp://x/", &text);
        buf_append_char(&text, '\0');
        assert_null(strstr(buf_bytes(&text), "[Database]"));
        assert_null(setup_conf_value(buf_bytes(&text), "Conninfo"));
}

/* Names are whole columns, permissions all three. */
static void test_rabbitmqctl(void **state)
{
        static const char *const wanted[] = {"^a$", "", ".*"};

        assert_true(setup_list_has("guest\t[administrator]\nlonja\t[]\n", "lonja"));
        assert_true(setup_list_has("lonja", "lonja"));
        assert_false(setup_list_has("lonja-bridge\t[]\nmylonja\t[lonja]\n", "lonja"));
        assert_true(setup_permissions_are("x\t.*\t.*\t.*\nu\t^a$\t\t.*\n", "u", wanted));
        assert_false(setup_permissions_are("u\t^a$\t.*\t.*\n", "u", wanted));
        assert_false(setup_permissions_are("u\t^a$\t\n", "u", wanted));
        assert_false(setup_permissions_are("u", "u", wanted));
        assert_false(setup_permissions_are("", "u", wanted));
}

/* Only servers of names on other hosts; each once. */
static void test_nameservers(void **state)
{
        _cleanup_(buf_done) struct buf out = BUF_EMPTY;

        setup_nameservers(
                "# nameserver 9.9.9.9\nsearch example.org\nnameserver 192.0.2.1\nnameserver\t192.0.2.1\n"
                "nameserver 127.0.0.53\nnameserver ::1\nnameserver fe80::1%eth0\nnameservers 1.1.1.1\n",
                &out);
        assert_text(&out, "192.0.2.1\nfe80::1\n");
}

/* One line for each address; no file for none. */
static void test_allow(void **state)
{
        _cleanup_(buf_done) struct buf out = BUF_EMPTY;

        setup_allow_format("", &out);
        assert_int_equal(buf_size(&out), 0);
        setup_allow_format("192.0.2.1\n2001:db8::1\n", &out);
        buf_append_char(&out, '\0');
        assert_non_null(strstr(buf_bytes(&out),
                               "\n[Service]\nIPAddressAllow=192.0.2.1\nIPAddressAllow=2001:db8::1\n"));
}

/* The bridge goes where the others go, as a user of its own; a password in a URI is refused. */
static void test_bridge_uri(void **state)
{
        static const struct {
                const char *uri, *expected;
        } cases[] = {
                {"amqp://lonja@127.0.0.1:5672/lonja", "amqp://lonja-bridge@127.0.0.1:5672/lonja"},
                {"amqps://a@[2001:db8::1]/a%2fb", "amqps://lonja-bridge@[2001:db8::1]:5671/a%2Fb"},
                {"amqp://broker", "amqp://lonja-bridge@broker:5672/%2F"},
        };
        const char *reason;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(buf_done) struct buf out = BUF_EMPTY;

                assert_int_equal(setup_bridge_uri(cases[i].uri, &out, &reason), 0);
                assert_text(&out, cases[i].expected);
        }
        for (size_t i = 0; i < 2; i++) {
                static const char *const bad[] = {"amqp://a:b@c/", "http://c/"};
                _cleanup_(buf_done) struct buf out = BUF_EMPTY;

                assert_true(setup_bridge_uri(bad[i], &out, &reason) < 0);
        }
}

/* What has a meaning of its own in a connection string is not put into one. */
static void test_plain(void **state)
{
        assert_true(setup_is_plain("/var/run/postgresql"));
        assert_true(setup_is_plain("5433"));
        assert_false(setup_is_plain(""));
        assert_false(setup_is_plain("a b"));
        assert_false(setup_is_plain("a'b"));
        assert_false(setup_is_plain("a\nb"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_state),       cmocka_unit_test(test_conf),
                cmocka_unit_test(test_rabbitmqctl), cmocka_unit_test(test_nameservers),
                cmocka_unit_test(test_allow),       cmocka_unit_test(test_bridge_uri),
                cmocka_unit_test(test_plain),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
