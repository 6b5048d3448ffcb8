/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "bridge/bridge_conf.h"

static int parse(const char *text, bool shared, struct bridge_conf *c, struct buf *messages)
{
        int r = conf_set_defaults(bridge_conf_tables, c);

        assert_int_equal(r, 0);
        r = conf_parse_text("f", text, strlen(text), shared, bridge_conf_tables, c, messages);
        return r == 0 ? bridge_conf_validate(c, messages) : r;
}

/* The defaults are those of the manual. */
static void test_defaults(void **state)
{
        _cleanup_(buf_done) struct buf messages = BUF_EMPTY;
        struct bridge_conf c = {0};

        assert_int_equal(parse("", false, &c, &messages), 0);
        assert_string_equal(c.products_url, "http://127.0.0.1:8000");
        assert_int_equal(c.interval_usec, 60 * USEC_PER_SEC);
        assert_int_equal(c.connections_max, 20000);
        assert_int_equal(c.watches_per_connection_max, 100);
        assert_int_equal(c.slow_client_usec, 30 * USEC_PER_SEC);
        assert_int_equal(c.anonymous_read, BRIDGE_ANONYMOUS_LOOPBACK);
        conf_done(bridge_conf_tables, &c);
}

/* Of the shared [Auth], the bridge follows AnonymousRead and leaves the rest to others, but only where it is
 * shared. */
static void test_shared_section(void **state)
{
        _cleanup_(buf_done) struct buf messages = BUF_EMPTY;
        struct bridge_conf c = {0};

        assert_int_equal(parse("[Auth]\nSessionSec=1h\nAnonymousRead=no\n", true, &c, &messages), 0);
        assert_int_equal(c.anonymous_read, BRIDGE_ANONYMOUS_NO);
        conf_done(bridge_conf_tables, &c);
        c = (struct bridge_conf){0};
        assert_true(parse("[Auth]\nSessionSec=1h\n", false, &c, &messages) < 0);
        conf_done(bridge_conf_tables, &c);
}

/* A URL that cannot be one is told, as is an interval beyond the protocol's. */
static void test_wrong(void **state)
{
        static const char *const cases[] = {
                "[Bridge]\nProductsUrl=127.0.0.1:8000\n",
                "[Bridge]\nProductsUrl=http://127.0.0.1:8000/\n",
                "[Bridge]\nInterval=2d\n",
                "[Bridge]\nInterval=0\n",
                "[Bridge]\nMaxConnections=0\n",
                "[Bridge]\nNoSuchKey=1\n",
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(buf_done) struct buf messages = BUF_EMPTY;
                struct bridge_conf c = {0};

                assert_true(parse(cases[i], false, &c, &messages) < 0);
                assert_true(buf_size(&messages) > 0);
                conf_done(bridge_conf_tables, &c);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_defaults),
                cmocka_unit_test(test_shared_section),
                cmocka_unit_test(test_wrong),
        };

        return cmocka_run_group_tests_name("bridge-conf", tests, NULL, NULL);
}
