/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "web/web_list.h"

#include <errno.h>

#include "web/web_plan.h"
#include "json/jwrite.h"

struct web_list {
        struct http_request *request; /* in whose op slot this lives */
        struct web_plan plan;
        struct pg_statement page_statement, count_statement, exists_statement; /* nameless: texts vary */
        struct pg_query page, count, exists;
        unsigned n_pending; /* of the three */
        int status;         /* the first failure */
        void (*write_row)(struct buf *out, const struct pg_query *q, size_t row);
};

static void web_list_done(void *op)
{
        struct web_list *l = op;

        pg_query_done(&l->page);
        pg_query_done(&l->count);
        pg_query_done(&l->exists);
        web_plan_done(&l->plan);
}

int web_list_parse(struct http_request *r, const struct web_list_resource *resource, struct web_list **ret)
{
        struct web_list *l = http_request_op(r, sizeof(*l), web_list_done);
        struct field_errors errors = {.n_errors = 0};
        int k;

        if (!l)
                return -ENOMEM;
        l->request = r;
        k = web_plan_make(&l->plan, resource, http_request_query(r), http_request_path(r),
                          resource->segment ? http_request_segment(r, resource->segment) : NULL, &errors);
        if (k == -EBADMSG) {
                http_reply_invalid(r, &errors);
                return 1;
        }
        if (k < 0)
                return k;
        *ret = l;
        return 0;
}

/* ---- The answer. ---- */

/* The rows of this page in the order of the list: backwards they came the other way round. */
static size_t row_at(const struct web_list *l, size_t n_rows, size_t i)
{
        return l->plan.cursor.backward ? n_rows - 1 - i : i;
}

static void link_at(struct web_list *l, struct buf *out, size_t row, bool backward)
{
        const struct web_plan *p = &l->plan;
        struct web_cursor c = {.backward = backward, .n_keys = p->n_keys};
        struct buf url = BUF_EMPTY;
        struct jwrite w = jwrite_to(out);

        for (unsigned i = 0; i < p->n_keys; i++)
                c.keys[i] = (char *)pg_row_text(&l->page, row, p->resource->n_columns + i);
        web_plan_link(p, &url, &c);
        if (buf_error(&url) < 0)
                out->failed = true;
        else
                jwrite_string_n(&w, buf_bytes(&url), buf_size(&url));
        buf_done(&url);
}

/* An empty page behind the last row, or before the first: what lies the other way is that end of the list. */
static void link_to_end(struct web_list *l, struct buf *out, bool backward)
{
        struct web_cursor c = {.backward = backward};
        struct buf url = BUF_EMPTY;
        struct jwrite w = jwrite_to(out);

        web_plan_link(&l->plan, &url, &c);
        if (buf_error(&url) < 0)
                out->failed = true;
        else
                jwrite_string_n(&w, buf_bytes(&url), buf_size(&url));
        buf_done(&url);
}

/* A neighbour exists where the page came from, and where one row more than asked was found. */
static void write_link(struct web_list *l, struct buf *out, size_t n_rows, bool has_more, bool backward)
{
        bool is_onward = backward == l->plan.cursor.backward;
        bool exists = is_onward ? has_more : l->plan.has_cursor && l->plan.cursor.n_keys > 0;

        if (!exists)
                buf_append_str(out, "null");
        else if (n_rows == 0)
                link_to_end(l, out, backward);
        else
                link_at(l, out, row_at(l, n_rows, backward ? 0 : n_rows - 1), backward);
}

static void write_envelope(struct web_list *l, struct buf *out)
{
        size_t n_found = pg_query_rows(&l->page), n = MIN_OF(n_found, (size_t)l->plan.limit);
        bool has_more = n_found > n;

        buf_append_str(out, "{\"next\":");
        write_link(l, out, n, has_more, false);
        buf_append_str(out, ",\"previous\":");
        write_link(l, out, n, has_more, true);
        if (l->plan.has_count)
                buf_printf(out, ",\"count\":%s", pg_row_text(&l->count, 0, 0));
        buf_append_str(out, ",\"results\":[");
        for (size_t i = 0; i < n; i++) {
                if (i > 0)
                        buf_append_char(out, ',');
                l->write_row(out, &l->page, row_at(l, n, i));
        }
        buf_append_str(out, "]}");
}

static void reply(struct web_list *l)
{
        struct buf body = BUF_EMPTY;

        if (l->status == -EIO)
                http_request_log_field(l->request, "DATABASE_ERROR",
                                       l->page.status < 0    ? l->page.error
                                       : l->count.status < 0 ? l->count.error
                                                             : l->exists.error);
        if (l->status < 0) {
                http_reply_error(l->request, l->status);
                return;
        }
        if (l->plan.resource->exists && pg_query_rows(&l->exists) == 0) {
                http_reply_problem(l->request, 404, "not-found", "there is no %s %s",
                                   l->plan.resource->segment, l->plan.params[0]);
                return;
        }
        write_envelope(l, &body);
        if (buf_error(&body) < 0)
                http_reply_error(l->request, -ENOMEM);
        else
                http_reply_buf(l->request, 200, "application/json", &body);
        buf_done(&body);
}

static void on_one_done(struct web_list *l, int status)
{
        if (l->status == 0)
                l->status = status;
        if (--l->n_pending == 0)
                reply(l);
}

static void on_page(struct pg_query *q)
{
        on_one_done(container_of(q, struct web_list, page), q->status);
}

static void on_count(struct pg_query *q)
{
        on_one_done(container_of(q, struct web_list, count), q->status);
}

static void on_exists(struct pg_query *q)
{
        on_one_done(container_of(q, struct web_list, exists), q->status);
}

static int submit(struct web_list *l, struct pg_pool *pool, struct pg_query *q, unsigned n_params)
{
        int r;

        for (unsigned i = 0; i < n_params; i++)
                pg_query_text(q, l->plan.params[i]);
        r = pg_query_submit(q, pool, PG_LANE_READ, http_request_deadline(l->request));
        if (r == 0)
                l->n_pending++;
        return r;
}

int web_list_submit(struct web_list *l, struct http_request *r, struct pg_pool *pool,
                    void (*write_row)(struct buf *out, const struct pg_query *q, size_t row))
{
        const struct web_list_resource *resource = l->plan.resource;
        int k;

        l->write_row = write_row;
        l->page_statement.sql = l->plan.page_sql;
        pg_query_init(&l->page, &l->page_statement, on_page);
        k = submit(l, pool, &l->page, l->plan.n_params);
        if (k == 0 && l->plan.has_count) {
                l->count_statement.sql = l->plan.count_sql;
                pg_query_init(&l->count, &l->count_statement, on_count);
                k = submit(l, pool, &l->count, l->plan.n_filter_params);
        }
        if (k == 0 && resource->exists) {
                l->exists_statement.sql = resource->exists;
                pg_query_init(&l->exists, &l->exists_statement, on_exists);
                k = submit(l, pool, &l->exists, 1);
        }
        if (k < 0) {
                pg_query_cancel(&l->page);
                pg_query_cancel(&l->count);
        }
        return k;
}
