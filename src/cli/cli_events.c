/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* lonja events: the notifier's stream of server-sent events in a terminal, one line for each.
 *
 * The notifier may restart under it: the connection is made again after the last event that was shown. Only
 * one that stays away ends it. */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/parse.h"
#include "base/str.h"
#include "base/url.h"
#include "cli/cli_http.h"
#include "cli/cli_problem.h"
#include "cli/cli_table.h"
#include "contract/names.h"
#include "json/jread.h"

#define AWAY_MAX_USEC (30 * USEC_PER_SEC) /* a restart takes one */
#define RETRY_USEC (500 * USEC_PER_MSEC)
#define LINE_MAX_BYTES (64 * 1024 * 1024) /* an event's data may be large */

#define NOTIFIER_URL "http://127.0.0.1:8002"

static const struct cli_door notifier_door = {"notifier", "LONJA_NOTIFIER_URL", NOTIFIER_URL};

struct tail {
        struct cli *cli;
        struct cli_http http;
        struct fetch fetch;
        struct loop_timer retry;
        struct buf path, line, problem; /* path: of the request under way */
        const char *topics;             /* borrowed */
        int64_t since;                  /* -1: from now on */
        uint64_t count, n_shown;
        usec_t away_since_usec; /* 0: it was there just now */
        bool is_welcome;        /* the event that is being read */
        bool is_over;
        int exit;
};

static void over(struct tail *t, int exit)
{
        t->is_over = true;
        t->exit = exit;
}

/* ---- What comes ---- */

static void show(struct tail *t, const json_t *event, const char *text)
{
        const char *time = json_string_value(json_object_get(event, "time"));
        const char *words = json_string_value(json_object_get(event, "text"));
        const char *type = json_string_value(json_object_get(event, "type"));

        if (t->cli->json)
                printf("%s\n", text);
        else
                printf("%.8s  %8" PRId64 "  %-20s  %s\n", time && strlen(time) > 11 ? time + 11 : "",
                       t->since, type ? type : "", words ? words : "");
        fflush(stdout); /* somebody looks on, or a program waits for it */
}

static int take_data(struct tail *t, const char *text, size_t n)
{
        struct field_errors ignored = {.n_errors = 0};
        _cleanup_json_ json_t *event = NULL;

        if (jread_text(text, n, &event, &ignored) < 0)
                return -EBADMSG;
        t->away_since_usec = 0;
        t->since = json_integer_value(json_object_get(event, "offset"));
        if (t->is_welcome) {
                if (json_is_false(json_object_get(event, "recovered")))
                        fprintf(stderr, "lonja: some events were missed: they are no longer kept\n");
                return 0;
        }
        show(t, event, text);
        if (++t->n_shown == t->count)
                over(t, CLI_OK);
        return 0;
}

/* A line without its end, and with a NUL. */
static int take_line(struct tail *t, const char *line, size_t n)
{
        const char *data = startswith(line, "data: ");

        if (n == 0)
                t->is_welcome = false;
        else if (streq(line, "event: welcome"))
                t->is_welcome = true;
        else if (data)
                return take_data(t, data, n - strlen("data: "));
        return 0;
}

static int on_piece(struct fetch *f, const void *p, size_t n)
{
        struct tail *t = container_of(f, struct tail, fetch);
        char *end;
        int r = 0;

        if (f->status != 200) {
                buf_append(&t->problem, p, n);
                return buf_error(&t->problem);
        }
        buf_append(&t->line, p, n);
        if (buf_error(&t->line) < 0 || buf_size(&t->line) > LINE_MAX_BYTES)
                return -EFBIG;
        while (r == 0 && !t->is_over && buf_size(&t->line) > 0 &&
               (end = memchr(buf_bytes(&t->line), '\n', buf_size(&t->line)))) {
                size_t size = (size_t)(end - buf_bytes(&t->line));

                *end = '\0';
                r = take_line(t, buf_bytes(&t->line), size);
                buf_consume(&t->line, size + 1);
        }
        return r < 0 ? r : t->is_over ? -ECANCELED : 0;
}

/* ---- Asking, again and again ---- */

static void ask(struct tail *t);

static void on_retry(struct loop_timer *timer)
{
        ask(container_of(timer, struct tail, retry));
}

