/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "mq/mq_socket.h"

#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/str.h"
#include "service/service.h"

/* librabbitmq 0.11 cannot ask OpenSSL for its default store */
#define SYSTEM_CA_FILE "/etc/ssl/certs/ca-certificates.crt"
/* The library allocates one buffer of this size; larger bodies are cut into frames. */
#define FRAME_BYTES_MAX (64 * 1024)

int mq_target_init(struct mq_target *t, const struct mq_conf *conf, const char *purpose)
{
        char reason[MQ_URI_REASON_SIZE];
        int r;

        *t = (struct mq_target){
                .stall_usec = conf->stall_usec,
                .heartbeat_sec = (int)((conf->heartbeat_usec + USEC_PER_SEC - 1) / USEC_PER_SEC),
        };
        r = mq_uri_parse(conf->uri, &t->uri, reason);
        if (r < 0)
                return r;
        /* A thread that is left in its handshake must not lose OpenSSL's tables to the end of the process. */
        if (t->uri.tls && !OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL))
                return -ENOMEM;
        if (asprintf(&t->name, "%s %s", program_invocation_short_name, purpose) < 0) {
                t->name = NULL;
                goto no_memory;
        }
        if (strdup_to(&t->ca_file, conf->ca_file && *conf->ca_file ? conf->ca_file : SYSTEM_CA_FILE) < 0)
                goto no_memory;
        if (t->uri.password)
                r = strdup_to(&t->password, t->uri.password);
        else if (service_credential("amqp.password", &t->password) < 0 && streq(t->uri.user, "guest"))
                r = strdup_to(&t->password, "guest"); /* RabbitMQ's own default, from loopback only */
        if (r < 0)
                goto no_memory;
        return 0;
no_memory:
        mq_target_done(t);
        return -ENOMEM;
}

void mq_target_done(struct mq_target *t)
{
        mq_uri_done(&t->uri);
        free(t->password);
        free(t->ca_file);
        free(t->name);
        *t = (struct mq_target){0};
}

void mq_bytes_copy(amqp_bytes_t b, char *out, size_t size)
{
        size_t n = MIN_OF(b.len, size - 1);

        if (n > 0)
                memcpy(out, b.bytes, n);
        out[n] = '\0';
}

int mq_socket_closed(const amqp_method_t *method, const char *what, char error[MQ_ERROR_SIZE])
{
        char text[MQ_ERROR_SIZE] = "";
        int code = 0;

        if (method->id == AMQP_CONNECTION_CLOSE_METHOD) {
                const amqp_connection_close_t *m = method->decoded;

                code = m->reply_code;
                mq_bytes_copy(m->reply_text, text, sizeof(text));
        } else if (method->id == AMQP_CHANNEL_CLOSE_METHOD) {
                const amqp_channel_close_t *m = method->decoded;

                code = m->reply_code;
                mq_bytes_copy(m->reply_text, text, sizeof(text));
        }
        (void)snprintf(error, MQ_ERROR_SIZE, "%s: the broker says %d %s", what, code, text);
        return -EPROTO;
}

int mq_socket_status(int status, const char *what, char error[MQ_ERROR_SIZE])
{
        if (status == AMQP_STATUS_OK)
                return 0;
        (void)snprintf(error, MQ_ERROR_SIZE, "%s: %s", what, amqp_error_string2(status));
        return status == AMQP_STATUS_NO_MEMORY ? -ENOMEM : -ECONNRESET;
}

static int check_reply(amqp_rpc_reply_t reply, const char *what, char error[MQ_ERROR_SIZE])
{
        switch (reply.reply_type) {
        case AMQP_RESPONSE_NORMAL:
                return 0;
        case AMQP_RESPONSE_SERVER_EXCEPTION:
                return mq_socket_closed(&reply.reply, what, error);
        case AMQP_RESPONSE_LIBRARY_EXCEPTION:
                return mq_socket_status(reply.library_error, what, error);
        case AMQP_RESPONSE_NONE:
        default:
                (void)snprintf(error, MQ_ERROR_SIZE, "%s: the connection ended", what);
                return -ECONNRESET;
        }
}

int mq_socket_reply(amqp_connection_state_t state, const char *what, char error[MQ_ERROR_SIZE])
{
        return check_reply(amqp_get_rpc_reply(state), what, error);
}

static struct timeval timeval_of(usec_t usec)
{
        return (struct timeval){.tv_sec = (time_t)(usec / USEC_PER_SEC),
                                .tv_usec = (suseconds_t)(usec % USEC_PER_SEC)};
}

