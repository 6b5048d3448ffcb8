/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/parse.h"
#include "base/str.h"
#include "bridge/session_ask.h"
#include "json/jwrite.h"

struct product_path {
        char *code; /* owned */
};

/* clang-format off */
static const struct jread_field product_path_fields[] = {
        {"code", JREAD_STRING, offsetof(struct product_path, code), .required = true, .min = 1, .max = PRODUCT_CODE_MAX,
         .charset = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"},
};
/* clang-format on */

static int read_code(struct bridge_request *q, char ret[PRODUCT_CODE_MAX + 1], struct field_errors *errors)
{
        struct product_path path = {0};
        int r;

        r = jread_object(q->path, product_path_fields, ARRAY_SIZE(product_path_fields), "/path", &path,
                         errors);
        if (r == 0)
                snprintf(ret, PRODUCT_CODE_MAX + 1, "%s", path.code);
        free(path.code);
        return r;
}

static void read_option(const struct url_param *p, struct watch_request *w, struct field_errors *errors)
{
        uint64_t seconds;

        if (streq(p->key, "interval")) {
                if (parse_u64(p->value, BRIDGE_INTERVAL_MIN, BRIDGE_INTERVAL_MAX, &seconds) == 0)
                        w->interval_usec = seconds * USEC_PER_SEC;
                else
                        field_errors_add(errors, "/query/interval",
                                         "must be a whole number of seconds, %d to %d", BRIDGE_INTERVAL_MIN,
                                         BRIDGE_INTERVAL_MAX);
        } else if (streq(p->key, "on")) {
                if (streq(p->value, "change"))
                        w->on_change = true;
                else
                        field_errors_add(errors, "/query/on", "must be change");
        } else if (streq(p->key, "once")) {
                if (streq(p->value, "true") || streq(p->value, "false"))
                        w->once = streq(p->value, "true");
                else
                        field_errors_add(errors, "/query/once", "must be true or false");
        } else {
                char path[96];

                snprintf(path, sizeof(path), "/query/%s", p->key);
                field_errors_add(errors, path, "is unknown; there are interval, on and once");
        }
}

static int read_watch_request(struct session *s, struct bridge_request *q, struct watch_request *ret,
                              struct field_errors *errors)
{
        int r;

        *ret = (struct watch_request){.interval_usec = s->bridge->conf->interval_usec};
        r = read_code(q, ret->code, errors);
        if (r < 0 && r != -EBADMSG)
                return r;
        for (size_t i = 0; i < q->query.n_params; i++)
                read_option(&q->query.params[i], ret, errors);
        return errors->n_errors > 0 ? -EBADMSG : 0;
}

static void on_watch_ready(struct watch *watch)
{
        struct session_watch *w = container_of(watch, struct session_watch, watch);

        if (!list_is_linked(&w->ready_link))
                list_append(&w->session->ready, &w->ready_link);
        session_set_ready(w->session);
}

static void ask_again(struct session_watch *w, const struct watch_request *q)
{
        bool fresh = q->once;

        /* once=true is answered and leaves the watch as it is. */
        if (!fresh) {
                w->watch.interval_usec = q->interval_usec;
                w->watch.on_change = q->on_change;
                w->watch.once = false;
        }
        watch_ask_again(&w->watch, fresh);
}

void session_start_watch(struct session *s, const struct watch_request *q)
{
        struct session_watch *w = session_find_watch(s, q->code);
        struct bridge *b = s->bridge;

        if (w) {
                ask_again(w, q);
                return;
        }
        if (s->n_watches >= b->conf->watches_per_connection_max ||
            b->products.n_watches >= b->conf->watches_max) {
                session_error(
                        s, "PRODUCT", 429, "too-many-watches",
                        s->n_watches >= b->conf->watches_per_connection_max
                                ? "this connection watches as many products as MaxWatchesPerConnection allows"
                                : "the bridge has as many watches as MaxWatches allows",
                        NULL, q->code);
                return;
        }
        w = new0(struct session_watch, 1);
        if (!w) {
                answer_lack_of_memory(s, "PRODUCT");
                return;
        }
        w->session = s;
        w->watch = (struct watch){
                .interval_usec = q->once ? USEC_INFINITY : q->interval_usec,
                .on_change = q->on_change,
                .once = q->once,
                .bearer = s->bearer.bearer,
                .ready = on_watch_ready,
        };
        list_append(&s->watches, &w->link);
        s->n_watches++;
        bearer_hold_set_watching(&s->bearer, true);
        if (watch_start(&w->watch, &b->products, q->code) < 0) {
                session_stop_watch(w);
                answer_lack_of_memory(s, "PRODUCT");
        }
        bridge_note(b);
}

void command_get_product(struct session *s, struct bridge_request *q)
{
        struct field_errors errors = {0};
        struct watch_request request;
        struct session_ask *a;
        int r;

        r = read_watch_request(s, q, &request, &errors);
        if (r == -EBADMSG)
                answer_invalid(s, "PRODUCT", &errors);
        else if (r < 0)
                answer_lack_of_memory(s, "PRODUCT");
        else if (!session_has_right(s, "PRODUCT"))
                return;
        else if (!bearer_hold_is_taken(&s->bearer) ||
                 bearer_is_valid_since(s->bearer.bearer, s->received_usec))
                session_start_watch(s, &request);
        else if ((a = session_ask_new(s, ASK_WATCH, "PRODUCT"))) {
                a->watch = request;
                bearer_hold_check(&s->bearer);
        }
}

void command_stop_product(struct session *s, struct bridge_request *q)
{
        _cleanup_(buf_done) struct buf answer = BUF_EMPTY;
        struct field_errors errors = {0};
        char code[PRODUCT_CODE_MAX + 1];
        struct session_watch *w;
        struct jwrite json;
        int r;

        r = read_code(q, code, &errors);
        for (size_t i = 0; i < q->query.n_params && r != -ENOMEM; i++) {
                field_errors_add(&errors, "/query", "must be empty");
                r = -EBADMSG;
        }
        if (r < 0) {
                if (r == -EBADMSG)
                        answer_invalid(s, "PRODUCT", &errors);
                else
                        answer_lack_of_memory(s, "PRODUCT");
                return;
        }
        /* To stop what is not watched is no error: an answer may have been lost on the device's side. */
        w = session_find_watch(s, code);
        if (w)
                session_stop_watch(w);
        json = jwrite_to(&answer);
        jwrite_object_begin(&json);
        jwrite_pair(&json, "code", code);
        jwrite_object_end(&json);
        if (buf_error(&answer) < 0)
                answer_lack_of_memory(s, "PRODUCT");
        else
                answer_json(s, "JSON", "STOPPED", buf_bytes(&answer), buf_size(&answer));
        bridge_note(s->bridge);
}
