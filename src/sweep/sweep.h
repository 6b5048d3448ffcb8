/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* lonja-sweep(8), run every minute: rings the daemons that have work, trims what has expired, leaves.
 *
 * It is what makes the doorbell safe: a ring may be lost with the process that was to ring, or come from
 * nobody, as with a foreign publisher. It stands for no daemon: what it finds it leaves to whom it wakes. */

#include "events/events_conf.h"
#include "mq/mq_link.h"
#include "pg/pg_ask.h"
#include "pg/pg_pool.h"
#include "service/service.h"

struct sweep_conf {
        struct service_conf service; /* first */
        struct pg_conf database;
        struct mq_conf broker;
        struct events_conf events;
};

extern const struct service_daemon sweep_program;

#define SWEEP_ERROR_SIZE 256

/* Removes what has expired in bounded batches, until nothing is left or `until` (monotonic) has passed. 0, or
 * -errno of pg_asker_ask() with its sentence. */
int sweep_trim(struct pg_asker *database, const struct events_conf *conf, usec_t until,
               char error[SWEEP_ERROR_SIZE]);
