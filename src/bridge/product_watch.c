/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/parse.h"
#include "base/str.h"
#include "bridge/page_wire.h"
#include "bridge/problem_text.h"
#include "bridge/product_watch.h"

#define FRESH_USEC USEC_PER_SEC                /* without events: what a newcomer may be told unasked */
#define QUIET_RETRY_USEC (100 * USEC_PER_MSEC) /* a daemon that restarts: nobody need know */
#define RETRY_MIN_USEC (250 * USEC_PER_MSEC)   /* each further failure doubles it */
#define RETRY_MAX_USEC (5 * USEC_PER_SEC)
#define SPREAD_MAX_USEC USEC_PER_SEC          /* of re-checking everything */
#define SPREAD_EACH_USEC (10 * USEC_PER_MSEC) /* few products need no spreading */
#define LAG_USEC USEC_PER_SEC                 /* an answer older than its event: a lagging replica */
#define TICK_SLACK_USEC (50 * USEC_PER_MSEC)  /* a GET this shortly before the tick serves for it */

enum product_state {
        PRODUCT_NEW,
        PRODUCT_SHOWN,
        PRODUCT_ABSENT, /* 404, or another 4xx: the API's word on it */
        PRODUCT_AWAY,
};

struct product_watch {
        struct product_book *book; /* borrowed */
        struct map_entry entry;    /* by code */
        char *code;                /* owned */
        struct list watches;       /* struct watch */
        unsigned n_anonymous;      /* of them without a token and not refused */
        usec_t interval_usec;      /* the smallest */
        /* what is known */
        enum product_state state;
        uint64_t seq;                        /* counts the states that watchers could be told; 0 = none yet */
        struct buf line;                     /* SHOWN and ABSENT: the answer, encoded once for everybody */
        struct buf complaint;                /* AWAY, and for whom the API refuses: the error, encoded */
        char etag[80];                       /* of `line`; "" when it shows no product */
        int64_t version;                     /* known: of the answer, or of the event that led to a 404 */
        int64_t wanted;                      /* the highest that an event told of */
        int64_t lag_version;                 /* waited for once already */
        char request_id[ID_FOREIGN_MAX + 1]; /* of that event; "" = none */
        /* the GET */
        struct upstream_get get;
        bool is_asking, is_tick;
        struct bearer *asked_as; /* only compared, it may be gone; NULL = anonymous */
        int64_t asked_version;   /* `wanted` when it began */
        uint64_t n_begun, n_done, awaited_max;
        usec_t begun_usec; /* of the last */
        unsigned n_failures;
        /* what comes next; USEC_INFINITY = not */
        usec_t tick_usec, retry_usec;
        struct loop_timer timer;
};

static void product_begin(struct product_watch *p);

/* ---- The book ---- */

void product_book_init(struct product_book *b, sd_event *loop, struct upstream *u)
{
        *b = (struct product_book){.loop = loop, .upstream = u};
        map_init(&b->products);
}

void product_book_done(struct product_book *b)
{
        map_done(&b->products);
}

static struct product_watch *product_free(struct product_watch *p)
{
        if (!p)
                return NULL;
        map_remove(&p->book->products, &p->entry);
        loop_timer_done(&p->timer);
        upstream_get_done(&p->get);
        buf_done(&p->line);
        buf_done(&p->complaint);
        free(p->code);
        free(p);
        return NULL;
}
DEFINE_FREEP(struct product_watch, product_free)

static int product_find(struct product_book *b, const char *code, struct product_watch **ret)
{
        struct map_entry *e = map_get(&b->products, code);
        _cleanup_(product_freep) struct product_watch *p = NULL;
        int r;

        if (e) {
                *ret = container_of(e, struct product_watch, entry);
                return 0;
        }
        p = new0(struct product_watch, 1);
        if (!p)
                return -ENOMEM;
        p->book = b;
        p->tick_usec = p->retry_usec = p->interval_usec = USEC_INFINITY;
        list_init(&p->watches);
        r = strdup_to(&p->code, code);
        if (r == 0)
                r = map_put(&b->products, p->code, &p->entry);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(p);
        return 0;
}

