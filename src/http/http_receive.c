/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* What MHD tells of a request: its line, its headers, its body in pieces, its end.
 *
 * An answer can be handed to MHD in two places only. After the headers: MHD then reads no body and closes the
 * connection, and bytes that the client still sends cause a reset that may overtake the answer. At the end,
 * after the body was read (and dropped, if nobody wants it any more): the connection lives on. So answers
 * wait for the end, unless the client asked first (Expect: 100-continue), or would send too much to be worth
 * it. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/id.h"
#include "base/parse.h"
#include "base/str.h"
#include "http/http_internal.h"

#define PATIENCE_TURNS 10                     /* asked so often, a request is suspended: http_port.c */
#define DROP_MAX (UINT64_C(64) * 1024 * 1024) /* of a body that nobody wants */

/* ---- the request line ---- */

static const char *skip_authority(const char *uri)
{
        const char *rest = startswith(uri, "http://");

        if (!rest)
                rest = startswith(uri, "https://");
        if (!rest)
                return uri;
        rest += strcspn(rest, "/?");
        return rest;
}

static int take_uri(struct http_request *r, const char *uri)
{
        char *text, *mark;

        uri = skip_authority(uri);
        text = http_request_strdup(r, uri);
        if (!text)
                return -ENOMEM;
        mark = strchr(text, '?');
        r->query_text = "";
        if (mark) {
                *mark = '\0';
                r->query_text = mark + 1;
        }
        r->path = text[0] ? text : "/";
        return 0;
}

void *http_on_line(void *cls, const char *uri, struct MHD_Connection *mhd)
{
        struct http_port *port = cls;
        struct http_connection *c =
                MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
        struct http_request *r;

        if (http_request_new(&r, port->server, port, c, mhd) < 0)
                return NULL;
        if (take_uri(r, uri ? uri : "") < 0) {
                c->request = NULL;
                return http_request_free(r);
        }
        return r;
}

/* ---- the headers ---- */

static void refuse_body(struct http_request *r)
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

static bool is_streamed(const struct http_request *r)
{
        return r->route && r->route->flags & HTTP_ROUTE_STREAM_BODY;
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
                   !is_streamed(r))
                refuse_body(r);
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

static void on_headers(struct http_request *r, const char *method, const char *version)
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

/* ---- waiting and answering ---- */

static enum MHD_Result suspend(struct http_request *r)
{
        if (!r->is_suspended) {
                r->is_suspended = true;
                MHD_suspend_connection(r->mhd);
        }
        return MHD_YES;
}

static enum MHD_Result wait_patiently(struct http_request *r)
{
        if (r->patient_turn != r->port->turn) {
                r->patient_turn = r->port->turn;
                r->patience++;
        }
        if (r->patience > PATIENCE_TURNS) {
                http_request_end_patience(r);
                return suspend(r);
        }
        if (!r->is_patient) {
                r->is_patient = true;
                r->port->n_patient++;
        }
        return MHD_YES;
}

static enum MHD_Result queue_answer(struct http_request *r)
{
        enum MHD_Result queued;

        http_request_end_patience(r);
        http_request_end_motion(r);
        if (!r->response) /* out of memory: the client sees the connection end */
                return MHD_NO;
        r->is_queued = true;
        r->port->n_queued++;
        if (r->stream)
                http_request_begin_motion(r);
        queued = MHD_queue_response(r->mhd, r->status, r->response);
        MHD_destroy_response(TAKE_PTR(r->response));
        return queued;
}

static bool has_body(const struct http_request *r)
{
        return r->content_length > 0; /* MHD_SIZE_UNKNOWN, too */
}

static bool must_answer_now(const struct http_request *r)
{
        if (r->state != HTTP_ANSWERED || !has_body(r))
                return false;
        return r->must_close || r->expects_continue ||
               (r->content_length != MHD_SIZE_UNKNOWN &&
                r->content_length > r->server->conf->body_max + DROP_MAX);
}

static enum MHD_Result at_headers(struct http_request *r)
{
        if (r->state != HTTP_ANSWERED && is_streamed(r)) {
                if (!r->is_begun)
                        http_request_start(r);
                if (r->state != HTTP_ANSWERED && !r->receiver)
                        return suspend(r);
        }
        if (must_answer_now(r))
                return queue_answer(r);
        r->phase = HTTP_PHASE_BODY;
        if (has_body(r))
                http_request_begin_motion(r);
        return MHD_YES;
}

/* ---- the body ---- */

static enum MHD_Result take_piece(struct http_request *r, const char *p, size_t *n)
{
        size_t size = *n;
        int k;

        if (r->is_paused)
                return suspend(r);
        *n = 0;
        k = r->receiver->piece(r, p, size);
        if (k < 0 && r->state != HTTP_ANSWERED)
                http_reply_error(r, k);
        r->is_paused = k > 0 && r->state != HTTP_ANSWERED;
        /* The last piece needs no stop: the end waits. */
        return r->is_paused && r->n_received < r->content_length ? suspend(r) : MHD_YES;
}

static enum MHD_Result on_piece(struct http_request *r, const char *p, size_t *n)
{
        if (!r->is_paused)
                r->n_received += *n;
        if (r->state != HTTP_ANSWERED && r->receiver)
                return take_piece(r, p, n);
        if (r->state != HTTP_ANSWERED && r->n_received > r->server->conf->body_max)
                refuse_body(r);
        if (r->state != HTTP_ANSWERED) {
                if (r->content_length != MHD_SIZE_UNKNOWN && !r->body.data)
                        (void)buf_reserve(&r->body, (size_t)r->content_length + 1);
                buf_append(&r->body, p, *n);
                if (buf_error(&r->body) < 0)
                        http_reply_error(r, -ENOMEM);
        }
        *n = 0;
        return MHD_YES;
}

static enum MHD_Result on_end(struct http_request *r)
{
        r->is_whole = true;
        http_request_end_motion(r);
        if (r->state != HTTP_ANSWERED && !r->is_begun)
                http_request_start(r);
        if (r->state != HTTP_ANSWERED && r->receiver && !r->has_ended && !r->is_paused) {
                r->has_ended = true;
                r->receiver->end(r);
        }
        return r->state == HTTP_ANSWERED ? queue_answer(r) : wait_patiently(r);
}

enum MHD_Result http_on_request(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
                                const char *version, const char *upload, size_t *upload_size, void **context)
{
        struct http_request *r = *context;

        if (!r)
                return MHD_NO;
        switch (r->phase) {
        case HTTP_PHASE_LINE:
                r->phase = HTTP_PHASE_HEADERS;
                on_headers(r, method, version);
                return at_headers(r);
        case HTTP_PHASE_HEADERS:
                return at_headers(r);
        case HTTP_PHASE_BODY:
                return *upload_size > 0 ? on_piece(r, upload, upload_size) : on_end(r);
        }
        return MHD_NO;
}

void http_on_completed(void *cls, struct MHD_Connection *mhd, void **context,
                       enum MHD_RequestTerminationCode how)
{
        struct http_request *r = TAKE_PTR(*context);

        if (r)
                http_request_detach(r);
}