static int make_socket(const struct mq_target *t, amqp_connection_state_t state, amqp_socket_t **ret,
                       char error[MQ_ERROR_SIZE])
{
        amqp_socket_t *socket;

        if (!t->uri.tls) {
                *ret = amqp_tcp_socket_new(state);
                return *ret ? 0 : -ENOMEM;
        }
        socket = amqp_ssl_socket_new(state);
        if (!socket)
                return -ENOMEM;
        if (amqp_ssl_socket_set_cacert(socket, t->ca_file) != AMQP_STATUS_OK) {
                (void)snprintf(error, MQ_ERROR_SIZE, "cannot read the CA file %s", t->ca_file);
                return -EINVAL;
        }
        amqp_ssl_socket_set_verify_peer(socket, 1);
        amqp_ssl_socket_set_verify_hostname(socket, 1);
        amqp_ssl_socket_set_ssl_versions(socket, AMQP_TLSv1_2, AMQP_TLSvLATEST);
        *ret = socket;
        return 0;
}

int mq_socket_connect(const struct mq_target *t, amqp_connection_state_t *ret, char error[MQ_ERROR_SIZE])
{
        struct timeval timeout = timeval_of(t->stall_usec);
        amqp_connection_state_t state;
        amqp_socket_t *socket;
        int status, r;

        if (!t->password) {
                (void)snprintf(error, MQ_ERROR_SIZE,
                               "no password for user %s: neither in Uri= nor in credential amqp.password",
                               t->uri.user);
                return -EACCES;
        }
        (void)snprintf(error, MQ_ERROR_SIZE, "out of memory");
        state = amqp_new_connection();
        if (!state)
                return -ENOMEM;
        r = make_socket(t, state, &socket, error);
        if (r < 0)
                goto fail;
        status = amqp_socket_open_noblock(socket, t->uri.host, t->uri.port, &timeout);
        if (status != AMQP_STATUS_OK) {
                /* the library keeps no errno of a connect that failed in the background */
                (void)snprintf(error, MQ_ERROR_SIZE, "connecting to %s port %u: %s", t->uri.host, t->uri.port,
                               status == AMQP_STATUS_SOCKET_ERROR ? "refused or unreachable"
                                                                  : amqp_error_string2(status));
                r = -ECONNREFUSED;
                goto fail;
        }
        *ret = state;
        return 0;
fail:
        (void)amqp_destroy_connection(state);
        return r;
}

static amqp_table_entry_t capability(const char *name)
{
        return (amqp_table_entry_t){.key = amqp_cstring_bytes(name),
                                    .value = {.kind = AMQP_FIELD_KIND_BOOLEAN, .value.boolean = 1}};
}

/* What the broker may tell us without being asked: that a queue went away under its consumer, that it blocks
 * publishers, that it refused a publish, why it refused a login. The library's own list lacks the first. */
static amqp_rpc_reply_t login(const struct mq_target *t, amqp_connection_state_t state)
{
        amqp_table_entry_t capabilities[] = {capability("consumer_cancel_notify"),
                                             capability("connection.blocked"), capability("basic.nack"),
                                             capability("publisher_confirms"),
                                             capability("authentication_failure_close")};
        amqp_table_entry_t entries[] = {
                {.key = amqp_cstring_bytes("connection_name"),
                 .value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = amqp_cstring_bytes(t->name)}},
                {.key = amqp_cstring_bytes("capabilities"),
                 .value = {
                         .kind = AMQP_FIELD_KIND_TABLE,
                         .value.table = {.num_entries = ARRAY_SIZE(capabilities), .entries = capabilities}}}};
        amqp_table_t properties = {.num_entries = ARRAY_SIZE(entries), .entries = entries};

        return amqp_login_with_properties(state, t->uri.vhost, MQ_CHANNEL, FRAME_BYTES_MAX, t->heartbeat_sec,
                                          &properties, AMQP_SASL_METHOD_PLAIN, t->uri.user, t->password);
}

int mq_socket_login(const struct mq_target *t, amqp_connection_state_t state, char error[MQ_ERROR_SIZE])
{
        struct timeval timeout = timeval_of(t->stall_usec);
        int one = 1, r;

        (void)setsockopt(amqp_get_sockfd(state), IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        if (amqp_set_handshake_timeout(state, &timeout) != AMQP_STATUS_OK ||
            amqp_set_rpc_timeout(state, &timeout) != AMQP_STATUS_OK)
                return -EINVAL;
        r = check_reply(login(t, state), "logging in", error);
        if (r < 0)
                return r;
        (void)amqp_channel_open(state, MQ_CHANNEL);
        return mq_socket_reply(state, "opening a channel", error);
}

static int declare_exchanges(amqp_connection_state_t state, const struct mq_exchange *list,
                             char error[MQ_ERROR_SIZE])
{
        char what[128];
        int r;

        for (const struct mq_exchange *x = list; x && x->name; x++) {
                (void)snprintf(what, sizeof(what), "declaring exchange %s", x->name);
                (void)amqp_exchange_declare(state, MQ_CHANNEL, amqp_cstring_bytes(x->name),
                                            amqp_cstring_bytes(x->type), 0, 1, 0, 0, amqp_empty_table);
                r = mq_socket_reply(state, what, error);
                if (r < 0)
                        return r;
        }
        return 0;
}

struct arguments {
        amqp_table_entry_t entries[8];
        int n;
};

static void add_text(struct arguments *a, const char *key, const char *value)
{
        if (value)
                a->entries[a->n++] = (amqp_table_entry_t){
                        .key = amqp_cstring_bytes(key),
                        .value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = amqp_cstring_bytes(value)}};
}

