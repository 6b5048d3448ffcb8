/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <stddef.h>

#include "notifier/notifier_conf.h"

#define AT(member) offsetof(struct notifier_own_conf, member)

/* clang-format off */
static const struct conf_option notifier_options[] = {
        {"Notifier", "DashboardDir", CONF_STRING, AT(dashboard_dir), ""},
        {"Notifier", "AllowedOrigins", CONF_STRING, AT(allowed_origins), ""},
        {"Notifier", "MaxClients", CONF_UINT, AT(clients_max), "20000", .min = 1, .max = 1000000},
        {"Notifier", "MaxTopics", CONF_UINT, AT(topics_max), "32", .min = 1, .max = 1000},
        {"Notifier", "MaxMessage", CONF_SIZE, AT(message_max), "4K", .min = 125, .max = 1 << 20},
        {"Notifier", "SlowClientSec", CONF_USEC, AT(slow_client_usec), "10", .min = USEC_PER_SEC, .max = 600 * USEC_PER_SEC},
        {"Notifier", "PingSec", CONF_USEC, AT(ping_usec), "25", .min = USEC_PER_SEC, .max = 3600 * USEC_PER_SEC},
        {"Notifier", "RecentEvents", CONF_UINT, AT(recent_max), "10000", .min = 10, .max = 1000000},
        {"Notifier", "RecentSize", CONF_SIZE, AT(recent_bytes), "16M", .min = 4096, .max = UINT64_C(1) << 32},
        {"Notifier", "CatchUps", CONF_UINT, AT(catch_ups_max), "4", .min = 1, .max = 64},
        {NULL},
};
/* clang-format on */

const struct conf_table notifier_conf_tables[] = {
        {service_options, offsetof(struct notifier_conf, service)},
        {pg_options, offsetof(struct notifier_conf, database)},
        {mq_options, offsetof(struct notifier_conf, broker)},
        {http_options, offsetof(struct notifier_conf, http)},
        {auth_options, offsetof(struct notifier_conf, auth)},
        {notifier_options, offsetof(struct notifier_conf, notifier)},
        {NULL},
};

int notifier_conf_validate(const void *conf, struct buf *messages)
{
        const struct notifier_conf *c = conf;

        return mq_conf_validate(&c->broker, messages);
}
