/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The options of lonja-notifier(8): notifier.conf(5). */

#include "auth/auth.h"
#include "http/http_server.h"
#include "mq/mq_link.h"
#include "pg/pg_pool.h"
#include "service/service.h"

/* Section [Notifier]. */
struct notifier_own_conf {
        char *dashboard_dir;     /* DashboardDir= "": the package's */
        char *allowed_origins;   /* AllowedOrigins= besides our own; separated by spaces; * is every */
        uint64_t clients_max;    /* MaxClients=20000 streams; beyond: 503 */
        uint64_t topics_max;     /* MaxTopics=32 patterns of one client */
        uint64_t message_max;    /* MaxMessage=4K bytes that a WebSocket client may send at once */
        usec_t slow_client_usec; /* SlowClientSec=10: who takes nothing for so long is closed */
        usec_t ping_usec;        /* PingSec=25: between pings; who does not answer two is gone */
        uint64_t recent_max;     /* RecentEvents=10000 kept in memory for those who are a little behind */
        uint64_t recent_bytes;   /* RecentSize=16M: the same, in bytes */
        uint64_t catch_ups_max;  /* CatchUps=4 clients that read the log at once, the others wait */
};

struct notifier_conf {
        struct service_conf service; /* first */
        struct pg_conf database;
        struct mq_conf broker;
        struct http_conf http;
        struct auth_conf auth;
        struct notifier_own_conf notifier;
};

extern const struct conf_table notifier_conf_tables[];
int notifier_conf_validate(const void *conf, struct buf *messages);
