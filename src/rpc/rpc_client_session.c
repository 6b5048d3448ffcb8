/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* What nghttp2 tells of a client's connection. */

#include <errno.h>

#include "rpc/rpc_client_internal.h"

#define STREAM_WINDOW (256 * 1024)
#define CONNECTION_WINDOW (1024 * 1024)

static struct rpc_ask *ask_of(nghttp2_session *session, int32_t stream_id)
{
        return nghttp2_session_get_stream_user_data(session, stream_id);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags, void *userdata)
{
        struct rpc_ask *a = ask_of(session, frame->hd.stream_id);

        if (a)
                rpc_ask_take_header(a, name, name_size, value, value_size);
        return 0;
}

/* What was not begun by the server never will be there; those that nghttp2 has not sent it does not mention.
 */
static void take_goaway(struct rpc_link *l, const nghttp2_goaway *goaway)
{
        rpc_link_retire(l);
        LIST_FOREACH (i, &l->client->asks) {
                struct rpc_ask *a = LIST_ENTRY(i, struct rpc_ask, link);

                if (a->rpc_link != l || a->stream_id <= goaway->last_stream_id)
                        continue;
                (void)nghttp2_session_set_stream_user_data(l->session, a->stream_id, NULL);
                rpc_ask_close(a, GRPC_UNAVAILABLE, "the server takes no more calls on this connection");
        }
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *userdata)
{
        struct rpc_ask *a;

        if (frame->hd.type == NGHTTP2_GOAWAY)
                take_goaway(userdata, &frame->goaway);
        if (frame->hd.type != NGHTTP2_HEADERS)
                return 0;
        a = ask_of(session, frame->hd.stream_id);
        if (a) {
                a->has_headers = true;
                rpc_ask_wake(a);
        }
        return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream_id, const uint8_t *p, size_t n,
                   void *userdata)
{
        struct rpc_ask *a = ask_of(session, stream_id);

        /* One who pauses holds up his own stream alone. */
        (void)nghttp2_session_consume_connection(session, n);
        if (a)
                rpc_ask_take_data(a, p, n);
        return 0;
}

/* grpc/doc/PROTOCOL-HTTP2.md, "Errors". */
static enum grpc_code code_of_reset(uint32_t error)
{
        switch (error) {
        case NGHTTP2_REFUSED_STREAM:
                return GRPC_UNAVAILABLE;
        case NGHTTP2_CANCEL:
                return GRPC_CANCELLED;
        case NGHTTP2_ENHANCE_YOUR_CALM:
                return GRPC_RESOURCE_EXHAUSTED;
        case NGHTTP2_INADEQUATE_SECURITY:
                return GRPC_PERMISSION_DENIED;
        default:
                return GRPC_INTERNAL;
        }
}

static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t error, void *userdata)
{
        struct rpc_ask *a = ask_of(session, stream_id);

        if (a)
                rpc_ask_close(a, code_of_reset(error),
                              error == NGHTTP2_NO_ERROR ? "the answer has no status"
                                                        : "the server ended the call");
        return 0;
}

int rpc_client_session_setup(struct rpc_client *c)
{
        if (nghttp2_session_callbacks_new(&c->callbacks) < 0 || nghttp2_option_new(&c->option) < 0)
                return -ENOMEM;
        nghttp2_session_callbacks_set_on_header_callback(c->callbacks, on_header);
        nghttp2_session_callbacks_set_on_frame_recv_callback(c->callbacks, on_frame);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c->callbacks, on_data);
        nghttp2_session_callbacks_set_on_stream_close_callback(c->callbacks, on_stream_close);
        nghttp2_option_set_no_auto_window_update(c->option, 1);
        return 0;
}

int rpc_client_session_open(struct rpc_link *l)
{
        const nghttp2_settings_entry settings[] = {
                {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
                {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW},
        };

        if (nghttp2_session_client_new2(&l->session, l->client->callbacks, l, l->client->option) < 0 ||
            nghttp2_submit_settings(l->session, NGHTTP2_FLAG_NONE, settings, ARRAY_SIZE(settings)) < 0 ||
            nghttp2_session_set_local_window_size(l->session, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW) < 0)
                return -ENOMEM;
        return 0;
}
