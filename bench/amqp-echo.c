/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* RPC by RabbitMQ with the least that can be written in C on librabbitmq: what Lonja's calculations are
 * measured against, and the client that measures both.
 *
 *     amqp-echo worker URI QUEUE                        answers each message with itself
 *     amqp-echo client URI QUEUE SECONDS WINDOW BODY    asks with so many in flight; prints rate and round
 * trips
 *
 * The queue is as lonja.calculations is: a quorum queue, persistent messages, each acked after its answer. */

#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CHANNEL 1
#define PREFETCH 64 /* as lonja-calculator has it */
#define QUEUE_SIZE 256

static void die(const char *what)
{
        (void)fprintf(stderr, "amqp-echo: %s\n", what);
        exit(1);
}

static void check(amqp_connection_state_t c, const char *what)
{
        if (amqp_get_rpc_reply(c).reply_type != AMQP_RESPONSE_NORMAL)
                die(what);
}

static amqp_connection_state_t open_connection(char *uri)
{
        amqp_connection_state_t c = amqp_new_connection();
        struct amqp_connection_info info;
        amqp_socket_t *socket;

        if (amqp_parse_url(uri, &info) != AMQP_STATUS_OK)
                die("bad URI");
        socket = c ? amqp_tcp_socket_new(c) : NULL;
        if (!socket || amqp_socket_open(socket, info.host, info.port) != AMQP_STATUS_OK)
                die("cannot connect");
        if (amqp_login(c, info.vhost, 0, AMQP_DEFAULT_FRAME_SIZE, 0, AMQP_SASL_METHOD_PLAIN, info.user,
                       info.password)
                    .reply_type != AMQP_RESPONSE_NORMAL)
                die("cannot log in");
        (void)amqp_channel_open(c, CHANNEL);
        check(c, "cannot open a channel");
        return c;
}

static void declare_quorum(amqp_connection_state_t c, const char *queue)
{
        amqp_table_entry_t entry = {
                .key = amqp_cstring_bytes("x-queue-type"),
                .value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = amqp_cstring_bytes("quorum")},
        };
        amqp_table_t arguments = {.num_entries = 1, .entries = &entry};

        (void)amqp_queue_declare(c, CHANNEL, amqp_cstring_bytes(queue), 0, 1, 0, 0, arguments);
        check(c, "cannot declare the queue");
}

static void consume(amqp_connection_state_t c, amqp_bytes_t queue, bool no_ack)
{
        (void)amqp_basic_consume(c, CHANNEL, queue, amqp_empty_bytes, 0, no_ack, 0, amqp_empty_table);
        check(c, "cannot consume");
}

static void publish(amqp_connection_state_t c, amqp_bytes_t queue, const amqp_basic_properties_t *p,
                    amqp_bytes_t body)
{
        if (amqp_basic_publish(c, CHANNEL, amqp_empty_bytes, queue, 0, 0, p, body) != AMQP_STATUS_OK)
                die("cannot publish");
}

static void take(amqp_connection_state_t c, amqp_envelope_t *envelope)
{
        amqp_maybe_release_buffers(c);
        if (amqp_consume_message(c, envelope, NULL, 0).reply_type != AMQP_RESPONSE_NORMAL)
                die("the connection is gone");
}

/* ---- The worker ---- */

static void work(char *uri, const char *queue)
{
        amqp_connection_state_t c = open_connection(uri);

        declare_quorum(c, queue);
        (void)amqp_basic_qos(c, CHANNEL, 0, PREFETCH, 0);
        check(c, "cannot set the prefetch");
        consume(c, amqp_cstring_bytes(queue), false);
        for (;;) {
                amqp_envelope_t e;
                amqp_basic_properties_t p = {._flags = AMQP_BASIC_CORRELATION_ID_FLAG};

                take(c, &e);
                p.correlation_id = e.message.properties.correlation_id;
                publish(c, e.message.properties.reply_to, &p, e.message.body);
                if (amqp_basic_ack(c, CHANNEL, e.delivery_tag, 0) != AMQP_STATUS_OK)
                        die("cannot ack");
                amqp_destroy_envelope(&e);
        }
}

/* ---- The client ---- */

