/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* lonja products get CODE --watch: a client of the TCP bridge, which decides itself when it has seen enough.
 *
 * The bridge may restart under it: the connection is made again, and what changed meanwhile comes with the
 * first answer. Only a bridge that stays away ends the watch. */

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/parse.h"
#include "base/str.h"
#include "cli/cli_address.h"
#include "cli/cli_fields.h"
#include "cli/cli_http.h"
#include "cli/cli_problem.h"
#include "cli/cli_products.h"
#include "cli/cli_until.h"
#include "contract/bridge_frame.h"
#include "net/net_stream.h"

#define AWAY_MAX_USEC (30 * USEC_PER_SEC) /* a restart takes one */
#define RETRY_MSEC 500
#define ANSWER_MAX (256 * 1024) /* a product is at most 40 KiB of UTF-8, six times that when escaped */

struct watch {
        struct cli *cli;
        struct cli_until *until; /* owned; NULL: none */
        uint64_t count;          /* 0: no limit */
        char *token;             /* owned; NULL: none */
        struct cli_address address;
        struct buf request; /* AUTH, if any, and GET */
        sd_event *loop;     /* owned */
        struct net_stream stream;
        const char *reason; /* why it ended */
        usec_t away_since_usec;
        uint64_t n_answers;
        size_t widths[6];
        int exit;
        bool is_over;
};

static const struct cli_column columns[] = {{"TIME"},
                                            {"CODE"},
                                            {"BUYING", .right = true},
                                            {"SELLING", .right = true},
                                            {"VERSION", .right = true},
                                            {"DESCRIPTION"},
                                            {0}};

static void over(struct watch *w, int exit)
{
        w->is_over = true;
        w->exit = exit;
}

/* ---- showing ---- */

static void print_titles(struct watch *w)
{
        const char *cells[ARRAY_SIZE(columns) - 1];

        for (size_t i = 0; i < ARRAY_SIZE(cells); i++)
                cells[i] = columns[i].title;
        w->widths[0] = strlen("HH:MM:SS");
        w->widths[2] = w->widths[3] = strlen("9999999.99");
        cli_row_show(columns, w->widths, cells);
}

static void print_product(struct watch *w, const json_t *product)
{
        char rooms[6][32], now[RFC3339_SIZE], time[9];
        const char *cells[] = {time,
                               cli_json_text(product, "code", rooms[1]),
                               cli_json_text(product, "buying_price", rooms[2]),
                               cli_json_text(product, "selling_price", rooms[3]),
                               cli_json_text(product, "version", rooms[4]),
                               cli_json_text(product, "description", rooms[5])};

        if (w->cli->json) {
                (void)cli_print_json(product);
        } else {
                format_rfc3339((int64_t)clock_wall_usec(), now);
                snprintf(time, sizeof(time), "%.8s", now + strlen("2026-11-22T"));
                if (w->n_answers == 0)
                        print_titles(w);
                cli_row_show(columns, w->widths, cells);
        }
        fflush(stdout); /* somebody looks on, or a program waits for it */
}

/* ---- what the bridge says ---- */

static void on_error(struct watch *w, const struct bridge_answer *a, const json_t *problem)
{
        unsigned status = (unsigned)json_integer_value(json_object_get(problem, "status"));

        if (streq(a->type, "BYE")) /* it leaves, and another one comes */
                return;
        cli_problem_print(status, a->data, a->data_size);
        over(w, (int)cli_http_exit(status));
}

static void on_answer(struct watch *w, const char *line, size_t n)
{
        struct field_errors ignored = {.n_errors = 0};
        _cleanup_json_ json_t *data = NULL;
        struct bridge_answer a;

        if (bridge_answer_decode(line, n, &a) < 0 || jread_text(a.data, a.data_size, &data, &ignored) < 0) {
                over(w, cli_fail(CLI_FAILED, "the bridge's answer was not understood"));
                return;
        }
        if (streq(a.kind, "ERROR")) {
                on_error(w, &a, data);
                return;
        }
        if (!streq(a.kind, "JSON") || !streq(a.type, "PRODUCT"))
                return;
        w->away_since_usec = 0;
        print_product(w, data);
        w->n_answers++;
        if (w->until && cli_until_is_true(w->until, data))
                over(w, CLI_OK);
        else if (w->count > 0 && w->n_answers >= w->count)
                over(w, w->until ? CLI_NOT_REACHED : CLI_OK);
}

/* Whole lines in what has come. */
static void on_received(struct net_stream *stream)
{
        struct watch *w = container_of(stream, struct watch, stream);

        while (!w->is_over) {
                size_t n;
                const char *line = net_stream_input(stream, &n), *end = memchr(line, '\n', n);

                if (!end) {
                        if (n >= ANSWER_MAX)
                                over(w, cli_fail(CLI_FAILED, "the bridge's answer has no end"));
                        return;
                }
                on_answer(w, line, (size_t)(end - line) - (end > line && end[-1] == '\r'));
                net_stream_consume(stream, (size_t)(end - line) + 1);
        }
}

/* ---- the connection ---- */

static void on_drained(struct net_stream *stream)
{
        (void)stream;
}

