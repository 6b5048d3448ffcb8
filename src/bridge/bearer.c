/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "bridge/bearer.h"
#include "bridge/problem_text.h"
#include "json/jread.h"

struct bearer {
        struct bearer_book *book; /* borrowed */
        struct map_entry entry;   /* by token */
        char *token;              /* owned */
        enum bearer_state state;
        struct list holds; /* struct bearer_hold */
        unsigned n_watching;
        struct upstream_get get;
        uint64_t n_begun, n_done; /* checks */
        bool is_checking;
        bool is_scopeless;    /* refused, though the session itself is good */
        usec_t begun_usec;    /* of the check under way */
        usec_t verified_usec; /* when the last successful one began; 0 = never */
        struct buf session;   /* the answer of that one */
        struct loop_timer recheck;
};

static void bearer_begin(struct bearer *b);
static void bearer_arm(struct bearer *b);

void bearer_book_init(struct bearer_book *b, sd_event *loop, struct upstream *u)
{
        *b = (struct bearer_book){.loop = loop, .upstream = u};
        map_init(&b->bearers);
}

void bearer_book_done(struct bearer_book *b)
{
        map_done(&b->bearers);
}

static struct bearer *bearer_free(struct bearer *b)
{
        if (!b)
                return NULL;
        map_remove(&b->book->bearers, &b->entry);
        upstream_get_done(&b->get);
        loop_timer_done(&b->recheck);
        buf_done(&b->session);
        free(b->token);
        free(b);
        return NULL;
}
DEFINE_FREEP(struct bearer, bearer_free)

static int bearer_find(struct bearer_book *book, const char *token, struct bearer **ret)
{
        struct map_entry *e = map_get(&book->bearers, token);
        _cleanup_(bearer_freep) struct bearer *b = NULL;
        int r;

        if (e) {
                *ret = container_of(e, struct bearer, entry);
                return 0;
        }
        b = new0(struct bearer, 1);
        if (!b)
                return -ENOMEM;
        b->book = book;
        list_init(&b->holds);
        r = strdup_to(&b->token, token);
        if (r == 0)
                r = map_put(&book->bearers, b->token, &b->entry);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(b);
        return 0;
}

int bearer_hold_take(struct bearer_hold *h, struct bearer_book *book, const char *token,
                     void (*checked)(struct bearer_hold *h, int status))
{
        struct bearer *b;
        int r;

        r = bearer_find(book, token, &b);
        if (r < 0)
                return r;
        *h = (struct bearer_hold){.bearer = b, .checked = checked};
        list_append(&b->holds, &h->link);
        return 0;
}

void bearer_hold_drop(struct bearer_hold *h)
{
        struct bearer *b = h->bearer;

        if (!b)
                return;
        bearer_hold_set_watching(h, false);
        list_remove(&h->link);
        h->bearer = NULL;
        h->awaited = 0;
        if (list_is_empty(&b->holds))
                bearer_free(b);
}

void bearer_hold_move(struct bearer_hold *to, struct bearer_hold *from)
{
        *to = *from;
        to->link = (struct list_link){0};
        list_insert_before(&from->link, &to->link);
        list_remove(&from->link);
        *from = (struct bearer_hold){0};
}

static bool scopes_allow(json_t *session)
{
        json_t *scopes = json_object_get(session, "scopes"), *scope;
        size_t i;

        json_array_foreach(scopes, i, scope)
        {
                const char *name = json_string_value(scope);

                if (name && (streq(name, "read") || streq(name, "admin")))
                        return true;
        }
        return false;
}

static int append_text(const char *text, size_t n, void *out)
{
        buf_append(out, text, n);
        return 0;
}

/* Takes what the answer says of the session, on one line. False: it does not allow reading. */
static bool take_session(struct bearer *b, const struct buf *answer)
{
        _cleanup_json_ json_t *session = NULL;
        struct field_errors errors = {0};

        if (buf_size(answer) == 0 || jread_text(buf_bytes(answer), buf_size(answer), &session, &errors) < 0 ||
            !scopes_allow(session))
                return false;
        buf_reset(&b->session);
        return json_dump_callback(session, append_text, &b->session, JSON_COMPACT) == 0 &&
               buf_error(&b->session) == 0;
}

