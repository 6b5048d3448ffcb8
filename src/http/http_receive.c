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
#include <string.h>

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

        if (http_request_new(&r, port->server, c, mhd) < 0)
                return NULL;
        if (take_uri(r, uri ? uri : "") < 0) {
                c->request = NULL;
                return http_request_free(r);
        }
        return r;
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
        if (r->patient_turn != r->server->port.turn) {
                r->patient_turn = r->server->port.turn;
                r->patience++;
        }
        if (r->patience > PATIENCE_TURNS) {
                http_request_end_patience(r);
                return suspend(r);
        }
        if (!r->is_patient) {
                r->is_patient = true;
                r->server->port.n_patient++;
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
        r->server->port.n_queued++;
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
        if (r->state != HTTP_ANSWERED && http_request_is_streamed(r)) {
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
                http_refuse_body(r);
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
                http_request_take_headers(r, method, version);
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