static void on_ended(struct net_stream *stream, int error)
{
        struct watch *w = container_of(stream, struct watch, stream);

        w->reason = error == -EPROTO ? "TLS failed: the certificate is not trusted, or there is no TLS"
                    : error < 0      ? strerror(-error)
                                     : "closed the connection";
        net_stream_close(stream);
}

static int connect_to(struct watch *w)
{
        static const struct net_stream_handler handler = {
                .received = on_received, .drained = on_drained, .ended = on_ended};
        int r, fd;

        fd = cli_address_connect(&w->address, &w->reason);
        if (fd < 0)
                return fd;
        r = net_stream_open(&w->stream, w->loop, fd, w->address.tls, ANSWER_MAX, &handler);
        if (r == 0)
                r = net_stream_write(&w->stream, buf_bytes(&w->request), buf_size(&w->request));
        if (r < 0)
                w->reason = strerror(-r);
        return r;
}

/* Until the connection ends. */
static void serve(struct watch *w)
{
        while (!w->is_over && w->stream.is_open)
                if (sd_event_run(w->loop, UINT64_MAX) < 0)
                        over(w, cli_fail(CLI_FAILED, "the event loop failed"));
}

/* Away for too long? Tells why, once, and waits a little. */
static void stay_away(struct watch *w)
{
        usec_t now = clock_monotonic_usec();

        if (w->away_since_usec == 0)
                w->away_since_usec = now;
        if (w->n_answers == 0 || now > w->away_since_usec + AWAY_MAX_USEC) {
                over(w, cli_fail(CLI_UNREACHABLE, "the bridge at %s: %s", w->address.text, w->reason));
                return;
        }
        (void)poll(NULL, 0, RETRY_MSEC);
}

static void run(struct watch *w)
{
        while (!w->is_over) {
                if (connect_to(w) == 0)
                        serve(w);
                net_stream_close(&w->stream);
                if (!w->is_over)
                        stay_away(w);
        }
}

/* ---- the command line ---- */

static const struct cli_tcp_door door = {
        .name = "the bridge",
        .option = "bridge",
        .variable = "LONJA_BRIDGE",
        .fallback = CLI_DEFAULT_BRIDGE,
        .plain = "tcp://",
        .secure = "tls://",
};

static int read_numbers(struct watch *w, uint64_t *ret_interval)
{
        const char *count = cli_option(w->cli, "count"), *interval = cli_option(w->cli, "interval");

        *ret_interval = 0;
        if (count && parse_u64(count, 1, UINT64_MAX, &w->count) < 0)
                return cli_fail(CLI_USAGE, "--count takes a number from 1 on, not '%s'", count);
        if (interval && parse_u64(interval, 1, 86400, ret_interval) < 0)
                return cli_fail(CLI_USAGE, "--interval takes seconds from 1 to 86400, not '%s'", interval);
        return CLI_OK;
}

static int read_until(struct watch *w)
{
        const char *text = cli_option(w->cli, "until");
        char error[160];
        int r;

        if (!text)
                return CLI_OK;
        r = cli_until_parse(text, cli_product_fields, &w->until, error, sizeof(error));
        if (r == -EINVAL)
                return cli_fail(CLI_USAGE, "--until: %s", error);
        return r < 0 ? cli_fail(CLI_FAILED, "out of memory") : CLI_OK;
}

static int make_request(struct watch *w, uint64_t interval)
{
        _cleanup_json_ json_t *path = json_pack("{s:s}", "code", cli_operand(w->cli, 0));
        _cleanup_(buf_done) struct buf query = BUF_EMPTY;

        if (!path)
                return cli_fail(CLI_USAGE, "the code is not UTF-8");
        if (interval > 0)
                buf_printf(&query, "interval=%llu", (unsigned long long)interval);
        if (cli_option(w->cli, "on-change"))
                buf_printf(&query, "%son=change", buf_size(&query) > 0 ? "&" : "");
        buf_append_char(&query, '\0');
        if (w->token) {
                _cleanup_json_ json_t *token = json_pack("{s:s}", "token", w->token);

                bridge_request_encode(&w->request, "AUTH", "", token, "");
        }
        if (buf_error(&query) == 0)
                bridge_request_encode(&w->request, "GET", "PRODUCT", path, buf_bytes(&query));
        return buf_error(&query) < 0 || buf_error(&w->request) < 0 ? cli_fail(CLI_FAILED, "out of memory")
                                                                   : CLI_OK;
}

int cli_products_watch(struct cli *cli)
{
        struct watch w = {.cli = cli};
        uint64_t interval;
        int exit;

        exit = read_numbers(&w, &interval);
        if (exit == CLI_OK)
                exit = read_until(&w);
        if (exit == CLI_OK)
                exit = cli_address_read(&w.address, cli, &door);
        if (exit == CLI_OK)
                exit = cli_token_read(cli, &w.token);
        if (exit == CLI_OK)
                exit = make_request(&w, interval);
        if (exit == CLI_OK && sd_event_new(&w.loop) < 0)
                exit = cli_fail(CLI_FAILED, "out of memory");
        if (exit == CLI_OK) {
                run(&w);
                exit = w.exit;
        }
        cli_until_free(w.until);
        free(w.token);
        cli_address_done(&w.address);
        buf_done(&w.request);
        sd_event_unref(w.loop);
        return exit;
}
