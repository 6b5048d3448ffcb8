/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* What the files of calculations share: the domain (calculation.c), the way to the worker and back
 * (calculation_feed.c), what sees to it that nothing is left lying (calculation_sweep.c), SQL
 * (calculation_store.c).  Private to them. */

#include "base/map.h"
#include "gateway/calculation.h"
#include "mq/mq_consume.h"
#include "pg/pg_pool.h"

/* The way to the worker and back. */
struct calculation_feed {
        struct service *service; /* borrowed */
        struct mq_link *link;    /* owned */
        struct mq_consumer consumer;
        struct mq_link_watch watch;
        struct list letters; /* on their way, owned */
        /* An answer to the message of this id, or the message did not reach the broker. */
        void (*answered)(struct calculation_feed *f, const char *id, const char *json, size_t n);
        void (*failed)(struct calculation_feed *f, const char *id, int status);
        void (*changed)(struct calculation_feed *f); /* the broker is there again, or is not */
};

struct calculation_letter {
        const char *id, *expression, *deadline, *request_id; /* the latter two may be NULL */
        int64_t digits;
        bool is_kept;
};

int calculation_feed_open(struct calculation_feed *f, struct service *service, const struct mq_conf *broker);
void calculation_feed_close(struct calculation_feed *f);
bool calculation_feed_can_send(const struct calculation_feed *f);
/* ... and answers find the way back. */
bool calculation_feed_can_ask(const struct calculation_feed *f);
/* Nobody knows yet whether the broker is there; changed() follows. */
bool calculation_feed_is_starting(const struct calculation_feed *f);
/* 0: on its way, failed() may follow; -errno: not. */
int calculation_feed_send(struct calculation_feed *f, const struct calculation_letter *l);

/* Looks each second for what has expired, and for what nobody has computed for too long. */
struct calculation_sweep {
        struct calculations *owner; /* borrowed */
        struct loop_timer timer;
        struct pg_query look, expire, resend, unsent;
        bool is_looking, is_expiring, is_resending, is_marking;
        struct buf lost; /* ids of messages that did not reach the broker, as an SQL array */
};

int calculation_sweep_start(struct calculation_sweep *w, struct calculations *owner);
void calculation_sweep_stop(struct calculation_sweep *w);
/* Now, not in a second. */
void calculation_sweep_poke(struct calculation_sweep *w);
/* The message of a kept one is lost: it is to be sent again as soon as that is possible. */
void calculation_sweep_lost(struct calculation_sweep *w, const char *id);

struct calculation_counters {
        uint64_t n_submitted, n_transient, n_replayed, n_told, n_found, n_resent, n_expired;
};

struct calculation_topic { /* who waits for one id */
        struct map_entry entry;
        char id[CALCULATION_ID_SIZE];
        struct list commands; /* borrowed */
};

struct calculations {
        struct service *service; /* borrowed, as the pool */
        struct pg_pool *pool;
        struct pg_group_line *submissions; /* owned */
        struct calculation_feed feed;
        struct calculation_sweep sweep;
        struct map topics;
        struct list commands; /* all that are not complete, borrowed */
        struct loop_timer announce;
        void (*committed)(void *context);
        void *context;
        struct calculation_counters counters;
        bool is_draining;
};

/* Of a command (calculation_wait.c). All but the first five may end it: they call back, and `c` may be gone
 * then. */
#define CALCULATION_STATEMENT_USEC (10 * USEC_PER_SEC) /* also for a caller that does not wait */
int calculation_enter(struct calculation_command *c);
void calculation_leave(struct calculation_command *c);
void calculation_stop(struct calculation_command *c);
int calculation_keep(struct calculation_command *c, const char *json, size_t n);
int calculation_arm(struct calculation_command *c);
int calculation_begin_read(struct calculation_command *c);
void calculation_read(struct calculation_command *c);
void calculation_wait(struct calculation_command *c);
void calculation_show(struct calculation_command *c, const char *json, size_t n, bool is_final);
void calculation_fail(struct calculation_command *c, int error);
void calculation_refuse(struct calculation_command *c, unsigned status, const char *slug, const char *detail);
void calculation_give_up(struct calculation_command *c);
/* Workers left events in the outbox. */
void calculation_announce(struct calculations *s);
/* Of the feed. */
void calculation_answered(struct calculation_feed *f, const char *id, const char *json, size_t n);
void calculation_failed(struct calculation_feed *f, const char *id, int status);

/* SQL; the lane is named. */
extern const struct pg_group_role calculation_store_submit; /* of commands: a write_row for each */
void calculation_store_read(struct pg_query *q, const char *id,
                            pg_query_fn complete); /* READ: json, is_final */
void calculation_store_cancel(struct pg_query *q, const char *key, const char *hash, const char *id,
                              pg_query_fn complete);                     /* WRITE, write_row */
void calculation_store_look(struct pg_query *q, pg_query_fn complete);   /* READ: is_late, is_unsent */
void calculation_store_expire(struct pg_query *q, pg_query_fn complete); /* WRITE: count */
void calculation_store_resend(struct pg_query *q, pg_query_fn complete); /* WRITE: a row for each letter */
void calculation_store_unsent(struct pg_query *q, const char *ids, pg_query_fn complete); /* WRITE */
struct calculation_letter calculation_store_letter(const struct pg_query *q, size_t row);
