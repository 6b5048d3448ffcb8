/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* bridge.conf, [Bridge]; and AnonymousRead of [Auth], which every front end follows. */

#include "mq/mq_link.h"
#include "service/service.h"

enum bridge_anonymous { BRIDGE_ANONYMOUS_NO, BRIDGE_ANONYMOUS_LOOPBACK, BRIDGE_ANONYMOUS_ALL };

struct bridge_conf {
        struct service_conf service; /* first, see service.h */
        struct mq_conf mq;
        char *products_url, *products_ca_file;
        uint64_t upstream_connections;
        usec_t upstream_timeout_usec;
        usec_t interval_usec;
        uint64_t connections_max, watches_max, watches_per_connection_max, lists_max;
        usec_t slow_client_usec, silent_client_usec;
        int anonymous_read; /* enum bridge_anonymous */
};

extern const struct conf_table bridge_conf_tables[];
int bridge_conf_validate(const void *conf, struct buf *messages);

#define BRIDGE_INTERVAL_MIN 1     /* seconds; oftener is what events are for */
#define BRIDGE_INTERVAL_MAX 86400 /* a day */
