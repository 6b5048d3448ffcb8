/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include <errno.h>
#include <stddef.h>

#include "mq/mq_link.h"
#include "mq/mq_uri.h"

const struct conf_option mq_options[] = {
        {"Broker", "Uri", CONF_STRING, offsetof(struct mq_conf, uri), "amqp://lonja@127.0.0.1:5672/lonja"},
        {"Broker", "CaFile", CONF_STRING, offsetof(struct mq_conf, ca_file), ""},
        {"Broker", "BrokerStallSec", CONF_USEC, offsetof(struct mq_conf, stall_usec), "10",
         .min = USEC_PER_SEC / 2, .max = 600 * USEC_PER_SEC},
        {"Broker", "HeartbeatSec", CONF_USEC, offsetof(struct mq_conf, heartbeat_usec), "10",
         .min = USEC_PER_SEC, .max = 600 * USEC_PER_SEC},
        /* the window of confirms is an array: 64 Ki entries are 512 KiB */
        {"Broker", "UnconfirmedMax", CONF_UINT, offsetof(struct mq_conf, unconfirmed_max), "1024", .min = 1,
         .max = 65536},
        {"Broker", "PublishWaitingMax", CONF_UINT, offsetof(struct mq_conf, waiting_max), "10000", .min = 1,
         .max = 1000000},
        {0},
};

int mq_conf_validate(const struct mq_conf *conf, struct buf *messages)
{
        char reason[MQ_URI_REASON_SIZE];
        struct mq_uri uri;
        int r;

        r = mq_uri_parse(conf->uri, &uri, reason);
        if (r == -EINVAL)
                buf_printf(messages, "[Broker] Uri= %s\n", reason);
        if (r >= 0)
                mq_uri_done(&uri);
        return r;
}
