/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "mq/mq_publisher.h"

#include <errno.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/str.h"
#include "mq/mq_field.h"

/* Messages written before confirms are read again: the broker must never wait for us to read. */
#define BATCH 64
/* Headers and properties travel in one frame of at least 4 KiB (AMQP 0-9-1, 4.2.3), agreed to be 64. */
#define HEADERS_BYTES_MAX (32 * 1024)
#define HEADERS_MAX 96 /* and what lies in their lists */
#define SHORT_STRING_MAX 255

static size_t length_of(const char *s)
{
        return s ? strlen(s) + 1 : 0;
}

static const char *copy_to(char **at, const char *s)
{
        char *start = *at;
        size_t n = length_of(s);

        if (!s)
                return NULL;
        memcpy(start, s, n);
        *at += n;
        return start;
}

int mq_outgoing_new(struct mq_outgoing **ret, const struct mq_message *m)
{
        const char *strings[] = {m->exchange,       m->routing_key, m->content_type,
                                 m->message_id,     m->reply_to,    m->type,
                                 m->correlation_id, m->expiration,  m->content_encoding};
        struct headers_size headers = headers_measure(m->headers);
        struct header *structs;
        struct mq_outgoing *o;
        size_t n = 0;
        char *at;

        for (size_t i = 0; i < ARRAY_SIZE(strings); i++) {
                if (length_of(strings[i]) > SHORT_STRING_MAX + 1)
                        return -EINVAL;
                n += length_of(strings[i]);
        }
        for (const struct header *h = m->headers; h && h->name; h++)
                if (strlen(h->name) > SHORT_STRING_MAX || h->type == HEADER_OTHER)
                        return -EINVAL;
        if (headers.n_structs > HEADERS_MAX + 1 || headers.n_bytes > HEADERS_BYTES_MAX || m->priority > 255)
                return -EINVAL;
        n += headers.n_bytes + headers.n_structs * sizeof(struct header) + m->body_size;

        o = malloc(sizeof(*o) + n);
        if (!o)
                return -ENOMEM;
        *o = (struct mq_outgoing){.size_bytes = sizeof(*o) + n,
                                  .mandatory = m->mandatory,
                                  .priority = m->priority,
                                  .body_size = m->body_size};
        /* structs first: `bytes` is aligned for them */
        structs = (struct header *)(void *)o->bytes;
        at = o->bytes + headers.n_structs * sizeof(struct header);
        o->headers = headers_copy(m->headers, &structs, &at);
        o->exchange = copy_to(&at, m->exchange);
        o->routing_key = copy_to(&at, m->routing_key);
        o->content_type = copy_to(&at, m->content_type);
        o->message_id = copy_to(&at, m->message_id);
        o->correlation_id = copy_to(&at, m->correlation_id);
        o->reply_to = copy_to(&at, m->reply_to);
        o->type = copy_to(&at, m->type);
        o->content_encoding = copy_to(&at, m->content_encoding);
        o->expiration = copy_to(&at, m->expiration);
        if (m->body_size > 0)
                memcpy(at, m->body, m->body_size);
        o->body = at;
        *ret = o;
        return 0;
}

static struct mq_publisher *of(struct mq_conn *c)
{
        return container_of(c, struct mq_publisher, conn);
}

/* lock held */
static void give_back(struct mq_publisher *p, struct mq_outgoing *o, int status)
{
        o->status = status;
        list_append(&p->done, &o->link);
}

static int on_opened(struct mq_conn *c)
{
        struct mq_publisher *p = of(c);

        mq_confirm_restart(&p->window);
        (void)amqp_confirm_select(c->state, MQ_CHANNEL);
        return mq_socket_reply(c->state, "asking for confirms", c->reason);
}

/* Takes up to n messages that still want to go out. */
static size_t take_waiting(struct mq_publisher *p, struct mq_outgoing **batch, size_t n)
{
        struct mq_conn *c = &p->conn;
        struct list_link *i;
        size_t got = 0;

        pthread_mutex_lock(&c->lock);
        while (got < n && !c->is_blocked && (i = list_first(&p->waiting))) {
                struct mq_outgoing *o = LIST_ENTRY(i, struct mq_outgoing, link);

                list_remove(i);
                if (o->is_dropped)
                        give_back(p, o, -ECANCELED);
                else
                        batch[got++] = o;
        }
        p->n_in_flight = p->window.n_items + got;
        if (!list_is_empty(&p->done))
                mq_conn_tell(c);
        pthread_mutex_unlock(&c->lock);
        return got;
}

