/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <stddef.h>

#include "gateway/gateway_conf.h"

#define AT(member) offsetof(struct gateway_own_conf, member)

static const struct conf_option gateway_options[] = {
        {"Gateway", "AmqpRecords", CONF_BOOL, AT(amqp_records), "yes"},
        {NULL},
};

const struct conf_table gateway_conf_tables[] = {
        {service_options, offsetof(struct gateway_conf, service)},
        {pg_options, offsetof(struct gateway_conf, database)},
        {mq_options, offsetof(struct gateway_conf, broker)},
        {http_options, offsetof(struct gateway_conf, http)},
        {rpc_options, offsetof(struct gateway_conf, rpc)},
        {auth_options, offsetof(struct gateway_conf, auth)},
        {gateway_options, offsetof(struct gateway_conf, gateway)},
        {NULL},
};
