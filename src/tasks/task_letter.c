/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "tasks/task_letter.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "contract/names.h"

/* What is said about a dead letter, beside what the broker adds. */
#define HEADER_REASON "x-lonja-reason"
#define HEADER_QUEUE "x-lonja-queue"

void task_letter_done(struct task_letter *l)
{
        free(l->block);
        *l = (struct task_letter){0};
}

static const char *copy(char **at, const void *p, size_t n)
{
        char *start = *at;

        if (n > 0)
                memcpy(start, p, n);
        start[n] = '\0';
        *at += n + 1;
        return start;
}

/* One block: headers, strings, body. `from` borrows, the copy owns. */
static int letter_own(const struct task_letter *from, struct task_letter *ret)
{
        struct headers_size size = headers_measure(from->headers);
        const char *const strings[] = {from->content_type, from->content_encoding, from->correlation_id,
                                       from->reply_to};
        size_t n = size.n_structs * sizeof(struct header) + size.n_bytes + from->body_size + 1;
        struct task_letter l = *from;
        struct header *structs;
        char *at;

        for (size_t i = 0; i < ARRAY_SIZE(strings); i++)
                n += strlen(strings[i]) + 1;
        l.block = malloc(n);
        if (!l.block)
                return -ENOMEM;
        structs = l.block;
        at = (char *)l.block + size.n_structs * sizeof(struct header);
        l.headers = headers_copy(from->headers, &structs, &at);
        l.content_type = copy(&at, strings[0], strlen(strings[0]));
        l.content_encoding = copy(&at, strings[1], strlen(strings[1]));
        l.correlation_id = copy(&at, strings[2], strlen(strings[2]));
        l.reply_to = copy(&at, strings[3], strlen(strings[3]));
        l.body = copy(&at, from->body, from->body_size);
        *ret = l;
        return 0;
}

int task_letter_copy(struct task_letter *l, const struct mq_delivery *d)
{
        const struct task_letter borrowed = {
                .content_type = d->content_type,
                .content_encoding = d->content_encoding,
                .correlation_id = d->correlation_id,
                .reply_to = d->reply_to,
                .priority = d->priority,
                .headers = d->headers,
                .body = d->body,
                .body_size = d->body_size,
        };

        return letter_own(&borrowed, l);
}

/* ---- As text ---- */

static json_t *json_of(const struct header *h)
{
        json_t *list;

        switch (h->type) {
        case HEADER_TEXT:
                return json_string(h->text ? h->text : "");
        case HEADER_INT:
                return json_integer(h->number);
        case HEADER_REAL:
                return json_real(h->real);
        case HEADER_BOOL:
                return json_boolean(h->number != 0);
        case HEADER_LIST:
                list = json_array();
                for (const struct header *i = h->items; i && i->name; i++)
                        (void)json_array_append_new(list, json_of(i));
                return list;
        case HEADER_NULL:
        case HEADER_OTHER:
                break;
        }
        return json_null();
}

static json_t *json_of_headers(const struct header *headers, int64_t retries)
{
        json_t *object = json_object();

        for (const struct header *h = headers; h && h->name; h++)
                if (h->type != HEADER_OTHER)
                        (void)json_object_set_new(object, h->name, json_of(h));
        if (retries >= 0)
                (void)json_object_set_new(object, "retries", json_integer(retries));
        return object;
}

static int append(const char *text, size_t n, void *out)
{
        buf_append(out, text, n);
        return 0;
}

int task_letter_encode(const struct task_letter *l, int64_t retries, struct buf *out)
{
        _cleanup_json_ json_t *object = NULL;

        if (!utf8_is_valid(l->body, l->body_size))
                return -EILSEQ;
        object = json_pack("{s:s, s:s, s:s, s:s, s:i, s:o, s:s}", "content_type", l->content_type,
                           "content_encoding", l->content_encoding, "correlation_id", l->correlation_id,
                           "reply_to", l->reply_to, "priority", (int)l->priority, "headers",
                           json_of_headers(l->headers, retries), "body", l->body);
        if (!object || json_dump_callback(object, append, out, JSON_COMPACT) < 0)
                return -ENOMEM;
        return buf_error(out);
}

