/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <stddef.h>

#include "gateway/gateway_conf.h"
#include "gateway/record_message.h"

#define AT(member) offsetof(struct gateway_own_conf, member)

static const struct conf_option gateway_options[] = {
        {"Gateway", "AmqpRecords", CONF_BOOL, AT(amqp_records), "yes"},
        {"Gateway", "HttpAllow", CONF_STRING, AT(http_allow), ""},
        {"Gateway", "HttpPrivate", CONF_BOOL, AT(http_private), "no"},
        {"Gateway", "RecordTemplate", CONF_STRING, AT(record_template),
         "Se ingresó un registro mediante {client_type}, con el mensaje \"{message}\", total de mensajes "
         "{total}"},
        {NULL},
};

const struct conf_table gateway_conf_tables[] = {
        {service_options, offsetof(struct gateway_conf, service)},
        {pg_options, offsetof(struct gateway_conf, database)},
        {mq_options, offsetof(struct gateway_conf, broker)},
        {http_options, offsetof(struct gateway_conf, http)},
        {rpc_options, offsetof(struct gateway_conf, rpc)},
        {auth_options, offsetof(struct gateway_conf, auth)},
        {tasks_options, offsetof(struct gateway_conf, tasks)},
        {gateway_options, offsetof(struct gateway_conf, gateway)},
        {NULL},
};

int gateway_conf_validate(const void *conf, struct buf *messages)
{
        const struct gateway_conf *c = conf;
        const char *reason;
        int r = mq_conf_validate(&c->broker, messages);

        if (record_template_check(c->gateway.record_template, &reason) < 0) {
                buf_printf(messages, "[Gateway] RecordTemplate=%s: %s\n", c->gateway.record_template, reason);
                r = -EINVAL;
        }
        return r;
}
