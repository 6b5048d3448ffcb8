/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <stddef.h>

#include "scheduler/scheduler_conf.h"

#define AT(member) offsetof(struct scheduler_own_conf, member)

static const struct conf_option scheduler_options[] = {
        {"Scheduler", "LateSec", CONF_USEC, AT(late_usec), "30s", .min = USEC_PER_SEC,
         .max = 3600 * USEC_PER_SEC},
        {"Scheduler", "RetrySec", CONF_USEC, AT(retry_usec), "20s", .min = USEC_PER_SEC,
         .max = 3600 * USEC_PER_SEC},
        {NULL},
};

const struct conf_table scheduler_conf_tables[] = {
        {service_options, offsetof(struct scheduler_conf, service)},
        {pg_options, offsetof(struct scheduler_conf, database)},
        {mq_options, offsetof(struct scheduler_conf, broker)},
        {http_options, offsetof(struct scheduler_conf, http)},
        {auth_options, offsetof(struct scheduler_conf, auth)},
        {scheduler_options, offsetof(struct scheduler_conf, scheduler)},
        {NULL},
};
