/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The blocking steps of librabbitmq: connect, TLS, login, declare.  Each is bounded by BrokerStallSec; only
 * the threads of mq/ and oneshot programs call them.  Private to mq/. */

#include <amqp.h>
#include <amqp_framing.h>

#include "mq/mq_link.h"
#include "mq/mq_uri.h"

#define MQ_ERROR_SIZE 256
#define MQ_CHANNEL 1 /* one channel per connection: nothing here needs a second */

/* What is needed to connect: a copy of its own, since a thread may outlive the configuration. */
struct mq_target {
        struct mq_uri uri;
        char *password, *ca_file, *name; /* owned; password NULL: none was found */
        usec_t stall_usec;
        int heartbeat_sec;
};

/* `purpose` is put behind the program's name: what `rabbitmqctl list_connections client_properties` shows.
 * 0; -EINVAL: a bad URI; -ENOMEM. */
int mq_target_init(struct mq_target *t, const struct mq_conf *conf, const char *purpose);
void mq_target_done(struct mq_target *t);

/* All: 0, or -errno with a sentence for people in `error`. */
int mq_socket_connect(const struct mq_target *t, amqp_connection_state_t *ret, char error[MQ_ERROR_SIZE]);
/* Logs in and opens MQ_CHANNEL. */
int mq_socket_login(const struct mq_target *t, amqp_connection_state_t state, char error[MQ_ERROR_SIZE]);
/* Declares everything; exclusive queues only with `exclusive_queue`, which receives the server's name. */
int mq_socket_declare(amqp_connection_state_t state, const struct mq_topology *t, char *exclusive_queue,
                      size_t exclusive_queue_size, char error[MQ_ERROR_SIZE]);

/* The outcome of the last call on `state`. 0; -EPROTO: the broker refused; -ECONNRESET: lost. */
int mq_socket_reply(amqp_connection_state_t state, const char *what, char error[MQ_ERROR_SIZE]);
/* The same for functions that return a status. */
int mq_socket_status(int status, const char *what, char error[MQ_ERROR_SIZE]);
/* Says why the broker closed channel or connection. Always -EPROTO. */
int mq_socket_closed(const amqp_method_t *method, const char *what, char error[MQ_ERROR_SIZE]);
/* Copies at most size - 1 bytes, NUL-terminated. */
void mq_bytes_copy(amqp_bytes_t b, char *out, size_t size);
