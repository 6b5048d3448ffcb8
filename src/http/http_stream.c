/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* Answers whose length is not known: chunked, from a buffer between its two marks. MHD takes from the buffer
 * when the socket has room and is suspended while there is nothing to take. */

#include <errno.h>
#include <string.h>

#include "http/http_internal.h"

#define BLOCK_BYTES 16384 /* for clients of HTTP/1.0; chunks go by MHD's pool */

static void ask_for_more(struct http_request *r)
{
        struct http_stream *stream = r->stream;

        if (stream->full_usec == 0 || stream->ended || buf_size(&stream->out) >= HTTP_STREAM_LOW_WATER)
                return;
        stream->full_usec = 0;
        list_append(&r->server->writable, &stream->writable);
        http_server_kick(r->server);
}

static ssize_t on_room(void *cls, uint64_t position, char *p, size_t size)
{
        struct http_request *r = cls;
        struct http_stream *stream = r->stream;
        size_t n = MIN_OF(size, buf_size(&stream->out));

        if (n > 0) {
                memcpy(p, buf_bytes(&stream->out), n);
                buf_consume(&stream->out, n);
                ask_for_more(r);
                return (ssize_t)n;
        }
        if (stream->ended)
                return stream->is_complete ? MHD_CONTENT_READER_END_OF_STREAM
                                           : MHD_CONTENT_READER_END_WITH_ERROR;
        http_request_end_motion(r);
        r->is_suspended = true;
        MHD_suspend_connection(r->mhd);
        return 0;
}

int http_reply_stream(struct http_request *r, unsigned status, const char *content_type,
                      const struct http_stream_handler *handler)
{
        struct MHD_Response *response;
        struct http_stream *stream;

        stream = http_request_alloc(r, sizeof(*stream));
        if (!stream)
                return -ENOMEM;
        *stream = (struct http_stream){.request = r, .handler = handler};
        response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, on_room, r, NULL);
        if (!response)
                return -ENOMEM;
        r->stream = stream;
        http_reply_response(r, status, response, content_type);
        return 0;
}

static void wake(struct http_request *r)
{
        if (!r->connection || !r->is_queued)
                return;
        if (r->is_suspended)
                http_request_begin_motion(r);
        http_port_wake(r);
}

int http_stream_write(struct http_request *r, const void *p, size_t n)
{
        struct http_stream *stream = r->stream;

        assert(!stream->ended);
        if (!r->connection)
                return 1; /* gone() is on its way */
        buf_append(&stream->out, p, n);
        if (buf_error(&stream->out) < 0)
                return -ENOMEM;
        wake(r);
        if (buf_size(&stream->out) < HTTP_STREAM_HIGH_WATER)
                return 0;
        if (stream->full_usec == 0)
                stream->full_usec = clock_monotonic_usec();
        return 1;
}

void http_stream_end(struct http_request *r, bool complete)
{
        struct http_stream *stream = r->stream;

        assert(!stream->ended);
        stream->ended = true;
        stream->is_complete = complete;
        list_remove(&stream->writable);
        wake(r);
}

void http_stream_abandon(struct http_request *r)
{
        if (r->stream->ended)
                return;
        r->stream->ended = true;
        list_remove(&r->stream->writable);
        r->stream->handler->gone(r);
}

void http_stream_cut(struct http_request *r)
{
        http_stream_abandon(r);
        wake(r);
}

void http_stream_run_writable(struct http_server *s)
{
        struct list_link *link;

        while ((link = list_first(&s->writable))) {
                struct http_stream *stream = LIST_ENTRY(link, struct http_stream, writable);

                list_remove(link);
                stream->handler->writable(stream->request);
        }
}
