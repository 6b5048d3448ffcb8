/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* /api/users: decode, call auth/, encode. */

#include <errno.h>

#include "base/str.h"
#include "web/web_account.h"
#include "web/web_address.h"
#include "web/web_input.h"
#include "web/web_list.h"

static const struct web_field user_list_fields[] = {
        {"username", "a.name", WEB_FIELD_TEXT, true, true, true},
        {"created_at", "a.created_at", WEB_FIELD_TIME, true, true, false},
        {"updated_at", "a.updated_at", WEB_FIELD_TIME, true, true, false},
        {NULL},
};
static const struct web_list_resource user_list = {
        .path = "/api/users",
        .columns = "account_json(a)",
        .n_columns = 1,
        .from = "account a",
        .fields = user_list_fields,
};

static void write_user(struct buf *out, const struct pg_query *q, size_t row)
{
        buf_append(out, pg_row_text(q, row, 0), pg_row_size(q, row, 0));
}

int web_user_list(struct http_request *r)
{
        struct web_list *list;
        int k;

        k = web_list_parse(r, &user_list, &list);
        if (k != 0)
                return MIN_OF(k, 0);
        return web_list_submit(list, r, web_of(r)->pool, write_user);
}

int web_user_create(struct http_request *r)
{
        struct web_account *o = web_account_new(r);
        struct auth_context context;
        struct auth_order order;
        int k;

        if (!o)
                return -ENOMEM;
        k = web_account_read_body(o, WEB_ACCOUNT_CREATE);
        if (k != 0)
                return MIN_OF(k, 0);
        if (!o->body.has_scopes)
                o->body.scope_bits = AUTH_READ; /* the least */
        k = web_account_read_write(o, "user.create", o->body.username);
        if (k != 0)
                return MIN_OF(k, 0);
        k = web_account_context(web_of(r), &context);
        if (k < 0)
                return k;
        order = web_account_order(o, o->body.username);
        return auth_user_create_submit(&o->command, &context, &order, web_account_reply);
}

static const struct pg_statement user_find_statement = {
        .name = "web_user_find",
        .sql = "SELECT account_json(a), a.version FROM account a WHERE a.name = $1",
};

static void on_user_found(struct pg_query *q)
{
        struct http_request *r = container_of(q, struct web_account, query)->request;

        if (q->status == 0 && pg_query_rows(q) == 1 && web_etag_not_modified(r, pg_row_int(q, 0, 1)))
                return;
        web_account_reply_row(r, q);
}

int web_user_get(struct http_request *r)
{
        struct web_account *o;

        if (web_input_parameters(r, NULL) != 0)
                return 0;
        o = web_account_new(r);
        if (!o)
                return -ENOMEM;
        pg_query_init(&o->query, &user_find_statement, on_user_found);
        pg_query_text(&o->query, http_request_segment(r, "name"));
        return pg_query_submit(&o->query, web_of(r)->pool, PG_LANE_READ, http_request_deadline(r));
}

int web_user_change(struct http_request *r)
{
        const char *name = http_request_segment(r, "name");
        struct auth_context context = {.pool = web_of(r)->pool, .conf = web_of(r)->auth};
        struct web_account *o = web_account_new(r);
        struct auth_order order;
        int k;

        if (!o)
                return -ENOMEM;
        k = web_account_read_body(o, WEB_ACCOUNT_CHANGE);
        if (k == 0)
                k = web_account_read_write(o, "user.update", name);
        if (k != 0)
                return MIN_OF(k, 0);
        order = web_account_order(o, name);
        return auth_user_update_submit(&o->command, &context, &order, web_account_reply);
}

/* An administrator may set any password; everybody else their own, knowing the old one. True: refused. */
static bool refuse_password(struct web_account *o, const char *name)
{
        const struct auth_identity *who = web_identity(o->request);
        struct field_errors errors = {.n_errors = 0};

        if (auth_allows(who, AUTH_ADMIN))
                return false;
        if (!streq(who->user, name)) {
                http_reply_problem(o->request, 403, "insufficient-scope",
                                   "setting another's password needs the scope admin");
                return true;
        }
        if (o->body.old_password)
                return false;
        field_errors_add(&errors, "/old_password", "is required");
        http_reply_invalid(o->request, &errors);
        return true;
}

int web_user_password(struct http_request *r)
{
        const char *name = http_request_segment(r, "name");
        struct web_account *o = web_account_new(r);
        char address[WEB_ADDRESS_SIZE];
        struct auth_context context;
        struct auth_order order;
        int k;

        if (!o)
                return -ENOMEM;
        k = web_account_read_body(o, WEB_ACCOUNT_PASSWORD);
        if (k != 0 || refuse_password(o, name))
                return MIN_OF(k, 0);
        k = web_account_read_write(o, "user.password", name);
        if (k != 0)
                return MIN_OF(k, 0);
        k = web_account_context(web_of(r), &context);
        if (k < 0)
                return k;
        web_client_address(http_request_peer(r), http_request_header(r, "X-Forwarded-For"), address);
        order = web_account_order(o, name);
        order.address = address;
        return auth_user_password_submit(&o->command, &context, &order, web_account_reply);
}
