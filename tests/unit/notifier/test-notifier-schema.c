/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "../web/schema-test.h"
#include "notifier/notifier.h"

int main(void)
{
        static const struct web_schema *const parts[] = {&notifier_schema, &web_account_schema,
                                                         &web_operation_schema, NULL};
        static const struct http_route *const tables[] = {notifier_routes, web_account_routes,
                                                          web_health_routes, NULL};

        return schema_test_run("notifier_schema", &(struct schema_test){parts, tables});
}
