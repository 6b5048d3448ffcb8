/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The options of lonja-products(8): products.conf(5). */

#include "auth/auth.h"
#include "http/http_server.h"
#include "mq/mq_link.h"
#include "pg/pg_pool.h"
#include "service/service.h"
#include "tasks/tasks_conf.h"

/* Section [Products]. */
struct products_own_conf {
        usec_t bulk_timeout_usec;   /* BulkTimeoutSec=5min: import, export, adjust-prices as a whole */
        usec_t bulk_stall_usec;     /* BulkStallSec=30: how long a client may keep one of them waiting */
        uint64_t import_max;        /* MaxImport=1G bytes */
        uint64_t import_errors_max; /* ImportErrors=100 wrong lines are told, then the rest is dropped */
};

struct products_conf {
        struct service_conf service; /* first */
        struct pg_conf database;
        struct mq_conf broker;
        struct http_conf http;
        struct auth_conf auth;
        struct tasks_conf tasks;
        struct products_own_conf products;
};

extern const struct conf_table products_conf_tables[];
