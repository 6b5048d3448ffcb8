/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The options of lonja-scheduler(8). */

#include "auth/auth.h"
#include "http/http_server.h"
#include "mq/mq_link.h"
#include "pg/pg_pool.h"
#include "service/service.h"

/* Section [Scheduler]. */
struct scheduler_own_conf {
        usec_t late_usec;  /* LateSec=30: what is later than that is caught up with, or not */
        usec_t retry_usec; /* RetrySec=20: after so long, what another scheduler did not send is sent */
};

struct scheduler_conf {
        struct service_conf service; /* first */
        struct pg_conf database;
        struct mq_conf broker;
        struct http_conf http;
        struct auth_conf auth;
        struct scheduler_own_conf scheduler;
};

extern const struct conf_table scheduler_conf_tables[];
