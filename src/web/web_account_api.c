/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* /api/sessions and /api/users. The rules are auth/'s and those of sql/0003_accounts.sql; here requests are
 * decoded and answers encoded.
 *
 * What a key is bound to leaves passwords out: a plain SHA-256 of one, kept for a day, would be the weakest
 * copy of it anywhere. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "auth/auth_command.h"
#include "base/alloc.h"
#include "base/str.h"
#include "web/web_address.h"
#include "web/web_list.h"
#include "web/web_private.h"
#include "web/web_write.h"
#include "json/jwrite.h"

/* The decoded body of any of these requests. */
struct account_body {
        char *username, *password, *old_password; /* owned */
        json_t *scopes;                           /* owned */
        bool has_scopes, has_disabled, disabled;
        unsigned scope_bits; /* of `scopes`, 0 when absent */
};

struct operation { /* in the op slot */
        struct http_request *request;
        struct account_body body;
        struct web_write write;
        struct auth_command command;
        struct pg_query query; /* of reads */
};

static void wipe(char *secret)
{
        if (secret)
                explicit_bzero(secret, strlen(secret));
        free(secret);
}

static void operation_done(void *op)
{
        struct operation *o = op;

        auth_command_done(&o->command);
        pg_query_done(&o->query);
        free(o->body.username);
        wipe(o->body.password);
        wipe(o->body.old_password);
        json_decref(o->body.scopes);
}

static struct operation *operation_new(struct http_request *r)
{
        struct operation *o = http_request_op(r, sizeof(*o), operation_done);

        if (o)
                o->request = r;
        return o;
}

/* ---- Decoding. ---- */

#define USERNAME(required_)                                                                                  \
        {                                                                                                    \
                "username", JREAD_STRING, offsetof(struct account_body, username),                           \
                        .required = (required_), .min = 1, .max = AUTH_USERNAME_MAX                          \
        }
#define PASSWORD(name_, field_, required_, min_)                                                             \
        {                                                                                                    \
                (name_), JREAD_STRING, offsetof(struct account_body, field_),                                \
                        .required = (required_), .min = (min_), .max = AUTH_PASSWORD_MAX                     \
        }
#define SCOPES                                                                                               \
        {                                                                                                    \
                "scopes", JREAD_JSON, offsetof(struct account_body, scopes),                                 \
                        .present = offsetof(struct account_body, has_scopes)                                 \
        }

static const struct jread_field session_fields[] = {
        USERNAME(true),
        PASSWORD("password", password, true, 1),
        SCOPES,
};
static const struct jread_field user_fields[] = {
        USERNAME(true),
        PASSWORD("password", password, true, AUTH_PASSWORD_MIN),
        SCOPES,
};
static const struct jread_field change_fields[] = {
        SCOPES,
        {"disabled", JREAD_BOOL, offsetof(struct account_body, disabled),
         .present = offsetof(struct account_body, has_disabled)},
};
static const struct jread_field password_fields[] = {
        PASSWORD("password", password, true, AUTH_PASSWORD_MIN),
        PASSWORD("old_password", old_password, false, 1),
};

static void check_username(const char *name, struct field_errors *errors)
{
        if (name && !auth_username_is_valid(name))
                field_errors_add(errors, "/username",
                                 "must be 1 to %d of a-z 0-9 . _ - and begin with a letter",
                                 AUTH_USERNAME_MAX);
}

static void check_scope(const char *word, size_t i, struct account_body *b, struct field_errors *errors)
{
        unsigned bits;
        char path[32];

        if (word && !strchr(word, ' ') && auth_scopes_parse(word, &bits) == 0) {
                b->scope_bits |= bits;
                return;
        }
        snprintf(path, sizeof(path), "/scopes/%zu", i);
        field_errors_add(errors, path, "must be \"read\", \"write\" or \"admin\"");
}

static void check_scopes(struct account_body *b, struct field_errors *errors)
{
        size_t n = json_array_size(b->scopes);

        if (!b->has_scopes)
                return;
        if (n == 0) /* or no array at all */
                field_errors_add(errors, "/scopes", "must be a list of \"read\", \"write\", \"admin\"");
        for (size_t i = 0; i < n; i++)
                check_scope(json_string_value(json_array_get(b->scopes, i)), i, b, errors);
}

/* 0; 1: answered with 400; -errno. */
static int read_body(struct operation *o, const struct jread_field *fields, size_t n_fields)
{
        struct field_errors errors = {.n_errors = 0};
        json_t *value = NULL;
        size_t n;
        const char *text = http_request_body(o->request, &n);
        int r;

        r = jread_text(text, n, &value, &errors);
        if (r == 0)
                r = jread_object(value, fields, n_fields, "", &o->body, &errors);
        json_decref(value);
        if (r < 0 && r != -EBADMSG)
                return r;
        check_username(o->body.username, &errors);
        check_scopes(&o->body, &errors);
        if (errors.n_errors > 0) {
                http_reply_invalid(o->request, &errors);
                return 1;
        }
        return 0;
}

