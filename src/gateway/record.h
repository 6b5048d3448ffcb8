/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Message records: one operation behind every door (REST, gRPC, the queue lonja.records).
 *
 * Adds are committed in groups (pg_group.h, sql/0005_records.sql): the exact total lets one transaction in at
 * a time, so a group pays for its lock and its commit once. */

#include "events/event_relay.h"
#include "gateway/record_message.h"
#include "pg/pg_group.h"
#include "web/web_write.h"

enum record_door { RECORD_REST, RECORD_GRPC, RECORD_AMQP, N_RECORD_DOORS };
/* As it is stored and shown: "REST", "GRPC", "RabbitMQ". */
const char *record_client_type(enum record_door door);

enum record_outcome {
        RECORD_ADDED,
        RECORD_REPLAYED,   /* the key was used with this message: the first answer */
        RECORD_KEY_REUSED, /* the key was used with another message; nothing was added */
};

struct record_result {
        /* 0; -EIO: the database refuses it, see sqlstate; surely not added: -ETIMEDOUT, -ENOTCONN, -ESTALE,
         * -EPROTONOSUPPORT, -EBUSY, -ENOMEM; -ECONNRESET: sent, and nobody knows. */
        int status;
        enum record_outcome outcome;          /* with status 0, as all but the last two */
        int64_t id, total;                    /* of the key's own record when it was reused */
        const char *client_type, *created_at; /* RFC 3339; valid during the call */
        const char *sqlstate, *error;         /* -EIO: never NULL; for logs, not for clients */
};

struct records;

struct record_add { /* embedded in the operation, zeroed before */
        enum record_door door;
        const char *
                message; /* record_message_is_valid(); borrowed until complete() or cancel, as the next two */
        size_t message_size;
        const char *key; /* web_key_is_valid(), or NULL */
        const char *request_id;
        usec_t deadline_usec; /* CLOCK_MONOTONIC */
        void (*complete)(struct record_add *a, const struct record_result *result);
        /* private */
        struct records *records;
        char hash[65];
        struct pg_member member;
};

/* `template` is the sentence that announces a record (record_message.h), borrowed; all else too. */
int records_new(struct records **ret, sd_event *loop, struct pg_pool *pool, struct event_relay *relay,
                const char *template);
void records_set_template(struct records *s, const char *template);
/* What still waits or runs is forgotten without a call-back. */
struct records *records_free(struct records *s);
DEFINE_FREEP(struct records, records_free)

/* Never calls back itself. 0: complete() comes later from the loop, once; -EBUSY: too many wait. */
int record_add_submit(struct record_add *a, struct records *s);
/* No call-back after it; harmless when not under way. What was sent may be added all the same. */
void record_add_cancel(struct record_add *a);

struct records_metrics {
        uint64_t n_added[N_RECORD_DOORS];   /* by this process */
        uint64_t n_replayed, n_failed;      /* failed: not added, or nobody knows */
        uint64_t n_groups, n_groups_failed; /* statements */
        uint64_t n_waiting;
};
void records_metrics(const struct records *s, struct records_metrics *ret);
