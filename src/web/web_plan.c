/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "web/web_plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/parse.h"
#include "base/str.h"
#include "web/web_value.h"

#define SEARCH_MAX 200 /* code points: a phrase, not a document */

static const struct {
        const char *suffix, *operator;
} comparisons[] = {
        {"", "="},
        {"__gte", ">="},
        {"__lte", "<="},
};

/* While a plan is being made. */
struct making {
        struct web_plan *plan;
        const struct url_query *query;
        struct field_errors *errors;
        struct buf filters;  /* " AND ..." of all filters */
        struct buf sql_tail; /* the keyset's comparison */
        struct buf link;     /* query string of the links */
        struct buf context;
};

static const struct web_field *fields_of(const struct making *m)
{
        return m->plan->resource->fields;
}

static bool has_search(const struct making *m)
{
        for (const struct web_field *f = fields_of(m); f->name; f++)
                if (f->can_search)
                        return true;
        return false;
}

/* Takes the value; its number as a parameter, from 1. */
static unsigned add_param(struct web_plan *p, char *value)
{
        p->params[p->n_params++] = value;
        return p->n_params;
}

static bool has_room(const struct web_plan *p)
{
        return p->n_params + WEB_CURSOR_KEYS_MAX < PG_PARAMS_MAX;
}

static void add_link(struct making *m, const char *name, const char *value)
{
        if (buf_size(&m->link) > 0)
                buf_append_char(&m->link, '&');
        buf_append_str(&m->link, name);
        buf_append_char(&m->link, '=');
        url_encode(&m->link, value);
}

/* A parameter that decides which rows there are: part of what a cursor is bound to. */
static void add_bound_link(struct making *m, const char *name, const char *value)
{
        add_link(m, name, value);
        buf_append_char(&m->context, '&');
        buf_append_str(&m->context, name);
        buf_append_char(&m->context, '=');
        url_encode(&m->context, value);
}

/* ---- The parameters, one after the other. ---- */

static bool is_known(const struct making *m, const char *key)
{
        char name[96];

        if (streq(key, "limit") || streq(key, "cursor") || streq(key, "ordering") || streq(key, "count"))
                return true;
        if (streq(key, "search"))
                return has_search(m);
        for (const struct web_field *f = fields_of(m); f->name; f++)
                for (size_t i = 0; f->can_filter && i < ARRAY_SIZE(comparisons); i++) {
                        snprintf(name, sizeof(name), "%s%s", f->name, comparisons[i].suffix);
                        if (streq(key, name))
                                return true;
                }
        return false;
}

static void check_names(struct making *m)
{
        const struct url_query *q = m->query;

        for (size_t i = 0; i < q->n_params; i++) {
                const char *key = q->params[i].key;

                if (!is_known(m, key))
                        field_errors_add(m->errors, key, "is not a parameter of this list");
                else if (url_query_get(q, key) != q->params[i].value)
                        field_errors_add(m->errors, key, "is given more than once");
        }
}

static void read_limit(struct making *m)
{
        const char *text = url_query_get(m->query, "limit");
        uint64_t limit = WEB_LIMIT_DEFAULT;

        if (text && parse_u64(text, 1, WEB_LIMIT_MAX, &limit) < 0)
                field_errors_add(m->errors, "limit", "must be a whole number from 1 to %d", WEB_LIMIT_MAX);
        else if (text)
                add_link(m, "limit", text);
        m->plan->limit = (unsigned)limit;
}

static void read_count(struct making *m)
{
        const char *text = url_query_get(m->query, "count");

        if (!text)
                return;
        if (streq(text, "true"))
                m->plan->has_count = true;
        else if (!streq(text, "false"))
                field_errors_add(m->errors, "count", "must be true or false");
        add_link(m, "count", text);
}

static void refuse_ordering(struct making *m)
{
        struct buf names = BUF_EMPTY;
        char *text;

        for (const struct web_field *f = fields_of(m); f->name; f++)
                if (f->can_order)
                        buf_printf(&names, "%s%s", buf_size(&names) > 0 ? ", " : "", f->name);
        text = buf_take(&names, NULL);
        field_errors_add(m->errors, "ordering", "must be one of %s, or one with '-' before it",
                         text ? text : "its fields");
        free(text);
}

