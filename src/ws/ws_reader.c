/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <string.h>
#include <wslay/wslay.h>

#include "base/alloc.h"
#include "ws/ws_reader.h"

#define REASON_MAX 123 /* RFC 6455 section 5.5: 125 bytes with the code */

struct ws_reader {
        wslay_event_context_ptr wslay; /* owned */
        const uint8_t *input;          /* borrowed while feeding */
        size_t n_input;
        struct buf *reply; /* borrowed while feeding */
        uint64_t n_fed;    /* bytes given */
        uint64_t n_framed; /* bytes of frames that have ended */
        uint64_t frame_size, message_size, message_max;
        bool is_fin, is_control, in_message;
        unsigned refused; /* a code: by us, not by wslay */
};

static ssize_t on_recv(wslay_event_context_ptr wslay, uint8_t *p, size_t size, int flags, void *user)
{
        struct ws_reader *r = user;
        size_t n = MIN_OF(size, r->n_input);

        if (n == 0) {
                wslay_event_set_error(wslay, WSLAY_ERR_WOULDBLOCK);
                return -1;
        }
        memcpy(p, r->input, n);
        r->input += n;
        r->n_input -= n;
        return (ssize_t)n;
}

static ssize_t on_send(wslay_event_context_ptr wslay, const uint8_t *p, size_t n, int flags, void *user)
{
        struct ws_reader *r = user;

        buf_append(r->reply, p, n);
        return (ssize_t)n;
}

/* Every frame of a client has a mask, and the shortest possible length: wslay has checked that. */
static uint64_t header_size(uint64_t payload)
{
        return 2 + (payload > 65535 ? 8 : payload > 125 ? 2 : 0) + 4;
}

static void refuse(struct ws_reader *r, wslay_event_context_ptr wslay, unsigned code)
{
        r->refused = code;
        (void)wslay_event_queue_close(wslay, (uint16_t)code, NULL, 0);
        wslay_event_shutdown_read(wslay);
}

static void on_frame_start(wslay_event_context_ptr wslay, const struct wslay_event_on_frame_recv_start_arg *a,
                           void *user)
{
        struct ws_reader *r = user;

        r->frame_size = header_size(a->payload_length) + a->payload_length;
        r->is_fin = a->fin;
        r->is_control = wslay_is_ctrl_frame(a->opcode);
        if (a->opcode == WSLAY_CONNECTION_CLOSE && a->payload_length == 1) /* half a code */
                refuse(r, wslay, WSLAY_CODE_PROTOCOL_ERROR);
        if (r->is_control)
                return;
        if (a->opcode != WSLAY_CONTINUATION_FRAME)
                r->message_size = 0;
        r->message_size += a->payload_length;
        r->in_message = true;
        /* wslay adds up only what it keeps. */
        if (r->message_size > r->message_max && r->refused == 0)
                refuse(r, wslay, WSLAY_CODE_MESSAGE_TOO_BIG);
}

static void on_frame_end(wslay_event_context_ptr wslay, void *user)
{
        struct ws_reader *r = user;

        r->n_framed += r->frame_size;
        if (r->is_fin && !r->is_control)
                r->in_message = false;
}

static int reader_new(struct ws_reader **ret, uint64_t message_max)
{
        static const struct wslay_event_callbacks callbacks = {
                .recv_callback = on_recv,
                .send_callback = on_send,
                .on_frame_recv_start_callback = on_frame_start,
                .on_frame_recv_end_callback = on_frame_end,
        };
        struct ws_reader *r = new0(struct ws_reader, 1);

        if (!r)
                return -ENOMEM;
        if (wslay_event_context_server_init(&r->wslay, &callbacks, r) != 0) {
                free(r);
                return -ENOMEM;
        }
        r->message_max = message_max;
        wslay_event_config_set_no_buffering(r->wslay, 1);
        wslay_event_config_set_max_recv_msg_length(r->wslay, message_max);
        *ret = r;
        return 0;
}

struct ws_reader *ws_reader_free(struct ws_reader *r)
{
        if (!r)
                return NULL;
        wslay_event_context_free(r->wslay);
        free(r);
        return NULL;
}

static bool is_between_messages(const struct ws_reader *r)
{
        return r->n_framed == r->n_fed && !r->in_message;
}

int ws_reader_feed(struct ws_reader **reader, uint64_t message_max, const void *p, size_t n,
                   struct buf *reply, unsigned *ret_code)
{
        struct ws_reader *r;
        int k;

        if (n == 0)
                return 0;
        if (!*reader) {
                k = reader_new(reader, message_max);
                if (k < 0)
                        return k;
        }
        r = *reader;
        r->input = p;
        r->n_input = n;
        r->n_fed += n;
        r->reply = reply;
        k = wslay_event_recv(r->wslay);
        if (k == WSLAY_ERR_CALLBACK_FAILURE) {
                /* No frame at all: wslay would say good-bye without saying why. */
                *ret_code = WSLAY_CODE_PROTOCOL_ERROR;
                ws_write_close(reply, *ret_code, NULL);
                return buf_error(reply) < 0 ? -ENOMEM : 1;
        }
        if (k == WSLAY_ERR_NOMEM || wslay_event_send(r->wslay) == WSLAY_ERR_NOMEM || buf_error(reply) < 0)
                return -ENOMEM;
        if (!wslay_event_get_read_enabled(r->wslay)) {
                *ret_code = r->refused ? r->refused
                            : wslay_event_get_close_received(r->wslay)
                                    ? wslay_event_get_status_code_received(r->wslay)
                                    : wslay_event_get_status_code_sent(r->wslay);
                return 1;
        }
        if (is_between_messages(r))
                *reader = ws_reader_free(r);
        return 0;
}

/* ---- frames of our own ---- */

static ssize_t on_encoded(wslay_event_context_ptr wslay, const uint8_t *p, size_t n, int flags, void *user)
{
        buf_append(user, p, n);
        return (ssize_t)n;
}

static void write_control(struct buf *out, uint8_t opcode, unsigned code, const char *reason)
{
        static const struct wslay_event_callbacks callbacks = {.send_callback = on_encoded};
        wslay_event_context_ptr wslay;
        size_t n = reason ? MIN_OF(strlen(reason), (size_t)REASON_MAX) : 0;
        int k;

        if (wslay_event_context_server_init(&wslay, &callbacks, out) != 0) {
                out->failed = true;
                return;
        }
        if (opcode == WSLAY_CONNECTION_CLOSE)
                k = wslay_event_queue_close(wslay, (uint16_t)code, (const uint8_t *)reason, n);
        else
                k = wslay_event_queue_msg(wslay, &(struct wslay_event_msg){.opcode = opcode});
        if (k != 0 || wslay_event_send(wslay) != 0)
                out->failed = true;
        wslay_event_context_free(wslay);
}

void ws_write_ping(struct buf *out)
{
        write_control(out, WSLAY_PING, 0, NULL);
}

void ws_write_close(struct buf *out, unsigned code, const char *reason)
{
        write_control(out, WSLAY_CONNECTION_CLOSE, code, reason);
}
