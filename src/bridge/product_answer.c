/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* What a GET has brought, and who is told of it. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "base/str.h"
#include "bridge/page_wire.h"
#include "bridge/product_entry.h"
#include "service/log.h"

#define QUIET_RETRY_USEC (100 * USEC_PER_MSEC) /* a daemon that restarts: nobody need know */
#define RETRY_MIN_USEC (250 * USEC_PER_MSEC)   /* each further failure doubles it */
#define RETRY_MAX_USEC (5 * USEC_PER_SEC)
#define LAG_USEC USEC_PER_SEC /* an answer older than its event: a lagging replica */

/* ---- Telling ---- */

void watch_tell(struct watch *w)
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

/* `transient`: the first time, nobody need know. */
static enum news product_fail(struct product_watch *p, bool transient)
{
        usec_t retry_max = MIN_OF(p->interval_usec, RETRY_MAX_USEC);
        bool changed;

        if (++p->n_failures == 1 && transient && p->state != PRODUCT_AWAY) {
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
        return product_fail(p, true);
}

/* A connection that breaks or is refused may be a restart; who answers 503 or nothing in time is in trouble.
 */
static bool is_transient(const struct fetch *f)
{
        return f->error < 0 && f->error != -ETIMEDOUT;
}

static enum news product_learn(struct product_watch *p)
{
        const struct upstream_get *g = &p->get;

        if (g->outcome == UPSTREAM_FOUND && product_encode(p) < 0) {
                p->etag[0] = '\0'; /* whatever `line` holds now */
                return product_fail(p, false);
        }
        if (g->outcome == UPSTREAM_AWAY)
                return product_fail(p, is_transient(&g->fetch));
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

/* One request can be followed from the writer to the device: the GET carries the id of the event that caused
 * it. */
static void log_change(const struct product_watch *p)
{
        if (log_is_enabled(LOG_DEBUG))
                log_fields(LOG_DEBUG,
                           LOG_FIELDS({"REQUEST_ID", upstream_get_id(&p->get)}, {"PRODUCT_CODE", p->code}),
                           "Product %s: another state, to be told to its watchers", p->code);
}

bool product_take_answer(struct product_watch *p)
{
        enum news news = product_learn(p);

        p->seq += news == NEWS_CHANGED;
        if (news == NEWS_CHANGED)
                log_change(p);
        if (news == NEWS_CHANGED || (news == NEWS_SAME && p->is_tick))
                product_set_tick(p);
        if (news != NEWS_NONE)
                product_tell(p, news == NEWS_CHANGED);
        return product_must_ask_again(p);
}

bool watch_tells_data(const struct watch *w)
{
        return !w->refused && w->product->state != PRODUCT_AWAY;
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