static void read_ordering(struct making *m)
{
        const char *text = url_query_get(m->query, "ordering"), *name = text;
        struct web_plan *p = m->plan;

        p->order = fields_of(m);
        if (text) {
                p->descending = *text == '-';
                name += p->descending;
                while (p->order->name && !(p->order->can_order && streq(p->order->name, name)))
                        p->order++;
                if (!p->order->name) {
                        p->order = fields_of(m);
                        refuse_ordering(m);
                        return;
                }
                add_bound_link(m, "ordering", text);
        }
        p->n_keys = p->order == fields_of(m) ? 1 : 2;
}

static int read_filter(struct making *m, const struct web_field *f, size_t comparison)
{
        const char *text, *reason;
        char name[96], *value;
        int r;

        snprintf(name, sizeof(name), "%s%s", f->name, comparisons[comparison].suffix);
        text = url_query_get(m->query, name);
        if (!text)
                return 0;
        if (!has_room(m->plan)) {
                field_errors_add(m->errors, name, "is one filter too many");
                return 0;
        }
        r = web_value_read(f->type, text, &value, &reason);
        if (r == -EBADMSG) {
                field_errors_add(m->errors, name, "%s", reason);
                return 0;
        }
        if (r < 0)
                return r;
        add_bound_link(m, name, text);
        buf_printf(&m->filters, " AND %s %s $%u::%s", f->column, comparisons[comparison].operator,
                   add_param(m->plan, value), web_value_cast(f->type));
        return 0;
}

static int read_filters(struct making *m)
{
        int r;

        for (const struct web_field *f = fields_of(m); f->name; f++)
                for (size_t i = 0; f->can_filter && i < ARRAY_SIZE(comparisons); i++) {
                        r = read_filter(m, f, i);
                        if (r < 0)
                                return r;
                }
        return 0;
}

static int read_search(struct making *m)
{
        const char *text = url_query_get(m->query, "search");
        const char * or = " AND (";
        char *pattern;
        unsigned n;

        if (!text || !*text || !has_search(m))
                return 0;
        if (utf8_length(text, strlen(text)) > SEARCH_MAX || !has_room(m->plan)) {
                field_errors_add(m->errors, "search", "must have at most %d characters", SEARCH_MAX);
                return 0;
        }
        pattern = web_value_like(text);
        if (!pattern)
                return -ENOMEM;
        n = add_param(m->plan, pattern);
        for (const struct web_field *f = fields_of(m); f->name; f++)
                if (f->can_search) {
                        buf_printf(&m->filters, "%s%s ILIKE $%u::text", or, f->column, n);
                        or = " OR ";
                }
        buf_append_char(&m->filters, ')');
        add_bound_link(m, "search", text);
        return 0;
}

/* The keys of a cursor, each of its column's type. */
static int read_keys(struct making *m)
{
        struct web_plan *p = m->plan;
        const char *reason;
        char *value;
        int r;

        for (unsigned i = 0; i < p->cursor.n_keys; i++) {
                const struct web_field *f = i + 1 < p->n_keys ? p->order : fields_of(m);

                r = web_value_read(f->type, p->cursor.keys[i], &value, &reason);
                if (r < 0)
                        return r;
                add_param(p, value);
        }
        return 0;
}

static void write_keyset(struct making *m)
{
        const struct web_plan *p = m->plan;
        const struct web_field *key = fields_of(m);
        const char *operator= p->descending != p->cursor.backward ? "<" : ">";
        unsigned n = p->n_filter_params;

        if (p->n_keys == 1)
                buf_printf(&m->sql_tail, " AND %s %s $%u::%s", key->column, operator, n + 1,
                           web_value_cast(key->type));
        else
                buf_printf(&m->sql_tail, " AND (%s, %s) %s ($%u::%s, $%u::%s)", p->order->column,
                           key->column, operator, n + 1, web_value_cast(p->order->type), n + 2,
                           web_value_cast(key->type));
}

static int read_cursor(struct making *m)
{
        const char *text = url_query_get(m->query, "cursor");
        struct web_plan *p = m->plan;
        int r;

        if (!text)
                return 0;
        r = web_cursor_decode(text, p->context, &p->cursor);
        if (r == 0 && p->cursor.n_keys != 0 && p->cursor.n_keys != p->n_keys)
                r = -EBADMSG;
        if (r == 0)
                r = read_keys(m);
        if (r == -EBADMSG) {
                field_errors_add(m->errors, "cursor", "does not belong to this list, ordering and filters");
                return 0;
        }
        if (r < 0)
                return r;
        p->has_cursor = true;
        if (p->cursor.n_keys > 0)
                write_keyset(m);
        return 0;
}

/* ---- The statements. ---- */

