/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "tasks/tasks_conf.h"

#include "contract/names.h"

#define AT(member) offsetof(struct tasks_conf, member)
/* As Celery's documents have it. */
#define PRIORITY_MAX 10

enum { QUEUE_QUORUM, QUEUE_CLASSIC };
static const char *const queue_types[] = {"quorum", "classic", NULL};

const struct conf_option tasks_options[] = {
        {"Tasks", "QueueType", CONF_ENUM, AT(queue_type), "quorum", .names = queue_types},
        {"Tasks", "Prefetch", CONF_UINT, AT(prefetch), "16", .min = 1, .max = 1000},
        {"Tasks", "MaxRetries", CONF_UINT, AT(max_retries), "10", .max = 1000},
        {"Tasks", "RetrySec", CONF_USEC, AT(retry_usec), "1s", .min = USEC_PER_MSEC},
        {"Tasks", "RetryMaxSec", CONF_USEC, AT(retry_max_usec), "10min", .min = USEC_PER_MSEC},
        {"Tasks", "MaxDeliveries", CONF_UINT, AT(max_deliveries), "5", .min = 1, .max = 1000},
        {"Tasks", "TimeLimitSec", CONF_USEC, AT(limit_usec), "10min", .min = USEC_PER_MSEC},
        {NULL},
};

void tasks_topology(struct tasks_topology *ret, const struct tasks_conf *conf, const char *queue,
                    const char *dead)
{
        bool is_quorum = conf->queue_type == QUEUE_QUORUM;

        /* is_foreign: a client of Celery may have been there first, with the type that it likes */
        *ret = (struct tasks_topology){
                .queues = {{.name = queue,
                            .type = queue_types[conf->queue_type],
                            .dead_letter_exchange = DEAD_EXCHANGE,
                            .dead_letter_key = queue,
                            .max_priority = is_quorum ? 0 : PRIORITY_MAX,
                            .is_foreign = true},
                           {.name = dead, .type = "quorum", .is_foreign = true}},
                .bindings = {{dead, DEAD_EXCHANGE, queue}},
        };
}
