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
#include "mq/mq_content.h"

static amqp_bytes_t bytes(const char *s)
{
        return amqp_cstring_bytes(s);
}

static int take_deliver(struct mq_content *c, uint64_t tag)
{
        amqp_basic_deliver_t m = {
                .delivery_tag = tag, .redelivered = 1, .exchange = bytes("x"), .routing_key = bytes("a.b")};
        amqp_frame_t f = {.frame_type = AMQP_FRAME_METHOD,
                          .payload.method = {.id = AMQP_BASIC_DELIVER_METHOD, .decoded = &m}};

        return mq_content_take(c, &f);
}

static int take_return(struct mq_content *c)
{
        amqp_basic_return_t m = {.reply_code = 312};
        amqp_frame_t f = {.frame_type = AMQP_FRAME_METHOD,
                          .payload.method = {.id = AMQP_BASIC_RETURN_METHOD, .decoded = &m}};

        return mq_content_take(c, &f);
}

static int take_header(struct mq_content *c, amqp_basic_properties_t *p, uint64_t size)
{
        amqp_frame_t f = {.frame_type = AMQP_FRAME_HEADER,
                          .payload.properties = {.body_size = size, .decoded = p}};

        return mq_content_take(c, &f);
}

static int take_body(struct mq_content *c, const char *part)
{
        amqp_frame_t f = {.frame_type = AMQP_FRAME_BODY, .payload.body_fragment = bytes(part)};

        return mq_content_take(c, &f);
}

/* A delivery comes together from its frames, whatever the pieces of its body. */
static void test_delivery(void **state)
{
        amqp_table_entry_t headers[] = {
                {.key = bytes("other"), .value = {.kind = AMQP_FIELD_KIND_I32}},
                {.key = bytes("x-request-id"),
                 .value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = bytes("req-7")}},
        };
        amqp_basic_properties_t p = {
                ._flags = AMQP_BASIC_HEADERS_FLAG | AMQP_BASIC_MESSAGE_ID_FLAG | AMQP_BASIC_REPLY_TO_FLAG,
                .headers = {.num_entries = 2, .entries = headers},
                .message_id = bytes("m-1"),
                .reply_to = bytes("back"),
                .type = bytes("flag not set: not there"),
        };
        const struct mq_delivery *d;
        struct mq_content c = {0};

        assert_int_equal(take_deliver(&c, 42), 0);
        assert_int_equal(take_header(&c, &p, 7), 0);
        assert_int_equal(take_body(&c, "hol"), 0);
        assert_int_equal(take_body(&c, "a mu"), 1);
        assert_false(c.is_return);
        d = &c.incoming->delivery;
        assert_int_equal(d->tag, 42);
        assert_true(d->redelivered);
        assert_string_equal(d->exchange, "x");
        assert_string_equal(d->routing_key, "a.b");
        assert_string_equal(d->message_id, "m-1");
        assert_string_equal(d->reply_to, "back");
        assert_string_equal(d->request_id, "req-7");
        assert_string_equal(d->content_encoding, "");
        assert_int_equal(d->priority, 0);
        assert_int_equal(headers_count(d->headers), 2);
        assert_int_equal(header_find(d->headers, "other")->type, HEADER_INT);
        assert_string_equal(d->type, "");
        assert_string_equal(d->content_type, "");
        assert_string_equal(d->correlation_id, "");
        assert_int_equal(d->body_size, 7);
        assert_string_equal(d->body, "hola mu");
        mq_content_reset(&c);
}

/* Without a body the header is the end; the next message begins anew. */
static void test_empty_body(void **state)
{
        amqp_basic_properties_t p = {0};
        struct mq_content c = {0};

        for (uint64_t tag = 1; tag <= 2; tag++) {
                assert_int_equal(take_deliver(&c, tag), 0);
                assert_int_equal(take_header(&c, &p, 0), 1);
                assert_int_equal(c.incoming->delivery.tag, tag);
                assert_string_equal(c.incoming->delivery.body, "");
                mq_content_reset(&c);
        }
}

/* A body that nobody could want is read past without memory for it. */
static void test_oversize(void **state)
{
        amqp_basic_properties_t p = {0};
        struct mq_content c = {0};
        _cleanup_free_ char *part = malloc(MQ_BODY_MAX + 2);

        memset(part, 'x', MQ_BODY_MAX + 1);
        part[MQ_BODY_MAX + 1] = '\0';
        assert_int_equal(take_deliver(&c, 5), 0);
        assert_int_equal(take_header(&c, &p, MQ_BODY_MAX + 1), 0);
        assert_null(c.incoming);
        assert_int_equal(take_body(&c, part), 1);
        assert_true(c.is_oversize);
        assert_int_equal(c.tag, 5);
        mq_content_reset(&c);
}

/* A returned publish is known by the tag that travelled with it; a foreign or missing one names none. */
static void test_return(void **state)
{
        amqp_table_entry_t headers[] = {
                {.key = bytes(MQ_HEADER_TAG), .value = {.kind = AMQP_FIELD_KIND_I64, .value.i64 = 77}}};
        amqp_basic_properties_t p = {._flags = AMQP_BASIC_HEADERS_FLAG,
                                     .headers = {.num_entries = 1, .entries = headers}};
        amqp_basic_properties_t none = {0};
        struct mq_content c = {0};

        assert_int_equal(take_return(&c), 0);
        assert_int_equal(take_header(&c, &p, 2), 0);
        assert_int_equal(take_body(&c, "ab"), 1);
        assert_true(c.is_return);
        assert_int_equal(c.tag, 77);
        mq_content_reset(&c);

        headers[0].value.value.i64 = -1;
        assert_int_equal(take_return(&c), 0);
        assert_int_equal(take_header(&c, &p, 0), 1);
        assert_int_equal(c.tag, 0);
        mq_content_reset(&c);

        assert_int_equal(take_return(&c), 0);
        assert_int_equal(take_header(&c, &none, 0), 1);
        assert_int_equal(c.tag, 0);
        mq_content_reset(&c);
}

/* Frames out of order, or more body than was announced, are the end of the connection. */
static void test_disorder(void **state)
{
        amqp_basic_properties_t p = {0};
        struct mq_content c = {0};

        assert_int_equal(take_header(&c, &p, 0), -EPROTO);
        assert_int_equal(take_body(&c, "x"), -EPROTO);
        assert_int_equal(take_deliver(&c, 1), 0);
        assert_int_equal(take_deliver(&c, 2), -EPROTO);
        assert_int_equal(take_body(&c, "x"), -EPROTO);
        assert_int_equal(take_header(&c, &p, 2), 0);
        assert_int_equal(take_body(&c, "xyz"), -EPROTO);
        mq_content_reset(&c);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_delivery), cmocka_unit_test(test_empty_body),
                cmocka_unit_test(test_oversize), cmocka_unit_test(test_return),
                cmocka_unit_test(test_disorder),
        };

        return cmocka_run_group_tests_name("mq-content", tests, NULL, NULL);
}
