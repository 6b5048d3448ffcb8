/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* What nghttp2 tells of a connection, and how it is set up.
 *
 * Floods that nghttp2 itself ends: CONTINUATION (8 frames), SETTINGS and PING answers that are not read, and
 * resets by the client (CVE-2023-44487). It does not see resets that a client makes us send (CVE-2025-8671):
 * those are counted here. */

#include <errno.h>

#include "rpc/rpc_internal.h"

/* A client that cancels all of 500 calls at once does so a few times a second at most; one that does nothing
 * else is stopped after some thousands. */
#define RESETS_BURST 2000
#define RESETS_PER_SEC 200

static bool bucket_take(struct rpc_bucket *b, usec_t now)
{
        uint64_t gained = (now - b->filled_usec) * RESETS_PER_SEC / USEC_PER_SEC;

        if (gained > 0) {
                b->n_tokens = MIN_OF(b->n_tokens + gained, (uint64_t)RESETS_BURST);
                b->filled_usec = now;
        }
        if (b->n_tokens == 0)
                return false;
        b->n_tokens--;
        return true;
}

static struct rpc_call *call_of(nghttp2_session *session, int32_t stream_id)
{
        return nghttp2_session_get_stream_user_data(session, stream_id);
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *userdata)
{
        struct rpc_connection *c = userdata;
        struct rpc_call *call;

        if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
                return 0;
        call = rpc_call_new(c, frame->hd.stream_id);
        if (!call)
                return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        (void)nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, call);
        return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags, void *userdata)
{
        struct rpc_call *call = call_of(session, frame->hd.stream_id);

        if (call && !call->has_headers)
                rpc_receive_header(call, name, name_size, value, value_size);
        return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *userdata)
{
        struct rpc_connection *c = userdata;
        struct rpc_call *call;

        if (frame->hd.type == NGHTTP2_SETTINGS)
                c->is_greeted = true;
        if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
                return 0;
        call = call_of(session, frame->hd.stream_id);
        if (!call)
                return 0;
        if (frame->hd.type == NGHTTP2_HEADERS && !call->has_headers)
                rpc_receive_headers_end(call);
        if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
                rpc_receive_end(call);
        return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream_id, const uint8_t *p, size_t n,
                   void *userdata)
{
        struct rpc_call *call = call_of(session, stream_id);

        if (call)
                rpc_receive_data(call, p, n);
        else
                (void)nghttp2_session_consume(session, stream_id, n);
        return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t error, void *userdata)
{
        struct rpc_call *call = call_of(session, stream_id);

        if (call)
                rpc_call_detach(call);
        return 0;
}

static int on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *userdata)
{
        struct rpc_connection *c = userdata;
        struct rpc_call *call;

        if (frame->hd.type == NGHTTP2_RST_STREAM) {
                if (frame->rst_stream.error_code != NGHTTP2_NO_ERROR &&
                    !bucket_take(&c->resets, clock_monotonic_usec()))
                        rpc_connection_punish(c);
                return 0;
        }
        if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR)
                c->server->metrics.n_punished++;
        if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM) ||
            (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA))
                return 0;
        /* Answered before the end of the request: the rest of it is not wanted (RFC 9113 section 8.1). */
        call = call_of(session, frame->hd.stream_id);
        if (call && !call->has_ended)
                (void)nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                                NGHTTP2_NO_ERROR);
        return 0;
}

int rpc_session_setup(struct rpc_server *s)
{
        if (nghttp2_session_callbacks_new(&s->callbacks) < 0 || nghttp2_option_new(&s->option) < 0)
                return -ENOMEM;
        nghttp2_session_callbacks_set_on_begin_headers_callback(s->callbacks, on_begin_headers);
        nghttp2_session_callbacks_set_on_header_callback(s->callbacks, on_header);
        nghttp2_session_callbacks_set_on_frame_recv_callback(s->callbacks, on_frame);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(s->callbacks, on_data);
        nghttp2_session_callbacks_set_on_stream_close_callback(s->callbacks, on_stream_close);
        nghttp2_session_callbacks_set_on_frame_send_callback(s->callbacks, on_sent);
        nghttp2_option_set_no_auto_window_update(s->option, 1);
        nghttp2_option_set_stream_reset_rate_limit(s->option, RESETS_BURST, RESETS_PER_SEC);
        return 0;
}

int rpc_session_open(struct rpc_connection *c)
{
        const nghttp2_settings_entry settings[] = {
                {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, (uint32_t)c->server->conf->streams_max},
                {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, RPC_STREAM_WINDOW},
                {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, RPC_METADATA_MAX},
                {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
        };

        c->resets = (struct rpc_bucket){.filled_usec = clock_monotonic_usec(), .n_tokens = RESETS_BURST};
        if (nghttp2_session_server_new2(&c->session, c->server->callbacks, c, c->server->option) < 0 ||
            nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings, ARRAY_SIZE(settings)) < 0 ||
            nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0, RPC_CONNECTION_WINDOW) <
                    0)
                return -ENOMEM;
        return 0;
}