/* ---- When to ask ---- */

static void on_timer(struct loop_timer *t)
{
        struct product_watch *p = container_of(t, struct product_watch, timer);

        if (!p->is_asking)
                product_begin(p);
}

static void product_arm(struct product_watch *p)
{
        usec_t now = clock_monotonic_usec(), at = p->retry_usec;

        if (p->n_failures == 0)
                at = MIN_OF(at, p->tick_usec);
        if (p->is_asking || at == USEC_INFINITY)
                loop_timer_stop(&p->timer);
        else
                (void)loop_timer_start(&p->timer, p->book->loop, at > now ? at - now : 0, on_timer);
}

static void product_retry_in(struct product_watch *p, usec_t delay)
{
        p->retry_usec = MIN_OF(p->retry_usec, usec_add(clock_monotonic_usec(), delay));
}

static void book_recheck(struct product_book *b, bool only_away)
{
        usec_t spread = MIN_OF(b->products.n_entries * SPREAD_EACH_USEC, SPREAD_MAX_USEC);

        MAP_FOREACH (e, &b->products) {
                struct product_watch *p = container_of(e, struct product_watch, entry);
                uint32_t random;

                if (only_away && p->state != PRODUCT_AWAY)
                        continue;
                random_bytes(&random, sizeof(random));
                product_retry_in(p, random % (spread + 1));
                product_arm(p);
        }
}

void product_book_set_live(struct product_book *b, bool is_live)
{
        b->is_live = is_live;
        if (is_live)
                book_recheck(b, false);
}

void product_book_retry(struct product_book *b)
{
        book_recheck(b, true);
}

void product_book_event(struct product_book *b, const char *code, int64_t version, const char *request_id)
{
        struct map_entry *e = map_get(&b->products, code);
        struct product_watch *p;

        if (!e)
                return;
        p = container_of(e, struct product_watch, entry);
        if (version <= p->version || version <= p->wanted)
                return;
        p->wanted = version;
        p->request_id[0] = '\0';
        if (request_id && id_is_valid(request_id))
                snprintf(p->request_id, sizeof(p->request_id), "%s", request_id);
        if (!p->is_asking)
                product_begin(p);
}

/* ---- Telling ---- */

static struct watch *watch_of(struct list_link *i)
{
        return LIST_ENTRY(i, struct watch, link);
}

static void watch_tell(struct watch *w)
{
        struct product_watch *p = w->product;

        if (w->awaited > p->n_done)
                return; /* it must not be told before that GET */
        w->awaited = 0;
        w->ready(w);
}

static void product_tell(struct product_watch *p, bool changed)
{
        LIST_FOREACH (i, &p->watches) {
                struct watch *w = watch_of(i);
                bool is_due = p->is_tick && !w->on_change &&
                              usec_add(w->told_usec, w->interval_usec) <= p->tick_usec;
                bool is_awaiting = w->awaited > 0 && w->awaited <= p->n_done;

                if (changed || is_due || is_awaiting)
                        watch_tell(w);
        }
}

/* The next tick, after one or after a change, which everybody was told of. */
static void product_set_tick(struct product_watch *p)
{
        usec_t now = clock_monotonic_usec(), from = p->begun_usec;

        /* Counting from when it should have been keeps the rhythm. */
        if (p->is_tick && usec_add(p->tick_usec, p->interval_usec) > now)
                from = p->tick_usec;
        p->tick_usec = usec_add(from, p->interval_usec);
}

/* ---- What a GET has brought ---- */

/* "7" -> 7; 0 for an ETag that is no version. */
static int64_t version_of(const char *etag)
{
        size_t n = strlen(etag);
        char digits[24];
        uint64_t version;

        if (n < 3 || n - 2 >= sizeof(digits) || etag[0] != '"' || etag[n - 1] != '"')
                return 0;
        memcpy(digits, etag + 1, n - 2);
        digits[n - 2] = '\0';
        return parse_u64(digits, 1, INT64_MAX, &version) == 0 ? (int64_t)version : 0;
}

