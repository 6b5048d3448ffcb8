/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "mq/mq_content.h"

#include <errno.h>

#include "base/alloc.h"
#include "base/str.h"
#include "mq/mq_field.h"
#include "mq/mq_socket.h"

void mq_content_reset(struct mq_content *c)
{
        free(c->incoming);
        *c = (struct mq_content){0};
}

static int take_method(struct mq_content *c, const amqp_method_t *method)
{
        if (c->phase != MQ_CONTENT_NONE)
                return -EPROTO;
        if (method->id == AMQP_BASIC_DELIVER_METHOD) {
                const amqp_basic_deliver_t *m = method->decoded;

                c->tag = m->delivery_tag;
                c->redelivered = m->redelivered;
                mq_bytes_copy(m->exchange, c->exchange, sizeof(c->exchange));
                mq_bytes_copy(m->routing_key, c->routing_key, sizeof(c->routing_key));
        } else if (method->id == AMQP_BASIC_RETURN_METHOD) {
                c->is_return = true;
        } else {
                return -EPROTO;
        }
        c->phase = MQ_CONTENT_HEADER;
        return 0;
}

static const amqp_field_value_t *find_header(const amqp_basic_properties_t *p, const char *name)
{
        if (!(p->_flags & AMQP_BASIC_HEADERS_FLAG))
                return NULL;
        for (int i = 0; i < p->headers.num_entries; i++) {
                const amqp_table_entry_t *e = &p->headers.entries[i];

                if (e->key.len == strlen(name) && memcmp(e->key.bytes, name, e->key.len) == 0)
                        return &e->value;
        }
        return NULL;
}

static uint64_t returned_tag(const amqp_basic_properties_t *p)
{
        const amqp_field_value_t *v = find_header(p, MQ_HEADER_TAG);

        return v && v->kind == AMQP_FIELD_KIND_I64 && v->value.i64 > 0 ? (uint64_t)v->value.i64 : 0;
}

static const char *append(char **at, const void *p, size_t n)
{
        char *start = *at;

        if (n > 0)
                memcpy(start, p, n);
        start[n] = '\0';
        *at += n + 1;
        return start;
}

/* Everything that is kept lives in one block: headers first, then strings, the body last. */
static int make_incoming(struct mq_content *c, const amqp_basic_properties_t *p)
{
        struct {
                amqp_flags_t flag;
                amqp_bytes_t value;
                const char **into;
        } parts[] = {
                {AMQP_BASIC_CONTENT_TYPE_FLAG, p->content_type, NULL},
                {AMQP_BASIC_MESSAGE_ID_FLAG, p->message_id, NULL},
                {AMQP_BASIC_CORRELATION_ID_FLAG, p->correlation_id, NULL},
                {AMQP_BASIC_REPLY_TO_FLAG, p->reply_to, NULL},
                {AMQP_BASIC_TYPE_FLAG, p->type, NULL},
                {AMQP_BASIC_CONTENT_ENCODING_FLAG, p->content_encoding, NULL},
        };
        const amqp_table_t *table = p->_flags & AMQP_BASIC_HEADERS_FLAG ? &p->headers : &amqp_empty_table;
        struct headers_size headers = mq_fields_measure(table);
        size_t size = strlen(c->exchange) + strlen(c->routing_key) + 2 + c->body_expected + 1 +
                      headers.n_structs * sizeof(struct header) + headers.n_bytes;
        struct header *structs;
        struct mq_incoming *in;
        struct mq_delivery *d;
        char *at;

        for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
                if (!(p->_flags & parts[i].flag))
                        parts[i].value = amqp_empty_bytes;
                size += parts[i].value.len + 1;
        }
        in = malloc(sizeof(*in) + size);
        if (!in)
                return -ENOMEM;
        *in = (struct mq_incoming){
                .delivery = {.tag = c->tag, .redelivered = c->redelivered, .body_size = c->body_expected}};
        d = &in->delivery;
        parts[0].into = &d->content_type;
        parts[1].into = &d->message_id;
        parts[2].into = &d->correlation_id;
        parts[3].into = &d->reply_to;
        parts[4].into = &d->type;
        parts[5].into = &d->content_encoding;
        structs = (struct header *)(void *)in->bytes;
        at = in->bytes + headers.n_structs * sizeof(struct header);
        d->headers = mq_fields_copy(table, &structs, &at);
        d->request_id = header_text(d->headers, MQ_HEADER_REQUEST_ID);
        if (!d->request_id)
                d->request_id = "";
        d->priority = p->_flags & AMQP_BASIC_PRIORITY_FLAG ? p->priority : 0;
        for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
                *parts[i].into = append(&at, parts[i].value.bytes, parts[i].value.len);
        d->exchange = append(&at, c->exchange, strlen(c->exchange));
        d->routing_key = append(&at, c->routing_key, strlen(c->routing_key));
        at[c->body_expected] = '\0';
        d->body = in->body = at;
        c->incoming = in;
        return 0;
}

static int take_header(struct mq_content *c, const amqp_frame_t *frame)
{
        const amqp_basic_properties_t *p = frame->payload.properties.decoded;
        int r;

        if (c->phase != MQ_CONTENT_HEADER)
                return -EPROTO;
        c->body_expected = frame->payload.properties.body_size;
        if (c->is_return) {
                c->tag = returned_tag(p);
        } else if (c->body_expected > MQ_BODY_MAX) {
                c->is_oversize = true;
        } else {
                r = make_incoming(c, p);
                if (r < 0)
                        return r;
        }
        c->phase = MQ_CONTENT_BODY;
        return c->body_expected == 0;
}

static int take_body(struct mq_content *c, amqp_bytes_t part)
{
        if (c->phase != MQ_CONTENT_BODY || part.len > c->body_expected - c->body_received)
                return -EPROTO;
        if (c->incoming && part.len > 0)
                memcpy(c->incoming->body + c->body_received, part.bytes, part.len);
        c->body_received += part.len;
        return c->body_received == c->body_expected;
}

int mq_content_take(struct mq_content *c, const amqp_frame_t *frame)
{
        switch (frame->frame_type) {
        case AMQP_FRAME_METHOD:
                return take_method(c, &frame->payload.method);
        case AMQP_FRAME_HEADER:
                return take_header(c, frame);
        case AMQP_FRAME_BODY:
                return take_body(c, frame->payload.body_fragment);
        default:
                return -EPROTO;
        }
}
