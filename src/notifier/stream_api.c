/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>

#include "base/parse.h"
#include "notifier/notifier.h"
#include "notifier/origin.h"
#include "notifier/stream_api.h"
#include "web/web_input.h"

#define LAST_MAX 1000 /* events of last=: what a page shows at first */

static int check_origin(struct http_request *r)
{
        const struct notifier *d = http_request_context(r);

        if (origin_is_allowed(http_request_header(r, "Origin"), http_request_header(r, "Host"),
                              web_bearer_token(r) != NULL, d->conf->notifier.allowed_origins))
                return 0;
        http_reply_problem(r, 403, "origin-not-allowed", "pages of this origin may not listen here");
        return 1;
}

static int check_room(struct http_request *r)
{
        struct notifier *d = http_request_context(r);

        if (d->clients.n_all < d->conf->notifier.clients_max)
                return 0;
        d->n_refused++;
        http_reply_header(r, "Retry-After", "5");
        http_reply_problem(r, 503, "overloaded", "as many listen as may");
        return 1;
}

static void read_number(struct field_errors *errors, const char *name, const char *text, uint64_t max,
                        int64_t *ret)
{
        uint64_t n;

        if (parse_u64(text, 0, max, &n) < 0)
                field_errors_add(errors, name, "must be a whole number from 0 to %llu",
                                 (unsigned long long)max);
        else
                *ret = (int64_t)n;
}

static void read_start(struct http_request *r, struct client_wish *w, struct field_errors *errors)
{
        const struct url_query *q = http_request_query(r);
        const char *since = url_query_get(q, "since"), *last = url_query_get(q, "last");
        const char *seen = http_request_header(r, "Last-Event-ID");

        if (since && last)
                field_errors_add(errors, "last", "cannot be together with since");
        /* EventSource repeats its first URL when it comes back: what it has seen is newer than what it asks
         * for. */
        if (seen && *seen) {
                w->start = CLIENT_FROM_OFFSET;
                read_number(errors, "Last-Event-ID", seen, INT64_MAX, &w->number);
        } else if (since) {
                w->start = CLIENT_FROM_OFFSET;
                read_number(errors, "since", since, INT64_MAX, &w->number);
        } else if (last) {
                w->start = CLIENT_FROM_LAST;
                read_number(errors, "last", last, LAST_MAX, &w->number);
        }
}

static int take_topics(struct http_request *r, struct client_wish *w, struct field_errors *errors)
{
        struct notifier *d = http_request_context(r);
        const char *reason = NULL;
        int k;

        k = topics_get(&d->clients.topics, url_query_get(http_request_query(r), "topics"),
                       d->conf->notifier.topics_max, &w->topics, &reason);
        if (k == -EINVAL)
                field_errors_add(errors, "topics", "%s", reason);
        return k == -EINVAL ? 0 : k;
}

int stream_wish(struct http_request *r, struct client_wish *ret)
{
        static const char *const known[] = {"topics", "since", "last", NULL};
        struct notifier *d = http_request_context(r);
        struct field_errors errors = {.n_errors = 0};
        const char *token;
        int k;

        if (web_input_parameters(r, known) != 0 || check_origin(r) != 0 || check_room(r) != 0)
                return 1;
        read_start(r, ret, &errors);
        k = take_topics(r, ret, &errors);
        if (k < 0)
                return k;
        if (errors.n_errors > 0) {
                http_reply_invalid(r, &errors);
                return 1;
        }
        token = web_bearer_token(r);
        if (!token || http_request_peer(r)->is_admin)
                return 0;
        return auth_hold_take(&ret->hold, &d->sessions, token, AUTH_READ, NULL);
}