/* "JSON+PRODUCT+{...}\n". 0; -EBADMSG; -ENOMEM. */
static int product_encode(struct product_watch *p)
{
        struct buf *answer = &p->get.fetch.answer;
        char *text = buf_size(answer) > 0 ? buf_bytes(answer) : NULL;
        size_t n = buf_size(answer);

        if (n > 0)
                json_text_join_lines(text, n);
        while (n > 0 && text[n - 1] == ' ')
                n--;
        if (n < 2 || text[0] != '{' || text[n - 1] != '}')
                return -EBADMSG;
        buf_reset(&p->line);
        buf_append_str(&p->line, "JSON+PRODUCT+");
        buf_append(&p->line, text, n);
        buf_append_char(&p->line, '\n');
        return buf_error(&p->line);
}

static void encode_error(struct product_watch *p, struct buf *line)
{
        buf_reset(line);
        buf_append_str(line, "ERROR+PRODUCT+");
        upstream_get_problem(&p->get, p->code, line);
        buf_append_char(line, '\n');
}

/* What to make of it. */
enum news {
        NEWS_NONE, /* nobody is told, the next GET will show */
        NEWS_SAME, /* whose line is due */
        NEWS_CHANGED,
};

static enum news learn_shown(struct product_watch *p)
{
        bool changed = p->state != PRODUCT_SHOWN || !streq(p->etag, p->get.fetch.etag) || !*p->etag;

        snprintf(p->etag, sizeof(p->etag), "%s", p->get.fetch.etag);
        p->version = version_of(p->etag);
        p->state = PRODUCT_SHOWN;
        return changed ? NEWS_CHANGED : NEWS_SAME;
}

static enum news learn_absent(struct product_watch *p)
{
        bool changed = p->state != PRODUCT_ABSENT;

        encode_error(p, &p->line);
        p->etag[0] = '\0';
        p->version = MAX_OF(p->version, p->asked_version);
        p->state = PRODUCT_ABSENT;
        return changed ? NEWS_CHANGED : NEWS_SAME;
}

/* Watchers who wait for a GET wait for the next one. */
static void product_await_next(struct product_watch *p)
{
        LIST_FOREACH (i, &p->watches) {
                struct watch *w = watch_of(i);

                if (w->awaited > 0)
                        w->awaited = p->n_begun + 1;
        }
        p->awaited_max = p->n_begun + 1;
}

static enum news product_fail(struct product_watch *p)
{
        usec_t retry_max = MIN_OF(p->interval_usec, RETRY_MAX_USEC);
        bool changed;

        /* The first failure may be a restart. */
        if (++p->n_failures == 1 && p->get.fetch.error != -ETIMEDOUT && p->state != PRODUCT_AWAY) {
                product_retry_in(p, QUIET_RETRY_USEC);
                product_await_next(p);
                return NEWS_NONE;
        }
        product_retry_in(p, backoff_usec(p->n_failures, RETRY_MIN_USEC, retry_max));
        changed = p->state != PRODUCT_AWAY;
        encode_error(p, &p->complaint);
        p->state = PRODUCT_AWAY;
        p->awaited_max = 0;
        LIST_FOREACH (i, &p->watches) {
                struct watch *w = watch_of(i);

                w->awaited = MIN_OF(w->awaited, p->n_done);
        }
        return changed ? NEWS_CHANGED : NEWS_SAME;
}

/* 401 or 403 without a token: watchers without one have no right. The others are asked for by their own. */
static enum news product_refuse(struct product_watch *p)
{
        encode_error(p, &p->complaint);
        LIST_FOREACH (i, &p->watches) {
                struct watch *w = watch_of(i);

                if (w->bearer || w->refused)
                        continue;
                w->refused = true;
                w->awaited = 0;
                w->ready(w);
        }
        p->n_anonymous = 0;
        product_await_next(p);
        return NEWS_NONE;
}

