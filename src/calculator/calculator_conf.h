/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The options of lonja-calculator(8): calculator.conf. */

#include "mq/mq_link.h"
#include "pg/pg_pool.h"
#include "service/service.h"
#include "tasks/tasks_conf.h"

/* Section [Calculator]. */
struct calculator_own_conf {
        uint64_t work_max_msec; /* MaxWorkMs=1000 of processor time for one calculation */
        uint64_t prefetch;      /* Prefetch=64 messages in hand */
        uint64_t threads;       /* Threads=1 that compute */
        uint64_t attempts_max;  /* MaxAttempts=5 at a message that was delivered before; then it is parked */
};

struct calculator_conf {
        struct service_conf service; /* first */
        struct pg_conf database;
        struct mq_conf broker;
        struct tasks_conf tasks;
        struct calculator_own_conf calculator;
};

extern const struct conf_table calculator_conf_tables[];
