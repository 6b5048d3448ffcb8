/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>

#include "auth/auth_watch.h"
#include "base/alloc.h"
#include "base/str.h"

#define BATCH_MAX 500               /* sessions of one statement */
#define ASK_USEC (2 * USEC_PER_SEC) /* an answer later than that would be stale soon */

#define HASH_HEX_SIZE (2 * AUTH_TOKEN_HASH_BYTES + 1)

struct auth_session {
        struct auth_watch *watch; /* borrowed */
        struct map_entry entry;
        char hash[HASH_HEX_SIZE];
        struct list_link link; /* in due or asked */
        struct list holds;
        unsigned n_holds;
        bool is_telling;
        usec_t good_usec; /* when the last look began that found it */
        unsigned scopes;  /* what it found; 0: no session */
};

static const struct pg_statement look_statement = {
        .name = "auth_watch",
        .sql = "SELECT encode(s.token_hash, 'hex'), s.scopes & a.scopes"
               "  FROM session s JOIN account a ON a.id = s.account_id"
               " WHERE s.token_hash = ANY ($1::bytea[]) AND s.expires_at > now() AND NOT a.disabled",
};

static void ask(struct auth_watch *w);

static bool is_fresh(const struct auth_session *s)
{
        return clock_monotonic_usec() - s->good_usec < AUTH_WATCH_FRESH_USEC;
}

/* ---- Rounds ---- */

static void on_round(struct loop_timer *t)
{
        struct auth_watch *w = container_of(t, struct auth_watch, timer);

        MAP_FOREACH (e, &w->sessions) {
                struct auth_session *s = container_of(e, struct auth_session, entry);

                if (!list_is_linked(&s->link))
                        list_append(&w->due, &s->link);
        }
        if (!w->is_asking)
                ask(w);
        if (w->sessions.n_entries > 0)
                (void)loop_timer_start(&w->timer, w->loop, AUTH_WATCH_USEC, on_round);
}

static void take_row(struct auth_watch *w, size_t row)
{
        struct map_entry *e = map_get(&w->sessions, pg_row_text(&w->query, row, 0));

        if (e)
                container_of(e, struct auth_session, entry)->scopes = (unsigned)pg_row_int(&w->query, row, 1);
}

static void session_free(struct auth_session *s)
{
        list_remove(&s->link);
        map_remove(&s->watch->sessions, &s->entry);
        free(s);
}

/* Any hold may be dropped by what it is told, or by what another is told. */
static void tell(struct auth_watch *w, struct auth_session *s)
{
        bool was_fresh = is_fresh(s);
        struct list_link *i;
        struct list round;

        if (s->scopes != 0)
                s->good_usec = w->asked_usec;
        list_init(&round);
        while ((i = list_first(&s->holds))) {
                list_remove(i);
                list_append(&round, i);
        }
        s->is_telling = true;
        while ((i = list_first(&round))) {
                struct auth_hold *h = LIST_ENTRY(i, struct auth_hold, link);
                bool has_ended = (s->scopes & h->scope) != h->scope;

                list_remove(i);
                list_append(&s->holds, i);
                if (has_ended || !was_fresh)
                        h->told(h, has_ended);
        }
        s->is_telling = false;
        if (s->n_holds == 0)
                session_free(s);
}

static void on_looked(struct pg_query *q)
{
        struct auth_watch *w = container_of(q, struct auth_watch, query);
        struct list_link *i;
        int status = q->status;

        w->is_asking = false;
        if (status == 0) {
                LIST_FOREACH (k, &w->asked)
                        LIST_ENTRY(k, struct auth_session, link)->scopes = 0;
                for (size_t row = 0; row < pg_query_rows(q); row++)
                        take_row(w, row);
        }
        pg_query_done(q);
        while ((i = list_first(&w->asked))) {
                list_remove(i);
                if (status == 0)
                        tell(w, LIST_ENTRY(i, struct auth_session, link));
        }
        if (!w->is_asking && status == 0)
                ask(w);
}