static amqp_bytes_t optional(const char *s, amqp_flags_t flag, amqp_flags_t *flags)
{
        if (!s)
                return amqp_empty_bytes;
        *flags |= flag;
        return amqp_cstring_bytes(s);
}

static int write_message(struct mq_publisher *p, const struct mq_outgoing *o, uint64_t tag)
{
        amqp_table_entry_t entries[HEADERS_MAX + 1];
        amqp_field_value_t items[HEADERS_MAX], *free_items = items;
        amqp_basic_properties_t props = {._flags = AMQP_BASIC_DELIVERY_MODE_FLAG,
                                         .delivery_mode = AMQP_DELIVERY_PERSISTENT,
                                         .headers.entries = entries};
        amqp_flags_t *flags = &props._flags;
        int status;

        for (const struct header *h = o->headers; h->name; h++)
                entries[props.headers.num_entries++] = (amqp_table_entry_t){
                        .key = amqp_cstring_bytes(h->name), .value = mq_field_of(h, &free_items)};
        if (o->mandatory)
                entries[props.headers.num_entries++] = (amqp_table_entry_t){
                        .key = amqp_cstring_bytes(MQ_HEADER_TAG),
                        .value = {.kind = AMQP_FIELD_KIND_I64, .value.i64 = (int64_t)tag}};
        if (props.headers.num_entries > 0)
                *flags |= AMQP_BASIC_HEADERS_FLAG;
        props.content_type = optional(o->content_type, AMQP_BASIC_CONTENT_TYPE_FLAG, flags);
        props.message_id = optional(o->message_id, AMQP_BASIC_MESSAGE_ID_FLAG, flags);
        props.correlation_id = optional(o->correlation_id, AMQP_BASIC_CORRELATION_ID_FLAG, flags);
        props.reply_to = optional(o->reply_to, AMQP_BASIC_REPLY_TO_FLAG, flags);
        props.type = optional(o->type, AMQP_BASIC_TYPE_FLAG, flags);
        props.content_encoding = optional(o->content_encoding, AMQP_BASIC_CONTENT_ENCODING_FLAG, flags);
        props.expiration = optional(o->expiration, AMQP_BASIC_EXPIRATION_FLAG, flags);
        if (o->priority > 0) {
                *flags |= AMQP_BASIC_PRIORITY_FLAG;
                props.priority = (uint8_t)o->priority;
        }

        mq_conn_enter(&p->conn);
        status = amqp_basic_publish(p->conn.state, MQ_CHANNEL, amqp_cstring_bytes(o->exchange),
                                    amqp_cstring_bytes(o->routing_key), o->mandatory, 0, &props,
                                    (amqp_bytes_t){.len = o->body_size, .bytes = (void *)(uintptr_t)o->body});
        mq_conn_leave(&p->conn);
        return mq_socket_status(status, "publishing", p->conn.reason);
}

static int on_work(struct mq_conn *c)
{
        struct mq_publisher *p = of(c);
        struct mq_outgoing *batch[BATCH];
        size_t room = p->window.capacity - (size_t)(p->window.next - p->window.first), n;
        int r = 0;

        n = take_waiting(p, batch, MIN_OF(room, (size_t)BATCH));
        for (size_t i = 0; i < n; i++) {
                /* into the window first: once a byte went out, its fate is the connection's */
                uint64_t tag = mq_confirm_push(&p->window, batch[i]);

                if (r == 0)
                        r = write_message(p, batch[i], tag);
        }
        if (r < 0)
                return r;
        return n == BATCH && !mq_confirm_is_full(&p->window);
}

