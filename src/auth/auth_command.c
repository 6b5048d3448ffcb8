/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "auth/auth_command.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/str.h"

enum step { STEP_LOOK_UP, STEP_VERIFY, STEP_HASH, STEP_WRITE, STEP_FAIL };

struct auth_operation {
        const char *name;                 /* the scope of its keys */
        bool verifies, hashes;            /* which steps it has */
        const struct pg_statement *write; /* key, hash, and what bind() adds */
        void (*bind)(struct auth_command *c);
};

static const struct pg_statement look_up_statement = {
        .name = "auth_login_begin",
        .sql = "SELECT outcome, status, etag, location, answer, wait_sec, password"
               "  FROM login_begin($1, $2, $3, $4, $5, $6, $7)",
};
static const struct pg_statement fail_statement = {
        .name = "auth_login_failed",
        .sql = "SELECT * FROM login_failed($1, $2, $3, $4)",
};
static const struct pg_statement session_create_statement = {
        .name = "auth_session_create",
        .sql = "SELECT * FROM session_create($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
};
static const struct pg_statement session_delete_statement = {
        .name = "auth_session_delete",
        .sql = "SELECT * FROM session_delete($1, $2, $3)",
};
static const struct pg_statement account_create_statement = {
        .name = "auth_account_create",
        .sql = "SELECT * FROM account_create($1, $2, $3, $4, $5)",
};
static const struct pg_statement account_update_statement = {
        .name = "auth_account_update",
        .sql = "SELECT * FROM account_update($1, $2, $3, $4, $5, $6)",
};
static const struct pg_statement account_password_statement = {
        .name = "auth_account_password",
        .sql = "SELECT * FROM account_set_password($1, $2, $3, $4, $5)",
};

static void add_interval(struct pg_query *q, usec_t usec)
{
        char text[48];

        snprintf(text, sizeof(text), "%" PRIu64 " microseconds", usec);
        pg_query_text(q, text);
}

static void add_scopes(struct pg_query *q, unsigned scopes)
{
        if (scopes == 0)
                pg_query_null(q);
        else
                pg_query_int(q, auth_scopes_normal(scopes));
}

static void bind_session_create(struct auth_command *c)
{
        struct pg_query *q = &c->query;

        pg_query_text(q, c->order.name);
        pg_query_text(q, c->order.address);
        pg_query_int(q, (int64_t)c->conf.login_failures_max);
        add_interval(q, c->conf.login_window_usec);
        pg_query_text(q, c->stored);
        pg_query_bytes(q, c->token_hash, sizeof(c->token_hash));
        add_scopes(q, c->order.scopes);
        add_interval(q, c->conf.session_usec);
}

static void bind_session_delete(struct auth_command *c)
{
        pg_query_bytes(&c->query, c->token_hash, sizeof(c->token_hash));
}

static void bind_account_create(struct auth_command *c)
{
        pg_query_text(&c->query, c->order.name);
        pg_query_text(&c->query, c->job.hash);
        add_scopes(&c->query, c->order.scopes);
}

static void bind_account_update(struct auth_command *c)
{
        struct pg_query *q = &c->query;

        if (c->order.match == -1)
                pg_query_null(q);
        else
                pg_query_int(q, c->order.match);
        pg_query_text(q, c->order.name);
        add_scopes(q, c->order.scopes);
        if (c->order.disabled < 0)
                pg_query_null(q);
        else
                pg_query_bool(q, c->order.disabled > 0);
}

static void bind_account_password(struct auth_command *c)
{
        pg_query_text(&c->query, c->order.name);
        pg_query_text(&c->query, c->job.hash);
        pg_query_text(&c->query, c->order.old_password ? c->stored : NULL);
}

static const struct auth_operation login_operation = {"session.create", true, false,
                                                      &session_create_statement, bind_session_create};
static const struct auth_operation logout_operation = {"session.delete", false, false,
                                                       &session_delete_statement, bind_session_delete};
static const struct auth_operation create_operation = {"user.create", false, true, &account_create_statement,
                                                       bind_account_create};
static const struct auth_operation update_operation = {"user.update", false, false, &account_update_statement,
                                                       bind_account_update};
static const struct auth_operation own_password_operation = {
        "user.password", true, true, &account_password_statement, bind_account_password};
static const struct auth_operation password_operation = {"user.password", false, true,
                                                         &account_password_statement, bind_account_password};

static int enter(struct auth_command *c, enum step step);

static void finish(struct auth_command *c, int status)
{
        c->status = status;
        c->complete(c);
}

static void enter_or_finish(struct auth_command *c, enum step step)
{
        int r;

        r = enter(c, step);
        if (r < 0)
                finish(c, r);
}

/* A row with an outcome ends the command; without one it holds the hash to verify against. */
static void on_looked_up(struct pg_query *q)
{
        struct auth_command *c = container_of(q, struct auth_command, query);

        if (q->status < 0)
                return finish(c, q->status);
        c->wait_sec = (unsigned)pg_row_int(q, 0, 5);
        if (!pg_row_is_null(q, 0, 0))
                return finish(c, 0);
        snprintf(c->stored, sizeof(c->stored), "%s", pg_row_text(q, 0, 6));
        enter_or_finish(c, STEP_VERIFY);
}

static void on_verified(struct auth_hash_job *j)
{
        struct auth_command *c = container_of(j, struct auth_command, job);

        if (j->status == -EACCES)
                enter_or_finish(c, STEP_FAIL);
        else if (j->status < 0)
                finish(c, j->status);
        else
                enter_or_finish(c, c->operation->hashes ? STEP_HASH : STEP_WRITE);
}

static void on_hashed(struct auth_hash_job *j)
{
        struct auth_command *c = container_of(j, struct auth_command, job);

        if (j->status < 0)
                finish(c, j->status);
        else
                enter_or_finish(c, STEP_WRITE);
}