static void ask_again(struct tail *t)
{
        usec_t now = clock_monotonic_usec();

        if (t->away_since_usec == 0)
                t->away_since_usec = now;
        if (now - t->away_since_usec >= AWAY_MAX_USEC)
                over(t, cli_fail(CLI_UNREACHABLE, "%s: %s", t->http.where,
                                 *t->fetch.reason ? t->fetch.reason : "nobody answers"));
        else if (loop_timer_start(&t->retry, t->http.loop, RETRY_USEC, on_retry) < 0)
                over(t, cli_fail(CLI_FAILED, "out of memory"));
}

static void on_complete(struct fetch *f)
{
        struct tail *t = container_of(f, struct tail, fetch);

        if (t->is_over)
                return;
        if (f->error == -EBADMSG || f->error == -EFBIG)
                over(t, cli_fail(CLI_FAILED, "%s: this is no stream of events", t->http.where));
        else if (f->error < 0 || f->status == 200 || f->status == 503)
                ask_again(t);
        else {
                cli_problem_print(f->status, buf_size(&t->problem) > 0 ? buf_bytes(&t->problem) : "",
                                  buf_size(&t->problem));
                over(t, (int)cli_http_exit(f->status));
        }
}

static int write_path(struct tail *t)
{
        buf_reset(&t->path);
        buf_append_str(&t->path, "/events?topics=");
        url_encode(&t->path, t->topics);
        if (t->since >= 0)
                buf_printf(&t->path, "&since=%" PRId64, t->since);
        buf_append_char(&t->path, '\0');
        return buf_error(&t->path);
}

static void ask(struct tail *t)
{
        int r;

        fetch_done(&t->fetch);
        buf_reset(&t->line);
        buf_reset(&t->problem);
        t->is_welcome = false;
        t->fetch = (struct fetch){
                .method = "GET",
                .timeout_usec = USEC_INFINITY,
                .piece = on_piece,
                .complete = on_complete,
        };
        if (t->http.authorization)
                t->fetch.headers[t->fetch.n_headers++] = t->http.authorization;
        r = write_path(t);
        t->fetch.path = buf_bytes(&t->path);
        if (r == 0)
                r = fetch_submit(&t->fetch, t->http.client);
        if (r < 0)
                over(t, cli_fail(CLI_FAILED, "%s", strerror(-r)));
}

static int read_options(struct tail *t)
{
        const char *since = cli_option(t->cli, "since"), *count = cli_option(t->cli, "count");
        uint64_t n;

        t->topics = cli_option(t->cli, "topics");
        if (!t->topics)
                t->topics = "#";
        t->since = -1;
        if (since) {
                if (parse_u64(since, 0, INT64_MAX, &n) < 0)
                        return cli_fail(CLI_USAGE, "--since: '%s' is no offset", since);
                t->since = (int64_t)n;
        }
        if (count && parse_u64(count, 1, UINT64_MAX, &t->count) < 0)
                return cli_fail(CLI_USAGE, "--count: '%s' is no number from 1", count);
        return CLI_OK;
}

static int run_events(struct cli *cli)
{
        struct tail t = {.cli = cli};
        int exit;

        exit = read_options(&t);
        if (exit == CLI_OK)
                exit = cli_http_open(&t.http, cli, &notifier_door);
        if (exit != CLI_OK)
                return exit;
        ask(&t);
        while (!t.is_over)
                if (sd_event_run(t.http.loop, UINT64_MAX) < 0)
                        over(&t, cli_fail(CLI_FAILED, "the event loop failed"));
        fetch_done(&t.fetch);
        loop_timer_done(&t.retry);
        buf_done(&t.path);
        buf_done(&t.line);
        buf_done(&t.problem);
        cli_http_close(&t.http);
        return t.exit;
}

static const struct cli_option event_options[] = {
        {"topics", "LIST", "only these: 'record.*,product.#' (default: all)"},
        {"since", "OFFSET", "begin after this event, not now"},
        {"count", "N", "stop after so many events"},
        CLI_HTTP_OPTIONS_OF("notifier", NOTIFIER_URL),
        {0},
};

const struct cli_command cli_events_commands[] = {
        {"events", NULL, "", 0, 0, "show events as they happen", event_options, run_events},
        {0},
};
