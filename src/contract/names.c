/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "contract/names.h"

#include <stddef.h>
#include <string.h>

#include "base/macro.h"

static const struct {
        const char *queue, *daemon;
} consumers[] = {
        {RECORDS_QUEUE, "gateway"},
        {HTTP_TASKS_QUEUE, "gateway"},
        {PRODUCTS_QUEUE, "products"},
        {CALCULATIONS_QUEUE, "calculator"},
        {CALCULATOR_TASKS_QUEUE, "calculator"},
        {SCHEDULE_RESULTS_QUEUE, "scheduler"},
};

const char *const queue_names[] = {
        RECORDS_QUEUE,  RECORDS_QUEUE DEAD_SUFFIX, CALCULATIONS_QUEUE, CALCULATIONS_QUEUE DEAD_SUFFIX,
        PRODUCTS_QUEUE, CALCULATOR_TASKS_QUEUE,    HTTP_TASKS_QUEUE,   SCHEDULE_RESULTS_QUEUE,
        NULL,
};

const char *queue_daemon(const char *queue)
{
        for (size_t i = 0; i < ARRAY_SIZE(consumers); i++)
                if (strcmp(queue, consumers[i].queue) == 0)
                        return consumers[i].daemon;
        return NULL;
}
