/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* GET+PRODUCTS: the API's page as one line.
 *
 * With all=true the next page is asked for when the last one has left for the client, and a line says where
 * the end is, which the client could not know otherwise:
 *
 *     LIST+PRODUCTS+[...]
 *     LIST+PRODUCTS+[...]
 *     JSON+END+{"pages":2} */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "bridge/page_wire.h"
#include "bridge/problem_text.h"
#include "bridge/session_ask.h"

#define PRODUCTS_PATH "/api/products"

/* The list is answered, in whatever way. */
static void list_end(struct session_ask *a)
{
        struct session *s = a->session;

        if (s->state == SESSION_LEAVING)
                return;
        if (s->ends_after_list)
                session_leave(s);
        else
                session_answered(s);
}

static void on_page(struct upstream_get *g);

static void list_ask(struct session_ask *a, const char *path)
{
        struct session *s = a->session;
        const char *token = bearer_hold_is_taken(&s->bearer) ? bearer_token(s->bearer.bearer) : NULL;

        if (upstream_get_submit(&a->get, &s->bridge->upstream, path, token, NULL, NULL, on_page) == 0)
                return;
        answer_lack_of_memory(s, "PRODUCTS");
        list_end(a);
}

static void list_complain(struct session_ask *a)
{
        _cleanup_(buf_done) struct buf line = BUF_EMPTY;

        a->session->bridge->n_errors++;
        buf_append_str(&line, "ERROR+PRODUCTS+");
        upstream_get_problem(&a->get, NULL, &line);
        buf_append_char(&line, '\n');
        session_write(a->session, &line);
}

void list_drained(struct session_ask *a)
{
        _cleanup_free_ char *path = TAKE_PTR(a->next);

        if (path)
                list_ask(a, path);
}

/* One page. True: another is to come. */
static bool list_write(struct session_ask *a)
{
        struct buf *answer = &a->get.fetch.answer;
        struct session *s = a->session;
        struct page_wire page;

        if (buf_size(answer) == 0 || page_wire_decode(buf_bytes(answer), buf_size(answer), &page) < 0) {
                session_error(s, "PRODUCTS", 502, "bad-gateway", "the product API's answer is no list", NULL,
                              NULL);
                return false;
        }
        a->n_pages++;
        answer_json(s, "LIST", "PRODUCTS", page.results, page.results_size);
        if (a->all && s->state == SESSION_ASKING && page.next && startswith(page.next, PRODUCTS_PATH "?"))
                a->next = TAKE_PTR(page.next);
        page_wire_done(&page);
        buf_done(answer); /* while it waits for the client, only the output holds a page */
        return a->next;
}

static void on_page(struct upstream_get *g)
{
        struct session_ask *a = container_of(g, struct session_ask, get);
        struct session *s = a->session;
        char text[64];

        if (g->outcome != UPSTREAM_FOUND)
                list_complain(a);
        else if (list_write(a)) {
                if (net_stream_pending(&s->stream) == 0)
                        list_drained(a);
                return;
        } else if (a->all && a->n_pages > 0 && s->state == SESSION_ASKING) {
                snprintf(text, sizeof(text), "{\"pages\":%u}", a->n_pages);
                answer_json(s, "JSON", "END", text, strlen(text));
        }
        if (s->state == SESSION_ASKING)
                list_end(a);
}

/* "/api/products?" and the client's query without what is ours. The API judges the rest. */
static int list_path(const struct url_query *q, struct buf *out, bool *ret_all, struct field_errors *errors)
{
        char separator = '?';

        buf_append_str(out, PRODUCTS_PATH);
        for (size_t i = 0; i < q->n_params; i++) {
                const struct url_param *p = &q->params[i];

                if (streq(p->key, "all")) {
                        if (!streq(p->value, "true") && !streq(p->value, "false"))
                                field_errors_add(errors, "/query/all", "must be true or false");
                        *ret_all = streq(p->value, "true");
                        continue;
                }
                buf_append_char(out, separator);
                url_encode(out, p->key);
                buf_append_char(out, '=');
                url_encode(out, p->value);
                separator = '&';
        }
        buf_append_char(out, '\0');
        return buf_error(out);
}

static void list_begin(struct session *s, struct bridge_request *q)
{
        _cleanup_(buf_done) struct buf path = BUF_EMPTY;
        struct field_errors errors = {0};
        struct session_ask *a;
        bool all = false;

        if (json_object_size(q->path) > 0)
                field_errors_add(&errors, "/path", "must be {}");
        if (list_path(&q->query, &path, &all, &errors) < 0)
                answer_lack_of_memory(s, "PRODUCTS");
        else if (errors.n_errors > 0)
                answer_invalid(s, "PRODUCTS", &errors);
        else if (!session_has_right(s, "PRODUCTS"))
                return;
        else if (s->bridge->n_lists >= s->bridge->conf->lists_max)
                session_error(s, "PRODUCTS", 429, "too-many-lists",
                              "as many lists as MaxLists allows are under way", NULL, NULL);
        else if ((a = session_ask_new(s, ASK_LIST, "PRODUCTS"))) {
                a->all = all;
                list_ask(a, buf_bytes(&path));
        }
}

void command_get_products(struct session *s, struct bridge_request *q)
{
        list_begin(s, q);
        if (s->state == SESSION_OPEN && s->ends_after_list)
                session_leave(s);
}