static struct header header_of(const char *name, const json_t *v)
{
        switch (json_typeof(v)) {
        case JSON_STRING:
                return (struct header){name, json_string_value(v)};
        case JSON_INTEGER:
                return (struct header){name, .type = HEADER_INT, .number = json_integer_value(v)};
        case JSON_REAL:
                return (struct header){name, .type = HEADER_REAL, .real = json_real_value(v)};
        case JSON_TRUE:
        case JSON_FALSE:
                return (struct header){name, .type = HEADER_BOOL, .number = json_is_true(v)};
        default:
                return (struct header){name, .type = HEADER_NULL};
        }
}

static const struct header *items_of(const json_t *list, struct header items[MQ_DELIVERY_ITEMS_MAX + 1])
{
        size_t n = MIN_OF(json_array_size(list), (size_t)MQ_DELIVERY_ITEMS_MAX);

        for (size_t i = 0; i < n; i++)
                items[i] = header_of("", json_array_get(list, i));
        items[n] = (struct header){0};
        return items;
}

static const char *member(const json_t *object, const char *name)
{
        const char *s = json_string_value(json_object_get(object, name));

        return s ? s : "";
}

struct decoded_headers {
        struct header headers[LETTER_HEADERS_MAX + 1];
        struct header items[LETTER_HEADERS_MAX][MQ_DELIVERY_ITEMS_MAX + 1];
};

static const struct header *read_headers(json_t *object, struct decoded_headers *d)
{
        const char *name;
        json_t *value;
        size_t n = 0;

        json_object_foreach(object, name, value)
        {
                if (n == LETTER_HEADERS_MAX)
                        break;
                d->headers[n] = header_of(name, value);
                if (json_is_array(value)) {
                        d->headers[n].type = HEADER_LIST;
                        d->headers[n].items = items_of(value, d->items[n]);
                }
                n++;
        }
        return d->headers;
}

int task_letter_decode(const char *text, size_t n, struct task_letter *l)
{
        _cleanup_json_ json_t *object = NULL;
        _cleanup_free_ struct decoded_headers *headers = new0(struct decoded_headers, 1);
        struct field_errors errors;
        struct task_letter borrowed;
        json_t *body;
        int r;

        if (!headers)
                return -ENOMEM;
        errors.n_errors = 0;
        r = jread_text(text, n, &object, &errors);
        if (r < 0)
                return r;
        body = json_object_get(object, "body");
        if (!json_is_string(body))
                return -EBADMSG;
        borrowed = (struct task_letter){
                .content_type = member(object, "content_type"),
                .content_encoding = member(object, "content_encoding"),
                .correlation_id = member(object, "correlation_id"),
                .reply_to = member(object, "reply_to"),
                .priority = (unsigned)json_integer_value(json_object_get(object, "priority")),
                .headers = read_headers(json_object_get(object, "headers"), headers),
                .body = json_string_value(body),
                .body_size = json_string_length(body),
        };
        return letter_own(&borrowed, l);
}

/* ---- Away ---- */

static const char *or_null(const char *s)
{
        return *s ? s : NULL;
}

void task_letter_post(const struct task_letter *l, const char *queue, const char *reason,
                      struct task_post *ret)
{
        size_t n = 0;

        for (const struct header *h = l->headers; h && h->name && n < LETTER_HEADERS_MAX - 3; h++)
                if (h->type != HEADER_OTHER)
                        ret->headers[n++] = *h;
        if (reason) {
                ret->headers[n++] = (struct header){HEADER_REASON, reason};
                ret->headers[n++] = (struct header){HEADER_QUEUE, queue};
        }
        ret->headers[n] = (struct header){0};
        ret->message = (struct mq_message){
                .exchange = reason ? DEAD_EXCHANGE : "",
                .routing_key = queue,
                .content_type = or_null(l->content_type),
                .content_encoding = or_null(l->content_encoding),
                .correlation_id = or_null(l->correlation_id),
                .reply_to = or_null(l->reply_to),
                .priority = l->priority,
                .headers = ret->headers,
                .body = l->body,
                .body_size = l->body_size,
                .mandatory = true,
        };
}
