/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "../web/schema-test.h"
#include "scheduler/scheduler.h"

int main(void)
{
        static const struct web_schema *const parts[] = {&scheduler_schema, &web_account_schema,
                                                         &web_operation_schema, NULL};
        static const struct http_route *const tables[] = {scheduler_routes, web_account_routes,
                                                          web_health_routes, NULL};

        return schema_test_run("scheduler_schema", &(struct schema_test){parts, tables});
}