static void on_written(struct pg_query *q)
{
        struct auth_command *c = container_of(q, struct auth_command, query);

        finish(c, q->status);
}

static int submit_look_up(struct auth_command *c)
{
        struct pg_query *q = &c->query;

        pg_query_init(q, &look_up_statement, on_looked_up);
        pg_query_text(q, c->operation->name);
        pg_query_text(q, c->order.key);
        pg_query_text(q, c->order.hash);
        pg_query_text(q, c->order.name);
        pg_query_text(q, c->order.address);
        pg_query_int(q, (int64_t)c->conf.login_failures_max);
        add_interval(q, c->conf.login_window_usec);
        return pg_query_submit(q, c->pool, PG_LANE_WRITE, c->order.deadline_usec);
}

static int submit_fail(struct auth_command *c)
{
        struct pg_query *q = &c->query;

        pg_query_init(q, &fail_statement, on_written);
        pg_query_text(q, c->operation->name);
        pg_query_text(q, c->order.name);
        pg_query_text(q, c->order.address);
        add_interval(q, c->conf.login_window_usec);
        return pg_query_submit(q, c->pool, PG_LANE_WRITE, c->order.deadline_usec);
}

static int submit_write(struct auth_command *c)
{
        struct pg_query *q = &c->query;

        pg_query_init(q, c->operation->write, on_written);
        pg_query_text(q, c->order.key);
        pg_query_text(q, c->order.hash);
        c->operation->bind(c);
        return pg_query_submit(q, c->pool, PG_LANE_WRITE, c->order.deadline_usec);
}

static int enter(struct auth_command *c, enum step step)
{
        const char *tried = c->order.old_password ? c->order.old_password : c->order.password;

        pg_query_done(&c->query);
        switch (step) {
        case STEP_LOOK_UP:
                return submit_look_up(c);
        case STEP_VERIFY:
                return auth_verify_submit(&c->job, c->hasher, c->stored[0] ? c->stored : NULL, tried,
                                          c->order.deadline_usec, on_verified);
        case STEP_HASH:
                return auth_hash_submit(&c->job, c->hasher, c->order.password, c->order.deadline_usec,
                                        on_hashed);
        case STEP_WRITE:
                return submit_write(c);
        case STEP_FAIL:
                return submit_fail(c);
        }
        return -EINVAL;
}

static int copy_order(struct auth_order *to, const struct auth_order *from)
{
        const char *const strings[] = {from->key,      from->hash,         from->name,
                                       from->password, from->old_password, from->address};
        char *copies[ARRAY_SIZE(strings)] = {0};
        bool failed = false;

        for (size_t i = 0; i < ARRAY_SIZE(strings); i++)
                failed |= strdup_to(&copies[i], strings[i]) < 0;
        *to = *from;
        to->key = copies[0];
        to->hash = copies[1];
        to->name = copies[2];
        to->password = copies[3];
        to->old_password = copies[4];
        to->address = copies[5];
        return failed ? -ENOMEM : 0;
}

static void order_done(struct auth_order *o)
{
        if (o->password)
                sodium_memzero((char *)o->password, strlen(o->password));
        if (o->old_password)
                sodium_memzero((char *)o->old_password, strlen(o->old_password));
        free((char *)o->key);
        free((char *)o->hash);
        free((char *)o->name);
        free((char *)o->password);
        free((char *)o->old_password);
        free((char *)o->address);
        *o = (struct auth_order){0};
}

static int start(struct auth_command *c, const struct auth_operation *operation,
                 const struct auth_context *context, const struct auth_order *o,
                 void (*complete)(struct auth_command *c))
{
        int r;

        c->operation = operation;
        c->pool = context->pool;
        c->hasher = context->hasher;
        c->conf = *context->conf;
        c->complete = complete;
        r = copy_order(&c->order, o);
        if (r < 0)
                return r;
        if (operation->verifies)
                return enter(c, STEP_LOOK_UP);
        return enter(c, operation->hashes ? STEP_HASH : STEP_WRITE);
}

int auth_login_submit(struct auth_command *c, const struct auth_context *context, const struct auth_order *o,
                      void (*complete)(struct auth_command *c))
{
        int r;

        r = auth_token_make(c->token, c->token_hash);
        if (r < 0)
                return r;
        return start(c, &login_operation, context, o, complete);
}

int auth_user_create_submit(struct auth_command *c, const struct auth_context *context,
                            const struct auth_order *o, void (*complete)(struct auth_command *c))
{
        return start(c, &create_operation, context, o, complete);
}

int auth_user_update_submit(struct auth_command *c, const struct auth_context *context,
                            const struct auth_order *o, void (*complete)(struct auth_command *c))
{
        return start(c, &update_operation, context, o, complete);
}

int auth_user_password_submit(struct auth_command *c, const struct auth_context *context,
                              const struct auth_order *o, void (*complete)(struct auth_command *c))
{
        return start(c, o->old_password ? &own_password_operation : &password_operation, context, o,
                     complete);
}

int auth_logout_submit(struct auth_command *c, const struct auth_context *context, const struct auth_order *o,
                       const uint8_t token_hash[AUTH_TOKEN_HASH_BYTES],
                       void (*complete)(struct auth_command *c))
{
        memcpy(c->token_hash, token_hash, sizeof(c->token_hash));
        return start(c, &logout_operation, context, o, complete);
}

void auth_command_done(struct auth_command *c)
{
        pg_query_done(&c->query);
        auth_hash_cancel(&c->job);
        order_done(&c->order);
        sodium_memzero(c->token, sizeof(c->token));
        sodium_memzero(c->stored, sizeof(c->stored));
}