/* 0, -EACCES or -EAGAIN. */
static int bearer_learn(struct bearer *b)
{
        b->is_scopeless = false;
        if (b->get.outcome == UPSTREAM_AWAY)
                return -EAGAIN;
        if (b->get.outcome == UPSTREAM_FOUND && take_session(b, &b->get.fetch.answer)) {
                b->state = BEARER_VALID;
                b->verified_usec = b->begun_usec;
                return 0;
        }
        b->is_scopeless = b->get.outcome == UPSTREAM_FOUND;
        b->state = BEARER_REFUSED;
        return -EACCES;
}

static bool is_awaited(const struct bearer *b)
{
        LIST_FOREACH (i, &b->holds) {
                if (LIST_ENTRY(i, struct bearer_hold, link)->awaited > b->n_done)
                        return true;
        }
        return false;
}

/* Tells those who waited, or everyone if something is different. Whoever is told may drop its hold, and new
 * holds may come: `end` parts those to be told from those that were. */
static void bearer_tell(struct bearer *b, int status, bool everyone)
{
        struct bearer_hold end = {.bearer = b};
        struct list_link *i;

        list_append(&b->holds, &end.link);
        while ((i = list_first(&b->holds)) != &end.link) {
                struct bearer_hold *h = LIST_ENTRY(i, struct bearer_hold, link);
                bool answered = h->awaited > 0 && h->awaited <= b->n_done;

                list_remove(i);
                list_append(&b->holds, i);
                if (answered)
                        h->awaited = 0;
                if (answered || everyone)
                        h->checked(h, status);
        }
        /* What is to come is arranged before our own hold goes, the last one perhaps. */
        if (is_awaited(b))
                bearer_begin(b);
        else
                bearer_arm(b);
        bearer_hold_drop(&end);
}

static void on_complete(struct upstream_get *g)
{
        struct bearer *b = container_of(g, struct bearer, get);
        bool was_fresh = bearer_is_fresh(b);
        enum bearer_state before = b->state;
        int status;

        b->is_checking = false;
        b->n_done = b->n_begun;
        status = bearer_learn(b);
        bearer_tell(b, status, b->state != before || bearer_is_fresh(b) != was_fresh);
}

static void bearer_begin(struct bearer *b)
{
        loop_timer_stop(&b->recheck);
        b->begun_usec = clock_monotonic_usec();
        if (upstream_get_submit(&b->get, b->book->upstream, "/api/sessions/current", b->token, NULL, NULL,
                                on_complete) < 0) {
                bearer_arm(b); /* out of memory: again in a while */
                return;
        }
        b->is_checking = true;
        b->n_begun++;
}

static void on_recheck(struct loop_timer *t)
{
        bearer_begin(container_of(t, struct bearer, recheck));
}

static void bearer_arm(struct bearer *b)
{
        if (!b->is_checking && (b->n_watching > 0 || is_awaited(b)))
                (void)loop_timer_start(&b->recheck, b->book->loop, BEARER_CHECK_USEC, on_recheck);
        else
                loop_timer_stop(&b->recheck);
}

void bearer_hold_check(struct bearer_hold *h)
{
        struct bearer *b = h->bearer;

        h->awaited = b->n_begun + 1;
        if (!b->is_checking)
                bearer_begin(b);
}

void bearer_hold_set_watching(struct bearer_hold *h, bool watches)
{
        struct bearer *b = h->bearer;

        if (!b || h->watches == watches)
                return;
        h->watches = watches;
        if (watches)
                b->n_watching++;
        else
                b->n_watching--;
        if (b->n_watching == (watches ? 1 : 0))
                bearer_arm(b);
}

enum bearer_state bearer_state(const struct bearer *b)
{
        return b->state;
}

const char *bearer_token(const struct bearer *b)
{
        return b->token;
}

bool bearer_is_fresh(const struct bearer *b)
{
        return b->state == BEARER_VALID &&
               clock_monotonic_usec() < usec_add(b->verified_usec, BEARER_FRESH_USEC);
}

bool bearer_is_valid_since(const struct bearer *b, usec_t since)
{
        return b->state == BEARER_VALID && b->verified_usec >= since;
}

void bearer_doubt(struct bearer *b)
{
        if (!b->is_checking)
                bearer_begin(b);
}

void bearer_problem(const struct bearer *b, const char *code, struct buf *out)
{
        if (b->is_scopeless)
                problem_text_write(out, 403, "insufficient-scope", "the token lacks the scope read", NULL,
                                   code);
        else
                upstream_get_problem(&b->get, code, out);
}

const char *bearer_session(const struct bearer *b, size_t *ret_size)
{
        *ret_size = buf_size(&b->session);
        return *ret_size > 0 ? buf_bytes(&b->session) : "";
}
