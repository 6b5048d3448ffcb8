/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The options of lonja-gateway(8): gateway.conf(5). */

#include "auth/auth.h"
#include "http/http_server.h"
#include "mq/mq_link.h"
#include "pg/pg_pool.h"
#include "rpc/rpc_server.h"
#include "service/service.h"
#include "tasks/tasks_conf.h"

/* Section [Gateway]. */
struct gateway_own_conf {
        bool amqp_records; /* AmqpRecords=yes: stay, so that a message on lonja.records is a record at once */
        char *http_allow;  /* HttpAllow=: hosts that http.request may call, "example.org *.example.com", or *
                            */
        bool http_private; /* HttpPrivate=no: also where they have private, local or loopback addresses */
        char *record_template; /* RecordTemplate=: the sentence that announces a record */
};

struct gateway_conf {
        struct service_conf service; /* first */
        struct pg_conf database;
        struct mq_conf broker;
        struct http_conf http;
        struct rpc_conf rpc;
        struct auth_conf auth;
        struct tasks_conf tasks;
        struct gateway_own_conf gateway;
};

extern const struct conf_table gateway_conf_tables[];
/* What the tables cannot say. */
int gateway_conf_validate(const void *conf, struct buf *messages);
