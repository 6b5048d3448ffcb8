/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "mq/mq_publisher.h"

/* A message is copied whole: the caller's memory may go at once. */
static void test_copy(void **state)
{
        char exchange[] = "x", key[] = "k", id[] = "id-1", name[] = "x-request-id", value[] = "r",
             body[] = "hola";
        struct header headers[] = {{name, value}, {"empty", NULL}, {0}};
        struct mq_message m = {.exchange = exchange,
                               .routing_key = key,
                               .message_id = id,
                               .headers = headers,
                               .body = body,
                               .body_size = 4,
                               .mandatory = true};
        struct mq_outgoing *o;

        assert_int_equal(mq_outgoing_new(&o, &m), 0);
        exchange[0] = key[0] = id[0] = name[0] = value[0] = body[0] = '?';
        assert_string_equal(o->exchange, "x");
        assert_string_equal(o->routing_key, "k");
        assert_string_equal(o->message_id, "id-1");
        assert_null(o->content_type);
        assert_null(o->reply_to);
        assert_int_equal(headers_count(o->headers), 2);
        assert_string_equal(header_text(o->headers, "x-request-id"), "r");
        assert_string_equal(o->headers[1].text, "");
        assert_int_equal(o->body_size, 4);
        assert_memory_equal(o->body, "hola", 4);
        assert_true(o->mandatory);
        free(o);
}

/* A message without a body and without properties is one, too. */
static void test_bare(void **state)
{
        struct mq_message m = {.exchange = "", .routing_key = "q"};
        struct mq_outgoing *o;

        assert_int_equal(mq_outgoing_new(&o, &m), 0);
        assert_string_equal(o->exchange, "");
        assert_int_equal(headers_count(o->headers), 0);
        assert_int_equal(o->body_size, 0);
        free(o);
}

/* What AMQP cannot carry is refused before it could spoil the connection for others. */
static void test_limits(void **state)
{
        _cleanup_free_ char *large = malloc(40000);
        struct header headers[98] = {{"name", "value"}};
        struct mq_message m = {.exchange = "", .routing_key = "q"};
        struct mq_outgoing *o;
        char name[257];

        memset(name, 'n', sizeof(name));
        name[256] = '\0';
        m.message_id = name;
        assert_int_equal(mq_outgoing_new(&o, &m), -EINVAL);
        name[255] = '\0';
        assert_int_equal(mq_outgoing_new(&o, &m), 0);
        free(o);

        m.headers = headers;
        memset(large, 'v', 40000);
        large[39999] = '\0';
        headers[0].text = large;
        assert_int_equal(mq_outgoing_new(&o, &m), -EINVAL);
        for (size_t i = 0; i < 97; i++)
                headers[i] = (struct header){"n", "v"};
        assert_int_equal(mq_outgoing_new(&o, &m), -EINVAL);
        headers[96].name = NULL;
        assert_int_equal(mq_outgoing_new(&o, &m), 0);
        free(o);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_copy),
                cmocka_unit_test(test_bare),
                cmocka_unit_test(test_limits),
        };

        return cmocka_run_group_tests_name("mq-outgoing", tests, NULL, NULL);
}
