/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* What the headers of a request decide: how its body is framed, its id, its route, and whether it is let in.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/id.h"
#include "base/parse.h"
#include "base/str.h"
#include "http/http_internal.h"

void http_refuse_body(struct http_request *r)
{
        buf_done(&r->body);
        http_reply_problem(r, 413, "body-too-large", "a body here takes at most %llu bytes",
                           (unsigned long long)r->server->conf->body_max);
}

struct header_scan {
        struct http_request *request;
        const char *id;
        unsigned n_lengths, n_encodings;
        bool has_host, is_bad;
};

static void scan_length(struct header_scan *scan, const char *value)
{
        uint64_t n;

        if (parse_u64(value, 0, UINT64_MAX - 1, &n) < 0)
                scan->is_bad = true; /* MHD answers this one itself */
        else
                scan->request->content_length = n;
        scan->n_lengths++;
}

static enum MHD_Result scan_header(void *cls, enum MHD_ValueKind kind, const char *key, size_t key_size,
                                   const char *value, size_t value_size)
{
        struct header_scan *scan = cls;
        struct http_request *r = scan->request;

        if (!value)
                value = "";
        if (key_size == 4 && strcasecmp(key, "Host") == 0)
                scan->has_host = true;
        else if (key_size == 6 && strcasecmp(key, "Expect") == 0)
                r->expects_continue = strcasecmp(value, "100-continue") == 0;
        else if (key_size == 12 && strcasecmp(key, "X-Request-ID") == 0)
                scan->id = value;
        else if (key_size == 14 && strcasecmp(key, "Content-Length") == 0)
                scan_length(scan, value);
        else if (key_size == 17 && strcasecmp(key, "Transfer-Encoding") == 0) {
                r->content_length = MHD_SIZE_UNKNOWN;
                scan->n_encodings++;
                scan->is_bad = scan->is_bad || strcasecmp(value, "chunked") != 0;
        } else if ((key_size == 9 && strcasecmp(key, "Forwarded") == 0) ||
                   strncasecmp(key, "X-Forwarded-", 12) == 0)
                r->is_forwarded = true;
        return MHD_YES;
}

/* Unique without a system call for each: a random start, then steps of an odd width through all of 2^64. */
static void make_id(struct http_server *s, char out[ID_SIZE])
{
        uint64_t words[2] = {s->id_seed, s->id_last += UINT64_C(0x9e3779b97f4a7c15)};

        hex_encode(words, sizeof(words), out);
}

/* More than one length is how requests are smuggled past a proxy: close, whatever follows. */
static bool is_framed_badly(const struct header_scan *scan)
{
        return scan->is_bad || scan->n_lengths + scan->n_encodings > 1;
}

static void match_route(struct http_request *r)
{
        char *text = http_request_alloc(r, http_router_text_size(r->path));
        int outcome;

        if (!text) {
                http_reply_error(r, -ENOMEM);
                return;
        }
        outcome = http_router_match(r->server->router, r->method, r->path, text, &r->match);
        r->route = r->match.route;
        if (outcome < 0)
                http_reply_problem(r, 400, "bad-path", "the path holds a broken escape or is no UTF-8");
        else if (outcome == HTTP_MATCH_METHOD || streq(r->method, "OPTIONS")) {
                if (outcome == HTTP_MATCH_NONE && !streq(r->path, "*")) {
                        http_reply_problem(r, 404, "not-found", "there is nothing at this path");
                        return;
                }
                http_reply_header(r, "Allow", outcome == HTTP_MATCH_METHOD ? r->match.allow : "OPTIONS");
                if (streq(r->method, "OPTIONS"))
                        http_reply_empty(r, 204);
                else
                        http_reply_problem(r, 405, "method-not-allowed", "allowed here: %s", r->match.allow);
        } else if (outcome == HTTP_MATCH_NONE)
                http_reply_problem(r, 404, "not-found", "there is nothing at this path");
}

static void check_query(struct http_request *r)
{
        int k;

        if (r->query_text[0] == '\0')
                return;
        r->query = http_request_alloc(r, sizeof(*r->query));
        k = r->query ? url_query_parse(r->query_text, strlen(r->query_text), r->query) : -ENOMEM;
        if (k == 0)
                return;
        r->query = NULL;
        if (k == -ENOMEM)
                http_reply_error(r, k);
        else
                http_reply_problem(r, 400, "bad-query",
                                   k == -E2BIG ? "the query string has too many parameters"
                                               : "the query string holds a broken escape or is no UTF-8");
}

static bool is_quiet(const struct http_request *r)
{
        return r->route && r->route->flags & HTTP_ROUTE_QUIET;
}

static void check_limits(struct http_request *r)
{
        struct http_server *s = r->server;

        if (s->is_stopping)
                http_reply_error(r, -ECANCELED);
        else if (s->metrics.n_waiting >= s->conf->requests_waiting_max && !is_quiet(r)) {
                s->metrics.n_refused++;
                http_reply_problem(r, 503, "overloaded", "too many requests wait");
        } else if (r->content_length != MHD_SIZE_UNKNOWN && r->content_length > s->conf->body_max &&
                   !http_request_is_streamed(r))
                http_refuse_body(r);
}

static void check_frame(struct http_request *r, const struct header_scan *scan, const char *version)
{
        const union MHD_ConnectionInfo *info =
                MHD_get_connection_info(r->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);

        r->must_close = is_framed_badly(scan);
        if (r->must_close)
                http_reply_problem(
                        r, 400, "bad-framing",
                        "one Content-Length, or Transfer-Encoding: chunked, is what is understood");
        else if (info && info->header_size > HTTP_HEADERS_MAX)
                http_reply_problem(r, 431, "headers-too-large", "the headers take more than %u bytes",
                                   HTTP_HEADERS_MAX);
        else if (!scan->has_host && streq(version, MHD_HTTP_VERSION_1_1))
                http_reply_problem(r, 400, "no-host", "HTTP/1.1 wants a Host header");
}

void http_request_take_headers(struct http_request *r, const char *method, const char *version)
{
        struct header_scan scan = {.request = r};

        (void)snprintf(r->method, sizeof(r->method), "%s", method);
        (void)MHD_get_connection_values_n(r->mhd, MHD_HEADER_KIND, scan_header, &scan);
        if (scan.id && id_is_valid(scan.id))
                (void)snprintf(r->id, sizeof(r->id), "%s", scan.id);
        else
                make_id(r->server, r->id);
        check_frame(r, &scan, version);
        if (r->state == HTTP_READING)
                match_route(r);
        if (!is_quiet(r)) {
                r->has_hold = true;
                service_hold(r->server->service);
        }
        if (r->state == HTTP_READING)
                check_query(r);
        if (r->state == HTTP_READING)
                check_limits(r);
}
