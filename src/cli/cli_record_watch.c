/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* lonja record watch: the gateway's stream of records, lonja.v1.Records/Watch.
 *
 * The gateway may restart under it: the stream is asked for again after the last total that was shown, so
 * nothing is missed and nothing comes twice. Only one that stays away ends the watch. */

#include <string.h>

#include "base/clock.h"
#include "base/parse.h"
#include "cli/cli_fields.h"
#include "cli/cli_grpc.h"
#include "cli/cli_record.h"
#include "proto/lonja/v1/records.pb-c.h"
#include "json/jread.h"

#define AWAY_MAX_USEC (30 * USEC_PER_SEC) /* a restart takes one */
#define RETRY_USEC (500 * USEC_PER_MSEC)
#define FROM_NOW ((int64_t)-1)

struct watch {
        const struct cli *cli;
        struct cli_grpc grpc;
        struct rpc_ask ask;
        struct loop_timer retry;
        int64_t last;           /* total of the last one shown; FROM_NOW: the stream will say */
        uint64_t left;          /* how many more are wanted */
        usec_t away_since_usec; /* 0: it is there */
        size_t widths[CLI_RECORD_COLUMNS];
        bool was_there, is_over;
        int exit;
};

static void over(struct watch *w, int exit)
{
        w->is_over = true;
        w->exit = exit;
}

/* ---- What comes ---- */

static void print_titles(struct watch *w)
{
        const char *titles[CLI_RECORD_COLUMNS];

        for (size_t i = 0; i < ARRAY_SIZE(titles); i++)
                titles[i] = cli_record_columns[i].title;
        w->widths[0] = strlen("9999999");
        w->widths[1] = strlen("2026-11-22 03:35:00");
        w->widths[2] = strlen("RabbitMQ");
        cli_row_show(cli_record_columns, w->widths, titles);
        fflush(stdout);
}

static void print_json(const Lonja__V1__Record *r)
{
        _cleanup_json_ json_t *record = json_pack("{s:I, s:s, s:s, s:s, s:I}", "id", (json_int_t)r->id,
                                                  "message", r->message, "client_type", r->client_type,
                                                  "created_at", r->created_at, "total", (json_int_t)r->total);

        if (record && json_dumpf(record, stdout, JSON_COMPACT) == 0)
                putchar('\n');
}

static void print_row(struct watch *w, const Lonja__V1__Record *r)
{
        char total[24], at[32];

        (void)snprintf(total, sizeof(total), "%lld", (long long)r->total);
        cli_short_time(r->created_at, at);
        cli_row_show(cli_record_columns, w->widths,
                     (const char *const[]){total, at, r->client_type, r->message});
}

static int on_record(struct rpc_ask *a, const struct ProtobufCMessage *m)
{
        struct watch *w = container_of(a, struct watch, ask);
        const Lonja__V1__Record *record = (const void *)m;

        if (w->is_over)
                return 0;
        w->last = record->total;
        if (w->cli->json)
                print_json(record);
        else
                print_row(w, record);
        fflush(stdout); /* somebody looks on, or a program waits for it */
        if (ferror(stdout))
                over(w, cli_fail(CLI_FAILED, "cannot write the output"));
        else if (--w->left == 0)
                over(w, CLI_OK);
        return 0;
}

/* The stream has its place. */
static void on_opened(struct rpc_ask *a)
{
        struct watch *w = container_of(a, struct watch, ask);
        const char *since = rpc_ask_header(a, "lonja-since");

        if (!since)
                return;
        w->away_since_usec = 0;
        if (w->last == FROM_NOW && parse_i64(since, &w->last) < 0)
                w->last = FROM_NOW;
        if (!w->was_there && !w->cli->json)
                print_titles(w);
        w->was_there = true;
}

/* ---- Asking, again and again ---- */

static void ask(struct watch *w);

static void on_retry(struct loop_timer *t)
{
        ask(container_of(t, struct watch, retry));
}

/* A daemon that is away for a while, or that has not liked our pace, does not end the watch. */
static bool is_bearable(struct watch *w)
{
        enum grpc_code code = w->ask.code;
        usec_t now = clock_monotonic_usec();

        if (w->away_since_usec == 0)
                w->away_since_usec = now;
        return w->was_there && now - w->away_since_usec < AWAY_MAX_USEC &&
               (code == GRPC_UNAVAILABLE || code == GRPC_CANCELLED || code == GRPC_RESOURCE_EXHAUSTED);
}

static void on_complete(struct rpc_ask *a)
{
        struct watch *w = container_of(a, struct watch, ask);

        if (w->is_over)
                return;
        if (!is_bearable(w))
                over(w, cli_grpc_fail(&w->grpc, a));
        else if (loop_timer_start(&w->retry, w->grpc.loop, RETRY_USEC, on_retry) < 0)
                over(w, cli_fail(CLI_FAILED, "out of memory"));
}

static void ask(struct watch *w)
{
        Lonja__V1__WatchRecordsRequest q = LONJA__V1__WATCH_RECORDS_REQUEST__INIT;

        if (w->last != FROM_NOW) {
                q.begin_case = LONJA__V1__WATCH_RECORDS_REQUEST__BEGIN_SINCE;
                q.since = w->last;
        }
        w->ask.method = "/lonja.v1.Records/Watch";
        w->ask.response = &lonja__v1__record__descriptor;
        w->ask.opened = on_opened;
        w->ask.message = on_record;
        w->ask.complete = on_complete;
        if (rpc_ask_submit(&w->ask, w->grpc.client, &q.base) < 0)
                over(w, cli_fail(CLI_FAILED, "out of memory"));
}

int cli_record_watch(struct cli *cli)
{
        const char *since = cli_option(cli, "since"), *count = cli_option(cli, "count");
        struct watch w = {.cli = cli, .left = UINT64_MAX, .last = FROM_NOW};
        int exit;

        if (since && (parse_i64(since, &w.last) < 0 || w.last < 0))
                return cli_fail(CLI_USAGE, "--since takes a total, not '%s'", since);
        if (count && parse_u64(count, 1, INT64_MAX, &w.left) < 0)
                return cli_fail(CLI_USAGE, "--count takes a number from 1 on, not '%s'", count);
        exit = cli_grpc_open(&w.grpc, cli);
        if (exit != CLI_OK)
                return exit;
        ask(&w);
        while (!w.is_over)
                if (sd_event_run(w.grpc.loop, UINT64_MAX) < 0)
                        over(&w, cli_fail(CLI_FAILED, "the event loop failed"));
        rpc_ask_cancel(&w.ask);
        loop_timer_done(&w.retry);
        cli_grpc_close(&w.grpc);
        return w.exit;
}
