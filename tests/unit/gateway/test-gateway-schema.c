/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "../web/schema-test.h"
#include "gateway/gateway.h"

int main(void)
{
        static const struct web_schema *const parts[] = {&gateway_schema, &calculation_schema,
                                                         &web_account_schema, &web_operation_schema, NULL};
        static const struct http_route *const tables[] = {gateway_routes, web_account_routes,
                                                          web_health_routes, NULL};

        return schema_test_run("gateway_schema", &(struct schema_test){parts, tables});
}