/* 401 or 403 with a token: its holders hear of it when the check says the same; another may do meanwhile. */
static enum news product_doubt(struct product_watch *p)
{
        LIST_FOREACH (i, &p->watches) {
                struct watch *w = watch_of(i);

                if (w->bearer && w->bearer == p->asked_as) {
                        bearer_doubt(w->bearer);
                        break;
                }
        }
        return product_fail(p);
}

static enum news product_learn(struct product_watch *p)
{
        const struct upstream_get *g = &p->get;

        if (g->outcome == UPSTREAM_AWAY || (g->outcome == UPSTREAM_FOUND && product_encode(p) < 0))
                return product_fail(p);
        if (g->outcome == UPSTREAM_REFUSED && (g->fetch.status == 401 || g->fetch.status == 403))
                return p->asked_as ? product_doubt(p) : product_refuse(p);
        p->n_failures = 0;
        if (g->outcome == UPSTREAM_FOUND)
                return learn_shown(p);
        if (g->outcome == UPSTREAM_REFUSED)
                return learn_absent(p);
        if (p->state == PRODUCT_SHOWN)
                return NEWS_SAME;
        p->state = PRODUCT_SHOWN; /* 304 after having been away */
        return NEWS_CHANGED;
}

/* An event came meanwhile that the answer does not contain, or somebody asks for a GET of his own. */
static bool product_must_ask_again(struct product_watch *p)
{
        if (p->n_failures > 0)
                return false; /* in its time */
        if (p->awaited_max > p->n_done)
                return true;
        if (p->wanted > p->asked_version && p->wanted > p->version)
                return true;
        if (p->version < p->asked_version && p->lag_version != p->asked_version) {
                p->lag_version = p->asked_version;
                product_retry_in(p, LAG_USEC);
        }
        return false;
}

static void on_complete(struct upstream_get *g)
{
        struct product_watch *p = container_of(g, struct product_watch, get);
        enum news news;

        p->is_asking = false;
        p->n_done = p->n_begun;
        news = product_learn(p);
        p->seq += news == NEWS_CHANGED;
        if (news == NEWS_CHANGED || (news == NEWS_SAME && p->is_tick))
                product_set_tick(p);
        if (news != NEWS_NONE)
                product_tell(p, news == NEWS_CHANGED);
        if (product_must_ask_again(p))
                product_begin(p);
        else
                product_arm(p);
}

/* ---- The GET ---- */

/* An anonymous watcher's right is the bridge's own; otherwise a token that is known to be good. False: nobody
 * is left who may ask. */
static bool product_choose_asker(struct product_watch *p)
{
        struct bearer *any = NULL;

        p->asked_as = NULL;
        if (p->n_anonymous > 0)
                return true;
        LIST_FOREACH (i, &p->watches) {
                struct bearer *b = watch_of(i)->bearer;

                if (!b)
                        continue;
                any = any ? any : b;
                if (bearer_is_fresh(b)) {
                        any = b;
                        break;
                }
        }
        p->asked_as = any;
        return any;
}

static void product_begin(struct product_watch *p)
{
        _cleanup_(buf_done) struct buf path = BUF_EMPTY;
        usec_t now = clock_monotonic_usec();
        int r = 0;

        if (!product_choose_asker(p))
                return;
        p->is_tick = p->tick_usec <= usec_add(now, TICK_SLACK_USEC);
        p->retry_usec = USEC_INFINITY;
        p->begun_usec = now;
        p->asked_version = p->wanted;
        buf_append_str(&path, "/api/products/");
        buf_append_str(&path, p->code); /* its characters need no escaping */
        buf_append_char(&path, '\0');
        r = buf_error(&path);
        if (r == 0)
                r = upstream_get_submit(&p->get, p->book->upstream, buf_bytes(&path),
                                        p->asked_as ? bearer_token(p->asked_as) : NULL, p->etag,
                                        *p->request_id ? p->request_id : NULL, on_complete);
        if (r < 0) {
                product_retry_in(p, RETRY_MAX_USEC);
                product_arm(p);
                return;
        }
        p->request_id[0] = '\0';
        p->is_asking = true;
        p->n_begun++;
        loop_timer_stop(&p->timer);
}

