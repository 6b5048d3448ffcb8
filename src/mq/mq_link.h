/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* RabbitMQ, contained: two connections (publish, consume), one small thread each, bounded queues and eventfds
 * towards the loop. librabbitmq blocks in connect, login and pushed-back writes; nothing of that is ever felt
 * by the loop. A connection without progress for BrokerStallSec is cut with shutdown(2). Reconnect with
 * jittered back-off; the topology is declared again each time. Section [Broker]. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "service/conf.h"
#include "service/loop.h"

struct mq_conf {
        char *uri;         /* Uri=amqp://lonja@127.0.0.1:5672/lonja (amqps: TLS); the password by credential
                              `amqp.password` */
        char *ca_file;     /* CaFile= for amqps, empty = the system's */
        usec_t stall_usec; /* BrokerStallSec=10 */
        usec_t heartbeat_usec;    /* HeartbeatSec=10 */
        uint64_t unconfirmed_max; /* UnconfirmedMax=1024 publishes in flight */
        uint64_t waiting_max;     /* PublishWaitingMax=10000; beyond: -EBUSY */
};
extern const struct conf_option mq_options[];
/* What the table cannot say: is Uri= one? 0, or -EINVAL with a line in messages. */
int mq_conf_validate(const struct mq_conf *conf, struct buf *messages);

/* Declared on every (re)connect of the consuming connection and before the first publish. Static const
 * tables, ending with name NULL. */
struct mq_exchange {
        const char *name, *type; /* "topic", "fanout", "direct" */
};
struct mq_queue {
        const char *name;                 /* "" = exclusive, server-named, gone with the connection */
        const char *type;                 /* "quorum", "classic"; NULL with an exclusive one */
        const char *dead_letter_exchange; /* or NULL */
        const char *dead_letter_key;      /* NULL: the message's own routing key */
        int64_t max_priority;             /* classic: x-max-priority, 0 = none */
        int64_t delivery_limit;           /* quorum: deliveries until it is dead, 0 = none */
        /* Whoever declared it first may have chosen otherwise: it is used as it is. Other queues whose
         * arguments differ keep the link down, with the broker's sentence. */
        bool is_foreign;
};
struct mq_binding {
        const char *queue, *exchange, *routing_key;
};
struct mq_topology {
        const struct mq_exchange *exchanges;
        const struct mq_queue *queues;
        const struct mq_binding *bindings;
};

struct mq_link;
struct mq_link_watch {
        /* Both connections usable, or not any more; also when the first attempt failed. */
        void (*changed)(struct mq_link_watch *w, bool up);
        /* private */
        struct list_link link;
};

/* Starts connecting at once. `watch` may be NULL; `topology` is borrowed and outlives the link. `consumes`
 * false = publish only, one connection. */
int mq_link_new(struct mq_link **ret, sd_event *loop, const struct mq_conf *conf,
                const struct mq_topology *topology, bool consumes, struct mq_link_watch *watch);
/* The same in two steps: until the second nothing is begun, no thread and no connection. */
int mq_link_prepare(struct mq_link **ret, sd_event *loop, const struct mq_conf *conf,
                    const struct mq_topology *topology, bool consumes, struct mq_link_watch *watch);
int mq_link_start(struct mq_link *l);
/* Further watchers, told of later changes only. */
void mq_link_watch_add(struct mq_link *l, struct mq_link_watch *w);
void mq_link_watch_remove(struct mq_link_watch *w);
/* Publishes in flight complete with -ECANCELED from here. Ends the threads: at once with a broker that
 * answers, else by cutting their sockets, within 100 ms. Not from inside a call-back of this link. */
struct mq_link *mq_link_free(struct mq_link *l);
DEFINE_FREEP(struct mq_link, mq_link_free)
bool mq_link_is_up(const struct mq_link *l);
/* Its first attempt is under way; the watches will hear how it ended. */
bool mq_link_is_starting(const struct mq_link *l);
/* The publishing half alone. */
bool mq_link_can_publish(const struct mq_link *l);
/* Why it is down, for people ("" when up). */
const char *mq_link_error(const struct mq_link *l);

struct mq_link_metrics {
        uint64_t n_published, n_confirmed, n_failed, n_returned, n_delivered, n_acked, n_reconnects,
                n_waiting, n_unconfirmed;
};
void mq_link_metrics(const struct mq_link *l, struct mq_link_metrics *ret);
