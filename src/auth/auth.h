/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Users, sessions, scopes: one check for every front end.
 *
 * A token is 32 random bytes, shown once as "lj_" + base64url; stored only as SHA-256. Passwords are Argon2id
 * (libsodium, INTERACTIVE limits), hashed on a small thread pool, never on the loop. Nothing about a session
 * is cached: the check is one primary-key read, so once a session is revoked no new request passes anywhere.
 * Section [Auth]. */

#include <stdbool.h>
#include <stdint.h>

#include "pg/pg_query.h"
#include "service/conf.h"

enum auth_scope {
        AUTH_READ = 1 << 0,
        AUTH_WRITE = 1 << 1,
        AUTH_ADMIN = 1 << 2, /* implies the others */
};

#define AUTH_USERNAME_MAX 64 /* [a-z0-9._-], starts with a letter */
#define AUTH_PASSWORD_MIN 8  /* NIST SP 800-63B: length is what counts */
#define AUTH_PASSWORD_MAX 1024
#define AUTH_TOKEN_SIZE 64
#define AUTH_TOKEN_HASH_BYTES 32

struct auth_conf {
        int anonymous_read;          /* AnonymousRead=loopback|no|all: enum auth_anonymous */
        usec_t session_usec;         /* SessionSec=12h */
        uint64_t login_failures_max; /* LoginFailuresMax=10 per user name and per address in LoginWindowSec;
                                        then 429 */
        usec_t login_window_usec;    /* LoginWindowSec=5min */
};
enum auth_anonymous { AUTH_ANONYMOUS_NO, AUTH_ANONYMOUS_LOOPBACK, AUTH_ANONYMOUS_ALL };
extern const struct conf_option auth_options[];

struct auth_identity {
        char user[AUTH_USERNAME_MAX + 1]; /* "" = anonymous, "root@admin"-like text for the admin socket */
        int64_t user_id;                  /* 0 = none */
        unsigned scopes;                  /* AUTH_* */
};

bool auth_username_is_valid(const char *s);
/* "read write" <-> bits. -EINVAL for an unknown word or none. admin comes out with the scopes it implies. */
#define AUTH_SCOPES_SIZE 24
int auth_scopes_parse(const char *s, unsigned *ret);
void auth_scopes_format(unsigned scopes, char out[AUTH_SCOPES_SIZE]);
unsigned auth_scopes_normal(unsigned scopes);
/* All bits of `scope`. */
bool auth_allows(const struct auth_identity *who, unsigned scope);

int auth_token_make(char ret_token[AUTH_TOKEN_SIZE], uint8_t ret_hash[AUTH_TOKEN_HASH_BYTES]);
/* -EINVAL when it is not of the form. */
int auth_token_hash(const char *token, uint8_t ret_hash[AUTH_TOKEN_HASH_BYTES]);

/* The check. 0: complete() later: `status` 0 with `who`, -EACCES (unknown, expired, revoked, user disabled),
 * or the query's error. -EINVAL: not a token; -EBUSY, -ENOMEM. */
struct auth_check {
        void (*complete)(struct auth_check *c);
        int status;
        struct auth_identity who;
        /* private */
        struct pg_query query;
};
int auth_check_submit(struct auth_check *c, struct pg_pool *pool, const char *token, usec_t deadline_usec,
                      void (*complete)(struct auth_check *c));
void auth_check_done(struct auth_check *c);