static void add_number(struct arguments *a, const char *key, int64_t value)
{
        if (value > 0)
                a->entries[a->n++] =
                        (amqp_table_entry_t){.key = amqp_cstring_bytes(key),
                                             .value = {.kind = AMQP_FIELD_KIND_I64, .value.i64 = value}};
}

/* The broker closes the channel over a declaration that it refuses; everything else on it has been settled
 * by then, as all calls here wait for their answer. */
static int reopen_channel(amqp_connection_state_t state, char error[MQ_ERROR_SIZE])
{
        amqp_channel_close_ok_t ok = {0};

        (void)amqp_send_method(state, MQ_CHANNEL, AMQP_CHANNEL_CLOSE_OK_METHOD, &ok);
        (void)amqp_channel_open(state, MQ_CHANNEL);
        return mq_socket_reply(state, "opening a channel again", error);
}

static bool is_declared_otherwise(amqp_connection_state_t state)
{
        amqp_rpc_reply_t reply = amqp_get_rpc_reply(state);

        return reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION &&
               reply.reply.id == AMQP_CHANNEL_CLOSE_METHOD &&
               ((const amqp_channel_close_t *)reply.reply.decoded)->reply_code == AMQP_PRECONDITION_FAILED;
}

static int declare_queue(amqp_connection_state_t state, const struct mq_queue *q, char *exclusive_queue,
                         size_t exclusive_queue_size, char error[MQ_ERROR_SIZE])
{
        bool exclusive = *q->name == '\0';
        struct arguments a = {0};
        amqp_queue_declare_ok_t *ok;
        char what[128];
        int r;

        if (exclusive && !exclusive_queue)
                return 0;
        /* "classic" is what a queue is without the argument: whoever declared it first need not have said so
         */
        if (!exclusive && streq_ptr(q->type, "quorum"))
                add_text(&a, "x-queue-type", "quorum");
        add_text(&a, "x-dead-letter-exchange", q->dead_letter_exchange);
        add_text(&a, "x-dead-letter-routing-key", q->dead_letter_key);
        add_number(&a, "x-max-priority", q->max_priority);
        add_number(&a, "x-delivery-limit", q->delivery_limit);
        (void)snprintf(what, sizeof(what), "declaring queue %s", exclusive ? "(exclusive)" : q->name);
        ok = amqp_queue_declare(state, MQ_CHANNEL, amqp_cstring_bytes(q->name), 0, !exclusive, exclusive,
                                exclusive, (amqp_table_t){.num_entries = a.n, .entries = a.entries});
        if (q->is_foreign && is_declared_otherwise(state))
                return reopen_channel(state, error);
        r = mq_socket_reply(state, what, error);
        if (r < 0)
                return r;
        if (exclusive && ok)
                mq_bytes_copy(ok->queue, exclusive_queue, exclusive_queue_size);
        return 0;
}

static int bind_queue(amqp_connection_state_t state, const struct mq_binding *b, const char *exclusive_queue,
                      char error[MQ_ERROR_SIZE])
{
        bool exclusive = *b->queue == '\0';
        char what[192];

        if (exclusive && !exclusive_queue)
                return 0;
        (void)snprintf(what, sizeof(what), "binding queue %s to %s", exclusive ? "(exclusive)" : b->queue,
                       b->exchange);
        (void)amqp_queue_bind(state, MQ_CHANNEL, amqp_cstring_bytes(exclusive ? exclusive_queue : b->queue),
                              amqp_cstring_bytes(b->exchange), amqp_cstring_bytes(b->routing_key),
                              amqp_empty_table);
        return mq_socket_reply(state, what, error);
}

int mq_socket_declare(amqp_connection_state_t state, const struct mq_topology *t, char *exclusive_queue,
                      size_t exclusive_queue_size, char error[MQ_ERROR_SIZE])
{
        int r;

        if (!t)
                return 0;
        r = declare_exchanges(state, t->exchanges, error);
        for (const struct mq_queue *q = t->queues; r >= 0 && q && q->name; q++)
                r = declare_queue(state, q, exclusive_queue, exclusive_queue_size, error);
        for (const struct mq_binding *b = t->bindings; r >= 0 && b && b->queue; b++)
                r = bind_queue(state, b, exclusive_queue, error);
        amqp_maybe_release_buffers(state);
        return r;
}
