/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* A session's watches, and its turn to send their lines. */

#include "base/alloc.h"
#include "base/str.h"
#include "bridge/session.h"

#define SERVE_BYTES 16384 /* lines of watches sent in one write */

struct session_watch *session_find_watch(struct session *s, const char *code)
{
        LIST_FOREACH (i, &s->watches) {
                struct session_watch *w = LIST_ENTRY(i, struct session_watch, link);

                if (streq(watch_code(&w->watch), code))
                        return w;
        }
        return NULL;
}

void session_stop_watch(struct session_watch *w)
{
        struct session *s = w->session;

        watch_stop(&w->watch);
        list_remove(&w->link);
        list_remove(&w->ready_link);
        s->n_watches--;
        if (s->n_watches == 0)
                bearer_hold_set_watching(&s->bearer, false);
        free(w);
}

void session_stop_watches(struct session *s)
{
        LIST_FOREACH_SAFE (i, &s->watches) {
                session_stop_watch(LIST_ENTRY(i, struct session_watch, link));
        }
}

void session_set_ready(struct session *s)
{
        if (s->state == SESSION_LEAVING || list_is_empty(&s->ready) || list_is_linked(&s->ready_link))
                return;
        list_append(&s->bridge->ready, &s->ready_link);
        loop_task_schedule(&s->bridge->serve);
}

/* A right that has not been checked for a while: catalogue data waits for the next check. */
static bool session_may_tell(const struct session *s, const struct watch *w)
{
        return !bearer_hold_is_taken(&s->bearer) || bearer_is_fresh(s->bearer.bearer) || !watch_tells_data(w);
}

/* The lines of some watches, in the order in which they had something to tell. */
static void session_gather(struct session *s, struct buf *out)
{
        LIST_FOREACH_SAFE (i, &s->ready) {
                struct session_watch *w = LIST_ENTRY(i, struct session_watch, ready_link);

                if (buf_size(out) >= SERVE_BYTES)
                        return;
                if (!session_may_tell(s, &w->watch))
                        continue;
                list_remove(&w->ready_link);
                s->bridge->n_skipped += watch_line(&w->watch, out);
                s->bridge->n_lines++;
                if (w->watch.once || w->watch.refused)
                        session_stop_watch(w);
        }
}

void session_serve(struct session *s)
{
        list_remove(&s->ready_link);
        while (s->state != SESSION_LEAVING && net_stream_pending(&s->stream) == 0) {
                _cleanup_(buf_done) struct buf out = BUF_EMPTY;

                session_gather(s, &out);
                if (buf_size(&out) == 0 && buf_error(&out) == 0)
                        break;
                session_write(s, &out);
        }
        session_maybe_leave(s);
}
