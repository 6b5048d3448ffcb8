/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* One connection to the broker and the thread that may block for it.  Private to mq/.
 *
 *     CONNECTING --logged in, declared, opened()--> UP --error, cut--> WAITING --back-off--> CONNECTING
 *          +------------------ error ------------------------------------^
 *     any --mq_conn_free()--> settled work flushed, connection closed politely if it answers at once, gone
 *
 * The loop and the thread meet in what is marked "lock" and nowhere else.  The loop asks by putting work into
 * the role's lists and mq_conn_kick(); the thread answers through the role's lists and mq_conn_tell().
 *
 * The loop never waits for the thread, but in mq_conn_free(): a moment for the good-bye, then the socket is
 * cut, which ends the thread. One that has no socket yet (name resolution cannot be interrupted) is left
 * behind a moment later and frees its own memory when it ends.
 *
 * Nothing here logs: the thread leaves a sentence in `error`, the loop decides what to do with it. */

#include <pthread.h>
#include <stdatomic.h>

#include "base/list.h"
#include "mq/mq_socket.h"

struct mq_conn;

/* What a connection is for. All run in the thread and without the lock unless said otherwise; a negative
 * errno ends the connection, with the reason in c->reason. */
struct mq_role {
        const char *purpose; /* "publish", "consume" */
        bool takes_exclusive_queues;
        int (*opened)(struct mq_conn *c);
        /* Does what the loop asked for. 0: all of it, or no more until frames come; 1: call again soon. */
        int (*work)(struct mq_conn *c);
        /* May one more frame be read? NULL: always. */
        bool (*can_take)(struct mq_conn *c);
        int (*take)(struct mq_conn *c, const amqp_frame_t *frame);
        void (*lost)(struct mq_conn *c); /* lock held */
        void (*free)(struct mq_conn *c); /* by whoever is the last owner */
};

struct mq_conn {
        const struct mq_role *role;
        struct mq_target target;
        const struct mq_topology *topology; /* borrowed, static */
        int wake_fd;                        /* owned eventfd: the loop wakes the thread */
        pthread_t thread;                   /* once it is_started */
        bool is_started;

        /* thread only */
        amqp_connection_state_t state; /* NULL while there is none */
        char exclusive_queue[128];     /* the server's name for the topology's queue "" */
        char reason[MQ_ERROR_SIZE];

        /* When the thread last got on, and whether it is inside a call that may block. */
        _Atomic uint64_t progress_usec;
        atomic_bool is_busy;

        pthread_mutex_t lock; /* guards all below */
        pthread_cond_t ended;
        struct loop_wake *loop_wake; /* borrowed from the link; NULL once orphaned */
        bool has_told, is_kicked, is_stopping, has_ended, is_orphan;
        int cut_fd; /* owned duplicate of the socket, so that a cut never hits a reused number */
        bool was_cut;
        bool is_up, has_failed; /* usable; at least one attempt ended badly */
        bool is_blocked;        /* up, but the broker has told us to stop publishing */
        unsigned generation;    /* counts the connections that came up */
        char error[MQ_ERROR_SIZE];
};

/* Takes ownership of target. Call mq_conn_start() when the role's own fields are ready. */
int mq_conn_init(struct mq_conn *c, const struct mq_role *role, struct mq_target *target,
                 const struct mq_topology *topology, struct loop_wake *wake);
void mq_conn_done(struct mq_conn *c);
/* From here on mq_conn_free() ends it. */
int mq_conn_start(struct mq_conn *c);

/* Loop: */
void mq_conn_kick(struct mq_conn *c); /* lock held: there is work */
/* Inside a blocking call, or (with `expects`) without an answer, for longer than BrokerStallSec since
 * `since_usec`? */
bool mq_conn_is_stalled(struct mq_conn *c, bool expects, usec_t since_usec, usec_t now_usec);
void mq_conn_cut(struct mq_conn *c);
void mq_conn_stop(struct mq_conn *c); /* begins the end, does not wait */
/* Waits as said above; the times are common to all connections of a link. */
void mq_conn_free(struct mq_conn *c, usec_t polite_until_usec, usec_t search_until_usec);

/* Thread: */
void mq_conn_tell(struct mq_conn *c); /* lock held: results lie in the lists */
/* Brackets every call that writes. */
void mq_conn_enter(struct mq_conn *c);
void mq_conn_leave(struct mq_conn *c);
void mq_conn_set_blocked(struct mq_conn *c, bool blocked, const char *why);
