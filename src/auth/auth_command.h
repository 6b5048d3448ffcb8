/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* What can be done with users and sessions: one function per operation, the same for every front end.
 *
 *     login            LOOK_UP --> VERIFY --> WRITE
 *                                    | wrong --> FAIL
 *     own password     LOOK_UP --> VERIFY --> HASH --> WRITE
 *                                    | wrong --> FAIL
 *     create, another's password            HASH --> WRITE
 *     update, log out                                WRITE
 *
 * LOOK_UP, WRITE and FAIL are statements (sql/0003_accounts.sql holds the rules), VERIFY and HASH run on the
 * hasher. However it ends, `query` holds one row whose first five columns are a write_row, or `status` tells
 * why there is none. */

#include "auth/auth.h"
#include "auth/auth_hasher.h"

struct auth_context { /* pool and hasher outlive the command */
        struct pg_pool *pool;
        struct auth_hasher *hasher;
        const struct auth_conf *conf;
};

/* What is asked; copied by the submit functions. Fields that an operation does not name are ignored. Names
 * and passwords have been checked by the caller (auth_username_is_valid(), AUTH_PASSWORD_*). */
struct auth_order {
        const char *key, *hash;   /* idempotency; NULL = none */
        const char *name;         /* the user */
        const char *password;     /* log in: the one; create, password: the new one */
        const char *old_password; /* password: the user's own, or NULL when an administrator asks */
        const char *address;      /* log in, own password: where from, for the counter of failures */
        int64_t match;            /* update: version, -1 none, -2 any */
        unsigned scopes;          /* log in: 0 = all of the user's; create; update: 0 = as they are */
        int disabled;             /* update: -1 = as it is */
        usec_t deadline_usec;
};

struct auth_operation;
struct auth_command { /* embedded; zeroed before the first use */
        void (*complete)(struct auth_command *c);
        int status; /* 0: `query` holds the row; -errno */
        struct pg_query query;
        unsigned wait_sec;           /* refused as too-many-failures: come back after */
        char token[AUTH_TOKEN_SIZE]; /* log in: belongs to a row that is 'done' */
        /* private */
        const struct auth_operation *operation;
        struct pg_pool *pool;
        struct auth_hasher *hasher;
        struct auth_conf conf; /* a copy: a reload may come between the steps */
        struct auth_hash_job job;
        struct auth_order order; /* its strings owned */
        char stored[AUTH_HASH_SIZE];
        uint8_t token_hash[AUTH_TOKEN_HASH_BYTES];
};

/* Each: 0, and complete() later, exactly once; -EBUSY, -ENOMEM. */
int auth_login_submit(struct auth_command *c, const struct auth_context *context, const struct auth_order *o,
                      void (*complete)(struct auth_command *c));
int auth_user_create_submit(struct auth_command *c, const struct auth_context *context,
                            const struct auth_order *o, void (*complete)(struct auth_command *c));
int auth_user_update_submit(struct auth_command *c, const struct auth_context *context,
                            const struct auth_order *o, void (*complete)(struct auth_command *c));
int auth_user_password_submit(struct auth_command *c, const struct auth_context *context,
                              const struct auth_order *o, void (*complete)(struct auth_command *c));
int auth_logout_submit(struct auth_command *c, const struct auth_context *context, const struct auth_order *o,
                       const uint8_t token_hash[AUTH_TOKEN_HASH_BYTES],
                       void (*complete)(struct auth_command *c));
/* Cancels what runs, wipes and frees. Safe on a zeroed command. */
void auth_command_done(struct auth_command *c);