static void settle(struct mq_publisher *p, uint64_t tag, bool multiple, int status)
{
        struct mq_outgoing *o;

        pthread_mutex_lock(&p->conn.lock);
        while ((o = multiple ? mq_confirm_take_up_to(&p->window, tag) : mq_confirm_take(&p->window, tag))) {
                give_back(p, o, status == 0 && o->is_returned ? -EHOSTUNREACH : status);
                if (!multiple)
                        break;
        }
        p->n_in_flight = p->window.n_items;
        if (!list_is_empty(&p->done))
                mq_conn_tell(&p->conn);
        pthread_mutex_unlock(&p->conn.lock);
}

/* A return comes before the confirm of the same publish. */
static int on_content(struct mq_publisher *p, const amqp_frame_t *frame)
{
        struct mq_outgoing *o;
        int r;

        r = mq_content_take(&p->content, frame);
        if (r < 0)
                (void)snprintf(p->conn.reason, sizeof(p->conn.reason), "unexpected frame from the broker");
        if (r <= 0)
                return r;
        o = mq_confirm_peek(&p->window, p->content.tag);
        if (o) {
                o->is_returned = true;
                pthread_mutex_lock(&p->conn.lock);
                p->n_returned++;
                pthread_mutex_unlock(&p->conn.lock);
        }
        mq_content_reset(&p->content);
        return 0;
}

static int on_take(struct mq_conn *c, const amqp_frame_t *frame)
{
        struct mq_publisher *p = of(c);
        const amqp_method_t *m = &frame->payload.method;

        if (frame->frame_type == AMQP_FRAME_METHOD && m->id == AMQP_BASIC_ACK_METHOD) {
                const amqp_basic_ack_t *ack = m->decoded;

                settle(p, ack->delivery_tag == 0 ? UINT64_MAX : ack->delivery_tag, ack->multiple, 0);
                return 0;
        }
        if (frame->frame_type == AMQP_FRAME_METHOD && m->id == AMQP_BASIC_NACK_METHOD) {
                const amqp_basic_nack_t *nack = m->decoded;

                settle(p, nack->delivery_tag == 0 ? UINT64_MAX : nack->delivery_tag, nack->multiple, -EIO);
                return 0;
        }
        return on_content(p, frame);
}

/* lock held.  What was written is lost or not, nobody knows; what waited was never sent. */
static void on_lost(struct mq_conn *c)
{
        struct mq_publisher *p = of(c);
        struct mq_outgoing *o;

        mq_content_reset(&p->content);
        while ((o = mq_confirm_take_up_to(&p->window, UINT64_MAX)))
                give_back(p, o, -ECONNRESET);
        LIST_FOREACH_SAFE (i, &p->waiting) {
                list_remove(i);
                give_back(p, LIST_ENTRY(i, struct mq_outgoing, link), -ENOTCONN);
        }
        p->n_in_flight = 0;
}

static void free_list(struct list *l)
{
        LIST_FOREACH_SAFE (i, l) {
                list_remove(i);
                free(LIST_ENTRY(i, struct mq_outgoing, link));
        }
}

static void on_free(struct mq_conn *c)
{
        struct mq_publisher *p = of(c);

        free_list(&p->waiting);
        free_list(&p->done);
        mq_content_reset(&p->content);
        mq_confirm_done(&p->window);
        mq_conn_done(c);
        free(p);
}

static const struct mq_role publisher_role = {
        .purpose = "publish",
        .opened = on_opened,
        .work = on_work,
        .take = on_take,
        .lost = on_lost,
        .free = on_free,
};

int mq_publisher_new(struct mq_publisher **ret, const struct mq_conf *conf,
                     const struct mq_topology *topology, struct loop_wake *wake)
{
        _cleanup_(mq_target_done) struct mq_target target = {0};
        struct mq_publisher *p;
        int r;

        r = mq_target_init(&target, conf, publisher_role.purpose);
        if (r < 0)
                return r;
        p = new0(struct mq_publisher, 1);
        if (!p)
                return -ENOMEM;
        list_init(&p->waiting);
        list_init(&p->done);
        r = mq_conn_init(&p->conn, &publisher_role, &target, topology, wake);
        if (r >= 0)
                r = mq_confirm_init(&p->window, (size_t)conf->unconfirmed_max);
        if (r < 0) {
                on_free(&p->conn);
                return r;
        }
        *ret = p;
        return 0;
}
