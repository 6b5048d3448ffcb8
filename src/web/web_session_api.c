/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* /api/sessions: decode, call auth/, encode. */

#include <errno.h>

#include "base/str.h"
#include "web/web_account.h"
#include "web/web_address.h"
#include "web/web_input.h"

/* The stored answer with the token in front: the only place where it is ever shown. */
static void reply_session(struct web_account *o)
{
        const struct pg_query *q = &o->command.query;
        const char *answer = pg_row_text(q, 0, 4);
        struct buf body = BUF_EMPTY;

        buf_printf(&body, "{\"token\":\"%s\",%s", o->command.token, answer + 1);
        http_reply_header(o->request, "Location", pg_row_text(q, 0, 3));
        http_reply_header(o->request, "Cache-Control", "no-store");
        if (buf_error(&body) < 0)
                http_reply_error(o->request, -ENOMEM);
        else
                http_reply_buf(o->request, 201, "application/json", &body);
        buf_done(&body);
}

static void on_login(struct auth_command *c)
{
        struct web_account *o = container_of(c, struct web_account, command);

        if (c->status == 0 && pg_query_rows(&c->query) == 1 && streq(pg_row_text(&c->query, 0, 0), "done"))
                reply_session(o);
        else
                web_account_reply(c);
}

int web_session_create(struct http_request *r)
{
        struct web_account *o = web_account_new(r);
        char address[WEB_ADDRESS_SIZE];
        struct auth_context context;
        struct auth_order order;
        int k;

        if (!o)
                return -ENOMEM;
        k = web_account_read_body(o, WEB_ACCOUNT_LOGIN);
        if (k == 0)
                k = web_account_read_write(o, "session.create", o->body.username);
        if (k != 0)
                return MIN_OF(k, 0);
        k = web_account_context(web_of(r), &context);
        if (k < 0)
                return k;
        if (!web_identity(r)->user[0]) /* through the admin door somebody is known already */
                http_request_set_user(r, o->body.username);
        web_client_address(http_request_peer(r), http_request_header(r, "X-Forwarded-For"), address);
        order = web_account_order(o, o->body.username);
        order.address = address;
        return auth_login_submit(&o->command, &context, &order, on_login);
}

static const struct pg_statement session_find_statement = {
        .name = "web_session_find",
        .sql = "SELECT session_json(s, a) FROM session s JOIN account a ON a.id = s.account_id"
               " WHERE s.token_hash = $1",
};

static void on_session_found(struct pg_query *q)
{
        web_account_reply_row(container_of(q, struct web_account, query)->request, q);
}

/* Through the admin door there may be no token: then whoever asks is shown, without a session. */
static int reply_admin(struct http_request *r)
{
        const struct auth_identity *who = web_identity(r);

        http_reply_json(r, 200,
                        json_pack("{s:s, s:[s, s, s], s:n, s:n}", "user", who->user, "scopes", "read",
                                  "write", "admin", "created_at", "expires_at"));
        return 0;
}

int web_session_get(struct http_request *r)
{
        uint8_t hash[AUTH_TOKEN_HASH_BYTES];
        const char *token = web_bearer_token(r);
        struct web_account *o;

        if (web_input_parameters(r, NULL) != 0)
                return 0;
        if (!token || auth_token_hash(token, hash) < 0)
                return reply_admin(r);
        o = web_account_new(r);
        if (!o)
                return -ENOMEM;
        pg_query_init(&o->query, &session_find_statement, on_session_found);
        pg_query_bytes(&o->query, hash, sizeof(hash));
        return pg_query_submit(&o->query, web_of(r)->pool, PG_LANE_READ, http_request_deadline(r));
}

int web_session_delete(struct http_request *r)
{
        uint8_t hash[AUTH_TOKEN_HASH_BYTES];
        const char *token = web_bearer_token(r);
        struct auth_context context = {.pool = web_of(r)->pool, .conf = web_of(r)->auth};
        struct auth_order order;
        struct web_account *o;
        char hex[2 * AUTH_TOKEN_HASH_BYTES + 1];
        int k;

        if (web_input_parameters(r, NULL) != 0)
                return 0;
        if (!token || auth_token_hash(token, hash) < 0) {
                http_reply_problem(r, 404, "not-found", "there is no session without a token");
                return 0;
        }
        o = web_account_new(r);
        if (!o)
                return -ENOMEM;
        hex_encode(hash, sizeof(hash), hex);
        k = web_account_read_write(o, "session.delete", hex);
        if (k != 0)
                return MIN_OF(k, 0);
        order = web_account_order(o, NULL);
        return auth_logout_submit(&o->command, &context, &order, hash, web_account_reply);
}