/* What the key is bound to. */
static int read_write(struct operation *o, const char *name, const char *target)
{
        struct buf command = BUF_EMPTY;
        int r;

        buf_printf(&command, "%s|%u|%d", target, o->body.scope_bits,
                   o->body.has_disabled ? o->body.disabled : -1);
        r = web_write_read(o->request, name, &command, &o->write);
        buf_done(&command);
        return r;
}

/* ---- Commands. ---- */

static void on_command(struct auth_command *c)
{
        struct operation *o = container_of(c, struct operation, command);
        char wait[16];

        if (c->status < 0 && c->status != c->query.status) { /* the hasher's, also short of memory: not now */
                http_reply_error(o->request, -EBUSY);
                return;
        }
        if (c->wait_sec > 0) {
                snprintf(wait, sizeof(wait), "%u", c->wait_sec);
                http_reply_header(o->request, "Retry-After", wait);
        }
        web_write_reply(o->request, &c->query);
}

static int context_of(struct web *w, struct auth_context *ret)
{
        int r = 0;

        if (!w->hasher)
                r = auth_hasher_new(&w->hasher, service_loop(w->service));
        *ret = (struct auth_context){.pool = w->pool, .hasher = w->hasher, .conf = w->auth};
        return r;
}

static struct auth_order order_of(const struct operation *o, const char *name)
{
        return (struct auth_order){
                .key = o->write.key,
                .hash = o->write.key ? o->write.hash : NULL,
                .name = name,
                .password = o->body.password,
                .old_password = o->body.old_password,
                .match = o->write.if_match,
                .scopes = o->body.scope_bits,
                .disabled = o->body.has_disabled ? o->body.disabled : -1,
                .deadline_usec = http_request_deadline(o->request),
        };
}

/* ---- Sessions. ---- */

/* The stored answer with the token in front: the only place where it is ever shown. */
static void reply_session(struct operation *o)
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
        struct operation *o = container_of(c, struct operation, command);

        if (c->status == 0 && pg_query_rows(&c->query) == 1 && streq(pg_row_text(&c->query, 0, 0), "done"))
                reply_session(o);
        else
                on_command(c);
}

static int on_session_create(struct http_request *r)
{
        struct operation *o = operation_new(r);
        char address[WEB_ADDRESS_SIZE];
        struct auth_context context;
        struct auth_order order;
        int k;

        if (!o)
                return -ENOMEM;
        k = read_body(o, session_fields, ARRAY_SIZE(session_fields));
        if (k == 0)
                k = read_write(o, "session.create", o->body.username);
        if (k != 0)
                return MIN_OF(k, 0);
        k = context_of(web_of(r), &context);
        if (k < 0)
                return k;
        web_client_address(http_request_peer(r), http_request_header(r, "X-Forwarded-For"), address);
        order = order_of(o, o->body.username);
        order.address = address;
        return auth_login_submit(&o->command, &context, &order, on_login);
}

static const struct pg_statement session_find_statement = {
        .name = "web_session_find",
        .sql = "SELECT session_json(s, a) FROM session s JOIN account a ON a.id = s.account_id"
               " WHERE s.token_hash = $1",
};

static void reply_text_row(struct http_request *r, const struct pg_query *q)
{
        if (q->status < 0)
                http_reply_error(r, q->status);
        else if (pg_query_rows(q) == 0)
                http_reply_problem(r, 404, "not-found", NULL);
        else
                http_reply_text(r, 200, "application/json", pg_row_text(q, 0, 0));
}

