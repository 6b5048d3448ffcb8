/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <stddef.h>

#include "calculator/calculator_conf.h"
#include "service/offload.h"

#define AT(member) offsetof(struct calculator_own_conf, member)

static const struct conf_option calculator_options[] = {
        {"Calculator", "MaxWorkMs", CONF_UINT, AT(work_max_msec), "1000", .min = 1, .max = 60000},
        {"Calculator", "Prefetch", CONF_UINT, AT(prefetch), "64", .min = 1, .max = 1000},
        {"Calculator", "Threads", CONF_UINT, AT(threads), "1", .min = 1, .max = OFFLOAD_THREADS_MAX},
        {"Calculator", "MaxAttempts", CONF_UINT, AT(attempts_max), "5", .min = 1, .max = 100},
        {NULL},
};

const struct conf_table calculator_conf_tables[] = {
        {service_options, offsetof(struct calculator_conf, service)},
        {pg_options, offsetof(struct calculator_conf, database)},
        {mq_options, offsetof(struct calculator_conf, broker)},
        {tasks_options, offsetof(struct calculator_conf, tasks)},
        {calculator_options, offsetof(struct calculator_conf, calculator)},
        {NULL},
};
