/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "web/web_account.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "service/log_ids.h"
#include "web/web_input.h"

#define LIMITED_PER_MINUTE 6

static void wipe(char *secret)
{
        if (secret)
                explicit_bzero(secret, strlen(secret));
        free(secret);
}

static void account_done(void *op)
{
        struct web_account *o = op;

        auth_command_done(&o->command);
        pg_query_done(&o->query);
        free(o->body.username);
        wipe(o->body.password);
        wipe(o->body.old_password);
        json_decref(o->body.scopes);
}

struct web_account *web_account_new(struct http_request *r)
{
        struct web_account *o = http_request_op(r, sizeof(*o), account_done);

        if (o)
                o->request = r;
        return o;
}

/* ---- Decoding. ---- */

#define USERNAME(required_)                                                                                  \
        {                                                                                                    \
                "username", JREAD_STRING, offsetof(struct web_account_body, username),                       \
                        .required = (required_), .min = 1, .max = AUTH_USERNAME_MAX                          \
        }
#define PASSWORD(name_, field_, required_, min_)                                                             \
        {                                                                                                    \
                (name_), JREAD_STRING, offsetof(struct web_account_body, field_),                            \
                        .required = (required_), .min = (min_), .max = AUTH_PASSWORD_MAX                     \
        }
#define SCOPES                                                                                               \
        {                                                                                                    \
                "scopes", JREAD_JSON, offsetof(struct web_account_body, scopes),                             \
                        .present = offsetof(struct web_account_body, has_scopes)                             \
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
        {"disabled", JREAD_BOOL, offsetof(struct web_account_body, disabled),
         .present = offsetof(struct web_account_body, has_disabled)},
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

static void check_scope(const char *word, size_t i, struct web_account_body *b, struct field_errors *errors)
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

static void check_scopes(struct web_account_body *b, struct field_errors *errors)
{
        size_t n = json_array_size(b->scopes);

        if (!b->has_scopes)
                return;
        if (n == 0) /* or no array at all */
                field_errors_add(errors, "/scopes", "must be a list of \"read\", \"write\", \"admin\"");
        for (size_t i = 0; i < n; i++)
                check_scope(json_string_value(json_array_get(b->scopes, i)), i, b, errors);
}

static const char *const json_media[] = {"application/json", NULL};
static const char *const change_media[] = {"application/merge-patch+json", "application/json", NULL};

static const struct {
        const struct jread_field *fields;
        size_t n_fields;
        const char *const *media;
} bodies[] = {
        [WEB_ACCOUNT_LOGIN] = {session_fields, ARRAY_SIZE(session_fields), json_media},
        [WEB_ACCOUNT_CREATE] = {user_fields, ARRAY_SIZE(user_fields), json_media},
        [WEB_ACCOUNT_CHANGE] = {change_fields, ARRAY_SIZE(change_fields), change_media},
        [WEB_ACCOUNT_PASSWORD] = {password_fields, ARRAY_SIZE(password_fields), json_media},
};

int web_account_read_body(struct web_account *o, enum web_account_kind kind)
{
        struct field_errors errors = {.n_errors = 0};
        json_t *value = NULL;
        const char *text;
        size_t n, which;
        int r;

        if (web_input_parameters(o->request, NULL) != 0 ||
            web_input_media(o->request, bodies[kind].media, &which) != 0)
                return 1;
        text = http_request_body(o->request, &n);
        r = jread_text(text, n, &value, &errors);
        if (r == 0)
                r = jread_object(value, bodies[kind].fields, bodies[kind].n_fields, "", &o->body, &errors);
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

int web_account_read_write(struct web_account *o, const char *name, const char *target)
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

/* Somebody guesses, or has forgotten: worth a line, a few times a minute. */
static void tell_limited(struct web_account *o)
{
        unsigned suppressed;

        if (!log_limit_pass(&web_of(o->request)->login_limit, LIMITED_PER_MINUTE, &suppressed))
                return;
        log_fields(LOG_NOTICE,
                   LOG_FIELDS({"MESSAGE_ID", LOG_ID_LOGIN_LIMITED}, {"USER_NAME", o->command.order.name},
                              {"ADDRESS", o->command.order.address},
                              {"REQUEST_ID", http_request_id(o->request)}),
                   "Too many failed logins of user %s or from %s: refused for %u s", o->command.order.name,
                   o->command.order.address, o->command.wait_sec);
}

void web_account_reply(struct auth_command *c)
{
        struct web_account *o = container_of(c, struct web_account, command);
        char wait[16];

        if (c->status < 0 && c->status != c->query.status) { /* the hasher's, also short of memory: not now */
                http_reply_error(o->request, -EBUSY);
                return;
        }
        if (c->wait_sec > 0) {
                tell_limited(o);
                snprintf(wait, sizeof(wait), "%u", c->wait_sec);
                http_reply_header(o->request, "Retry-After", wait);
        }
        web_write_reply(o->request, &c->query);
}

int web_account_context(struct web *w, struct auth_context *ret)
{
        int r = 0;

        if (!w->hasher)
                r = auth_hasher_new(&w->hasher, service_loop(w->service));
        *ret = (struct auth_context){.pool = w->pool, .hasher = w->hasher, .conf = w->auth};
        return r;
}

struct auth_order web_account_order(const struct web_account *o, const char *name)
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

void web_account_reply_row(struct http_request *r, const struct pg_query *q)
{
        if (q->status < 0)
                http_reply_error(r, q->status);
        else if (pg_query_rows(q) == 0)
                http_reply_problem(r, 404, "not-found", NULL);
        else
                http_reply_text(r, 200, "application/json", pg_row_text(q, 0, 0));
}

/* ---- The route table. ---- */

const struct http_route web_account_routes[] = {
        {"POST", "/api/sessions", web_session_create, 0, 0},
        {"GET", "/api/sessions/current", web_session_get, 0, WEB_SCOPE_SESSION},
        {"DELETE", "/api/sessions/current", web_session_delete, 0, WEB_SCOPE_SESSION},
        {"GET", "/api/users", web_user_list, 0, AUTH_ADMIN},
        {"POST", "/api/users", web_user_create, 0, AUTH_ADMIN},
        {"GET", "/api/users/{name}", web_user_get, 0, AUTH_ADMIN},
        {"PATCH", "/api/users/{name}", web_user_change, 0, AUTH_ADMIN},
        {"POST", "/api/users/{name}/password", web_user_password, 0, WEB_SCOPE_SESSION},
        {NULL},
};