static void on_session_found(struct pg_query *q)
{
        reply_text_row(container_of(q, struct operation, query)->request, q);
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

static int on_session_get(struct http_request *r)
{
        uint8_t hash[AUTH_TOKEN_HASH_BYTES];
        const char *token = web_bearer_token(r);
        struct operation *o;

        if (!token || auth_token_hash(token, hash) < 0)
                return reply_admin(r);
        o = operation_new(r);
        if (!o)
                return -ENOMEM;
        pg_query_init(&o->query, &session_find_statement, on_session_found);
        pg_query_bytes(&o->query, hash, sizeof(hash));
        return pg_query_submit(&o->query, web_of(r)->pool, PG_LANE_READ, http_request_deadline(r));
}

static int on_session_delete(struct http_request *r)
{
        uint8_t hash[AUTH_TOKEN_HASH_BYTES];
        const char *token = web_bearer_token(r);
        struct auth_context context = {.pool = web_of(r)->pool, .conf = web_of(r)->auth};
        struct auth_order order;
        struct operation *o;
        char hex[2 * AUTH_TOKEN_HASH_BYTES + 1];
        int k;

        if (!token || auth_token_hash(token, hash) < 0) {
                http_reply_problem(r, 404, "not-found", "there is no session without a token");
                return 0;
        }
        o = operation_new(r);
        if (!o)
                return -ENOMEM;
        hex_encode(hash, sizeof(hash), hex);
        k = read_write(o, "session.delete", hex);
        if (k != 0)
                return MIN_OF(k, 0);
        order = order_of(o, NULL);
        return auth_logout_submit(&o->command, &context, &order, hash, on_command);
}

/* ---- Users. ---- */

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

static int on_user_list(struct http_request *r)
{
        struct web_list *list;
        int k;

        k = web_list_parse(r, &user_list, &list);
        if (k != 0)
                return MIN_OF(k, 0);
        return web_list_submit(list, r, web_of(r)->pool, write_user);
}

static int on_user_create(struct http_request *r)
{
        struct operation *o = operation_new(r);
        struct auth_context context;
        struct auth_order order;
        int k;

        if (!o)
                return -ENOMEM;
        k = read_body(o, user_fields, ARRAY_SIZE(user_fields));
        if (k != 0)
                return MIN_OF(k, 0);
        if (!o->body.has_scopes)
                o->body.scope_bits = AUTH_READ; /* the least */
        k = read_write(o, "user.create", o->body.username);
        if (k != 0)
                return MIN_OF(k, 0);
        k = context_of(web_of(r), &context);
        if (k < 0)
                return k;
        order = order_of(o, o->body.username);
        return auth_user_create_submit(&o->command, &context, &order, on_command);
}

static const struct pg_statement user_find_statement = {
        .name = "web_user_find",
        .sql = "SELECT account_json(a), a.version FROM account a WHERE a.name = $1",
};

static void on_user_found(struct pg_query *q)
{
        struct http_request *r = container_of(q, struct operation, query)->request;

        if (q->status == 0 && pg_query_rows(q) == 1 && web_etag_not_modified(r, pg_row_int(q, 0, 1)))
                return;
        reply_text_row(r, q);
}

static int on_user_get(struct http_request *r)
{
        struct operation *o = operation_new(r);

        if (!o)
                return -ENOMEM;
        pg_query_init(&o->query, &user_find_statement, on_user_found);
        pg_query_text(&o->query, http_request_segment(r, "name"));
        return pg_query_submit(&o->query, web_of(r)->pool, PG_LANE_READ, http_request_deadline(r));
}

static int on_user_change(struct http_request *r)
{
        const char *name = http_request_segment(r, "name");
        struct auth_context context = {.pool = web_of(r)->pool, .conf = web_of(r)->auth};
        struct operation *o = operation_new(r);
        struct auth_order order;
        int k;

        if (!o)
                return -ENOMEM;
        k = read_body(o, change_fields, ARRAY_SIZE(change_fields));
        if (k == 0)
                k = read_write(o, "user.update", name);
        if (k != 0)
                return MIN_OF(k, 0);
        order = order_of(o, name);
        return auth_user_update_submit(&o->command, &context, &order, on_command);
}

/* An administrator may set any password; everybody else their own, knowing the old one. True: refused. */
static bool refuse_password(struct operation *o, const char *name)
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

static int on_user_password(struct http_request *r)
{
        const char *name = http_request_segment(r, "name");
        struct operation *o = operation_new(r);
        char address[WEB_ADDRESS_SIZE];
        struct auth_context context;
        struct auth_order order;
        int k;

        if (!o)
                return -ENOMEM;
        k = read_body(o, password_fields, ARRAY_SIZE(password_fields));
        if (k != 0 || refuse_password(o, name))
                return MIN_OF(k, 0);
        k = read_write(o, "user.password", name);
        if (k != 0)
                return MIN_OF(k, 0);
        k = context_of(web_of(r), &context);
        if (k < 0)
                return k;
        web_client_address(http_request_peer(r), http_request_header(r, "X-Forwarded-For"), address);
        order = order_of(o, name);
        order.address = address;
        return auth_user_password_submit(&o->command, &context, &order, on_command);
}

const struct http_route web_account_routes[] = {
        {"POST", "/api/sessions", on_session_create, 0, 0},
        {"GET", "/api/sessions/current", on_session_get, 0, WEB_SCOPE_SESSION},
        {"DELETE", "/api/sessions/current", on_session_delete, 0, WEB_SCOPE_SESSION},
        {"GET", "/api/users", on_user_list, 0, AUTH_ADMIN},
        {"POST", "/api/users", on_user_create, 0, AUTH_ADMIN},
        {"GET", "/api/users/{name}", on_user_get, 0, AUTH_ADMIN},
        {"PATCH", "/api/users/{name}", on_user_change, 0, AUTH_ADMIN},
        {"POST", "/api/users/{name}/password", on_user_password, 0, WEB_SCOPE_SESSION},
        {NULL},
};
