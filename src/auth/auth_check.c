/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include <errno.h>
#include <stdio.h>

#include "auth/auth.h"

/* The rights of a session are those of its account that it was given, as they are now; with none left it is
 * no session. */
static const struct pg_statement check_statement = {
        .name = "auth_check",
        .sql = "SELECT a.name, a.id, s.scopes & a.scopes"
               "  FROM session s JOIN account a ON a.id = s.account_id"
               " WHERE s.token_hash = $1 AND s.expires_at > now() AND NOT a.disabled AND s.scopes & a.scopes "
               "<> 0",
};

static void on_checked(struct pg_query *q)
{
        struct auth_check *c = container_of(q, struct auth_check, query);

        if (q->status < 0)
                c->status = q->status;
        else if (pg_query_rows(q) != 1)
                c->status = -EACCES;
        else {
                snprintf(c->who.user, sizeof(c->who.user), "%s", pg_row_text(q, 0, 0));
                c->who.user_id = pg_row_int(q, 0, 1);
                c->who.scopes = (unsigned)pg_row_int(q, 0, 2);
                c->status = 0;
        }
        c->complete(c);
}

int auth_check_submit(struct auth_check *c, struct pg_pool *pool, const char *token, usec_t deadline_usec,
                      void (*complete)(struct auth_check *c))
{
        uint8_t hash[AUTH_TOKEN_HASH_BYTES];
        int r;

        r = auth_token_hash(token, hash);
        if (r < 0)
                return r;
        *c = (struct auth_check){.complete = complete};
        pg_query_init(&c->query, &check_statement, on_checked);
        pg_query_bytes(&c->query, hash, sizeof(hash));
        return pg_query_submit(&c->query, pool, PG_LANE_READ, deadline_usec);
}

void auth_check_done(struct auth_check *c)
{
        pg_query_done(&c->query);
}