static uint64_t now_usec(void)
{
        struct timespec ts;

        (void)clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

struct times {
        uint64_t *usec;
        size_t n, capacity;
};

static void add_time(struct times *t, uint64_t usec)
{
        if (t->n == t->capacity) {
                t->capacity = t->capacity > 0 ? t->capacity * 2 : 4096;
                t->usec = reallocarray(t->usec, t->capacity, sizeof(*t->usec));
                if (!t->usec)
                        die("out of memory");
        }
        t->usec[t->n++] = usec;
}

static int compare(const void *a, const void *b)
{
        const uint64_t *x = a, *y = b;

        return (*x > *y) - (*x < *y);
}

/* The correlation id is the moment of the question. */
static void ask(amqp_connection_state_t c, const char *queue, amqp_bytes_t reply_to, const char *body)
{
        amqp_basic_properties_t p = {
                ._flags = AMQP_BASIC_CORRELATION_ID_FLAG | AMQP_BASIC_REPLY_TO_FLAG |
                          AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_CONTENT_TYPE_FLAG,
                .content_type = amqp_cstring_bytes("application/json"),
                .delivery_mode = 2,
                .reply_to = reply_to,
        };
        char id[24];

        (void)snprintf(id, sizeof(id), "%llu", (unsigned long long)now_usec());
        p.correlation_id = amqp_cstring_bytes(id);
        publish(c, amqp_cstring_bytes(queue), &p, amqp_cstring_bytes(body));
}

static uint64_t asked_at(const amqp_envelope_t *e)
{
        const amqp_bytes_t *id = &e->message.properties.correlation_id;
        char text[24] = "";

        memcpy(text, id->bytes, id->len < sizeof(text) ? id->len : sizeof(text) - 1);
        return strtoull(text, NULL, 10);
}

static void measure(char *uri, const char *queue, unsigned seconds, unsigned window, const char *body)
{
        amqp_connection_state_t c = open_connection(uri);
        amqp_queue_declare_ok_t *own =
                amqp_queue_declare(c, CHANNEL, amqp_empty_bytes, 0, 0, 1, 1, amqp_empty_table);
        struct times times = {NULL, 0, 0};
        char reply_to[QUEUE_SIZE];
        uint64_t started, until, ended;

        check(c, "cannot declare a queue for the answers");
        (void)snprintf(reply_to, sizeof(reply_to), "%.*s", (int)own->queue.len, (char *)own->queue.bytes);
        consume(c, amqp_cstring_bytes(reply_to), true);
        started = now_usec();
        until = started + (uint64_t)seconds * 1000000;
        for (unsigned i = 0; i < window; i++)
                ask(c, queue, amqp_cstring_bytes(reply_to), body);
        for (unsigned in_flight = window; in_flight > 0;) {
                amqp_envelope_t e;

                take(c, &e);
                add_time(&times, now_usec() - asked_at(&e));
                amqp_destroy_envelope(&e);
                if (now_usec() < until)
                        ask(c, queue, amqp_cstring_bytes(reply_to), body);
                else
                        in_flight--;
        }
        ended = now_usec();
        qsort(times.usec, times.n, sizeof(*times.usec), compare);
        (void)printf("RESULT {\"requests\":%zu,\"usec\":%llu,\"p50\":%llu,\"p99\":%llu}\n", times.n,
                     (unsigned long long)(ended - started), (unsigned long long)times.usec[times.n / 2],
                     (unsigned long long)times.usec[times.n * 99 / 100]);
        free(times.usec);
        (void)amqp_destroy_connection(c);
}

int main(int argc, char *argv[])
{
        if (argc == 4 && strcmp(argv[1], "worker") == 0) {
                work(argv[2], argv[3]);
                return 0;
        }
        if (argc == 7 && strcmp(argv[1], "client") == 0) {
                unsigned seconds = (unsigned)strtoul(argv[4], NULL, 10);
                unsigned window = (unsigned)strtoul(argv[5], NULL, 10);

                if (window == 0)
                        die("WINDOW is at least 1");
                measure(argv[2], argv[3], seconds, window, argv[6]);
                return 0;
        }
        (void)fputs("usage: amqp-echo worker URI QUEUE | client URI QUEUE SECONDS WINDOW BODY\n", stderr);
        return 2;
}
