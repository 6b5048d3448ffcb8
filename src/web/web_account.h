/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* What the requests of /api/sessions and /api/users share: their bodies, their commands. Between the files of
 * web/ only. */

#include "auth/auth_command.h"
#include "web/web_private.h"
#include "web/web_write.h"

/* The decoded body of any of these requests. */
struct web_account_body {
        char *username, *password, *old_password; /* owned */
        json_t *scopes;                           /* owned */
        bool has_scopes, has_disabled, disabled;
        unsigned scope_bits; /* of `scopes`, 0 when absent */
};

struct web_account { /* in the op slot */
        struct http_request *request;
        struct web_account_body body;
        struct web_write write;
        struct auth_command command;
        struct pg_query query; /* of reads */
};

struct web_account *web_account_new(struct http_request *r);

enum web_account_kind { WEB_ACCOUNT_LOGIN, WEB_ACCOUNT_CREATE, WEB_ACCOUNT_CHANGE, WEB_ACCOUNT_PASSWORD };
/* 0; 1: answered with 400; -errno. */
int web_account_read_body(struct web_account *o, enum web_account_kind kind);
/* The headers of a write. What its key is bound to leaves passwords out: a plain SHA-256 of one, kept for a
 * day, would be the weakest copy of it anywhere. Same results. */
int web_account_read_write(struct web_account *o, const char *name, const char *target);

/* With a hasher, which the first one to need it makes. */
int web_account_context(struct web *w, struct auth_context *ret);
struct auth_order web_account_order(const struct web_account *o, const char *name);
/* The usual end of a command. */
void web_account_reply(struct auth_command *c);
/* The usual end of `query`: one row, JSON text in its first column, or 404. */
void web_account_reply_row(struct http_request *r, const struct pg_query *q);

/* Handlers, for the route table. */
int web_session_create(struct http_request *r);
int web_session_get(struct http_request *r);
int web_session_delete(struct http_request *r);
int web_user_list(struct http_request *r);
int web_user_create(struct http_request *r);
int web_user_get(struct http_request *r);
int web_user_change(struct http_request *r);
int web_user_password(struct http_request *r);
