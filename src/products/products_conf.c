/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <stddef.h>

#include "products/products_conf.h"

#define AT(member) offsetof(struct products_own_conf, member)

static const struct conf_option products_options[] = {
        {"Products", "BulkTimeoutSec", CONF_USEC, AT(bulk_timeout_usec), "5min", .min = USEC_PER_SEC},
        {"Products", "BulkStallSec", CONF_USEC, AT(bulk_stall_usec), "30s", .min = USEC_PER_SEC},
        {"Products", "MaxImport", CONF_SIZE, AT(import_max), "1G", .min = 1},
        {"Products", "ImportErrors", CONF_UINT, AT(import_errors_max), "100", .min = 1, .max = 10000},
        {NULL},
};

const struct conf_table products_conf_tables[] = {
        {service_options, offsetof(struct products_conf, service)},
        {pg_options, offsetof(struct products_conf, database)},
        {mq_options, offsetof(struct products_conf, broker)},
        {http_options, offsetof(struct products_conf, http)},
        {auth_options, offsetof(struct products_conf, auth)},
        {tasks_options, offsetof(struct products_conf, tasks)},
        {products_options, offsetof(struct products_conf, products)},
        {NULL},
};
