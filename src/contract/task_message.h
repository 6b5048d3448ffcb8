/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* A task on its way to a worker: version 2 of Celery's message protocol
 * (https://docs.celeryq.dev/en/stable/internals/protocol.html) with a JSON body.  Pure; fuzzed.
 *
 *     properties  correlation_id = id, reply_to, priority, content_type application/json, content_encoding
 * utf-8 headers     lang, task, id, root_id, parent_id, group, retries, eta, expires, timelimit, argsrepr,
 * ... body        [args, kwargs, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]
 *
 * Version 1 and other serializers (pickle, yaml, msgpack) are not read: the reason says so. */

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/header.h"
#include "json/jread.h"

#define TASK_NO_TIME INT64_MIN
#define TASK_ID_MAX 255 /* of id and task name: printable ASCII; both travel as AMQP short strings */
#define TASK_REASON_SIZE 200
#define TASK_MEDIA "application/json"
#define TASK_ENCODING "utf-8"

/* All strings are borrowed: by decode from the headers it was given, by encode for as long as its result
 * lives.  NULL = absent. */
struct task_message {
        const char *id, *task; /* always there */
        const char *root_id, *parent_id, *group, *shadow, *origin;
        const char *request_id;                  /* x-request-id */
        json_t *args, *kwargs;                   /* owned: an array, an object */
        int64_t eta_usec, expires_usec;          /* since 1970 UTC, or TASK_NO_TIME */
        int64_t retries;                         /* how often it has been tried before */
        usec_t hard_limit_usec, soft_limit_usec; /* of its run; 0 = none */
        bool ignore_result;
        bool has_followers; /* decode: callbacks, errbacks, a chain or a chord hang on it */
};

/* 0; -EBADMSG with a sentence in `reason`; -ENOMEM. `content_encoding` may be "" or NULL. */
int task_message_decode(const struct header *headers, const char *content_type, const char *content_encoding,
                        const char *body, size_t n, struct task_message *ret, char reason[TASK_REASON_SIZE]);
void task_message_done(struct task_message *m);

/* One message as AMQP takes it. Zeroed before the first use. */
struct task_wire {
        struct header headers[18], limits[3];
        char eta[40], expires[40];
        struct buf args, kwargs; /* the representations, for people who watch */
        struct buf body;
};
/* NULL args or kwargs are empty. 0; -EINVAL: no id or no name; -ENOMEM. */
int task_wire_encode(struct task_wire *w, const struct task_message *m);
void task_wire_done(struct task_wire *w);