static void write_where(struct buf *sql, const struct making *m)
{
        const char *where = m->plan->resource->where;

        buf_printf(sql, " FROM %s WHERE (%s)", m->plan->resource->from, where ? where : "true");
        if (buf_size(&m->filters) > 0)
                buf_append(sql, buf_bytes(&m->filters), buf_size(&m->filters));
}

/* Times as text that the cursor's own check reads again without loss. Under a name of its own: a cast keeps
 * the column's, and ORDER BY would find two. */
static void write_key_column(struct buf *sql, const struct web_field *f)
{
        if (f->type == WEB_FIELD_TIME)
                buf_printf(sql, ", rfc3339(%s) AS web_key", f->column);
        else
                buf_printf(sql, ", (%s)::text AS web_key", f->column);
}

static char *write_page(const struct making *m)
{
        const struct web_plan *p = m->plan;
        const struct web_field *key = fields_of(m);
        const char *direction = p->descending != p->cursor.backward ? " DESC" : "";
        struct buf sql = BUF_EMPTY;

        buf_printf(&sql, "SELECT %s", p->resource->columns);
        if (p->n_keys == 2)
                write_key_column(&sql, p->order);
        write_key_column(&sql, key);
        write_where(&sql, m);
        if (buf_size(&m->sql_tail) > 0)
                buf_append(&sql, buf_bytes(&m->sql_tail), buf_size(&m->sql_tail));
        buf_append_str(&sql, " ORDER BY ");
        if (p->n_keys == 2)
                buf_printf(&sql, "%s%s, ", p->order->column, direction);
        buf_printf(&sql, "%s%s LIMIT %u", key->column, direction, p->limit + 1);
        return buf_take(&sql, NULL);
}

static char *write_count(const struct making *m)
{
        struct buf sql = BUF_EMPTY;

        buf_append_str(&sql, "SELECT count(*)");
        write_where(&sql, m);
        return buf_take(&sql, NULL);
}

static int begin(struct making *m, const char *path, const char *segment)
{
        struct web_plan *p = m->plan;
        char *value = NULL;
        int r;

        r = strdup_to(&p->path, p->resource->segment ? path : p->resource->path);
        if (r == 0 && p->resource->segment)
                r = strdup_to(&value, segment);
        if (r < 0)
                return r;
        if (value)
                add_param(p, value);
        buf_append_str(&m->context, p->path);
        return 0;
}

static int read_all(struct making *m)
{
        struct web_plan *p = m->plan;
        int r;

        check_names(m);
        read_limit(m);
        read_ordering(m);
        r = read_filters(m);
        if (r == 0)
                r = read_search(m);
        if (r < 0)
                return r;
        read_count(m);
        p->n_filter_params = p->n_params;
        p->context = buf_take(&m->context, NULL);
        p->query = buf_take(&m->link, NULL);
        if (!p->context || !p->query)
                return -ENOMEM;
        return read_cursor(m);
}

static int write_all(struct making *m)
{
        struct web_plan *p = m->plan;

        if (buf_error(&m->filters) < 0 || buf_error(&m->sql_tail) < 0)
                return -ENOMEM;
        p->page_sql = write_page(m);
        if (p->has_count)
                p->count_sql = write_count(m);
        return !p->page_sql || (p->has_count && !p->count_sql) ? -ENOMEM : 0;
}

int web_plan_make(struct web_plan *ret, const struct web_list_resource *resource,
                  const struct url_query *query, const char *path, const char *segment,
                  struct field_errors *errors)
{
        struct making m = {.plan = ret, .query = query, .errors = errors};
        int r;

        *ret = (struct web_plan){.resource = resource};
        r = begin(&m, path, segment);
        if (r == 0)
                r = read_all(&m);
        if (r == 0)
                r = errors->n_errors > 0 ? -EBADMSG : write_all(&m);
        buf_done(&m.filters);
        buf_done(&m.sql_tail);
        buf_done(&m.link);
        buf_done(&m.context);
        if (r < 0)
                web_plan_done(ret);
        return r;
}

void web_plan_done(struct web_plan *p)
{
        web_cursor_done(&p->cursor);
        for (unsigned i = 0; i < p->n_params; i++)
                free(p->params[i]);
        free(p->page_sql);
        free(p->count_sql);
        free(p->path);
        free(p->query);
        free(p->context);
        *p = (struct web_plan){0};
}

void web_plan_link(const struct web_plan *p, struct buf *out, const struct web_cursor *cursor)
{
        buf_printf(out, "%s?%s%scursor=", p->path, p->query, *p->query ? "&" : "");
        web_cursor_encode(out, p->context, cursor);
}
