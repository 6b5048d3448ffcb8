/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>

#include "base/str.h"
#include "bridge/bridge_conf.h"

#define FIELD(name) offsetof(struct bridge_conf, name)

static const char *const anonymous_names[] = {
        [BRIDGE_ANONYMOUS_NO] = "no",
        [BRIDGE_ANONYMOUS_LOOPBACK] = "loopback",
        [BRIDGE_ANONYMOUS_ALL] = "all",
        NULL,
};

/* clang-format off */
static const struct conf_option bridge_options[] = {
        {"Bridge", "ProductsUrl", CONF_STRING, FIELD(products_url), "http://127.0.0.1:8000"},
        {"Bridge", "ProductsCaFile", CONF_STRING, FIELD(products_ca_file), ""},
        {"Bridge", "UpstreamConnections", CONF_UINT, FIELD(upstream_connections), "8", 1, 256},
        {"Bridge", "UpstreamTimeoutSec", CONF_USEC, FIELD(upstream_timeout_usec), "15", 100 * USEC_PER_MSEC, 300 * USEC_PER_SEC},
        {"Bridge", "Interval", CONF_USEC, FIELD(interval_usec), "60", BRIDGE_INTERVAL_MIN * USEC_PER_SEC, BRIDGE_INTERVAL_MAX * USEC_PER_SEC},
        {"Bridge", "MaxConnections", CONF_UINT, FIELD(connections_max), "20000", 1, 1000000},
        {"Bridge", "MaxWatches", CONF_UINT, FIELD(watches_max), "100000", 1, 10000000},
        {"Bridge", "MaxWatchesPerConnection", CONF_UINT, FIELD(watches_per_connection_max), "100", 1, 10000},
        {"Bridge", "MaxLists", CONF_UINT, FIELD(lists_max), "100", 1, 10000},
        {"Bridge", "SlowClientSec", CONF_USEC, FIELD(slow_client_usec), "30", 0, 86400 * USEC_PER_SEC},
        {"Bridge", "SilentClientSec", CONF_USEC, FIELD(silent_client_usec), "10min", 0, 86400 * USEC_PER_SEC},
        {},
};

static const struct conf_option anonymous_options[] = {
        {"Auth", "AnonymousRead", CONF_ENUM, FIELD(anonymous_read), "loopback", .names = anonymous_names},
        {},
};
/* clang-format on */

const struct conf_table bridge_conf_tables[] = {
        {service_options, FIELD(service)},
        {mq_options, FIELD(mq)},
        {bridge_options, 0},
        {anonymous_options, 0, .partial = true},
        {},
};

int bridge_conf_validate(const void *conf, struct buf *messages)
{
        const struct bridge_conf *c = conf;

        if (!startswith(c->products_url, "http://") && !startswith(c->products_url, "https://")) {
                buf_printf(messages, "[Bridge] ProductsUrl=%s: must begin with http:// or https://\n",
                           c->products_url);
                return -EINVAL;
        }
        if (endswith(c->products_url, "/")) {
                buf_printf(messages, "[Bridge] ProductsUrl=%s: must not end with a slash\n", c->products_url);
                return -EINVAL;
        }
        return 0;
}
