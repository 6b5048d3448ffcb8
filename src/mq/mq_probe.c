/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "mq/mq_probe.h"

#include <errno.h>
#include <stdio.h>

#include "mq/mq_socket.h"

/* A passive declare of a queue that is not there closes the channel, which is then opened again. */
static int reopen(amqp_connection_state_t state, char error[MQ_ERROR_SIZE])
{
        amqp_channel_close_ok_t ok = {0};
        int status = amqp_send_method(state, MQ_CHANNEL, AMQP_CHANNEL_CLOSE_OK_METHOD, &ok);
        int r;

        r = mq_socket_status(status, "closing a channel", error);
        if (r < 0)
                return r;
        (void)amqp_channel_open(state, MQ_CHANNEL);
        return mq_socket_reply(state, "opening a channel", error);
}

static int look(amqp_connection_state_t state, struct mq_queue_depth *d, char error[MQ_ERROR_SIZE])
{
        const amqp_queue_declare_ok_t *ok;
        amqp_rpc_reply_t reply;

        ok = amqp_queue_declare(state, MQ_CHANNEL, amqp_cstring_bytes(d->name), 1, 0, 0, 0, amqp_empty_table);
        reply = amqp_get_rpc_reply(state);
        d->exists = ok && reply.reply_type == AMQP_RESPONSE_NORMAL;
        if (d->exists) {
                d->n_messages = ok->message_count;
                d->n_consumers = ok->consumer_count;
        } else if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION &&
                   reply.reply.id == AMQP_CHANNEL_CLOSE_METHOD) {
                return reopen(state, error);
        } else {
                return mq_socket_reply(state, d->name, error);
        }
        amqp_maybe_release_buffers(state);
        return 0;
}

static int look_at_all(amqp_connection_state_t state, struct mq_queue_depth *depths,
                       char error[MQ_ERROR_SIZE])
{
        int r = 0;

        for (struct mq_queue_depth *d = depths; d->name && r == 0; d++)
                r = look(state, d, error);
        return r;
}

void mq_probe_names(struct mq_queue_depth *depths, size_t n, const char *const *names)
{
        size_t i = 0;

        for (; i + 1 < n && names[i]; i++)
                depths[i] = (struct mq_queue_depth){.name = names[i]};
        depths[i] = (struct mq_queue_depth){0};
}

int mq_probe(const struct mq_conf *conf, struct mq_queue_depth *depths, char error[MQ_PROBE_ERROR_SIZE])
{
        amqp_connection_state_t state = NULL;
        struct mq_target target;
        char reason[MQ_ERROR_SIZE] = "Uri= is no AMQP URI";
        int r;

        r = mq_target_init(&target, conf, "status");
        if (r == 0) {
                r = mq_socket_connect(&target, &state, reason);
                if (r == 0)
                        r = mq_socket_login(&target, state, reason);
                if (r == 0)
                        r = look_at_all(state, depths, reason);
                if (r == 0)
                        (void)amqp_connection_close(state, AMQP_REPLY_SUCCESS);
                if (state)
                        (void)amqp_destroy_connection(state);
                mq_target_done(&target);
        }
        if (r < 0)
                snprintf(error, MQ_PROBE_ERROR_SIZE, "%s", reason);
        return r;
}