/* ---- A watch ---- */

static void product_set_interval(struct product_watch *p)
{
        p->interval_usec = USEC_INFINITY;
        LIST_FOREACH (i, &p->watches) {
                p->interval_usec = MIN_OF(p->interval_usec, watch_of(i)->interval_usec);
        }
}

/* What is known will do for a newcomer: events flow, or it is new. */
static bool product_is_fresh(const struct product_watch *p)
{
        if (p->state == PRODUCT_NEW)
                return false;
        if (p->book->is_live && p->state != PRODUCT_AWAY)
                return true;
        return clock_monotonic_usec() < usec_add(p->begun_usec, FRESH_USEC);
}

static void watch_ask(struct watch *w, bool fresh)
{
        struct product_watch *p = w->product;

        p->tick_usec = MIN_OF(p->tick_usec, usec_add(clock_monotonic_usec(), p->interval_usec));
        if (!fresh && product_is_fresh(p)) {
                watch_tell(w);
                product_arm(p);
                return;
        }
        w->awaited = p->is_asking && !fresh ? p->n_begun : p->n_begun + 1;
        p->awaited_max = MAX_OF(p->awaited_max, w->awaited);
        if (!p->is_asking)
                product_begin(p);
}

void watch_ask_again(struct watch *w, bool fresh)
{
        product_set_interval(w->product);
        watch_ask(w, fresh);
}

int watch_start(struct watch *w, struct product_book *b, const char *code)
{
        struct product_watch *p;
        int r;

        r = product_find(b, code, &p);
        if (r < 0)
                return r;
        w->product = p;
        w->awaited = w->told_seq = 0;
        w->refused = false;
        list_append(&p->watches, &w->link);
        p->n_anonymous += !w->bearer;
        p->interval_usec = MIN_OF(p->interval_usec, w->interval_usec);
        b->n_watches++;
        watch_ask(w, w->once);
        return 0;
}

void watch_stop(struct watch *w)
{
        struct product_watch *p = w->product;

        if (!p)
                return;
        list_remove(&w->link);
        w->product = NULL;
        p->n_anonymous -= !w->bearer && !w->refused;
        p->book->n_watches--;
        if (list_is_empty(&p->watches))
                product_free(p);
        else if (w->interval_usec == p->interval_usec)
                product_set_interval(p);
}

void watch_set_bearer(struct watch *w, struct bearer *b)
{
        if (w->product && !w->refused)
                w->product->n_anonymous += (unsigned)!b - (unsigned)!w->bearer;
        w->bearer = b;
}

const char *watch_code(const struct watch *w)
{
        return w->product->code;
}

/* `line` with "skipped":n as its last member. */
static void append_skipped(struct buf *out, const struct buf *line, uint64_t n)
{
        size_t size = buf_size(line) - 2; /* without the brace and the line end */

        buf_append(out, buf_bytes(line), size);
        buf_printf(out, "%s\"skipped\":%llu}\n", buf_bytes(line)[size - 1] == '{' ? "" : ",",
                   (unsigned long long)n);
}

uint64_t watch_line(struct watch *w, struct buf *out)
{
        struct product_watch *p = w->product;
        const struct buf *line = w->refused || p->state == PRODUCT_AWAY ? &p->complaint : &p->line;
        uint64_t skipped = w->told_seq > 0 && p->seq > w->told_seq + 1 ? p->seq - w->told_seq - 1 : 0;

        if (skipped > 0 && p->state == PRODUCT_SHOWN && !w->refused)
                append_skipped(out, line, skipped);
        else
                buf_append(out, buf_bytes(line), buf_size(line));
        w->told_seq = p->seq;
        w->told_usec = clock_monotonic_usec();
        return skipped;
}
