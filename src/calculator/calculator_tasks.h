/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The calculator's tasks, by any client of Celery:
 *
 *     calculator.evaluate(expression, digits=34)
 *     calculator.add(*operands, digits=34), .subtract, .multiply, .divide, .power, .sqrt, .ln, .exp, .log10
 *         -> {"value": "2.5", "exact": true, "fraction": "5/2"}
 *
 * Their results are kept with the task, as those of all tasks are; there is no row of a calculation. */

#include "calculator/calculator_conf.h"
#include "service/offload.h"

struct calculator_tasks;

/* Computes in `offload`, whose end comes before that of the tasks. Logs what it returns. */
int calculator_tasks_new(struct calculator_tasks **ret, struct service *service, struct pg_pool *pool,
                         struct offload *offload, const struct calculator_conf *conf);
void calculator_tasks_reload(struct calculator_tasks *t, const struct calculator_conf *conf);
void calculator_tasks_ring(struct calculator_tasks *t);
void calculator_tasks_drain(struct calculator_tasks *t);
struct calculator_tasks *calculator_tasks_free(struct calculator_tasks *t);