static void ask(struct auth_watch *w)
{
        struct buf hashes = BUF_EMPTY;
        struct list_link *i;
        int r;

        if (list_is_empty(&w->due))
                return;
        for (unsigned n = 0; n < BATCH_MAX && (i = list_first(&w->due)); n++) {
                list_remove(i);
                list_append(&w->asked, i);
                buf_printf(&hashes, "%s\"\\\\x%s\"", n == 0 ? "{" : ",",
                           LIST_ENTRY(i, struct auth_session, link)->hash);
        }
        buf_append_char(&hashes, '}');
        pg_query_init(&w->query, &look_statement, on_looked);
        r = buf_error(&hashes);
        if (r == 0) {
                w->asked_usec = clock_monotonic_usec();
                pg_query_text_n(&w->query, buf_bytes(&hashes), buf_size(&hashes));
                r = pg_query_submit(&w->query, w->pool, PG_LANE_READ, usec_add(w->asked_usec, ASK_USEC));
        }
        buf_done(&hashes);
        w->is_asking = r == 0;
        if (r == 0)
                return;
        pg_query_done(&w->query); /* the next round tries again */
        while ((i = list_first(&w->asked)))
                list_remove(i);
}

void auth_watch_init(struct auth_watch *w, sd_event *loop, struct pg_pool *pool)
{
        *w = (struct auth_watch){.loop = loop, .pool = pool};
        map_init(&w->sessions);
        list_init(&w->due);
        list_init(&w->asked);
}

void auth_watch_done(struct auth_watch *w)
{
        pg_query_done(&w->query);
        loop_timer_done(&w->timer);
        map_done(&w->sessions);
}

/* ---- Holds ---- */

static int session_get(struct auth_watch *w, const char *hash, struct auth_session **ret)
{
        struct map_entry *e = map_get(&w->sessions, hash);
        struct auth_session *s;
        int r;

        if (e) {
                *ret = container_of(e, struct auth_session, entry);
                return 0;
        }
        s = new0(struct auth_session, 1);
        if (!s)
                return -ENOMEM;
        s->watch = w;
        memcpy(s->hash, hash, sizeof(s->hash));
        list_init(&s->holds);
        s->good_usec = clock_monotonic_usec();
        r = map_put(&w->sessions, s->hash, &s->entry);
        if (r < 0) {
                free(s);
                return r;
        }
        if (!loop_timer_is_armed(&w->timer))
                (void)loop_timer_start(&w->timer, w->loop, AUTH_WATCH_USEC, on_round);
        *ret = s;
        return 0;
}

int auth_hold_take(struct auth_hold *h, struct auth_watch *w, const char *token, unsigned scope,
                   void (*told)(struct auth_hold *h, bool ended))
{
        uint8_t hash[AUTH_TOKEN_HASH_BYTES];
        char hex[HASH_HEX_SIZE];
        struct auth_session *s;
        int r;

        r = auth_token_hash(token, hash);
        if (r < 0)
                return r;
        hex_encode(hash, sizeof(hash), hex);
        r = session_get(w, hex, &s);
        if (r < 0)
                return r;
        *h = (struct auth_hold){.told = told, .session = s, .scope = scope};
        list_append(&s->holds, &h->link);
        s->n_holds++;
        return 0;
}

void auth_hold_drop(struct auth_hold *h)
{
        struct auth_session *s = TAKE_PTR(h->session);

        if (!s)
                return;
        list_remove(&h->link);
        if (--s->n_holds == 0 && !s->is_telling)
                session_free(s);
}

void auth_hold_move(struct auth_hold *to, struct auth_hold *from,
                    void (*told)(struct auth_hold *h, bool ended))
{
        *to = (struct auth_hold){.told = told, .session = from->session, .scope = from->scope};
        if (!from->session)
                return;
        list_insert_before(&from->link, &to->link);
        list_remove(&from->link);
        from->session = NULL;
}

bool auth_hold_is_fresh(const struct auth_hold *h)
{
        return !h->session || is_fresh(h->session);
}
